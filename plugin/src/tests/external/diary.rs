//! What the log says of a source that fails: what has happened, once.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;

use super::backend::{Ask, Far, ONE};
use super::stage::source;
use crate::external::ledger::{self, Fault, Manner, Report};
use crate::handler::Failure;
use crate::keys;
use crate::records;
use crate::step::Step;
use crate::tests::scene::{ALICE, Scene};

const FIVE_MINUTES: u64 = 5 * 60_000;

/// Lines of at least Info that name a source.
fn told(scene: &Scene) -> Vec<String> {
    let is_told =
        |line: &&String| !line.starts_with("Debug") && !line.starts_with("Trace") && line.contains("source=");
    scene.host.lines.iter().filter(is_told).cloned().collect()
}

/// One target that takes very many a second.
fn single() -> String {
    ONE.replace(",\"sip:192.0.2.21\"", "").replace("\"domain\"", "\"rate\":1000,\"domain\"")
}

/// All that the source got fails.
fn fail_all(far: &mut Far, failure: Failure<'static>) -> BTreeSet<String> {
    let asks = far.asks();
    for ask in &asks {
        far.fail(ask, failure);
    }
    asks.into_iter().map(|ask: Ask| ask.sent.partition).collect()
}

/// Very many users, and a source that is away for a while: the log has one line when it goes and one when it is back, with
/// how long that was and how many noticed.
#[test]
fn an_outage_is_two_lines_however_many_notice() {
    let mut far = Far::new(&single());
    for user in 0..50 {
        assert_eq!(far.watch_other(user), 200);
    }
    far.settle();
    let mut noticed = BTreeSet::new();
    for _ in 0..900 {
        noticed.append(&mut fail_all(&mut far, Failure::Unreachable("refused")));
        far.pass(1);
    }
    assert_eq!(noticed.len(), 51);
    assert_eq!(told(&far.scene).len(), 1, "{:?}", told(&far.scene));
    assert!(told(&far.scene)[0].starts_with("Warn: source fails source=east"), "{:?}", told(&far.scene));
    assert!(told(&far.scene)[0].contains("why=not reachable next_try_in_seconds="));
    // It is back: each is subscribed to at its next try.
    let mut live = BTreeSet::new();
    while live.len() < 51 {
        far.until_asked(700).unwrap();
        for ask in far.asks() {
            far.accept(&ask, 86_400);
            far.tell_of(&ask, 1, "active;expires=86400");
            live.insert(ask.sent.partition);
        }
    }
    let lines = told(&far.scene);
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[1].starts_with("Info: source is well again source=east away_seconds=9"), "{lines:?}");
    assert!(lines[1].ends_with("affected=51"), "{lines:?}");
}

/// A source that answers, but refuses some, does not fail; who is refused is told now and then, with how many there were.
#[test]
fn refusals_are_told_by_the_way() {
    let mut far = Far::new(&single());
    for user in 0..20 {
        far.watch_other(user);
    }
    far.settle();
    for ask in far.asks() {
        far.answer(&ask, 403, "");
    }
    assert_eq!(told(&far.scene).len(), 1, "{:?}", told(&far.scene));
    assert!(told(&far.scene)[0].starts_with("Warn: source refuses presentities source=east"));
    far.pass(301);
    far.watch_other(20);
    far.settle();
    let ask = far.only_ask();
    far.answer(&ask, 403, "");
    assert_eq!(told(&far.scene).len(), 2);
    assert!(told(&far.scene)[1].ends_with("times=21"), "{:?}", told(&far.scene));
}

/// A target that is dead while another one answers is told by itself: the source does not fail.
#[test]
fn a_dead_target_is_not_a_source_that_fails() {
    let mut far = Far::new(ONE);
    for number in 0..5 {
        if number > 0 {
            far.watch_other(number);
            far.settle();
        }
        let first = far.only_ask();
        far.fail(&first, Failure::Timeout);
        let second = far.only_ask();
        far.accept(&second, 3_600);
        far.tell_of(&second, 1, "active;expires=3600");
    }
    let lines = told(&far.scene);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("Warn: target of a source fails source=east"), "{lines:?}");
}

