//! Who may watch, by `rules.default` and by WPS-36 where rules are off (RFC 6665 4.2.1.3,
//! RFC 3856 6.6.2).

use rollcall_tests::server::user;
use rollcall_tests::{Config, Phone, Pidf, Server};

/// RFC 3856 6.6.2, RFC 6665 4.2.1.1 and 8.3.1, RFC 5025 3.2.1 (SUB-05, SUB-06, SUB-29, SUB-32):
/// nobody has decided yet: 200 at once, `pending`, and no presence at all.
#[test]
fn an_undecided_watcher_is_pending() {
    let server = Server::start(Config::new().rules("confirm"));
    let (alice, phone, watcher) = Phone::pair(&server);
    let mut publication = phone.publish(&Pidf::basic(&alice, "open"));
    let mut subscription = watcher.subscribe(&alice);
    let notify = subscription.notify().expect("pending");
    assert!(notify.expires().is_some_and(|left| left <= 3600));
    assert!(notify.message().body.is_empty(), "no document while pending: {}", notify.message());
    publication.modify(&Pidf::basic(&alice, "closed"));
    subscription.refresh(3600);
    // Had the change been notified, its NOTIFY would be one more before that of the refresh.
    assert!(subscription.notify().expect("pending").message().body.is_empty());
    watcher.round_trip();
    assert!(subscription.arrived().is_empty());
    let mut fetch = watcher.subscribe_with(watcher.subscribe_request(&alice).with("Expires", "0"));
    let notify = fetch.notify().expect("terminated");
    assert!(notify.message().body.is_empty(), "a fetch shows no more: {}", notify.message());
}

/// RFC 6665 4.2.1.3 (SUB-29, SUB-30): a blocked watcher gets 403 and nothing else.
#[test]
fn a_blocked_watcher_is_forbidden() {
    let server = Server::start(Config::new().rules("block"));
    let (alice, phone, watcher) = Phone::pair(&server);
    let _publication = phone.publish(&Pidf::basic(&alice, "open"));
    let request = watcher.subscribe_request(&alice);
    let _ = watcher.send(&request).expect(403);
    let _ = watcher.send(&watcher.subscribe_request(&alice).with("Expires", "0")).expect(403);
    watcher.round_trip();
    assert!(watcher.endpoint().stray(std::time::Duration::ZERO).is_none(), "no NOTIFY for a refused watcher");
}

/// RFC 6665 6.2, RFC 3856 6.6.2 (SUB-31): a politely blocked watcher is told `active` and sees
/// the same neutral document all the time, whatever happens; that of somebody who publishes nothing
/// looks no different.
#[test]
fn a_politely_blocked_watcher_cannot_tell() {
    let server = Server::start(Config::new().rules("polite-block"));
    let (alice, carol, bob) = (user("alice"), user("carol"), user("bob"));
    let (phone, watcher) = (Phone::udp(&server, &alice), Phone::udp(&server, &bob));
    let mut publication = phone.publish(&Pidf::basic(&alice, "open"));
    let mut subscription = watcher.subscribe(&alice);
    let mut absent = watcher.subscribe(&carol);
    let seen = subscription.notify().expect("active").document();
    let other = absent.notify().expect("active").document();
    assert!(seen.is_neutral(), "{}", seen.text());
    let shape = |document: &rollcall_tests::Document, entity: &str| {
        let id = document.tuples().first().map(|t| t.id.clone()).unwrap_or_default();
        (document.text().replace(entity, "").replace(&id, ""), id.len())
    };
    assert_eq!(shape(&seen, &alice), shape(&other, &carol));
    publication.modify(&Pidf::of(&alice).tuple("t1", "open").activity("p1", "away").text());
    publication.remove();
    subscription.refresh(3600);
    // Had a change been notified, its NOTIFY would be one more before that of the refresh.
    assert_eq!(subscription.notify().expect("active").document(), seen);
    watcher.round_trip();
    assert!(subscription.arrived().is_empty(), "not even that there are changes is shown");
}

/// Seed 2 SUBSCRIBE ¶1 (WPS-36): with rules off and no lists a user sees only itself.
#[test]
fn without_rules_one_sees_oneself_only() {
    let server = Server::start(Config::new().set("rules.enabled", false));
    let (alice, phone, watcher) = Phone::pair(&server);
    let _publication = phone.publish(&Pidf::basic(&alice, "open"));
    let mut own = phone.subscribe(&alice);
    assert_eq!(own.notify().expect("active").document().basics(), ["open"]);
    let _ = watcher.send(&watcher.subscribe_request(&alice)).expect(403);
    // To decides, not the Request-URI and not From (design: policy).
    let dressed = watcher.subscribe_request(&alice).with("From", format!("<{alice}>;tag=x"));
    let _ = watcher.send(&dressed).expect(403);
}
