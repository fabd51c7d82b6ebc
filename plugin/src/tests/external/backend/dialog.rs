//! A subscription that goes well.

use super::{Far, ONE, THERE};
use crate::external::backend;
use crate::external::pacing::Lane;
use crate::keys;
use crate::tests::scene::ALICE;

/// EXT-18, WPS-11: the server asks as itself, and nothing of the watcher goes out. EXT-01 and RFC 3680 4.1 for
/// what it asks for.
#[test]
fn ext_18_a_source_is_asked_by_the_super_user() {
    let far = Far::new(ONE);
    let ask = far.only_ask();
    assert_eq!(ask.sent.request.uri, ALICE);
    assert_eq!(ask.header("Route"), "<sip:192.0.2.20;lr>");
    assert_eq!(ask.header("To"), format!("<{ALICE}>"));
    assert!(ask.header("From").starts_with("<sip:presence@example.com>;tag="));
    assert_eq!(ask.header("P-Asserted-Identity"), "<sip:presence@example.com>");
    assert_eq!((ask.header("Event"), ask.cseq(), ask.expires()), ("presence", 1, 3_600));
    assert_eq!(ask.header("Accept"), "application/pidf+xml, application/pidf-diff+xml");
    assert!(!ask.has("Authorization"));
    assert!(!ask.headers.contains("bob"), "{}", ask.headers);
}

/// EXT-01, EXT-02 (RFC 3680 4.1, 4.4): the package of a registrar and its duration.
#[test]
fn ext_02_a_registrar_is_asked_for_registrations() {
    let far = Far::new(&ONE.replace("community", "registrar"));
    let ask = far.only_ask();
    assert_eq!((ask.header("Event"), ask.expires()), ("reg", 3_761));
    assert!(ask.header("Accept").contains("application/reginfo+xml"));
}

/// EXT-20: one subscription, whoever watches.
#[test]
fn ext_20_all_watchers_share_one_subscription() {
    let (mut far, _) = Far::live(ONE);
    far.scene.watch("carol");
    far.settle();
    assert!(far.asks().is_empty());
    assert_eq!((far.shown().as_str(), far.phase()), ("one", "live"));
}

/// RFC 6665 4.1.2.4: a NOTIFY that overtakes the response makes the dialog; the response adds what it grants.
#[test]
fn rfc6665_4_1_2_4_a_notify_may_come_before_the_response() {
    let mut far = Far::new(ONE);
    let ask = far.only_ask();
    assert_eq!(far.tell(&ask, 1, "active", "early"), 200);
    assert_eq!((far.shown().as_str(), far.phase()), ("early", "live"));
    let now = far.scene.host.time();
    assert_eq!(far.status().unwrap().expires, Some(now + 3_600_000));
    far.accept(&ask, 600);
    let status = far.status().unwrap();
    assert_eq!(status.expires, Some(now + 600_000));
    assert_eq!(status.shown_until, Some(now + 600_000));
    let refresh = far.until_asked(600).unwrap();
    assert!((300..=540).contains(&refresh), "{refresh}");
}

/// RFC 6665 4.4.1: a forked SUBSCRIBE makes dialogs at several places; one of them is enough.
#[test]
fn rfc6665_4_4_1_of_a_forked_subscribe_one_dialog_is_taken() {
    let (mut far, ask) = Far::live(ONE);
    let lines = "Subscription-State: active;expires=3600\nEvent: presence\n";
    let other = far.notify_with(&ask, "other", 1, lines, THERE, "", "");
    assert_eq!(other.status, 481);
    assert_eq!(far.tell(&ask, 2, "active;expires=3600", "two"), 200);
    assert_eq!(far.shown(), "two");
}

