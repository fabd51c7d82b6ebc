//! A shadow: runs the steps of another component without effects, compares, and takes over (issue 6, rehearse).

use crate::host::{Host, quiet, status};
use crate::rows::{Rows, sources};
use rollcall_engine::{
    Change, ComponentError, EngineConfig, HostClock, PromoteError, ShadowStatus, StepLimits,
};
use rollcall_storage::Memory;
use rollcall_test_guests::{Edition, GUEST, with_text};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The shadow's status once it has dealt with so many steps.
fn after(host: &Host, steps: u64) -> ShadowStatus {
    let seen = || host.engine.shadow_status().map_or(0, |status| status.report.steps + status.skipped);
    host.wait_until("steps of the shadow", || seen() >= steps);
    host.engine.shadow_status().unwrap()
}

#[test]
fn the_same_component_as_a_shadow_does_the_same() {
    let host = Host::new();
    host.engine.shadow(GUEST, 1.0).unwrap();
    for number in 0..50 {
        host.run(&format!("enter p{}\nadd a 1\nrandom 8\nnow\nsend TEST outcome k\nscan 9 a", number % 7));
    }
    let status = after(&host, 50);
    assert_eq!((status.report.steps, status.report.differ, status.skipped), (50, 0, 0), "{}", status.report);
    host.edge.wait_for_sends(50);
    host.settle();
    assert_eq!(host.edge.sends().len(), 50, "what the shadow sends leaves");
    assert_eq!(host.get("p0", "a"), "8", "what the shadow writes is there");
    assert!(status.cpu > Duration::ZERO);
    let counts = &host.engine.metrics().shadow;
    assert_eq!(counts.differs.get() + counts.failed.get(), 0);
    assert!(counts.same.get() >= 50);
}

#[test]
fn what_a_shadow_would_do_otherwise_is_told_and_not_done() {
    let host = Host::new();
    host.engine.shadow(&Edition::Second.component(), 1.0).unwrap();
    for number in 0..10 {
        host.run(&format!(
            "enter p{number}\nput a x\nnewer put b y\nnewer send TEST note k v\nnewer reply 480"
        ));
    }
    let status = after(&host, 10);
    assert_eq!((status.report.steps, status.report.differ), (10, 10));
    let groups: Vec<_> =
        status.report.groups.iter().map(|g| (g.steps, &*g.subject, &*g.place, g.change)).collect();
    let expected = [
        (10, "TEST answers", "status", Change::Changed),
        (10, "TEST requests", "request", Change::New),
        (10, "banana records", "write", Change::New),
    ];
    assert_eq!(groups, expected, "{}", status.report);
    assert_eq!((host.get("p1", "b").as_str(), host.edge.sends().len()), ("-", 0));
    assert_eq!(host.engine.metrics().shadow.differs.get(), 10);
}

#[test]
fn a_promoted_shadow_runs_and_is_no_shadow_any_more() {
    let host = Host::new();
    assert!(matches!(host.engine.promote(), Err(PromoteError::NoShadow)));
    let second = Edition::Second.component();
    host.engine.shadow(&second, 1.0).unwrap();
    assert_eq!(host.print("enter p\nput a x\nget a\nnewer now"), "x");
    assert_eq!(host.engine.promote().unwrap().version, "2.0.0");
    assert!(host.engine.shadow_status().is_none());
    assert_eq!(host.engine.description().version, "2.0.0");
    assert_eq!(host.print("enter p\nnewer get a"), "x");
    assert!(host.engine.end_shadow().is_none());
}

#[test]
fn one_that_could_not_be_swapped_in_is_no_shadow_and_one_that_no_longer_can_is_not_promoted() {
    let host = Host::new();
    let refused = host.engine.shadow(&Edition::Estranged.component(), 1.0);
    assert!(matches!(refused, Err(ComponentError::Schema { .. })));
    assert!(host.engine.shadow_status().is_none());
    host.engine.shadow(&with_text("told to", "TOLD TO"), 1.0).unwrap();
    // From now on there may be records that the shadow cannot read.
    host.engine.swap(&Edition::Second.component()).unwrap();
    let refused = host.engine.promote();
    assert!(matches!(refused, Err(PromoteError::Component(ComponentError::Schema { .. }))), "{refused:?}");
    assert!(host.engine.shadow_status().is_some(), "it goes on");
    assert_eq!(host.engine.description().version, "2.0.0");
}

