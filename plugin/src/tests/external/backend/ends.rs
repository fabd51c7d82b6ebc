//! A source that ends a subscription, and NOTIFYs that are none of it.

use super::failures::single;
use super::{Far, ONE, THERE};
use crate::external::backend;
use crate::external::pacing::Lane;
use crate::external::source::Network;
use crate::handler::Failure;
use crate::tests::scene::ALICE;

/// EXT-14: what comes after each reason.
#[test]
fn ext_14_each_reason_has_its_own_consequence() {
    for (state, phase, shown) in [
        ("terminated;reason=deactivated", "subscribing", "one"),
        ("terminated;reason=timeout", "subscribing", "one"),
        ("terminated", "subscribing", "one"),
        ("terminated;reason=unheard-of", "subscribing", "one"),
        ("terminated;reason=unheard-of;retry-after=40", "pausing", "one"),
        ("terminated;reason=probation", "pausing", "one"),
        ("terminated;reason=giveup;retry-after=40", "pausing", "one"),
        ("terminated;reason=rejected", "stopped", ""),
        ("terminated;reason=noresource", "stopped", ""),
        ("terminated;reason=invariant;retry-after=1", "stopped", ""),
    ] {
        let (mut far, ask) = Far::live(&single());
        assert_eq!(far.tell(&ask, 2, state, ""), 200, "{state}");
        assert_eq!((far.phase(), far.shown().as_str()), (phase, shown), "{state}");
        match phase {
            "subscribing" => {
                let anew = far.only_ask();
                assert!(!anew.in_dialog() && anew.header("Call-ID") != ask.header("Call-ID"));
            }
            "pausing" => {
                let passed = far.until_asked(100).unwrap();
                if state.contains("retry-after") {
                    assert!((40..=41).contains(&passed), "{state}: {passed}");
                } else {
                    assert!((5..=16).contains(&passed), "{state}: {passed}");
                }
            }
            _ => {
                far.scene.watch("carol");
                assert_eq!(far.until_asked(1_300), None, "{state}");
            }
        }
        assert_eq!(far.tell(&ask, 3, "active", "late"), 481, "{state}");
    }
}

/// EXT-14: a pause that a source has asked for holds also if everybody leaves and comes back meanwhile, whom it shows
/// nothing in between. One that our failures have made necessary is of no use to those who come later.
#[test]
fn ext_14_a_pause_outlives_the_watchers() {
    for (state, pause) in [("probation;retry-after=1800", 1_800), ("giveup;retry-after=60", 60)] {
        let (mut far, ask) = Far::live(&single());
        assert_eq!(far.tell(&ask, 2, &format!("terminated;reason={state}"), ""), 200);
        far.step(backend::stop);
        assert_eq!((far.phase(), far.shown().as_str()), ("stopped", ""));
        far.pass(10);
        far.step(|step, source| backend::start(step, source, ALICE, Lane::New));
        let passed = 10 + far.until_asked(2_000).unwrap();
        assert!((pause..=pause + 1).contains(&passed), "{state}: {passed}");
        // It is forgotten when it is over.
        let (mut far, ask) = Far::live(&single());
        assert_eq!(far.tell(&ask, 2, &format!("terminated;reason={state}"), ""), 200);
        far.step(backend::stop);
        far.pass(pause);
        assert_eq!(far.phase(), "none");
    }
    let mut far = Far::new(&single());
    let ask = far.only_ask();
    far.fail(&ask, Failure::Timeout);
    far.step(backend::stop);
    assert_eq!(far.phase(), "none");
}

/// EXT-14: what a source says with its last NOTIFY counts, unless the source has nothing more to say.
#[test]
fn ext_14_a_last_notify_may_have_a_body() {
    let (mut far, ask) = Far::live(&single());
    assert_eq!(far.tell(&ask, 2, "terminated;reason=deactivated", "last"), 200);
    assert_eq!(far.shown(), "last");
    let (mut far, ask) = Far::live(&single());
    assert_eq!(far.tell(&ask, 2, "terminated;reason=noresource", "last"), 200);
    assert_eq!(far.shown(), "");
    // A body that cannot be taken does not keep the subscription.
    let (mut far, ask) = Far::live(&single());
    let answer = far.notify(&ask, 2, "terminated;reason=probation", "text/plain", "x");
    assert_eq!((answer.status, far.phase()), (200, "pausing"));
}

