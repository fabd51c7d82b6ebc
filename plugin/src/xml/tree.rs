use std::borrow::Cow;

use super::Namespace;

/// A document: its root element, and the comments and processing instructions around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document<'a> {
    /// In document order; one of them is an element, none is text.
    pub nodes: Vec<Node<'a>>,
}

/// A node that has a place among others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node<'a> {
    /// An element with all that is in it.
    Element(Box<Element<'a>>),
    /// Character data, never empty and never beside other character data.
    Text(Cow<'a, str>),
    /// What stands between `<!--` and `-->`.
    Comment(Cow<'a, str>),
    /// A processing instruction: its target and what follows.
    Instruction(&'a str, Cow<'a, str>),
}

/// An element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// Its name.
    pub name: Name<'a>,
    /// The namespaces that it declares, each prefix once.
    pub declarations: Vec<Declaration<'a>>,
    /// Its attributes, each name once.
    pub attributes: Vec<Attribute<'a>>,
    /// What is in it.
    pub children: Vec<Node<'a>>,
}

/// A qualified name. Two are the same name if namespace and local part are ([`Name::is`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name<'a> {
    /// The prefix that it is written with, empty for none.
    pub prefix: Cow<'a, str>,
    /// What the prefix stands for.
    pub namespace: Namespace,
    /// The local part.
    pub local: Cow<'a, str>,
}

/// A namespace declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration<'a> {
    /// The prefix, empty for the default namespace.
    pub prefix: Cow<'a, str>,
    /// What it stands for; none takes the default namespace back.
    pub namespace: Namespace,
}

/// An attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Its name.
    pub name: Name<'a>,
    /// Its value, references resolved.
    pub value: Cow<'a, str>,
}

impl<'a> Document<'a> {
    /// The root element.
    #[must_use]
    pub fn root(&self) -> Option<&Element<'a>> {
        self.nodes.iter().find_map(Node::element)
    }

    /// The root element.
    pub fn root_mut(&mut self) -> Option<&mut Element<'a>> {
        self.nodes.iter_mut().find_map(Node::element_mut)
    }
}

impl<'a> Node<'a> {
    /// The element that this node is.
    #[must_use]
    pub fn element(&self) -> Option<&Element<'a>> {
        match self {
            Self::Element(element) => Some(element),
            _ => None,
        }
    }

    /// The element that this node is.
    pub fn element_mut(&mut self) -> Option<&mut Element<'a>> {
        match self {
            Self::Element(element) => Some(element),
            _ => None,
        }
    }
}

impl<'a> Element<'a> {
    /// The value of an attribute.
    #[must_use]
    pub fn attribute(&self, namespace: Namespace, local: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|attribute| attribute.name.is(namespace, local));
        found.map(|attribute| attribute.value.as_ref())
    }

    /// The elements in it.
    pub fn elements(&self) -> impl Iterator<Item = &Element<'a>> {
        self.children.iter().filter_map(Node::element)
    }
}

impl Name<'_> {
    /// True for the name `local` in `namespace`, whatever the prefix.
    #[must_use]
    pub fn is(&self, namespace: Namespace, local: &str) -> bool {
        self.namespace == namespace && self.local == local
    }
}
