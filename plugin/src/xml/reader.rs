//! Reads a text into a tree.

use std::borrow::Cow;

use quick_xml::events::Event;
use thiserror::Error;

use super::encoding::{self, Encoding};
use super::lexical::{
    attribute_value, is_blank, is_space, next_attribute, normalise_lines, resolve_reference, split_name,
};
use super::markup::{declaration, instruction, within};
use super::tree::{Attribute, Declaration, Document, Element, Name, Node};
use super::{Namespace, Namespaces, NotWellFormed, Scope, reserved};

/// Bounds on a document that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the body as received.
    pub bytes: usize,
    /// Elements within each other, the root included.
    pub depth: usize,
    /// Nodes of all kinds.
    pub nodes: usize,
    /// Attributes of one element, namespace declarations included.
    pub attributes: usize,
    /// Namespace declarations in the document.
    pub namespaces: usize,
}

impl Limits {
    /// Bounds for documents that were written here, of which only the depth has to be bounded.
    pub const TRUSTED: Self =
        Self { bytes: usize::MAX, depth: 256, nodes: usize::MAX, attributes: usize::MAX, namespaces: 30_000 };
}

/// Why a document cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ReadError {
    /// Not namespace-well-formed XML 1.0 in UTF-8 or UTF-16.
    #[error("not well formed: {0}")]
    NotWellFormed(&'static str),
    /// A document type declaration; none is ever read.
    #[error("document type declaration refused")]
    DocumentType,
    /// Beyond one of [`Limits`].
    #[error("document beyond limit: {0}")]
    TooLarge(&'static str),
}

impl From<NotWellFormed> for ReadError {
    fn from(NotWellFormed(what): NotWellFormed) -> Self {
        Self::NotWellFormed(what)
    }
}

/// The characters of a document, which its tree borrows from.
#[derive(Clone, Debug)]
pub struct Text<'b> {
    text: Cow<'b, str>,
    encoding: Encoding,
}

impl<'b> Text<'b> {
    /// Decodes a body.
    ///
    /// # Errors
    /// Too many bytes, or not characters of XML in UTF-8 or UTF-16.
    pub fn decode(body: &'b [u8], limits: &Limits) -> Result<Self, ReadError> {
        if body.len() > limits.bytes {
            return Err(ReadError::TooLarge("bytes"));
        }
        let (text, encoding) = encoding::decode(body)?;
        Ok(Self { text, encoding })
    }

    /// Reads the document. `namespaces` may know those of other trees.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn read(&self, namespaces: &mut Namespaces, limits: &Limits) -> Result<Document<'_>, ReadError> {
        let mut reader = Reader {
            limits,
            namespaces,
            scope: Scope::default(),
            open: Vec::new(),
            top: Vec::with_capacity(1),
            text: Cow::Borrowed(""),
            nodes: 0,
            declared: 0,
        };
        reader.read(&self.text, self.encoding)
    }
}

