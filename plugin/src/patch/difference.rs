//! Finding the operations that lead from one document to another.
//!
//! Elements are followed by their `id`, those without by what they hold, then by name and
//! order. An element that stayed is patched inside, unless putting the new one in its place
//! takes fewer bytes. Selectors name an element by its `id` or its name where that is
//! enough, else by its place. The same two documents always give the same operations.

mod align;

use std::collections::BTreeMap;

use crate::xml::{
    Declaration, Document, Element, Name, Namespace, Namespaces, Node, Scope, fragment, literal,
};

/// What leads from one document to another, to stand in a patch document whose root declares
/// `declarations` and the prefix of the operations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference<'d> {
    /// What the root of the patch has to declare.
    pub declarations: Vec<Declaration<'d>>,
    /// The operations.
    pub operations: Vec<u8>,
}

/// The operations, with elements of prefix `prefix`, that make `new` out of `old`; none if no patch of up
/// to `limit` bytes does. Comments and processing instructions around the roots are left
/// out of account.
#[must_use]
pub fn difference<'d>(
    old: &'d Document<'_>,
    new: &'d Document<'_>,
    namespaces: &Namespaces,
    prefix: &str,
    limit: usize,
) -> Option<Difference<'d>> {
    let (old, new) = (old.root()?, new.root()?);
    if old.name != new.name {
        return None;
    }
    let mut declarations: Vec<Declaration<'d>> = Vec::new();
    for declaration in old.declarations.iter().chain(&new.declarations) {
        let known = declarations.iter().find(|known| known.prefix == declaration.prefix);
        match known {
            Some(known) if known.namespace == declaration.namespace => {}
            None if declaration.prefix != prefix => declarations.push(Declaration {
                prefix: (&*declaration.prefix).into(),
                namespace: declaration.namespace,
            }),
            _ => return None,
        }
    }
    // The default namespace is declared in no other way than by replacing the element.
    let default = |element: &Element<'_>| element.declarations.iter().any(|known| known.prefix.is_empty());
    if default(old) != default(new) {
        return None;
    }
    let mut scope = Scope::default();
    for declaration in &declarations {
        scope.declare(declaration.prefix.clone(), declaration.namespace);
    }
    let mut writer = Writer { namespaces, prefix, scope, limit, out: Vec::new() };
    for added in lacking(&new.declarations, &old.declarations) {
        writer.open("add", "*");
        writer.out.extend_from_slice(b" type=\"namespace::");
        writer.out.extend_from_slice(added.prefix.as_bytes());
        writer.out.extend_from_slice(b"\">");
        let uri = Node::Text(namespaces.uri(added.namespace).into());
        writer.close("add", std::slice::from_ref(&uri));
    }
    if !writer.element(old, new, "*") {
        return None;
    }
    for removed in lacking(&old.declarations, &new.declarations) {
        writer.open("remove", &format!("*/namespace::{}", removed.prefix));
        writer.out.extend_from_slice(b"/>");
    }
    (writer.out.len() <= limit).then_some(Difference { declarations, operations: writer.out })
}

/// The declarations that are not among others.
fn lacking<'d, 'a>(
    these: &'d [Declaration<'a>],
    others: &'d [Declaration<'a>],
) -> impl Iterator<Item = &'d Declaration<'a>> {
    these.iter().filter(|declaration| !others.iter().any(|other| other.prefix == declaration.prefix))
}

struct Writer<'w> {
    namespaces: &'w Namespaces,
    prefix: &'w str,
    /// What the patch document declares.
    scope: Scope<'w>,
    limit: usize,
    out: Vec<u8>,
}