/// EXT-02, RFC 3261 12.2.1.1, RFC 6665 4.4.1: the refresh goes along the route set of the NOTIFY to its Contact, with
/// the next number, at some time between half and nine tenths of what was granted.
#[test]
fn ext_02_a_subscription_is_refreshed_in_its_dialog() {
    let mut far = Far::new(ONE);
    let first = far.only_ask();
    far.answer(&first, 202, "Expires: 1000\nContact: <sip:wrong@192.0.2.20>\nRecord-Route: <sip:wrong;lr>\n");
    let lines = "Subscription-State: active;expires=1000\nEvent: presence\n\
        Record-Route: <sip:p1;lr>, <sip:p2;lr>\n";
    assert_eq!(far.notify_with(&first, "far", 7, lines, THERE, "", "").status, 200);
    let passed = far.until_asked(1_000).unwrap();
    assert!((499..=901).contains(&passed), "{passed}");
    let ask = far.only_ask();
    assert_eq!(ask.sent.request.uri, "sip:far@192.0.2.20;transport=tcp");
    assert_eq!(ask.header("Route"), "<sip:p1;lr>, <sip:p2;lr>");
    assert_eq!(ask.header("To"), format!("<{ALICE}>;tag=far"));
    assert_eq!(ask.header("Call-ID"), first.header("Call-ID"));
    assert_eq!((ask.header("From"), ask.cseq()), (first.header("From"), 2));
    assert_eq!(ask.sent.request.contact, first.sent.request.contact);
    assert_eq!(ask.header("P-Asserted-Identity"), "<sip:presence@example.com>");
    // RFC 3261 12.2.1.2: the response may name another Contact.
    far.answer(&ask, 200, "Expires: 1000\nContact: <sip:near@192.0.2.20>\n");
    assert_eq!(far.tell(&first, 8, "active;expires=1000", "two"), 200);
    far.until_asked(1_000).unwrap();
    let third = far.only_ask();
    assert_eq!((third.cseq(), third.sent.request.uri.as_str()), (3, "sip:far@192.0.2.20;transport=tcp"));
}

/// Subscriptions that began together do not stay together.
#[test]
fn refreshes_are_spread() {
    let mut times = std::collections::BTreeSet::new();
    for seed in 0..8 {
        let mut far = Far::on(crate::tests::scene::Scene::new(ONE));
        for _ in 0..seed {
            far.scene.host.draw();
        }
        far.scene.watch("bob");
        far.settle();
        let ask = far.only_ask();
        far.accept(&ask, 3_600);
        far.tell(&ask, 1, "active;expires=3600", "");
        times.insert(far.status().unwrap().next_try);
    }
    assert!(times.len() >= 7, "{times:?}");
}

/// EXT-15: what a source says lasts as long as the subscription is known to last, a refresh makes both longer.
#[test]
fn ext_15_a_refresh_extends_what_is_shown() {
    let (mut far, first) = Far::live(ONE);
    far.until_asked(3_600).unwrap();
    let ask = far.only_ask();
    far.accept(&ask, 3_600);
    assert_eq!(far.tell(&first, 2, "active;expires=3600", ""), 200);
    let status = far.status().unwrap();
    assert_eq!(status.expires, Some(far.scene.host.time() + 3_600_000));
    assert_eq!(status.shown_until, status.expires);
    assert_eq!(far.shown(), "one");
}

/// RFC 6665 4.1.3: the time left that a NOTIFY tells counts, if it is less.
#[test]
fn rfc6665_4_1_3_a_notify_may_shorten_the_subscription() {
    let (mut far, ask) = Far::live(ONE);
    assert_eq!(far.tell(&ask, 2, "active;expires=100", ""), 200);
    let now = far.scene.host.time();
    let status = far.status().unwrap();
    assert_eq!((status.expires, status.shown_until), (Some(now + 100_000), Some(now + 100_000)));
    let passed = far.until_asked(100).unwrap();
    assert!((49..=91).contains(&passed), "{passed}");
    assert_eq!((far.shown().as_str(), far.status().unwrap().shown_until), ("one", status.shown_until));
    // It says 0, but it was asked for an hour: neither is taken at its word for more than that.
    far.tell(&ask, 3, "active;expires=4294967295", "");
    let status = far.status().unwrap();
    assert_eq!(status.expires, Some(far.scene.host.time() + 3_600_000));
}

