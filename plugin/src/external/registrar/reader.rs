//! Reads `application/reginfo+xml` (RFC 3680 section 5, RFC 5628).
//!
//! As with presence documents, reading is strict about XML and lax about the schema: what is not understood
//! is passed over, what lacks an optional or a mistaken value is taken without it (EXT-08, EXT-09). Expiry,
//! Call-ID, CSeq and display name of a contact, and its temporary GRUU, are not read: nothing comes of them.

use super::features::Feature;
use crate::external::kind::Refused;
use crate::sip::Uri;
use crate::sip::lex::qvalue;
use crate::xml::{self, Element, Limits, Namespace, Namespaces, Node};

const REGINFO: &str = "urn:ietf:params:xml:ns:reginfo";
const GRUUINFO: &str = "urn:ietf:params:xml:ns:gruuinfo";

/// Longest identifier of a registration or contact that is taken, in bytes.
const LONGEST_ID: usize = 256;

/// A document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reginfo {
    /// Its place in the order of documents.
    pub version: u32,
    /// It has all there is, not only what changed.
    pub full: bool,
    /// In the order of the document.
    pub registrations: Vec<Registration>,
}

/// What a document says of one address-of-record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Names it within the subscription.
    pub id: String,
    /// The address-of-record: a sip, sips or tel URI.
    pub aor: String,
    /// False if it is `init` or `terminated`: no contact of it is left, whatever else is said (EXT-06).
    pub active: bool,
    /// In the order of the document.
    pub contacts: Vec<Contact>,
}

/// What a document says of one contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Names it within the registration.
    pub id: String,
    /// It is bound, or it no longer is (EXT-07).
    pub bound: bool,
    /// Seconds that it has been.
    pub duration: Option<u64>,
    /// Its preference in thousandths.
    pub q: Option<u16>,
    /// Its public GRUU (RFC 5628 section 5).
    pub gruu: Option<String>,
    /// What it can do (RFC 3840).
    pub features: Vec<Feature>,
}

/// Reads a document.
///
/// # Errors
/// Not well-formed, beyond a limit, or without what tells one document from another: root, version and state.
pub fn read(body: &[u8], limits: &Limits) -> Result<Reginfo, Refused> {
    let text = xml::Text::decode(body, limits)?;
    let mut namespaces = Namespaces::default();
    let document = text.read(&mut namespaces, limits)?;
    let names = Names { reginfo: namespaces.number(REGINFO), gruuinfo: namespaces.number(GRUUINFO) };
    let root = document.root().filter(|root| root.name.is(names.reginfo, "reginfo"));
    let root = root.ok_or(Refused::Malformed("root is no reginfo element"))?;
    let version = plain(root, "version").and_then(|text| text.parse().ok());
    let version = version.ok_or(Refused::Malformed("reginfo without a version"))?;
    let full = match plain(root, "state") {
        Some("full") => true,
        Some("partial") => false,
        _ => return Err(Refused::Malformed("reginfo neither full nor partial")),
    };
    let elements = root.elements().filter(|element| element.name.is(names.reginfo, "registration"));
    let registrations = elements.filter_map(|element| names.registration(element)).collect();
    Ok(Reginfo { version, full, registrations })
}

impl From<xml::ReadError> for Refused {
    fn from(error: xml::ReadError) -> Self {
        match error {
            xml::ReadError::NotWellFormed(what) => Self::Malformed(what),
            xml::ReadError::DocumentType => Self::Malformed("document type declaration refused"),
            xml::ReadError::TooLarge(_) => Self::TooLarge,
        }
    }
}

/// The namespaces that count.
struct Names {
    reginfo: Namespace,
    gruuinfo: Namespace,
}

impl Names {
    /// A registration; none if its address-of-record is not a URI that somebody could be called by.
    fn registration(&self, element: &Element<'_>) -> Option<Registration> {
        let aor = plain(element, "aor").filter(|aor| is_callable(aor))?;
        let id = plain(element, "id").filter(|id| is_id(id)).unwrap_or(aor);
        let contacts = element.elements().filter(|element| element.name.is(self.reginfo, "contact"));
        Some(Registration {
            id: id.to_owned(),
            aor: aor.to_owned(),
            active: !matches!(plain(element, "state"), Some("init" | "terminated")),
            contacts: contacts.filter_map(|element| self.contact(element)).collect(),
        })
    }

    /// A contact; none if nothing tells which one it is, or what became of it.
    fn contact(&self, element: &Element<'_>) -> Option<Contact> {
        let child = |name: &'static str| {
            element.elements().find(move |child| child.name.is(self.reginfo, name)).map(text)
        };
        let id = plain(element, "id").filter(|id| is_id(id)).map(str::to_owned);
        let id = id.or_else(|| child("uri").filter(|uri| is_id(uri)))?;
        let said = match plain(element, "event") {
            Some("registered" | "created" | "refreshed" | "shortened") => Some(true),
            Some("expired" | "deactivated" | "probation" | "unregistered" | "rejected") => Some(false),
            _ => None,
        };
        // Where the two contradict each other it is gone: better not shown than shown in vain.
        let bound = match (plain(element, "state"), said) {
            (Some("terminated"), _) | (_, Some(false)) => false,
            (Some("active"), _) | (_, Some(true)) => true,
            _ => return None,
        };
        let params = element.elements().filter(|child| child.name.is(self.reginfo, "unknown-param"));
        let mut features: Vec<Feature> =
            params.filter_map(|param| Feature::read(plain(param, "name")?, &text(param))).collect();
        features.sort_unstable();
        features.dedup_by(|later, earlier| later.tag == earlier.tag);
        let gruu = element.elements().find(|child| child.name.is(self.gruuinfo, "pub-gruu"));
        let gruu = gruu.and_then(|gruu| plain(gruu, "uri")).filter(|uri| is_callable(uri));
        Some(Contact {
            id,
            bound,
            duration: plain(element, "duration-registered").and_then(|text| text.parse().ok()),
            q: plain(element, "q").and_then(qvalue),
            gruu: gruu.map(str::to_owned),
            features,
        })
    }
}

/// The value of an attribute without a namespace, without the white space around it that no type of
/// the schema counts.
fn plain<'e>(element: &'e Element<'_>, name: &str) -> Option<&'e str> {
    element.attribute(Namespace::NONE, name).map(str::trim).filter(|value| !value.is_empty())
}

/// The characters directly in an element.
fn text(element: &Element<'_>) -> String {
    let mut all = String::new();
    for node in &element.children {
        if let Node::Text(text) = node {
            all.push_str(text);
        }
    }
    let trimmed = all.trim();
    if trimmed.len() == all.len() { all } else { trimmed.to_owned() }
}

fn is_id(text: &str) -> bool {
    (1..=LONGEST_ID).contains(&text.len())
}

fn is_callable(uri: &str) -> bool {
    uri.len() <= crate::identity::MAX_IDENTITY && matches!(Uri::parse(uri), Ok(Uri::Sip(_) | Uri::Tel(_)))
}
