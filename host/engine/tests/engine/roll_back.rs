//! Going back by itself from a component whose steps fail, and what is kept of them.

use crate::host::{Host, quiet};
use crate::recording::{ALL, recorded};
use parking_lot::Mutex;
use rollcall_engine::{
    Answer, Cause, EngineConfig, GenerationChange, GenerationState, Kind, Recording, ReplayOptions, RollBack,
    contents, replay,
};
use rollcall_storage::Memory;
use rollcall_test_guests::{Edition, GUEST, with_text};
use std::sync::Arc;
use std::time::Duration;

const TRIAL: Duration = Duration::from_secs(300);

fn trying(failures: usize) -> EngineConfig {
    let roll_back = RollBack { trial: TRIAL, failures, window: Duration::from_secs(10) };
    EngineConfig { roll_back: Some(roll_back), ..quiet() }
}

fn fragile() -> Vec<u8> {
    Edition::Fragile.component()
}

/// What a step says when the fragile component is gone.
fn goes_back(host: &Host) {
    host.wait_until("the roll back", || host.engine.metrics().withdrawals.get() == 1);
}

fn states(host: &Host) -> Vec<(u64, String)> {
    let states = host.engine.generations().into_iter().map(|generation| {
        let state = match generation.state {
            GenerationState::Running { trial: Some(_), .. } => "on trial".to_owned(),
            GenerationState::Running { .. } => "runs".to_owned(),
            GenerationState::Withdrawn { why, .. } => why,
            other => format!("{other:?}"),
        };
        (generation.number, state)
    });
    states.collect()
}

fn list(states: &[(u64, &str)]) -> Vec<(u64, String)> {
    states.iter().map(|(number, state)| (*number, (*state).to_owned())).collect()
}

#[test]
fn a_component_whose_steps_fail_on_trial_is_withdrawn() {
    let host = Host::with(trying(3), Memory::new());
    host.print("enter p\nput before 1");
    host.engine.swap(&fragile()).unwrap();
    assert_eq!(states(&host), list(&[(2, "on trial"), (1, "Previous")]));
    for _ in 0..2 {
        assert_eq!(host.run("enter p\nput k v"), Answer::Failed);
    }
    assert_eq!(host.engine.metrics().withdrawals.get(), 0, "not before the last one allowed");
    assert_eq!(host.run("enter p\nput k v"), Answer::Failed);
    goes_back(&host);
    assert_eq!(host.print("enter p\nget before\nget k"), "1\n-");
    assert_eq!(states(&host), list(&[(1, "runs"), (2, "3 steps failed within 10 s")]));
    assert!(host.engine.roll_back().unwrap().is_none(), "nothing brings it back unawares");
    host.engine.swap(&fragile()).unwrap();
    assert_eq!(states(&host)[0], (3, "on trial".to_owned()), "but a swap does");
}

#[test]
fn what_failed_meanwhile_runs_soon_after() {
    let host = Host::with(trying(8), Memory::new());
    host.print("enter p\ntimer t 60000 note k fired\npost q put arrived 1");
    host.wait_for("q", "arrived", "1");
    host.print("enter q\ntimer later 60000 post r put arrived 1\ntimer t 60000 note k fired");
    host.engine.swap(&fragile()).unwrap();
    // Each try fails and doubles the pause before the next one: 1, 2, 4 s.
    host.clock.advance(60_000);
    host.wait_until("failures", || host.engine.metrics().traps.get() >= 3);
    assert_eq!(host.engine.metrics().withdrawals.get(), 0);
    for _ in 0..3 {
        host.clock.advance(1_500);
        std::thread::sleep(Duration::from_millis(20));
    }
    while host.engine.metrics().withdrawals.get() == 0 {
        assert_eq!(host.run("enter p"), Answer::Failed);
        host.wait_until("the verdict", || {
            host.engine.metrics().traps.get() < 8 || host.engine.metrics().withdrawals.get() == 1
        });
    }
    // No time passes: what was put off does not wait for its turn.
    host.wait_for("p", "k", "fired");
    host.wait_for("q", "k", "fired");
    host.wait_for("r", "arrived", "1");
}

