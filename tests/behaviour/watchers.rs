//! Several watchers of one presentity, over both transports (RFC 6665 4.2.2).

use rollcall_tests::server::user;
use rollcall_tests::{Phone, Pidf, Server};

/// RFC 6665 4.2.2 (SUB-12): every watcher gets every state, whatever its transport, each in its
/// own dialog with a CSeq of its own.
#[test]
fn all_watchers_get_every_change() {
    let server = Server::shared();
    let alice = user("alice");
    let phone = Phone::tcp(&server, &alice);
    let watchers: Vec<Phone> = (0..6)
        .map(|n| match n % 2 {
            0 => Phone::udp(&server, &user("bob")),
            _ => Phone::tcp(&server, &user("carol")),
        })
        .collect();
    let mut subscriptions: Vec<_> = watchers.iter().map(|w| w.subscribe(&alice)).collect();
    for subscription in &mut subscriptions {
        subscription.notify();
    }
    let mut publication = phone.publish(&Pidf::of(&alice).tuple("t1", "open").note("0").text());
    for round in 1..=8 {
        for subscription in &mut subscriptions {
            assert_eq!(subscription.notify().document().notes(), [(round - 1).to_string()]);
        }
        let text = Pidf::of(&alice).tuple("t1", "open").note(&round.to_string()).text();
        publication.modify(&text);
    }
    for (n, subscription) in subscriptions.iter_mut().enumerate() {
        assert_eq!(subscription.notify().document().notes(), ["8"]);
        if n % 3 == 0 {
            subscription.unsubscribe();
            subscription.notify().expect_end("timeout");
        }
    }
    publication.remove();
    for (n, subscription) in subscriptions.iter_mut().enumerate() {
        if n % 3 == 0 {
            assert!(subscription.arrived().is_empty());
        } else {
            assert!(subscription.notify().document().is_neutral());
        }
    }
}

/// RFC 6665 4.2.2: a presentity with hundreds of watchers: the fan-out runs in pieces (design 1),
/// and reaches everyone with the latest state, once.
#[test]
fn a_wide_fan_out_reaches_everyone() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let mut subscriptions: Vec<_> = (0..400).map(|_| watcher.subscribe(&alice)).collect();
    for subscription in &mut subscriptions {
        subscription.notify();
    }
    let mut publication = phone.publish(&Pidf::of(&alice).tuple("t1", "open").note("first").text());
    publication.modify(&Pidf::of(&alice).tuple("t1", "open").note("last").text());
    for subscription in &mut subscriptions {
        let is_last = |n: &rollcall_tests::Notify| {
            String::from_utf8_lossy(&n.message().body).contains("<note>last</note>")
        };
        // The first change may have been merged into the last one (SUB-27); never the other way.
        subscription.notify_until(is_last);
    }
    watcher.round_trip();
    for subscription in &mut subscriptions {
        assert!(subscription.arrived().is_empty(), "nothing after the latest state");
    }
}

/// RFC 6665 4.4.1: the same user may watch from several phones, and watch itself.
#[test]
fn a_user_may_watch_itself_from_two_phones() {
    let server = Server::shared();
    let alice = user("alice");
    let (desk, mobile) = (Phone::udp(&server, &alice), Phone::tcp(&server, &alice));
    let (mut first, mut second) = (desk.subscribe(&alice), mobile.subscribe(&alice));
    first.notify();
    second.notify();
    let _publication = desk.publish(&Pidf::basic(&alice, "open"));
    assert_eq!(first.notify().document().basics(), ["open"]);
    assert_eq!(second.notify().document().basics(), ["open"]);
}
