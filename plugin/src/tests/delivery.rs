//! NOTIFYs to one watcher: one at a time, what answers mean, throttle.

use super::scene::{ALICE, HASTY, OPEN, Scene, pidf, pidf_of};
use crate::keys::SUBSCRIPTION;

/// SUB-27: changes while a NOTIFY is in flight are merged into the next one.
#[test]
fn one_notify_is_in_flight() {
    let mut scene = Scene::new(HASTY);
    scene.watch("bob");
    let tag = scene.publish_open();
    let first = scene.only_notify();
    let answer = scene.publish(&format!("SIP-If-Match: {tag}\n"), &pidf_of(ALICE, "open", "lunch"));
    let tag = answer.header("SIP-ETag").unwrap().to_owned();
    scene.publish(&format!("SIP-If-Match: {tag}\n"), &pidf_of(ALICE, "open", "back"));
    assert_eq!(scene.only_notify().cseq(), first.cseq());
    scene.answer(&first, 200);
    let second = scene.only_notify();
    assert_eq!(second.cseq(), first.cseq() + 1);
    assert!(second.body.contains("back") && !second.body.contains("lunch"));
    scene.answer(&second, 200);
    assert!(scene.notifies().is_empty());
}

/// SUB-27: an answer is one, however late: what came meanwhile follows, and nothing is repeated.
#[test]
fn a_late_answer_brings_what_is_due() {
    let mut scene = Scene::new(HASTY);
    scene.watch("bob");
    let tag = scene.publish_open();
    let first = scene.only_notify();
    scene.publish(&format!("SIP-If-Match: {tag}\n"), &pidf("closed"));
    scene.pass(60_000);
    scene.answer(&first, 200);
    let second = scene.only_notify();
    assert!(second.body.contains("closed") && second.cseq() > first.cseq());
    scene.pass(60_000);
    scene.answer(&second, 200);
    assert!(scene.notifies().is_empty());
}

/// SUB-12 with SUB-27: the NOTIFY that a refresh calls for follows the one in flight.
#[test]
fn a_refresh_during_a_notify_is_notified_after_it() {
    let mut scene = Scene::new(OPEN);
    let tag = scene.watch("bob");
    scene.publish_open();
    let first = scene.only_notify();
    assert_eq!(scene.resubscribe("bob", &tag, 2, "Expires: 600\n").status, 200);
    assert_eq!(scene.only_notify().cseq(), first.cseq());
    scene.answer(&first, 500);
    let second = scene.only_notify();
    assert_eq!(second.state(), "active;expires=600");
    // An unsubscription meanwhile, too.
    assert_eq!(scene.resubscribe("bob", &tag, 3, "Expires: 0\n").status, 200);
    scene.answer(&second, 503);
    assert_eq!(scene.only_notify().state(), "terminated;reason=timeout");
}

/// SUB-23, SUB-24, SUB-26: these answers, and none, remove the subscription without another word.
#[test]
fn a_watcher_that_is_gone_is_removed() {
    for status in [404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604, 0] {
        let mut scene = Scene::new(HASTY);
        scene.subscribe("bob", "");
        let notify = scene.only_notify();
        scene.answer_with(
            &notify,
            &if status == 0 { String::new() } else { format!("SIP/2.0 {status} X\n\n") },
        );
        assert_eq!(scene.count(SUBSCRIPTION), 0, "{status}");
        assert!(scene.host.records(ALICE, b"").is_empty());
        assert_eq!(scene.host.timer_count(ALICE), 0);
        scene.publish_open();
        assert!(scene.notifies().is_empty());
    }
}

/// SUB-25: other failures end the transaction only; the next change brings the newest state.
#[test]
fn a_failed_notify_does_not_end_the_subscription() {
    for status in [300, 400, 401, 403, 408, 486, 500, 503, 600, 603] {
        let mut scene = Scene::new(HASTY);
        scene.watch("bob");
        let tag = scene.publish_open();
        let notify = scene.only_notify();
        scene.answer(&notify, status);
        assert_eq!(scene.count(SUBSCRIPTION), 1, "{status}");
        assert!(scene.notifies().is_empty(), "no retry by itself");
        scene.publish(&format!("SIP-If-Match: {tag}\n"), &pidf("closed"));
        assert!(scene.only_notify().body.contains("closed"));
    }
}

