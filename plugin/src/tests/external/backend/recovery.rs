//! Stops without order.

use super::failures::single;
use super::{Far, ONE};
use crate::external::pacing::{self, Lane};
use crate::handler::Failure;
use crate::tests::scene::ALICE;

/// After kill -9 a dialog goes on where it was: number, route, what was said, and nothing is sent.
#[test]
fn a_dialog_goes_on_after_a_crash() {
    let (mut far, first) = Far::live(ONE);
    assert_eq!(far.tell(&first, 2, "active;expires=3600", "two"), 200);
    let before = far.status();
    far.crash();
    far.settle();
    assert!(far.asks().is_empty());
    assert_eq!((far.shown().as_str(), far.status()), ("two", before));
    assert_eq!(far.tell(&first, 1, "active;expires=3600", "old"), 500);
    assert_eq!(far.tell(&first, 3, "active;expires=3600", "three"), 200);
    far.until_asked(3_600).unwrap();
    let refresh = far.only_ask();
    assert_eq!((refresh.cseq(), refresh.header("Call-ID")), (2, first.header("Call-ID")));
}

/// A refresh that was open is sent again when pacing lets it go, under a number of its own.
#[test]
fn an_open_refresh_is_sent_again_under_another_number() {
    let (mut far, first) = Far::live(ONE);
    far.until_asked(3_600).unwrap();
    let lost = far.only_ask();
    assert_eq!(lost.cseq(), 2);
    for number in 3..6 {
        far.crash();
        assert!(far.asks().is_empty());
        far.until_asked(5).unwrap();
        let again = far.only_ask();
        assert_eq!((again.cseq(), again.header("Call-ID")), (number, first.header("Call-ID")));
    }
    // The answer to one that was given up means nothing.
    far.fail(&lost, Failure::Timeout);
    assert_eq!(far.status().unwrap().failures, 0);
    let ask = far.only_ask();
    far.accept(&ask, 3_600);
    assert_eq!(far.status().unwrap().expires, Some(far.scene.host.time() + 3_600_000));
}

/// A new subscription that was open is asked for anew, in another dialog; who answers the one before
/// is told that there is none.
#[test]
fn an_open_subscription_is_asked_for_anew() {
    let mut far = Far::new(ONE);
    let lost = far.only_ask();
    far.crash();
    assert!(far.asks().is_empty());
    far.until_asked(5).unwrap();
    let again = far.only_ask();
    assert_ne!(again.header("Call-ID"), lost.header("Call-ID"));
    assert_eq!(far.tell(&lost, 1, "active", "late"), 481);
    far.accept(&again, 3_600);
    // Its NOTIFY is still to come: there is nothing to be made good.
    far.crash();
    far.settle();
    assert!(far.asks().is_empty());
    assert_eq!(far.tell(&again, 1, "active;expires=3600", "one"), 200);
    assert_eq!(far.shown(), "one");
}

/// A start without requests under way changes nothing, however often it is told.
#[test]
fn recovery_may_be_told_twice() {
    let (mut far, _) = Far::live(ONE);
    far.until_asked(3_600).unwrap();
    far.scene.host.sent.clear();
    far.scene.recover();
    far.scene.recover();
    far.settle();
    assert_eq!(far.asks().len(), 1);
}

/// A source that has forgotten the dialog meanwhile is subscribed to anew at once, also where the refresh was
/// late and had to be paced.
#[test]
fn a_late_refresh_that_finds_no_dialog_is_followed_by_a_new_subscription() {
    let (mut far, first) = Far::live(ONE);
    far.scene.host.advance(3_250_000);
    far.until_asked(5).unwrap();
    let refresh = far.only_ask();
    assert_eq!((refresh.cseq(), refresh.header("Call-ID")), (2, first.header("Call-ID")));
    far.answer(&refresh, 481, "");
    far.until_asked(5).unwrap();
    let anew = far.only_ask();
    assert_eq!(anew.cseq(), 1);
    assert_ne!(anew.header("Call-ID"), first.header("Call-ID"));
}

/// What came due while there was no server is paced; what has not, is sent when it is due.
#[test]
fn what_was_missed_is_paced() {
    let slow = single().replace("\"domain\"", "\"rate\":1,\"domain\"");
    let mut far = Far::new(&slow);
    let mut first = Vec::new();
    for user in 0..20 {
        assert_eq!(far.watch_other(user), 200);
    }
    for _ in 0..30 {
        far.settle();
        for ask in far.asks() {
            far.accept(&ask, 3_600);
            first.push(ask);
        }
        far.scene.host.advance(1_000);
    }
    assert_eq!(first.len(), 21);
    for ask in &first {
        far.tell_of(ask, 1, "active;expires=3600");
    }
    // Down until nearly all refreshes are overdue and none of the subscriptions has ended.
    far.crash();
    far.scene.host.advance(3_250_000);
    far.settle();
    let mut sent = far.asks().len();
    assert!(sent <= 2, "{sent} at once");
    // Slots that the crash has brought back are of no use to anybody.
    for _ in 0..60 {
        let before = far.asks().len();
        far.pass(1);
        assert!(far.asks().len() <= before + 2);
    }
    sent = far.asks().len();
    assert_eq!(sent, 21);
    assert!(far.asks().iter().all(|ask| ask.in_dialog() && ask.cseq() == 2));
}

/// A subscription that ended while there was no server is made anew, and what it said is gone.
#[test]
fn what_ended_meanwhile_begins_anew() {
    let (mut far, _) = Far::live(ONE);
    far.crash();
    far.scene.host.advance(4_000_000);
    far.settle();
    assert_eq!(far.shown(), "");
    let anew = far.only_ask();
    assert!(!anew.in_dialog());
    assert_eq!(anew.sent.partition, ALICE);
}

/// Slots that have passed while there was no server are not used all at once.
#[test]
fn slots_that_were_missed_are_paced() {
    let slow = single().replace("\"domain\"", "\"rate\":1,\"domain\"");
    let mut far = Far::new(&slow);
    far.scene.host.sent.clear();
    for user in 0..20 {
        assert_eq!(far.watch_other(user), 200);
    }
    far.scene.settle();
    let before = far.asks().len();
    far.crash();
    far.scene.host.advance(600_000);
    far.settle();
    assert!(far.asks().len() <= before + 2, "{}", far.asks().len());
    for _ in 0..60 {
        let before = far.asks().len();
        far.pass(1);
        assert!(far.asks().len() <= before + 2);
    }
    assert!(far.asks().len() >= 20, "{}", far.asks().len());
}

/// A subscription that ends while its refresh waits for pacing uses that slot for a new one.
#[test]
fn a_slot_serves_whatever_is_needed_then() {
    let (mut far, ask) = Far::live(&single().replace("\"domain\"", "\"rate\":1,\"domain\""));
    far.scene.host.advance(3_300_000);
    // Five others are before it.
    far.step(|step, source| (0..5).for_each(|_| pacing::ask(step, source, Lane::Again)));
    assert_eq!((far.phase(), far.asks().len()), ("live", 0));
    assert_eq!(far.tell(&ask, 2, "terminated;reason=deactivated", ""), 200);
    assert_eq!((far.phase(), far.asks().len()), ("waiting", 0));
    far.until_asked(10).unwrap();
    let anew = far.only_ask();
    assert!(!anew.in_dialog());
    far.pass(20);
    assert_eq!(far.asks(), [anew]);
}
