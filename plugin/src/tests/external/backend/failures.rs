//! A source that does not do what it is asked for.

use super::{Far, ONE};
use crate::external::pacing::Lane;
use crate::handler::Failure;
use crate::tests::scene::pidf;

/// [`ONE`] with one target.
pub fn single() -> String {
    ONE.replace(",\"sip:192.0.2.21\"", "")
}

/// Changes to a document that nobody has.
const GAP: &str = "<d:pidf-diff xmlns='urn:ietf:params:xml:ns:pidf' xmlns:d='urn:ietf:params:xml:ns:pidf-diff' \
    entity='sip:a@b.example' version='9'><d:remove sel='*/tuple'/></d:pidf-diff>";

/// Fails the running attempt at every target.
fn fail_round(far: &mut Far) {
    while let Some(ask) = far.asks().pop() {
        far.fail(&ask, Failure::Timeout);
    }
}

/// The "failover over several targets": the next target at once, the preferred one first with the next
/// subscription, each with a dialog of its own.
#[test]
fn targets_are_tried_one_after_another() {
    let mut far = Far::new(ONE);
    let first = far.only_ask();
    far.fail(&first, Failure::Timeout);
    let second = far.only_ask();
    assert_eq!(second.header("Route"), "<sip:192.0.2.21;lr>");
    assert_ne!(second.header("Call-ID"), first.header("Call-ID"));
    assert_eq!(second.cseq(), 1);
    assert_eq!(far.tell(&first, 1, "active", "late"), 481);
    far.accept(&second, 3_600);
    assert_eq!(far.tell(&second, 1, "active;expires=3600", "two"), 200);
    assert_eq!(far.shown(), "two");
    assert_eq!(far.tell(&second, 2, "terminated;reason=deactivated", ""), 200);
    assert_eq!(far.only_ask().header("Route"), "<sip:192.0.2.20;lr>");
}

/// EXT-16, RFC 6665 4.1.2.4: the NOTIFY of another target may overtake its answer, too. That the one before has
/// answered from elsewhere makes it no stranger.
#[test]
fn ext_16_the_next_target_may_notify_before_it_answers() {
    let named = ONE.replace("192.0.2.20", "a.example").replace("192.0.2.21", "b.example");
    let (mut far, first) = Far::live(&named);
    assert_eq!(far.tell(&first, 2, "terminated;reason=deactivated", ""), 200);
    let failing = far.only_ask();
    far.fail(&failing, Failure::Timeout);
    let second = far.only_ask();
    let lines = "Subscription-State: active;expires=3600\nEvent: presence\n";
    let mut tell = |cseq, from, note| {
        let body = super::document(note);
        far.notify_with(&second, "far", cseq, lines, from, "application/pidf+xml", &body).status
    };
    assert_eq!(tell(1, "192.0.2.21:5060", "two"), 200);
    far.answer(&second, 200, "Expires: 3600\n");
    assert_eq!((far.phase(), far.shown().as_str()), ("live", "two"));
}

/// RFC 3261 8.1.3.4 and 21: what makes the next target be asked, and what does not.
#[test]
fn some_statuses_are_of_the_target_and_others_of_the_user() {
    for (status, next) in
        [(408, true), (500, true), (503, true), (504, true), (302, false), (404, false), (480, false)]
    {
        let mut far = Far::new(ONE);
        let ask = far.only_ask();
        far.answer(&ask, status, "Contact: <sip:elsewhere.example>\n");
        assert_eq!(far.asks().len(), usize::from(next), "{status}");
        assert_eq!(far.phase(), if next { "subscribing" } else { "pausing" }, "{status}");
    }
    let mut far = Far::new(ONE);
    let ask = far.only_ask();
    far.fail(&ask, Failure::Paused(7_000));
    far.fail(&far.only_ask(), Failure::Unreachable("no route"));
    assert_eq!(far.phase(), "pausing");
}

