//! One document out of several publications (RFC 3903 10.4, RFC 4479).

use rollcall_tests::server::user;
use rollcall_tests::{Phone, Pidf, Server};
use std::collections::HashMap;

/// RFC 3903 10.4 (PUB-12, PIDF-24): two publications may use the same tuple id: both tuples are in
/// the document, under ids that differ and stay the same from NOTIFY to NOTIFY.
#[test]
fn tuple_ids_are_told_apart_and_stay() {
    let server = Server::shared();
    let (alice, bob) = (user("alice"), user("bob"));
    let (desk, mobile) = (Phone::udp(&server, &alice), Phone::udp(&server, &alice));
    let watcher = Phone::udp(&server, &bob);
    let at = |basic: &str, contact: &str| Pidf::of(&alice).reachable("t1", basic, contact).text();
    let mut first = desk.publish(&at("open", "sip:desk@example.com"));
    let mut second = mobile.publish(&at("open", "sip:mobile@example.com"));
    let mut subscription = watcher.subscribe(&alice);
    let mut seen: HashMap<String, String> = HashMap::new();
    for round in 0..4 {
        let tuples = subscription.notify().document().tuples();
        assert_eq!(tuples.len(), 2, "{tuples:?}");
        for tuple in tuples {
            let contact = tuple.contact.expect("a contact");
            let id = seen.entry(contact.clone()).or_insert_with(|| tuple.id.clone());
            assert_eq!(*id, tuple.id, "the id of {contact} in round {round}");
        }
        match round {
            0 => first.modify(&at("closed", "sip:desk@example.com")),
            1 => second.modify(&at("closed", "sip:mobile@example.com")),
            _ => first.modify(&at(["open", "closed"][round % 2], "sip:desk@example.com")),
        }
    }
}

/// RFC 5839 6.1 (nearest), RFC 3856 6.7 (PIDF-25): the same state is the same document, byte for
/// byte, for every watcher and at any time.
#[test]
fn the_same_state_is_the_same_document() {
    let server = Server::shared();
    let (alice, bob, carol) = (user("alice"), user("bob"), user("carol"));
    let phones: Vec<Phone> = (0..4).map(|_| Phone::udp(&server, &alice)).collect();
    let _publications: Vec<_> = phones
        .iter()
        .enumerate()
        .map(|(n, phone)| {
            let contact = format!("sip:place{n}@example.com");
            phone.publish(&Pidf::of(&alice).reachable("t", "open", &contact).note(&format!("n{n}")).text())
        })
        .collect();
    let (one, two) = (Phone::udp(&server, &bob), Phone::udp(&server, &carol));
    let mut subscription = one.subscribe(&alice);
    let text = subscription.notify().document().text().to_owned();
    for _ in 0..3 {
        let mut fetch = two.subscribe_with(two.subscribe_request(&alice).with("Expires", "0"));
        assert_eq!(fetch.notify().document().text(), text);
        subscription.refresh(3600);
        assert_eq!(subscription.notify().document().text(), text);
    }
}

/// RFC 3863 4.1.6 (PIDF-22): notes at document level are kept, of all publications.
#[test]
fn notes_of_all_publications_are_kept() {
    let server = Server::shared();
    let (alice, bob) = (user("alice"), user("bob"));
    let (desk, mobile) = (Phone::udp(&server, &alice), Phone::udp(&server, &alice));
    let watcher = Phone::udp(&server, &bob);
    let with = |contact: &str, note: &str| Pidf::of(&alice).reachable("t", "open", contact).note(note).text();
    let _first = desk.publish(&with("sip:desk@example.com", "at my desk"));
    let _second = mobile.publish(&with("sip:mobile@example.com", "on the way"));
    let mut subscription = watcher.subscribe(&alice);
    let mut notes = subscription.notify().document().notes();
    notes.sort();
    assert_eq!(notes, ["at my desk", "on the way"]);
}
