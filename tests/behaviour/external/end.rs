//! Sources that end a subscription: each reason as EXT-14 has it (RFC 6665 4.1.2.2, 4.1.3), and refusals (EXT-22).

use std::time::Duration;

use rollcall_tests::subscription::Answer;
use rollcall_tests::{Config, Phone, Server, Source, Subscription};

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

/// A server, its registrar and a watcher who sees that Alice is registered.
fn watched() -> (Server, Source, Phone) {
    let (server, registrar) = registered(Config::new().clock());
    let watcher = Phone::udp(&server, BOB);
    (server, registrar, watcher)
}

#[track_caller]
fn seen<'p>(registrar: &Source, watcher: &'p Phone) -> Subscription<'p> {
    let mut subscription = watcher.subscribe(ALICE);
    shown(&mut subscription, |document| is_open(document, ALICE));
    registrar.subscribe().expect_initial(ALICE, 200);
    subscription
}

/// EXT-14: `deactivated` and `timeout` mean that a new subscription will be taken: at once. A source that ends each of
/// them at once is not asked without end.
#[test]
fn deactivated_and_timeout_begin_anew_at_once() {
    let (server, registrar, watcher) = watched();
    let mut subscription = seen(&registrar, &watcher);
    for reason in ["deactivated", "timeout"] {
        let _ = registrar.notify_state(ALICE, &format!("terminated;reason={reason}")).expect(200);
        registrar.subscribe().expect_initial(ALICE, 200);
        Source::advance(&server, &[&registrar], 10 * MINUTE);
        registrar.assert_quiet();
    }
    subscription.refresh(3600);
    assert!(is_open(&subscription.notify().document(), ALICE));
    let mut asked = 0;
    for _ in 0..10 {
        if registrar.subscriptions() > 0 {
            let _ = registrar.notify_state(ALICE, "terminated;reason=deactivated").expect(200);
        }
        if registrar.try_subscribe(Duration::from_millis(200)).is_none() {
            break;
        }
        asked += 1;
    }
    assert!(asked < 8, "ten times at once");
}

/// EXT-14: `probation` and `giveup` mean later: after `retry-after`, or after a pause of the server's own.
#[test]
fn probation_and_giveup_begin_anew_later() {
    for reason in ["probation", "giveup"] {
        let (server, registrar, watcher) = watched();
        let _subscription = seen(&registrar, &watcher);
        let _ =
            registrar.notify_state(ALICE, &format!("terminated;reason={reason};retry-after=90")).expect(200);
        Source::advance(&server, &[&registrar], Duration::from_secs(80));
        registrar.assert_quiet();
        Source::advance(&server, &[&registrar], Duration::from_secs(60));
        registrar.subscribe().expect_initial(ALICE, 200);
        let _ = registrar.notify_state(ALICE, &format!("terminated;reason={reason}")).expect(200);
        registrar.assert_quiet();
        Source::advance(&server, &[&registrar], 11 * MINUTE);
        registrar.subscribe().expect_initial(ALICE, 200);
    }
}

/// EXT-14: `rejected`, `noresource` and `invariant` are the last word: what the source said is taken out, and it is not
/// asked again for those who watch.
#[test]
fn rejected_noresource_and_invariant_are_final() {
    for reason in ["rejected", "noresource", "invariant"] {
        let (server, registrar, watcher) = watched();
        let mut subscription = seen(&registrar, &watcher);
        let _ = registrar.notify_state(ALICE, &format!("terminated;reason={reason}")).expect(200);
        shown(&mut subscription, |document| !is_open(document, ALICE));
        for _ in 0..5 {
            Source::advance(&server, &[&registrar], 10 * MINUTE);
            registrar.assert_quiet();
        }
    }
}

/// EXT-22: the registrar's policy decides whether the server may know. 403 is final, and the operator is told.
#[test]
fn forbidden_is_final() {
    let (server, registrar, watcher) = watched();
    registrar.answer_next(Answer::Status(403, "Forbidden", Vec::new()));
    let mut subscription = watcher.subscribe(ALICE);
    assert!(!is_open(&subscription.notify().document(), ALICE));
    registrar.subscribe().expect_initial(ALICE, 403);
    for _ in 0..5 {
        Source::advance(&server, &[&registrar], 10 * MINUTE);
        registrar.assert_quiet();
    }
    wait_until("a line in the log", || {
        server.log().lines().any(|line| line.contains("403") && line.contains("scscf"))
    });
}
