//! A registrar, in an IMS the S-CSCF, as a source: the event package `reg` (RFC 3680).

use super::kind::{Intake, Kind, Refused, Taken};

/// The kind.
#[derive(Clone, Copy, Debug)]
pub struct Registrar;

impl Kind for Registrar {
    fn event(&self) -> &'static str {
        "reg"
    }

    fn accept(&self) -> &'static str {
        "application/reginfo+xml"
    }

    fn expires(&self) -> u32 {
        3_761
    }

    fn take(&self, _intake: &Intake<'_>) -> Result<Taken, Refused> {
        Err(Refused::Type)
    }
}