#[test]
fn a_shadow_that_traps_harms_nobody() {
    let host = Host::new();
    host.engine.shadow(&Edition::Second.component(), 1.0).unwrap();
    for number in 0..30 {
        assert_eq!(status(&host.run(&format!("enter p{number}\nput a x\nnewer traps"))), 200);
    }
    let found = after(&host, 30);
    assert!(found.report.failed > 0 && found.report.failed == found.report.differ, "{}", found.report);
    assert_eq!(found.report.failed + found.skipped, 30);
    let metrics = host.engine.metrics();
    assert_eq!(metrics.traps.get(), 0, "they are not the component's");
    assert_eq!(metrics.shadow.failed.get(), found.report.failed);
    let why = found.report.groups[0].example.after.as_deref().unwrap();
    assert!(why.starts_with("fails: trap"), "{why}");
}

#[test]
fn a_shadow_that_never_ends_takes_little_time_and_delays_nobody() {
    let limits = StepLimits { deadline: Duration::from_millis(200), ..quiet().limits };
    let config = EngineConfig { limits, ..quiet() };
    let host = Host::with(config, Memory::new());
    host.engine.shadow(&Edition::Second.component(), 1.0).unwrap();
    let since = Instant::now();
    for number in 0..2000 {
        assert_eq!(status(&host.run(&format!("enter p{number}\nput a x\nnewer spins"))), 200);
    }
    host.wait_until("a failure", || host.engine.metrics().shadow.failed.get() > 0);
    let found = host.engine.end_shadow().unwrap();
    let elapsed = since.elapsed();
    assert!(found.skipped > 0, "{found:?}");
    // It runs for its deadline and then pauses for ten times that.
    assert!(found.report.failed as u32 <= 2 + elapsed.as_millis() as u32 / 2000, "{found:?} in {elapsed:?}");
    assert_eq!(host.engine.metrics().deadlines.get(), 0);
}

#[test]
fn a_shadow_gets_its_share_of_the_partitions() {
    let host = Host::new();
    host.engine.shadow(GUEST, 0.3).unwrap();
    for round in 0..3 {
        for number in 0..100 {
            host.run(&format!("enter p{number}\nput a {round}"));
        }
    }
    let seen = || host.engine.shadow_status().unwrap().report.steps;
    host.wait_until("steps", || seen() >= 30);
    host.run("enter last");
    host.settle();
    let found = host.engine.end_shadow().unwrap();
    assert!((30..200).contains(&found.report.steps) && found.report.differ == 0, "{found:?}");
}

#[test]
fn a_shadow_looks_into_tables_as_they_are_now() {
    let numbers = Rows::of(&["one=1"]);
    let tables = sources([("numbers", &numbers)]);
    let host = Host::start(GUEST, Arc::new(HostClock::new()), quiet(), tables, Memory::new()).unwrap();
    host.engine.shadow(&Edition::Second.component(), 1.0).unwrap();
    assert_eq!(host.print("lookup numbers one\nnewer lookup numbers one"), "1");
    numbers.set(&["one=I"]);
    host.engine.reload_tables();
    assert_eq!(host.print("lookup numbers one\nlookup numbers two\nnewer lookup numbers three"), "I\n-");
    let found = after(&host, 2);
    // What the second edition prints more, and nothing of what both print.
    let rows: Vec<_> = found.report.groups.iter().map(|g| g.example.after.as_deref().unwrap_or("")).collect();
    assert_eq!((found.report.differ, rows), (2, vec!["-", "1"]), "{}", found.report);
}

#[test]
fn a_shadow_follows_a_swap_and_takes_the_place_of_another() {
    let host = Host::new();
    host.engine.shadow(&Edition::Second.component(), 1.0).unwrap();
    host.engine.shadow(&with_text("told to", "TOLD TO"), 1.0).unwrap();
    host.run("enter p\nnewer put b y\nput a x");
    assert_eq!(after(&host, 1).report.differ, 0);
    host.engine.shadow(&Edition::Second.component(), 1.0).unwrap();
    host.engine.swap(&Edition::Second.component()).unwrap();
    host.run("enter p\nnewer put b y\nput a x");
    assert_eq!(after(&host, 1).report.differ, 0);
    assert_eq!(host.engine.end_shadow().unwrap().description.version, "2.0.0");
    host.run("enter p\nput a z");
    host.stop();
}
