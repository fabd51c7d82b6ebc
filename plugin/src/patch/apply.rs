//! Applying a patch, operation by operation (RFC 5261 section 4).

use std::borrow::Cow;

use super::locate::{Alias, Budget, Path, element_at, locate};
use super::mangle::Soil;
use super::operation::{Directive, Operation, Patch, Position, Space, only_node, only_text};
use super::selector::{Last, QualifiedName};
use super::{Identified, PatchError, Problem};
use crate::xml::{
    Attribute, Declaration, Document, Element, Limits, Namespace, Namespaces, Node, Scope, is_blank, reserved,
};

/// Applies all operations in order, or none: the document comes back only if all succeed.
/// `namespaces` are those of document and patch; `alias` is a second name for the
/// document's root. The outcome is not deeper than `limits` say.
///
/// # Errors
/// The first operation that fails, and why.
pub fn apply<'a>(
    document: Document<'a>,
    patch: &Patch<'a, '_>,
    namespaces: &mut Namespaces,
    identified: &Identified,
    alias: Alias<'_>,
    limits: &Limits,
) -> Result<Document<'a>, PatchError> {
    let mut patching = Patching { document, namespaces, limits, budget: Budget::new(), declared: 0 };
    for (number, element) in patch.elements().enumerate() {
        let scope = patch.scope(element);
        Operation::read(element, &scope)
            .and_then(|operation| {
                let Patching { document, budget, .. } = &mut patching;
                let path = locate(document, &operation.selector, alias, identified, budget)?;
                patching.perform(&operation, path)
            })
            .map_err(|problem| PatchError { operation: number + 1, problem })?;
    }
    Ok(patching.document)
}

struct Patching<'a, 'l> {
    document: Document<'a>,
    namespaces: &'l mut Namespaces,
    limits: &'l Limits,
    budget: Budget,
    /// Declarations added one by one.
    declared: usize,
}

