//! Which prefix stands for which namespace where (Namespaces in XML 1.0).

use std::borrow::Cow;

use super::ReadError;
use super::namespaces::{KNOWN, XML, XMLNS};

/// A namespace, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Namespace {
    /// None at all.
    None,
    /// That of `xml:lang` and the like.
    Xml,
    /// A place in [`KNOWN`].
    Known(u8),
    /// A place among those this document brought along.
    Unknown(u16),
}

/// An attribute that is no namespace declaration.
pub(super) struct Attribute<'a> {
    pub(super) prefix: &'a str,
    /// Resolved once all declarations of the element are known.
    pub(super) namespace: Namespace,
    pub(super) local: &'a str,
    pub(super) value: Cow<'a, str>,
}

/// The declarations in force at a place of the document.
#[derive(Default)]
pub(super) struct Scope<'a> {
    bindings: Vec<(&'a str, Namespace)>,
    unknown: Vec<Cow<'a, str>>,
    declared: usize,
}

impl<'a> Scope<'a> {
    /// A mark for [`Scope::leave`].
    pub(super) fn mark(&self) -> usize {
        self.bindings.len()
    }

    /// Forgets what was declared since the mark.
    pub(super) fn leave(&mut self, mark: usize) {
        self.bindings.truncate(mark);
    }

    /// Adds a declaration of the element whose mark is `mark`.
    pub(super) fn declare(
        &mut self,
        mark: usize,
        prefix: &'a str,
        uri: Cow<'a, str>,
        limit: usize,
    ) -> Result<(), ReadError> {
        if self.bindings.iter().skip(mark).any(|(other, _)| *other == prefix) {
            return Err(ReadError::NotWellFormed("prefix declared twice"));
        }
        if prefix == "xmlns" || uri == XMLNS || ((prefix == "xml") != (uri == XML)) {
            return Err(ReadError::NotWellFormed("reserved prefix or namespace"));
        }
        if uri.is_empty() && !prefix.is_empty() {
            return Err(ReadError::NotWellFormed("prefix declared for no namespace"));
        }
        self.declared += 1;
        // The number of a namespace has 16 bits.
        if self.declared > limit.min(usize::from(u16::MAX)) {
            return Err(ReadError::TooLarge("namespaces"));
        }
        let namespace = self.number(uri);
        self.bindings.push((prefix, namespace));
        Ok(())
    }

    /// The namespace that a prefix stands for; `None` for a prefix not declared.
    pub(super) fn resolve(&self, prefix: &str) -> Option<Namespace> {
        // Prefixes are short: a call to compare them would cost more than it saves.
        let same = |other: &str| other.len() == prefix.len() && other.bytes().eq(prefix.bytes());
        match self.bindings.iter().rev().find(|(other, _)| same(other)) {
            Some((_, namespace)) => Some(*namespace),
            None if prefix.is_empty() => Some(Namespace::None),
            None if prefix == "xml" => Some(Namespace::Xml),
            None => None,
        }
    }

    /// The name of an unknown namespace.
    pub(super) fn uri(&self, index: u16) -> &str {
        self.unknown.get(usize::from(index)).map_or("", Cow::as_ref)
    }

    fn number(&mut self, uri: Cow<'a, str>) -> Namespace {
        if uri.is_empty() {
            return Namespace::None;
        }
        if uri == XML {
            return Namespace::Xml;
        }
        if let Some(index) = KNOWN.iter().position(|known| known.uri == uri) {
            return Namespace::Known(u8::try_from(index).unwrap_or_default());
        }
        let index = self.unknown.iter().position(|other| *other == uri).unwrap_or_else(|| {
            self.unknown.push(uri);
            self.unknown.len() - 1
        });
        // Below the limit on declarations, which is checked first.
        Namespace::Unknown(u16::try_from(index).unwrap_or(u16::MAX))
    }
}
