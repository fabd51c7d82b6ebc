use crate::pidf::namespaces::KNOWN;
use crate::xml::{Attribute, Element, Namespace, Namespaces};

/// Which attributes have the type `xs:ID`, for the function `id()` of selectors: `xml:id`, and
/// unqualified `id` on elements of certain namespaces (RFC 5262 section 3).
#[derive(Clone, Debug, Default)]
pub struct Identified {
    namespaces: Vec<Namespace>,
}

impl Identified {
    /// As the schemas of PIDF and its extensions say.
    pub fn presence(namespaces: &mut Namespaces) -> Self {
        let identified = KNOWN.iter().filter(|known| known.identified);
        Self { namespaces: identified.map(|known| namespaces.number(known.uri)).collect() }
    }

    /// The identifier of an element.
    pub(super) fn of<'e>(&self, element: &'e Element<'_>) -> Option<&'e str> {
        let own = self.namespaces.contains(&element.name.namespace);
        let identifies = |attribute: &&Attribute<'_>| {
            attribute.name.local == "id"
                && (attribute.name.namespace == Namespace::XML
                    || (own && attribute.name.namespace == Namespace::NONE))
        };
        // An `xs:ID` is collapsed white space (XML Schema part 2, section 3.3.8).
        element.attributes.iter().find(identifies).map(|attribute| attribute.value.trim())
    }
}
