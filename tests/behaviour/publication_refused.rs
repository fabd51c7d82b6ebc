//! PUBLISH requests that are not taken, and what they leave untouched (RFC 3903 6).

use rollcall_tests::message::Message;
use rollcall_tests::phone::PIDF;
use rollcall_tests::server::user;
use rollcall_tests::{Config, Phone, Pidf, Server};

/// RFC 3903 6 step 1 (PUB-01): a Request-URI outside of the served domains is no resource here.
#[test]
fn a_foreign_domain_is_not_found() {
    let server = Server::shared();
    let phone = Phone::udp(&server, "sip:alice@elsewhere.example");
    let request = phone.publish_request(&Pidf::basic("sip:alice@elsewhere.example", "open"));
    let _ = phone.send(&request).expect(404);
}

/// RFC 3903 6 step 2 (PUB-02): an Event that is missing or unknown gets 489 with Allow-Events,
/// and a missing one is not a 400.
#[test]
fn an_unknown_event_package_is_a_bad_event() {
    let server = Server::shared();
    let alice = user("alice");
    let phone = Phone::udp(&server, &alice);
    let good = || phone.publish_request(&Pidf::basic(&alice, "open"));
    for request in [good().without("Event"), good().with("Event", "dialog"), good().with("Event", "Presence")]
    {
        let answer = phone.send(&request).expect(489);
        assert!(answer.values("Allow-Events").contains(&"presence".to_owned()), "{answer}");
    }
}

/// RFC 3903 6 step 3 (PUB-03): more than one tag in SIP-If-Match, in one line or in two, is 400.
#[test]
fn two_tags_to_match_are_a_bad_request() {
    let server = Server::shared();
    let alice = user("alice");
    let phone = Phone::udp(&server, &alice);
    let publication = phone.publish(&Pidf::basic(&alice, "open"));
    let joined = publication.request().with("SIP-If-Match", format!("{}, other", publication.etag));
    let repeated = publication.request().and("SIP-If-Match", "other");
    let _ = phone.send(&joined).expect(400);
    let _ = phone.send(&repeated).expect(400);
    let _ = phone.send(&publication.request()).expect(200);
}

/// RFC 3903 6 step 3 (PUB-04): a tag of another resource does not match.
#[test]
fn a_tag_of_another_presentity_does_not_match() {
    let server = Server::shared();
    let (alice, bob) = (user("alice"), user("bob"));
    let (phone, other) = (Phone::udp(&server, &alice), Phone::udp(&server, &bob));
    let publication = phone.publish(&Pidf::basic(&alice, "open"));
    let stolen = other.publish_for(&bob).with("SIP-If-Match", publication.etag.as_str());
    let _ = other.send(&stolen).expect(412);
    let _ = phone.send(&publication.request()).expect(200);
}

/// RFC 3903 6 step 3 (PUB-05): a tag that was replaced is unknown, and the attempt changes nothing.
#[test]
fn a_replaced_tag_is_unknown() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let mut publication = phone.publish(&Pidf::basic(&alice, "open"));
    let old = publication.etag.clone();
    publication.refresh();
    let mut subscription = watcher.subscribe(&alice);
    subscription.notify();
    let closed = Pidf::basic(&alice, "closed");
    let late = publication.request().with("SIP-If-Match", old.as_str());
    let _ = phone.send(&late.body(PIDF, closed.as_str())).expect(412);
    let never = publication.request().with("SIP-If-Match", "no-such-tag");
    let _ = phone.send(&never.with("Expires", "0")).expect(412);
    let any = publication.request().with("SIP-If-Match", "*");
    let _ = phone.send(&any).expect(412);
    publication.modify(&Pidf::of(&alice).tuple("t1", "open").note("still here").text());
    let document = subscription.notify().document();
    assert_eq!((document.basics(), document.notes()), (vec!["open".into()], vec!["still here".into()]));
}

/// RFC 3903 6 step 4 (PUB-07): too short a lifetime gets 423 with Min-Expires; 0 never does.
#[test]
fn a_lifetime_below_the_minimum_is_too_brief() {
    let server = Server::shared();
    let alice = user("alice");
    let phone = Phone::udp(&server, &alice);
    for seconds in ["1", "59"] {
        let request = phone.publish_request(&Pidf::basic(&alice, "open")).with("Expires", seconds);
        assert_eq!(phone.send(&request).expect(423).header("Min-Expires"), Some("60"));
    }
    let request = phone.publish_request(&Pidf::basic(&alice, "open")).with("Expires", "60");
    let _ = phone.send(&request).expect(200);
}

/// RFC 3903 6 step 5 (PUB-08): a body of another type gets 415 with an Accept that names PIDF.
#[test]
fn another_content_type_is_unsupported() {
    let server = Server::shared();
    let alice = user("alice");
    let phone = Phone::udp(&server, &alice);
    let document = Pidf::basic(&alice, "open");
    for kind in ["text/plain", "application/xml", "application/sdp"] {
        let request = phone.publish_for(&alice).body(kind, document.as_str());
        let answer = phone.send(&request).expect(415);
        assert!(answer.values("Accept").iter().any(|a| a.starts_with(PIDF)), "{answer}");
    }
    let parameters = phone.publish_for(&alice).body("Application/PIDF+xml;charset=UTF-8", document.as_str());
    let _ = phone.send(&parameters).expect(200);
}

