//! Makes elements of known namespaces what their schemas want (RFC 4479 section 5: what is
//! sent is valid), and passes all others on as they are.
//!
//! What has no place is left out; what stands in the wrong order is put in the right one;
//! an activity or mood that the schema has no name for becomes `other`.

use super::canonical::{Element, Node, Nodes};
use super::instant;
use super::schema::{self, Content, EMPTY, Model, NOTE, Slot, Type};
use super::values::{is_integer, is_language, is_uri};

/// The outcome, and where identifiers end in it.
#[derive(Default)]
pub(super) struct Conforming {
    pub(super) text: Vec<u8>,
    pub(super) id_ends: Vec<usize>,
}

/// Writes an element that stands where those of other namespaces may stand. `id_ends` are
/// the ends of the identifiers in `text`, of which `element` is a part.
pub(super) fn extension(text: &[u8], id_ends: &[usize], element: &Element<'_>) -> Conforming {
    let mut writer = Conformer { source: text, id_ends, out: Conforming::default() };
    writer.out.text.reserve(element.xml.len());
    writer.lax(element);
    writer.out
}

struct Conformer<'s> {
    source: &'s [u8],
    id_ends: &'s [usize],
    out: Conforming,
}

impl<'s> Conformer<'s> {
    fn lax(&mut self, element: &Element<'s>) {
        if let Some(model) = schema::global(element.name) {
            self.model(element, &model, element.name);
            return;
        }
        self.open(element.name);
        for (name, value) in element.all_attributes() {
            self.attribute(name, value);
        }
        self.close(element, |writer| {
            for node in Nodes(element.content) {
                match node {
                    Node::Text(text) => writer.put(text),
                    Node::Element(child) => writer.lax(&child),
                }
            }
        });
    }

    /// Writes an element under a name, if something valid can be made of it.
    fn model(&mut self, element: &Element<'s>, model: &Model, name: &[u8]) {
        let before = (self.out.text.len(), self.out.id_ends.len());
        self.open(name);
        let mut missing = model.required.len();
        for (name, value) in element.all_attributes() {
            let typed = model.attributes.iter().find(|(known, _)| known.as_bytes() == name);
            match typed {
                Some((known, of)) => {
                    let valid = self.typed(name, value, *of);
                    missing -= usize::from(valid && model.required.contains(known));
                }
                None if name.starts_with(b"xmlns") => self.attribute(name, value),
                None if model.open => match name {
                    b"xml:lang" => _ = self.typed(name, value, Type::Language),
                    b"xml:space" if value != b"default" && value != b"preserve" => {}
                    b"xml:base" => _ = self.typed(name, value, Type::Uri),
                    b"p:mustUnderstand" => _ = self.typed(name, value, Type::Boolean),
                    _ => self.attribute(name, value),
                },
                None => {}
            }
        }
        let open = self.out.text.len();
        self.put(b">");
        let content = self.out.text.len();
        let valid = missing == 0 && self.content(element, &model.content);
        if !valid {
            self.out.text.truncate(before.0);
            self.out.id_ends.truncate(before.1);
        } else if self.out.text.len() == content {
            self.out.text.truncate(open);
            self.put(b"/>");
        } else {
            self.end(name);
        }
    }

    /// Writes the content as the model wants it; false if that cannot be.
    fn content(&mut self, element: &Element<'s>, content: &Content) -> bool {
        match *content {
            Content::Empty => true,
            Content::Never => false,
            Content::Text(of) => self.text(element, of),
            Content::Sequence { slots, open } => {
                self.sequence(element, slots, open);
                true
            }
            Content::Several { names, required } => self.several(element, names, required),
            Content::One { notes, names, other, open, required } => {
                if notes {
                    self.notes(element);
                }
                self.one(element, names, other, open) || !required
            }
        }
    }

    fn text(&mut self, element: &Element<'s>, of: Type) -> bool {
        let start = self.out.text.len();
        for node in Nodes(element.content) {
            if let Node::Text(text) = node {
                self.put(text);
            }
        }
        let value = self.out.text.get(start..).unwrap_or_default();
        let Some(valid) = canonical(value, of).map(<[u8]>::to_vec) else { return false };
        if valid.len() != value.len() {
            self.out.text.truncate(start);
            self.put(&valid);
        }
        true
    }

    fn sequence(&mut self, element: &Element<'s>, slots: &[Slot], open: bool) {
        // Mostly everything is in order: then each slot takes up where the one before ended.
        for slot in slots {
            for child in
                element.children().filter(|child| local(element, child) == Some(slot.name.as_bytes()))
            {
                let before = self.out.text.len();
                self.model(&child, &slot.element, child.name);
                if !slot.many && self.out.text.len() > before {
                    break;
                }
            }
        }
        if open {
            self.foreign(element);
        }
    }

    fn several(&mut self, element: &Element<'s>, names: &[&str], required: bool) -> bool {
        let noted = self.notes(element);
        let before = self.out.text.len();
        for child in element.children() {
            match local(element, &child) {
                None if is_named(&child) => self.lax(&child),
                None => {}
                Some(b"note" | b"unknown") => {}
                Some(b"other") => self.model(&child, &NOTE, child.name),
                Some(name) if names.iter().any(|known| known.as_bytes() == name) => {
                    self.model(&child, &EMPTY, child.name);
                }
                Some(name) => self.other(element, name),
            }
        }
        if self.out.text.len() > before {
            return true;
        }
        let unknown = element.children().find(|child| local(element, child) == Some(b"unknown"));
        match unknown {
            Some(unknown) => self.model(&unknown, &EMPTY, unknown.name),
            None if required && noted => self.named(element, b"unknown"),
            None => return !required,
        }
        true
    }

