//! What the answer to a NOTIFY does to the subscription (RFC 6665 4.2.2, RFC 5057 5.1).

use rollcall_tests::server::user;
use rollcall_tests::{Answer, Config, Phone, Pidf, Server};
use std::time::Duration;

/// Answers the first NOTIFY with 200 and all others so.
fn from_the_second_on(answer: Answer) -> rollcall_tests::endpoint::Script {
    let mut first = true;
    Box::new(move |_| if std::mem::take(&mut first) { Answer::Ok } else { answer.clone() })
}

/// RFC 6665 4.2.2 (SUB-23, SUB-26): these answers end the subscription: no further NOTIFY, not
/// even a last one, and the dialog is unknown.
#[test]
fn a_fatal_answer_ends_the_subscription() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let mut publication = phone.publish(&Pidf::basic(&alice, "open"));
    let codes = [404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604];
    let mut dead: Vec<_> = codes
        .iter()
        .map(|code| {
            let answer = Answer::Status(*code, "No", Vec::new());
            watcher.subscribe_scripted(watcher.subscribe_request(&alice), from_the_second_on(answer))
        })
        .collect();
    let mut alive = watcher.subscribe(&alice);
    for subscription in dead.iter_mut().chain([&mut alive]) {
        subscription.notify();
    }
    publication.modify(&Pidf::basic(&alice, "closed"));
    for subscription in dead.iter_mut().chain([&mut alive]) {
        subscription.notify();
    }
    publication.modify(&Pidf::basic(&alice, "open"));
    assert_eq!(alive.notify().document().basics(), ["open"]);
    for (subscription, code) in dead.iter_mut().zip(codes) {
        let answer = watcher.send(&subscription.request(3600));
        assert_eq!(answer.status(), 481, "after a NOTIFY was answered {code}: {answer}");
        assert!(subscription.arrived().is_empty(), "a NOTIFY after {code}");
    }
}

/// RFC 5057 5.1, RFC 6665 4.2.2 (SUB-25): other failures end that transaction only; the next
/// change is notified again.
#[test]
fn another_failure_does_not_end_the_subscription() {
    let server = Server::start(Config::new());
    let (alice, phone, watcher) = Phone::pair(&server);
    let mut publication = phone.publish(&Pidf::basic(&alice, "open"));
    let challenge = ("WWW-Authenticate".to_owned(), "Digest realm=\"x\", nonce=\"y\"".to_owned());
    let answers = [
        Answer::Status(400, "Bad Request", Vec::new()),
        Answer::Status(401, "Unauthorized", vec![challenge]),
        Answer::Status(403, "Forbidden", Vec::new()),
        Answer::Status(500, "Server Internal Error", Vec::new()),
        Answer::Status(600, "Busy Everywhere", Vec::new()),
    ];
    let mut subscriptions: Vec<_> = answers
        .iter()
        .map(|answer| {
            let request = watcher.subscribe_request(&alice);
            watcher.subscribe_scripted(request, from_the_second_on(answer.clone()))
        })
        .collect();
    for subscription in &mut subscriptions {
        subscription.notify();
    }
    publication.modify(&Pidf::basic(&alice, "closed"));
    for subscription in &mut subscriptions {
        assert_eq!(subscription.notify().document().basics(), ["closed"]);
        subscription.script(Box::new(|_| Answer::Ok));
    }
    server.wait_metrics("all answers are in", |m| m.sum("rollcall_sends_in_flight", &[]) == Some(0.0));
    publication.modify(&Pidf::of(&alice).tuple("t1", "open").note("again").text());
    for (subscription, answer) in subscriptions.iter_mut().zip(&answers) {
        // A server may also have tried the failed one again before this change.
        let seen = subscription.notify_until(|n| n.document().notes() == ["again"]);
        assert_eq!(seen.state(), "active", "after {answer:?}");
        subscription.refresh(3600);
        subscription.notify_until(|n| n.document().notes() == ["again"]);
    }
}