struct Reader<'a, 'l> {
    limits: &'l Limits,
    namespaces: &'l mut Namespaces,
    scope: Scope<'a>,
    /// The elements that are open, and the marks of what was declared outside of each.
    open: Vec<(Box<Element<'a>>, usize)>,
    top: Vec<Node<'a>>,
    /// Character data not yet put in its place.
    text: Cow<'a, str>,
    nodes: usize,
    declared: usize,
}

impl<'a> Reader<'a, '_> {
    fn read(&mut self, text: &'a str, encoding: Encoding) -> Result<Document<'a>, ReadError> {
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
                Event::Start(_) => self.start(within(raw, "<", ">")?)?,
                Event::Empty(_) => {
                    self.start(within(raw, "<", "/>")?)?;
                    self.end()?;
                }
                Event::End(_) => self.end()?,
                Event::Text(_) => {
                    if memchr::memmem::find(raw.as_bytes(), b"]]>").is_some() {
                        return Err(ReadError::NotWellFormed("']]>' in text"));
                    }
                    self.characters(normalise_lines(raw), true)?;
                }
                Event::CData(_) => {
                    self.characters(normalise_lines(within(raw, "<![CDATA[", "]]>")?), false)?;
                }
                Event::GeneralRef(_) => {
                    let character = resolve_reference(within(raw, "&", ";")?)?;
                    self.characters(Cow::Owned(character.to_string()), false)?;
                }
                Event::Comment(_) => {
                    self.node(Node::Comment(normalise_lines(within(raw, "<!--", "-->")?)))?;
                }
                Event::Decl(_) if start == 0 => declaration(within(raw, "<?xml", "?>")?, encoding, text)?,
                Event::Decl(_) => return Err(ReadError::NotWellFormed("XML declaration not at the start")),
                Event::PI(_) => {
                    let inside = within(raw, "<?", "?>")?;
                    instruction(inside)?;
                    let end = inside.bytes().position(is_space).unwrap_or(inside.len());
                    let (target, data) = inside.split_at(end);
                    let data = data.trim_start_matches([' ', '\t', '\n', '\r']);
                    self.node(Node::Instruction(target, normalise_lines(data)))?;
                }
                Event::DocType(_) => return Err(ReadError::DocumentType),
                Event::Eof => break,
            }
        }
        if !self.open.is_empty() || !self.top.iter().any(|node| node.element().is_some()) {
            return Err(ReadError::NotWellFormed("ends too early"));
        }
        Ok(Document { nodes: std::mem::take(&mut self.top) })
    }

    fn start(&mut self, inside: &'a str) -> Result<(), ReadError> {
        if self.open.len() >= self.limits.depth {
            return Err(ReadError::TooLarge("depth"));
        }
        if self.open.is_empty() && self.top.iter().any(|node| node.element().is_some()) {
            return Err(ReadError::NotWellFormed("second root"));
        }
        self.count()?;
        self.flush()?;
        let length = inside.bytes().position(is_space).unwrap_or(inside.len());
        let (name, mut rest) = inside.split_at(length);
        let mark = self.scope.mark();
        let (declarations, mut attributes) = (self.declarations(&mut rest)?, self.rest_of(rest)?);
        for attribute in &mut attributes {
            if !attribute.name.prefix.is_empty() {
                attribute.name.namespace = self.scope.resolve(&attribute.name.prefix).ok_or(UNDECLARED)?;
            }
        }
        let mut names: Vec<_> =
            attributes.iter().map(|a| (a.name.namespace, a.name.local.as_ref())).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| matches!(pair, [a, b] if a == b)) {
            return Err(ReadError::NotWellFormed("attribute given twice"));
        }
        let (prefix, local) = split_name(name)?;
        let namespace = self.scope.resolve(prefix).ok_or(UNDECLARED)?;
        let name = Name { prefix: prefix.into(), namespace, local: local.into() };
        let element = Element { name, declarations, attributes, children: Vec::new() };
        self.open.push((Box::new(element), mark));
        Ok(())
    }

    /// The declarations of a start tag; they come before the attributes that need them.
    fn declarations(&mut self, rest: &mut &'a str) -> Result<Vec<Declaration<'a>>, ReadError> {
        let mut inside = *rest;
        let mut declarations: Vec<Declaration<'a>> = Vec::new();
        let mut count = 0;
        while let Some((name, raw)) = next_attribute(&mut inside)? {
            count += 1;
            if count > self.limits.attributes {
                return Err(ReadError::TooLarge("attributes"));
            }
            let Some(prefix) = declared_prefix(name)? else { continue };
            if declarations.iter().any(|other| other.prefix == prefix) {
                return Err(ReadError::NotWellFormed("prefix declared twice"));
            }
            let uri = attribute_value(raw)?;
            if reserved(prefix, &uri) {
                return Err(ReadError::NotWellFormed("reserved prefix or namespace"));
            }
            if uri.is_empty() && !prefix.is_empty() {
                return Err(ReadError::NotWellFormed("prefix declared for no namespace"));
            }
            self.declared += 1;
            if self.declared > self.limits.namespaces {
                return Err(ReadError::TooLarge("namespaces"));
            }
            let namespace = self.namespaces.number(&uri);
            self.scope.declare(Cow::Borrowed(prefix), namespace);
            declarations.push(Declaration { prefix: prefix.into(), namespace });
        }
        Ok(declarations)
    }

    /// The attributes of a start tag, not yet in a namespace.
    fn rest_of(&mut self, mut rest: &'a str) -> Result<Vec<Attribute<'a>>, ReadError> {
        let mut attributes = Vec::new();
        while let Some((name, raw)) = next_attribute(&mut rest)? {
            if declared_prefix(name)?.is_none() {
                let (prefix, local) = split_name(name)?;
                let name = Name { prefix: prefix.into(), namespace: Namespace::NONE, local: local.into() };
                attributes.push(Attribute { name, value: attribute_value(raw)? });
            }
        }
        Ok(attributes)
    }

    fn end(&mut self) -> Result<(), ReadError> {
        self.flush()?;
        if let Some((element, mark)) = self.open.pop() {
            self.scope.leave(mark);
            self.place(Node::Element(element));
        }
        Ok(())
    }

    /// Character data; `literal` if it may be white space around the root.
    fn characters(&mut self, text: Cow<'a, str>, literal: bool) -> Result<(), ReadError> {
        if self.open.is_empty() {
            let layout = literal && is_blank(&text);
            return if layout { Ok(()) } else { Err(ReadError::NotWellFormed("text outside of the root")) };
        }
        if self.text.is_empty() {
            self.text = text;
        } else {
            self.text.to_mut().push_str(&text);
        }
        Ok(())
    }

    fn node(&mut self, node: Node<'a>) -> Result<(), ReadError> {
        self.count()?;
        self.flush()?;
        self.place(node);
        Ok(())
    }

    /// Puts character data in its place.
    fn flush(&mut self) -> Result<(), ReadError> {
        if !self.text.is_empty() {
            self.count()?;
            let text = std::mem::take(&mut self.text);
            self.place(Node::Text(text));
        }
        Ok(())
    }

    fn place(&mut self, node: Node<'a>) {
        match self.open.last_mut() {
            Some((element, _)) => element.children.push(node),
            None => self.top.push(node),
        }
    }

    fn count(&mut self) -> Result<(), ReadError> {
        self.nodes += 1;
        if self.nodes > self.limits.nodes { Err(ReadError::TooLarge("nodes")) } else { Ok(()) }
    }
}

/// The prefix that an attribute declares, if it is a declaration.
fn declared_prefix(name: &str) -> Result<Option<&str>, NotWellFormed> {
    Ok(match split_name(name)? {
        ("", "xmlns") => Some(""),
        ("xmlns", prefix) => Some(prefix),
        _ => None,
    })
}

const UNDECLARED: ReadError = ReadError::NotWellFormed("prefix not declared");
