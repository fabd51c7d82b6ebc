//! The documents themselves: what is read and what is sent (RFC 3863). Every document that a
//! watcher gets is validated against the schemas on arrival.

use rollcall_tests::phone::PIDF;
use rollcall_tests::server::user;
use rollcall_tests::{Phone, Pidf, Server};

/// RFC 3863 4.1.1 (PIDF-01): the entity of what is sent is the presentity as the watcher knows it.
#[test]
fn the_entity_is_the_presentity_as_the_watcher_knows_it() {
    let server = Server::shared();
    let (alice, bob) = (user("alice"), user("bob"));
    let (phone, watcher) = (Phone::udp(&server, &alice), Phone::udp(&server, &bob));
    let _publication = phone.publish(&Pidf::basic(&alice, "open"));
    for known in [alice.clone(), alice.replace("example.com", "Example.COM")] {
        let mut subscription = watcher.subscribe(&known);
        let document = subscription.notify().document();
        assert_eq!(document.entity().to_lowercase(), known.to_lowercase());
        assert_eq!(document.basics(), ["open"]);
    }
}

/// RFC 3863 4.1, 4.2.2 (PIDF-02): any prefix for the namespace, UTF-16, single quotes, comments,
/// CDATA and character references are read; what is sent is UTF-8 with a declaration.
#[test]
fn documents_are_read_in_every_form() {
    let server = Server::shared();
    let (alice, bob) = (user("alice"), user("bob"));
    let (phone, watcher) = (Phone::udp(&server, &alice), Phone::udp(&server, &bob));
    let plain = Pidf::of(&alice).tuple("t1", "open").note("Grüße").text();
    let prefixed = format!(
        "<?xml version='1.0'?><!-- so --><p:presence xmlns:p='{}' entity='{alice}'><p:tuple id='t1'>\
         <p:status><p:basic><![CDATA[open]]></p:basic></p:status></p:tuple><p:note>Gr&#252;&#xDF;e</p:note></p:presence>",
        rollcall_tests::pidf::NAMESPACE
    );
    let wide = plain.replace("UTF-8", "UTF-16");
    let big: Vec<u8> = [0xfeff].into_iter().chain(wide.encode_utf16()).flat_map(u16::to_be_bytes).collect();
    let little: Vec<u8> =
        [0xfeff].into_iter().chain(wide.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let marked = [b"\xef\xbb\xbf", plain.as_bytes()].concat();
    for body in [plain.clone().into_bytes(), prefixed.into_bytes(), big, little, marked] {
        let request = phone.publish_for(&alice).body(PIDF, body.clone());
        let etag = phone.send(&request).expect(200).etag();
        let mut fetch = watcher.subscribe_with(watcher.subscribe_request(&alice).with("Expires", "0"));
        let document = fetch.notify().document();
        assert_eq!(document.basics(), ["open"], "of {:?}", String::from_utf8_lossy(&body));
        assert_eq!(document.notes(), ["Grüße"]);
        let remove = phone.publish_for(&alice).with("SIP-If-Match", etag).with("Expires", "0");
        let _ = phone.send(&remove).expect(200);
    }
}

/// RFC 3863 4.1.2 (PIDF-03): inside a tuple: status, extensions, contact, notes, timestamp, whatever
/// the order of what was published; and ids that are no `xs:ID` are mended.
#[test]
fn what_is_sent_is_in_order() {
    let server = Server::shared();
    let (alice, bob) = (user("alice"), user("bob"));
    let (phone, watcher) = (Phone::udp(&server, &alice), Phone::udp(&server, &bob));
    let mixed = Pidf::of(&alice).raw_tuple(
        "<tuple id=\"9 lives\"><timestamp>2026-01-02T03:04:05Z</timestamp><note>n</note>\
         <contact priority=\"0.5\">sip:desk@example.com</contact><rpid:class>work</rpid:class>\
         <status><basic>open</basic></status></tuple>",
    );
    let _publication = phone.publish(&mixed.text());
    let mut subscription = watcher.subscribe(&alice);
    let tuples = subscription.notify().document().tuples();
    assert_eq!(tuples[0].children, ["status", "class", "contact", "note", "timestamp"], "{tuples:?}");
    assert!(tuples[0].id.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'), "{tuples:?}");
}

/// RFC 3863 4.1.3, RFC 4479 3.6 (PIDF-04): a tuple without `basic` says nothing about it, and
/// nothing is made up.
#[test]
fn an_absent_basic_stays_absent() {
    let server = Server::shared();
    let (alice, bob) = (user("alice"), user("bob"));
    let (phone, watcher) = (Phone::udp(&server, &alice), Phone::udp(&server, &bob));
    let without = Pidf::of(&alice).raw_tuple(
        "<tuple id=\"t1\"><status><x:mood xmlns:x=\"urn:example:mood\">fine</x:mood></status></tuple>",
    );
    let _publication = phone.publish(&without.text());
    let mut subscription = watcher.subscribe(&alice);
    let document = subscription.notify().document();
    assert_eq!(document.basics(), Vec::<String>::new());
    assert_eq!(document.tuples().len(), 1);
    assert!(document.text().contains("urn:example:mood"), "unknown elements are passed on (PIDF-08)");
}

/// RFC 4480 3.2, RFC 4479 3.3 (PIDF-08, PIDF-10): a person with activities comes through.
#[test]
fn a_person_comes_through() {
    let server = Server::shared();
    let (alice, bob) = (user("alice"), user("bob"));
    let (phone, watcher) = (Phone::udp(&server, &alice), Phone::udp(&server, &bob));
    let _publication =
        phone.publish(&Pidf::of(&alice).tuple("t1", "open").activity("p1", "on-the-phone").text());
    let mut subscription = watcher.subscribe(&alice);
    assert_eq!(subscription.notify().document().activities(), ["on-the-phone"]);
}