/// What failed under the component before and goes on failing is no reason to go back to that one: otherwise none
/// could be swapped in any more once as many partitions are stuck as a trial may cost.
#[test]
fn what_failed_before_does_not_count_against_the_next_one() {
    let host = Host::with(trying(3), Memory::new());
    for partition in ["p", "q", "r"] {
        host.print(&format!("enter {partition}\ntimer t 1000 traps"));
        host.print(&format!("enter {partition}x\npost {partition}y traps"));
    }
    host.clock.advance(1_000);
    let failed = || {
        host.engine.metrics().failed_steps.get(Kind::Timer)
            + host.engine.metrics().failed_steps.get(Kind::Post)
    };
    host.wait_until("the failures", || failed() >= 6);
    host.engine.swap(&OTHER).unwrap();
    host.wait_until("the failures", || failed() >= 12);
    host.settle();
    assert_eq!(host.engine.metrics().withdrawals.get(), 0);
    assert_eq!(states(&host)[0], (2, "on trial".to_owned()));
    for _ in 0..3 {
        host.run("traps");
    }
    goes_back(&host);
}

#[test]
fn failures_far_apart_after_the_trial_or_of_the_senders_making_do_not_count() {
    let host = Host::with(trying(3), Memory::new());
    host.engine.swap(&with_text("told to", "TOLD TO")).unwrap();
    for _ in 0..10 {
        host.run("reply 500");
        host.run("reply 404");
    }
    for _ in 0..6 {
        assert_eq!(host.run("traps"), Answer::Failed);
        assert_eq!(host.run("traps"), Answer::Failed);
        host.clock.advance(10_001);
    }
    host.clock.advance(300_000);
    host.wait_until("the end of the trial", || states(&host) == list(&[(2, "runs"), (1, "Previous")]));
    for _ in 0..10 {
        assert_eq!(host.run("traps"), Answer::Failed);
    }
    host.settle();
    assert_eq!(host.engine.metrics().withdrawals.get(), 0);
}

#[test]
fn every_kind_of_failed_step_counts() {
    let mut config = trying(4);
    config.limits.deadline = Duration::from_secs(1);
    let host = Host::with(config, Memory::new());
    host.engine.swap(&with_text("told to", "TOLD TO")).unwrap();
    for word in ["enter p\ntraps", "spins", "grows", "passes_with_effects"] {
        assert_eq!(host.run(&word.replace("passes", "enter p\npasses")), Answer::Failed, "{word}");
    }
    goes_back(&host);
    let causes: Vec<Cause> = host.engine.failures().iter().rev().map(|failure| failure.cause).collect();
    assert_eq!(causes, [Cause::Trap, Cause::Deadline, Cause::Memory, Cause::Verdict]);
}

#[test]
fn nothing_is_on_trial_after_a_start_or_a_roll_back_or_if_it_is_off() {
    let host = Host::with(trying(1), Memory::new());
    assert_eq!(host.run("traps"), Answer::Failed);
    host.engine.swap(&with_text("told to", "TOLD TO")).unwrap();
    host.engine.roll_back().unwrap().unwrap();
    assert_eq!(host.run("traps"), Answer::Failed);
    host.engine.roll_back().unwrap().unwrap();
    assert_eq!(host.run("traps"), Answer::Failed);
    host.settle();
    assert_eq!(states(&host), list(&[(2, "runs"), (1, "Previous")]));
    host.engine.resume(&fragile()).unwrap();
    assert_eq!(host.run("enter p"), Answer::Failed);
    host.settle();
    assert_eq!(states(&host), list(&[(3, "runs"), (2, "Previous")]), "nor is one that is resumed");
    let off = Host::with(EngineConfig { roll_back: None, ..quiet() }, Memory::new());
    off.engine.swap(&fragile()).unwrap();
    assert_eq!(off.run("enter p"), Answer::Failed);
    assert_eq!(off.engine.metrics().withdrawals.get() + host.engine.metrics().withdrawals.get(), 0);
}

