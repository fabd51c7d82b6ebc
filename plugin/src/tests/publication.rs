//! PUBLISH (RFC 3903), OPTIONS, and what all requests have in common.

use super::scene::{ALICE, HASTY, Scene, header, pidf, pidf_of};
use crate::keys::{DOCUMENT, PUBLICATION};

fn etag(answer: &super::scene::Answer) -> String {
    answer.header("SIP-ETag").unwrap().to_owned()
}

/// PUB-15, PUB-06, RFC 3903 6 step 6.
#[test]
fn a_first_publication_is_stored_with_tag_and_lifetime() {
    let mut scene = Scene::new(HASTY);
    let answer = scene.publish("", &pidf("open"));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("Expires"), Some("3600"));
    assert_eq!(answer.headers.matches("SIP-ETag").count(), 1);
    assert_eq!(scene.count(PUBLICATION), 1);
    assert_eq!(scene.host.timer_count(ALICE), 1);
    assert!(answer.reply.contact.is_none());
}

/// PUB-01: another domain is the proxy's business; PUB-19: To tag, Record-Route and Contact mean nothing.
#[test]
fn the_request_uri_decides_whether_we_are_meant() {
    let mut scene = Scene::new(HASTY);
    let request = |uri: &str, tag: &str| {
        format!(
            "PUBLISH {uri} SIP/2.0\nTo: <{ALICE}>{tag}\nFrom: <{ALICE}>;tag=1\nCall-ID: a\nCSeq: 1 PUBLISH\nEvent: presence\n\
             P-Asserted-Identity: <{ALICE}>\nRecord-Route: <sip:p.example.com;lr>\nContact: <sip:x@y>\n\
             Content-Type: application/pidf+xml\n\n{}",
            pidf("open")
        )
    };
    assert!(scene.request(&request("sip:alice@example.org", "")).is_none());
    assert!(scene.request(&request("sip:alice@example.org", ";tag=7")).is_none());
    assert_eq!(scene.request(&request("http://example.com/", "")).unwrap().status, 416);
    let answer = scene.request(&request("sip:alice@EXAMPLE.com:5060", ";tag=7")).unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("Record-Route"), None);
    // SIP-06: pres and tel name presentities, too.
    assert_eq!(scene.request(&request("pres:alice@example.com", "")).unwrap().status, 200);
    assert_eq!(scene.request(&request("tel:+15550100", "")).unwrap().status, 200);
}

/// PUB-20, WPS-22, WPS-24: sender against To and entity.
#[test]
fn only_the_own_document_is_taken() {
    let mut scene = Scene::new(HASTY);
    let bob = "sip:bob@example.com";
    assert_eq!(scene.publish_as(bob, ALICE, "", &pidf("open")).status, 403);
    assert_eq!(scene.publish_as(bob, ALICE, "", &pidf_of(bob, "open", "")).status, 403);
    assert_eq!(scene.publish_as(ALICE, bob, "", &pidf_of(bob, "open", "")).status, 403);
    assert_eq!(scene.publish("", &pidf_of(bob, "open", "")).status, 403);
    // A presence URI names the same presentity as the SIP URI (RFC 3856 5).
    assert_eq!(scene.publish("", &pidf_of("pres:alice@example.com", "open", "")).status, 200);
    let text = format!(
        "PUBLISH {ALICE} SIP/2.0\nTo: <{ALICE}>\nFrom: <{ALICE}>;tag=1\nCall-ID: a\nCSeq: 1 PUBLISH\nEvent: presence\n\n"
    );
    assert_eq!(scene.request(&text).unwrap().status, 403, "without asserted identity");
}

/// PUB-22: of two asserted identities both may publish, but each to its own presentity.
#[test]
fn an_entity_of_another_presentity_is_refused() {
    let mut scene = Scene::new(HASTY);
    let text = |entity: &str| {
        format!(
            "PUBLISH {ALICE} SIP/2.0\nTo: <{ALICE}>\nFrom: <{ALICE}>;tag=1\nCall-ID: a\nCSeq: 1 PUBLISH\nEvent: presence\n\
             P-Asserted-Identity: <{ALICE}>, <tel:+15550100>\nContent-Type: application/pidf+xml\n\n{}",
            pidf_of(entity, "open", "")
        )
    };
    assert_eq!(scene.request(&text(ALICE)).unwrap().status, 200);
    assert_eq!(scene.request(&text("tel:+1-555-0100")).unwrap().status, 400);
    assert_eq!(scene.request(&text("no uri")).unwrap().status, 400);
}

