//! SUBSCRIBE and the NOTIFY that follows it (RFC 6665 4.2.1, RFC 3856).

use rollcall_tests::message::{address, tag};
use rollcall_tests::server::user;
use rollcall_tests::{Phone, Pidf, Server};

/// RFC 6665 4.2.1.2 and 4.2.2 (SUB-06, SUB-12, SUB-13): 200, and a NOTIFY at once with the
/// state, the time left and the dialog's tags.
#[test]
fn a_notify_follows_at_once() {
    let server = Server::shared();
    let (alice, bob) = (user("alice"), user("bob"));
    let (phone, watcher) = (Phone::udp(&server, &alice), Phone::udp(&server, &bob));
    let _publication = phone.publish(&Pidf::basic(&alice, "open"));
    let mut subscription = watcher.subscribe_with(watcher.subscribe_request(&alice).with("Expires", "1800"));
    assert_eq!(subscription.response.expires(), Some(1800));
    let notify = subscription.notify().expect("active");
    let left = notify.expires().expect("time left");
    assert!((1790..=1800).contains(&left), "{left}");
    assert_eq!(notify.document().basics(), ["open"]);
    assert_eq!(notify.document().entity(), alice);
    assert_eq!(address(notify.message().header("To").expect("To")), bob);
    assert_eq!(address(notify.message().header("From").expect("From")), alice);
    assert_eq!(notify.message().uri(), address(&watcher.contact()), "the remote target (RFC 3261 12.2.1.1)");
}

/// RFC 3856 6.11.1 (SUB-36): without any publication the document is neutral, but valid, and its
/// entity is the presentity.
#[test]
fn without_publication_the_document_is_neutral() {
    let server = Server::shared();
    let (alice, bob) = (user("alice"), user("bob"));
    let watcher = Phone::udp(&server, &bob);
    let mut subscription = watcher.subscribe(&alice);
    let notify = subscription.notify().expect("active");
    if notify.message().body.is_empty() {
        return;
    }
    assert!(notify.document().is_neutral(), "{}", notify.document().text());
    assert_eq!(notify.document().entity(), alice);
}

/// RFC 3856 6.4, RFC 6665 4.2.1.1 (SUB-08): 3600 s where nothing is asked, never more than asked,
/// and no more than the configured maximum.
#[test]
fn the_time_granted_is_never_longer_than_asked() {
    let server = Server::shared();
    let (alice, bob) = (user("alice"), user("bob"));
    let watcher = Phone::udp(&server, &bob);
    for (asked, granted) in
        [(None, 3600), (Some("60"), 60), (Some("86400"), 86400), (Some("4000000000"), 86400)]
    {
        let request = watcher.subscribe_request(&alice);
        let request = match asked {
            Some(seconds) => request.with("Expires", seconds),
            None => request.without("Expires"),
        };
        let mut subscription = watcher.subscribe_with(request);
        assert_eq!(subscription.response.expires(), Some(granted), "asked for {asked:?}");
        let left = subscription.notify().expect("active").expires().expect("time left");
        assert!(left <= granted && left + 10 >= granted, "{left} of {granted}");
    }
}

/// RFC 6665 4.2.2 (SUB-12, SUB-37): each change is notified, with the complete state.
#[test]
fn each_change_is_notified_with_the_complete_state() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let mut subscription = watcher.subscribe(&alice);
    subscription.notify();
    let two = |basic: &str| {
        Pidf::of(&alice)
            .reachable("t1", "open", "sip:desk@example.com")
            .reachable("t2", basic, "sip:mobile@example.com")
            .text()
    };
    let mut publication = phone.publish(&two("open"));
    assert_eq!(subscription.notify().document().basics(), ["open", "open"]);
    publication.modify(&two("closed"));
    assert_eq!(
        subscription.notify().document().basics(),
        ["open", "closed"],
        "complete, not only what changed"
    );
}

/// RFC 6665 4.5.2 (SUB-22): the `id` of the SUBSCRIBE's Event comes back in every NOTIFY, and
/// parameters that are not known do not matter (8.2.1, SUB-03).
#[test]
fn the_event_id_is_repeated() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let request = watcher.subscribe_request(&alice).with("Event", "presence;id=Ab7;foo=bar");
    let mut subscription = watcher.subscribe_with(request);
    subscription.notify();
    let _publication = phone.publish(&Pidf::basic(&alice, "open"));
    // The id is compared on arrival.
    assert_eq!(subscription.notify().document().basics(), ["open"]);
}

/// RFC 6665 4.5.2 (SUB-21): a second usage in the dialog, with another `id`, is served or refused
/// with 403; the first one lives on either way.
#[test]
fn another_id_in_the_dialog_does_not_disturb_the_first() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let mut subscription = watcher.subscribe(&alice);
    subscription.notify();
    let second = subscription.request(3600).with("Event", "presence;id=2");
    subscription.skip_cseq();
    let answer = watcher.send(&second);
    assert_eq!(answer.status(), 403, "{answer}");
    let _publication = phone.publish(&Pidf::basic(&alice, "open"));
    assert_eq!(subscription.notify().document().basics(), ["open"]);
}

/// RFC 3261 12.1.1 (SIP-11): the dialog-making 2xx copies every Record-Route in order and has a
/// Contact; its To tag is that of the NOTIFYs.
#[test]
fn the_response_makes_the_dialog() {
    let server = Server::shared();
    let (alice, bob) = (user("alice"), user("bob"));
    let watcher = Phone::udp(&server, &bob);
    let own = format!("<sip:{};lr>", watcher.address());
    let request = watcher
        .subscribe_request(&alice)
        .and("Record-Route", format!("{own}, <sip:p2.example.com;lr>;x=\"a, b\""))
        .and("Record-Route", "<sip:p3.example.com;lr>");
    let mut subscription = watcher.subscribe_with(request.clone());
    assert_eq!(subscription.response.values("Record-Route"), request.values("Record-Route"));
    assert!(subscription.response.header("Contact").is_some());
    assert!(tag(subscription.response.header("To").expect("To")).is_some());
    subscription.notify();
}

/// RFC 3261 19.1.4 (SIP-21): the host part of a URI has no case, the user part has.
#[test]
fn the_host_of_a_presentity_has_no_case() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let _publication = phone.publish(&Pidf::basic(&alice, "open"));
    let mut same = watcher.subscribe(&alice.replace("example.com", "EXAMPLE.com"));
    assert_eq!(same.notify().document().basics(), ["open"]);
    let mut other = watcher.subscribe(&alice.replace("alice", "ALICE"));
    assert!(other.notify().document().is_neutral(), "another user");
}