impl Writer<'_> {
    /// Writes what has to be done to an element that stays where it is; false if it has to be
    /// replaced.
    fn element(&mut self, old: &Element<'_>, new: &Element<'_>, selector: &str) -> bool {
        if self.out.len() > self.limit || !self.attributes(old, new, selector) {
            return false;
        }
        match (&old.children[..], &new.children[..]) {
            ([Node::Text(before)], [Node::Text(after)]) => {
                if before != after {
                    self.open("replace", &format!("{selector}/text()"));
                    self.out.push(b'>');
                    self.close("replace", &new.children);
                }
                true
            }
            ([], [Node::Text(_)]) => {
                self.open("add", selector);
                self.out.push(b'>');
                self.close("add", &new.children);
                true
            }
            ([Node::Text(_)], []) => {
                self.open("remove", &format!("{selector}/text()"));
                self.out.extend_from_slice(b"/>");
                true
            }
            (before, after) => match (elements(before), elements(after)) {
                (Some(before), Some(after)) => {
                    self.children(&before, &after, &new.children, selector);
                    true
                }
                _ => false,
            },
        }
    }

    fn attributes(&mut self, old: &Element<'_>, new: &Element<'_>, selector: &str) -> bool {
        for attribute in &old.attributes {
            let Some(name) = self.attribute_name(&attribute.name) else { return false };
            match new.attribute(attribute.name.namespace, &attribute.name.local) {
                Some(value) if value == attribute.value => {}
                Some(value) => {
                    let value = Node::Text(value.into());
                    self.open("replace", &format!("{selector}/@{name}"));
                    self.out.push(b'>');
                    self.close("replace", std::slice::from_ref(&value));
                }
                None => {
                    self.open("remove", &format!("{selector}/@{name}"));
                    self.out.extend_from_slice(b"/>");
                }
            }
        }
        for attribute in &new.attributes {
            if old.attribute(attribute.name.namespace, &attribute.name.local).is_none() {
                let Some(name) = self.attribute_name(&attribute.name) else { return false };
                let value = Node::Text(attribute.value.clone());
                self.open("add", selector);
                self.out.extend_from_slice(b" type=\"@");
                self.out.extend_from_slice(name.as_bytes());
                self.out.extend_from_slice(b"\">");
                self.close("add", std::slice::from_ref(&value));
            }
        }
        true
    }

    /// Children that are all elements: some go, then some come, then those that stayed are patched.
    fn children(&mut self, old: &[&Element<'_>], new: &[&Element<'_>], nodes: &[Node<'_>], selector: &str) {
        let stays = align::align(old, new);
        let names = Steps::new(old, new);
        let mut gone = vec![true; old.len()];
        for place in stays.iter().flatten() {
            if let Some(gone) = gone.get_mut(*place) {
                *gone = false;
            }
        }
        // From the last on, so that no place before changes.
        for (place, element) in old.iter().enumerate().rev() {
            if gone.get(place) == Some(&true) {
                let step = names.step(&self.scope, element, place);
                self.open("remove", &format!("{selector}/{step}"));
                self.out.extend_from_slice(b"/>");
            }
        }
        let mut start = 0;
        while start < new.len() {
            if stays.get(start).copied().flatten().is_some() {
                start += 1;
                continue;
            }
            let come = stays.iter().skip(start).take_while(|stays| stays.is_none()).count();
            let end = start + come;
            let before = start.checked_sub(1).and_then(|place| Some((place, *new.get(place)?)));
            match before {
                _ if end == new.len() => self.open("add", selector),
                None => {
                    self.open("add", selector);
                    self.out.extend_from_slice(b" pos=\"prepend\"");
                }
                Some((place, element)) => {
                    let step = names.step(&self.scope, element, place);
                    self.open("add", &format!("{selector}/{step}"));
                    self.out.extend_from_slice(b" pos=\"after\"");
                }
            }
            self.out.push(b'>');
            self.close("add", nodes.get(start..end).unwrap_or_default());
            start = end;
        }
        for (place, (stayed, element)) in stays.iter().zip(new).enumerate() {
            if let Some(before) = stayed.and_then(|place| old.get(place))
                && before != element
            {
                let step = names.step(&self.scope, element, place);
                self.change(before, element, &format!("{selector}/{step}"), nodes.get(place));
            }
        }
    }

    /// Patches an element or puts the new one in its place, whichever is shorter.
    fn change(&mut self, old: &Element<'_>, new: &Element<'_>, selector: &str, node: Option<&Node<'_>>) {
        let start = self.out.len();
        // Inside of an element with declarations of its own, names cannot be told in a selector.
        let plain = old.name == new.name && old.declarations.is_empty() && new.declarations.is_empty();
        let patched = plain && self.element(old, new, selector);
        let patch = self.out.split_off(start);
        self.open("replace", selector);
        self.out.push(b'>');
        self.close("replace", node.map(std::slice::from_ref).unwrap_or_default());
        if patched && patch.len() < self.out.len() - start {
            self.out.truncate(start);
            self.out.extend_from_slice(&patch);
        }
    }

    /// The start tag of an operation, without its end.
    fn open(&mut self, operation: &str, selector: &str) {
        for piece in ["<", self.prefix, ":", operation, " sel=\""] {
            self.out.extend_from_slice(piece.as_bytes());
        }
        literal(selector, &mut self.out);
        self.out.push(b'"');
    }

    /// Content and end tag.
    fn close(&mut self, operation: &str, content: &[Node<'_>]) {
        fragment(content, self.namespaces, &mut self.out);
        for piece in ["</", self.prefix, ":", operation, ">"] {
            self.out.extend_from_slice(piece.as_bytes());
        }
    }

    fn attribute_name(&self, name: &Name<'_>) -> Option<String> {
        if name.namespace == Namespace::NONE {
            return Some(name.local.to_string());
        }
        // A namespace may have the element's prefix for elements only.
        let told = !name.prefix.is_empty() && self.scope.resolve(&name.prefix) == Some(name.namespace);
        told.then(|| format!("{}:{}", name.prefix, name.local))
    }
}

/// The elements, if there is nothing else.
fn elements<'n, 'a>(nodes: &'n [Node<'a>]) -> Option<Vec<&'n Element<'a>>> {
    nodes.iter().map(Node::element).collect()
}

