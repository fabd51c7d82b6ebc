//! A publication's life: made, changed, prolonged, removed (RFC 3903 4 and 6).

use rollcall_tests::server::user;
use rollcall_tests::{Phone, Pidf, Server};

/// RFC 3903 6 step 6 (PUB-15, PUB-16): every success carries Expires and one SIP-ETag, and the
/// tag is a new one each time.
#[test]
fn every_success_gives_a_new_tag() {
    let server = Server::shared();
    let alice = user("alice");
    let phone = Phone::udp(&server, &alice);
    let mut publication = phone.publish(&Pidf::basic(&alice, "open"));
    let mut tags = vec![publication.etag.clone()];
    for round in 0..4 {
        match round % 2 {
            0 => publication.refresh(),
            _ => publication.modify(&Pidf::basic(&alice, "closed")),
        }
        assert!(!tags.contains(&publication.etag), "{} was assigned before: {tags:?}", publication.etag);
        tags.push(publication.etag.clone());
    }
    let answer = phone.send(&publication.request().with("Expires", "1800")).expect(200);
    assert_eq!(answer.expires(), Some(1800));
}

/// RFC 3903 6 step 4 (PUB-06): no Expires means the configured default; never more than asked.
#[test]
fn the_default_lifetime_is_granted_where_none_is_asked() {
    let server = Server::shared();
    let alice = user("alice");
    let phone = Phone::udp(&server, &alice);
    let request = phone.publish_request(&Pidf::basic(&alice, "open"));
    let answer = phone.send(&request).expect(200);
    assert_eq!(answer.expires(), Some(3600));
    let long = phone.publish_request(&Pidf::basic(&alice, "open")).with("Expires", "500000");
    assert_eq!(phone.send(&long).expect(200).expires(), Some(86400), "clamped to the maximum");
    let short = phone.publish_request(&Pidf::basic(&alice, "open")).with("Expires", "100");
    assert_eq!(phone.send(&short).expect(200).expires(), Some(100));
}

/// RFC 3903 4.3 and 6 step 5 (PUB-10): a refresh prolongs the state, keeps it, and does not
/// notify watchers.
#[test]
fn a_refresh_keeps_the_state_and_notifies_nobody() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let mut publication = phone.publish(&Pidf::basic(&alice, "open"));
    let mut subscription = watcher.subscribe(&alice);
    assert_eq!(subscription.notify().document().basics(), ["open"]);
    for _ in 0..3 {
        publication.refresh();
    }
    publication.modify(&Pidf::basic(&alice, "closed"));
    // The next NOTIFY has the next CSeq (checked on arrival) and is already that of the change.
    assert_eq!(subscription.notify().document().basics(), ["closed"]);
    publication.refresh();
    let mut fetched = watcher.subscribe_with(watcher.subscribe_request(&alice).with("Expires", "0"));
    assert_eq!(fetched.notify().document().basics(), ["closed"], "the state is still there");
}

/// RFC 3903 4.4 and 6 step 5 (PUB-11): a modification replaces the whole state under the tag;
/// tuples that it lacks are gone.
#[test]
fn a_modification_replaces_the_whole_state() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let two = Pidf::of(&alice).reachable("t1", "open", "sip:desk@example.com").reachable(
        "t2",
        "closed",
        "sip:mobile@example.com",
    );
    let mut publication = phone.publish(&two.text());
    let mut subscription = watcher.subscribe(&alice);
    assert_eq!(subscription.notify().document().tuples().len(), 2);
    publication.modify(&Pidf::of(&alice).reachable("t3", "open", "sip:lab@example.com").text());
    let tuples = subscription.notify().document().tuples();
    assert_eq!(tuples.len(), 1, "{tuples:?}");
    assert_eq!(tuples[0].contact.as_deref(), Some("sip:lab@example.com"));
}

/// RFC 3903 4.5 and 6 step 5 (PUB-13): Expires 0 with a tag removes the state at once, watchers
/// are told, and the 200 still has Expires and SIP-ETag.
#[test]
fn a_removal_takes_effect_at_once() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let publication = phone.publish(&Pidf::basic(&alice, "open"));
    let mut subscription = watcher.subscribe(&alice);
    assert_eq!(subscription.notify().document().basics(), ["open"]);
    let answer = phone.send(&publication.request().with("Expires", "0")).expect(200);
    assert_eq!(answer.expires(), Some(0));
    assert_ne!(answer.etag(), publication.etag);
    assert!(subscription.notify().document().is_neutral());
    // Neither the old tag nor the one of the removal stands for anything now (PUB-05).
    for tag in [publication.etag.clone(), answer.etag()] {
        let _ = phone.send(&publication.request().with("SIP-If-Match", tag)).expect(412);
    }
}

