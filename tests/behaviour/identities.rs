//! One person, many identities (seed 2, WPS-22 to WPS-29, WPS-36, WPS-44, WPS-45): what is kept by the
//! fundamental identity, what is checked by the identity as it is, and how identities are compared.

use rollcall_tests::message::Message;
use rollcall_tests::phone::PIDF;
use rollcall_tests::{Config, Phone, Pidf, Server};

const ALICE: &str = "sip:alice@example.com";
const AL: &str = "sip:al@example.com";
const OFFICE: &str = "sip:a.smith@office.example";
const NUMBER: &str = "tel:+15550100";
const ALL: [&str; 4] = [ALICE, AL, OFFICE, NUMBER];
const BOB: &str = "sip:bob@example.com";

/// All of [`ALL`] are Alice.
const MAP: &str = "sip:alice@example.com,sip:al@example.com,sip:a.smith@office.example,tel:+15550100\n";

fn config() -> Config {
    Config::new()
        .set("identity.map", "map.csv")
        .set("presence.domains", vec!["example.com", "office.example"])
        .set("presence.winfo.interval", 0)
}

fn server(config: Config) -> Server {
    Server::start_with(&[("map.csv", MAP)], config)
}

/// A document of one tuple with a note, told apart from others by both.
fn document(entity: &str, note: &str) -> String {
    Pidf::of(entity).raw_tuple(&tuple(note)).text()
}

fn tuple(note: &str) -> String {
    format!(
        "<tuple id=\"t\"><status><basic>open</basic></status><contact>sip:{note}@pc</contact><note>{note}</note></tuple>"
    )
}

/// Notes of all tuples, sorted.
fn notes(document: &rollcall_tests::Document) -> Vec<String> {
    let mut all: Vec<String> = document.tuples().into_iter().flat_map(|tuple| tuple.notes).collect();
    all.sort();
    all
}

/// What somebody who asks now is shown under an address.
#[track_caller]
fn seen(server: &Server, presentity: &str) -> Vec<String> {
    let watcher = Phone::udp(server, BOB);
    let mut fetch = watcher.subscribe_with(watcher.subscribe_request(presentity).with("Expires", "0"));
    notes(&fetch.notify().document())
}

/// A PUBLISH to `to` of a document about `entity`, sent by `phone`'s user.
fn publish(phone: &Phone, to: &str, entity: &str) -> Message {
    phone.publish_for(to).body(PIDF, document(entity, "x"))
}

/// WPS-26, WPS-27: "presence information from different IDs for the same user are presented as a single
/// aggregated presence document. When a subscriber subscribes to any one of these identities, the subscriber
/// receives the aggregated document" — at once, with every change, and about the identity asked for.
#[test]
fn every_identity_shows_what_is_published_under_all() {
    let server = server(config());
    let phones = ALL.map(|identity| Phone::udp(&server, identity));
    let watcher = Phone::tcp(&server, BOB);
    let mut watching = ALL.map(|identity| watcher.subscribe(identity));
    for subscription in &mut watching {
        assert_eq!(notes(&subscription.notify().document()), [""; 0]);
    }
    let mut publications = Vec::new();
    let mut expected = Vec::new();
    for (phone, note) in phones.iter().zip(["one", "two", "three", "four"]) {
        publications.push(phone.publish(&document(phone.identity(), note)));
        expected.push(note.to_owned());
        expected.sort();
        for (subscription, identity) in watching.iter_mut().zip(ALL) {
            let shown = subscription.notify().document();
            assert_eq!((notes(&shown), shown.entity()), (expected.clone(), identity.to_owned()));
        }
    }
    assert_eq!(seen(&server, NUMBER), expected);
    assert_eq!(seen(&server, BOB), [""; 0], "nobody else is shown it");
    publications[1].remove();
    expected.retain(|note| note != "two");
    for subscription in &mut watching {
        assert_eq!(notes(&subscription.notify().document()), expected);
    }
}

