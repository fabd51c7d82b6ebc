//! Another presence system as a source: the event package `presence` (RFC 3856).

use super::kind::{Intake, Kind, Refused, Taken};

/// The kind.
#[derive(Clone, Copy, Debug)]
pub struct Community;

impl Kind for Community {
    fn event(&self) -> &'static str {
        "presence"
    }

    fn accept(&self) -> &'static str {
        "application/pidf+xml, application/pidf-diff+xml"
    }

    fn expires(&self) -> u32 {
        3_600
    }

    fn take(&self, _intake: &Intake<'_>) -> Result<Taken, Refused> {
        Err(Refused::Type)
    }
}