/// PUB-02.
#[test]
fn a_missing_or_foreign_event_is_489() {
    let mut scene = Scene::new(HASTY);
    for lines in ["Event: dialog\n", "Event: Presence\n", "Event: presence.winfo\n"] {
        let answer = scene.publish(lines, &pidf("open"));
        assert_eq!(answer.status, 489, "{lines}");
        assert_eq!(answer.header("Allow-Events"), Some("presence"));
    }
    let text = format!(
        "PUBLISH {ALICE} SIP/2.0\nTo: <{ALICE}>\nFrom: <{ALICE}>;tag=1\nCall-ID: a\nCSeq: 1 PUBLISH\nP-Asserted-Identity: <{ALICE}>\n\n"
    );
    assert_eq!(scene.request(&text).unwrap().status, 489);
}

/// PUB-23, SIP-08.
#[test]
fn an_unknown_required_option_is_420() {
    let mut scene = Scene::new(HASTY);
    let answer = scene.publish("Require: one, two\n", &pidf("open"));
    assert_eq!(answer.status, 420);
    assert_eq!(answer.header("Unsupported"), Some("one, two"));
}

/// PUB-03, PUB-04, PUB-05.
#[test]
fn a_precondition_is_one_tag_that_is_valid_now() {
    let mut scene = Scene::new(HASTY);
    let first = scene.publish_open();
    assert_eq!(scene.publish("SIP-If-Match: a, b\n", "").status, 400);
    assert_eq!(scene.publish("SIP-If-Match: a\nSIP-If-Match: b\n", "").status, 400);
    assert_eq!(scene.publish("SIP-If-Match: unknown\n", "").status, 412);
    assert_eq!(scene.publish("SIP-If-Match: *\n", "").status, 412);
    let bob = "sip:bob@example.com";
    let foreign = format!("SIP-If-Match: {first}\n");
    assert_eq!(scene.publish_as(bob, bob, &foreign, "").status, 412);
    let second = etag(&scene.publish(&foreign, ""));
    assert_eq!(scene.publish(&foreign, &pidf("closed")).status, 412, "a replaced tag");
    let before = scene.host.records(ALICE, b"");
    assert_eq!(scene.publish(&foreign, "").status, 412);
    assert_eq!(scene.host.records(ALICE, b""), before, "no state is changed");
    assert_eq!(scene.publish(&format!("SIP-If-Match: {second}\n"), "").status, 200);
    scene.host.advance(3_600_000);
    assert_eq!(scene.publish(&format!("SIP-If-Match: {second}\n"), "").status, 412, "an expired tag");
}

/// PUB-07: never for 0; PUB-06: never more than asked for, at most the maximum.
#[test]
fn lifetimes_are_bounded() {
    let mut scene = Scene::new(HASTY);
    let answer = scene.publish("Expires: 59\n", &pidf("open"));
    assert_eq!(answer.status, 423);
    assert_eq!(answer.header("Min-Expires"), Some("60"));
    assert_eq!(scene.publish("Expires: 61\n", &pidf("open")).header("Expires"), Some("61"));
    assert_eq!(scene.publish("Expires: 999999999999\n", &pidf("open")).header("Expires"), Some("86400"));
    assert_eq!(scene.publish("Expires: soon\n", &pidf("open")).status, 400);
}

/// PUB-08, SIP-09.
#[test]
fn a_body_has_to_be_understood() {
    let mut scene = Scene::new(HASTY);
    for lines in ["Content-Type: text/plain\n", "Content-Type: application/xml\n"] {
        let answer = scene.publish(lines, "x");
        assert_eq!(answer.status, 415);
        assert_eq!(answer.header("Accept"), Some("application/pidf+xml, application/pidf-diff+xml"));
    }
    let answer = scene.publish("Content-Encoding: gzip\n", &pidf("open"));
    assert_eq!(answer.status, 415);
    assert_eq!(answer.header("Accept-Encoding"), Some("identity"));
    let tag = scene.publish_open();
    let optional =
        format!("SIP-If-Match: {tag}\nContent-Type: text/plain\nContent-Disposition: x;handling=optional\n");
    assert_eq!(scene.publish(&optional, "ignored").status, 200, "an optional body counts as none");
    assert_eq!(
        scene.publish("Content-Type: Application/PIDF+xml;charset=utf-8\n", &pidf("open")).status,
        200
    );
}

/// PUB-09, PUB-22.
#[test]
fn a_bad_body_leaves_the_earlier_state() {
    let mut scene = Scene::new(HASTY);
    assert_eq!(scene.publish("", "").status, 400);
    let tag = scene.publish_open();
    let before = scene.host.records(ALICE, b"");
    let modify = format!("SIP-If-Match: {tag}\n");
    for body in ["<presence", "<a/>", "no xml", "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\"/>"] {
        assert_eq!(scene.publish(&modify, body).status, 400, "{body}");
    }
    assert_eq!(scene.publish(&modify, &format!("{}{}", pidf("open"), " ".repeat(70_000))).status, 413);
    assert_eq!(scene.host.records(ALICE, b""), before);
    assert_eq!(scene.publish(&modify, "").status, 200, "the tag is valid still");
}

