//! New subscriptions are paced (`rate`).

use std::time::{Duration, Instant};

use rollcall_tests::reginfo::REGINFO;
use rollcall_tests::{Config, Phone, Reginfo, Server, Source};

use super::*;

const RATE: usize = 10;
const USERS: usize = 45;

/// The most that came within a second.
fn peak(times: &[Instant]) -> usize {
    let within = |from: &Instant| {
        times.iter().filter(|at| *at >= from && **at < *from + Duration::from_secs(1)).count()
    };
    times.iter().map(within).max().unwrap_or(0)
}

/// Many who are watched at once, and many whose dialogs a restarted source has lost: in no second does the source see
/// more new subscriptions than the rate, a second's worth at once before it included; and all of them come.
#[test]
fn a_source_never_sees_more_than_the_rate() {
    let registrar = Source::registrar();
    let users: Vec<String> = (0..USERS).map(|n| format!("sip:user-{n}@example.com")).collect();
    for user in &users {
        registrar.knows(user, REGINFO, &Reginfo::registered(user, DEVICE));
    }
    let rate = i64::try_from(RATE).expect("a number");
    let server = Server::start(Config::new().source("registrar", with(scscf(&registrar), "rate", rate)));
    let watcher = Phone::tcp(&server, BOB);
    let begun = Instant::now();
    let mut subscriptions: Vec<_> = users.iter().map(|user| watcher.subscribe(user)).collect();
    let times: Vec<Instant> = users.iter().map(|_| registrar.subscribe().at).collect();
    let seconds = times.last().expect("a time").duration_since(begun).as_secs_f64();
    assert!(peak(&times) <= 2 * RATE, "{} in a second", peak(&times));
    assert!(seconds > 2.0, "{USERS} in {seconds} s");
    assert!(seconds < 8.0, "{USERS} in {seconds} s");
    for (subscription, user) in subscriptions.iter_mut().zip(&users) {
        shown(subscription, |document| is_open(document, user));
    }
    // The source ends all of them at once, as before a restart.
    for user in &users {
        let _ = registrar.notify_state(user, "terminated;reason=deactivated").expect(200);
    }
    let times: Vec<Instant> = users.iter().map(|_| registrar.subscribe().at).collect();
    assert!(peak(&times) <= 2 * RATE, "{} in a second", peak(&times));
}
