//! SUBSCRIBE requests that are not taken (RFC 6665 4.2.1.1, RFC 3856 6).

use rollcall_tests::server::user;
use rollcall_tests::{Phone, Pidf, Server};

/// RFC 6665 4.2.1.1, 4.2.3, 8.2.1 (SUB-01, SUB-02, SUB-03): an unknown package, one in another
/// case, and none at all are 489 with Allow-Events; two packages are 400.
#[test]
fn an_unknown_event_package_is_a_bad_event() {
    let server = Server::shared();
    let (alice, bob) = (user("alice"), user("bob"));
    let watcher = Phone::udp(&server, &bob);
    let good = || watcher.subscribe_request(&alice);
    let bad = ["nonesuch", "Presence", "PRESENCE", "presence.nonesuch"].map(|e| good().with("Event", e));
    for request in bad.into_iter().chain([good().without("Event")]) {
        let answer = watcher.send(&request).expect(489);
        assert!(answer.values("Allow-Events").contains(&"presence".to_owned()), "{answer}");
    }
    let _ = watcher.send(&good().with("Event", "presence, dialog")).expect(400);
}

/// RFC 6665 4.2.1.1 (SUB-07): too short a time is 423 with Min-Expires; 0 never is.
#[test]
fn a_time_below_the_minimum_is_too_brief() {
    let server = Server::shared();
    let (alice, bob) = (user("alice"), user("bob"));
    let watcher = Phone::udp(&server, &bob);
    for seconds in ["1", "59"] {
        let request = watcher.subscribe_request(&alice).with("Expires", seconds);
        assert_eq!(watcher.send(&request).expect(423).header("Min-Expires"), Some("60"));
    }
    let mut fetch = watcher.subscribe_with(watcher.subscribe_request(&alice).with("Expires", "0"));
    fetch.notify().expect_end("timeout");
}

/// RFC 3261 12.1.1 (SUB-09): a SUBSCRIBE that makes a dialog has exactly one Contact.
#[test]
fn a_subscription_needs_one_contact() {
    let server = Server::shared();
    let (alice, bob) = (user("alice"), user("bob"));
    let watcher = Phone::udp(&server, &bob);
    let good = || watcher.subscribe_request(&alice);
    let _ = watcher.send(&good().without("Contact")).expect(400);
    let _ = watcher.send(&good().and("Contact", "<sip:other@192.0.2.1>")).expect(400);
    let joined = format!("{}, <sip:other@192.0.2.1>", watcher.contact());
    let _ = watcher.send(&good().with("Contact", joined)).expect(400);
}

/// RFC 3261 12.2.2, RFC 6665 4.1.2.2 (SUB-20, SIP-12): a To tag that belongs to no dialog is 481.
#[test]
fn an_unknown_dialog_does_not_exist() {
    let server = Server::shared();
    let (alice, bob) = (user("alice"), user("bob"));
    let watcher = Phone::udp(&server, &bob);
    let lost = watcher.subscribe_request(&alice).with("To", format!("<{alice}>;tag=lost"));
    let _ = watcher.send(&lost).expect(481);
    // Right tags with another Call-ID are another dialog.
    let mut subscription = watcher.subscribe(&alice);
    subscription.notify();
    let _ = watcher.send(&subscription.request(3600).with("Call-ID", "another-call")).expect(481);
    subscription.refresh(3600);
    subscription.notify();
}

/// RFC 3856 6.6.2 (SUB-35): a presentity of a domain that is not served does not exist.
#[test]
fn a_foreign_presentity_is_not_found() {
    let server = Server::shared();
    let watcher = Phone::udp(&server, &user("bob"));
    let _ = watcher.send(&watcher.subscribe_request("sip:alice@elsewhere.example")).expect(404);
}

/// RFC 3856 6.6.1 (SUB-04): a watcher that nobody vouches for is not served.
#[test]
fn an_unauthenticated_watcher_is_forbidden() {
    let server = Server::shared();
    let (alice, bob) = (user("alice"), user("bob"));
    let watcher = Phone::udp(&server, &bob);
    let request = watcher.subscribe_request(&alice).without("P-Asserted-Identity");
    let _ = watcher.send(&request).expect(403);
}

/// RFC 3261 8.2.3 (SIP-09): a body that is not understood is 415 with Accept, unless the sender
/// says that its handling is optional.
#[test]
fn a_body_that_is_not_understood_is_unsupported() {
    let server = Server::shared();
    let (alice, bob) = (user("alice"), user("bob"));
    let watcher = Phone::udp(&server, &bob);
    let request = watcher.subscribe_request(&alice).body("text/x-unknown", "what is this?");
    let answer = watcher.send(&request).expect(415);
    assert!(answer.header("Accept").is_some(), "{answer}");
    let request = watcher.subscribe_request(&alice).body("text/x-unknown", "what is this?");
    let mut subscription =
        watcher.subscribe_with(request.with("Content-Disposition", "render;handling=optional"));
    subscription.notify();
}

/// RFC 3261 8.2.2.3 (SIP-08): an unknown extension is 420, in a dialog too, and the dialog stays.
#[test]
fn an_unknown_extension_is_named() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let answer = watcher.send(&watcher.subscribe_request(&alice).with("Require", "nonesuch")).expect(420);
    assert_eq!(answer.values("Unsupported"), ["nonesuch"]);
    let mut subscription = watcher.subscribe(&alice);
    subscription.notify();
    let refresh = subscription.request(3600).with("Require", "nonesuch");
    subscription.skip_cseq();
    assert_eq!(watcher.send(&refresh).expect(420).values("Unsupported"), ["nonesuch"]);
    let _publication = phone.publish(&Pidf::basic(&alice, "open"));
    assert_eq!(subscription.notify().document().basics(), ["open"]);
}