    /// One known value; else what other namespaces say; else the free text.
    fn one(&mut self, element: &Element<'s>, names: &[&str], other: bool, open: bool) -> bool {
        let known = |child: &Element<'_>| {
            local(element, child).is_some_and(|name| names.iter().any(|known| known.as_bytes() == name))
        };
        if let Some(child) = element.children().find(known) {
            self.model(&child, &EMPTY, child.name);
            return true;
        }
        let before = self.out.text.len();
        if open {
            self.foreign(element);
        }
        if other && self.out.text.len() == before {
            let named = |child: &Element<'s>| local(element, child).filter(|name| *name != b"note");
            if let Some(child) = element.children().find(|child| named(child) == Some(b"other")) {
                self.model(&child, &NOTE, child.name);
            } else if let Some(name) = element.children().find_map(|child| named(&child)) {
                self.other(element, name);
            }
        }
        self.out.text.len() > before
    }

    /// Elements of other namespaces.
    fn foreign(&mut self, element: &Element<'s>) {
        for child in element.children().filter(|child| local(element, child).is_none() && is_named(child)) {
            self.lax(&child);
        }
    }

    fn notes(&mut self, element: &Element<'s>) -> bool {
        let mut any = false;
        for note in element.children().filter(|child| local(element, child) == Some(b"note")) {
            self.model(&note, &NOTE, note.name);
            any = true;
        }
        any
    }

    /// A value for which there is no element.
    fn other(&mut self, parent: &Element<'_>, name: &[u8]) {
        self.open_local(parent, b"other");
        self.put(b">");
        self.put(name);
        self.put(b"</");
        self.put(prefix(parent.name));
        self.put(b"other>");
    }

    fn named(&mut self, parent: &Element<'_>, name: &[u8]) {
        self.open_local(parent, name);
        self.put(b"/>");
    }

    fn open_local(&mut self, parent: &Element<'_>, name: &[u8]) {
        self.open(prefix(parent.name));
        self.put(name);
    }

    fn open(&mut self, name: &[u8]) {
        self.put(b"<");
        self.put(name);
    }

    fn end(&mut self, name: &[u8]) {
        self.put(b"</");
        self.put(name);
        self.put(b">");
    }

    fn close(&mut self, element: &Element<'s>, content: impl FnOnce(&mut Self)) {
        let open = self.out.text.len();
        self.put(b">");
        let start = self.out.text.len();
        content(self);
        if self.out.text.len() == start {
            self.out.text.truncate(open);
            self.put(b"/>");
        } else {
            self.end(element.name);
        }
    }

    /// An attribute of a type; false if its value is not of it.
    fn typed(&mut self, name: &'s [u8], value: &'s [u8], of: Type) -> bool {
        match canonical(value, of) {
            Some(valid) if valid.len() == value.len() => self.attribute(name, value),
            Some(valid) => self.write_attribute(name, valid),
            None if of == Type::DateTime => {
                // RFC 3863 section 4.1.7: capital T and Z.
                let upper = value.trim_ascii().to_ascii_uppercase();
                if instant::parse(&upper).is_none() {
                    return false;
                }
                self.write_attribute(name, &upper);
            }
            None => return false,
        }
        true
    }

    /// An attribute as it was; it may be an identifier.
    fn attribute(&mut self, name: &[u8], value: &'s [u8]) {
        self.write_attribute(name, value);
        // Both are parts of the same text.
        let end = (value.as_ptr() as usize).wrapping_sub(self.source.as_ptr() as usize) + value.len();
        if self.id_ends.binary_search(&end).is_ok() {
            self.out.id_ends.push(self.out.text.len() - 1);
        }
    }

    fn write_attribute(&mut self, name: &[u8], value: &[u8]) {
        self.put(b" ");
        self.put(name);
        self.put(b"=\"");
        self.put(value);
        self.put(b"\"");
    }

    fn put(&mut self, text: &[u8]) {
        self.out.text.extend_from_slice(text);
    }
}

/// The prefix of a name with its colon.
fn prefix(name: &[u8]) -> &[u8] {
    name.get(..memchr::memchr(b':', name).map_or(0, |colon| colon + 1)).unwrap_or_default()
}

/// The local name of a child if it is in the namespace of its parent, which is a known one.
fn local<'a>(parent: &Element<'_>, child: &Element<'a>) -> Option<&'a [u8]> {
    child.name.strip_prefix(prefix(parent.name)).filter(|local| !local.contains(&b':'))
}

/// True unless a child of an element in a known namespace is in none: `##other` in the
/// schemas leaves those out.
fn is_named(child: &Element<'_>) -> bool {
    child.attribute("xmlns").is_none()
}

/// A value as the schemas want it; `None` if it is not of the type.
fn canonical(value: &[u8], of: Type) -> Option<&[u8]> {
    let text = std::str::from_utf8(value).ok()?;
    let trimmed = value.trim_ascii();
    let known = |names: &[&[u8]]| names.contains(&trimmed).then_some(trimmed);
    match of {
        Type::Any => Some(value),
        Type::Language => is_language(text.trim()).then_some(value),
        Type::Uri => is_uri(text).then_some(value),
        Type::Boolean => known(&[b"true", b"false", b"1", b"0"]).map(|_| value),
        Type::Integer => is_integer(text.trim()).then_some(value),
        Type::Positive => (is_integer(text.trim())
            && !trimmed.starts_with(b"-")
            && trimmed.iter().any(|digit| (b'1'..=b'9').contains(digit)))
        .then_some(value),
        Type::DateTime => instant::parse(trimmed).map(|_| value),
        Type::ActiveIdle => known(&[b"active", b"idle"]),
        Type::Basic => known(&[b"open", b"closed"]),
    }
}
