//! Swap and roll back: between two steps, and refused with a reason when something does not fit.

use crate::host::{Host, quiet};
use rollcall_engine::{Answer, ComponentError, EngineConfig, HostClock, StartError};
use rollcall_storage::conformance::Durable;
use rollcall_storage::testing::Disk;
use rollcall_storage::{Engine as Storage, Memory};
use rollcall_test_guests::{Edition, GUEST, with_text};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

fn start(component: &[u8], config: EngineConfig, storage: impl Storage) -> Result<Host, StartError> {
    Host::start(component, Arc::new(HostClock::new()), config, Vec::new(), storage)
}

#[test]
fn swap_and_roll_back_keep_the_state() {
    let host = Host::new();
    host.print("enter p\nput d 1\nrelax r 1\ntimer t 3600000 note k fired\nsend TEST outcome got");
    let digest = host.engine.digest();
    assert!(host.engine.roll_back().unwrap().is_none(), "nothing to go back to");
    assert_eq!(host.engine.swap(&Edition::Second.component()).unwrap().version, "2.0.0");
    assert_ne!(host.engine.digest(), digest);
    assert_eq!(host.print("enter p\nget d\nget r\nmemory"), "1\n1\n1");
    let (id, _) = host.edge.wait_for_sends(1).remove(0);
    host.fail(id);
    host.wait_for("p", "got", "timeout");
    host.clock.advance(3_600_000);
    host.wait_for("p", "k", "fired");
}

#[test]
fn going_back_is_refused_once_the_store_may_hold_newer_records() {
    let host = Host::new();
    host.engine.swap(&Edition::Second.component()).unwrap();
    match host.engine.roll_back() {
        Err(ComponentError::Schema { stored: 2, reads }) => assert_eq!(reads, [1]),
        other => panic!("{other:?}"),
    }
    assert_eq!(host.engine.description().version, "2.0.0");
    let same = with_text("told to", "TOLD TO");
    assert!(matches!(host.engine.swap(&same), Err(ComponentError::Schema { .. })));
    assert_eq!(host.engine.description().version, "2.0.0");
}

#[test]
fn going_back_to_one_that_reads_the_store_works_and_again() {
    let host = Host::new();
    let first = host.engine.digest();
    let other = with_text("told to", "TOLD TO");
    host.engine.swap(&other).unwrap();
    let second = host.engine.digest();
    host.print("enter p\nput k v");
    host.engine.roll_back().unwrap().unwrap();
    assert_eq!(host.engine.digest(), first);
    assert_eq!(host.get("p", "k"), "v");
    host.engine.roll_back().unwrap().unwrap();
    assert_eq!(host.engine.digest(), second);
}

#[test]
fn a_component_that_does_not_fit_is_refused_and_the_running_one_goes_on() {
    let host = Host::new();
    let digest = host.engine.digest();
    let refused = |component: &[u8]| {
        let error = host.engine.swap(component).unwrap_err();
        assert_eq!(host.engine.digest(), digest);
        assert_eq!(host.print("get_none_is_no_word\n".get(..0).unwrap()), "");
        error
    };
    assert!(matches!(refused(b""), ComponentError::Invalid(_)));
    assert!(matches!(refused(b"\0asm\x01\0\0\0"), ComponentError::Invalid(_)), "a core module");
    assert!(matches!(refused(&GUEST[..GUEST.len() / 2]), ComponentError::Invalid(_)));
    match refused(&with_text("rollcall:plugin/random@", "strangers:world/random@")) {
        ComponentError::Imports(names) => assert_eq!(names, ["strangers:world/random@0.3.0"]),
        other => panic!("{other:?}"),
    }
    for (other, advice) in [("@0.4.0", "it needs a newer host"), ("@0.2.0", "it has to be built anew")] {
        let error = refused(&with_text("@0.3.0", other));
        let told = format!(
            "the component was built against rollcall:plugin {}; this host takes 0.3.0: {advice}",
            &other[1..]
        );
        assert_eq!(error.to_string(), told);
    }
    match refused(&Edition::Estranged.component()) {
        ComponentError::Schema { stored: 1, reads } => assert_eq!(reads, [3]),
        other => panic!("{other:?}"),
    }
    assert!(matches!(refused(&Edition::Mute.component()), ComponentError::Trapped { call: "describe", .. }));
}

#[test]
fn one_that_never_returns_is_refused_by_its_deadline() {
    let mut config = quiet();
    config.limits.deadline = std::time::Duration::from_millis(300);
    let host = Host::with(config, Memory::new());
    let error = host.engine.swap(&Edition::Endless.component()).unwrap_err();
    assert!(matches!(error, ComponentError::Trapped { call: "describe", .. }), "{error}");
}

#[test]
fn a_refused_configuration_names_every_problem() {
    let config = EngineConfig { plugin_configuration: "{\"refuse\": true}".into(), ..quiet() };
    match start(GUEST, config, Memory::new()).map(|_| ()) {
        Err(StartError::Component(ComponentError::Configuration(problems))) => {
            let keys: Vec<&str> = problems.iter().map(|(key, _)| key.as_str()).collect();
            assert_eq!(keys, ["one", "two"]);
        }
        other => panic!("{other:?}"),
    }
    let config = EngineConfig { plugin_configuration: "{\"trap\": true}".into(), ..quiet() };
    match start(GUEST, config, Memory::new()).map(|_| ()) {
        Err(StartError::Component(ComponentError::Trapped { call: "configure", .. })) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_store_of_another_schema_is_not_opened() {
    let disk = Disk::default();
    let host = Host::on(disk.open());
    host.stop();
    drop(host);
    let refused = start(&Edition::Estranged.component(), quiet(), disk.open()).map(|_| ());
    assert!(matches!(refused, Err(StartError::Component(ComponentError::Schema { stored: 1, .. }))));
    start(&Edition::Second.component(), quiet(), disk.open()).unwrap().stop();
    let refused = start(GUEST, quiet(), disk.open()).map(|_| ());
    assert!(matches!(refused, Err(StartError::Component(ComponentError::Schema { stored: 2, .. }))));
}

#[test]
fn swaps_under_load_lose_no_request_and_no_write() {
    let host = Host::new();
    let editions = [GUEST.to_vec(), with_text("told to", "TOLD TO")];
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..3)
            .map(|n| {
                let (host, done) = (&host, &done);
                scope.spawn(move || {
                    let mut count = 0_u64;
                    while !done.load(Ordering::Relaxed) || count == 0 {
                        let answer = host.run(&format!("enter p{n}\nadd k 1\npost q{n} relaxed_add k 1"));
                        assert!(matches!(answer, Answer::Reply(_)), "{answer:?}");
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        for round in 0..20 {
            host.engine.swap(&editions[(round + 1) % 2]).unwrap();
        }
        done.store(true, Ordering::Relaxed);
        for (n, worker) in workers.into_iter().enumerate() {
            let count = worker.join().unwrap().to_string();
            assert_eq!(host.get(&format!("p{n}"), "k"), count);
            host.wait_for(&format!("q{n}"), "k", &count);
        }
    });
    assert_eq!(host.engine.metrics().traps.get(), 0);
}
