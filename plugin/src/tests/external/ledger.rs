//! How a source fares, for the operator: counts that are right after crashes.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::stage::{SOURCES, source};
use crate::external::ledger::{self, Manner, Report};
use crate::keys;
use crate::ports::Durability;
use crate::step::Step;
use crate::tests::scene::{ALICE, Scene};

/// Runs a step in a partition.
fn step(scene: &mut Scene, partition: &str, act: impl FnOnce(&mut Step<'_>)) {
    let configuration = scene.presence.configuration().clone();
    scene.host.begin(Some(partition));
    act(&mut Step::new(&mut scene.host, &configuration, partition));
    scene.host.commit();
}

/// The subscription at the source `scscf` is made for somebody, or deleted.
fn cover(scene: &mut Scene, presentity: &str, covered: bool) {
    let source = source(scene, "scscf").clone();
    step(scene, presentity, |step| {
        let key = source.key(keys::BACKEND);
        if covered {
            step.host.put(&key, b"x", Durability::Durable, None);
            ledger::report(step, &source, &Report::Covered);
        } else {
            step.host.delete(&key, Durability::Durable);
            ledger::report(step, &source, &Report::Uncovered);
        }
    });
}

fn tell(scene: &mut Scene, presentity: &str, report: &Report<'_>) {
    let source = source(scene, "scscf").clone();
    step(scene, presentity, |step| ledger::report(step, &source, report));
    scene.settle();
}

/// The host makes a source known.
fn announce(scene: &mut Scene, name: &str) -> Result<(), String> {
    scene.host.begin(None);
    let said = scene.presence.on_document(&mut scene.host, "rollcall.sources", None, name, Some(b"enabled"));
    scene.host.commit();
    said
}

fn figure(scene: &Scene, name: &str) -> f64 {
    scene.host.figures[&format!("{name}{{source=scscf}}")]
}

fn ask(scene: &mut Scene, name: &str) -> Value {
    scene.host.begin(None);
    let answer = scene.presence.on_inspect(&mut scene.host, "source", name).unwrap();
    assert!(scene.host.is_untouched());
    scene.host.commit();
    serde_json::from_str(&answer).unwrap()
}

/// Issue: last contact, last error, next try and users covered are there for the operator, as figures and as
/// an answer.
#[test]
fn a_source_shows_how_it_fares() {
    let mut scene = Scene::new(SOURCES);
    cover(&mut scene, ALICE, true);
    cover(&mut scene, "sip:bob@example.com", true);
    scene.settle();
    assert_eq!(figure(&scene, "source_users"), 2.0);
    assert_eq!(figure(&scene, "source_last_contact_timestamp_seconds"), 0.0);

    let begin = scene.host.time();
    let next_try = begin + 5_000;
    tell(&mut scene, ALICE, &Report::Failed("503 Service Unavailable", Some(next_try), Manner::default()));
    assert_eq!(figure(&scene, "source_failures"), 1.0);
    assert_eq!(figure(&scene, "source_last_failure_timestamp_seconds"), begin as f64 / 1_000.0);
    assert_eq!(figure(&scene, "source_next_try_timestamp_seconds"), next_try as f64 / 1_000.0);
    assert_eq!(
        ask(&mut scene, "scscf"),
        json!({"name": "scscf", "kind": "registrar", "enabled": true, "start": "demand",
            "targets": ["sip:192.0.2.10"], "now": begin, "users": 2, "last_contact": null,
            "last_error": {"why": "503 Service Unavailable", "at": begin, "presentity": ALICE},
            "next_try": next_try, "waiting": 0})
    );

    // Heard of again, it need not be tried.
    scene.pass(3_000);
    tell(&mut scene, "sip:bob@example.com", &Report::Contact);
    assert_eq!(figure(&scene, "source_last_contact_timestamp_seconds"), (begin + 3_000) as f64 / 1_000.0);
    assert_eq!(figure(&scene, "source_next_try_timestamp_seconds"), 0.0);
    let answer = ask(&mut scene, "scscf");
    assert_eq!((&answer["last_contact"], &answer["next_try"]), (&json!(begin + 3_000), &Value::Null));

    cover(&mut scene, ALICE, false);
    scene.settle();
    assert_eq!(figure(&scene, "source_users"), 1.0);
}

/// Without a name the question is for all sources, those that are switched off among them.
#[test]
fn all_sources_are_named() {
    let mut scene = Scene::new(&SOURCES.replace(r#""name":"west","#, r#""name":"west","enabled":false,"#));
    let sources = json!({"sources": [
        {"name": "scscf", "kind": "registrar", "enabled": true},
        {"name": "east", "kind": "community", "enabled": true},
        {"name": "west", "kind": "community", "enabled": false}]});
    assert_eq!(ask(&mut scene, ""), sources);
    assert_eq!(ask(&mut scene, "west")["enabled"], false);
    let none = scene.presence.on_inspect(&mut scene.host, "source", "north").unwrap_err();
    assert!(none.contains("north"), "{none}");
}

/// Figures are kept in memory by a host: they are back soon after a start, whatever happens.
#[test]
fn figures_are_back_after_a_start() {
    let mut scene = Scene::new(SOURCES);
    assert_eq!(announce(&mut scene, "scscf"), Ok(()));
    cover(&mut scene, ALICE, true);
    scene.settle();
    scene.host.figures.clear();
    scene.pass(10_000);
    assert_eq!(figure(&scene, "source_users"), 1.0);
    scene.host.figures.clear();
    assert_eq!(announce(&mut scene, "scscf"), Ok(()));
    assert_eq!(figure(&scene, "source_users"), 1.0);
    // One pulse, however often the source was made known.
    assert_eq!(scene.host.timer_count("source:scscf"), 1);
}

#[test]
fn only_sources_that_are_configured_are_made_known() {
    let mut scene = Scene::new(SOURCES);
    assert!(announce(&mut scene, "north").unwrap_err().contains("north"));
    scene.host.begin(None);
    let gone = scene.presence.on_document(&mut scene.host, "rollcall.sources", None, "north", None);
    assert_eq!(gone, Ok(()));
    let other = scene.presence.on_document(&mut scene.host, "pres-rules", None, "index", Some(b""));
    assert!(other.unwrap_err().contains("pres-rules"));
}

/// A reason that a source gives is cut, not trusted.
#[test]
fn a_long_reason_is_cut() {
    let mut scene = Scene::new(SOURCES);
    tell(&mut scene, ALICE, &Report::Failed(&"é".repeat(5_000), None, Manner::default()));
    let why = ask(&mut scene, "scscf")["last_error"]["why"].as_str().unwrap().to_owned();
    assert_eq!(why, "é".repeat(100));
}

/// What happens in the property test.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// The subscription of somebody is made.
    Cover(u8),
    /// It is deleted.
    Uncover(u8),
    /// Posts arrive.
    Settle,
    /// A crash that takes some relaxed steps back.
    Crash(u64),
    /// The host calls `on-recovery` once more.
    RecoverAgain,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0u8..6).prop_map(Event::Cover),
        3 => (0u8..6).prop_map(Event::Uncover),
        3 => Just(Event::Settle),
        1 => any::<u64>().prop_map(Event::Crash),
        1 => Just(Event::RecoverAgain),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Once all posts have arrived, as many users are counted as have a subscription there, whatever crashes took
    /// back, in whatever order presentities hear of the start and go on with their own.
    #[test]
    fn users_are_counted_right_over_crashes(events in vec(event(), 1..40), early in any::<u8>()) {
        let mut scene = Scene::new(SOURCES);
        announce(&mut scene, "scscf").unwrap();
        let mut covered = BTreeSet::new();
        let who = |number: u8| format!("sip:u{number}@example.com");
        for event in events {
            match event {
                Event::Cover(number) => if covered.insert(number) {
                    cover(&mut scene, &who(number), true);
                },
                Event::Uncover(number) => if covered.remove(&number) {
                    cover(&mut scene, &who(number), false);
                },
                Event::Settle => scene.settle(),
                Event::Crash(seed) => {
                    scene.host.crash(|number| seed >> (number % 64) & 1 == 1);
                    // Somebody is quicker than recovery.
                    let number = early % 6;
                    let comes = covered.insert(number);
                    if !comes {
                        covered.remove(&number);
                    }
                    cover(&mut scene, &who(number), comes);
                    scene.recover();
                }
                Event::RecoverAgain => scene.recover(),
            }
        }
        scene.settle();
        let users = ask(&mut scene, "scscf")["users"].as_u64().unwrap();
        prop_assert_eq!(users, covered.len() as u64);
    }
}
