//! One NOTIFY under way in a dialog (RFC 3261 8.1.3, RFC 6665 4.2.2, SUB-27).

use rollcall_tests::server::user;
use rollcall_tests::{Answer, Phone, Pidf, Server};

/// SUB-27: changes that happen while a NOTIFY is unanswered are merged into the next one.
#[test]
fn changes_wait_for_the_notify_in_flight() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let with = |note: &str| Pidf::of(&alice).tuple("t1", "open").note(note).text();
    let mut publication = phone.publish(&with("start"));
    let request = watcher.subscribe_request(&alice);
    let mut subscription = watcher.subscribe_scripted(request, Box::new(|_| Answer::Silence));
    let held = subscription.notify();
    for n in 0..6 {
        publication.modify(&with(&format!("change {n}")));
    }
    watcher.round_trip();
    assert!(subscription.arrived().is_empty(), "a second NOTIFY before the first was answered");
    subscription.script(Box::new(|_| Answer::Ok));
    subscription.answer(&held, &Answer::Ok);
    assert_eq!(subscription.notify().document().notes(), ["change 5"], "one NOTIFY with the latest state");
    publication.modify(&with("end"));
    assert_eq!(subscription.notify().document().notes(), ["end"]);
}

/// RFC 3261 17.1.2.2 (SIP-01, SUB-27): a NOTIFY over UDP that is not answered is retransmitted as
/// it was, and a late answer is taken.
#[test]
fn an_unanswered_notify_is_retransmitted() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let request = watcher.subscribe_request(&alice);
    let mut subscription = watcher.subscribe_scripted(request, Box::new(|_| Answer::Silence));
    let held = subscription.notify();
    // Timer E: 0.5 s, then 1 s. Another round trip tells how far the server is, not the time.
    let start = std::time::Instant::now();
    while watcher.endpoint().repeated(&held.message().branch()) < 2 {
        assert!(start.elapsed() < rollcall_tests::LIMIT, "no retransmission");
        watcher.round_trip();
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    subscription.script(Box::new(|_| Answer::Ok));
    subscription.answer(&held, &Answer::Ok);
    let _publication = phone.publish(&Pidf::basic(&alice, "open"));
    assert_eq!(subscription.notify().document().basics(), ["open"]);
}

/// SUB-27: one slow watcher does not hold the others up.
#[test]
fn a_silent_watcher_does_not_hold_the_others_up() {
    let server = Server::shared();
    let (alice, bob, carol) = (user("alice"), user("bob"), user("carol"));
    let phone = Phone::udp(&server, &alice);
    let (silent, quick) = (Phone::udp(&server, &bob), Phone::udp(&server, &carol));
    let request = silent.subscribe_request(&alice);
    let mut stuck = silent.subscribe_scripted(request, Box::new(|_| Answer::Silence));
    stuck.notify();
    let mut subscription = quick.subscribe(&alice);
    subscription.notify();
    let mut publication = phone.publish(&Pidf::basic(&alice, "open"));
    assert_eq!(subscription.notify().document().basics(), ["open"]);
    publication.modify(&Pidf::basic(&alice, "closed"));
    assert_eq!(subscription.notify().document().basics(), ["closed"]);
}
