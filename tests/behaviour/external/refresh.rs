//! Subscriptions at sources are prolonged in time (EXT-02; RFC 6665 4.1.2).

use std::time::Duration;

use rollcall_tests::reginfo::REGINFO;
use rollcall_tests::{Config, Phone, Reginfo, Server, Source};

use super::*;

/// RFC 6665 4.1.2.2, EXT-02: refreshed in the dialog before the granted time ends, with CSeq going on; watchers see nothing
/// of it. A source that grants less than asked is refreshed the earlier.
#[test]
fn a_subscription_is_refreshed_before_it_ends() {
    let (server, registrar) = registered(Config::new().clock());
    registrar.grant(600);
    let watcher = Phone::udp(&server, BOB);
    let mut subscription = watcher.subscribe(ALICE);
    shown(&mut subscription, |document| is_open(document, ALICE));
    let mut last = registrar.subscribe().expect_initial(ALICE, 200);
    Source::advance(&server, &[&registrar], Duration::from_secs(290));
    registrar.assert_quiet();
    // Refreshed after half of what was granted at the earliest, and nine tenths at the latest.
    for _ in 0..3 {
        Source::advance(&server, &[&registrar], Duration::from_secs(1000));
    }
    let mut refreshes = 0;
    while let Some(next) = registrar.try_subscribe(Duration::from_millis(100)) {
        last = next.expect_next_after(&last);
        assert_eq!(last.status, 200);
        refreshes += 1;
    }
    assert!((6..=10).contains(&refreshes), "{refreshes} in 3290 seconds");
    assert_eq!(registrar.subscriptions(), 1);
    assert_eq!(subscription.arrived().len(), 0);
}

/// RFC 6665 4.1.2.2: a source that has lost the dialog gets a new subscription at once; the watchers keep what they see.
#[test]
fn a_source_that_has_forgotten_is_asked_anew() {
    let (server, registrar) = registered(Config::new().clock());
    registrar.grant(600);
    let watcher = Phone::udp(&server, BOB);
    let mut subscription = watcher.subscribe(ALICE);
    shown(&mut subscription, |document| is_open(document, ALICE));
    let first = registrar.subscribe();
    registrar.forget();
    // A new dialog begins with the full state, and the registration is older by then.
    let older = Reginfo::registered(ALICE, DEVICE)
        .replace("duration-registered=\"7\"", "duration-registered=\"1000\"");
    registrar.knows(ALICE, REGINFO, &older);
    Source::advance(&server, &[&registrar], Duration::from_secs(580));
    let refused = registrar.subscribe().expect_next_after(&first);
    assert_eq!(refused.status, 481);
    let again = registrar.subscribe().expect_initial(ALICE, 200);
    assert_ne!(again.message.call_id(), first.message.call_id());
    subscription.refresh(3600);
    assert!(is_open(&subscription.notify().document(), ALICE));
    assert_eq!(subscription.arrived().len(), 0, "nothing has changed");
}

/// RFC 6665 4.2.1.1: a source that wants longer subscriptions gets one.
#[test]
fn an_interval_that_is_too_brief_is_made_longer() {
    let registrar = Source::registrar();
    registrar.knows(
        ALICE,
        rollcall_tests::reginfo::REGINFO,
        &rollcall_tests::Reginfo::registered(ALICE, DEVICE),
    );
    registrar.least(1800);
    let config = Config::new().source("registrar", with(scscf(&registrar), "expires", 300));
    let server = Server::start(config);
    let watcher = Phone::udp(&server, BOB);
    let mut subscription = watcher.subscribe(ALICE);
    let refused = registrar.subscribe().expect_initial(ALICE, 423);
    assert_eq!(refused.message.expires(), Some(300));
    let taken = registrar.subscribe();
    assert!(taken.status == 200 && taken.message.expires() >= Some(1800), "{}", taken.message);
    shown(&mut subscription, |document| is_open(document, ALICE));
}

/// RFC 6665 4.4.1: the first NOTIFY may come before the answer to the SUBSCRIBE, and makes the dialog.
#[test]
fn a_notify_may_come_before_the_answer() {
    let (server, registrar) = registered(Config::new().clock());
    registrar.notify_early();
    registrar.grant(600);
    let watcher = Phone::udp(&server, BOB);
    let mut subscription = watcher.subscribe(ALICE);
    shown(&mut subscription, |document| is_open(document, ALICE));
    let first = registrar.subscribe().expect_initial(ALICE, 200);
    Source::advance(&server, &[&registrar], Duration::from_secs(580));
    registrar.subscribe().expect_next_after(&first);
    assert_eq!(registrar.subscriptions(), 1);
}
