//! Stopping in order.

use crate::host::{Host, quiet};
use rollcall_engine::Answer;
use rollcall_storage::conformance::Durable;
use rollcall_storage::testing::Disk;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

#[test]
fn a_stop_under_load_loses_nothing_that_was_answered() {
    let disk = Disk::default();
    for _ in 0..5 {
        let mut config = quiet();
        config.flush_interval = Duration::from_millis(3);
        let host = Host::with(config, disk.open());
        let before: u64 = host.print("enter p\nrelaxed_add n 0").parse().unwrap();
        let answered = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for thread in 0..3 {
                let (host, answered) = (&host, &answered);
                scope.spawn(move || {
                    loop {
                        // Relaxed, so that only the stop makes it durable; posts and timers beside it.
                        let script = format!(
                            "enter p\nrelaxed_add n 1\npost q{thread} relaxed_add n 1\ntimer t 0 relaxed_add m 1"
                        );
                        match host.run(&script) {
                            Answer::Reply(_) => answered.fetch_add(1, Ordering::Relaxed),
                            Answer::Busy => break,
                            other => panic!("{other:?}"),
                        };
                    }
                });
            }
            std::thread::sleep(Duration::from_millis(30));
            host.engine.stop(Duration::ZERO).unwrap();
        });
        drop(host);
        let host = Host::on(disk.open());
        assert_eq!(host.print("epoch"), "0", "the stop was not orderly");
        let after = before + answered.load(Ordering::Relaxed);
        assert_eq!(host.get("p", "n"), after.to_string());
        // Posts that the stop caught are delivered now.
        host.wait_until("posts", || {
            let arrived = |n| host.get(&format!("q{n}"), "n").parse().unwrap_or(0_u64);
            arrived(0) + arrived(1) + arrived(2) == after
        });
        host.stop();
    }
}

#[test]
fn a_stopped_engine_answers_busy_and_stops_again() {
    let host = Host::new();
    host.print("enter p\nput k v");
    host.stop();
    assert_eq!(host.run("enter p\nget k"), Answer::Busy);
    assert!(host.document("enter p\nput k w").is_err());
    host.stop();
}

#[test]
fn a_stop_waits_for_open_outcomes() {
    let disk = Disk::default();
    let host = Host::on(disk.open());
    host.print("enter p\nput on-recovery add recovered 1\nsend TEST outcome k");
    let (id, _) = host.edge.wait_for_sends(1).remove(0);
    std::thread::scope(|scope| {
        let stopped = scope.spawn(|| host.engine.stop(Duration::from_secs(20)));
        host.wait_until("refusal", || host.run("enter p\nget k") == Answer::Busy);
        host.fail(id);
        stopped.join().unwrap().unwrap();
    });
    drop(host);
    let host = Host::on(disk.open());
    host.settle();
    assert_eq!(host.print("enter p\nget k\nget recovered"), "timeout\n-");
}
