//! Presence Information Data Format (RFC 3863): published documents as read.
//!
//! [`read`] is strict about well-formedness and lax about validity (RFC 4479 section 5):
//! what has a place in the schema comes out canonical and in the schema's order, what has
//! none is left out, elements of other namespaces are passed on.

pub(crate) mod canonical;
mod component;
mod conform;
mod dating;
mod document;
mod error;
#[doc(hidden)]
pub mod fuzzing;
pub(crate) mod instant;
mod limits;
pub(crate) mod namespaces;
pub(crate) mod occurrence;
mod place;
mod reader;
mod schema;
mod scope;
mod values;
mod writer;

pub use document::{Component, Document, Kind, StoredDocument};
pub use error::ReadError;
pub use limits::Limits;

pub(crate) use crate::xml::escape_attribute;
use crate::xml::{encoding, lexical};

/// Reads a published document in UTF-8 or UTF-16.
///
/// # Errors
/// See [`ReadError`]; [`ReadError::status`] is what to answer.
pub fn read(body: &[u8], limits: &Limits) -> Result<Document, ReadError> {
    if body.len() > limits.bytes {
        return Err(ReadError::TooLarge("bytes"));
    }
    let (text, encoding) = encoding::decode(body)?;
    reader::read(&text, encoding, limits)
}
