//! Presence from outside (seed 1): what a registrar and other communities know of somebody, as a scripted source tells
//! it over real sockets.

mod configuration;
mod crash;
mod demand;
mod digest;
mod document;
mod end;
mod failover;
mod failure;
mod learning;
mod loop_guard;
mod operator;
mod pacing;
mod partial;
mod peer;
mod refresh;
mod registrar;
mod rules;
mod third_party;

use std::time::{Duration, Instant};

use rollcall_tests::reginfo::REGINFO;
use rollcall_tests::{Config, Document, Reginfo, Server, Source, Subscription};
use toml::{Table, Value};

const ALICE: &str = "sip:alice@example.com";
const BOB: &str = "sip:bob@example.com";
const CAROL: &str = "sip:carol@example.com";
/// The address of a device, which nobody is shown (EXT-12).
const DEVICE: &str = "sip:alice@192.0.2.7:5066;transport=tcp";
/// Who Alice is at the partner's.
const AL: &str = "sip:al@partner.example";
const PARTNER: &str = "{\"sip:alice@example.com\": \"sip:al@partner.example\"}";

/// A source with one more setting.
fn with(mut source: Table, key: &str, value: impl Into<Value>) -> Table {
    source.insert(key.to_owned(), value.into());
    source
}

/// The registrar of the domain.
fn scscf(source: &Source) -> Table {
    with(source.entry("scscf"), "domain", "example.com")
}

/// A community with its file of identities.
fn community(source: &Source, name: &str, identities: &str) -> Table {
    with(source.entry(name), "identities", identities)
}

/// A server with a registrar, and that registrar, where Alice is registered.
fn registered(config: Config) -> (Server, Source) {
    let registrar = Source::registrar();
    registrar.knows(ALICE, REGINFO, &Reginfo::registered(ALICE, DEVICE));
    let server = Server::start(config.source("registrar", scscf(&registrar)));
    (server, registrar)
}

/// Waits for a NOTIFY with a document that fits.
#[track_caller]
fn shown(subscription: &mut Subscription<'_>, fits: impl Fn(&Document) -> bool) -> Document {
    subscription.notify_until(|notify| fits(&notify.document())).document()
}

/// True if a tuple with this contact is open.
fn is_open(document: &Document, contact: &str) -> bool {
    let open = |tuple: &rollcall_tests::pidf::Tuple| {
        tuple.contact.as_deref() == Some(contact) && tuple.basic.as_deref() == Some("open")
    };
    document.tuples().iter().any(open)
}

/// Notes of all tuples, sorted.
fn notes(document: &Document) -> Vec<String> {
    let mut all: Vec<String> = document.tuples().into_iter().flat_map(|tuple| tuple.notes).collect();
    all.sort();
    all
}

/// A presence document with one tuple, told by its contact and its note.
fn noted(entity: &str, note: &str) -> String {
    let tuple = format!(
        "<tuple id=\"t\"><status><basic>open</basic></status><contact>sip:{note}@there.example</contact>\
         <note>{note}</note></tuple>"
    );
    rollcall_tests::Pidf::of(entity).raw_tuple(&tuple).text()
}

/// Waits until something holds that no message shows.
#[track_caller]
fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < rollcall_tests::LIMIT, "{what}: not seen");
        std::thread::sleep(Duration::from_millis(10));
    }
}
