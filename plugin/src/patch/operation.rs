//! Operations as a patch spells them out (RFC 5261 sections 4.3 to 4.5).

use super::selector::{Last, Selector};
use super::{PatchError, Problem};
use crate::xml::{Attribute, Element, Namespace, Node, Scope, is_blank};

/// A patch: its operations, and the declarations in force around each.
#[derive(Clone, Debug)]
pub struct Patch<'a, 'p> {
    /// The element whose children the operations are.
    root: &'p Element<'a>,
}

/// A patch operation.
#[derive(Clone, Debug)]
pub struct Operation<'p, 'a> {
    /// Where.
    pub selector: Selector<'p>,
    /// What.
    pub directive: Directive<'p, 'a>,
}

/// What an operation does to the node that it selects.
#[derive(Clone, Debug)]
pub enum Directive<'p, 'a> {
    /// Put nodes in.
    Add(Position, &'p [Node<'a>]),
    /// Give it an attribute or a declaration of this value.
    Assign(Last<'p>, &'p str),
    /// Put these in its place.
    Replace(&'p [Node<'a>]),
    /// Take it away.
    Remove(Space),
}

/// Where nodes are put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// As last children.
    Append,
    /// As first children.
    Prepend,
    /// Before the node.
    Before,
    /// After the node.
    After,
}

/// The white space to take away with a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Space {
    /// What stands before it.
    pub before: bool,
    /// What stands after it.
    pub after: bool,
}

impl<'a, 'p> Patch<'a, 'p> {
    /// The patch in an element whose name is the caller's matter. The operations are children
    /// in the same namespace.
    ///
    /// # Errors
    /// Something else is in it.
    pub fn new(root: &'p Element<'a>) -> Result<Self, PatchError> {
        let mut operation = 1;
        for node in &root.children {
            let problem = match node {
                Node::Element(element) if element.name.namespace != root.name.namespace => {
                    Problem::PatchDirective("operation of another namespace")
                }
                Node::Text(text) if !is_blank(text) => Problem::DiffFormat("text beside operations"),
                Node::Element(_) => {
                    operation += 1;
                    continue;
                }
                Node::Text(_) | Node::Comment(_) | Node::Instruction(..) => continue,
            };
            return Err(PatchError { operation, problem });
        }
        Ok(Self { root })
    }

    /// The elements of the operations.
    pub(super) fn elements(&self) -> impl Iterator<Item = &'p Element<'a>> {
        self.root.elements()
    }

    /// The declarations in force for an operation.
    pub(super) fn scope(&self, operation: &'p Element<'a>) -> Scope<'p> {
        let mut scope = Scope::default();
        for declaration in self.root.declarations.iter().chain(&operation.declarations) {
            scope.declare((&*declaration.prefix).into(), declaration.namespace);
        }
        scope
    }
}

impl<'p, 'a> Operation<'p, 'a> {
    /// Reads the element of an operation.
    pub(super) fn read(element: &'p Element<'a>, scope: &Scope<'_>) -> Result<Self, Problem> {
        let known: &[&str] = match &*element.name.local {
            "add" => &["sel", "pos", "type"],
            "replace" => &["sel"],
            "remove" => &["sel", "ws"],
            _ => return Err(Problem::PatchDirective("operation not known")),
        };
        let foreign = |attribute: &Attribute<'_>| {
            attribute.name.namespace == Namespace::NONE && !known.contains(&&*attribute.name.local)
        };
        if element.attributes.iter().any(foreign) {
            return Err(Problem::PatchDirective("attribute not known"));
        }
        let value = |name| element.attribute(Namespace::NONE, name);
        let text = value("sel").ok_or(Problem::AttributeValue("no selector"))?;
        let selector = Selector::parse(text, scope)?;
        let directive = match &*element.name.local {
            "add" => {
                if selector.last != Last::Node {
                    return Err(Problem::AttributeValue("selector of add is no node"));
                }
                match value("type") {
                    Some(kind) => Directive::Assign(Last::parse(kind, scope)?, only_text(&element.children)?),
                    None => Directive::Add(position(value("pos"))?, &element.children),
                }
            }
            "replace" => Directive::Replace(&element.children),
            _ => {
                if !element.children.iter().all(is_layout) {
                    return Err(Problem::DiffFormat("content in remove"));
                }
                Directive::Remove(space(value("ws"))?)
            }
        };
        Ok(Self { selector, directive })
    }
}

fn position(value: Option<&str>) -> Result<Position, Problem> {
    match value {
        None => Ok(Position::Append),
        Some("prepend") => Ok(Position::Prepend),
        Some("before") => Ok(Position::Before),
        Some("after") => Ok(Position::After),
        Some(_) => Err(Problem::AttributeValue("pos")),
    }
}

fn space(value: Option<&str>) -> Result<Space, Problem> {
    let (before, after) = match value {
        None => (false, false),
        Some("before") => (true, false),
        Some("after") => (false, true),
        Some("both") => (true, true),
        Some(_) => return Err(Problem::AttributeValue("ws")),
    };
    Ok(Space { before, after })
}

/// The text that stands alone, empty for nothing.
pub(super) fn only_text<'n>(nodes: &'n [Node<'_>]) -> Result<&'n str, Problem> {
    match nodes {
        [] => Ok(""),
        [Node::Text(text)] => Ok(text),
        _ => Err(Problem::NodeTypes("text expected")),
    }
}

/// The node that stands alone but for white space.
pub(super) fn only_node<'n, 'a>(nodes: &'n [Node<'a>]) -> Result<&'n Node<'a>, Problem> {
    let mut others = nodes.iter().filter(|node| !is_layout(node));
    match (others.next(), others.next()) {
        (Some(node), None) => Ok(node),
        _ => Err(Problem::NodeTypes("one node expected")),
    }
}

fn is_layout(node: &Node<'_>) -> bool {
    matches!(node, Node::Text(text) if is_blank(text))
}