/// PUB-10: refresh keeps the state, changes the tag and tells no watcher.
#[test]
fn a_refresh_is_silent() {
    let mut scene = Scene::new(HASTY);
    let tag = scene.publish_open();
    scene.watch("bob");
    scene.host.advance(1_000_000);
    let document = scene.host.records(ALICE, DOCUMENT);
    let answer = scene.publish(&format!("SIP-If-Match: {tag}\nExpires: 3600\n"), "");
    assert_eq!(answer.status, 200);
    assert_ne!(etag(&answer), tag);
    assert_eq!(scene.cost.timers, 0, "the timer that is set finds out");
    assert_eq!((scene.cost.durable_writes, scene.cost.sends), (1, 0));
    assert_eq!(scene.host.records(ALICE, DOCUMENT), document);
    // It lives as long as the refresh said.
    scene.pass(3_599_000);
    assert_eq!(scene.count(PUBLICATION), 1);
    scene.pass(1_000);
    assert_eq!(scene.count(PUBLICATION), 0);
}

/// PUB-10 with a shorter lifetime: the timer comes forward.
#[test]
fn a_refresh_may_shorten_the_lifetime() {
    let mut scene = Scene::new(HASTY);
    let tag = scene.publish_open();
    assert_eq!(scene.publish(&format!("SIP-If-Match: {tag}\nExpires: 60\n"), "").status, 200);
    scene.pass(60_000);
    assert_eq!(scene.count(PUBLICATION), 0);
}

/// PUB-11: the whole state of that tag is replaced, nothing else.
#[test]
fn a_modification_replaces_the_state_and_is_cheap() {
    let mut scene = Scene::new(HASTY);
    let tag = scene.publish_open();
    let answer = scene.publish(&format!("SIP-If-Match: {tag}\n"), &pidf_of(ALICE, "closed", "away"));
    assert_eq!(answer.status, 200);
    assert_eq!(scene.count(PUBLICATION), 1);
    assert_eq!((scene.cost.durable_writes, scene.cost.relaxed_writes, scene.cost.timers), (2, 0, 0));
    assert!(scene.cost.storage_calls <= 8, "{:?}", scene.cost);
    scene.subscribe("bob", "");
    let notify = scene.only_notify();
    assert!(notify.body.contains("closed") && notify.body.contains("away"), "{}", notify.body);
    assert!(!notify.body.contains("open"));
}

/// A modification that says the same again changes no document, so nobody is notified.
#[test]
fn the_same_state_again_is_no_change() {
    let mut scene = Scene::new(HASTY);
    let tag = scene.publish_open();
    scene.watch("bob");
    let document = scene.host.records(ALICE, DOCUMENT);
    assert_eq!(scene.publish(&format!("SIP-If-Match: {tag}\n"), &pidf("open")).status, 200);
    assert_eq!(scene.host.records(ALICE, DOCUMENT), document);
    assert!(scene.notifies().is_empty());
}

/// PUB-12, PUB-24: publications of several phones with the same tuple id live side by side.
#[test]
fn publications_live_side_by_side() {
    let mut scene = Scene::new(HASTY);
    scene.publish("Expires: 100\n", &pidf_of(ALICE, "open", "desk"));
    scene.publish("Expires: 200\n", &pidf_of(ALICE, "open", "car"));
    scene.subscribe("bob", "");
    let notify = scene.only_notify();
    assert!(notify.body.contains("desk") && notify.body.contains("car"), "{}", notify.body);
    scene.answer(&notify, 200);
    scene.pass(100_000);
    let notify = scene.only_notify();
    assert!(!notify.body.contains("desk") && notify.body.contains("car"), "{}", notify.body);
}

/// PUB-13.
#[test]
fn removal_tells_the_watchers_and_carries_a_tag() {
    let mut scene = Scene::new(HASTY);
    let tag = scene.publish_open();
    scene.watch("bob");
    let answer = scene.publish(&format!("SIP-If-Match: {tag}\nExpires: 0\n"), "");
    assert_eq!((answer.status, answer.header("Expires")), (200, Some("0")));
    assert!(answer.header("SIP-ETag").is_some());
    assert_eq!(scene.count(PUBLICATION), 0);
    let notify = scene.only_notify();
    assert!(!notify.body.contains("open") && notify.body.contains("<presence"), "{}", notify.body);
    assert_eq!(scene.publish(&format!("SIP-If-Match: {tag}\nExpires: 0\n"), "").status, 412);
}

