//! The host killed while it works: a ledger of what was answered is compared with what is there afterwards.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{Check, When::Alone};
use crate::bench::{Bench, Verdict, partition, same};
use crate::script;

pub const CHECKS: &[Check] = &[Check::new(
    &["H-ATOM-3", "H-ATOM-4", "H-DUR-1", "H-DUR-3"],
    "killed while it works, it keeps what it has answered, and whole steps only",
    Alone(killed),
)];

/// Partitions that are written at the same time.
const WRITERS: usize = 4;
/// Kills.
const ROUNDS: u64 = 3;

/// What a writer knows of its partition.
struct Ledger {
    partition: String,
    tried: u64,
    answered: u64,
}

fn killed(bench: &Bench) -> Verdict {
    let mut ledgers: Vec<Ledger> =
        (0..WRITERS).map(|_| Ledger { partition: partition(), tried: 0, answered: 0 }).collect();
    for round in 1..=ROUNDS {
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for ledger in &mut ledgers {
                scope.spawn(|| write(bench, ledger, &stop));
            }
            // Another moment in each round.
            std::thread::sleep(Duration::from_millis(100 + 37 * round));
            let down = bench.control.kill();
            stop.store(true, Ordering::Relaxed);
            down
        })?;
        bench.control.start()?;
        bench.wait_ready(crate::suite::START)?;
        for ledger in &mut ledgers {
            compare(bench, ledger)?;
        }
    }
    Ok(())
}

/// Steps with two durable records, two relaxed ones and a post each, until the host is gone.
fn write(bench: &Bench, ledger: &mut Ledger, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let (name, number) = (&ledger.partition, ledger.tried + 1);
        let posted = script![put "posted" number];
        let script = script![
            enter name; put "a" number; relax "r" number; post name posted; relax "s" number; put "b" number
        ];
        let request = bench.peer.request(&bench.uri, &script.to_string());
        ledger.tried = number;
        let answer = bench.peer.ask(&request, bench.target, Duration::from_secs(1));
        if !answer.is_ok_and(|answer| answer.status() == 200) {
            // It may still be taken, and must not come after a later one.
            return;
        }
        ledger.answered = number;
    }
}

fn compare(bench: &Bench, ledger: &mut Ledger) -> Verdict {
    let (name, tried, answered) = (&ledger.partition, ledger.tried, ledger.answered);
    let found = bench.lines(&script![enter name; get "a"; get "b"; get "r"; get "s"])?;
    let numbers: Vec<u64> = found.iter().map(|value| value.parse().unwrap_or(0)).collect();
    let [a, b, r, s] = numbers[..] else { return Err(format!("four values expected: {found:?}")) };
    same(a == b, || format!("half a step is there: a is {a}, b is {b}"))?;
    same(r == s, || format!("half of the relaxed writes is there: r is {r}, s is {s}"))?;
    same(r <= tried && a <= tried, || format!("what nobody wrote: {found:?}, up to {tried} were"))?;
    same(a >= answered, || format!("{answered} was answered with 200, but {a} is there"))?;
    // The step's post is there with it, sooner or later.
    bench.becomes(&script![enter name; get "posted"], if a == 0 { "-".to_owned() } else { a.to_string() })?;
    ledger.tried = tried.max(a);
    Ok(())
}
