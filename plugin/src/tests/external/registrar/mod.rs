//! What a registrar says, read, kept and made presence of (RFC 3680).

mod documents;
mod model;
mod presence;
mod rfc3680;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::stage::SOURCES;
use crate::configuration::Configuration;
use crate::external::kind::{Intake, Kind, Refused, Shows, Taken};
use crate::external::registrar::Registrar;
use crate::pidf::StoredDocument;

const REGINFO: &str = "application/reginfo+xml";
const ALICE: &str = "sip:alice@example.com";
/// 2023-11-14T22:13:20Z.
const START: u64 = 1_700_000_000_000;

static CONFIGURATION: LazyLock<Configuration> = LazyLock::new(|| Configuration::parse(SOURCES).unwrap());

/// A subscription at the registrar, as far as this kind goes.
#[derive(Clone)]
struct Observer {
    now: u64,
    kept: Option<Vec<u8>>,
    shown: Option<StoredDocument>,
}

impl Observer {
    fn new() -> Self {
        Self { now: START, kept: None, shown: None }
    }

    fn offer(&self, media: &str, body: &[u8]) -> Result<Taken, Refused> {
        Registrar.take(&Intake {
            configuration: &CONFIGURATION,
            now: self.now,
            presentity: ALICE,
            resource: ALICE,
            kept: self.kept.as_deref(),
            shown: self.shown.as_ref(),
            media,
            body,
        })
    }

    /// Takes a document, which has to be one that is taken.
    fn take(&mut self, body: &str) -> Taken {
        let taken = self.offer(REGINFO, body.as_bytes()).unwrap();
        match &taken.shows {
            Shows::Same => {}
            Shows::Document(document) => self.shown = Some((**document).clone()),
            Shows::Nothing => self.shown = None,
        }
        self.kept = Some(taken.kept.clone());
        taken
    }

    /// As [`Self::take`]; true if what is shown has changed.
    fn changes(&mut self, body: &str) -> bool {
        self.take(body).shows != Shows::Same
    }

    /// The subscription ended and there is a new one.
    fn resubscribe(&mut self) {
        self.kept = None;
    }

    fn text(&self) -> String {
        let Some(shown) = &self.shown else { return String::new() };
        shown.components().map(|part| String::from_utf8(part.xml.to_vec()).unwrap()).collect()
    }

    /// Contacts, status and priority of the tuples.
    fn services(&self) -> BTreeMap<String, (String, Option<String>)> {
        let text = format!("<x xmlns:caps='urn:caps'>{}</x>", self.text());
        let document = roxmltree::Document::parse(&text).unwrap();
        let child = |node: roxmltree::Node<'_, '_>, name: &str| {
            node.descendants().find(|child| child.has_tag_name(name)).map(|child| child.id())
        };
        let tuples = document.root_element().children();
        tuples
            .map(|tuple| {
                let contact = document.get_node(child(tuple, "contact").unwrap()).unwrap();
                let basic = document.get_node(child(tuple, "basic").unwrap()).unwrap();
                let priority = contact.attribute("priority").map(str::to_owned);
                (contact.text().unwrap().to_owned(), (basic.text().unwrap().to_owned(), priority))
            })
            .collect()
    }

    fn open(&self) -> Vec<String> {
        let open = self.services().into_iter().filter(|(_, (basic, _))| basic == "open");
        open.map(|(contact, _)| contact).collect()
    }
}

fn reginfo(version: u32, state: &str, registrations: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" \
         xmlns:gr=\"urn:ietf:params:xml:ns:gruuinfo\" version=\"{version}\" state=\"{state}\">\n{registrations}</reginfo>"
    )
}

fn registration(aor: &str, id: &str, state: &str, contacts: &str) -> String {
    format!("<registration aor=\"{aor}\" id=\"{id}\" state=\"{state}\">{contacts}</registration>\n")
}

fn contact(id: &str, event: &str, attributes: &str, inside: &str) -> String {
    let state = match event {
        "registered" | "created" | "refreshed" | "shortened" => "active",
        _ => "terminated",
    };
    format!(
        "<contact id=\"{id}\" state=\"{state}\" event=\"{event}\" {attributes}>\
         <uri>sip:{id}@192.0.2.77:5062;transport=tcp</uri>{inside}</contact>"
    )
}

/// Alice is registered with one phone.
fn phone(version: u32, event: &str, attributes: &str) -> String {
    let contact = contact("c1", event, attributes, "");
    reginfo(version, "partial", &registration(ALICE, "r1", "active", &contact))
}
