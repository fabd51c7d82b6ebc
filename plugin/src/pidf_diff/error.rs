use thiserror::Error;

use crate::patch::PatchError;
use crate::xml::{NotWellFormed, ReadError, Unwritable};

/// Why a partial publication is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PartialError {
    /// The body cannot be read.
    #[error("{0}")]
    Unreadable(ReadError),
    /// The root is neither `pidf-full` nor `pidf-diff` (RFC 5262 section 3).
    #[error("root is neither pidf-full nor pidf-diff")]
    WrongRoot,
    /// Changes to a publication that there is not, or that was not made with `pidf-full`
    /// (RFC 5264 sections 4.2 and 4.3.2).
    #[error("invalid partial publication: nothing to change")]
    NothingToChange,
    /// Changes to the document of somebody else (RFC 5262 section 3.2).
    #[error("entity differs from that of the publication")]
    OtherEntity,
    /// An operation fails (RFC 5261 section 5).
    #[error("{0}")]
    Patch(PatchError),
    /// The patched document has a name in no way to be written.
    #[error("patched document is not namespace-well-formed")]
    Inconsistent,
    /// What was kept of the publication cannot be read.
    #[error("publication cannot be changed")]
    Damaged,
}

impl PartialError {
    /// The SIP status that answers the PUBLISH (RFC 5264 section 4.3.2).
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Unreadable(ReadError::TooLarge(_)) => 413,
            Self::Patch(error) => error.problem.status(),
            Self::Damaged => 500,
            _ => 400,
        }
    }
}

impl From<ReadError> for PartialError {
    fn from(error: ReadError) -> Self {
        Self::Unreadable(error)
    }
}

impl From<NotWellFormed> for PartialError {
    fn from(error: NotWellFormed) -> Self {
        Self::Unreadable(error.into())
    }
}

impl From<PatchError> for PartialError {
    fn from(error: PatchError) -> Self {
        Self::Patch(error)
    }
}

impl From<Unwritable> for PartialError {
    fn from(error: Unwritable) -> Self {
        match error {
            Unwritable::Prefix => Self::Inconsistent,
            Unwritable::TooLong => Self::Unreadable(ReadError::TooLarge("bytes")),
        }
    }
}
