use serde::{Deserialize, Serialize};

/// A published document as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The root's `entity`, trimmed, references resolved; not compared with anything.
    pub entity: String,
    /// What the publication contributes to the presentity's document.
    pub content: StoredDocument,
}

/// What kind of child of `presence` a component is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Kind {
    /// `tuple` (RFC 3863 section 4.1.2).
    Tuple,
    /// A `note` on the whole document.
    Note,
    /// `person` of the data model (RFC 4479 section 3.2).
    Person,
    /// `device` of the data model (RFC 4479 section 3.4).
    Device,
    /// Any other element outside the PIDF namespace.
    Extension,
}

/// One child of `presence`: where it ends in the text, it starts where the one before ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) kind: Kind,
    pub(crate) end: u32,
    /// Stands for what it is about: components of a kind with the same one tell of the same
    /// service, device or person (RFC 4479 section 3). 0: nothing says what it is about.
    pub(crate) pivot: u64,
    /// Shown as it stands: nothing in it ends by itself or occurs more often than it may.
    pub(crate) plain: bool,
    /// There is a timestamp in it.
    pub(crate) dated: bool,
}

/// The components of a publication in the form in which they are kept.
///
/// Each is canonical XML text in UTF-8 that may stand under any root which declares
/// `namespaces`: composing needs no XML parser. Every identifier
/// (`xs:ID`) is unique in here, and where each ends is known, so that composition can
/// make it unique among publications by putting a suffix in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredDocument {
    /// The known namespaces used, a bit each, see [`super::namespaces`].
    pub(crate) namespaces: u32,
    pub(crate) parts: Vec<Part>,
    /// Offsets into `text` just after each identifier, ascending.
    pub(crate) id_ends: Vec<u32>,
    #[serde(with = "bytes")]
    pub(crate) text: Vec<u8>,
}

/// A component of a [`StoredDocument`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Component<'a> {
    /// What it is.
    pub kind: Kind,
    /// Its canonical XML, with the identifiers of the publication.
    pub xml: &'a [u8],
    /// Offset of `xml` in the text that `id_ends` counts in.
    pub(crate) start: usize,
    pub(crate) pivot: u64,
    pub(crate) plain: bool,
    pub(crate) dated: bool,
}

impl StoredDocument {
    /// The components, in the order in which they were published.
    pub fn components(&self) -> impl Iterator<Item = Component<'_>> {
        let mut start = 0;
        self.parts.iter().map(move |part| {
            let end = part.end as usize;
            let xml = self.text.get(start..end).unwrap_or_default();
            let Part { kind, pivot, plain, dated, .. } = *part;
            let component = Component { kind, xml, start, pivot, plain, dated };
            start = end;
            component
        })
    }

    /// Bytes of XML text held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// True if nothing was published but an empty document.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The form for a record of its own.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let room = 16 + self.parts.len() * 16 + self.id_ends.len() * 3 + self.text.len();
        // Serialising into memory has no way to fail.
        postcard::to_extend(self, Vec::with_capacity(room)).unwrap_or_default()
    }

    /// Back from [`StoredDocument::to_bytes`]; `None` for anything else.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        postcard::from_bytes(bytes).ok()
    }
}

/// A byte string as one piece: serde's default takes each byte as an element.
mod bytes {
    use std::fmt;

    use serde::de::{Error, Visitor};
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Vec<u8>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_vec())
            }
            fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
                Ok(bytes)
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}