/// RFC 3903 6 step 5 (PUB-14): Expires 0 without a tag checks the body and stores nothing.
#[test]
fn a_publication_for_no_time_stores_nothing() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let request = phone.publish_request(&Pidf::basic(&alice, "open")).with("Expires", "0");
    let answer = phone.send(&request).expect(200);
    assert_eq!(answer.expires(), Some(0));
    let _ = answer.etag();
    let mut subscription = watcher.subscribe(&alice);
    assert!(subscription.notify().document().is_neutral(), "nothing was stored");
    let broken = phone.publish_request("<presence").with("Expires", "0");
    let _ = phone.send(&broken).expect(400);
}

/// RFC 3903 6 (PUB-17): of two modifications with the same tag one succeeds and the other finds
/// its tag replaced, whichever comes first; what the watcher sees at the end is the one that won.
#[test]
fn of_two_modifications_with_one_tag_one_wins() {
    let server = Server::shared();
    let (alice, bob) = (user("alice"), user("bob"));
    let (phone, other) = (Phone::udp(&server, &alice), Phone::tcp(&server, &alice));
    let watcher = Phone::udp(&server, &bob);
    let mut publication = phone.publish(&Pidf::basic(&alice, "open"));
    let mut subscription = watcher.subscribe(&alice);
    subscription.notify();
    for round in 0..10 {
        let body = |who: &str| Pidf::of(&alice).tuple("t1", "open").note(&format!("{who} {round}")).text();
        let first = phone.begin(&publication.request().body("application/pidf+xml", body("first")));
        let rival = other.publish_for(&alice).with("SIP-If-Match", publication.etag.as_str());
        let second = other.begin(&rival.body("application/pidf+xml", body("second")));
        let (first, second) = (first.wait(), second.wait());
        let (winner, won) = match (first.status(), second.status()) {
            (200, 412) => ("first", first),
            (412, 200) => ("second", second),
            statuses => panic!("one success and one 412, not {statuses:?}"),
        };
        publication.etag = won.etag();
        assert_eq!(subscription.notify().document().notes(), [format!("{winner} {round}")]);
    }
}

/// RFC 3903 6 (PUB-19): PUBLISH makes no dialog: a To tag does not matter, Record-Route and
/// Contact are ignored, and the response has no Record-Route.
#[test]
fn a_publish_makes_no_dialog() {
    let server = Server::shared();
    let alice = user("alice");
    let phone = Phone::udp(&server, &alice);
    let request = phone
        .publish_request(&Pidf::basic(&alice, "open"))
        .with("To", format!("<{alice}>;tag=left-over"))
        .with("Record-Route", "<sip:127.0.0.9;lr>")
        .with("Contact", phone.contact());
    let answer = phone.send(&request).expect(200);
    assert_eq!(answer.header("Record-Route"), None);
    assert_eq!(answer.header("To"), request.header("To"));
}

/// RFC 3903 10.3 (PUB-24): publications of several agents live side by side under tags and
/// lifetimes of their own.
#[test]
fn publications_of_two_agents_live_side_by_side() {
    let server = Server::shared();
    let (alice, bob) = (user("alice"), user("bob"));
    let (desk, mobile) = (Phone::udp(&server, &alice), Phone::tcp(&server, &alice));
    let watcher = Phone::udp(&server, &bob);
    let at = |id: &str, basic: &str, contact: &str| Pidf::of(&alice).reachable(id, basic, contact).text();
    let mut first = desk.publish(&at("d", "open", "sip:desk@example.com"));
    let mut second = mobile.publish(&at("m", "open", "sip:mobile@example.com"));
    let mut subscription = watcher.subscribe(&alice);
    assert_eq!(subscription.notify().document().basics(), ["open", "open"]);
    second.modify(&at("m", "closed", "sip:mobile@example.com"));
    let mut basics = subscription.notify().document().basics();
    basics.sort();
    assert_eq!(basics, ["closed", "open"]);
    first.remove();
    let tuples = subscription.notify().document().tuples();
    assert_eq!(tuples.len(), 1, "{tuples:?}");
    assert_eq!(tuples[0].contact.as_deref(), Some("sip:mobile@example.com"));
    second.refresh();
}