/// WPS-25, WPS-31: "The published document is stored in the database based on the presentity's fundamental
/// identity", and subscriptions are managed by it: there is one presentity, one limit and one list of watchers.
#[test]
fn everything_is_kept_under_the_fundamental_identity() {
    let server = server(config().set("limits.publications", 2));
    let phones = ALL.map(|identity| Phone::udp(&server, identity));
    let _first = phones[1].publish(&document(AL, "one"));
    let _second = phones[2].publish(&document(OFFICE, "two"));
    for phone in &phones {
        let _ = phone.send(&publish(phone, phone.identity(), phone.identity())).expect(503);
    }
    let watcher = Phone::udp(&server, BOB);
    let mut watching = ALL.map(|identity| watcher.subscribe(identity));
    for subscription in &mut watching {
        subscription.notify();
    }
    let page = server.admin().json("/presentities");
    let found = |name: &str| {
        let list = page["presentities"].as_array().expect("an array");
        list.iter().find(|one| one["presentity"] == name).cloned()
    };
    let alice = found(ALICE).expect("alice is known");
    assert_eq!((&alice["summary"]["watchers"], &alice["summary"]["publications"]), (&4.into(), &2.into()));
    for alias in [AL, OFFICE, NUMBER] {
        let known = found(alias).map_or(0.into(), |one| one["summary"]["watchers"].clone());
        assert_eq!(known, 0, "{page}");
    }
}

/// WPS-28: "it is possible to perform a modify/unpublish operation with a continued eTag from different
/// public identities that map to the same fundamental ID."
#[test]
fn an_entity_tag_continues_under_every_identity_of_a_person() {
    let server = server(config());
    let phones = ALL.map(|identity| Phone::udp(&server, identity));
    let mut tag = phones[0].publish(&document(ALICE, "of alice")).etag;
    let old = tag.clone();
    for (phone, note) in phones[1..].iter().zip(["of al", "of the office", "of the number"]) {
        let own = phone.identity();
        let with = |tag: &str| phone.publish_for(own).with("SIP-If-Match", tag);
        let modified = phone.send(&with(&tag).body(PIDF, document(own, note))).expect(200);
        assert_ne!(modified.etag(), tag);
        tag = modified.etag();
        assert_eq!(seen(&server, ALICE), [note], "it replaces what the tag names");
        tag = phone.send(&with(&tag)).expect(200).etag();
        assert_eq!(seen(&server, ALICE), [note], "a refresh");
        let _ = phone.send(&with(&old)).expect(412);
    }
    // Each checks its own: al does not modify as alice.
    let request = phones[1].publish_for(ALICE).with("SIP-If-Match", tag.as_str());
    let _ = phones[1].send(&request.with("Expires", "0")).expect(403);
    let remove = phones[0].publish_for(ALICE).with("SIP-If-Match", tag.as_str()).with("Expires", "0");
    let _ = phones[0].send(&remove).expect(200);
    assert_eq!(seen(&server, NUMBER), [""; 0]);
}

/// WPS-29: another person's tag, and any that was never given, is unknown: 412, and it changes nothing; so is
/// that of one who was the same person before the map changed. Peers let a tag of another user refresh or
/// remove state, or answer an odd one with 500.
#[test]
fn an_entity_tag_of_somebody_else_is_unknown() {
    let server = server(config());
    let (alice, al, bob) = (Phone::udp(&server, ALICE), Phone::udp(&server, AL), Phone::udp(&server, BOB));
    let publication = alice.publish(&document(ALICE, "of alice"));
    let odd = ["*", "0", "a.1234.5678.0", "....", "-1", "%00", "'", &"x".repeat(3000)];
    for tag in odd.into_iter().chain([publication.etag.as_str(), publication.etag.to_uppercase().as_str()]) {
        let request = || bob.publish_for(BOB).with("SIP-If-Match", tag);
        let _ = bob.send(&request()).expect(412);
        let _ = bob.send(&request().with("Expires", "0")).expect(412);
        let _ = bob.send(&request().body(PIDF, document(BOB, "of bob"))).expect(412);
    }
    let request = || al.publish_for(AL).with("SIP-If-Match", publication.etag.as_str()).with("Expires", "0");
    server.replace("map.csv", "sip:carol@example.com,sip:al@example.com\n");
    server.reload();
    let _ = al.send(&request()).expect(412);
    assert_eq!((seen(&server, ALICE), seen(&server, BOB)), (vec!["of alice".to_owned()], Vec::new()));
    server.replace("map.csv", MAP);
    server.reload();
    let _ = al.send(&request()).expect(200);
    assert_eq!(seen(&server, ALICE), [""; 0]);
}

