//! Another presence system as a source: the event package `presence` (RFC 3856).
//!
//! What it says of somebody is taken as any watcher takes it, whole or as what changed (RFC 5263), and enters
//! composition as a publication does: identifiers get a suffix of the source, `entity` is left behind
//! (EXT-17), times are those that it tells (RFC 3863 section 4.1.7), also those to come, as it knows best when
//! its statements were made. Nothing is taken out of it for anybody: who may see what is found out for
//! each watcher, when there is something to show (WPS-10).
//!
//! How two communities that ask each other are kept from telling each other what they were told:
//! [`super::peers`].

#[doc(hidden)]
pub mod fuzzing;
mod kept;

use self::kept::Kept;
use super::kind::{Intake, Kind, Refused, Shows, Taken};
use crate::media::PIDF;
use crate::pidf;
use crate::pidf_diff::{self, Notified, PIDF_DIFF, PartialError};
use crate::sip::media::MediaType;
use crate::xml;

/// The kind.
#[derive(Clone, Copy, Debug)]
pub struct Community;

impl Kind for Community {
    fn name(&self) -> &'static str {
        "community"
    }

    fn settings(&self) -> &'static [&'static str] {
        &["asks_as"]
    }

    fn event(&self) -> &'static str {
        "presence"
    }

    fn accept(&self) -> &'static str {
        "application/pidf+xml, application/pidf-diff+xml"
    }

    fn expires(&self) -> u32 {
        3_600
    }

    fn repeats(&self) -> bool {
        true
    }

    fn take(&self, intake: &Intake<'_>) -> Result<Taken, Refused> {
        let media = MediaType::parse(intake.media).map_err(|_| Refused::Malformed("Content-Type"))?;
        let kept = Kept::read(intake.kept.unwrap_or_default());
        if media.is(PIDF) {
            let shows = read(intake, intake.body)?;
            return Ok(taken(&kept.without_copy(), shows));
        }
        if !media.is(PIDF_DIFF) {
            return Err(Refused::Type);
        }
        let limits = &intake.configuration.limits.document;
        match pidf_diff::notified(intake.body, &kept.held(), limits) {
            Ok(Notified::Document { presence, version }) => {
                let shows = read(intake, &presence)?;
                Ok(taken(&Kept::new(version, Some(&presence)), shows))
            }
            // It has lost count, or we have: the next whole document begins a new one.
            Ok(Notified::Old) => Ok(missed(&Kept::default())),
            Ok(Notified::Gap) => Ok(missed(&kept)),
            Err(error) => match refused(error) {
                Some(refused) => Err(refused),
                // RFC 5263 section 4.5: to tell the notifier would be of no use.
                None => Ok(missed(&kept)),
            },
        }
    }
}

/// What a whole document shows.
fn read(intake: &Intake<'_>, document: &[u8]) -> Result<Shows, Refused> {
    use pidf::ReadError::{DocumentType, NoEntity, NotWellFormed, TooLarge, WrongRoot};
    let document = pidf::read(document, &intake.configuration.limits.document);
    let content = document.map_err(|error| match error {
        NotWellFormed(what) => Refused::Malformed(what),
        DocumentType => Refused::Malformed("document type declaration"),
        WrongRoot => Refused::Malformed("root is not presence"),
        NoEntity => Refused::Malformed("presence without entity"),
        TooLarge(_) => Refused::TooLarge,
    })?;
    let content = content.content;
    Ok(if content.is_empty() { Shows::Nothing } else { Shows::Document(Box::new(content)) })
}

/// Why a body of type `application/pidf-diff+xml` is refused; none if it only does not fit what is kept.
fn refused(error: PartialError) -> Option<Refused> {
    use xml::ReadError::{DocumentType, NotWellFormed, TooLarge};
    match error {
        PartialError::Unreadable(TooLarge(_)) => Some(Refused::TooLarge),
        PartialError::Unreadable(DocumentType) => Some(Refused::Malformed("document type declaration")),
        PartialError::Unreadable(NotWellFormed(what)) => Some(Refused::Malformed(what)),
        PartialError::WrongRoot => Some(Refused::Malformed("root is neither pidf-full nor pidf-diff")),
        PartialError::NothingToChange
        | PartialError::OtherEntity
        | PartialError::Patch(_)
        | PartialError::Inconsistent
        | PartialError::Damaged => None,
    }
}

fn taken(kept: &Kept<'_>, shows: Shows) -> Taken {
    Taken { kept: kept.bytes(), shows, refresh: false, identities: Vec::new() }
}

/// What is shown holds until the whole document comes.
fn missed(kept: &Kept<'_>) -> Taken {
    Taken { kept: kept.bytes(), shows: Shows::Same, refresh: true, identities: Vec::new() }
}