/// A record and a post of a component of before, which told nothing here: the count stays, and the log goes on.
#[test]
fn former_records_and_posts_are_read() {
    let mut scene = Scene::new(&single());
    let name = source(&scene, "east").partition();
    let record = records::encode(&(0_u64, 7_u64, Some(5_u64), None::<(u64, String, String, Option<u64>)>));
    scene.host.begin(Some(&name));
    crate::ports::Host::put(
        &mut scene.host,
        keys::SOURCE_LEDGER,
        &record,
        crate::ports::Durability::Durable,
        None,
    );
    let at = scene.host.time();
    // `Failed` was the fourth of its sort, and without a tail.
    let mut post = vec![b'r'];
    post.extend(records::encode(&(3_u8, at, ALICE, "no answer", Some(at + 1))));
    crate::ports::Host::post(&mut scene.host, &name, &post);
    scene.host.commit();
    scene.settle();
    assert!(told(&scene).is_empty(), "{:?}", scene.host.lines);
    assert!(scene.host.lines.iter().all(|line| !line.contains("unknown post")), "{:?}", scene.host.lines);
    scene.host.begin(None);
    let answer = scene.presence.on_inspect(&mut scene.host, "source", "east").unwrap();
    scene.host.commit();
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert_eq!((&answer["users"], &answer["last_error"]["why"]), (&7.into(), &"no answer".into()));
}

/// What presentities tell in the property test.
#[derive(Clone, Copy, Debug)]
enum Event {
    Failed(Manner),
    Contact,
    Pass(u64),
}

fn event() -> impl Strategy<Value = Event> {
    let fault = prop_oneof![4 => Just(Fault::Source), 1 => Just(Fault::Presentity), 1 => Just(Fault::Target)];
    prop_oneof![
        4 => (fault, any::<bool>()).prop_map(|(fault, new)| Event::Failed(Manner { fault, new })),
        3 => Just(Event::Contact),
        3 => (0u64..100_000).prop_map(Event::Pass),
        1 => Just(Event::Pass(FIVE_MINUTES)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// However a source comes and goes, no two lines of a sort are closer than five minutes, each end follows its
    /// beginning, and an outage that others still notice after that time is told.
    #[test]
    fn a_source_that_comes_and_goes_does_not_flood_the_log(events in vec(event(), 1..80)) {
        let mut scene = Scene::new(&single());
        let east = source(&scene, "east").clone();
        let configuration = scene.presence.configuration().clone();
        let mut said: Vec<(u64, String)> = Vec::new();
        // Since when there is an outage by the same rules.
        let mut outage: Option<u64> = None;
        for event in events {
            let report = match event {
                Event::Pass(milliseconds) => {
                    scene.pass(milliseconds);
                    continue;
                }
                Event::Contact => Report::Contact,
                Event::Failed(manner) => Report::Failed("no answer", None, manner),
            };
            let now = scene.host.time();
            match event {
                Event::Failed(Manner { fault: Fault::Source, new }) if new || outage.is_some() => {
                    outage = outage.or(Some(now));
                }
                Event::Contact | Event::Failed(Manner { fault: Fault::Presentity, .. }) => outage = None,
                _ => {}
            }
            scene.host.begin(Some(ALICE));
            ledger::report(&mut Step::new(&mut scene.host, &configuration, ALICE), &east, &report);
            scene.host.commit();
            scene.settle();
            let lines = told(&scene);
            let fresh = lines[said.len()..].iter().map(|line| (now, line.split(" source=").next().unwrap().to_owned()));
            let fresh: Vec<_> = fresh.collect();
            said.extend(fresh);
            let last = |sort: &str| said.iter().rev().find(|(_, line)| line.contains(sort)).map(|(at, _)| *at);
            let fails = last("source fails");
            if let (Event::Failed(Manner { fault: Fault::Source, .. }), Some(since)) = (event, outage) {
                let told = fails.is_some_and(|at| at >= since || at + FIVE_MINUTES > now);
                prop_assert!(told, "not told: {:?}", said);
            }
        }
        for sort in ["Warn: source fails", "Info: source is well again", "Warn: source refuses", "Warn: target"] {
            let times: Vec<u64> =
                said.iter().filter(|(_, line)| line.starts_with(sort)).map(|(at, _)| *at).collect();
            let quiet = if sort.starts_with("Info") { 0 } else { FIVE_MINUTES };
            prop_assert!(times.windows(2).all(|pair| pair[1] >= pair[0] + quiet), "{sort}: {said:?}");
        }
        let outages: Vec<&str> =
            said.iter().map(|(_, line)| line.as_str()).filter(|line| !line.contains("refuses") && !line.contains("target")).collect();
        for (number, line) in outages.iter().enumerate() {
            let begins = line.starts_with("Warn: source fails");
            prop_assert_eq!(begins, number % 2 == 0, "{:?}", outages);
        }
        if outage.is_none() {
            prop_assert_eq!(outages.len() % 2, 0);
        }
    }
}
