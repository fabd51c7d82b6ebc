//! No more than one notification of a change in an interval (RFC 3856 6.10, SUB-28).

use rollcall_tests::server::user;
use rollcall_tests::{Config, Phone, Pidf, Server};
use std::time::Duration;

fn throttled() -> Server {
    Server::start(Config::new().clock().set("presence.notify_interval", 5))
}

/// RFC 3856 6.10 (SUB-28): the first change goes out at once, those that follow wait for the end
/// of the interval, and then the latest state comes, once.
#[test]
fn changes_in_an_interval_become_one_notification() {
    let server = throttled();
    let (alice, phone, watcher) = Phone::pair(&server);
    let mut subscription = watcher.subscribe(&alice);
    subscription.notify();
    server.advance(Duration::from_secs(6));
    let with = |note: &str| Pidf::of(&alice).tuple("t1", "open").note(note).text();
    let mut publication = phone.publish(&with("first"));
    assert_eq!(subscription.notify().document().notes(), ["first"], "not held back");
    for n in 0..5 {
        publication.modify(&with(&format!("change {n}")));
    }
    server.advance(Duration::from_millis(3000));
    watcher.round_trip();
    assert!(subscription.arrived().is_empty(), "the interval is not over");
    server.advance(Duration::from_millis(2500));
    assert_eq!(subscription.notify().document().notes(), ["change 4"], "the latest state, never dropped");
    server.advance(Duration::from_secs(20));
    watcher.round_trip();
    assert!(subscription.arrived().is_empty(), "and only once");
    publication.modify(&with("after a pause"));
    assert_eq!(subscription.notify().document().notes(), ["after a pause"], "at once again");
}

/// RFC 3856 6.10 (SUB-28, SUB-12): the NOTIFY that answers a SUBSCRIBE and the last one are not
/// held back, and the one that answers shows the latest state.
#[test]
fn answers_to_subscribe_are_not_held_back() {
    let server = throttled();
    let (alice, phone, watcher) = Phone::pair(&server);
    let mut publication = phone.publish(&Pidf::basic(&alice, "open"));
    let mut subscription = watcher.subscribe(&alice);
    assert_eq!(subscription.notify().document().basics(), ["open"]);
    server.advance(Duration::from_secs(6));
    publication.modify(&Pidf::basic(&alice, "closed"));
    assert_eq!(subscription.notify().document().basics(), ["closed"]);
    publication.modify(&Pidf::basic(&alice, "open"));
    subscription.refresh(3600);
    assert_eq!(subscription.notify().document().basics(), ["open"], "at once, with what was held back");
    publication.modify(&Pidf::basic(&alice, "closed"));
    subscription.unsubscribe();
    subscription.notify().expect_end("timeout");
}

/// RFC 3856 6.10 (SUB-28): the interval is kept for each watcher.
#[test]
fn each_watcher_has_its_own_interval() {
    let server = throttled();
    let (alice, bob, carol) = (user("alice"), user("bob"), user("carol"));
    let phone = Phone::udp(&server, &alice);
    let (first, second) = (Phone::udp(&server, &bob), Phone::udp(&server, &carol));
    let mut early = first.subscribe(&alice);
    early.notify();
    server.advance(Duration::from_secs(6));
    let mut publication = phone.publish(&Pidf::basic(&alice, "open"));
    assert_eq!(early.notify().document().basics(), ["open"]);
    let mut late = second.subscribe(&alice);
    assert_eq!(late.notify().document().basics(), ["open"]);
    publication.modify(&Pidf::basic(&alice, "closed"));
    server.advance(Duration::from_millis(5500));
    assert_eq!(early.notify().document().basics(), ["closed"]);
    assert_eq!(late.notify().document().basics(), ["closed"]);
}
