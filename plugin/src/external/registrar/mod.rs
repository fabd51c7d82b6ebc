//! A registrar, in an IMS the S-CSCF, as a source: the event package `reg` (RFC 3680).
//!
//! | where | what |
//! |---|---|
//! | `reader.rs` | the registrar's documents |
//! | `table.rs` | what is kept of them: full and partial state, versions |
//! | `services.rs` | registrations as presence |
//! | `features.rs` | feature tags as capabilities |

mod features;
#[doc(hidden)]
pub mod fuzzing;
mod reader;
mod services;
mod table;

use super::kind::{Intake, Kind, Refused, Shows, Taken};
use crate::sip::media::MediaType;
use crate::xml::Limits;
use table::{Order, Table};

const MEDIA: &str = "application/reginfo+xml";

/// The kind.
#[derive(Clone, Copy, Debug)]
pub struct Registrar;

impl Kind for Registrar {
    fn name(&self) -> &'static str {
        "registrar"
    }

    fn settings(&self) -> &'static [&'static str] {
        &["third_party"]
    }

    fn event(&self) -> &'static str {
        "reg"
    }

    fn accept(&self) -> &'static str {
        MEDIA
    }

    fn expires(&self) -> u32 {
        3_761
    }

    fn take(&self, intake: &Intake<'_>) -> Result<Taken, Refused> {
        if !MediaType::parse(intake.media).is_ok_and(|media| media.is(MEDIA)) {
            return Err(Refused::Type);
        }
        let document = reader::read(intake.body, &Limits::from(&intake.configuration.limits.document))?;
        let before: Option<Table> = intake.kept.and_then(|kept| postcard::from_bytes(kept).ok());
        let order = Order::of(&document, before.as_ref());
        if let (Order::Late, Some(table)) = (order, &before) {
            let kept = intake.kept.unwrap_or_default().to_vec();
            return Ok(Taken { kept, shows: Shows::Same, refresh: false, identities: table.registered() });
        }
        let table = Table::after(before.as_ref(), &document, intake.now)?;
        // Serialising into memory has no way to fail.
        let kept = postcard::to_allocvec(&table).unwrap_or_default();
        if kept.len() > intake.configuration.limits.document.bytes {
            return Err(Refused::TooLarge);
        }
        let shows = match (services::document(&table, intake), intake.shown) {
            (None, None) => Shows::Same,
            (None, Some(_)) => Shows::Nothing,
            (Some(document), Some(shown)) if document == *shown => Shows::Same,
            (Some(document), _) => Shows::Document(Box::new(document)),
        };
        // Full state makes good for whatever is missing; partial state needs some to begin with.
        let refresh = !document.full && (order == Order::Gap || before.is_none());
        Ok(Taken { kept, shows, refresh, identities: table.registered() })
    }
}