/// WPS-22, WPS-23, WPS-24: "verifies that the publisher is publishing his or her own presence document … without
/// referring to their fundamental identity … for the sender identity …, for the 'To' header and for the entity
/// attribute": each of the two is compared with the sender, and two identities of one person are two.
#[test]
fn a_document_is_ones_own_by_the_identity_as_it_is() {
    let server = server(config());
    for (sender, to, entity, status) in [
        (ALICE, ALICE, ALICE, 200),
        (AL, AL, AL, 200),
        (ALICE, AL, AL, 403),
        (AL, ALICE, ALICE, 403),
        (ALICE, ALICE, AL, 403),
        (ALICE, AL, ALICE, 403),
        (NUMBER, ALICE, NUMBER, 403),
        (BOB, ALICE, ALICE, 403),
        (BOB, BOB, ALICE, 403),
    ] {
        let phone = Phone::udp(&server, sender);
        let answer = phone.send(&publish(&phone, to, entity));
        assert_eq!(answer.status(), status, "{sender} to {to} about {entity}: {answer}");
    }
    // Neither From nor the Request-URI says who sends, or whose document it is.
    let (alice, bob) = (Phone::udp(&server, ALICE), Phone::udp(&server, BOB));
    let _ =
        alice.send(&publish(&alice, ALICE, ALICE).with("From", format!("<{BOB}>;tag=1")).at(BOB)).expect(200);
    let _ = bob.send(&publish(&bob, ALICE, BOB).with("From", format!("<{ALICE}>;tag=1")).at(BOB)).expect(403);
    assert_eq!((seen(&server, ALICE), seen(&server, BOB)), (vec!["x".to_owned()], Vec::new()));
    // Of two asserted identities (RFC 3325 9.1) each counts.
    let both = format!("<{BOB}>, <{NUMBER}>");
    for own in [BOB, NUMBER] {
        let request = publish(&bob, own, own).with("P-Asserted-Identity", both.as_str());
        let _ = bob.send(&request).expect(200);
    }
    let _ = bob.send(&publish(&bob, AL, AL).with("P-Asserted-Identity", both)).expect(403);
}

/// WPS-36: with rules off and without lists "Presence Server verifies that the subscriber is allowed by
/// comparing the sender … with the presentity in the To header, without regard to fundamental identity". What is
/// allowed then shows everything of the person.
#[test]
fn without_rules_each_identity_watches_itself() {
    let server = server(config().set("rules.enabled", false));
    let phones = ALL.map(|identity| Phone::udp(&server, identity));
    let _published = phones[0].publish(&document(ALICE, "of alice"));
    for phone in &phones {
        for presentity in ALL {
            let request = phone.subscribe_request(presentity);
            if presentity == phone.identity() {
                let mut subscription = phone.subscribe_with(request);
                assert_eq!(notes(&subscription.notify().expect("active").document()), ["of alice"]);
            } else {
                let _ = phone.send(&request).expect(403);
            }
        }
    }
    let odd = phones[0].subscribe_request("SIP:%61lice@EXAMPLE.com:5060;x=y");
    let mut subscription = phones[0].subscribe_with(odd.at(BOB));
    assert_eq!(notes(&subscription.notify().document()), ["of alice"], "To decides, normalized");
}

/// WPS-44, WPS-45: the identities of a person do not read each other's watcher information, but each reads "the
/// document with aggregated watchers for all presentities relating to the same fundamental identity".
#[test]
fn every_identity_sees_the_watchers_of_all() {
    let server = server(config());
    let phones = ALL.map(|identity| Phone::udp(&server, identity));
    let mut looking = phones.each_ref().map(Phone::look);
    for (subscription, identity) in looking.iter_mut().zip(ALL) {
        let list = subscription.notify().watcher_info();
        assert_eq!((list.resource.as_str(), list.watchers.len()), (identity, 0));
    }
    let watchers = ["bob", "carol", "dave", "eve"].map(|user| format!("sip:{user}@example.com"));
    let watchers = watchers.map(|user| Phone::udp(&server, &user));
    let mut watching = Vec::new();
    for (watcher, presentity) in watchers.iter().zip(ALL) {
        watching.push(watcher.subscribe(presentity));
        for subscription in &mut looking {
            let told = subscription.notify().watcher_info().told();
            assert_eq!(told, [format!("{} active subscribe", watcher.identity())]);
        }
    }
    for (subscription, own) in looking.iter_mut().zip(&phones) {
        subscription.refresh(3600);
        assert_eq!(subscription.notify().watcher_info().watchers.len(), 4);
        for other in ALL.into_iter().filter(|other| *other != own.identity()) {
            let _ = own.send(&own.winfo_request(other, "presence.winfo")).expect(403);
        }
    }
}