/// EXT-14: the first NOTIFY may be the last.
#[test]
fn ext_14_a_subscription_may_end_before_it_began() {
    for (reason, phase) in [("rejected", "stopped"), ("giveup", "pausing"), ("timeout", "subscribing")] {
        let mut far = Far::new(&single());
        let ask = far.only_ask();
        far.accept(&ask, 3_600);
        assert_eq!(far.tell(&ask, 1, &format!("terminated;reason={reason}"), "x"), 200);
        assert_eq!((far.phase(), far.shown().as_str()), (phase, ""), "{reason}");
    }
}

/// EXT-14: at once, but not again and again.
#[test]
fn ext_14_a_source_that_ends_each_subscription_meets_pauses() {
    for early in [true, false] {
        let mut far = Far::new(&single());
        let mut asked = 0;
        for _ in 0..900 {
            for ask in far.asks() {
                asked += 1;
                far.accept(&ask, 3_600);
                if !early {
                    far.tell(&ask, 1, "active;expires=3600", "x");
                }
                far.tell(&ask, 2, "terminated;reason=deactivated", "");
            }
            far.pass(1);
        }
        assert!((3..=60).contains(&asked), "{asked}");
    }
    // After a long life it may move again.
    let (mut far, ask) = Far::live(&single());
    far.pass(700);
    far.tell(&ask, 2, "terminated;reason=deactivated", "");
    assert_eq!(far.asks().len(), 1);
}

/// EXT-16 (RFC 6665 4.1.3): 481 for what is in no dialog of ours.
#[test]
fn ext_16_a_notify_out_of_dialog_is_refused() {
    let (mut far, ask) = Far::live(&single());
    let lines = "Subscription-State: active;expires=3600\nEvent: presence\n";
    let mut strange = ask.clone();
    strange.headers = ask.headers.replace(ask.header("Call-ID"), "00000000000000000000");
    assert_eq!(far.notify_with(&strange, "far", 2, lines, THERE, "", "").status, 481);
    strange.headers = ask.headers.replace(ask.tag(), "000000000000");
    assert_eq!(far.notify_with(&strange, "far", 2, lines, THERE, "", "").status, 481);
    let with_id = lines.replace("presence", "presence;id=1");
    assert_eq!(far.notify_with(&ask, "far", 2, &with_id, THERE, "", "").status, 481);
    // Nobody is there, no such source.
    strange = ask.clone();
    let user = ask.sent.request.contact.clone().unwrap();
    strange.sent.request.contact = Some(user.replace("alice", "nobody"));
    assert_eq!(far.notify_with(&strange, "far", 2, lines, THERE, "", "").status, 481);
    strange.sent.request.contact = Some(user.replace("alice%40example.com", "alice%40example.org"));
    assert_eq!(far.notify_with(&strange, "far", 2, lines, THERE, "", "").status, 481);
    strange.sent.request.contact = Some(format!("0000000000000000{}", &user[16..]));
    assert_eq!(far.notify_with(&strange, "far", 2, lines, THERE, "", "").status, 481);
    assert_eq!((far.phase(), far.shown().as_str()), ("live", "one"));
}

/// EXT-16: 403 for what does not come from the source, though it is in the dialog.
#[test]
fn ext_16_a_notify_of_somebody_else_is_refused() {
    let lines = "Subscription-State: active;expires=3600\nEvent: presence\n";
    let try_from = |far: &mut Far, ask: &super::Ask, from: &str| {
        let body = super::document("forged");
        far.notify_with(ask, "far", 2, lines, from, "application/pidf+xml", &body).status
    };
    for from in ["192.0.2.66:5060", "[2001:db8::66]:5060", "", "nonsense"] {
        let (mut far, ask) = Far::live(&single());
        assert_eq!(try_from(&mut far, &ask, from), 403, "{from}");
        assert_eq!((far.phase(), far.shown().as_str()), ("live", "one"));
        // The true one is not hurt, not even by its number.
        assert_eq!(far.tell(&ask, 2, "active;expires=3600", "two"), 200);
    }
    // Where the operator has named peers, they count alone.
    let named = single().replace("\"credentials\"", "\"peers\":[\"203.0.113.0/24\"],\"credentials\"");
    let mut far = Far::new(&named);
    let ask = far.only_ask();
    assert_eq!(
        far.scene.presence.configuration().external[0].peers,
        [Network::parse("203.0.113.0/24").unwrap()]
    );
    far.accept(&ask, 3_600);
    assert_eq!(try_from(&mut far, &ask, "203.0.113.9:7777"), 200);
    assert_eq!(try_from(&mut far, &ask, THERE), 403);
}

