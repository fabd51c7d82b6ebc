//! What is kept of a community between its documents.

use crate::pidf_diff::Held;
use crate::records;

/// The number of its latest partial document and, as the tail of its record, the local copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Kept<'a>(Held<'a>);

impl<'a> Kept<'a> {
    pub(super) fn new(version: Option<u32>, presence: Option<&'a [u8]>) -> Self {
        Self(Held { version, presence })
    }

    /// Back from [`Kept::bytes`]; from anything else as at the beginning.
    pub(super) fn read(bytes: &'a [u8]) -> Self {
        match records::decode_with_tail(bytes) {
            Some((version, presence)) => Self::new(version, Some(presence).filter(|copy| !copy.is_empty())),
            None => Self::default(),
        }
    }

    pub(super) fn held(&self) -> Held<'a> {
        self.0
    }

    /// After a document of another type: the copy is void, its number goes on counting (RFC 5263
    /// section 4.5).
    pub(super) fn without_copy(&self) -> Self {
        Self::new(self.0.version, None)
    }

    /// Empty if there is nothing to keep.
    pub(super) fn bytes(&self) -> Vec<u8> {
        if *self == Self::default() {
            return Vec::new();
        }
        records::encode_with_tail(&self.0.version, self.0.presence.unwrap_or_default())
    }
}
