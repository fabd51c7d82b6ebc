//! SUBSCRIBE (RFC 6665 4.2, RFC 3856).

use super::scene::{ALICE, HASTY, OPEN, Scene, pidf};
use crate::keys::SUBSCRIPTION;
use crate::ports::Delivery;

fn with_default(decision: &str) -> Scene {
    let json = format!(
        r#"{{"presence":{{"domains":["example.com"]}},"rules":{{"enabled":true,"default":"{decision}"}}}}"#
    );
    Scene::new(&json)
}

/// SUB-12, SUB-13, SUB-08, SIP-11: 200 with Expires, Contact and Record-Route, and a NOTIFY at once.
#[test]
fn a_subscription_is_answered_and_notified_at_once() {
    let mut scene = Scene::new(OPEN);
    scene.publish_open();
    let routes = "Record-Route: <sip:p2.example.com;lr>, <sip:p1.example.com;lr>\nRecord-Route: <sip:p0.example.com;lr>\n";
    let answer = scene.subscribe("bob", routes);
    assert_eq!((answer.status, answer.header("Expires")), (200, Some("3600")));
    assert!(answer.reply.contact.is_some());
    let recorded = "<sip:p2.example.com;lr>, <sip:p1.example.com;lr>, <sip:p0.example.com;lr>";
    assert_eq!(answer.header("Record-Route"), Some(recorded));
    let tag = answer.reply.to_tag.unwrap();

    let notify = scene.only_notify();
    assert_eq!(notify.sent.request.method, "NOTIFY");
    assert_eq!(notify.uri, "sip:bob@192.0.2.1:5070");
    assert_eq!(notify.header("Route"), Some(recorded));
    assert_eq!(notify.header("From"), Some(format!("<{ALICE}>;tag={tag}").as_str()));
    assert_eq!(notify.header("To"), Some("<sip:bob@example.com>;tag=w-bob"));
    assert_eq!(notify.header("Call-ID"), Some("c-bob"));
    assert_eq!(notify.header("Event"), Some("presence"));
    assert_eq!(notify.state(), "active;expires=3600");
    assert_eq!(notify.header("Content-Type"), Some("application/pidf+xml"));
    assert!(notify.body.contains("open") && notify.body.contains(&format!("entity=\"{ALICE}\"")));
    assert!(notify.sent.request.contact.is_some());
}

/// SIP-13: a first hop without `lr` is left to the host.
#[test]
fn a_strict_router_stays_in_the_route() {
    let mut scene = Scene::new(OPEN);
    scene.subscribe("bob", "Record-Route: <sip:strict.example.com>, <sip:p1.example.com;lr>\n");
    let notify = scene.only_notify();
    assert_eq!(notify.uri, "sip:bob@192.0.2.1:5070");
    assert_eq!(notify.header("Route"), Some("<sip:strict.example.com>, <sip:p1.example.com;lr>"));
}

/// SUB-36: nothing published gives a valid document without tuples.
#[test]
fn nothing_published_is_shown_as_nothing() {
    let mut scene = Scene::new(OPEN);
    scene.subscribe("bob", "");
    let body = scene.only_notify().body;
    assert!(body.contains("entity=") && !body.contains("<tuple"), "{body}");
}

/// SUB-01, SUB-02, SUB-03.
#[test]
fn the_event_has_to_be_served() {
    let mut scene = Scene::new(OPEN);
    for lines in ["NoEvent: 1\n", "Event: Presence\n", "Event: dialog\n", "Event: dialog.winfo\n"] {
        let answer = scene.subscribe("bob", lines);
        assert_eq!((answer.status, answer.header("Allow-Events")), (489, Some("presence")), "{lines}");
    }
    for lines in ["Event: presence, dialog\n", "Event: presence\nEvent: presence\n"] {
        assert_eq!(scene.subscribe("bob", lines).status, 400, "{lines}");
    }
    assert_eq!(scene.subscribe("bob", "Event: presence;foo=bar\n").status, 200);
}

/// SUB-09.
#[test]
fn one_contact_is_needed() {
    let mut scene = Scene::new(OPEN);
    for lines in
        ["NoContact: 1\n", "Contact: <sip:a@b>, <sip:c@d>\n", "Contact: <sip:a@b>\nContact: <sip:a@b>\n"]
    {
        assert_eq!(scene.subscribe("bob", lines).status, 400, "{lines}");
    }
    assert_eq!(scene.count(SUBSCRIPTION), 0);
}

