//! Namespaces that every composed document calls by the same prefix.

pub(crate) use crate::xml::{XML, XMLNS};

/// The namespace of PIDF itself, the default one in composed documents.
pub const PIDF: &str = "urn:ietf:params:xml:ns:pidf";

/// A namespace known by name.
pub(crate) struct Known {
    pub(crate) uri: &'static str,
    pub(crate) prefix: &'static str,
    /// True if its schema gives unqualified `id` attributes the type `xs:ID`.
    pub(crate) identified: bool,
}

const fn known(uri: &'static str, prefix: &'static str, identified: bool) -> Known {
    Known { uri, prefix, identified }
}

/// Places in [`KNOWN`] that the reader asks for.
pub(crate) const PIDF_INDEX: usize = 0;
pub(crate) const DATA_MODEL_INDEX: usize = 1;
pub(crate) const XSI_INDEX: usize = 12;
pub(crate) const PIDF_ATTRIBUTE_INDEX: usize = 13;

/// Known namespaces; the place is the bit in stored documents, so only ever append
/// (up to 32), and the order in which a root declares them.
pub(crate) const KNOWN: [Known; 14] = [
    known(PIDF, "", true),
    known("urn:ietf:params:xml:ns:pidf:data-model", "dm", true),
    known("urn:ietf:params:xml:ns:pidf:rpid", "rpid", true),
    known("urn:ietf:params:xml:ns:pidf:cipid", "cipid", false),
    known("urn:ietf:params:xml:ns:pidf:caps", "caps", false),
    known("urn:ietf:params:xml:ns:pidf:timed-status", "ts", false),
    known("urn:ietf:params:xml:ns:pidf:geopriv10", "gp", false),
    known("urn:ietf:params:xml:ns:pidf:geopriv10:basicPolicy", "gbp", false),
    known("urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr", "ca", false),
    known("urn:ietf:params:xml:ns:location-type", "lt", false),
    known("http://www.opengis.net/gml", "gml", false),
    known("http://www.opengis.net/pidflo/1.0", "gs", false),
    known("http://www.w3.org/2001/XMLSchema-instance", "xsi", false),
    // Attributes take no default namespace (mustUnderstand, RFC 3863 section 4.2.4).
    known(PIDF, "p", false),
];