/// EXT-15: back-off with jitter, never below the shortest pause and never above the longest.
#[test]
fn ext_15_failures_are_followed_by_growing_pauses() {
    let mut far = Far::new(&single());
    let mut pauses = Vec::new();
    for _ in 0..12 {
        fail_round(&mut far);
        pauses.push(far.until_asked(700).unwrap());
    }
    assert!(pauses.iter().all(|pause| (5..=601).contains(pause)), "{pauses:?}");
    assert!(pauses[0] <= 16, "{pauses:?}");
    assert!(pauses[6..].iter().any(|pause| *pause > 60), "{pauses:?}");
    // The operator reads of it once, and sees the rest in figures.
    assert_eq!(far.lines("Warn: source fails"), 1);
    let status = far.status().unwrap();
    assert_eq!((status.failures, status.trouble.as_deref()), (12, Some("no answer")));
    // Once it goes well, all is forgotten.
    let ask = far.only_ask();
    far.accept(&ask, 3_600);
    far.tell(&ask, 1, "active;expires=3600", "back");
    let status = far.status().unwrap();
    assert_eq!((status.failures, status.trouble, far.shown().as_str()), (0, None, "back"));
    assert_eq!(far.lines("Info: source is well again"), 1);
}

/// RFC 3261 20.33: a source may ask for a longer pause.
#[test]
fn rfc3261_20_33_retry_after_is_kept_to() {
    for status in [503, 480, 500] {
        let mut far = Far::new(&single());
        let ask = far.only_ask();
        far.answer(&ask, status, "Retry-After: 1800 (in maintenance);duration=60\n");
        let passed = far.until_asked(2_000).unwrap();
        assert!((1_800..=1_801).contains(&passed), "{status}: {passed}");
    }
}

/// RFC 3261 20.33: so it may with the answer to a refresh, even beyond the end of the subscription, and whatever is missing
/// of what it says.
#[test]
fn rfc3261_20_33_retry_after_a_refresh_is_kept_to() {
    for wait in [200, 7_200] {
        let (mut far, first) = Far::live(&single());
        far.until_asked(3_600).unwrap();
        let refresh = far.only_ask();
        far.answer(&refresh, 503, &format!("Retry-After: {wait}\n"));
        far.pass(10);
        assert_eq!(far.notify(&first, 2, "active;expires=300", "application/pidf-diff+xml", GAP).status, 200);
        let passed = 10 + far.until_asked(8_000).unwrap();
        assert!((wait..=wait + 1).contains(&passed), "{wait}: {passed}");
        assert_eq!(far.only_ask().in_dialog(), wait < 300);
        assert_eq!(far.shown(), if wait < 300 { "one" } else { "" });
        let trouble = far.status().unwrap().trouble;
        assert_eq!(trouble.as_deref(), (wait > 300).then_some("has asked for a pause"));
    }
}

/// EXT-22 (RFC 3680 4.6) and what else would not be helped by asking again: final, told to the operator, and not
/// tried again while the same watchers are there.
#[test]
fn ext_22_some_answers_are_final() {
    for status in [400, 403, 405, 406, 410, 416, 420, 482, 484, 489, 501, 603, 604] {
        let mut far = Far::new(ONE);
        let ask = far.only_ask();
        far.answer(&ask, status, "");
        assert_eq!(far.phase(), "stopped", "{status}");
        assert_eq!(far.lines("Warn: source refuses presentities"), 1, "{status}");
        far.scene.watch("carol");
        assert_eq!(far.until_asked(1_300), None, "{status}");
    }
}

/// A refusal for good is not asked about again before the longest pause, and then only when the source is
/// wanted anew.
#[test]
fn what_is_final_is_tried_again_when_it_is_wanted_anew() {
    let mut far = Far::new(ONE);
    let ask = far.only_ask();
    far.answer(&ask, 403, "");
    far.step(crate::external::backend::stop);
    assert_eq!(far.phase(), "stopped");
    far.step(|step, source| {
        crate::external::backend::start(step, source, "sip:alice@example.com", Lane::New)
    });
    assert_eq!(far.phase(), "pausing");
    let passed = far.until_asked(700).unwrap();
    assert!((600..=601).contains(&passed), "{passed}");

    // With other credentials it may be taken at once.
    let mut far = Far::new(ONE);
    let ask = far.only_ask();
    far.answer(&ask, 403, "");
    far.pass(601);
    far.scene.presence = crate::handler::Presence::configure(&ONE.replace("secret", "better")).unwrap();
    far.step(|step, source| {
        crate::external::backend::start(step, source, "sip:alice@example.com", Lane::New)
    });
    assert_eq!(far.asks().len(), 1);
}

