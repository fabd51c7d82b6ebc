//! Writes elements so that they mean the same under any root that declares the known
//! namespaces: known ones get their prefix, others are declared where they are used.

use std::collections::BTreeSet;

use super::lexical::{escape_attribute, is_name};
use super::namespaces::{KNOWN, PIDF_ATTRIBUTE_INDEX, PIDF_INDEX, XSI_INDEX};
use super::scope::{Attribute, Namespace, Scope};

/// Canonical text under construction.
#[derive(Default)]
pub(super) struct Writer {
    pub(super) text: Vec<u8>,
    /// Where identifiers end in `text`.
    pub(super) id_ends: Vec<usize>,
    /// Bits of the known namespaces in use.
    pub(super) used: u32,
    /// Unknown namespaces declared by the elements now open; the place is the prefix.
    declared: Vec<u16>,
    ids: BTreeSet<String>,
}

/// What an element in the output hands on to those inside.
#[derive(Clone, Copy, Default)]
pub(super) struct Output {
    declared: usize,
    /// The default namespace was taken back.
    bare: bool,
}

impl Output {
    /// True if there are declarations to count on.
    pub(super) fn declares(self) -> bool {
        self.declared > 0
    }

    /// As seen from an element that has to declare by itself what it uses.
    pub(super) fn without_declarations(self) -> Self {
        Self { declared: 0, ..self }
    }
}

impl Writer {
    /// Writes a start tag up to, not including, its `>`; returns where the name is.
    pub(super) fn start(
        &mut self,
        scope: &Scope<'_>,
        namespace: Namespace,
        local: &str,
        attributes: &[Attribute<'_>],
        outside: Output,
    ) -> (std::ops::Range<usize>, Output) {
        let bare = outside.bare || namespace == Namespace::None;
        self.declared.truncate(outside.declared);
        self.declare(namespace);
        for attribute in attributes {
            self.declare(attribute.namespace);
            if let Some((namespace, _)) = typed(scope, attribute) {
                self.declare(namespace);
            }
        }
        self.text.push(b'<');
        let from = self.text.len();
        self.name(namespace, local, bare);
        let name = from..self.text.len();
        if bare && !outside.bare {
            self.text.extend_from_slice(b" xmlns=\"\"");
        }
        for place in outside.declared..self.declared.len() {
            let index = self.declared.get(place).copied().unwrap_or_default();
            self.text.extend_from_slice(format!(" xmlns:n{place}=\"").as_bytes());
            escape_attribute(scope.uri(index), &mut self.text);
            self.text.push(b'"');
        }
        for attribute in attributes {
            self.attribute(scope, namespace, attribute);
        }
        (name, Output { declared: self.declared.len(), bare })
    }

    /// An `xs:ID` for what the document calls `original`, unique in the document.
    pub(super) fn identifier(&mut self, original: &str) -> String {
        let mut id = identifier(original);
        if self.ids.contains(&id) {
            let wanted = id;
            let mut number = self.ids.len() + 1;
            id = format!("{wanted}.{number}");
            while self.ids.contains(&id) {
                number += 1;
                id = format!("{wanted}.{number}");
            }
        }
        self.ids.insert(id.clone());
        id
    }

    /// Identifiers handed out so far.
    pub(super) fn identifiers(&self) -> usize {
        self.ids.len()
    }

    fn attribute(&mut self, scope: &Scope<'_>, element: Namespace, attribute: &Attribute<'_>) {
        self.text.push(b' ');
        match attribute.namespace {
            // Attributes have no default namespace.
            Namespace::Known(index) if usize::from(index) == PIDF_INDEX => {
                self.name(attribute.namespace, attribute.local, true);
            }
            _ => self.name(attribute.namespace, attribute.local, false),
        }
        self.text.extend_from_slice(b"=\"");
        if is_identifier(element, attribute) {
            let id = self.identifier(&attribute.value);
            self.text.extend_from_slice(id.as_bytes());
            self.id_ends.push(self.text.len());
        } else if let Some((namespace, local)) = typed(scope, attribute) {
            self.name(namespace, local, true);
        } else {
            escape_attribute(&attribute.value, &mut self.text);
        }
        self.text.push(b'"');
    }

    fn declare(&mut self, namespace: Namespace) {
        if let Namespace::Unknown(index) = namespace
            && !self.declared.contains(&index)
        {
            self.declared.push(index);
        }
    }

    /// A qualified name; `bare` if names without prefix are not in the PIDF namespace.
    fn name(&mut self, namespace: Namespace, local: &str, bare: bool) {
        match namespace {
            Namespace::None => {}
            Namespace::Xml => self.text.extend_from_slice(b"xml:"),
            Namespace::Known(index) => {
                let mut index = usize::from(index);
                if index == PIDF_INDEX && bare {
                    index = PIDF_ATTRIBUTE_INDEX;
                }
                self.used |= 1 << index;
                let prefix = KNOWN.get(index).map_or("", |known| known.prefix);
                if !prefix.is_empty() {
                    self.text.extend_from_slice(prefix.as_bytes());
                    self.text.push(b':');
                }
            }
            Namespace::Unknown(index) => {
                let place = self.declared.iter().position(|other| *other == index).unwrap_or_default();
                self.text.extend_from_slice(format!("n{place}:").as_bytes());
            }
        }
        self.text.extend_from_slice(local.as_bytes());
    }
}

/// True for attributes of type `xs:ID`: unqualified `id` where the schema says so, and
/// `xml:id` anywhere.
fn is_identifier(element: Namespace, attribute: &Attribute<'_>) -> bool {
    attribute.local == "id"
        && match (attribute.namespace, element) {
            (Namespace::Xml, _) => true,
            (Namespace::None, Namespace::Known(index)) => {
                KNOWN.get(usize::from(index)).is_some_and(|known| known.identified)
            }
            _ => false,
        }
}

/// The name in an `xsi:type`, whose prefix has to follow the others.
fn typed<'a>(scope: &Scope<'_>, attribute: &'a Attribute<'_>) -> Option<(Namespace, &'a str)> {
    match attribute.namespace {
        Namespace::Known(index) if usize::from(index) == XSI_INDEX && attribute.local == "type" => {}
        _ => return None,
    }
    let value = attribute.value.trim();
    let (prefix, local) = value.split_once(':').unwrap_or(("", value));
    let namespace = scope.resolve(prefix)?;
    // Without a prefix it would come to mean PIDF's.
    (namespace != Namespace::None && is_name(local)).then_some((namespace, local))
}

/// A valid `xs:ID` in ASCII; one that is so already stays as it is.
fn identifier(original: &str) -> String {
    let original = original.trim_matches([' ', '\t', '\n', '\r']);
    // Nearly all are.
    if original.is_ascii() && is_name(original) {
        return original.to_owned();
    }
    let mut id = String::with_capacity(original.len() + 1);
    for character in original.chars() {
        if id.is_empty() && !(character.is_ascii_alphabetic() || character == '_') {
            id.push('_');
        }
        if character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.') {
            id.push(character);
        } else {
            id.push_str(&format!("_{:x}", u32::from(character)));
        }
    }
    if id.is_empty() {
        id.push('_');
    }
    id
}
