//! What recording and a shadow cost: processor time of the whole process for a PUBLISH that modifies, with
//! neither, with one, with the other, in turn. The ratios count; the times are those of a busy machine.

// A bench measures time and may panic.
#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod common;

use common::Bench;
use rollcall_engine::RecordOptions;
use std::io;
use std::time::{Duration, Instant};

/// PUBLISH requests of a round, of so many identities.
const STEPS: usize = 4_000;
const USERS: usize = 64;
const ROUNDS: usize = 7;

/// What runs beside the steps.
#[derive(Clone, Copy, Debug)]
enum Beside {
    Nothing,
    Recording(f64),
    Shadow(f64),
}

const ALL: [Beside; 5] = [
    Beside::Nothing,
    Beside::Recording(1.0),
    Beside::Recording(0.1),
    Beside::Shadow(0.1),
    Beside::Shadow(1.0),
];

fn main() {
    // Called by `cargo test --benches` to see that it runs.
    let rounds = if std::env::args().any(|argument| argument == "--test") { 1 } else { ROUNDS };
    let bench = Bench::new();
    let mut tags: Vec<String> = (0..USERS).map(|user| bench.publish(user, "", 0)).collect();
    let mut spent = [const { Vec::new() }; ALL.len()];
    for round in 0..rounds {
        for (beside, spent) in ALL.iter().zip(&mut spent) {
            begin(&bench, *beside);
            let (cpu, since) = (processor_time(), Instant::now());
            for step in 0..STEPS {
                let user = step % USERS;
                tags[user] = bench.publish(user, &tags[user], round * STEPS + step);
            }
            let elapsed = since.elapsed();
            // What the writer and the shadow have yet to do is theirs, too.
            end(&bench);
            spent.push((processor_time() - cpu, elapsed));
        }
    }
    let metrics = bench.engine.metrics();
    println!(
        "recorded {} steps, left out {}",
        metrics.recording.written.get(),
        metrics.recording.left_out.get()
    );
    let shadow = &metrics.shadow;
    println!(
        "shadows: {} same, {} differ, {} skipped",
        shadow.same.get(),
        shadow.differs.get(),
        shadow.skipped.get()
    );
    let micros = |time: Duration| time.as_secs_f64() * 1e6 / STEPS as f64;
    let median = |times: &[(Duration, Duration)], of: fn(&(Duration, Duration)) -> Duration| {
        let mut times: Vec<Duration> = times.iter().map(of).collect();
        times.sort();
        micros(times[times.len() / 2])
    };
    let (cpu, wall) = (median(&spent[0], |t| t.0), median(&spent[0], |t| t.1));
    for (beside, spent) in ALL.iter().zip(&spent) {
        let (own_cpu, own_wall) = (median(spent, |t| t.0), median(spent, |t| t.1));
        println!(
            "{:<18} {own_cpu:>6.1} us CPU a step ({:+.0} %), {own_wall:>6.1} us until answered ({:+.0} %)",
            format!("{beside:?}"),
            (own_cpu / cpu - 1.0) * 100.0,
            (own_wall / wall - 1.0) * 100.0,
        );
    }
    bench.engine.stop(Duration::from_secs(5)).expect("a stop in order");
}

fn begin(bench: &Bench, beside: Beside) {
    match beside {
        Beside::Nothing => {}
        Beside::Recording(share) => {
            let options = RecordOptions { share, limit: u64::MAX, time: Duration::from_secs(3600) };
            bench.engine.record(&options, Box::new(io::sink())).expect("a recording");
        }
        Beside::Shadow(share) => {
            bench.engine.shadow(rollcall_component::COMPONENT, share).expect("a shadow");
        }
    }
}

fn end(bench: &Bench) {
    bench.engine.end_recording();
    while bench.engine.records() {
        std::thread::sleep(Duration::from_millis(1));
    }
    // Let it come to the end of its queue.
    let dealt = || bench.engine.shadow_status().map(|status| status.report.steps);
    let mut before = None;
    while dealt() != before {
        before = dealt();
        std::thread::sleep(Duration::from_millis(20));
    }
    bench.engine.end_shadow();
}

/// Processor time of the process, threads that have ended included, in ticks of 10 ms.
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields: Vec<&str> = text.rsplit(')').next().expect("fields").split_whitespace().collect();
    let ticks: u64 = [11, 12].iter().map(|at| fields[*at].parse::<u64>().expect("a number")).sum();
    Duration::from_millis(ticks * 10)
}