impl<'a> Patching<'a, '_> {
    fn perform(&mut self, operation: &Operation<'_, 'a>, path: Path) -> Result<(), Problem> {
        match (operation.selector.last, &operation.directive) {
            (Last::Node, Directive::Add(position, nodes)) => self.add(path, *position, nodes),
            (Last::Node, Directive::Assign(Last::Attribute(name), value)) => {
                self.add_attribute(&path, *name, value)
            }
            (Last::Node, Directive::Assign(Last::Declaration(prefix), uri)) => {
                self.add_declaration(&path, prefix, uri)
            }
            (Last::Node, Directive::Replace(nodes)) => self.replace(path, nodes),
            (Last::Node, Directive::Remove(space)) => self.remove(path, *space),
            (last, Directive::Replace(nodes)) => {
                let text = only_text(nodes)?;
                let place = last.place(self.element(&path)?)?;
                match last {
                    Last::Declaration(prefix) => self.redeclare(&path, place, prefix, text),
                    _ => self.reassign(&path, place, text),
                }
            }
            (last, Directive::Remove(space)) => {
                if *space != Space::default() {
                    return Err(Problem::AttributeValue("ws"));
                }
                let place = last.place(self.element(&path)?)?;
                match last {
                    Last::Declaration(prefix) => self.undeclare(&path, place, prefix),
                    _ => {
                        self.element_mut(&path)?.attributes.remove(place);
                        Ok(())
                    }
                }
            }
            // The grammar of add has no such selector, and its type always names something.
            (_, Directive::Add(..) | Directive::Assign(..)) => Err(Problem::AttributeValue("add")),
        }
    }

    fn element(&self, path: &[usize]) -> Result<&Element<'a>, Problem> {
        element_at(&self.document, path).ok_or(Problem::NodeTypes("element expected"))
    }

    fn element_mut(&mut self, path: &[usize]) -> Result<&mut Element<'a>, Problem> {
        let (last, around) = path.split_last().ok_or(Problem::NodeTypes("element expected"))?;
        let node = self.nodes_mut(around)?.get_mut(*last).and_then(Node::element_mut);
        node.ok_or(Problem::NodeTypes("element expected"))
    }

    /// The children of the element at a path; the document's own for an empty one.
    fn nodes_mut(&mut self, path: &[usize]) -> Result<&mut Vec<Node<'a>>, Problem> {
        let mut nodes = &mut self.document.nodes;
        for place in path {
            let element = nodes.get_mut(*place).and_then(Node::element_mut);
            nodes = &mut element.ok_or(Problem::NodeTypes("element expected"))?.children;
        }
        Ok(nodes)
    }

    /// The declarations in force in the element at a path.
    fn scope(&self, path: &[usize]) -> Scope<'a> {
        let mut scope = Scope::default();
        for length in 1..=path.len() {
            let element = path.get(..length).and_then(|path| element_at(&self.document, path));
            for declaration in element.iter().flat_map(|element| &element.declarations) {
                scope.declare(declaration.prefix.clone(), declaration.namespace);
            }
        }
        scope
    }

    fn graft(&mut self, around: &[usize], nodes: &[Node<'a>]) -> Result<Vec<Node<'a>>, Problem> {
        let name = element_at(&self.document, around).map(|element| element.name.clone());
        let mut soil = Soil { scope: self.scope(around), around: name, depth: around.len() };
        soil.graft(nodes, self.limits.depth, &mut self.budget)
    }

    fn add(&mut self, mut path: Path, position: Position, nodes: &[Node<'a>]) -> Result<(), Problem> {
        let place = match position {
            Position::Append => self.element(&path)?.children.len(),
            Position::Prepend => self.element(&path).map(|_| 0)?,
            Position::Before => path.pop().unwrap_or_default(),
            Position::After => path.pop().unwrap_or_default() + 1,
        };
        let mut nodes = self.graft(&path, nodes)?;
        if path.is_empty() {
            nodes.retain(|node| !matches!(node, Node::Text(text) if is_blank(text)));
            if nodes.iter().any(|node| matches!(node, Node::Element(_) | Node::Text(_))) {
                return Err(Problem::RootElementOperation);
            }
        }
        let count = nodes.len();
        let all = self.nodes_mut(&path)?;
        let length = all.len();
        all.splice(place..place, nodes);
        let moved = join(all, place + count) + join(all, place);
        self.budget.spend(length / 16 + moved / 64)
    }

    fn replace(&mut self, mut path: Path, nodes: &[Node<'a>]) -> Result<(), Problem> {
        let place = path.pop().ok_or(Problem::Unlocated)?;
        let located = self.nodes_mut(&path)?.get(place).ok_or(Problem::Unlocated)?;
        if let Node::Text(_) = located {
            let text = only_text(nodes)?.to_owned();
            let all = self.nodes_mut(&path)?;
            if text.is_empty() {
                all.remove(place);
                join(all, place);
            } else if let Some(node) = all.get_mut(place) {
                *node = Node::Text(Cow::Owned(text));
            }
            return Ok(());
        }
        let node = only_node(nodes)?;
        let alike = matches!(
            (located, node),
            (Node::Element(_), Node::Element(_))
                | (Node::Comment(_), Node::Comment(_))
                | (Node::Instruction(..), Node::Instruction(..))
        );
        if !alike {
            return Err(Problem::NodeTypes("replacement of another type"));
        }
        let copies = self.graft(&path, std::slice::from_ref(node))?;
        self.nodes_mut(&path)?.splice(place..=place, copies);
        Ok(())
    }

    fn remove(&mut self, mut path: Path, space: Space) -> Result<(), Problem> {
        let place = path.pop().ok_or(Problem::Unlocated)?;
        let root = path.is_empty();
        let all = self.nodes_mut(&path)?;
        match all.get(place) {
            Some(Node::Element(_)) if root => return Err(Problem::RootElementOperation),
            Some(Node::Text(_)) if space != Space::default() => return Err(Problem::AttributeValue("ws")),
            _ => {}
        }
        let blank = |place: Option<usize>| matches!(place.and_then(|place| all.get(place)), Some(Node::Text(text)) if is_blank(text));
        let wanting =
            (space.before && !blank(place.checked_sub(1))) || (space.after && !blank(Some(place + 1)));
        if wanting {
            return Err(Problem::WhitespaceDirective);
        }
        let length = all.len();
        let start = place - usize::from(space.before);
        all.drain(start..=place + usize::from(space.after));
        let moved = join(all, start);
        self.budget.spend(length / 16 + moved / 64)
    }

    fn add_attribute(&mut self, path: &[usize], name: QualifiedName<'_>, value: &str) -> Result<(), Problem> {
        let element = self.element(path)?;
        if element.attribute(name.namespace, name.local).is_some() {
            return Err(Problem::AttributeValue("attribute is there already"));
        }
        let mut soil =
            Soil { scope: self.scope(path), around: Some(element.name.clone()), depth: path.len() };
        let (name, declaration) = soil.attribute(name.prefix, name.namespace, name.local);
        let limit = self.limits.attributes;
        let element = self.element_mut(path)?;
        element.declarations.extend(declaration);
        element.attributes.push(Attribute { name, value: Cow::Owned(value.to_owned()) });
        if element.attributes.len() + element.declarations.len() > limit {
            return Err(Problem::TooLarge("attributes"));
        }
        Ok(())
    }

    fn reassign(&mut self, path: &[usize], place: usize, value: &str) -> Result<(), Problem> {
        let attribute = self.element_mut(path)?.attributes.get_mut(place).ok_or(Problem::Unlocated)?;
        attribute.value = Cow::Owned(value.to_owned());
        Ok(())
    }

    fn add_declaration(&mut self, path: &[usize], prefix: &str, uri: &str) -> Result<(), Problem> {
        let namespace = self.name_of(prefix, uri)?;
        let element = self.element(path)?;
        if element.declarations.iter().any(|declaration| declaration.prefix == prefix) {
            return Err(Problem::NamespacePrefix("declared already"));
        }
        let outside = self.scope(path).resolve(prefix);
        let mut work = 0;
        let used = outside != Some(namespace) && uses(element, prefix, &mut work);
        self.budget.spend(work)?;
        if used {
            return Err(Problem::NamespacePrefix("in use for another namespace"));
        }
        let limit = self.limits.attributes;
        let element = self.element_mut(path)?;
        element.declarations.push(Declaration { prefix: Cow::Owned(prefix.to_owned()), namespace });
        if element.attributes.len() + element.declarations.len() > limit {
            return Err(Problem::TooLarge("attributes"));
        }
        Ok(())
    }

    fn redeclare(&mut self, path: &[usize], place: usize, prefix: &str, uri: &str) -> Result<(), Problem> {
        let namespace = self.name_of(prefix, uri)?;
        let mut work = 0;
        let element = self.element_mut(path)?;
        rebind(element, prefix, namespace, &mut work);
        if let Some(declaration) = element.declarations.get_mut(place) {
            declaration.namespace = namespace;
        }
        self.budget.spend(work)
    }

    fn undeclare(&mut self, path: &[usize], place: usize, prefix: &str) -> Result<(), Problem> {
        let element = self.element(path)?;
        let around = path.split_last().map_or(&[][..], |(_, around)| around);
        let inherited = self.scope(around).resolve(prefix);
        let own = element.declarations.get(place).map(|declaration| declaration.namespace);
        let mut work = 0;
        let used = inherited != own && uses(element, prefix, &mut work);
        self.budget.spend(work)?;
        if used {
            return Err(Problem::NamespacePrefix("in use"));
        }
        self.element_mut(path)?.declarations.remove(place);
        Ok(())
    }

    /// The namespace that a prefix shall stand for.
    fn name_of(&mut self, prefix: &str, uri: &str) -> Result<Namespace, Problem> {
        if uri.is_empty() {
            return Err(Problem::NamespaceUri("empty"));
        }
        if reserved(prefix, uri) {
            return Err(Problem::NamespacePrefix("reserved"));
        }
        self.declared += 1;
        if self.declared > self.limits.namespaces {
            return Err(Problem::TooLarge("namespaces"));
        }
        Ok(self.namespaces.number(uri))
    }
}

/// Joins the character data on both sides of a place, if there is; tells how much was moved.
fn join(nodes: &mut Vec<Node<'_>>, place: usize) -> usize {
    let Some(before) = place.checked_sub(1) else { return 0 };
    if !matches!((nodes.get(before), nodes.get(place)), (Some(Node::Text(_)), Some(Node::Text(_)))) {
        return 0;
    }
    let Node::Text(second) = nodes.remove(place) else { return 0 };
    match nodes.get_mut(before) {
        Some(Node::Text(first)) => {
            first.to_mut().push_str(&second);
            first.len()
        }
        _ => 0,
    }
}

/// Whether a name in an element has a prefix that was declared outside of it, or on it.
fn uses(element: &Element<'_>, prefix: &str, work: &mut usize) -> bool {
    *work += 1 + element.attributes.len() + element.declarations.len() + element.children.len();
    let has =
        |name: &crate::xml::Name<'_>, attribute| name.prefix == prefix && !(attribute && prefix.is_empty());
    has(&element.name, false)
        || element.attributes.iter().any(|attribute| has(&attribute.name, true))
        || element.elements().any(|child| {
            let shadowed = child.declarations.iter().any(|declaration| declaration.prefix == prefix);
            !shadowed && uses(child, prefix, work)
        })
}

/// Gives the names with a prefix another namespace.
fn rebind(element: &mut Element<'_>, prefix: &str, namespace: Namespace, work: &mut usize) {
    *work += 1 + element.attributes.len() + element.declarations.len() + element.children.len();
    if element.name.prefix == prefix {
        element.name.namespace = namespace;
    }
    for attribute in &mut element.attributes {
        if attribute.name.prefix == prefix && !prefix.is_empty() {
            attribute.name.namespace = namespace;
        }
    }
    for child in element.children.iter_mut().filter_map(Node::element_mut) {
        if !child.declarations.iter().any(|declaration| declaration.prefix == prefix) {
            rebind(child, prefix, namespace, work);
        }
    }
}