/// RFC 3261 8.2.3 (SIP-09): an encoding that is not understood gets 415 with Accept-Encoding.
#[test]
fn another_content_encoding_is_unsupported() {
    let server = Server::shared();
    let alice = user("alice");
    let phone = Phone::udp(&server, &alice);
    let request = phone.publish_request(&Pidf::basic(&alice, "open")).with("Content-Encoding", "gzip");
    let answer = phone.send(&request).expect(415);
    assert!(answer.header("Accept-Encoding").is_some(), "{answer}");
    let identity = phone.publish_request(&Pidf::basic(&alice, "open")).with("Content-Encoding", "identity");
    let _ = phone.send(&identity).expect(200);
}

/// RFC 3903 6 step 5 (PUB-09): neither body nor tag is 400.
#[test]
fn an_initial_publication_needs_a_body() {
    let server = Server::shared();
    let alice = user("alice");
    let phone = Phone::udp(&server, &alice);
    let _ = phone.send(&phone.publish_for(&alice)).expect(400);
}

/// RFC 3903 6 and 14.1 (PUB-20), WPS-22, WPS-24: only the presentity publishes for itself: the
/// sender is compared with To and with the document's entity.
#[test]
fn nobody_publishes_for_someone_else() {
    let server = Server::shared();
    let (alice, mallory) = (user("alice"), user("mallory"));
    let phone = Phone::udp(&server, &mallory);
    let own = Pidf::basic(&mallory, "open");
    let others = Pidf::basic(&alice, "open");
    let _ = phone.send(&phone.publish_for(&alice).body(PIDF, others.as_str())).expect(403);
    let _ = phone.send(&phone.publish_for(&alice).body(PIDF, own.as_str())).expect(403);
    // To is what counts, not the Request-URI (design: policy).
    let retargeted = phone.publish_for(&mallory).body(PIDF, own.as_str()).at(&alice);
    let answer = phone.send(&retargeted);
    assert!([200, 403].contains(&answer.status()), "{answer}");
    let mut subscription = phone.subscribe(&alice);
    assert!(subscription.notify().document().is_neutral(), "nothing was stored for {alice}");
}

/// RFC 3903 6 (PUB-20): no asserted identity, no publication. Without digest that is 403.
#[test]
fn an_unauthenticated_publisher_is_forbidden() {
    let server = Server::shared();
    let alice = user("alice");
    let phone = Phone::udp(&server, &alice);
    let request = phone.publish_request(&Pidf::basic(&alice, "open")).without("P-Asserted-Identity");
    let _ = phone.send(&request).expect(403);
}

/// RFC 3863 4.1, RFC 3903 6 step 5 (PUB-22): what is no presence document of this presentity is
/// 400 (or 403 where the entity is someone else's), and the earlier state stays.
#[test]
fn a_broken_document_leaves_the_earlier_state() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let mut publication = phone.publish(&Pidf::basic(&alice, "open"));
    let mut subscription = watcher.subscribe(&alice);
    subscription.notify();
    let whole = Pidf::basic(&alice, "closed");
    let broken = [
        whole[..whole.len() - 12].to_owned(),
        "not XML at all".to_owned(),
        String::from("<html/>"),
        whole.replace("urn:ietf:params:xml:ns:pidf\"", "urn:example:other\""),
        whole.replace("<presence ", "<absence ").replace("</presence>", "</absence>"),
        whole.replace("closed", "&undefined;"),
    ];
    for document in &broken {
        let modify = publication.request().body(PIDF, document.as_str());
        let answer = phone.send(&modify);
        assert_eq!(answer.status(), 400, "for {document:?}: {answer}");
        assert_eq!(answer.header("SIP-ETag"), None, "{answer}");
        let initial = phone.publish_request(document);
        assert_eq!(phone.send(&initial).status(), 400, "for {document:?}");
    }
    let foreign = publication.request().body(PIDF, Pidf::basic("sip:someone@example.com", "open"));
    let answer = phone.send(&foreign);
    assert!([400, 403].contains(&answer.status()), "{answer}");
    // The tag still stands, the next NOTIFY is that of the next change, and the state was kept.
    publication.modify(&Pidf::of(&alice).tuple("t1", "open").note("alive").text());
    assert_eq!(subscription.notify().document().notes(), ["alive"]);
}

/// RFC 3261 8.2.2.3 (PUB-23, SIP-08): an unknown extension is required: 420 that lists exactly
/// the tags that are not understood.
#[test]
fn an_unknown_extension_is_named() {
    let server = Server::shared();
    let alice = user("alice");
    let phone = Phone::udp(&server, &alice);
    let request: Message = phone
        .publish_request(&Pidf::basic(&alice, "open"))
        .and("Require", "nonesuch, 100neither")
        .and("Require", "nor-this");
    let answer = phone.send(&request).expect(420);
    let mut unsupported = answer.values("Unsupported");
    unsupported.sort();
    assert_eq!(unsupported, ["100neither", "nonesuch", "nor-this"]);
}

/// RFC 3903 9 (PUB-25): more publications in a minute than the operator allows are 503 with
/// Retry-After, and change nothing; afterwards they are taken again.
#[test]
fn too_many_publications_are_put_off() {
    let server = Server::start(Config::new().clock().set("presence.publish_rate", 3));
    let (alice, bob) = (user("alice"), user("bob"));
    let (phone, other) = (Phone::udp(&server, &alice), Phone::udp(&server, &bob));
    let mut publication = phone.publish(&Pidf::basic(&alice, "open"));
    publication.modify(&Pidf::basic(&alice, "closed"));
    publication.refresh();
    let answer = phone.send(&publication.request()).expect(503);
    let wait = answer.header("Retry-After").and_then(|s| s.parse::<u64>().ok()).expect("Retry-After");
    assert!((1..=60).contains(&wait), "{answer}");
    let _ = other.publish(&Pidf::basic(&bob, "open"));
    server.advance(std::time::Duration::from_secs(wait + 1));
    publication.refresh();
}
