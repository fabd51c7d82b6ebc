//! What the composed document says, in short.

use serde::Serialize;

use crate::notifier::presentation::Part;
use crate::pidf::namespaces::PIDF;
use crate::step::Step;
use crate::xml::{Element, Limits, Namespaces, Node, Text};

/// Tuples shown.
const TUPLES: usize = 1_000;

/// The composed document in short.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Its version; 0 if there is none.
    pub version: u64,
    /// `open` if a tuple is, else `closed` if a tuple is; none without either.
    pub basic: Option<&'static str>,
    /// Its tuples, as many as are shown.
    pub tuples: Vec<Tuple>,
}

/// A tuple in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tuple {
    /// Its id in the document.
    pub id: String,
    /// Its basic status.
    pub basic: Option<&'static str>,
    /// Its contact.
    pub contact: Option<String>,
    /// Its timestamp.
    pub timestamp: Option<String>,
}

/// The document as an authorized watcher of the fundamental identity would get it, in short.
pub fn summary(step: &mut Step<'_>) -> Summary {
    let version = step.document().version;
    if version == 0 {
        return Summary::default();
    }
    let body = step.render(Part::Whole, step.partition);
    let tuples = tuples(&body).unwrap_or_default();
    let any = |basic| tuples.iter().any(|tuple: &Tuple| tuple.basic == Some(basic)).then_some(basic);
    Summary { version, basic: any("open").or_else(|| any("closed")), tuples }
}

/// The tuples of a document; none if it cannot be read.
fn tuples(body: &[u8]) -> Option<Vec<Tuple>> {
    let text = Text::decode(body, &Limits::TRUSTED).ok()?;
    let mut namespaces = Namespaces::default();
    let pidf = namespaces.number(PIDF);
    let document = text.read(&mut namespaces, &Limits::TRUSTED).ok()?;
    let child = |element: &Element<'_>, name: &str| -> Option<String> {
        element.elements().find(|child| child.name.is(pidf, name)).map(content)
    };
    let tuple = |element: &Element<'_>| {
        let status = element.elements().find(|child| child.name.is(pidf, "status"));
        let basic = match status.and_then(|status| child(status, "basic")).as_deref() {
            Some("open") => Some("open"),
            Some("closed") => Some("closed"),
            _ => None,
        };
        Tuple {
            id: element.attribute(crate::xml::Namespace::NONE, "id").unwrap_or_default().to_owned(),
            basic,
            contact: child(element, "contact"),
            timestamp: child(element, "timestamp"),
        }
    };
    let elements = document.root()?.elements().filter(|element| element.name.is(pidf, "tuple"));
    Some(elements.take(TUPLES).map(tuple).collect())
}

/// The text in an element, without the white space around it.
fn content(element: &Element<'_>) -> String {
    let text = |node: &Node<'_>| match node {
        Node::Text(text) => text.clone().into_owned(),
        _ => String::new(),
    };
    element.children.iter().map(text).collect::<String>().trim().to_owned()
}