/// RFC 3261 21.4.17: a source may want longer subscriptions; that is remembered.
#[test]
fn rfc3261_21_4_17_a_longer_duration_is_asked_for() {
    let mut far = Far::new(ONE);
    let first = far.only_ask();
    far.answer(&first, 423, "Min-Expires: 7200\n");
    let second = far.only_ask();
    assert_eq!((second.expires(), second.cseq()), (7_200, 2));
    assert_eq!(second.header("Call-ID"), first.header("Call-ID"));
    far.accept(&second, 7_200);
    far.tell(&second, 1, "active;expires=7200", "x");
    far.until_asked(7_200).unwrap();
    assert_eq!(far.only_ask().expires(), 7_200);

    // One that wants no more than it was asked for, or too much, is not asked at once again.
    for lines in ["Min-Expires: 60\n", "", "Min-Expires: 99999999\n"] {
        let mut far = Far::new(ONE);
        let ask = far.only_ask();
        far.answer(&ask, 423, lines);
        assert_eq!((far.asks().len(), far.phase()), (0, "pausing"));
    }
}

/// RFC 6665 4.1.2.4: a subscription that is taken but brings no NOTIFY has failed when Timer N fires.
#[test]
fn rfc6665_4_1_2_4_without_notify_there_is_no_subscription() {
    let mut far = Far::new(&single());
    let ask = far.only_ask();
    far.accept(&ask, 3_600);
    far.pass(31);
    assert_eq!(far.phase(), "subscribing");
    far.pass(2);
    assert_eq!(far.phase(), "pausing");
    assert_eq!(far.tell(&ask, 1, "active", "late"), 481);
}

/// RFC 6665 4.1.2.2: so it is with a refresh; what was said stays until its end.
#[test]
fn rfc6665_4_1_2_2_a_refresh_without_notify_ends_the_subscription() {
    let (mut far, first) = Far::live(&single());
    far.until_asked(3_600).unwrap();
    let refresh = far.only_ask();
    far.accept(&refresh, 3_600);
    far.pass(33);
    let anew = far.only_ask();
    assert!(!anew.in_dialog());
    assert_eq!(far.shown(), "one");
    assert_eq!(far.tell(&first, 2, "active", "late"), 481);
}

/// RFC 5839 6: a 204 says that no NOTIFY follows.
#[test]
fn rfc5839_6_a_204_brings_no_notify() {
    let (mut far, first) = Far::live(&single());
    far.until_asked(3_600).unwrap();
    let refresh = far.only_ask();
    far.answer(&refresh, 204, "Expires: 3600\n");
    far.pass(60);
    assert_eq!((far.phase(), far.asks().len()), ("live", 0));
    assert_eq!(far.tell(&first, 2, "active;expires=3500", "two"), 200);
}

/// EXT-15, RFC 6665 4.1.2.2: while a source is down its subscription and what it said last until the end that was known,
/// not a moment less; it is tried again meanwhile, and what others say stays.
#[test]
fn ext_15_what_a_dead_source_said_ages_out() {
    let (mut far, first) = Far::live(&single());
    let end = far.status().unwrap().shown_until.unwrap();
    assert_eq!(far.scene.publish("", &pidf("open").replace("<note></note>", "")).status, 200);
    let mut tries = 0;
    let mut cseqs = vec![first.cseq()];
    while far.scene.host.time() + 1_000 < end {
        for ask in far.asks() {
            assert!(ask.in_dialog());
            cseqs.push(ask.cseq());
            tries += 1;
            far.fail(&ask, Failure::Timeout);
        }
        assert_eq!((far.shown().as_str(), far.phase()), ("one", "live"));
        far.pass(1);
    }
    assert!(tries >= 3, "{tries}");
    assert!(cseqs.is_sorted_by(|a, b| a < b), "{cseqs:?}");
    far.pass(2);
    assert_eq!(far.shown(), "");
    assert_eq!(far.scene.count(crate::keys::PUBLICATION), 1);
    assert_ne!(far.phase(), "live");
    // It comes back, with what it has to say.
    for late in far.asks().iter().filter(|ask| ask.in_dialog()) {
        far.fail(late, Failure::Timeout);
    }
    far.until_asked(1_200).unwrap();
    let ask = far.only_ask();
    far.accept(&ask, 3_600);
    far.tell(&ask, 1, "active;expires=3600", "back");
    assert!(far.shown() == "back", "{}", far.shown());
}

