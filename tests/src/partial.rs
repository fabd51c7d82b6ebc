//! The watcher's side of partial notification (RFC 5263 4.5): keeps a document, takes what
//! changed, and knows when it was told nonsense. The patches of RFC 5261 are applied here in
//! the plainest way, with names resolved by `roxmltree`, so that the server's own patcher and
//! differences are not judged by themselves.

use crate::pidf::{Document, NAMESPACE};
use crate::schema;
use crate::subscription::Notify;
use roxmltree::Node;

/// Content type of partial documents.
pub const PIDF_DIFF: &str = "application/pidf-diff+xml";

/// Accept of a watcher that prefers partial documents.
pub const EITHER: &str = "application/pidf+xml;q=0.3, application/pidf-diff+xml;q=1";

const DIFF: &str = "urn:ietf:params:xml:ns:pidf-diff";

/// An expanded name: namespace, local part.
type Name = (String, String);

/// An element: what counts of it, whatever the prefixes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    name: Name,
    attributes: Vec<(Name, String)>,
    children: Vec<Child>,
}

/// What is in an element.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Child {
    Element(Element),
    Text(String),
}

/// A partial document as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partial {
    /// `pidf-full`, not `pidf-diff`.
    pub full: bool,
    /// `version`.
    pub version: u32,
    text: String,
}

impl Partial {
    /// Reads a body; fails the test unless it is valid by the schemas, with a version and an entity.
    #[track_caller]
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        let text = std::str::from_utf8(bytes).expect("a document in UTF-8").to_owned();
        assert!(text.starts_with("<?xml version="), "an XML declaration (RFC 3863 4.1): {text}");
        schema::validate(&text);
        let document = parse(&text);
        let root = document.root_element();
        let full = root.has_tag_name((DIFF, "pidf-full"));
        assert!(full || root.has_tag_name((DIFF, "pidf-diff")), "{text}");
        assert!(root.attribute("entity").is_some(), "an entity (RFC 5262 3): {text}");
        let version = root.attribute("version").and_then(|v| v.parse().ok());
        let version = version.unwrap_or_else(|| panic!("a version (RFC 5263 4.4): {text}"));
        Self { full, version, text }
    }

    /// The text as it arrived.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl Notify {
    /// The partial document in it. Fails the test if there is none, or if it is not valid.
    #[track_caller]
    #[must_use]
    pub fn partial(&self) -> Partial {
        let kind = self.message().header("Content-Type").unwrap_or_default();
        assert_eq!(kind, PIDF_DIFF, "a partial document:\n{}", self.message());
        Partial::read(&self.message().body)
    }
}

/// What a watcher holds of a presentity.
#[derive(Clone, Debug, Default)]
pub struct Held {
    version: Option<u32>,
    root: Option<Element>,
}

impl Held {
    /// Takes what a NOTIFY brings and gives it. Fails the test if the version does not follow, or
    /// if a change cannot be made.
    #[track_caller]
    pub fn take(&mut self, notify: &Notify) -> Partial {
        let partial = notify.partial();
        let next = self.version.map_or(1, |version| version + 1);
        assert_eq!(partial.version, next, "versions grow by one (RFC 5263 4.4): {}", partial.text);
        self.put(&partial);
        partial
    }

    /// As [`Self::take`] where a NOTIFY was lost or a crash came between: a whole document, with a version
    /// that is higher by any number.
    #[track_caller]
    pub fn take_whole(&mut self, notify: &Notify) -> Partial {
        let partial = notify.partial();
        assert!(partial.full, "a whole document: {}", partial.text);
        assert!(Some(partial.version) > self.version, "versions never go back: {}", partial.text);
        self.put(&partial);
        partial
    }

    /// A document of the other type replaces all but the count of versions (RFC 5263 4.5).
    pub fn replace(&mut self, document: &Document) {
        self.root = Some(element(parse(document.text()).root_element()));
    }