/// How children of an element can be named, before, during and after the change.
struct Steps<'e> {
    names: BTreeMap<(Namespace, &'e str), [u32; 2]>,
    ids: BTreeMap<(Namespace, &'e str, &'e str), [u32; 2]>,
}

impl<'e> Steps<'e> {
    fn new(old: &[&'e Element<'_>], new: &[&'e Element<'_>]) -> Self {
        let mut steps = Self { names: BTreeMap::new(), ids: BTreeMap::new() };
        for (side, elements) in [old, new].into_iter().enumerate() {
            for element in elements {
                let name = (element.name.namespace, &*element.name.local);
                let count = steps.names.entry(name).or_default();
                if let Some(count) = count.get_mut(side) {
                    *count += 1;
                }
                if let Some(id) = element.attribute(Namespace::NONE, "id") {
                    let count = steps.ids.entry((name.0, name.1, id)).or_default();
                    if let Some(count) = count.get_mut(side) {
                        *count += 1;
                    }
                }
            }
        }
        steps
    }

    /// A step that leads to the element at that place and to no other.
    fn step(&self, scope: &Scope<'_>, element: &Element<'_>, place: usize) -> String {
        let once = |count: Option<&[u32; 2]>| count.is_some_and(|[old, new]| *old <= 1 && *new <= 1);
        let (namespace, local) = (element.name.namespace, &*element.name.local);
        if scope.resolve(&element.name.prefix) == Some(namespace) {
            let colon = if element.name.prefix.is_empty() { "" } else { ":" };
            let name = [&*element.name.prefix, colon, local].concat();
            if once(self.names.get(&(namespace, local))) {
                return name;
            }
            if let Some(id) = element.attribute(Namespace::NONE, "id")
                && !id.contains(['\'', '\n', '\r'])
                && once(self.ids.get(&(namespace, local, id)))
            {
                return format!("{name}[@id='{id}']");
            }
        }
        format!("*[{}]", place + 1)
    }
}