/// SUB-25, SIP-33: Retry-After of a 503 is waited for, then the state is sent without a change.
#[test]
fn retry_after_is_honoured() {
    let mut scene = Scene::new(HASTY);
    scene.watch("bob");
    scene.publish_open();
    let notify = scene.only_notify();
    scene.answer_with(&notify, "SIP/2.0 503 Busy\nRetry-After: 120 (later)\n\n");
    scene.pass(60_000);
    scene.publish("", &pidf("closed"));
    scene.settle();
    assert!(scene.notifies().is_empty());
    scene.pass(60_000);
    assert!(scene.only_notify().body.contains("closed"));
}

/// A watcher cannot have us try without pause.
#[test]
fn a_short_retry_after_is_stretched() {
    let mut scene = Scene::new(HASTY);
    scene.watch("bob");
    scene.publish_open();
    let notify = scene.only_notify();
    scene.answer_with(&notify, "SIP/2.0 503 Busy\nRetry-After: 0\n\n");
    scene.pass(4_999);
    assert!(scene.notifies().is_empty());
    scene.pass(1);
    assert_eq!(scene.notifies().len(), 1);
}

/// SIP-14: the Contact of a 2xx is the new target.
#[test]
fn a_2xx_refreshes_the_target() {
    let mut scene = Scene::new(HASTY);
    scene.subscribe("bob", "");
    let notify = scene.only_notify();
    scene.answer_with(&notify, "SIP/2.0 202 OK\nContact: <sip:bob@192.0.2.77>\n\n");
    assert_eq!(scene.cost.durable_writes, 0);
    scene.publish_open();
    assert_eq!(scene.only_notify().uri, "sip:bob@192.0.2.77");
}

/// A response that comes late or twice changes nothing.
#[test]
fn a_late_outcome_is_ignored() {
    let mut scene = Scene::new(HASTY);
    scene.subscribe("bob", "");
    let first = scene.only_notify();
    scene.answer(&first, 200);
    scene.publish_open();
    let second = scene.only_notify();
    scene.answer(&first, 481);
    assert_eq!(scene.count(SUBSCRIPTION), 1);
    assert_eq!(scene.only_notify().cseq(), second.cseq());
}

/// SUB-28: the first change goes out at once, later ones when the interval ends, the newest of them.
#[test]
fn changes_are_throttled_and_never_dropped() {
    let mut scene = Scene::new(OPEN);
    let watcher = scene.watch("bob");
    let tag = scene.publish_open();
    scene.answer_all();
    scene.pass(1_000);
    let answer = scene.publish(&format!("SIP-If-Match: {tag}\n"), &pidf_of(ALICE, "open", "lunch"));
    let tag = answer.header("SIP-ETag").unwrap().to_owned();
    assert!(scene.notifies().is_empty());
    scene.pass(1_000);
    scene.publish(&format!("SIP-If-Match: {tag}\n"), &pidf_of(ALICE, "open", "back"));
    scene.pass(2_999);
    assert!(scene.notifies().is_empty());
    scene.pass(1);
    assert!(scene.only_notify().body.contains("back"));
    scene.answer_all();
    scene.pass(60_000);
    assert!(scene.notifies().is_empty());
    // The answer to a SUBSCRIBE is not held back.
    scene.publish_open();
    scene.answer_all();
    scene.resubscribe("bob", &watcher, 2, "");
    assert_eq!(scene.notifies().len(), 1);
}

/// SUB-28 with SUB-27: a change during a NOTIFY waits for the interval, too.
#[test]
fn a_change_during_a_notify_is_throttled() {
    let mut scene = Scene::new(OPEN);
    scene.watch("bob");
    scene.publish_open();
    let notify = scene.only_notify();
    scene.pass(100);
    scene.publish("", &pidf("closed"));
    scene.answer(&notify, 200);
    assert!(scene.notifies().is_empty());
    scene.pass(4_900);
    assert!(scene.only_notify().body.contains("closed"));
}

/// An outcome that was never told does not hold a watcher up for ever.
#[test]
fn a_forgotten_notify_is_made_up_for() {
    let mut scene = Scene::new(HASTY);
    scene.watch("bob");
    scene.publish_open();
    let first = scene.only_notify();
    scene.host.sent.clear();
    scene.host.advance(50_000);
    scene.publish("", &pidf("closed"));
    assert_eq!(scene.only_notify().cseq(), first.cseq() + 1);
}
