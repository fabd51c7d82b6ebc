//! Expires 0 outside of a dialog: the state once, and no subscription (RFC 6665 4.4.3).

use rollcall_tests::server::user;
use rollcall_tests::{Phone, Pidf, Server};

/// RFC 6665 4.4.3, RFC 3856 6.4 (SUB-17): 200 with Expires 0, one NOTIFY with the current state
/// and `terminated;reason=timeout`, and nothing is kept.
#[test]
fn a_fetch_gives_the_state_once() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let mut publication = phone.publish(&Pidf::basic(&alice, "open"));
    let mut fetch = watcher.subscribe_with(watcher.subscribe_request(&alice).with("Expires", "0"));
    assert_eq!(fetch.response.expires(), Some(0));
    let notify = fetch.notify();
    notify.expect_end("timeout");
    assert_eq!(notify.document().basics(), ["open"], "a fetch is answered with the state");
    let _ = watcher.send(&fetch.request(3600)).expect(481);
    // A change reaches a real watcher, and by then nothing more has come for the fetch.
    let mut subscription = watcher.subscribe(&alice);
    subscription.notify();
    publication.modify(&Pidf::basic(&alice, "closed"));
    assert_eq!(subscription.notify().document().basics(), ["closed"]);
    assert!(fetch.arrived().is_empty(), "a fetch gets one NOTIFY");
}

/// RFC 6665 4.4.3 (SUB-17): polling is a row of fetches; each gets the state of its time.
#[test]
fn polling_sees_each_state() {
    let server = Server::shared();
    let (alice, bob) = (user("alice"), user("bob"));
    let (phone, watcher) = (Phone::udp(&server, &alice), Phone::tcp(&server, &bob));
    let mut publication = phone.publish(&Pidf::basic(&alice, "open"));
    for basic in ["closed", "open", "closed"] {
        publication.modify(&Pidf::basic(&alice, basic));
        let mut fetch = watcher.subscribe_with(watcher.subscribe_request(&alice).with("Expires", "0"));
        assert_eq!(fetch.notify().document().basics(), [basic]);
    }
}