/// RFC 6665 4.1.2.1: a 2xx without Expires grants what was asked for, and never grants more.
#[test]
fn a_2xx_grants_no_more_than_was_asked_for() {
    for lines in ["", "Expires: 99999999\n"] {
        let mut far = Far::new(ONE);
        let ask = far.only_ask();
        far.answer(&ask, 200, lines);
        assert_eq!(far.tell(&ask, 1, "active", "x"), 200);
        assert_eq!(far.status().unwrap().expires, Some(far.scene.host.time() + 3_600_000));
    }
}

/// RFC 6665 4.1.2.4: while nobody has said anything there is nothing; `pending` says nothing either.
#[test]
fn rfc6665_4_1_2_4_pending_shows_nothing() {
    let mut far = Far::new(ONE);
    let ask = far.only_ask();
    far.accept(&ask, 3_600);
    assert_eq!(far.shown(), "");
    assert_eq!(far.tell(&ask, 1, "pending;expires=3600", ""), 200);
    assert_eq!((far.shown().as_str(), far.phase()), ("", "live"));
    assert_eq!(far.tell(&ask, 2, "active;expires=3600", "two"), 200);
    assert_eq!(far.tell(&ask, 3, "active;expires=3600", ""), 200);
    assert_eq!(far.shown(), "two");
}

/// EXT-20: when nothing wants it any more, what the source contributed goes at once, the source is told, and its
/// last NOTIFY is answered.
#[test]
fn ext_20_a_subscription_ends_in_its_dialog() {
    let (mut far, ask) = Far::live(ONE);
    far.step(backend::stop);
    assert_eq!(far.shown(), "");
    let end = far.only_ask();
    assert_eq!((end.expires(), end.cseq(), end.in_dialog()), (0, 2, true));
    assert_eq!(far.phase(), "ending");
    far.answer(&end, 200, "Expires: 0\n");
    assert_eq!(far.tell(&ask, 2, "active;expires=10", "late"), 200);
    assert_eq!(far.tell(&ask, 3, "terminated;reason=timeout", "late"), 200);
    assert_eq!((far.shown().as_str(), far.phase()), ("", "none"));
    assert_eq!(far.tell(&ask, 4, "active;expires=10", "late"), 481);
    assert!(far.scene.host.records(ALICE, &[keys::REPORTED]).is_empty());
}

/// The last NOTIFY may never come, and the SUBSCRIBE may fail.
#[test]
fn an_end_that_is_not_answered_ends_all_the_same() {
    let (mut far, _) = Far::live(ONE);
    far.step(backend::stop);
    let end = far.only_ask();
    far.answer(&end, 200, "Expires: 0\n");
    far.pass(33);
    assert_eq!((far.asks().len(), far.scene.host.records(ALICE, &[keys::BACKEND]).len()), (0, 0));

    let (mut far, _) = Far::live(ONE);
    far.step(backend::stop);
    let end = far.only_ask();
    far.answer(&end, 481, "");
    assert!(far.asks().is_empty());
    assert_eq!(far.phase(), "none");
}

/// A subscription that nothing wants any more before it began is ended by the answer to its NOTIFY.
#[test]
fn a_subscription_is_given_up_before_it_began() {
    let mut far = Far::new(ONE);
    let ask = far.only_ask();
    far.step(backend::stop);
    assert_eq!(far.phase(), "none");
    far.accept(&ask, 3_600);
    assert_eq!(far.tell(&ask, 1, "active", "late"), 481);
    assert_eq!(far.shown(), "");
}

