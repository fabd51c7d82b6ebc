//! Reads a document: well-formedness, namespaces, limits, and the place of each element.

use std::borrow::Cow;
use std::ops::Range;

use quick_xml::events::Event;

use super::canonical::Element;
use super::component::{Class, Finished, Pending};
use super::conform;
use super::instant;
use super::lexical::{
    attribute_value, escape_text, is_blank, is_space, next_attribute, normalise_lines, resolve_reference,
    split_name,
};
use super::namespaces::PIDF_INDEX;
use super::place::{self, Place};
use super::scope::{Attribute, Namespace, Scope};
use super::values::{is_language, is_uri, priority};
use super::writer::{Output, Writer};
use super::{Document, Kind, Limits, ReadError, StoredDocument};
use crate::xml::encoding::Encoding;
use crate::xml::markup::{declaration, instruction, within};

/// An element that is open.
struct Frame<'a> {
    place: Place,
    namespace: Namespace,
    /// Declarations in force outside of it.
    mark: usize,
    output: Output,
    /// Where the output was before it, and how many identifiers it had.
    start: (usize, usize),
    /// Where its name stands in the output.
    name: Range<usize>,
    /// Where its content starts in the output; `None` while the start tag has no `>`.
    content: Option<usize>,
    has_children: bool,
    /// Character data other than white space was seen.
    mixed: bool,
    /// `xml:space` is `preserve`.
    preserve: bool,
    /// White space that is content only if no element follows.
    blank: Option<&'a str>,
    /// Something in it has to be understood, and is not.
    incomprehensible: bool,
    /// `xml:lang` and `xml:base` in force that no element in the output carries yet.
    inherited: [Option<u16>; 2],
}

/// Attributes that hold for what is inside as well.
const INHERITED: [&str; 2] = ["lang", "base"];

struct Reader<'a, 'l> {
    limits: &'l Limits,
    scope: Scope<'a>,
    writer: Writer,
    finished: Finished,
    frames: Vec<Frame<'a>>,
    /// Those of the element at hand.
    attributes: Vec<Attribute<'a>>,
    pending: Option<Pending>,
    entity: Option<String>,
    inherited: Vec<Cow<'a, str>>,
    elements: usize,
    components: usize,
    /// The root has ended.
    done: bool,
}

/// Reads decoded text.
pub(super) fn read(text: &str, encoding: Encoding, limits: &Limits) -> Result<Document, ReadError> {
    let mut reader = Reader {
        limits,
        scope: Scope::default(),
        writer: Writer::default(),
        finished: Finished::default(),
        frames: Vec::with_capacity(8),
        attributes: Vec::with_capacity(8),
        pending: None,
        entity: None,
        inherited: Vec::new(),
        elements: 0,
        components: 0,
        done: false,
    };
    reader.finished.text.reserve(text.len());
    reader.writer.text.reserve(text.len());
    let mut events = quick_xml::Reader::from_str(text);
    let config = events.config_mut();
    config.check_comments = true;
    config.check_end_names = true;
    let mut position = 0;
    loop {
        let event = events.read_event().map_err(|_| ReadError::NotWellFormed("syntax error"))?;
        let start = position;
        position = usize::try_from(events.buffer_position()).unwrap_or(usize::MAX);
        let raw = text.get(start..position).unwrap_or_default();
        match event {
            Event::Start(_) => reader.start(within(raw, "<", ">")?)?,
            Event::Empty(_) => {
                reader.start(within(raw, "<", "/>")?)?;
                reader.end();
            }
            Event::End(_) => reader.end(),
            Event::Text(_) => reader.text(raw)?,
            Event::CData(_) => reader.characters(&normalise_lines(within(raw, "<![CDATA[", "]]>")?))?,
            Event::GeneralRef(_) => {
                let character = resolve_reference(within(raw, "&", ";")?)?;
                reader.characters(character.encode_utf8(&mut [0; 4]))?;
            }
            Event::Comment(_) => {}
            Event::Decl(_) if start == 0 => declaration(within(raw, "<?xml", "?>")?, encoding, text)?,
            Event::Decl(_) => return Err(ReadError::NotWellFormed("XML declaration not at the start")),
            Event::PI(_) => instruction(within(raw, "<?", "?>")?)?,
            Event::DocType(_) => return Err(ReadError::DocumentType),
            Event::Eof => break,
        }
    }
    reader.finish()
}