#[test]
fn a_component_on_trial_is_nothing_to_go_back_to() {
    let host = Host::with(trying(2), Memory::new());
    host.engine.swap(&OTHER).unwrap();
    host.engine.swap(&fragile()).unwrap();
    assert_eq!(states(&host), list(&[(3, "on trial"), (2, "Previous"), (1, "Fallback")]));
    host.run("enter p");
    host.run("enter p");
    goes_back(&host);
    assert_eq!(states(&host)[0], (1, "runs".to_owned()));
    assert_eq!(host.print("memory"), "1");
}

/// Swapping the running component in once more is no change of component: the way back stays.
#[test]
fn the_running_component_once_more_is_nothing_to_go_back_to() {
    let host = Host::with(trying(2), Memory::new());
    let first = host.engine.digest();
    host.engine.swap(GUEST).unwrap();
    assert_eq!(states(&host), list(&[(2, "runs")]), "there is nothing to go back to");
    host.engine.swap(&OTHER).unwrap();
    host.engine.swap(&OTHER).unwrap();
    assert_eq!(states(&host), list(&[(4, "on trial"), (2, "Previous")]));
    assert_eq!(host.run("traps"), Answer::Failed);
    host.engine.roll_back().unwrap().unwrap();
    assert_eq!(host.engine.digest(), first);
    // Stood its trial: whoever swaps it in once more does not doubt it.
    host.engine.swap(&OTHER).unwrap();
    host.clock.advance(300_000);
    host.wait_until("the end of the trial", || states(&host)[0].1 == "runs");
    host.engine.swap(&OTHER).unwrap();
    for _ in 0..3 {
        assert_eq!(host.run("traps"), Answer::Failed);
    }
    host.settle();
    assert_eq!(host.engine.metrics().withdrawals.get(), 0);
    assert_eq!(states(&host), list(&[(6, "runs"), (2, "Previous")]));
}

/// Whoever embeds the engine is told what each change was.
#[test]
fn each_change_is_told_with_what_it_has_replaced() {
    let host = Host::with(trying(1), Memory::new());
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = told.clone();
    host.engine.on_change(move |change| {
        tell.lock().push(match change {
            GenerationChange::Swapped => "swapped".to_owned(),
            GenerationChange::RolledBack { from } => format!("back from {}", from.number),
            GenerationChange::Withdrawn { from } => format!("{} withdrawn: {:?}", from.number, from.state),
        });
    });
    host.engine.swap(&OTHER).unwrap();
    host.engine.roll_back().unwrap().unwrap();
    host.engine.roll_back().unwrap().unwrap();
    host.engine.swap(&fragile()).unwrap();
    assert_eq!(host.run("enter p"), Answer::Failed);
    host.wait_until("all of it", || told.lock().len() == 5);
    let told = told.lock();
    assert_eq!(told[..4], ["swapped", "back from 2", "back from 1", "swapped"]);
    assert!(told[4].starts_with("3 withdrawn: Withdrawn { at: ") && told[4].contains("1 steps"), "{told:?}");
}

#[test]
fn one_that_writes_what_the_former_cannot_read_goes_on_failing() {
    let host = Host::with(trying(2), Memory::new());
    host.engine.swap(&Edition::Second.component()).unwrap();
    assert!(matches!(
        host.engine.generations()[0].state,
        GenerationState::Running { trial: Some(_), way_back: Some(false) }
    ));
    for _ in 0..4 {
        assert_eq!(host.run("traps"), Answer::Failed);
    }
    host.wait_until("the refusal", || host.engine.metrics().roll_backs_refused.get() == 1);
    assert_eq!(host.engine.description().version, "2.0.0");
    assert_eq!(host.print("memory"), "1");
}

