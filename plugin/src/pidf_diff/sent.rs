use super::NAMESPACE;
use crate::composition::render;
use crate::patch;
use crate::pidf::namespaces::PIDF;
use crate::xml::{Limits, Namespaces, Text, escape_attribute, literal};

/// Prefix of the root and the operations; composed documents use it for nothing else.
const PREFIX: &str = "pd";

/// What ends a composed document.
const TAIL: &[u8] = b"</presence>";

/// A composed document in its kept form ([`crate::composition::Composed::as_bytes`]), whole, for
/// a watcher who knows the presentity as `entity`.
#[must_use]
pub fn full(kept: &[u8], entity: &str, version: u32) -> Vec<u8> {
    let content = kept.strip_suffix(TAIL).unwrap_or(kept);
    let mut document = head("pidf-full", entity, version, content.len());
    document.extend_from_slice(content);
    tail("pidf-full", &mut document);
    document
}

/// What leads from one composed document to another, but for the entity and the version: those
/// who know the presentity under different URIs share it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// From the quote that ends the value of `entity` up to the end tag of the root.
    rest: Vec<u8>,
}

impl Difference {
    /// Compares two documents in their kept forms; none if to send the new one whole is as
    /// short (RFC 5262 section 4).
    #[must_use]
    pub fn between(old: &[u8], new: &[u8]) -> Option<Self> {
        let length = new.len();
        let mut namespaces = Namespaces::default();
        let (old, new) = (render(old, ""), render(new, ""));
        let old = Text::decode(&old, &Limits::TRUSTED).ok()?;
        let new = Text::decode(&new, &Limits::TRUSTED).ok()?;
        let old = old.read(&mut namespaces, &Limits::TRUSTED).ok()?;
        let new = new.read(&mut namespaces, &Limits::TRUSTED).ok()?;
        let found = patch::difference(&old, &new, &namespaces, PREFIX, length)?;
        let mut rest = Vec::with_capacity(found.operations.len() + 256);
        rest.push(b'"');
        for declaration in &found.declarations {
            // The head declares it.
            if !declaration.prefix.is_empty() {
                rest.extend_from_slice(b" xmlns:");
                rest.extend_from_slice(declaration.prefix.as_bytes());
                rest.extend_from_slice(b"=\"");
                literal(namespaces.uri(declaration.namespace), &mut rest);
                rest.push(b'"');
            }
        }
        rest.push(b'>');
        rest.extend_from_slice(&found.operations);
        // What is left out on both sides, up to the entity and the end tag, is equally long.
        (rest.len() + TAIL.len() < length).then_some(Self { rest })
    }

    /// The document for a watcher who knows the presentity as `entity`.
    #[must_use]
    pub fn render(&self, entity: &str, version: u32) -> Vec<u8> {
        let mut document = head("pidf-diff", entity, version, self.rest.len());
        document.extend_from_slice(&self.rest);
        tail("pidf-diff", &mut document);
        document
    }
}

/// Up to the value of `entity`.
fn head(root: &str, entity: &str, version: u32, size: usize) -> Vec<u8> {
    let mut document = Vec::with_capacity(size + entity.len() + 192);
    let version = version.to_string();
    for piece in [
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<",
        PREFIX,
        ":",
        root,
        " xmlns=\"",
        PIDF,
        "\" xmlns:",
        PREFIX,
        "=\"",
        NAMESPACE,
        "\" version=\"",
        &version,
        "\" entity=\"",
    ] {
        document.extend_from_slice(piece.as_bytes());
    }
    escape_attribute(entity, &mut document);
    document
}

fn tail(root: &str, document: &mut Vec<u8>) {
    for piece in ["</", PREFIX, ":", root, ">"] {
        document.extend_from_slice(piece.as_bytes());
    }
}
