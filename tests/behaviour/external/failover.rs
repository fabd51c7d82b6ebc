//! Several targets of one source (issue: failover; RFC 3261 21.5).

use std::time::Duration;

use rollcall_tests::reginfo::REGINFO;
use rollcall_tests::subscription::Answer;
use rollcall_tests::{Config, Phone, Reginfo, Server, Source};

use super::*;

fn two() -> (Source, Source) {
    let (first, second) = (Source::registrar(), Source::registrar());
    for registrar in [&first, &second] {
        registrar.knows(ALICE, REGINFO, &Reginfo::registered(ALICE, DEVICE));
        registrar.grant(600);
    }
    (first, second)
}

fn server(targets: Vec<String>, any: &Source) -> Server {
    Server::start(Config::new().clock().source("registrar", with(scscf(any), "target", targets)))
}

/// A target that cannot be reached, or answers 5xx, costs no pause: the next one is asked at once. It is the one that notifies
/// then.
#[test]
fn the_next_target_is_asked_at_once() {
    let (first, second) = two();
    let nobody = format!("sip:127.0.0.1:{};transport=tcp", rollcall_tests::server::free_port());
    first.answer_all(Some(Answer::Status(503, "Service Unavailable", Vec::new())));
    let server = server(vec![nobody, first.uri(), second.uri()], &first);
    let watcher = Phone::udp(&server, BOB);
    let mut subscription = watcher.subscribe(ALICE);
    first.subscribe().expect_initial(ALICE, 503);
    let begun = second.subscribe().expect_initial(ALICE, 200);
    shown(&mut subscription, |document| is_open(document, ALICE));
    // The dialog stays where it is.
    first.answer_all(None);
    Source::advance(&server, &[&first, &second], Duration::from_secs(590));
    second.subscribe().expect_next_after(&begun);
    first.assert_quiet();
}

/// The first target is preferred again for the next new subscription.
#[test]
fn the_preferred_target_is_asked_first_again() {
    let (first, second) = two();
    let server = server(vec![first.uri(), second.uri()], &first);
    first.answer_next(Answer::Status(500, "Server Internal Error", Vec::new()));
    let watcher = Phone::udp(&server, BOB);
    let mut subscription = watcher.subscribe(ALICE);
    first.subscribe().expect_initial(ALICE, 500);
    second.subscribe().expect_initial(ALICE, 200);
    shown(&mut subscription, |document| is_open(document, ALICE));
    let _ = second.notify_state(ALICE, "terminated;reason=deactivated").expect(200);
    first.subscribe().expect_initial(ALICE, 200);
    second.assert_quiet();
    // Cut off in the middle of the dialog: what is needed is asked of the other one.
    first.silent(true);
    Source::advance(&server, &[&first, &second], Duration::from_secs(550));
    first.subscribe();
    wait_until("the other target is asked", || {
        Source::advance(&server, &[&first, &second], Duration::from_secs(40));
        second.try_subscribe(Duration::from_millis(50)).is_some_and(|subscribe| subscribe.status == 200)
    });
    subscription.refresh(3600);
    shown(&mut subscription, |document| is_open(document, ALICE));
}