/// RFC 3261 12.2.2: a NOTIFY that was overtaken by another is not taken. One with the same number is: it is
/// the same one, sent once more after a restart.
#[test]
fn rfc3261_12_2_2_a_notify_that_was_overtaken_is_refused() {
    let (mut far, ask) = Far::live(&single());
    assert_eq!(far.tell(&ask, 5, "active;expires=3600", "five"), 200);
    assert_eq!(far.tell(&ask, 4, "active;expires=3600", "four"), 500);
    assert_eq!(far.shown(), "five");
    assert_eq!(far.tell(&ask, 5, "active;expires=3600", "five"), 200);
}

/// RFC 6665 4.1.3: what a NOTIFY has to have.
#[test]
fn rfc6665_4_1_3_a_notify_that_lacks_something_is_refused() {
    for (lines, status) in [
        ("Event: presence\n", 400),
        ("Event: presence\nSubscription-State: ;\n", 400),
        ("Subscription-State: active\n", 489),
        ("Subscription-State: active\nEvent: dialog\n", 489),
        ("Subscription-State: active\nEvent: a, b\n", 400),
        ("Subscription-State: active\nEvent: presence\nRequire: gruu\n", 420),
        ("Subscription-State: active\nEvent: presence\nContact: <sip:a>, <sip:b>\n", 400),
    ] {
        let (mut far, ask) = Far::live(&single());
        assert_eq!(far.notify_with(&ask, "far", 2, lines, THERE, "", "").status, status, "{lines}");
        assert_eq!((far.phase(), far.shown().as_str()), ("live", "one"));
    }
}

/// A body that cannot be taken is refused, and the subscription goes on (RFC 6665 4.2.2).
#[test]
fn a_body_that_cannot_be_taken_is_refused() {
    let (mut far, ask) = Far::live(&single());
    let answer = far.notify(&ask, 2, "active;expires=3600", "text/plain", "x");
    assert_eq!(answer.status, 415);
    assert_eq!(answer.header("Accept"), Some("application/pidf+xml, application/pidf-diff+xml"));
    assert_eq!(far.notify(&ask, 3, "active;expires=3600", "application/pidf+xml", "x").status, 400);
    assert_eq!(far.notify(&ask, 4, "active;expires=3600", "application/pidf+xml", "<x/>").status, 400);
    let lines = "Subscription-State: active\nEvent: presence\nContent-Encoding: gzip\n";
    let answer = far.notify_with(&ask, "far", 5, lines, THERE, "application/pidf+xml", "x");
    assert_eq!((answer.status, answer.header("Accept-Encoding")), (415, Some("identity")));
    let lines =
        "Subscription-State: active\nEvent: presence\nContent-Disposition: render;handling=optional\n";
    assert_eq!(far.notify_with(&ask, "far", 6, lines, THERE, "text/plain", "x").status, 200);
    assert_eq!((far.phase(), far.shown().as_str()), ("live", "one"));
    assert_eq!(far.tell(&ask, 7, "active;expires=3600", "two"), 200);
    assert_eq!(far.shown(), "two");
}

/// EXT-03, RFC 5263 4.5: what is missed is asked for in the dialog, soon but not without pause.
#[test]
fn ext_03_full_state_is_asked_for_by_a_refresh() {
    let (mut far, ask) = Far::live(&single());
    far.pass(60);
    let gap = "<d:pidf-diff xmlns='urn:ietf:params:xml:ns:pidf' xmlns:d='urn:ietf:params:xml:ns:pidf-diff' \
        entity='sip:a@b.example' version='9'><d:remove sel='*/tuple'/></d:pidf-diff>";
    let media = "application/pidf-diff+xml";
    assert_eq!(far.notify(&ask, 2, "active;expires=3500", media, gap).status, 200);
    let refresh = far.only_ask();
    assert!(refresh.in_dialog());
    assert_eq!(refresh.expires(), 3_600);
    far.accept(&refresh, 3_600);
    assert_eq!(far.notify(&ask, 3, "active;expires=3600", media, gap).status, 200);
    assert!(far.asks().is_empty());
    let passed = far.until_asked(10).unwrap();
    assert!((5..=6).contains(&passed), "{passed}");
    assert_eq!(far.shown(), "one");
}

/// NOTIFYs that do not come by a Contact of ours are not ours.
#[test]
fn a_notify_for_somebody_else_is_passed() {
    let mut far = Far::new(ONE);
    for uri in ["sip:bob@example.com", "sip:192.0.2.9", "tel:+1", "sip:0123456789abcdef@example.com"] {
        let text = format!(
            "NOTIFY {uri} SIP/2.0\nFrom: <sip:a@b>;tag=a\nTo: <sip:c@d>;tag=b\nCall-ID: e\nCSeq: 1 NOTIFY\n\
             Event: presence\nSubscription-State: active\n\n"
        );
        assert!(far.scene.request(&text).is_none(), "{uri}");
    }
}
