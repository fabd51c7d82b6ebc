//! Writes trees as canonical XML.

use super::lexical::escape;
use super::tree::{Attribute, Declaration, Document, Element, Name, Node};
use super::{Namespace, Namespaces, Scope};

/// Why a tree cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unwritable {
    /// A name has a prefix that does not stand for its namespace there.
    Prefix,
    /// It would be longer than allowed.
    TooLong,
}

/// Canonical XML 1.0 with comments: what tells whether two documents mean the same
/// (RFC 5261 section 3). At most `limit` bytes.
///
/// # Errors
/// See [`Unwritable`].
pub fn canonical(
    document: &Document<'_>,
    namespaces: &Namespaces,
    limit: usize,
) -> Result<Vec<u8>, Unwritable> {
    let mut writer = Writer { namespaces, scope: Scope::default(), out: Vec::new(), limit };
    let mut before = true;
    for node in &document.nodes {
        let root = node.element().is_some();
        if !before && !root {
            writer.out.push(b'\n');
        }
        writer.node(node)?;
        if root {
            before = false;
        } else if before {
            writer.out.push(b'\n');
        }
    }
    Ok(writer.out)
}

/// Nodes as they stand where the namespaces that they use are declared already; whatever
/// they declare themselves is written.
pub(crate) fn fragment(nodes: &[Node<'_>], namespaces: &Namespaces, out: &mut Vec<u8>) {
    for node in nodes {
        match node {
            Node::Element(element) => whole(element, namespaces, out),
            other => leaf(other, out),
        }
    }
}

/// An element, as [`fragment`] writes it.
pub(crate) fn whole(element: &Element<'_>, namespaces: &Namespaces, out: &mut Vec<u8>) {
    out.push(b'<');
    qualified(&element.name, out);
    for declaration in &element.declarations {
        declare(declaration, namespaces, out);
    }
    for attribute in &element.attributes {
        assign(attribute, out);
    }
    if element.children.is_empty() {
        out.extend_from_slice(b"/>");
    } else {
        out.push(b'>');
        fragment(&element.children, namespaces, out);
        out.extend_from_slice(b"</");
        qualified(&element.name, out);
        out.push(b'>');
    }
}

/// A value as it stands between double quotes.
pub(crate) fn literal(value: &str, out: &mut Vec<u8>) {
    escape(value, out, |byte| match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'"' => Some("&quot;"),
        b'\t' => Some("&#x9;"),
        b'\n' => Some("&#xA;"),
        b'\r' => Some("&#xD;"),
        _ => None,
    });
}

struct Writer<'n, 'd> {
    namespaces: &'n Namespaces,
    /// The declarations written.
    scope: Scope<'d>,
    out: Vec<u8>,
    limit: usize,
}

impl<'d> Writer<'_, 'd> {
    fn node(&mut self, node: &'d Node<'_>) -> Result<(), Unwritable> {
        match node {
            Node::Element(element) => self.element(element)?,
            other => leaf(other, &mut self.out),
        }
        if self.out.len() > self.limit { Err(Unwritable::TooLong) } else { Ok(()) }
    }

    fn element(&mut self, element: &'d Element<'_>) -> Result<(), Unwritable> {
        let mark = self.scope.mark();
        self.out.push(b'<');
        qualified(&element.name, &mut self.out);
        let mut declarations: Vec<_> = element.declarations.iter().collect();
        declarations.sort_by(|a, b| a.prefix.cmp(&b.prefix));
        for declaration in declarations {
            // What is in force already is not said again.
            if self.scope.resolve(&declaration.prefix) != Some(declaration.namespace) {
                declare(declaration, self.namespaces, &mut self.out);
                self.scope.declare((&*declaration.prefix).into(), declaration.namespace);
            }
        }
        self.check(&element.name)?;
        let mut attributes: Vec<_> = element.attributes.iter().collect();
        attributes.sort_by(|a, b| {
            let uri = |name: &Name<'_>| self.namespaces.uri(name.namespace);
            uri(&a.name).cmp(uri(&b.name)).then_with(|| a.name.local.cmp(&b.name.local))
        });
        for attribute in attributes {
            match (attribute.name.prefix.is_empty(), attribute.name.namespace == Namespace::NONE) {
                (true, true) => {}
                (false, false) => self.check(&attribute.name)?,
                _ => return Err(Unwritable::Prefix),
            }
            assign(attribute, &mut self.out);
        }
        self.out.push(b'>');
        for child in &element.children {
            self.node(child)?;
        }
        self.out.extend_from_slice(b"</");
        qualified(&element.name, &mut self.out);
        self.out.push(b'>');
        self.scope.leave(mark);
        Ok(())
    }

    fn check(&self, name: &Name<'_>) -> Result<(), Unwritable> {
        if self.scope.resolve(&name.prefix) == Some(name.namespace) {
            Ok(())
        } else {
            Err(Unwritable::Prefix)
        }
    }
}

fn qualified(name: &Name<'_>, out: &mut Vec<u8>) {
    if !name.prefix.is_empty() {
        out.extend_from_slice(name.prefix.as_bytes());
        out.push(b':');
    }
    out.extend_from_slice(name.local.as_bytes());
}

fn declare(declaration: &Declaration<'_>, namespaces: &Namespaces, out: &mut Vec<u8>) {
    out.extend_from_slice(if declaration.prefix.is_empty() { b" xmlns" } else { b" xmlns:" });
    out.extend_from_slice(declaration.prefix.as_bytes());
    out.extend_from_slice(b"=\"");
    literal(namespaces.uri(declaration.namespace), out);
    out.push(b'"');
}

fn assign(attribute: &Attribute<'_>, out: &mut Vec<u8>) {
    out.push(b' ');
    qualified(&attribute.name, out);
    out.extend_from_slice(b"=\"");
    literal(&attribute.value, out);
    out.push(b'"');
}

fn leaf(node: &Node<'_>, out: &mut Vec<u8>) {
    match node {
        Node::Element(_) => {}
        Node::Text(text) => escape(text, out, |byte| match byte {
            b'&' => Some("&amp;"),
            b'<' => Some("&lt;"),
            b'>' => Some("&gt;"),
            b'\r' => Some("&#xD;"),
            _ => None,
        }),
        Node::Comment(text) => {
            for piece in ["<!--", text, "-->"] {
                out.extend_from_slice(piece.as_bytes());
            }
        }
        Node::Instruction(target, data) => {
            let space = if data.is_empty() { "" } else { " " };
            for piece in ["<?", target, space, data, "?>"] {
                out.extend_from_slice(piece.as_bytes());
            }
        }
    }
}