    /// The version of the last partial document; 0 before the first.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version.unwrap_or(0)
    }

    #[track_caller]
    fn put(&mut self, partial: &Partial) {
        self.version = Some(partial.version);
        let document = parse(&partial.text);
        let root = document.root_element();
        if partial.full {
            let mut whole = element(root);
            whole.name = (NAMESPACE.to_owned(), "presence".to_owned());
            whole.attributes.retain(|((space, local), _)| !(space.is_empty() && local == "version"));
            self.root = Some(whole);
            return;
        }
        let own = self.root.as_mut().unwrap_or_else(|| panic!("changes to nothing: {}", partial.text));
        let known = own.attributes.iter().find(|(name, _)| name.1 == "entity").map(|(_, v)| v.as_str());
        assert_eq!(root.attribute("entity"), known, "the same entity: {}", partial.text);
        for operation in root.children().filter(Node::is_element) {
            assert_eq!(operation.tag_name().namespace(), Some(DIFF), "{}", partial.text);
            if let Err(why) = apply(own, operation) {
                panic!("{why} in {:?} of {}", operation.range(), partial.text);
            }
        }
    }

    /// Fails the test unless this is what a watcher without partial notification holds.
    #[track_caller]
    pub fn agrees(&self, whole: &Document) {
        let theirs = element(parse(whole.text()).root_element());
        assert_eq!(self.root.as_ref(), Some(&theirs), "against {}", whole.text());
    }
}

fn parse(text: &str) -> roxmltree::Document<'_> {
    match roxmltree::Document::parse(text) {
        Ok(document) => document,
        Err(why) => panic!("not well formed: {why}\n{text}"),
    }
}

fn name(space: Option<&str>, local: &str) -> Name {
    (space.unwrap_or_default().to_owned(), local.to_owned())
}

fn element(node: Node<'_, '_>) -> Element {
    let tag = node.tag_name();
    let mut attributes: Vec<(Name, String)> =
        node.attributes().map(|a| (name(a.namespace(), a.name()), a.value().to_owned())).collect();
    attributes.sort();
    Element { name: name(tag.namespace(), tag.name()), attributes, children: children(node) }
}

fn children(node: Node<'_, '_>) -> Vec<Child> {
    node.children()
        .filter_map(|child| match child {
            child if child.is_element() => Some(Child::Element(element(child))),
            child if child.is_text() => Some(Child::Text(child.text().unwrap_or_default().to_owned())),
            _ => None,
        })
        .collect()
}

/// One operation. `sel` is taken apart at its slashes: the server's own identifiers and places
/// have none inside of quotes.
fn apply(root: &mut Element, operation: Node<'_, '_>) -> Result<(), String> {
    let selector = operation.attribute("sel").ok_or("no sel")?;
    let content = children(operation);
    let text = || match &content[..] {
        [] => Ok(String::new()),
        [Child::Text(text)] => Ok(text.clone()),
        other => Err(format!("text expected, not {other:?}")),
    };
    let mut steps: Vec<&str> = selector.trim_start_matches('/').split('/').collect();
    let last = steps.pop().ok_or("an empty sel")?;
    let kind = operation.tag_name().name();
    if kind == "add" {
        steps.push(last);
        if let Some(what) = operation.attribute("type") {
            let target = find(root, &steps, operation)?;
            let Some(attribute) = what.strip_prefix('@') else { return Ok(()) };
            let key = resolve(operation, attribute, false)?;
            if target.attributes.iter().any(|(known, _)| *known == key) {
                return Err(format!("{attribute} is there already"));
            }
            target.attributes.push((key, text()?));
            target.attributes.sort();
            return Ok(());
        }
        let Some(place @ ("before" | "after")) = operation.attribute("pos") else {
            let target = find(root, &steps, operation)?;
            let at = if operation.attribute("pos") == Some("prepend") { 0 } else { target.children.len() };
            target.children.splice(at..at, content);
            return Ok(());
        };
        let (parent, at) = find_in_parent(root, &steps, operation)?;
        let at = at + usize::from(place == "after");
        parent.children.splice(at..at, content);
        return Ok(());
    }
    if let Some(attribute) = last.strip_prefix('@') {
        let target = find(root, &steps, operation)?;
        let key = resolve(operation, attribute, false)?;
        let at = target.attributes.iter().position(|(known, _)| *known == key);
        let at = at.ok_or_else(|| format!("no attribute {attribute}"))?;
        match kind {
            "replace" => target.attributes[at].1 = text()?,
            _ => drop(target.attributes.remove(at)),
        }
        return Ok(());
    }
    if last.starts_with("namespace::") {
        // Names are kept expanded, so declarations make no difference.
        return find(root, &steps, operation).map(drop);
    }
    if last == "text()" {
        let target = find(root, &steps, operation)?;
        return match (&mut target.children[..], kind) {
            ([Child::Text(old)], "replace") => text().map(|new| *old = new),
            ([Child::Text(_)], _) => {
                target.children.clear();
                Ok(())
            }
            (other, _) => Err(format!("one text expected in {other:?}")),
        };
    }
    steps.push(last);
    let (parent, at) = find_in_parent(root, &steps, operation)?;
    match (kind, &content[..]) {
        ("replace", [Child::Element(_)]) => {
            parent.children.splice(at..=at, content);
            Ok(())
        }
        ("remove", []) => {
            parent.children.remove(at);
            Ok(())
        }
        _ => Err(format!("no such operation: {kind} with {content:?}")),
    }
}