#[test]
fn a_failure_is_kept_with_its_functions_and_counted() {
    let host = Host::with(trying(100), Memory::new());
    for _ in 0..5 {
        assert_eq!(host.run("enter p\nput k v\ntraps"), Answer::Failed);
    }
    host.engine.swap(&with_text("told to", "TOLD TO")).unwrap();
    assert_eq!(host.run("enter p\nrecurses"), Answer::Failed);
    assert_eq!(host.run("enter p\nuses_a_giant_key"), Answer::Failed);
    host.engine.roll_back().unwrap().unwrap();
    let failures = host.engine.failures();
    assert_eq!(failures.len(), 3, "{failures:#?}");
    let [limit, recursion, trap] = &failures[..] else { unreachable!() };
    assert_eq!((trap.generation, recursion.generation, limit.generation), (1, 2, 2));
    assert_eq!((trap.count, trap.cause, trap.kind), (5, Cause::Trap, Kind::Request));
    assert_eq!(trap.partition.as_deref(), Some("p"));
    assert_eq!(trap.summary, "TEST sip:test@example.com");
    let has = |failure: &rollcall_engine::FailedStep, name: &str| {
        assert!(failure.backtrace.iter().any(|function| function.contains(name)), "{failure:#?}");
    };
    has(trap, "rollcall_test_guest::hostile::traps");
    assert!(trap.log[0].contains("hostile.rs") && trap.log[0].ends_with("told to"), "{:?}", trap.log);
    assert_eq!((trap.recorded, trap.repeats), (true, Some(true)));
    let step = host.engine.failed_step(trap.id).unwrap();
    let again = |component: &[u8]| {
        let options = ReplayOptions { component, config: quiet(), chosen: None };
        replay(&mut Recording::open(&step[..]).unwrap(), &options, &mut |_| {}).unwrap().report
    };
    let same = again(GUEST);
    assert_eq!((same.steps, same.differ), (1, 0), "it fails in the same way: {same}");
    has(recursion, "recurses::deeper");
    assert_eq!(recursion.cause, Cause::Trap);
    assert_eq!(limit.cause, Cause::Limit);
    assert_eq!(limit.message, "a key or name has 1048576 bytes, more than allowed");
    has(limit, "uses_a_giant_key");
}

/// A verdict that cannot be honoured is a failure for whoever looks at the step later, too: when it runs once
/// more, in a recording, and for a shadow.
#[test]
fn a_verdict_that_cannot_be_honoured_is_a_failure_everywhere() {
    let host = Host::with(EngineConfig { roll_back: None, ..quiet() }, Memory::new());
    let script = "enter p\npasses_with_effects";
    let recording = recorded(&host, &ALL, || assert_eq!(host.run(script), Answer::Failed));
    let failure = host.engine.failures().remove(0);
    assert_eq!((failure.cause, failure.recorded, failure.repeats), (Cause::Verdict, true, Some(true)));
    let step = host.engine.failed_step(failure.id).unwrap();
    for recording in [&recording[..], &step[..]] {
        let listed = contents(&mut Recording::open(recording).unwrap()).unwrap();
        assert_eq!(listed.steps.values().map(|(_, failed, _)| failed).sum::<u64>(), 1);
        let options = ReplayOptions { component: GUEST, config: quiet(), chosen: None };
        let report = replay(&mut Recording::open(recording).unwrap(), &options, &mut |_| {}).unwrap().report;
        assert_eq!((report.steps, report.differ), (1, 0), "{report}");
    }
    // The second edition does it where the first one does nothing.
    host.engine.shadow(&Edition::Second.component(), 1.0).unwrap();
    host.run("enter p\nnewer passes_with_effects");
    let status = || host.engine.shadow_status().unwrap().report;
    host.wait_until("the step of the shadow", || status().steps == 1);
    assert_eq!((status().differ, status().failed), (1, 1), "{}", status());
}

#[test]
fn what_is_kept_of_failures_is_bounded() {
    let host = Host::with(EngineConfig { roll_back: None, ..quiet() }, Memory::new());
    for generation in 0..6 {
        for bytes in 1025..1050 {
            host.run(&format!("enter p\nput {} v", "k".repeat(bytes)));
        }
        host.run("traps");
        host.engine.swap(if generation % 2 == 0 { GUEST } else { &OTHER }).unwrap();
    }
    let failures = host.engine.failures();
    assert!(failures.len() <= 4 * 16, "{}", failures.len());
    assert_eq!(failures[0].generation, 6);
    assert!(failures.iter().all(|failure| failure.generation >= 3), "{failures:#?}");
}

static OTHER: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| with_text("told to", "TOLD TO"));