/// PUB-14.
#[test]
fn a_publication_for_no_time_is_checked_and_dropped() {
    let mut scene = Scene::new(HASTY);
    let answer = scene.publish("Expires: 0\n", &pidf("open"));
    assert_eq!((answer.status, answer.header("Expires")), (200, Some("0")));
    assert!(answer.header("SIP-ETag").is_some());
    assert!(scene.host.records(ALICE, b"").is_empty());
    assert_eq!(scene.publish("Expires: 0\n", "<presence").status, 400);
}

/// PUB-21: expiry removes the contribution and tells the watchers, also if the time passed while the host was down.
#[test]
fn expiry_tells_the_watchers() {
    let mut scene = Scene::new(HASTY);
    scene.publish("Expires: 60\n", &pidf("open"));
    scene.watch("bob");
    scene.pass(59_000);
    assert!(scene.notifies().is_empty());
    scene.host.flush();
    scene.host.advance(400_000);
    scene.crash(|_| false);
    scene.settle();
    let notify = scene.only_notify();
    assert!(!notify.body.contains("open"), "{}", notify.body);
    assert_eq!(scene.count(PUBLICATION), 0);
}

/// Nothing is left of a presentity that neither publishes nor is watched.
#[test]
fn nothing_is_left_in_the_end() {
    let mut scene = Scene::new(HASTY);
    let tag = scene.publish_open();
    scene.publish(&format!("SIP-If-Match: {tag}\nExpires: 0\n"), "");
    assert!(scene.host.records(ALICE, b"").is_empty());
    scene.publish("Expires: 60\n", &pidf("open"));
    let watcher = scene.watch("bob");
    scene.pass(60_000);
    scene.answer_all();
    scene.resubscribe("bob", &watcher, 2, "Expires: 0\n");
    scene.answer_all();
    assert!(scene.host.records(ALICE, b"").is_empty());
    assert_eq!(scene.host.timer_count(ALICE), 0);
}

/// PUB-25, RFC 3903 9.
#[test]
fn the_rate_of_publication_can_be_limited() {
    let json = r#"{"presence":{"domains":["example.com"],"publish_rate":2}}"#;
    let mut scene = Scene::new(json);
    let tag = scene.publish_open();
    let tag = etag(&scene.publish(&format!("SIP-If-Match: {tag}\n"), ""));
    scene.host.advance(20_000);
    let answer = scene.publish(&format!("SIP-If-Match: {tag}\n"), "");
    assert_eq!((answer.status, answer.header("Retry-After")), (503, Some("40")));
    scene.host.advance(40_000);
    assert_eq!(scene.publish(&format!("SIP-If-Match: {tag}\n"), "").status, 200);
}

/// A presentity cannot hold more publications than the limit.
#[test]
fn the_number_of_publications_is_limited() {
    let json = r#"{"presence":{"domains":["example.com"]},"limits":{"publications":2}}"#;
    let mut scene = Scene::new(json);
    let tag = scene.publish_open();
    scene.publish_open();
    assert_eq!(scene.publish("", &pidf("open")).status, 503);
    assert_eq!(scene.count(PUBLICATION), 2);
    assert_eq!(scene.publish(&format!("SIP-If-Match: {tag}\n"), &pidf("closed")).status, 200);
}

/// SIP-23, RFC 3903 7, RFC 6665 4.4.4; other methods are not ours.
#[test]
fn options_tells_what_is_served() {
    let mut scene = Scene::new(HASTY);
    let request = |method: &str, uri: &str| {
        format!(
            "{method} {uri} SIP/2.0\nTo: <{uri}>\nFrom: <sip:x@y>;tag=1\nCall-ID: a\nCSeq: 1 {method}\n\n"
        )
    };
    let answer = scene.request(&request("OPTIONS", ALICE)).unwrap();
    assert_eq!(answer.status, 200);
    for method in ["PUBLISH", "SUBSCRIBE", "NOTIFY"] {
        assert!(answer.header("Allow").unwrap().contains(method));
    }
    assert_eq!(header(&answer.headers, "Allow-Events"), Some("presence"));
    assert_eq!(answer.header("Accept"), Some("application/pidf+xml, application/pidf-diff+xml"));
    assert!(answer.header("Supported").is_some());
    assert!(scene.request(&request("OPTIONS", "sip:alice@example.org")).is_none());
    assert_eq!(scene.request(&request("OPTIONS", "sip:192.0.2.1:5060")).unwrap().status, 200);
    assert!(scene.request(&request("NOTIFY", ALICE)).is_none());
    assert!(scene.request(&request("INVITE", ALICE)).is_none());
}