/// The element at the end of a path; its first step is the root.
fn find<'e>(root: &'e mut Element, steps: &[&str], scope: Node<'_, '_>) -> Result<&'e mut Element, String> {
    let (first, rest) = steps.split_first().ok_or("an empty path")?;
    if *first != "*" {
        return Err(format!("the root is selected by *, not {first:?}"));
    }
    let mut here = root;
    for step in rest {
        let at = select(here, step, scope)?;
        here = match &mut here.children[at] {
            Child::Element(element) => element,
            Child::Text(_) => return Err("text has no children".into()),
        };
    }
    Ok(here)
}

/// The parent of the element at the end of a path, and its place there.
fn find_in_parent<'e>(
    root: &'e mut Element,
    steps: &[&str],
    scope: Node<'_, '_>,
) -> Result<(&'e mut Element, usize), String> {
    let (last, before) = steps.split_last().ok_or("an empty path")?;
    let parent = find(root, before, scope)?;
    let at = select(parent, last, scope)?;
    Ok((parent, at))
}

/// The place of the one child that a step selects.
fn select(parent: &Element, step: &str, scope: Node<'_, '_>) -> Result<usize, String> {
    let (test, conditions) = step.split_once('[').map_or((step, ""), |(test, rest)| (test, rest));
    let named = match test {
        "*" => None,
        test => Some(resolve(scope, test, true)?),
    };
    let elements = parent.children.iter().enumerate().filter_map(|(at, child)| match child {
        Child::Element(element) => Some((at, element)),
        Child::Text(_) => None,
    });
    let mut left: Vec<(usize, &Element)> =
        elements.filter(|(_, element)| named.as_ref().is_none_or(|name| *name == element.name)).collect();
    for condition in conditions.split('[').filter(|condition| !condition.is_empty()) {
        let condition = condition.strip_suffix(']').ok_or_else(|| format!("no ] in {step:?}"))?;
        if let Ok(place) = condition.parse::<usize>() {
            left = place.checked_sub(1).and_then(|place| left.get(place)).copied().into_iter().collect();
            continue;
        }
        let (attribute, value) = condition
            .strip_prefix('@')
            .and_then(|rest| rest.split_once('='))
            .ok_or_else(|| format!("condition {condition:?}"))?;
        let (key, value) = (resolve(scope, attribute, false)?, value.trim_matches(['\'', '"']));
        left.retain(|(_, element)| element.attributes.iter().any(|(k, v)| *k == key && v == value));
    }
    match left[..] {
        [(at, _)] => Ok(at),
        _ => Err(format!("{} elements match {step:?} in {:?}", left.len(), parent.name)),
    }
}