/// SUB-07, SUB-08.
#[test]
fn lifetimes_are_bounded() {
    let mut scene = Scene::new(OPEN);
    let answer = scene.subscribe("bob", "Expires: 1\n");
    assert_eq!((answer.status, answer.header("Min-Expires")), (423, Some("60")));
    assert_eq!(scene.subscribe("bob", "Expires: 600\n").header("Expires"), Some("600"));
    assert_eq!(scene.subscribe("bob", "Expires: 600000\n").header("Expires"), Some("86400"));
    assert_eq!(scene.subscribe("bob", "Expires: 0\n").status, 200);
    // Only what is below an hour may be too brief (RFC 6665 4.2.1.1).
    let json = r#"{"presence":{"domains":["example.com"],"expires":{"min":7200,"default":8000}},
        "rules":{"enabled":true,"default":"allow"}}"#;
    let mut scene = Scene::new(json);
    assert_eq!(scene.subscribe("bob", "Expires: 3600\n").header("Expires"), Some("3600"));
    assert_eq!(scene.subscribe("bob", "Expires: 3599\n").status, 423);
}

/// SUB-10, SUB-11.
#[test]
fn accept_is_honoured() {
    let mut scene = Scene::new(OPEN);
    for accept in ["text/plain", "", "application/*;q=0", "application/pidf+xml;q=0, */*"] {
        assert_eq!(scene.subscribe("bob", &format!("Accept: {accept}\n")).status, 406, "{accept}");
    }
    for accept in [
        "Application/PIDF+XML",
        "text/plain, application/*;q=0.1",
        "*/*",
        "a/b\nAccept: application/pidf+xml",
    ] {
        assert_eq!(scene.subscribe("bob", &format!("Accept: {accept}\n")).status, 200, "{accept}");
    }
}

/// SIP-08, SIP-09 in SUBSCRIBE.
#[test]
fn what_is_not_understood_is_refused() {
    let mut scene = Scene::new(OPEN);
    let answer = scene.subscribe("bob", "Require: recipient-list-subscribe\n");
    assert_eq!((answer.status, answer.header("Unsupported")), (420, Some("recipient-list-subscribe")));
    let answer = scene.subscribe("bob", "Content-Type: application/x\n\nbody");
    assert_eq!((answer.status, answer.header("Accept")), (415, Some("")));
}

