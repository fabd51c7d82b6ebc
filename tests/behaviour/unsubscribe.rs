//! Expires 0 within the dialog (RFC 6665 4.2.1.4 and 4.4.3).

use rollcall_tests::server::user;
use rollcall_tests::{Answer, Phone, Pidf, Server};

/// RFC 6665 4.2.1.4, 4.4.3 (SUB-14, SUB-16): 200, a last NOTIFY `terminated;reason=timeout`, and
/// the dialog is gone once that NOTIFY is answered.
#[test]
fn an_unsubscribe_ends_with_a_notify() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let mut publication = phone.publish(&Pidf::basic(&alice, "open"));
    let (mut ended, mut other) = (watcher.subscribe(&alice), watcher.subscribe(&alice));
    ended.notify();
    other.notify();
    ended.unsubscribe();
    assert_eq!(ended.response.expires(), Some(0));
    ended.notify().expect_end("timeout");
    let _ = watcher.send(&ended.request(3600)).expect(481);
    publication.modify(&Pidf::basic(&alice, "closed"));
    assert_eq!(other.notify().document().basics(), ["closed"]);
    assert!(ended.arrived().is_empty(), "nothing after the last NOTIFY");
}

/// RFC 6665 4.4.3, RFC 3261 8.1.3 (SUB-16, SUB-27): an unsubscribe while a NOTIFY is unanswered:
/// the last NOTIFY waits for it and still comes.
#[test]
fn an_unsubscribe_waits_for_the_notify_in_flight() {
    let server = Server::shared();
    let (alice, bob) = (user("alice"), user("bob"));
    let watcher = Phone::udp(&server, &bob);
    let mut subscription =
        watcher.subscribe_scripted(watcher.subscribe_request(&alice), Box::new(|_| Answer::Silence));
    let first = subscription.notify().expect("active");
    subscription.unsubscribe();
    watcher.round_trip();
    assert!(subscription.arrived().is_empty(), "one NOTIFY in flight");
    subscription.script(Box::new(|_| Answer::Ok));
    subscription.answer(&first, &Answer::Ok);
    subscription.notify().expect_end("timeout");
}
