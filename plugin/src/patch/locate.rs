//! Finding the one node that a selector means.

use super::selector::{Condition, Last, QualifiedName, Selector, Step, Test};
use super::{Identified, Problem};
use crate::xml::{Document, Element, Node};

/// What a patch may cost, in nodes looked at and eights of bytes compared.
const WORK: usize = 1_000_000;

/// What is left to spend on a patch.
pub(super) struct Budget {
    left: usize,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self { left: WORK }
    }

    pub(super) fn spend(&mut self, work: usize) -> Result<(), Problem> {
        self.left = self.left.checked_sub(work).ok_or(Problem::TooMuchWork)?;
        Ok(())
    }

    fn equal(&mut self, a: &str, b: &str) -> Result<bool, Problem> {
        if a.len() != b.len() {
            return Ok(false);
        }
        self.spend(a.len() / 8)?;
        Ok(a == b)
    }
}

/// The places of a node and of those around it, the outermost first.
pub(super) type Path = Vec<usize>;

/// A second name for the root, for documents that are known under two.
pub(super) type Alias<'l> = Option<QualifiedName<'l>>;

/// Finds the node of a selector; what it says of the node is the caller's matter.
pub(super) fn locate(
    document: &Document<'_>,
    selector: &Selector<'_>,
    alias: Alias<'_>,
    identified: &Identified,
    budget: &mut Budget,
) -> Result<Path, Problem> {
    let mut search = Search { alias, budget, path: Vec::new(), found: None };
    match selector.id {
        Some(id) => {
            let mut places = Vec::new();
            identify(&document.nodes, id, identified, search.budget, &mut places, &mut search.found)?;
            let path = search.found.take().ok_or(Problem::Unlocated)?;
            let element = element_at(document, &path).ok_or(Problem::Unlocated)?;
            search.path = path;
            search.inside(&element.children, &selector.steps)?;
        }
        None if selector.steps.is_empty() => {}
        None => search.inside(&document.nodes, &selector.steps)?,
    }
    search.found.ok_or(Problem::Unlocated)
}

/// The element at a path.
pub(super) fn element_at<'d, 'a>(document: &'d Document<'a>, path: &[usize]) -> Option<&'d Element<'a>> {
    let (first, rest) = path.split_first()?;
    let mut element = document.nodes.get(*first)?.element()?;
    for place in rest {
        element = element.children.get(*place)?.element()?;
    }
    Some(element)
}

struct Search<'b, 'l> {
    alias: Alias<'l>,
    budget: &'b mut Budget,
    path: Path,
    found: Option<Path>,
}

impl Search<'_, '_> {
    /// Follows the steps from the node at the path, whose children are `nodes`.
    fn inside(&mut self, nodes: &[Node<'_>], steps: &[Step<'_>]) -> Result<(), Problem> {
        let Some((step, rest)) = steps.split_first() else {
            if self.found.is_some() {
                return Err(Problem::Ambiguous);
            }
            self.found = Some(self.path.clone());
            return Ok(());
        };
        for place in self.chosen(nodes, step)? {
            self.path.push(place);
            let children =
                nodes.get(place).and_then(Node::element).map(|element| element.children.as_slice());
            self.inside(children.unwrap_or_default(), rest)?;
            self.path.pop();
        }
        Ok(())
    }

