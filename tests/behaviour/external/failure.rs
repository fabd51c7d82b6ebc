//! A source that fails (EXT-15): nobody waits for it, what it said ages out, it is asked again later.

use std::time::{Duration, Instant};

use rollcall_tests::subscription::Answer;
use rollcall_tests::{Config, Phone, Pidf, Source};

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

/// EXT-15: while the source is dead, watchers are notified of everything else without delay; what it said counts until the
/// subscription ends, and no longer; when it lives again, all is as before.
#[test]
fn a_dead_source_delays_nothing_and_ages_out() {
    let (server, registrar) = registered(Config::new().clock());
    registrar.grant(600);
    let phone = Phone::udp(&server, ALICE);
    let mut publication = phone.publish(&noted(ALICE, "phone"));
    let watcher = Phone::udp(&server, BOB);
    let mut subscription = watcher.subscribe(ALICE);
    shown(&mut subscription, |document| is_open(document, ALICE));
    registrar.subscribe().expect_initial(ALICE, 200);
    registrar.silent(true);
    // Beyond any moment at which the refresh may have been sent, but not beyond what was granted.
    Source::advance(&server, &[&registrar], Duration::from_secs(550));
    registrar.subscribe();
    for round in 0..5 {
        let begun = Instant::now();
        publication.modify(&noted(ALICE, &format!("round-{round}")));
        let document = subscription.notify().document();
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        assert_eq!(notes(&document), [format!("round-{round}")]);
        assert!(is_open(&document, ALICE), "it counts until its end");
    }
    Source::advance(&server, &[&registrar], Duration::from_secs(60));
    let document = shown(&mut subscription, |document| !is_open(document, ALICE));
    assert_eq!(notes(&document), ["round-4"], "the rest stays");
    registrar.silent(false);
    wait_until("the source is asked again", || {
        Source::advance(&server, &[&registrar], MINUTE);
        registrar.try_subscribe(Duration::from_millis(50)).is_some_and(|subscribe| subscribe.status == 200)
    });
    let document = shown(&mut subscription, |document| is_open(document, ALICE));
    assert_eq!(notes(&document), ["round-4"]);
}

/// EXT-15: a source that refuses for the time being is asked again after pauses that grow, or when it says; never in a
/// hurry.
#[test]
fn a_source_that_fails_is_asked_again_after_growing_pauses() {
    let (server, registrar) = registered(Config::new().clock());
    registrar.answer_all(Some(Answer::Status(500, "Server Internal Error", Vec::new())));
    let watcher = Phone::udp(&server, BOB);
    let mut subscription = watcher.subscribe(ALICE);
    assert!(!is_open(&subscription.notify().document(), ALICE));
    registrar.subscribe().expect_initial(ALICE, 500);
    registrar.assert_quiet();
    let mut tries = 0;
    for _ in 0..120 {
        Source::advance(&server, &[&registrar], Duration::from_secs(10));
        while registrar.try_subscribe(Duration::from_millis(5)).is_some() {
            tries += 1;
        }
    }
    assert!((2..=40).contains(&tries), "{tries} tries in 20 minutes");
    let later = vec![("Retry-After".to_owned(), "1000".to_owned())];
    registrar.answer_all(Some(Answer::Status(503, "Service Unavailable", later)));
    wait_until("the next try", || {
        Source::advance(&server, &[&registrar], MINUTE);
        registrar.try_subscribe(Duration::from_millis(20)).is_some()
    });
    registrar.answer_all(None);
    Source::advance(&server, &[&registrar], 15 * MINUTE);
    registrar.assert_quiet();
    wait_until("the try after the pause that it asked for", || {
        Source::advance(&server, &[&registrar], MINUTE);
        registrar.try_subscribe(Duration::from_millis(20)).is_some_and(|subscribe| subscribe.status == 200)
    });
    subscription.refresh(3600);
    shown(&mut subscription, |document| is_open(document, ALICE));
}

/// EXT-15: a source that never was there: the first NOTIFY comes as if it were not configured.
#[test]
fn a_source_that_never_was_there_does_no_harm() {
    let registrar = Source::registrar();
    registrar.silent(true);
    let nobody = rollcall_tests::server::free_port();
    let server = rollcall_tests::Server::start(Config::new().source("registrar", scscf(&registrar)).source(
        "registrar",
        with(
            with(registrar.entry("gone"), "domain", "example.com"),
            "target",
            format!("sip:127.0.0.1:{nobody};transport=tcp"),
        ),
    ));
    let phone = Phone::udp(&server, ALICE);
    let watcher = Phone::udp(&server, BOB);
    let begun = Instant::now();
    let mut subscription = watcher.subscribe(ALICE);
    assert!(subscription.notify().document().is_neutral());
    let _publication = phone.publish(&Pidf::basic(ALICE, "open"));
    assert_eq!(subscription.notify().document().basics(), ["open"]);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}