/// What a name in a selector stands for, by the declarations of the patch; an element without prefix
/// is in its default namespace (RFC 5261 4.2.1).
fn resolve(scope: Node<'_, '_>, qualified: &str, element: bool) -> Result<Name, String> {
    let (space, local) = match qualified.split_once(':') {
        Some((prefix, local)) => match scope.lookup_namespace_uri(Some(prefix)) {
            Some(space) => (space, local),
            None => return Err(format!("prefix {prefix:?} is not declared")),
        },
        None if element => (scope.default_namespace().unwrap_or_default(), qualified),
        None => ("", qualified),
    };
    Ok((space.to_owned(), local.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::{Held, Partial, element, parse};

    fn held(after: &[&str]) -> Held {
        let mut held = Held::default();
        for text in after {
            held.put(&Partial::read(text.as_bytes()));
        }
        held
    }

    fn root(kind: &str, content: &str) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><d:pidf-{kind} xmlns=\"urn:ietf:params:xml:ns:pidf\" \
             xmlns:d=\"urn:ietf:params:xml:ns:pidf-diff\" version=\"1\" entity=\"sip:a@example.com\">{content}</d:pidf-{kind}>"
        )
    }

    fn tuple(id: &str, basic: &str) -> String {
        format!("<tuple id=\"{id}\"><status><basic>{basic}</basic></status></tuple>")
    }

    fn expect(held: &Held, content: &str) {
        let whole = format!(
            "<p:presence xmlns:p='urn:ietf:params:xml:ns:pidf' xmlns='urn:ietf:params:xml:ns:pidf' \
             entity='sip:a@example.com'>{content}</p:presence>"
        );
        assert_eq!(held.root, Some(element(parse(&whole).root_element())));
    }

    #[test]
    fn operations_do_what_they_say() {
        let full = root("full", &(tuple("a", "open") + &tuple("b", "closed")));
        let cases = [
            ("<d:remove sel=\"*/tuple[@id='a']\"/>", tuple("b", "closed")),
            ("<d:remove sel=\"*/*[2]\"/>", tuple("a", "open")),
            (
                "<d:replace sel=\"*/tuple[@id='a']/status/basic/text()\">closed</d:replace>",
                tuple("a", "closed") + &tuple("b", "closed"),
            ),
            (
                "<d:add sel=\"*\" pos=\"prepend\"><tuple id=\"c\"><status/></tuple></d:add>",
                "<tuple id='c'><status/></tuple>".to_owned() + &tuple("a", "open") + &tuple("b", "closed"),
            ),
            (
                "<d:add sel=\"*/tuple[1]\" pos=\"after\"><note>n</note></d:add><d:remove sel=\"*/note\"/>",
                tuple("a", "open") + &tuple("b", "closed"),
            ),
            (
                "<d:replace sel=\"*/tuple[@id='b']/@id\">c</d:replace><d:remove sel=\"*/tuple[@id='a']/status/basic\"/>",
                "<tuple id='a'><status/></tuple>".to_owned() + &tuple("c", "closed"),
            ),
        ];
        for (operations, after) in cases {
            expect(&held(&[&full, &root("diff", operations)]), &after);
        }
    }

    #[test]
    #[should_panic(expected = "2 elements match")]
    fn what_is_not_clear_is_no_change() {
        let full = root("full", &(tuple("a", "open") + &tuple("b", "closed")));
        let _ = held(&[&full, &root("diff", "<d:remove sel=\"*/tuple\"/>")]);
    }

    #[test]
    #[should_panic(expected = "not declared")]
    fn prefixes_come_from_the_patch() {
        let full = root("full", &tuple("a", "open"));
        let _ = held(&[&full, &root("diff", "<d:remove sel=\"*/x:tuple\"/>")]);
    }
}
