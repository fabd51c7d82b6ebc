use thiserror::Error;

use crate::xml::NotWellFormed;

/// Why a published document was refused. The text of each fits a Warning header or a log line.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ReadError {
    /// Not namespace-well-formed XML 1.0, or in an encoding other than UTF-8 and UTF-16.
    #[error("not well formed: {0}")]
    NotWellFormed(&'static str),
    /// A document type declaration; none is ever read (RFC 3863 section 6, RFC 4660 section 8).
    #[error("document type declaration refused")]
    DocumentType,
    /// The root is not `presence` in `urn:ietf:params:xml:ns:pidf` (RFC 3863 section 4.1.1).
    #[error("root is not a PIDF presence element")]
    WrongRoot,
    /// The root has no `entity` (RFC 3863 section 4.1.1).
    #[error("presence element without entity")]
    NoEntity,
    /// Beyond one of [`super::Limits`].
    #[error("document beyond limit: {0}")]
    TooLarge(&'static str),
}

impl ReadError {
    /// The SIP status that answers the PUBLISH: 413 for a breach of a limit, else 400.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::TooLarge(_) => 413,
            _ => 400,
        }
    }
}

impl From<NotWellFormed> for ReadError {
    fn from(NotWellFormed(what): NotWellFormed) -> Self {
        Self::NotWellFormed(what)
    }
}