/// The value of an attribute.
fn find<'b>(attributes: &'b [Attribute<'_>], namespace: Namespace, local: &str) -> Option<&'b str> {
    let mut attributes = attributes.iter();
    let found = attributes.find(|attribute| attribute.namespace == namespace && attribute.local == local);
    found.map(|attribute| attribute.value.as_ref())
}

impl<'a> Reader<'a, '_> {
    fn start(&mut self, inside: &'a str) -> Result<(), ReadError> {
        self.elements += 1;
        if self.elements > self.limits.elements {
            return Err(ReadError::TooLarge("elements"));
        }
        if self.frames.len() >= self.limits.depth {
            return Err(ReadError::TooLarge("depth"));
        }
        let length = inside.bytes().position(is_space).unwrap_or(inside.len());
        let (name, attributes) = inside.split_at(length);
        let (prefix, local) = split_name(name)?;
        let mark = self.scope.mark();
        self.read_attributes(attributes, mark)?;
        let namespace = self.scope.resolve(prefix).ok_or(UNDECLARED)?;
        let Some(parent) = self.frames.last_mut() else {
            return self.root(namespace, local, mark);
        };
        parent.has_children = true;
        parent.blank = None;
        self.open(namespace, local, mark)
    }

    /// Splits a start tag's attributes and resolves their namespaces.
    fn read_attributes(&mut self, mut rest: &'a str, mark: usize) -> Result<(), ReadError> {
        self.attributes.clear();
        let mut count = 0;
        while let Some((name, raw)) = next_attribute(&mut rest)? {
            count += 1;
            if count > self.limits.attributes {
                return Err(ReadError::TooLarge("attributes"));
            }
            let value = attribute_value(raw)?;
            match split_name(name)? {
                ("", "xmlns") => self.scope.declare(mark, "", value, self.limits.namespaces)?,
                ("xmlns", prefix) => self.scope.declare(mark, prefix, value, self.limits.namespaces)?,
                (prefix, local) => {
                    self.attributes.push(Attribute { prefix, namespace: Namespace::None, local, value });
                }
            }
        }
        for attribute in &mut self.attributes {
            if !attribute.prefix.is_empty() {
                attribute.namespace = self.scope.resolve(attribute.prefix).ok_or(UNDECLARED)?;
            }
        }
        if self.attributes.len() > 1 {
            self.attributes.sort_by(|a, b| (a.namespace, a.local).cmp(&(b.namespace, b.local)));
            let same = |pair: &[Attribute<'_>]| match pair {
                [a, b] => a.namespace == b.namespace && a.local == b.local,
                _ => false,
            };
            if self.attributes.windows(2).any(same) {
                return Err(ReadError::NotWellFormed("attribute given twice"));
            }
        }
        Ok(())
    }

    fn root(&mut self, namespace: Namespace, local: &str, mark: usize) -> Result<(), ReadError> {
        if self.done {
            return Err(ReadError::NotWellFormed("second root"));
        }
        let pidf = matches!(namespace, Namespace::Known(index) if usize::from(index) == PIDF_INDEX);
        if !pidf || local != "presence" {
            return Err(ReadError::WrongRoot);
        }
        self.entity =
            find(&self.attributes, Namespace::None, "entity").map(|entity| entity.trim().to_owned());
        let mut frame = self.frame(Place::Root, namespace, mark);
        frame.inherited = self.inherit([None; 2]);
        self.frames.push(frame);
        Ok(())
    }

    fn open(&mut self, namespace: Namespace, local: &'a str, mark: usize) -> Result<(), ReadError> {
        let (parent, outside, inherited, preserve) = match self.frames.last() {
            Some(frame) => (frame.place, frame.output, frame.inherited, frame.preserve),
            None => return Ok(()),
        };
        let place = if parent == Place::Root {
            self.component(namespace, local)?
        } else {
            place::inside(parent, namespace, local)
        };
        let outside = self.outside(outside);
        let mut frame = self.frame(place, namespace, mark);
        frame.inherited = self.inherit(inherited);
        frame.preserve = preserve;
        match place {
            Place::Extension(_) => {
                if let Some(space) = find(&self.attributes, Namespace::Xml, "space") {
                    frame.preserve = space == "preserve";
                }
                self.carry(&mut frame, local);
                self.check_understood(&mut frame);
            }
            Place::Simple(class) => self.keep_valid(class, &mut frame),
            Place::Root | Place::Component(_) | Place::Status | Place::Left => {
                self.frames.push(frame);
                return Ok(());
            }
        }
        self.close_start_tag();
        frame.start = (self.writer.text.len(), self.writer.id_ends.len());
        (frame.name, frame.output) =
            self.writer.start(&self.scope, namespace, local, &self.attributes, outside);
        self.frames.push(frame);
        // What is said once for many elements can end up in each: long namespace names.
        let written = self.writer.text.len() + self.finished.text.len();
        if written > self.limits.bytes.saturating_mul(4) {
            return Err(ReadError::TooLarge("bytes"));
        }
        if self.writer.identifiers() + self.components > self.limits.components {
            return Err(ReadError::TooLarge("components"));
        }
        Ok(())
    }

    /// Activities are put together with those of others, so that none may count on what its
    /// parent declares.
    fn outside(&self, outside: Output) -> Output {
        if !outside.declares() {
            return outside;
        }
        let parent = self.frames.last().and_then(|frame| self.writer.text.get(frame.name.clone()));
        if parent == Some(b"rpid:activities") { outside.without_declarations() } else { outside }
    }

    /// RFC 3863 section 4.2.4: what has to be understood, and is not, takes the element with
    /// it that it is a part of.
    fn check_understood(&mut self, frame: &mut Frame<'a>) {
        const OUTERMOST: Place = Place::Extension(Some(Class::StatusExtension));
        let namespace = Namespace::Known(u8::try_from(PIDF_INDEX).unwrap_or_default());
        if !matches!(frame.namespace, Namespace::Unknown(_) | Namespace::None)
            || !matches!(
                find(&self.attributes, namespace, "mustUnderstand").map(str::trim),
                Some("1" | "true")
            )
        {
            return;
        }
        if frame.place == OUTERMOST {
            frame.incomprehensible = true;
        } else if let Some(outermost) = self.frames.iter_mut().find(|frame| frame.place == OUTERMOST) {
            outermost.incomprehensible = true;
        }
    }

    /// Starts a child of `presence`.
    fn component(&mut self, namespace: Namespace, local: &str) -> Result<Place, ReadError> {
        let Some(kind) = place::component(namespace, local) else {
            return Ok(Place::Left);
        };
        self.components += 1;
        if self.components > self.limits.components {
            return Err(ReadError::TooLarge("components"));
        }
        let id = find(&self.attributes, Namespace::None, "id").filter(|id| !id.trim().is_empty());
        self.pending = Some(Pending::new(kind, id, self.components, &mut self.writer));
        Ok(match kind {
            Kind::Note => Place::Simple(Class::Note),
            Kind::Extension => Place::Extension(Some(Class::Extension)),
            kind => Place::Component(kind),
        })
    }

    fn frame(&self, place: Place, namespace: Namespace, mark: usize) -> Frame<'a> {
        Frame {
            place,
            namespace,
            mark,
            output: Output::default(),
            start: (0, 0),
            name: 0..0,
            content: None,
            has_children: false,
            mixed: false,
            preserve: false,
            blank: None,
            incomprehensible: false,
            inherited: [None; 2],
        }
    }

    /// The inherited attributes in force inside the element at hand.
    fn inherit(&mut self, mut inherited: [Option<u16>; 2]) -> [Option<u16>; 2] {
        if self.attributes.is_empty() {
            return inherited;
        }
        for (slot, name) in inherited.iter_mut().zip(INHERITED) {
            if let Some(value) = find(&self.attributes, Namespace::Xml, name) {
                let value = value.to_owned();
                *slot = u16::try_from(self.inherited.len()).ok();
                self.inherited.push(Cow::Owned(value));
            }
        }
        inherited
    }

    /// Has an element that is passed on carry what it inherits from elements whose own
    /// schema admits no such attribute, if its schema does: foreign ones, and notes.
    fn carry(&mut self, frame: &mut Frame<'a>, local: &str) {
        if frame.inherited == [None; 2] {
            return;
        }
        let foreign = matches!(frame.namespace, Namespace::Unknown(_) | Namespace::None);
        for (slot, name) in frame.inherited.iter_mut().zip(INHERITED) {
            let own = self.attributes.iter().any(|a| a.namespace == Namespace::Xml && a.local == name);
            if own {
                *slot = None;
            } else if let Some(index) = *slot
                && (foreign || (name == "lang" && local == "note"))
            {
                let value = self.inherited.get(usize::from(index)).cloned().unwrap_or_default();
                self.attributes.push(Attribute {
                    prefix: "xml",
                    namespace: Namespace::Xml,
                    local: name,
                    value,
                });
                *slot = None;
            }
        }
        self.attributes.sort_by(|a, b| (a.namespace, a.local).cmp(&(b.namespace, b.local)));
    }

    /// Leaves an element whose content the schema fixes with the attributes that it admits.
    fn keep_valid(&mut self, class: Class, frame: &mut Frame<'a>) {
        match class {
            Class::Note => {
                self.attributes.retain(|a| a.namespace == Namespace::Xml && a.local == "lang");
                self.carry(frame, "note");
                self.attributes.retain(|a| a.local == "lang" && is_language(&a.value));
            }
            // RFC 3863 section 4.1.5: out of range is as if absent.
            Class::Contact => self.attributes.retain_mut(|a| {
                let value = a.value.trim();
                let valid =
                    a.namespace == Namespace::None && a.local == "priority" && priority(value).is_some();
                if valid && value.len() != a.value.len() {
                    a.value = Cow::Owned(value.to_owned());
                }
                valid
            }),
            _ => self.attributes.clear(),
        }
    }

    /// Character data as it stands between markup.
    fn text(&mut self, raw: &'a str) -> Result<(), ReadError> {
        let bytes = raw.as_bytes();
        let mut brackets = memchr::memchr_iter(b']', bytes);
        if brackets.any(|at| bytes.get(at..).is_some_and(|rest| rest.starts_with(b"]]>"))) {
            return Err(ReadError::NotWellFormed("']]>' in text"));
        }
        let blank = is_blank(raw);
        let Some(frame) = self.frames.last_mut() else {
            return if blank { Ok(()) } else { Err(OUTSIDE) };
        };
        if blank && matches!(frame.place, Place::Extension(_)) && !frame.mixed && !frame.preserve {
            // Between elements it lays the document out, unless the element is foreign, may
            // hold text and elements mixed, and the white space stays within a line.
            if !matches!(frame.namespace, Namespace::Unknown(_)) || raw.contains('\n') {
                if !frame.has_children {
                    frame.blank = Some(raw);
                }
                return Ok(());
            }
            self.write(&normalise_lines(raw));
            return Ok(());
        }
        self.characters(&normalise_lines(raw))
    }

    /// Character data, references resolved.
    fn characters(&mut self, text: &str) -> Result<(), ReadError> {
        let frame = self.frames.last_mut().ok_or(OUTSIDE)?;
        let blank = frame.blank.take();
        frame.mixed = true;
        if let Some(blank) = blank {
            self.write(&normalise_lines(blank));
        }
        self.write(text);
        Ok(())
    }

    fn write(&mut self, text: &str) {
        let place = self.frames.last().map(|frame| frame.place);
        if matches!(place, Some(Place::Simple(_) | Place::Extension(_))) {
            self.close_start_tag();
            escape_text(text, &mut self.writer.text);
        }
    }

    /// Ends the start tag of the element at hand if it is written and still open.
    fn close_start_tag(&mut self) {
        if let Some(frame) = self.frames.last_mut()
            && matches!(frame.place, Place::Simple(_) | Place::Extension(_))
            && frame.content.is_none()
        {
            self.writer.text.push(b'>');
            frame.content = Some(self.writer.text.len());
        }
    }

    fn end(&mut self) {
        if let Some(blank) = self.frames.last_mut().and_then(|frame| frame.blank.take()) {
            // Nothing else was in it.
            self.write(&normalise_lines(blank));
        }
        let Some(frame) = self.frames.pop() else {
            return;
        };
        self.scope.leave(frame.mark);
        let class = match frame.place {
            Place::Simple(class) => self.end_simple(class, &frame).then_some(class),
            Place::Extension(class) => {
                self.end_tag(&frame);
                class.filter(|_| self.conform(&frame))
            }
            Place::Root | Place::Component(_) | Place::Status | Place::Left => None,
        };
        if let (Some(class), Some(pending)) = (class, self.pending.as_mut()) {
            pending.child(class, &self.writer);
        }
        match self.frames.len() {
            0 => self.done = true,
            1 => {
                if let Some(pending) = self.pending.take() {
                    pending.finish(&mut self.writer, &mut self.finished);
                }
            }
            _ => {}
        }
    }

    /// Ends an element of text; false if its text is not of its type, and it is taken back.
    fn end_simple(&mut self, class: Class, frame: &Frame<'_>) -> bool {
        let text = &mut self.writer.text;
        if class != Class::Note {
            let content = frame.content.unwrap_or(text.len());
            let value = text.get(content..).unwrap_or_default();
            let trimmed = value.trim_ascii();
            let valid = match class {
                Class::Basic => trimmed == b"open" || trimmed == b"closed",
                Class::Timestamp => instant::parse(&trimmed.to_ascii_uppercase()).is_some(),
                _ => !trimmed.is_empty() && std::str::from_utf8(trimmed).is_ok_and(is_uri),
            };
            if !valid {
                text.truncate(frame.start.0);
                self.writer.id_ends.truncate(frame.start.1);
                return false;
            }
            let length = trimmed.len();
            let lead = value.len() - value.trim_ascii_start().len();
            text.drain(content..content + lead);
            text.truncate(content + length);
            // RFC 3863 section 4.1.7: capital T and Z.
            if class == Class::Timestamp
                && let Some(value) = text.get_mut(content..)
            {
                value.make_ascii_uppercase();
            }
        }
        self.end_tag(frame);
        true
    }

    /// Makes an extension element what its schema wants, if there is one; false if nothing is
    /// left of it.
    fn conform(&mut self, frame: &Frame<'_>) -> bool {
        let Writer { text, id_ends, .. } = &mut self.writer;
        let (start, ids) = frame.start;
        let written = text.get(start..).and_then(Element::first).filter(|_| !frame.incomprehensible);
        let conforming = written
            .map(|(element, _)| conform::extension(text, id_ends.get(ids..).unwrap_or_default(), &element));
        let conforming = conforming.unwrap_or_default();
        if text.get(start..) != Some(&conforming.text) {
            text.truncate(start);
            text.extend_from_slice(&conforming.text);
            id_ends.truncate(ids);
            id_ends.extend(conforming.id_ends.iter().map(|end| start + end));
        }
        !conforming.text.is_empty()
    }

    fn end_tag(&mut self, frame: &Frame<'_>) {
        let text = &mut self.writer.text;
        match frame.content {
            Some(content) if content < text.len() => {
                text.extend_from_slice(b"</");
                // The name stands in the text: its range is within.
                text.extend_from_within(frame.name.clone());
                text.push(b'>');
            }
            Some(_) => {
                text.pop();
                text.extend_from_slice(b"/>");
            }
            None => text.extend_from_slice(b"/>"),
        }
    }

    fn finish(self) -> Result<Document, ReadError> {
        if !self.done {
            return Err(ReadError::NotWellFormed("ends too early"));
        }
        let entity = self.entity.filter(|entity| !entity.is_empty()).ok_or(ReadError::NoEntity)?;
        let Finished { text, parts, id_ends } = self.finished;
        Ok(Document {
            entity,
            content: StoredDocument { namespaces: self.writer.used, parts, id_ends, text },
        })
    }
}

const UNDECLARED: ReadError = ReadError::NotWellFormed("prefix not declared");
const OUTSIDE: ReadError = ReadError::NotWellFormed("text outside of the root");
