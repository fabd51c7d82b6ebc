//! Reloads of tables beside what else goes on: steps, swaps, other reloads.

use crate::host::{Host, quiet};
use crate::rows::{Rows, sources};
use rollcall_engine::{EngineConfig, HostClock, TableOutcome};
use rollcall_storage::Memory;
use rollcall_test_guests::{GUEST, with_text};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

const NAMES: [&str; 3] = ["numbers", "names", "lists"];

fn start(config: EngineConfig, rows: &[Arc<Rows>; 3]) -> Host {
    let tables = sources([(NAMES[0], &rows[0]), (NAMES[1], &rows[1]), (NAMES[2], &rows[2])]);
    Host::start(GUEST, Arc::new(HostClock::new()), config, tables, Memory::new()).unwrap()
}

fn three(line: &str) -> [Arc<Rows>; 3] {
    std::array::from_fn(|_| Rows::of(&[line]))
}

/// Looks into all three tables, again and again.
fn looks(times: usize) -> String {
    let once: String = NAMES.map(|name| format!("lookup {name} v\n")).concat();
    once.repeat(times)
}

#[test]
fn no_step_sees_half_of_a_new_set_while_tables_are_reloaded_and_swapped_under_load() {
    let rows = three("v=0");
    let host = start(quiet(), &rows);
    let other = with_text("told to", "TOLD TO");
    let (done, newest) = (AtomicBool::new(false), AtomicU64::new(0));
    let script = looks(100);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let (mut seen, mut steps) = (0, 0_u64);
                    while !done.load(Ordering::SeqCst) || steps == 0 {
                        let in_force = newest.load(Ordering::SeqCst);
                        let text = host.print(&script);
                        let mut values = text.lines();
                        let first: u64 = values.next().unwrap().parse().unwrap();
                        assert!(values.all(|value| value == first.to_string()), "{text}");
                        assert!(first >= in_force && first >= seen, "{first} after {in_force} and {seen}");
                        seen = first;
                        steps += 1;
                    }
                    steps
                })
            })
            .collect();
        for round in 1..=60_u64 {
            rows.iter().for_each(|rows| rows.set(&[&format!("v={round}")]));
            match round % 10 {
                0 => drop(host.engine.swap(&other).unwrap()),
                5 if round > 10 => drop(host.engine.roll_back().unwrap().unwrap()),
                _ => {
                    let reports = host.engine.reload_tables();
                    assert!(reports.iter().all(|report| report.outcome == TableOutcome::Replaced));
                }
            }
            newest.store(round, Ordering::SeqCst);
        }
        done.store(true, Ordering::SeqCst);
        workers.into_iter().for_each(|worker| assert!(worker.join().unwrap() > 0));
    });
    assert_eq!(host.print("lookup numbers v"), "60");
}

/// Stops a step in the middle, at its first line for the log.
#[derive(Clone)]
struct Pause(Arc<dyn Fn() + Send + Sync>);

impl std::io::Write for Pause {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        (self.0)();
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_step_under_way_ends_with_the_tables_that_it_began_with() {
    let rows = three("v=1");
    let host = start(quiet(), &rows);
    let paused = AtomicBool::new(false);
    let (reached, reaches) = channel();
    let (resume, resumed) = channel::<()>();
    let resumed = parking_lot::Mutex::new(resumed);
    let pause = Pause(Arc::new({
        move || {
            if !paused.swap(true, Ordering::SeqCst) {
                reached.send(()).unwrap();
                resumed.lock().recv().unwrap();
            }
        }
    }));
    std::thread::scope(|scope| {
        let step = scope.spawn(|| {
            let subscriber = tracing_subscriber::fmt().with_writer(move || pause.clone()).finish();
            // Steps of requests run on the thread that hands them in.
            tracing::subscriber::with_default(subscriber, || {
                host.print("lookup numbers v\nfloods_the_log\nlookup numbers v\nlookup lists v")
            })
        });
        reaches.recv().unwrap();
        rows.iter().for_each(|rows| rows.set(&["v=2"]));
        host.engine.reload_tables();
        assert_eq!(host.print("lookup numbers v"), "2");
        resume.send(()).unwrap();
        assert_eq!(step.join().unwrap(), "1\n1\n1");
    });
}

#[test]
fn steps_go_on_while_tables_are_loaded_even_with_one_instance() {
    let rows = three("v=1");
    let host = start(EngineConfig { instances: 1, ..quiet() }, &rows);
    let gate = rows[1].gate();
    std::thread::scope(|scope| {
        rows.iter().for_each(|rows| rows.set(&["v=2"]));
        let reload = scope.spawn(|| host.engine.reload_tables());
        gate.wait();
        // The first table is built already, and not in force.
        assert_eq!(host.print(&looks(1)), "1\n1\n1");
        gate.open();
        reload.join().unwrap();
        assert_eq!(host.print(&looks(1)), "2\n2\n2");
    });
}

#[test]
fn reload_swap_and_roll_back_wait_for_each_other() {
    let rows = three("v=1");
    let host = start(quiet(), &rows);
    let other = with_text("told to", "TOLD TO");
    host.engine.swap(&other).unwrap();
    let changes: [&(dyn Fn() + Sync); 3] =
        [&|| drop(host.engine.reload_tables()), &|| drop(host.engine.swap(GUEST).unwrap()), &|| {
            drop(host.engine.roll_back().unwrap().unwrap())
        }];
    for first in changes {
        for second in changes {
            let gate = rows[0].gate();
            let reads = rows[0].reads();
            let (done, ends) = channel();
            std::thread::scope(|scope| {
                scope.spawn(first);
                gate.wait();
                scope.spawn(move || {
                    second();
                    done.send(()).unwrap();
                });
                assert_eq!(ends.recv_timeout(Duration::from_millis(20)), Err(RecvTimeoutError::Timeout));
                assert_eq!(rows[0].reads(), reads + 1, "only the first reads");
                gate.open();
            });
            assert_eq!(rows[0].reads(), reads + 2);
        }
    }
}

#[test]
fn going_back_builds_the_earlier_tables_anew_and_keeps_what_is_broken_as_it_was_there() {
    let rows = three("v=1");
    let host = start(quiet(), &rows);
    rows.iter().for_each(|rows| rows.set(&["v=2"]));
    host.engine.swap(&with_text("told to", "TOLD TO")).unwrap();
    assert_eq!(host.print(&looks(1)), "2\n2\n2");
    rows[0].set(&["v=3"]);
    rows[1].set(&["v=3", "bad"]);
    rows[2].vanish();
    host.engine.roll_back().unwrap().unwrap();
    assert_eq!(host.print(&looks(1)), "3\n1\n1");
    let gauges = host.engine.gauges().tables;
    assert_eq!(gauges.iter().map(|table| table.failures).collect::<Vec<_>>(), [0, 1, 1]);
}
