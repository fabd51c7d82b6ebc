//! When a source is wanted.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::register::{SCSCF, register, third_party};
use super::stage::{SOURCES, accept, contribute, source, subscribes, tuple};
use crate::external::demand;
use crate::handler::Presence;
use crate::keys;
use crate::sip::message::Peer;
use crate::step::Step;
use crate::tests::moving::{CAROL, DESK, Phone};
use crate::tests::scene::{ALICE, Scene};

pub const MINUTE: u64 = 60_000;
pub const TRUSTED: Peer<'_> = Peer { address: "192.0.2.10:5060", trusted: true };

/// True if there is a subscription for somebody at a source, or one is on its way.
pub fn covered(scene: &Scene, presentity: &str, name: &str) -> bool {
    !scene.host.records(presentity, &source(scene, name).key(keys::BACKEND)).is_empty()
}

/// Sources that are subscribed to for alice.
pub fn asked(scene: &Scene) -> Vec<String> {
    let all = scene.presence.configuration().external.iter();
    all.map(|source| source.name.clone()).filter(|name| covered(scene, ALICE, name)).collect()
}

fn wanted(scene: &mut Scene, name: &str) -> Option<String> {
    let source = source(scene, name).clone();
    let configuration = scene.presence.configuration().clone();
    scene.host.begin(Some(ALICE));
    let wanted = demand::wanted(&mut Step::new(&mut scene.host, &configuration, ALICE), &source);
    assert!(scene.host.is_untouched());
    scene.host.abort();
    wanted
}

/// Ends a subscription of alice's and answers its last NOTIFY.
pub fn leave(scene: &mut Scene, watcher: &str, tag: &str, cseq: u32) {
    assert_eq!(scene.resubscribe(watcher, tag, cseq, "Expires: 0\n").status, 200);
    scene.answer_all();
    scene.settle();
}

/// The grace time has begun just now: all sources are subscribed to until it ends, and none from then on.
#[track_caller]
fn all_go_in_a_minute(scene: &mut Scene) {
    scene.pass(MINUTE - 1);
    assert_eq!(asked(scene).len(), 3);
    scene.pass(1);
    assert_eq!(asked(scene), Vec::<String>::new());
}