/// RFC 3261 21.5.4, RFC 5057 5.1 (SUB-25, SIP-33): a 503 with Retry-After holds back what goes to
/// that peer, in all dialogs; it ends none of them, and the latest state comes afterwards.
#[test]
fn a_peer_that_asks_for_a_pause_loses_nothing() {
    let server = Server::start(Config::new().clock());
    let (alice, carol, bob) = (user("alice"), user("carol"), user("bob"));
    let phones = [&alice, &carol].map(|user| Phone::udp(&server, user));
    let watcher = Phone::udp(&server, &bob);
    let mut publications =
        [phones[0].publish(&Pidf::basic(&alice, "open")), phones[1].publish(&Pidf::basic(&carol, "open"))];
    let pause = Answer::Status(503, "Busy", vec![("Retry-After".to_owned(), "5".to_owned())]);
    let request = watcher.subscribe_request(&alice);
    let mut busy = watcher.subscribe_scripted(request, from_the_second_on(pause));
    let mut other = watcher.subscribe(&carol);
    busy.notify();
    other.notify();
    publications[0].modify(&Pidf::basic(&alice, "closed"));
    busy.notify();
    busy.script(Box::new(|_| Answer::Ok));
    server.wait_metrics("all answers are in", |m| m.sum("rollcall_sends_in_flight", &[]) == Some(0.0));
    // The same peer, another dialog and another presentity, while the pause lasts.
    publications[1].modify(&Pidf::basic(&carol, "closed"));
    phones[1].round_trip();
    server.advance(Duration::from_secs(6));
    for subscription in [&mut busy, &mut other] {
        let seen = subscription.notify_until(|n| n.document().basics() == ["closed"]);
        assert_eq!(seen.state(), "active");
        subscription.refresh(3600);
        subscription.notify();
    }
}

/// RFC 6665 4.2.2 (SUB-25, SUB-27): what changed while a NOTIFY was under way is made up for when
/// that NOTIFY fails, too.
#[test]
fn a_change_during_a_failing_notify_is_not_lost() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let mut publication = phone.publish(&Pidf::basic(&alice, "open"));
    let request = watcher.subscribe_request(&alice);
    let mut subscription = watcher.subscribe_scripted(request, from_the_second_on(Answer::Silence));
    subscription.notify();
    publication.modify(&Pidf::basic(&alice, "closed"));
    let failing = subscription.notify();
    publication.modify(&Pidf::of(&alice).tuple("t1", "open").note("meanwhile").text());
    subscription.script(Box::new(|_| Answer::Ok));
    subscription.answer(&failing, &Answer::Status(500, "Server Internal Error", Vec::new()));
    assert_eq!(subscription.notify().document().notes(), ["meanwhile"]);
}

/// RFC 6665 4.2.2, RFC 3261 17.1.2.2 (SUB-24, SUB-26): a NOTIFY that nobody answers until Timer F
/// (64 T1) ends the subscription, without a last NOTIFY.
#[test]
fn a_notify_that_times_out_ends_the_subscription() {
    let server = Server::start(Config::new().clock());
    let (alice, phone, watcher) = Phone::pair(&server);
    let request = watcher.subscribe_request(&alice);
    let mut subscription = watcher.subscribe_scripted(request, from_the_second_on(Answer::Silence));
    subscription.notify();
    let _publication = phone.publish(&Pidf::basic(&alice, "open"));
    subscription.notify();
    // Alive until then: a refresh is taken, its NOTIFY waits.
    subscription.refresh(3600);
    server.advance(Duration::from_secs(33));
    subscription.script(Box::new(|_| Answer::Ok));
    let start = std::time::Instant::now();
    loop {
        let answer = watcher.send(&subscription.request(3600));
        subscription.skip_cseq();
        match answer.status() {
            481 => break,
            // The timer fires shortly after the clock has moved.
            200 if start.elapsed() < rollcall_tests::LIMIT => {}
            _ => panic!("the subscription outlived its NOTIFY: {answer}"),
        }
    }
    assert!(subscription.arrived().is_empty(), "no NOTIFY after the one that failed");
}