/// SUB-04, WPS-36: with rules off everybody watches only themselves.
#[test]
fn with_rules_off_only_the_own_presence_may_be_watched() {
    let mut scene = Scene::new(r#"{"presence":{"domains":["example.com"]}}"#);
    assert_eq!(scene.subscribe("bob", "").status, 403);
    assert_eq!(scene.subscribe("alice", "").status, 200);
    let text = format!(
        "SUBSCRIBE {ALICE} SIP/2.0\nTo: <{ALICE}>\nFrom: <{ALICE}>;tag=1\nCall-ID: a\nCSeq: 1 SUBSCRIBE\nEvent: presence\nContact: <sip:a@b>\n\n"
    );
    assert_eq!(scene.request(&text).unwrap().status, 403, "without asserted identity");
}

/// SUB-30.
#[test]
fn a_blocked_watcher_is_refused() {
    let mut scene = with_default("block");
    assert_eq!(scene.subscribe("bob", "").status, 403);
    assert_eq!(scene.subscribe("bob", "Expires: 0\n").status, 403);
    assert!(scene.notifies().is_empty());
    assert!(scene.host.records(ALICE, b"").is_empty());
}

/// SUB-05, SUB-06, SUB-32: nobody has decided.
#[test]
fn an_undecided_watcher_is_pending_and_sees_nothing() {
    let mut scene = with_default("confirm");
    scene.publish_open();
    let answer = scene.subscribe("bob", "");
    assert_eq!(answer.status, 200);
    let notify = scene.only_notify();
    assert_eq!(notify.state(), "pending;expires=3600");
    assert_eq!((notify.body.as_str(), notify.header("Content-Type")), ("", None));
    scene.answer(&notify, 200);
    scene.publish("", &pidf("closed"));
    scene.settle();
    assert!(scene.notifies().is_empty());
    // A fetch by an undecided watcher shows nothing either.
    scene.subscribe("carol", "Expires: 0\n");
    let notify = scene.only_notify();
    assert_eq!((notify.state(), notify.body.as_str()), ("terminated;reason=timeout", ""));
}

/// SUB-31: looks like any other subscription, always the same, and shows nothing true.
#[test]
fn a_politely_blocked_watcher_sees_a_neutral_document() {
    let mut scene = with_default("polite-block");
    scene.publish_open();
    let tag = scene.subscribe("bob", "").reply.to_tag.unwrap();
    let first = scene.only_notify();
    assert_eq!(first.state(), "active;expires=3600");
    assert!(first.body.contains("closed") && !first.body.contains("open"), "{}", first.body);
    scene.answer(&first, 200);
    scene.publish("", &pidf("open"));
    assert!(scene.notifies().is_empty());
    scene.resubscribe("bob", &tag, 2, "");
    let second = scene.only_notify();
    assert_eq!(second.body, first.body);
    scene.answer(&second, 200);
    scene.subscribe("carol", "");
    assert_ne!(scene.only_notify().body, first.body, "watchers cannot compare");
}

/// SUB-33 by refresh: what was decided meanwhile takes effect.
#[test]
fn a_refresh_authorizes_anew() {
    let mut scene = with_default("confirm");
    scene.publish_open();
    let tag = scene.watch("bob");
    scene.presence = with_default("allow").presence;
    assert_eq!(scene.resubscribe("bob", &tag, 2, "").status, 200);
    let notify = scene.only_notify();
    assert_eq!(notify.state(), "active;expires=3600");
    assert!(notify.body.contains("open"));
    scene.answer(&notify, 200);
    scene.presence = with_default("block").presence;
    assert_eq!(scene.resubscribe("bob", &tag, 3, "").status, 403);
    let notify = scene.only_notify();
    assert_eq!((notify.state(), notify.body.as_str()), ("terminated;reason=rejected", ""));
    scene.answer(&notify, 200);
    assert_eq!(scene.count(SUBSCRIPTION), 0);
}

/// SUB-17: a fetch leaves nothing behind, and its NOTIFY survives a crash.
#[test]
fn a_fetch_gets_one_notify_with_the_state() {
    let mut scene = Scene::new(OPEN);
    scene.publish_open();
    let before = scene.host.records(ALICE, b"");
    let answer = scene.subscribe("bob", "Expires: 0\n");
    assert_eq!((answer.status, answer.header("Expires")), (200, Some("0")));
    let notify = scene.only_notify();
    assert_eq!(notify.state(), "terminated;reason=timeout");
    assert!(notify.body.contains("open"));
    assert_eq!(notify.sent.delivery, Delivery::Kept);
    assert_eq!(scene.host.records(ALICE, b""), before);
    scene.answer(&notify, 200);
    let tag = answer.reply.to_tag.unwrap();
    assert_eq!(scene.resubscribe("bob", &tag, 2, "").status, 481);
}

/// SUB-12, SUB-18, SIP-12, SIP-14: refresh.
#[test]
fn a_refresh_prolongs_and_sends_full_state_to_the_new_target() {
    let mut scene = Scene::new(OPEN);
    scene.publish_open();
    let tag = scene.watch("bob");
    scene.host.advance(1_000_000);
    let answer = scene.resubscribe("bob", &tag, 10, "Contact: <sip:bob@192.0.2.99>\nExpires: 7200\n");
    assert_eq!((answer.status, answer.header("Expires")), (200, Some("7200")));
    assert!(answer.reply.contact.is_some());
    assert_eq!(scene.cost.timers, 0, "the timer that is set finds out");
    let notify = scene.only_notify();
    assert_eq!((notify.uri.as_str(), notify.cseq()), ("sip:bob@192.0.2.99", 2));
    assert_eq!(notify.state(), "active;expires=7200");
    assert!(notify.body.contains("open"));
    scene.answer(&notify, 200);
    assert_eq!(scene.resubscribe("bob", &tag, 9, "").status, 500, "CSeq steps back");
    scene.pass(7_199_000);
    assert_eq!(scene.count(SUBSCRIPTION), 1);
}

/// SUB-20.
#[test]
fn an_unknown_dialog_is_481() {
    let mut scene = Scene::new(OPEN);
    let tag = scene.watch("bob");
    assert_eq!(scene.resubscribe("bob", "0123456789abcdef", 2, "").status, 481);
    assert_eq!(scene.resubscribe("bob", "x", 2, "").status, 481);
    assert_eq!(scene.resubscribe("carol", &tag, 2, "").status, 481, "other Call-ID and tag");
    scene.host.advance(3_600_000);
    assert_eq!(
        scene.resubscribe("bob", &tag, 2, "").status,
        481,
        "expired, though its timer has not fired yet"
    );
}

/// SUB-21, SUB-22, SUB-03: the id is repeated; another one would be another subscription.
#[test]
fn the_event_id_is_kept() {
    let mut scene = Scene::new(OPEN);
    let tag = scene.subscribe("bob", "Event: presence;id=7\n").reply.to_tag.unwrap();
    let notify = scene.only_notify();
    assert_eq!(notify.header("Event"), Some("presence;id=7"));
    scene.answer(&notify, 200);
    for event in ["Event: presence;id=8\n", "Event: presence\n"] {
        let answer = scene.resubscribe("bob", &tag, 2, event);
        assert_eq!(answer.status, 403);
        assert!(answer.reply.reason.contains("Dialog Sharing Is Not Supported"));
    }
    assert_eq!(scene.resubscribe("bob", &tag, 2, "Event: presence;id=7\n").status, 200);
}

/// A dialog is its watcher's own.
#[test]
fn nobody_else_refreshes_a_subscription() {
    let mut scene = Scene::new(OPEN);
    let tag = scene.watch("bob");
    let text = format!(
        "SUBSCRIBE sip:192.0.2.9 SIP/2.0\nTo: <{ALICE}>;tag={tag}\nFrom: <sip:bob@example.com>;tag=w-bob\nCall-ID: c-bob\n\
         CSeq: 2 SUBSCRIBE\nP-Asserted-Identity: <sip:mallory@example.com>\nEvent: presence\nExpires: 0\n\n"
    );
    assert_eq!(scene.request(&text).unwrap().status, 403);
    assert_eq!(scene.count(SUBSCRIPTION), 1);
}

/// SUB-16: the usage ends when the last NOTIFY is answered, not before.
#[test]
fn unsubscribing_ends_with_the_last_notify() {
    let mut scene = Scene::new(OPEN);
    scene.publish_open();
    let tag = scene.watch("bob");
    let answer = scene.resubscribe("bob", &tag, 2, "Expires: 0\n");
    assert_eq!((answer.status, answer.header("Expires")), (200, Some("0")));
    let notify = scene.only_notify();
    assert_eq!(notify.state(), "terminated;reason=timeout");
    assert!(notify.body.contains("open"));
    assert_eq!(scene.count(SUBSCRIPTION), 1);
    scene.publish("", &pidf("closed"));
    assert_eq!(scene.notifies().len(), 1, "no NOTIFY after the last");
    scene.answer(&notify, 200);
    assert_eq!(scene.count(SUBSCRIPTION), 0);
    assert_eq!(scene.resubscribe("bob", &tag, 3, "").status, 481);
}

/// SUB-15, SUB-14: not refreshed.
#[test]
fn an_expired_subscription_is_told_so() {
    let mut scene = Scene::new(HASTY);
    scene.publish_open();
    scene.subscribe("bob", "Expires: 100\n");
    scene.answer_all();
    scene.host.advance(40_500);
    scene.publish("", &pidf("closed"));
    let notify = scene.only_notify();
    assert_eq!(notify.state(), "active;expires=59", "time left, never more");
    scene.answer(&notify, 200);
    scene.pass(59_500);
    let notify = scene.only_notify();
    assert_eq!((notify.state(), notify.body.as_str()), ("terminated;reason=timeout", ""));
    assert_eq!(scene.cost.durable_writes, 0);
    scene.answer_with(&notify, "");
    assert_eq!(scene.count(SUBSCRIPTION), 0);
}

/// SUB-15 while the host was down.
#[test]
fn what_expired_while_the_host_was_down_ends_at_its_start() {
    let mut scene = Scene::new(OPEN);
    scene.subscribe("bob", "Expires: 100\n");
    scene.answer_all();
    scene.host.advance(200_000);
    scene.crash(|_| false);
    scene.settle();
    assert_eq!(scene.only_notify().state(), "terminated;reason=timeout");
}

/// One presentity cannot use up the server: beyond the limit a watcher is told to come later. Those who are there
/// are served, and a fetch needs no room.
#[test]
fn watchers_of_a_presentity_are_bounded() {
    let json = r#"{"presence":{"domains":["example.com"]},"rules":{"enabled":true,"default":"allow"},
        "limits":{"subscriptions":5}}"#;
    let mut scene = Scene::new(json);
    let tags: Vec<String> = (0..5).map(|number| scene.watch(&format!("w{number}"))).collect();
    let answer = scene.subscribe("one-more", "");
    assert_eq!((answer.status, answer.header("Retry-After")), (503, Some("300")));
    assert_eq!(scene.subscribe("one-more", "Expires: 0\n").status, 200);
    assert_eq!(scene.resubscribe("w0", &tags[0], 2, "").status, 200);
    assert_eq!(scene.resubscribe("w1", &tags[1], 2, "Expires: 0\n").status, 200);
    scene.answer_all();
    scene.watch("another");
    assert_eq!(scene.count(SUBSCRIPTION), 5);
}
