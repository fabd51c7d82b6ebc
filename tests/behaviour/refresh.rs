//! SUBSCRIBE within its dialog (RFC 6665 4.2.1.4, RFC 3261 12.2.2).

use rollcall_tests::server::user;
use rollcall_tests::{Config, Phone, Pidf, Server};

/// RFC 6665 4.2.1.4 (SUB-12, SUB-18): a refresh is answered 200 with the new time, and a NOTIFY
/// with the full state follows at once.
#[test]
fn a_refresh_is_followed_by_the_full_state() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let _publication = phone.publish(&Pidf::basic(&alice, "open"));
    let mut subscription = watcher.subscribe(&alice);
    subscription.notify();
    for seconds in [7200, 600] {
        subscription.refresh(seconds);
        assert_eq!(subscription.response.expires(), Some(seconds));
        let notify = subscription.notify().expect("active");
        let left = notify.expires().expect("time left");
        assert!(left <= seconds && left + 10 >= seconds, "{left} of {seconds}");
        assert_eq!(notify.document().basics(), ["open"]);
    }
}

/// RFC 3261 12.2.2 (SIP-12): a CSeq that goes back is 500 and changes nothing; one that skips
/// numbers is legal.
#[test]
fn a_cseq_must_not_go_back() {
    let server = Server::shared();
    let (alice, bob) = (user("alice"), user("bob"));
    let watcher = Phone::udp(&server, &bob);
    let mut subscription =
        watcher.subscribe_with(watcher.subscribe_request(&alice).with("CSeq", "70 SUBSCRIBE"));
    subscription.notify();
    let _ = watcher.send(&subscription.request(3600).with("CSeq", "69 SUBSCRIBE")).expect(500);
    subscription.send(&subscription.request(3600).with("CSeq", "75 SUBSCRIBE"));
    subscription.notify();
    let _ = watcher.send(&subscription.request(3600).with("CSeq", "74 SUBSCRIBE")).expect(500);
    subscription.refresh(3600);
    subscription.notify();
}

/// RFC 6665 4.2.1.1 (SUB-07): a refresh for too short a time is 423, and the subscription stays.
#[test]
fn a_refresh_may_be_too_brief() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let mut subscription = watcher.subscribe(&alice);
    subscription.notify();
    let brief = subscription.request(10);
    subscription.skip_cseq();
    assert_eq!(watcher.send(&brief).expect(423).header("Min-Expires"), Some("60"));
    let _publication = phone.publish(&Pidf::basic(&alice, "open"));
    assert_eq!(subscription.notify().document().basics(), ["open"]);
}

/// RFC 6665 4.2.1.4 (SUB-18), RFC 3856 6.7 (SUB-33): a refresh runs authorization again: who was
/// pending gets the document once the policy allows it.
#[test]
fn a_refresh_is_authorized_again() {
    let mut server = Server::start(Config::new().rules("confirm"));
    let (alice, phone, watcher) = Phone::pair(&server);
    let _publication = phone.publish(&Pidf::basic(&alice, "open"));
    let mut subscription = watcher.subscribe(&alice);
    assert!(subscription.notify().expect("pending").message().body.is_empty());
    server.stop();
    server.reconfigure(|config| config.rules("allow"));
    server.restart();
    subscription.refresh(3600);
    let notify = subscription.notify_until(|n| n.state() == "active");
    assert_eq!(notify.document().basics(), ["open"]);
}