/// The sources with another rule for everybody.
fn with_rule(rule: &str) -> String {
    SOURCES.replace(r#""default":"allow""#, &format!(r#""default":"{rule}""#))
}

fn reconfigure(scene: &mut Scene, configuration: &str) {
    scene.presence = Presence::configure(configuration).unwrap();
}

/// EXT-20: the first watcher starts the subscription at each source, the others share it; it ends a grace time after the
/// last, unless somebody comes meanwhile.
#[test]
fn ext_20_from_the_first_watcher_to_a_grace_time_after_the_last() {
    let mut scene = Scene::new(SOURCES);
    let bob = scene.watch("bob");
    assert_eq!(asked(&scene), ["scscf", "east", "west"]);
    let before = scene.host.records(ALICE, &[keys::BACKEND]);
    let carol = scene.watch("carol");
    assert_eq!(scene.host.records(ALICE, &[keys::BACKEND]), before, "the second watcher changed something");
    scene.settle();
    assert_eq!(subscribes(&scene).len(), 3, "one for each source");
    leave(&mut scene, "bob", &bob, 2);
    scene.pass(5 * MINUTE);
    assert_eq!(asked(&scene).len(), 3);

    leave(&mut scene, "carol", &carol, 2);
    scene.pass(MINUTE - 1);
    assert_eq!(asked(&scene).len(), 3, "the grace time goes on");
    let dave = scene.watch("dave");
    scene.pass(10 * MINUTE);
    assert_eq!(asked(&scene).len(), 3, "the grace time was called off");

    leave(&mut scene, "dave", &dave, 2);
    scene.pass(MINUTE);
    assert_eq!(asked(&scene), Vec::<String>::new());
    scene.answer_all();
    scene.pass(10 * MINUTE);
    assert_eq!(scene.host.records(ALICE, &[keys::DEMAND]), []);
    assert_eq!(scene.host.timer_count(ALICE), 0);
}

/// A watcher who is not refreshed is no watcher any more; the grace time begins when it ends.
#[test]
fn ext_20_a_watcher_that_expires_is_the_last_one_too() {
    let mut scene = Scene::new(SOURCES);
    scene.subscribe("bob", "Expires: 600\n");
    scene.answer_all();
    scene.pass(10 * MINUTE);
    all_go_in_a_minute(&mut scene);
}

/// A crash may take back that the grace time has begun, though not that the last watcher has gone: it begins anew, and
/// nothing is kept for its own sake until the next refresh an hour later.
#[test]
fn ext_20_a_grace_time_that_a_crash_took_back_begins_anew() {
    let mut scene = Scene::new(SOURCES);
    let bob = scene.watch("bob");
    scene.settle();
    assert_eq!(accept(&mut scene), 3);
    scene.host.flush();
    leave(&mut scene, "bob", &bob, 2);
    scene.pass(MINUTE / 2);
    scene.crash(|_| false);
    scene.answer_all();
    all_go_in_a_minute(&mut scene);
}

/// Who is not shown the document is no reason to ask for it.
#[test]
fn ext_20_watchers_who_see_nothing_start_nothing() {
    for rule in ["confirm", "polite-block", "block"] {
        let mut scene = Scene::new(&with_rule(rule));
        scene.subscribe("bob", "");
        scene.subscribe("carol", "Expires: 0\n");
        scene.answer_all();
        scene.pass(MINUTE);
        assert_eq!(asked(&scene), Vec::<String>::new(), "{rule}");
        assert_eq!(wanted(&mut scene, "scscf"), None);
    }
    let mut scene = Scene::new(SOURCES);
    scene.subscribe("alice", "Event: presence.winfo\n");
    scene.pass(MINUTE);
    assert_eq!(asked(&scene), Vec::<String>::new());
}

/// The rules may change: who is shown the document from now on counts from now on, who is not counts no longer.
#[test]
fn ext_20_another_decision_on_a_watcher_counts_with_its_next_subscribe() {
    let mut scene = Scene::new(&with_rule("confirm"));
    let bob = scene.watch("bob");
    reconfigure(&mut scene, SOURCES);
    assert_eq!(scene.resubscribe("bob", &bob, 2, "").status, 200);
    scene.answer_all();
    assert_eq!(asked(&scene).len(), 3);
    reconfigure(&mut scene, &with_rule("polite-block"));
    assert_eq!(scene.resubscribe("bob", &bob, 3, "").status, 200);
    scene.answer_all();
    all_go_in_a_minute(&mut scene);
}

/// A source that is configured later is asked with the next refresh of a watcher.
#[test]
fn wps_14_a_new_source_is_asked_with_the_next_subscribe() {
    let mut scene = Scene::new(&SOURCES.replace(r#""name":"west","#, r#""name":"west","enabled":false,"#));
    let bob = scene.watch("bob");
    assert_eq!(asked(&scene), ["scscf", "east"]);
    reconfigure(&mut scene, SOURCES);
    scene.resubscribe("bob", &bob, 2, "");
    assert_eq!(asked(&scene), ["scscf", "east", "west"]);
}

/// A fetch is answered from what is there; for the next one the source is asked, for a grace time.
#[test]
fn a_fetch_keeps_a_source_for_the_grace_time() {
    let mut scene = Scene::new(SOURCES);
    scene.subscribe("bob", "Expires: 0\n");
    scene.answer_all();
    assert_eq!(asked(&scene).len(), 3);
    scene.pass(MINUTE - 5_000);
    scene.subscribe("carol", "Expires: 0\n");
    scene.answer_all();
    all_go_in_a_minute(&mut scene);
}

/// Many fetches write no more than a few times in a grace time.
#[test]
fn fetches_do_not_write_each_time() {
    let mut scene = Scene::new(SOURCES);
    let mut writes = 0;
    for number in 0..60 {
        scene.subscribe(&format!("w{number}"), "Expires: 0\n");
        writes += if number > 0 { scene.cost.relaxed_writes + scene.cost.durable_writes } else { 0 };
        scene.answer_all();
        scene.pass(100);
    }
    assert_eq!(writes, 0);
}

/// Without grace time a source goes with the last watcher, and is not asked for a fetch.
#[test]
fn without_grace_time_there_is_none() {
    let mut scene = Scene::new(&SOURCES.replace(r#""target""#, r#""grace":0,"target""#));
    scene.subscribe("carol", "Expires: 0\n");
    scene.answer_all();
    assert_eq!(asked(&scene), Vec::<String>::new());
    let bob = scene.watch("bob");
    assert_eq!(asked(&scene).len(), 3);
    leave(&mut scene, "bob", &bob, 2);
    assert_eq!(asked(&scene), Vec::<String>::new());
}

/// EXT-21: communities that watch here are a reason to ask registrars, not communities: those two would keep each other's
/// subscriptions alive.
#[test]
fn ext_21_a_community_that_watches_starts_no_community() {
    let mut scene = Scene::new(SOURCES);
    let peer = "SUBSCRIBE sip:alice@example.com SIP/2.0\nTo: <sip:alice@example.com>\n\
        From: <sip:presence@east.example>;tag=e\nCall-ID: east\nCSeq: 1 SUBSCRIBE\nEvent: presence\n\
        P-Asserted-Identity: <sip:presence@east.example>\nContact: <sip:192.0.2.20>\n\n";
    assert_eq!(scene.request(peer).unwrap().status, 200);
    scene.answer_all();
    assert_eq!(asked(&scene), ["scscf"]);
    let bob = scene.watch("bob");
    assert_eq!(asked(&scene).len(), 3);
    leave(&mut scene, "bob", &bob, 2);
    scene.pass(MINUTE);
    assert_eq!(asked(&scene), ["scscf"]);
}

/// Where no source is configured nothing is looked at; where some are, a SUBSCRIBE costs the same however many
/// watch, and so does the end of one.
#[test]
fn it_costs_little() {
    let none = SOURCES.replace(r#""target""#, r#""enabled":false,"target""#);
    let (mut bare, mut sourced) = (Scene::new(&none), Scene::new(SOURCES));
    for scene in [&mut bare, &mut sourced] {
        for number in 0..20 {
            scene.watch(&format!("v{number}"));
            scene.settle();
            scene.answer_all();
        }
    }
    let calls = |scene: &mut Scene, name: &str| {
        let tag = scene.subscribe(name, "").reply.to_tag.unwrap();
        let begin = scene.cost;
        scene.answer_all();
        scene.resubscribe(name, &tag, 2, "Expires: 0\n");
        let notify = scene.only_notify();
        scene.answer(&notify, 200);
        (begin, scene.cost)
    };
    let ((bare_begin, bare_end), (begin, end)) = (calls(&mut bare, "third"), calls(&mut sourced, "third"));
    // For each of three sources: what is kept of it and what it is wanted for; then whether somebody watches.
    assert!(begin.storage_calls <= bare_begin.storage_calls + 6, "{begin:?} {bare_begin:?}");
    assert!(end.storage_calls <= bare_end.storage_calls + 6, "{end:?} {bare_end:?}");
    assert_eq!((begin.durable_writes, begin.timers), (bare_begin.durable_writes, bare_begin.timers));
    assert_eq!((end.durable_writes, end.timers), (bare_end.durable_writes, bare_end.timers));
    for number in 0..300 {
        sourced.watch(&format!("w{number}"));
    }
    let (many_begin, many_end) = calls(&mut sourced, "fourth");
    // The census of watchers may take a look more or less.
    assert!(many_begin.storage_calls <= begin.storage_calls + 1, "{many_begin:?} {begin:?}");
    assert!(many_end.storage_calls <= end.storage_calls, "{many_end:?} {end:?}");
}

/// WPS-32, EXT-20: when the map gives a watcher's presentity another fundamental identity, the source is asked for that
/// one, and for the former one a grace time longer.
#[test]
fn a_subscription_that_moves_takes_its_demand_along() {
    let mut scene = Scene::new(&SOURCES.replace(r#""rules""#, r#""identity":{"map":true},"rules""#));
    scene.map(&[(DESK, ALICE)]);
    let mut bob = Phone::watch(&mut scene, "bob", DESK);
    assert!(covered(&scene, ALICE, "scscf") && !covered(&scene, CAROL, "scscf"));
    scene.map(&[(DESK, CAROL)]);
    assert_eq!(bob.subscribe(&mut scene, "").status, 200);
    scene.answer_all();
    scene.settle();
    assert!(covered(&scene, ALICE, "scscf") && covered(&scene, CAROL, "scscf"));
    scene.pass(MINUTE);
    scene.answer_all();
    assert!(!covered(&scene, ALICE, "scscf") && covered(&scene, CAROL, "scscf"));
}

/// The question `presentity` shows what sources outside have to do with somebody.
#[test]
fn a_presentity_shows_its_sources() {
    let mut scene = Scene::new(&third_party());
    let ask = |scene: &mut Scene| -> Value {
        scene.host.begin(None);
        let answer = scene.presence.on_inspect(&mut scene.host, "presentity", ALICE).unwrap();
        assert!(scene.host.is_untouched());
        scene.host.commit();
        serde_json::from_str::<Value>(&answer).unwrap()["sources"].clone()
    };
    let idle = |name: &str, kind: &str| {
        json!({"name": name, "kind": kind, "resource": ALICE, "wanted": false, "kept_until": null,
            "registered_until": null, "subscription": null, "contribution": null})
    };
    assert_eq!(
        ask(&mut scene),
        json!([idle("scscf", "registrar"), idle("east", "community"), idle("west", "community")])
    );
    let begin = scene.host.time();
    register(&mut scene, SCSCF, ALICE, "Expires: 600\n", TRUSTED).unwrap();
    scene.subscribe("bob", "Expires: 0\n");
    contribute(&mut scene, "east", &tuple("t", "there"));
    scene.settle();
    let sources = ask(&mut scene);
    let subscription = json!({"resource": ALICE, "phase": "subscribing", "expires": null, "next_try": null,
        "failures": 0, "trouble": null});
    assert_eq!((&sources[0]["wanted"], &sources[0]["subscription"]), (&json!(true), &subscription));
    assert_eq!(sources[0]["registered_until"], begin + 600_000);
    assert_eq!(
        (&sources[1]["kept_until"], &sources[1]["subscription"]),
        (&json!(begin + MINUTE), &subscription)
    );
    let contribution = &sources[1]["contribution"];
    assert_eq!(
        (&contribution["since"], &contribution["expires"]),
        (&json!(begin), &json!(begin + 60 * MINUTE))
    );
    assert!(contribution["bytes"].as_u64().is_some_and(|bytes| bytes > 50));
}

/// What happens in the property test.
#[derive(Clone, Copy, Debug)]
enum Event {
    Watch(u8),
    Refresh(u8),
    Leave(u8),
    Fetch,
    Register(u32),
    Answer,
    Pass(u64),
    /// By its bits it says which relaxed steps survive; then whether what is due is run at once.
    Crash(u64, bool),
    /// All so far is safe.
    Flush,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0u8..3).prop_map(Event::Watch),
        2 => (0u8..3).prop_map(Event::Refresh),
        4 => (0u8..3).prop_map(Event::Leave),
        1 => Just(Event::Fetch),
        1 => prop_oneof![Just(0u32), 60u32..2_000].prop_map(Event::Register),
        3 => Just(Event::Answer),
        3 => (0u64..90_000).prop_map(Event::Pass),
        2 => (any::<u64>(), any::<bool>()).prop_map(|(lucky, settles)| Event::Crash(lucky, settles)),
        1 => Just(Event::Flush),
    ]
}

/// A watcher of the property test: our tag, its number, and whether it is still there.
#[derive(Clone, Debug)]
struct Watcher {
    tag: String,
    cseq: u32,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    /// While somebody watches or is registered the source is asked, at every moment; once nobody does, it is
    /// over when the grace time is. Whatever crashes take back.
    #[test]
    fn a_source_is_asked_while_it_is_wanted(events in vec(event(), 1..40)) {
        let mut scene = Scene::new(&third_party());
        let mut watchers: [Option<Watcher>; 3] = [None, None, None];
        let mut registered = 0;
        for event in events {
            match event {
                Event::Watch(number) => {
                    let slot = &mut watchers[usize::from(number)];
                    if slot.is_none() {
                        let answer = scene.subscribe(&format!("w{number}"), "Expires: 86400\n");
                        prop_assert_eq!(answer.status, 200);
                        *slot = Some(Watcher { tag: answer.reply.to_tag.unwrap(), cseq: 1 });
                    }
                }
                Event::Refresh(number) => if let Some(watcher) = &mut watchers[usize::from(number)] {
                    watcher.cseq += 1;
                    let lines = "Expires: 86400\n";
                    let answer = scene.resubscribe(&format!("w{number}"), &watcher.tag, watcher.cseq, lines);
                    prop_assert_eq!(answer.status, 200);
                },
                Event::Leave(number) => if let Some(watcher) = watchers[usize::from(number)].take() {
                    let lines = "Expires: 0\n";
                    let cseq = watcher.cseq + 1;
                    let answer = scene.resubscribe(&format!("w{number}"), &watcher.tag, cseq, lines);
                    prop_assert_eq!(answer.status, 200);
                },
                Event::Fetch => {
                    scene.subscribe("f", "Expires: 0\n");
                }
                Event::Register(seconds) => {
                    let lines = format!("Expires: {seconds}\n");
                    prop_assert_eq!(register(&mut scene, SCSCF, ALICE, &lines, TRUSTED).unwrap().status, 200);
                    registered = scene.host.time() + u64::from(seconds) * 1_000;
                }
                Event::Answer => scene.answer_all(),
                Event::Pass(milliseconds) => {
                    // A NOTIFY is answered before it is given up.
                    scene.answer_all();
                    scene.pass(milliseconds);
                }
                Event::Crash(seed, settles) => {
                    scene.crash(|number| seed >> (number % 64) & 1 == 1);
                    if settles {
                        scene.settle();
                    }
                }
                Event::Flush => scene.host.flush(),
            }
            let watched = watchers.iter().any(Option::is_some);
            if watched || registered > scene.host.time() {
                prop_assert!(covered(&scene, ALICE, "scscf"));
            }
            if watched {
                prop_assert_eq!(asked(&scene).len(), 3);
            }
        }
        for _ in 0..3 {
            scene.settle();
            scene.answer_all();
        }
        scene.pass(MINUTE);
        scene.answer_all();
        scene.settle();
        let watched = watchers.iter().any(Option::is_some);
        prop_assert_eq!(covered(&scene, ALICE, "east"), watched);
        prop_assert_eq!(covered(&scene, ALICE, "scscf"), watched || registered > scene.host.time());
    }
}
