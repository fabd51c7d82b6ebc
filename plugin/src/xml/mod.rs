//! XML 1.0 with namespaces: the lexical level that every reader shares, and a small tree for
//! what has to be taken apart and put together again, such as patches.
//!
//! Reading is strict and bounded, knows no document type declaration and so no entities but
//! the predefined ones. A tree keeps what canonical XML keeps: elements with their prefixes
//! and declarations, attributes, text, comments and processing instructions.

pub(crate) mod encoding;
pub(crate) mod lexical;
pub(crate) mod markup;
mod namespaces;
mod reader;
mod tree;
mod writer;

pub(crate) use lexical::{escape_attribute, is_blank};
pub use namespaces::{Namespace, Namespaces};
pub(crate) use namespaces::{Scope, XML, XMLNS, reserved};
pub use reader::{Limits, ReadError, Text};
pub use tree::{Attribute, Declaration, Document, Element, Name, Node};
pub use writer::{Unwritable, canonical};
pub(crate) use writer::{fragment, literal, whole};

/// Not namespace-well-formed XML 1.0; the text says why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotWellFormed(pub &'static str);
