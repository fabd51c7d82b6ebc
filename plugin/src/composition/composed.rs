use crate::pidf::escape_attribute;
use crate::pidf::namespaces::{KNOWN, PIDF_INDEX};

/// Everything up to the value of `entity`. It is the same in all documents, so that what
/// is kept of each starts after it. RFC 3863 section 4.1: XML declaration, UTF-8.
const HEAD: &[u8] =
    b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"";

const TAIL: &[u8] = b"</presence>";

/// A presentity's document but for the `entity`, which each watcher knows under the URI
/// that it subscribed to (RFC 3863 section 4.1.1). Equal bytes: nothing changed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Composed {
    /// From the quote that ends the value of `entity` on.
    rest: Vec<u8>,
}

impl Composed {
    /// A document under a root that declares `namespaces`, its content of about `size`
    /// bytes written by `content`.
    pub(super) fn build(namespaces: u32, size: usize, content: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut declared = 0;
        for known in declarations(namespaces) {
            declared += known.uri.len() + known.prefix.len() + 10;
        }
        let mut rest = Vec::with_capacity(size + declared + TAIL.len() + 2);
        rest.push(b'"');
        for known in declarations(namespaces) {
            for piece in [" xmlns:", known.prefix, "=\"", known.uri, "\""] {
                rest.extend_from_slice(piece.as_bytes());
            }
        }
        rest.push(b'>');
        content(&mut rest);
        rest.extend_from_slice(TAIL);
        Self { rest }
    }

    /// What stands between the tags of the root, from the form for a record.
    pub(super) fn content(kept: &[u8]) -> Option<&[u8]> {
        // No value of an attribute has a `>` in it.
        let start = memchr::memchr(b'>', kept)? + 1;
        kept.get(start..)?.strip_suffix(TAIL)
    }

    /// The document for a watcher who knows the presentity as `entity`.
    #[must_use]
    pub fn render(&self, entity: &str) -> Vec<u8> {
        render(&self.rest, entity)
    }

    /// The form for a record.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.rest
    }

    /// The form for a record, without a copy.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.rest
    }

    /// Back from [`Composed::as_bytes`]; the bytes are taken on trust.
    #[must_use]
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self { rest: bytes }
    }
}

/// Renders from the kept form, as [`Composed::render`] does, without taking it over.
#[must_use]
pub fn render(kept: &[u8], entity: &str) -> Vec<u8> {
    let mut document = Vec::with_capacity(HEAD.len() + entity.len() + 16 + kept.len());
    document.extend_from_slice(HEAD);
    escape_attribute(entity, &mut document);
    document.extend_from_slice(kept);
    document
}

fn declarations(namespaces: u32) -> impl Iterator<Item = &'static crate::pidf::namespaces::Known> {
    KNOWN.iter().enumerate().filter_map(move |(index, known)| {
        (index != PIDF_INDEX && namespaces & (1 << index) != 0).then_some(known)
    })
}