/// Another identity over there now: the old subscription ends, a new one begins, and what was said of the old
/// identity is not shown any more.
#[test]
fn another_resource_is_subscribed_to_anew() {
    let (mut far, first) = Far::live(ONE);
    far.step(|step, source| backend::start(step, source, "sip:al@partner.example", Lane::New));
    assert_eq!(far.shown(), "");
    let asks = far.asks();
    assert_eq!((asks[0].expires(), asks[0].header("Call-ID")), (0, first.header("Call-ID")));
    assert_eq!(far.tell(&first, 2, "terminated;reason=timeout", "late"), 481);
    assert_eq!(far.shown(), "");
}

/// What was asked of a source that is not configured any more is forgotten.
#[test]
fn a_source_that_is_gone_is_forgotten() {
    let (mut far, ask) = Far::live(ONE);
    let without = ONE.replace("\"east\"", "\"west\"");
    far.scene.presence = crate::handler::Presence::configure(&without).unwrap();
    assert_eq!(far.tell(&ask, 2, "active;expires=3600", "late"), 481);
    far.scene.pass(3_600_000);
    let id = super::source().id;
    for kind in [keys::BACKEND, keys::CONTRIBUTION, keys::REPORTED] {
        assert!(far.scene.host.records(ALICE, &id.key(kind)).is_empty());
    }
    assert_eq!(far.shown(), "");
}

/// Room for 100,000 of them, and what it costs to hear the same again: the record of the dialog is written, no timer set.
#[test]
fn a_subscription_takes_little_room_and_a_notify_little_work() {
    let (mut far, ask) = Far::live(ONE);
    let size = far.record().len();
    assert!(size <= 140, "{size} bytes");
    far.pass(10);
    assert_eq!(far.tell(&ask, 2, "active;expires=3590", "one"), 200);
    let cost = far.cost;
    assert_eq!((cost.durable_writes, cost.relaxed_writes, cost.timers, cost.sends), (1, 0, 0, 0));
    assert!(cost.storage_calls <= 6, "{cost:?}");
}

/// RFC 3261 21.4.20: a SUBSCRIBE of our own that comes back is told so; for its source that is final.
#[test]
fn rfc3261_21_4_20_our_own_subscribe_is_not_served() {
    let mut far = Far::new(ONE);
    let ask = far.only_ask();
    let contact = ask.sent.request.contact.clone().unwrap();
    let text = format!(
        "SUBSCRIBE {ALICE} SIP/2.0\n{}Contact: <sip:{contact}@192.0.2.9>\n\n",
        ask.headers.replace("\r\n", "\n")
    );
    let answer = far.scene.request(&text).unwrap();
    assert_eq!(answer.status, 482);
    far.answer(&ask, answer.status, "");
    assert_eq!(far.phase(), "stopped");
    assert_eq!(far.lines("Warn: source refuses presentities source=east presentity=sip:alice@example.com why=482: the SUBSCRIBE has come round in a circle"), 1);
}

/// The whole way of a registrar: reginfo comes in, and is shown.
#[test]
fn wps_07_a_registration_is_shown() {
    let mut far = Far::new(&ONE.replace("community", "registrar"));
    let ask = far.only_ask();
    far.accept(&ask, 3_761);
    let body = format!(
        "<?xml version='1.0'?><reginfo xmlns='urn:ietf:params:xml:ns:reginfo' version='0' state='full'>\
         <registration aor='{ALICE}' id='r' state='active'>\
         <contact id='c' state='active' event='registered'><uri>sip:alice@192.0.2.77</uri></contact>\
         </registration></reginfo>"
    );
    let lines = "Subscription-State: active;expires=3761\nEvent: reg\n";
    let answer = far.notify_with(&ask, "far", 1, lines, THERE, "application/reginfo+xml", &body);
    assert_eq!(answer.status, 200);
    let status = far.status().unwrap();
    assert_eq!((status.phase, status.shown_until), ("live", status.expires));
    // The next body is read with what was kept of this one (EXT-03): its number is not higher.
    let answer = far.notify_with(&ask, "far", 2, lines, THERE, "application/reginfo+xml", &body);
    assert_eq!((answer.status, far.asks().len()), (200, 0));
}