/// RFC 6665 4.1.2.2: these answers to a refresh end the subscription; 481 says that only the dialog is gone.
#[test]
fn rfc6665_4_1_2_2_some_answers_to_a_refresh_end_the_subscription() {
    for (status, phase) in [
        (481, "subscribing"),
        (404, "pausing"),
        (480, "pausing"),
        (405, "stopped"),
        (410, "stopped"),
        (489, "stopped"),
        (604, "stopped"),
    ] {
        let (mut far, first) = Far::live(&single());
        far.until_asked(3_600).unwrap();
        let refresh = far.only_ask();
        far.answer(&refresh, status, "");
        assert_eq!(far.phase(), phase, "{status}");
        assert_eq!(far.shown(), if phase == "stopped" { "" } else { "one" }, "{status}");
        assert_eq!(far.tell(&first, 2, "active", "late"), 481);
        if phase == "subscribing" {
            let anew = far.only_ask();
            assert_ne!(anew.header("Call-ID"), first.header("Call-ID"));
        }
    }
}

/// RFC 6665 4.1.2.2, EXT-22: after any other answer it goes on to its end. A refusal is final then.
#[test]
fn a_refused_refresh_lets_the_subscription_end() {
    let (mut far, first) = Far::live(&single());
    far.until_asked(3_600).unwrap();
    let refresh = far.only_ask();
    far.answer(&refresh, 403, "");
    assert_eq!((far.phase(), far.shown().as_str()), ("live", "one"));
    assert_eq!(far.tell(&first, 2, "active", "two"), 200);
    let passed = far.until_asked(3_600).unwrap();
    assert!(passed >= 300, "{passed}");
    let anew = far.only_ask();
    assert!(!anew.in_dialog());
    far.answer(&anew, 403, "");
    assert_eq!((far.phase(), far.asks().len(), far.shown().as_str()), ("stopped", 0, ""));
}

/// EXT-22: a source that refuses to refresh is not asked for what is missing either, however often something is.
#[test]
fn ext_22_a_refused_refresh_is_not_tried_again_for_full_state() {
    let (mut far, first) = Far::live(&single());
    far.until_asked(3_600).unwrap();
    let refresh = far.only_ask();
    far.answer(&refresh, 403, "");
    for number in 2..7 {
        far.pass(10);
        let answer = far.notify(&first, number, "active;expires=300", "application/pidf-diff+xml", GAP);
        assert_eq!((answer.status, far.asks().len()), (200, 0));
    }
}

/// RFC 3261 21.4.17 in a dialog.
#[test]
fn a_refresh_may_have_to_be_longer_too() {
    let (mut far, _) = Far::live(&single());
    far.until_asked(3_600).unwrap();
    let refresh = far.only_ask();
    far.answer(&refresh, 423, "Min-Expires: 4000\n");
    let second = far.only_ask();
    assert_eq!((second.expires(), second.cseq()), (4_000, refresh.cseq() + 1));
}

/// A source that grants next to nothing is not asked without pause.
#[test]
fn a_source_that_grants_seconds_is_not_asked_without_pause() {
    let mut far = Far::new(&single());
    let mut asked = 0;
    for _ in 0..600 {
        for ask in far.asks() {
            asked += 1;
            far.accept(&ask, 1);
            far.tell(&ask, asked, "active;expires=1", "x");
        }
        far.pass(1);
    }
    assert!(asked <= 100, "{asked}");
}
