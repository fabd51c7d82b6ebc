//! Bringing nodes of a patch into the document: which prefixes their names have there
//! (RFC 5261 section 4.2.3).

use std::borrow::Cow;

use super::Problem;
use super::locate::Budget;
use crate::xml::{Attribute, Declaration, Element, Name, Namespace, Node, Scope};

/// Where nodes are put in: the declarations in force there, and the name of the element that
/// they come into (the evaluation context node).
pub(super) struct Soil<'a> {
    pub(super) scope: Scope<'a>,
    pub(super) around: Option<Name<'a>>,
    /// Elements around.
    pub(super) depth: usize,
}

impl<'a> Soil<'a> {
    /// Copies nodes so that their names mean here what they mean in the patch.
    pub(super) fn graft(
        &mut self,
        nodes: &[Node<'a>],
        depth: usize,
        budget: &mut Budget,
    ) -> Result<Vec<Node<'a>>, Problem> {
        let mut graft = Graft { soil: self, carried: Vec::new(), depth, budget };
        graft.nodes(nodes)
    }

    /// The prefix for a name that the patch writes with `prefix`; none if none stands for its namespace.
    fn prefix(&self, prefix: &str, namespace: Namespace, attribute: bool) -> Option<Cow<'a, str>> {
        if namespace == Namespace::NONE {
            let plain = attribute || self.scope.resolve("") == Some(Namespace::NONE);
            return plain.then_some(Cow::Borrowed(""));
        }
        if namespace == Namespace::XML {
            return Some(Cow::Borrowed("xml"));
        }
        let usable = |candidate: &&Cow<'a, str>| !(attribute && candidate.is_empty());
        let mut candidates: Vec<&Cow<'a, str>> = self.scope.prefixes(namespace).filter(usable).collect();
        candidates.sort_unstable();
        let around = self.around.as_ref().filter(|around| around.namespace == namespace);
        let same = |wanted: &str| candidates.iter().find(|candidate| ***candidate == wanted).copied();
        same(prefix)
            .or_else(|| around.and_then(|around| same(&around.prefix)))
            .or_else(|| candidates.iter().rev().find(|candidate| candidate.as_ref() < prefix).copied())
            .or_else(|| candidates.first().copied())
            .cloned()
    }

    /// The name of an attribute, and the declaration that it needs, if any.
    pub(super) fn attribute(
        &mut self,
        prefix: &'_ str,
        namespace: Namespace,
        local: &str,
    ) -> (Name<'a>, Option<Declaration<'a>>) {
        let local = Cow::Owned(local.to_owned());
        match self.prefix(prefix, namespace, true) {
            Some(prefix) => (Name { prefix, namespace, local }, None),
            None => {
                let prefix = self.fresh(Cow::Owned(prefix.to_owned()));
                let declaration = Declaration { prefix: prefix.clone(), namespace };
                (Name { prefix, namespace, local }, Some(declaration))
            }
        }
    }

    /// The prefix, or one like it, that nothing is declared for.
    fn fresh(&self, prefix: Cow<'a, str>) -> Cow<'a, str> {
        let mut fresh = prefix.clone();
        let mut number = 1;
        while self.scope.place(&fresh).is_some() {
            fresh = Cow::Owned(format!("{prefix}{number}"));
            number += 1;
        }
        fresh
    }
}

struct Graft<'g, 'a> {
    soil: &'g mut Soil<'a>,
    /// Prefixes that the content brings along; their names stay as they are.
    carried: Vec<Cow<'a, str>>,
    /// Most elements within each other.
    depth: usize,
    budget: &'g mut Budget,
}

impl<'a> Graft<'_, 'a> {
    fn nodes(&mut self, nodes: &[Node<'a>]) -> Result<Vec<Node<'a>>, Problem> {
        self.budget.spend(nodes.len())?;
        let mut copies = Vec::with_capacity(nodes.len());
        for node in nodes {
            copies.push(match node {
                Node::Element(element) => Node::Element(Box::new(self.element(element)?)),
                other => other.clone(),
            });
        }
        Ok(copies)
    }

    fn element(&mut self, element: &Element<'a>) -> Result<Element<'a>, Problem> {
        if self.soil.depth >= self.depth {
            return Err(Problem::TooLarge("depth"));
        }
        self.budget.spend(element.attributes.len() + element.declarations.len())?;
        let (mark, carried) = (self.soil.scope.mark(), self.carried.len());
        let mut declarations = element.declarations.clone();
        for declaration in &declarations {
            self.soil.scope.declare(declaration.prefix.clone(), declaration.namespace);
            self.carried.push(declaration.prefix.clone());
        }
        let name = self.name(&element.name, false, &mut declarations);
        let mut attributes = Vec::with_capacity(element.attributes.len());
        for attribute in &element.attributes {
            let name = self.name(&attribute.name, true, &mut declarations);
            attributes.push(Attribute { name, value: attribute.value.clone() });
        }
        self.soil.depth += 1;
        let children = self.nodes(&element.children)?;
        self.soil.depth -= 1;
        self.soil.scope.leave(mark);
        self.carried.truncate(carried);
        Ok(Element { name, declarations, attributes, children })
    }

    /// The name as it has to be written here. A namespace that no prefix stands for is declared.
    fn name(
        &mut self,
        name: &Name<'a>,
        attribute: bool,
        declarations: &mut Vec<Declaration<'a>>,
    ) -> Name<'a> {
        let plain = attribute && name.prefix.is_empty();
        if plain || self.carried.contains(&name.prefix) {
            return name.clone();
        }
        let prefix = self.soil.prefix(&name.prefix, name.namespace, attribute).unwrap_or_else(|| {
            // A default namespace may take the place of another: all names inside are
            // looked at after this.
            let prefix = match &*name.prefix {
                "" => name.prefix.clone(),
                _ => self.soil.fresh(name.prefix.clone()),
            };
            self.soil.scope.declare(prefix.clone(), name.namespace);
            declarations.push(Declaration { prefix: prefix.clone(), namespace: name.namespace });
            prefix
        });
        Name { prefix, namespace: name.namespace, local: name.local.clone() }
    }
}