    /// The nodes that a step leads to.
    fn chosen(&mut self, nodes: &[Node<'_>], step: &Step<'_>) -> Result<Vec<usize>, Problem> {
        self.budget.spend(nodes.len() + 1)?;
        let mut chosen = Vec::new();
        for (place, node) in nodes.iter().enumerate() {
            if self.passes(node, &step.test)? {
                chosen.push(place);
            }
        }
        for condition in &step.conditions {
            if let Condition::Place(number) = condition {
                let place = number.checked_sub(1).and_then(|place| chosen.get(place)).copied();
                chosen = place.into_iter().collect();
                continue;
            }
            self.budget.spend(chosen.len())?;
            let mut left = Vec::with_capacity(chosen.len());
            for place in chosen {
                if let Some(element) = nodes.get(place).and_then(Node::element)
                    && self.holds(element, condition)?
                {
                    left.push(place);
                }
            }
            chosen = left;
        }
        Ok(chosen)
    }

    fn passes(&mut self, node: &Node<'_>, test: &Test<'_>) -> Result<bool, Problem> {
        Ok(match (test, node) {
            (Test::Any, Node::Element(_))
            | (Test::Text, Node::Text(_))
            | (Test::Comment, Node::Comment(_)) => true,
            (Test::Named(name), Node::Element(element)) => {
                self.named(element, name)?
                    || (self.path.is_empty()
                        && self.alias.is_some_and(|alias| {
                            (alias.namespace, alias.local) == (name.namespace, name.local)
                        }))
            }
            (Test::Instruction(target), Node::Instruction(other, _)) => {
                target.is_none_or(|target| target == *other)
            }
            _ => false,
        })
    }

    fn named(&mut self, element: &Element<'_>, name: &QualifiedName<'_>) -> Result<bool, Problem> {
        Ok(element.name.namespace == name.namespace && self.budget.equal(&element.name.local, name.local)?)
    }

    fn holds(&mut self, element: &Element<'_>, condition: &Condition<'_>) -> Result<bool, Problem> {
        match condition {
            Condition::Place(_) => Ok(true),
            Condition::Attribute(name, value) => {
                self.budget.spend(element.attributes.len())?;
                match element.attribute(name.namespace, name.local) {
                    Some(other) => self.budget.equal(other, value),
                    None => Ok(false),
                }
            }
            Condition::Own(value) => Ok(self.text(element, value)? == Some("")),
            Condition::Child(name, value) => {
                self.budget.spend(element.children.len())?;
                for child in element.elements() {
                    if self.named(child, name)? && self.text(child, value)? == Some("") {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
        }
    }

    /// What is left of `value` after all text in an element; `None` if that is not its beginning.
    fn text<'v>(&mut self, element: &Element<'_>, value: &'v str) -> Result<Option<&'v str>, Problem> {
        self.budget.spend(element.children.len() + 1)?;
        let mut rest = value;
        for child in &element.children {
            let after = match child {
                Node::Text(text) => {
                    self.budget.spend(text.len().min(rest.len()) / 8)?;
                    rest.strip_prefix(&**text)
                }
                Node::Element(element) => self.text(element, rest)?,
                Node::Comment(_) | Node::Instruction(..) => Some(rest),
            };
            match after {
                Some(after) => rest = after,
                None => return Ok(None),
            }
        }
        Ok(Some(rest))
    }
}

/// Looks for the element with an identifier.
fn identify(
    nodes: &[Node<'_>],
    id: &str,
    identified: &Identified,
    budget: &mut Budget,
    path: &mut Path,
    found: &mut Option<Path>,
) -> Result<(), Problem> {
    budget.spend(nodes.len())?;
    for (place, node) in nodes.iter().enumerate() {
        let Some(element) = node.element() else { continue };
        path.push(place);
        budget.spend(element.attributes.len())?;
        if let Some(other) = identified.of(element)
            && budget.equal(other, id)?
        {
            if found.is_some() {
                return Err(Problem::Ambiguous);
            }
            *found = Some(path.clone());
        }
        identify(&element.children, id, identified, budget, path, found)?;
        path.pop();
    }
    Ok(())
}

impl Last<'_> {
    /// The place of the attribute or declaration among those of the element.
    pub(super) fn place(&self, element: &Element<'_>) -> Result<usize, Problem> {
        let place = match self {
            Self::Node => None,
            Self::Attribute(name) => {
                element.attributes.iter().position(|attribute| attribute.name.is(name.namespace, name.local))
            }
            Self::Declaration(prefix) => {
                element.declarations.iter().position(|declaration| declaration.prefix == *prefix)
            }
        };
        place.ok_or(Problem::Unlocated)
    }
}
