//! What happens when time runs out (RFC 3903 6, RFC 6665 4.2.1.4). The clock is virtual.

use rollcall_tests::server::user;
use rollcall_tests::{Config, Phone, Pidf, Server};
use std::time::Duration;

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// RFC 3903 6 step 5, RFC 4479 5 (PUB-21, PUB-05): a publication that is not refreshed is removed,
/// watchers are told at once, and its tag is unknown.
#[test]
fn a_publication_expires() {
    let server = Server::start(Config::new().clock());
    let (alice, phone, watcher) = Phone::pair(&server);
    let mut publication = phone.publish(&Pidf::basic(&alice, "open"));
    let mut subscription = watcher.subscribe_with(watcher.subscribe_request(&alice).with("Expires", "86400"));
    assert_eq!(subscription.notify().document().basics(), ["open"]);
    server.advance(seconds(3000));
    publication.refresh();
    server.advance(seconds(3000));
    publication.refresh();
    server.advance(seconds(3601));
    let notify = subscription.notify().expect("active");
    assert!(notify.document().is_neutral(), "the refreshes moved the end, and nothing came before");
    let left = notify.expires().expect("time left");
    assert!(left <= 86400 - 9601 && left + 20 >= 86400 - 9601, "time left (SUB-13): {left}");
    let _ = phone.send(&publication.request()).expect(412);
}

/// RFC 3903 10.3 (PUB-24): of two publications only the expired one goes.
#[test]
fn each_publication_has_its_own_lifetime() {
    let server = Server::start(Config::new().clock());
    let (alice, bob) = (user("alice"), user("bob"));
    let (desk, mobile) = (Phone::udp(&server, &alice), Phone::udp(&server, &alice));
    let watcher = Phone::udp(&server, &bob);
    let at = |basic: &str, contact: &str| Pidf::of(&alice).reachable("t1", basic, contact).text();
    let short = desk.publish_request(&at("open", "sip:desk@example.com")).with("Expires", "60");
    let _ = desk.send(&short).expect(200);
    let mut long = mobile.publish(&at("closed", "sip:mobile@example.com"));
    let mut subscription = watcher.subscribe(&alice);
    assert_eq!(subscription.notify().document().tuples().len(), 2);
    server.advance(seconds(61));
    let tuples = subscription.notify().document().tuples();
    assert_eq!(tuples.len(), 1, "{tuples:?}");
    assert_eq!(tuples[0].contact.as_deref(), Some("sip:mobile@example.com"));
    long.refresh();
}

/// RFC 6665 4.2.1.4 (SUB-14, SUB-15, SUB-20): a subscription that is not refreshed ends with
/// `terminated;reason=timeout`, and its dialog is unknown.
#[test]
fn a_subscription_expires() {
    let server = Server::start(Config::new().clock());
    let (alice, bob) = (user("alice"), user("bob"));
    let (phone, watcher) = (Phone::udp(&server, &alice), Phone::tcp(&server, &bob));
    let mut publication = phone.publish(&Pidf::basic(&alice, "open"));
    let brief = watcher.subscribe_request(&alice).with("Expires", "120");
    let (mut ends, mut stays) = (watcher.subscribe_with(brief), watcher.subscribe(&alice));
    ends.notify();
    stays.notify();
    server.advance(seconds(100));
    ends.refresh(120);
    ends.notify();
    server.advance(seconds(100));
    publication.modify(&Pidf::basic(&alice, "closed"));
    let notify = ends.notify().expect("active");
    assert!(notify.expires().is_some_and(|left| left <= 20), "time left (SUB-13): {:?}", notify.expires());
    stays.notify();
    server.advance(seconds(21));
    ends.notify().expect_end("timeout");
    let _ = watcher.send(&ends.request(3600)).expect(481);
    publication.modify(&Pidf::basic(&alice, "open"));
    assert_eq!(stays.notify().document().basics(), ["open"]);
    assert!(ends.arrived().is_empty(), "nothing after the last NOTIFY");
}

/// RFC 3856 6.6.2 (SUB-15, SUB-32): a pending subscription expires as well.
#[test]
fn a_pending_subscription_expires() {
    let server = Server::start(Config::new().clock().rules("confirm"));
    let (alice, bob) = (user("alice"), user("bob"));
    let watcher = Phone::udp(&server, &bob);
    let mut subscription = watcher.subscribe(&alice);
    subscription.notify().expect("pending");
    server.advance(seconds(3601));
    let last = subscription.notify().expect("terminated");
    assert!(last.message().body.is_empty(), "no document for who was never let in: {}", last.message());
}

/// RFC 3903 6 step 5, RFC 6665 4.2.1.4 (PUB-21, SUB-15): what expires while the server is down
/// has its effect after the start.
#[test]
fn what_expired_while_the_server_was_down_has_expired() {
    // The virtual clock starts anew with the process, so this one waits for real.
    let brief = toml_expires();
    let mut server = Server::start(Config::new().set("presence.expires", brief));
    let (alice, phone, watcher) = Phone::pair(&server);
    let request = phone.publish_request(&Pidf::basic(&alice, "open")).with("Expires", "2");
    let _ = phone.send(&request).expect(200);
    let (mut ends, mut stays) = (
        watcher.subscribe_with(watcher.subscribe_request(&alice).with("Expires", "2")),
        watcher.subscribe(&alice),
    );
    ends.notify();
    assert_eq!(stays.notify().document().basics(), ["open"]);
    server.stop();
    std::thread::sleep(Duration::from_millis(2100));
    server.restart();
    assert!(stays.notify().document().is_neutral());
    ends.notify_until(|n| n.state() == "terminated").expect_end("timeout");
}

fn toml_expires() -> toml::Table {
    [("default", 3600), ("min", 1), ("max", 86400)]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), toml::Value::Integer(value)))
        .collect()
}
