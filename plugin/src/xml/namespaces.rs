use std::borrow::Cow;

/// Namespace bound to the prefix `xml` by definition.
pub(crate) const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// Namespace of `xmlns` attributes; nothing may be bound to it.
pub(crate) const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// A namespace, by its number among the [`Namespaces`] that were met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Namespace(u16);

impl Namespace {
    /// No namespace at all.
    pub const NONE: Self = Self(0);
    /// The one that the prefix `xml` always stands for.
    pub const XML: Self = Self(1);
}

/// The namespaces of some trees that are compared with each other: equal names have equal numbers.
#[derive(Clone, Debug)]
pub struct Namespaces {
    uris: Vec<String>,
}

impl Default for Namespaces {
    fn default() -> Self {
        Self { uris: vec![String::new(), XML.to_owned()] }
    }
}

impl Namespaces {
    /// The number of a namespace; the empty name is none.
    pub fn number(&mut self, uri: &str) -> Namespace {
        let known = self.uris.iter().position(|known| known == uri).unwrap_or_else(|| {
            self.uris.push(uri.to_owned());
            self.uris.len() - 1
        });
        // Readers bound the declarations far below; beyond, nothing is found to be equal to anything.
        Namespace(u16::try_from(known).unwrap_or(u16::MAX))
    }

    /// The name of a namespace.
    #[must_use]
    pub fn uri(&self, namespace: Namespace) -> &str {
        self.uris.get(usize::from(namespace.0)).map_or("", String::as_str)
    }
}

/// True for a declaration that Namespaces in XML forbids (sections 3 and 2.2); `xml` may be
/// declared as what it is.
pub(crate) fn reserved(prefix: &str, uri: &str) -> bool {
    prefix == "xmlns" || uri == XMLNS || ((prefix == "xml") != (uri == XML))
}

/// The declarations in force at a place, the innermost last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope<'a> {
    bindings: Vec<(Cow<'a, str>, Namespace)>,
}

impl<'a> Scope<'a> {
    /// A mark for [`Scope::leave`].
    pub(crate) fn mark(&self) -> usize {
        self.bindings.len()
    }

    /// Forgets what was declared since the mark.
    pub(crate) fn leave(&mut self, mark: usize) {
        self.bindings.truncate(mark);
    }

    /// Adds a declaration.
    pub(crate) fn declare(&mut self, prefix: Cow<'a, str>, namespace: Namespace) {
        self.bindings.push((prefix, namespace));
    }

    /// What a prefix stands for; the empty one for none if it was not declared.
    pub(crate) fn resolve(&self, prefix: &str) -> Option<Namespace> {
        match self.bindings.iter().rev().find(|(other, _)| other == prefix) {
            Some((_, namespace)) => Some(*namespace),
            None if prefix.is_empty() => Some(Namespace::NONE),
            None if prefix == "xml" => Some(Namespace::XML),
            None => None,
        }
    }

    /// The place of the declaration in force of a prefix, if there is one.
    pub(crate) fn place(&self, prefix: &str) -> Option<usize> {
        self.bindings.iter().rposition(|(other, _)| other == prefix)
    }

    /// The prefixes that stand for a namespace here.
    pub(crate) fn prefixes(&self, namespace: Namespace) -> impl Iterator<Item = &Cow<'a, str>> {
        let bound = move |(place, (prefix, known)): (usize, &'_ (Cow<'a, str>, Namespace))| {
            *known == namespace && self.place(prefix) == Some(place)
        };
        let in_force = self.bindings.iter().enumerate().filter(move |binding| bound(*binding));
        in_force.map(|(_, (prefix, _))| prefix)
    }
}
