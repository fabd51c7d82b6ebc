//! Registrations as presence: a tuple for each way in which the user can be reached (EXT-10 to EXT-13).
//!
//! A tuple shows an address-of-record, or the public GRUU of a device where the registrar has given it one;
//! never the address of a device, nor anything that was made of one.
//!
//! Who has no contact registered is shown as `closed`, not left out: the registrar has answered, and that nobody
//! can be reached there is what watchers want to know of somebody who never publishes (WPS-06, WPS-07). What
//! others publish stands beside it.

use super::features;
use super::table::{Contact, Table};
use crate::external::kind::Intake;
use crate::external::source::Source;
use crate::pidf::canonical::Element;
use crate::pidf::{self, Kind, Limits, StoredDocument, instant};
use crate::ports::Instant;
use crate::xml::escape_attribute;
use crate::xml::lexical::escape_text;

/// A registration that began so little after what is shown is the one that is shown: its time is an estimate.
const TOLERANCE: Instant = 60_000;

/// What is written here has been bounded before.
const UNBOUNDED: Limits = Limits {
    bytes: usize::MAX / 4,
    depth: 16,
    elements: usize::MAX,
    attributes: 64,
    namespaces: 16,
    components: usize::MAX,
};

/// A way in which the user can be reached, or cannot.
struct Service<'t> {
    /// The URI that watchers see.
    uri: &'t str,
    /// The contacts behind it; none if it is closed.
    contacts: Vec<&'t Contact>,
}

/// What is shown already of a service.
struct Shown {
    open: bool,
    at: Option<Instant>,
}

/// The presence document that a table makes; none if it names nobody.
#[must_use]
pub fn document(table: &Table, intake: &Intake<'_>) -> Option<StoredDocument> {
    let services = services(table, intake.resource);
    if services.is_empty() {
        return None;
    }
    let mut text = b"<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" \
        xmlns:caps=\"urn:ietf:params:xml:ns:pidf:caps\" entity=\""
        .to_vec();
    escape_attribute(intake.presentity, &mut text);
    text.extend_from_slice(b"\">");
    for service in &services {
        service.write(intake, &mut text);
    }
    text.extend_from_slice(b"</presence>");
    let mut document = pidf::read(&text, &UNBOUNDED).ok()?.content;
    if let Some(shown) = intake.shown {
        document.date_against(shown, intake.now);
    }
    Some(document)
}

/// The services in an order that does not depend on how the registrar orders what it says: what was asked for
/// comes first.
fn services<'t>(table: &'t Table, resource: &str) -> Vec<Service<'t>> {
    let mut all: Vec<(bool, Service<'t>)> = Vec::new();
    let mut add = |uri: &'t str, first: bool, contact: Option<&'t Contact>| {
        let known = all.iter_mut().find(|(_, service)| service.uri == uri);
        match known {
            Some((_, service)) => service.contacts.extend(contact),
            None => all.push((!first, Service { uri, contacts: contact.into_iter().collect() })),
        }
    };
    for registration in &table.registrations {
        let first = registration.aor == resource;
        if registration.contacts.is_empty() {
            add(&registration.aor, first, None);
        }
        for contact in &registration.contacts {
            add(contact.gruu.as_deref().unwrap_or(&registration.aor), first, Some(contact));
        }
    }
    all.sort_by(|(a, one), (b, other)| (a, one.uri).cmp(&(b, other.uri)));
    all.into_iter().map(|(_, service)| service).collect()
}

impl Service<'_> {
    fn write(&self, intake: &Intake<'_>, out: &mut Vec<u8>) {
        // Made of what is shown anyway, so that it stays and tells nothing.
        let id = format!("r{}", Source::id_of(self.uri).hex());
        let open = !self.contacts.is_empty();
        let status = if open { "open" } else { "closed" };
        let start = format!("<tuple id=\"{id}\"><status><basic>{status}</basic></status>");
        out.extend_from_slice(start.as_bytes());
        features::write(self.contacts.iter().map(|contact| &contact.features[..]), out);
        out.extend_from_slice(b"<contact");
        if let Some(q) = self.contacts.iter().filter_map(|contact| contact.q).max() {
            let priority = match q {
                1_000 => "1".to_owned(),
                q => format!("0.{q:03}").trim_end_matches('0').trim_end_matches('.').to_owned(),
            };
            out.extend_from_slice(format!(" priority=\"{priority}\"").as_bytes());
        }
        out.push(b'>');
        escape_text(self.uri, out);
        out.extend_from_slice(b"</contact>");
        if let Some(at) = self.at(&id, open, intake) {
            out.extend_from_slice(b"<timestamp>");
            instant::write(at, out);
            out.extend_from_slice(b"</timestamp>");
        }
        out.extend_from_slice(b"</tuple>");
    }

    /// Since when the service is open, or is known to be closed. What is shown holds as long as the service is:
    /// that one of its contacts comes or goes does not make it another one.
    fn at(&self, id: &str, open: bool, intake: &Intake<'_>) -> Option<Instant> {
        let continuing = intake.kept.is_some();
        let began = match open {
            true => self.contacts.iter().filter_map(|contact| contact.since).min(),
            false => continuing.then_some(intake.now / 1_000 * 1_000),
        };
        match intake.shown.and_then(|shown| self::shown(shown, id)).filter(|shown| shown.open == open) {
            None => began,
            Some(shown) if continuing || !open => shown.at,
            // The first document of a new subscription: the user may have registered anew meanwhile.
            Some(Shown { at: Some(at), .. }) if began.is_none_or(|began| began <= at + TOLERANCE) => Some(at),
            Some(_) => began,
        }
    }
}

/// The service with this id in what the source contributes already.
fn shown(document: &StoredDocument, id: &str) -> Option<Shown> {
    let tuples = document.components().filter(|component| component.kind == Kind::Tuple);
    tuples.filter_map(|tuple| Element::whole(tuple.xml)).find_map(|tuple| {
        if tuple.attribute("id") != Some(id.as_bytes()) {
            return None;
        }
        let child = |name: &[u8]| tuple.children().find(|child| child.name == name);
        let basic = child(b"status").and_then(|status| status.children().next());
        Some(Shown {
            open: basic.is_some_and(|basic| basic.content == b"open"),
            at: child(b"timestamp").and_then(|timestamp| instant::parse(timestamp.content)),
        })
    })
}
