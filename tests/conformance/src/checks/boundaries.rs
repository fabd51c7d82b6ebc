//! Partitions, and the least that a plugin may count on.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::{Check, When::Running};
use crate::bench::{Bench, Verdict, partition, same};
use crate::script;

pub const CHECKS: &[Check] = &[
    Check::new(&["H-PART-1"], "what one partition holds, another does not", Running(apart)),
    Check::new(&["H-PART-2"], "steps of a partition come one after another", Running(serial)),
    Check::new(
        &["H-PART-3"],
        "a second partition ends the step, the same one again does not",
        Running(second),
    ),
    Check::new(&["H-PART-4"], "storage without a partition ends the step", Running(none)),
    Check::new(&["H-PART-5"], "a partition's name has 1 to 512 bytes", Running(names)),
    Check::new(&["H-LIM-1"], "keys and names of timers may have 1024 bytes", Running(keys)),
    Check::new(&["H-LIM-2"], "values and payloads may have 1,000,000 bytes", Running(values)),
    Check::new(&["H-LIM-3"], "a step may stage 10,000 effects, and 16,000,000 bytes", Running(effects)),
    Check::new(&["H-LIM-4"], "a step may call the host 100,000 times", Running(calls)),
    Check::new(&["H-LIM-5"], "a plugin may use 48 MiB of memory", Running(memory)),
    Check::new(&["H-LIM-6"], "a step may take 100 ms", Running(time)),
    Check::new(&["H-LIM-7"], "a key, a value or a step without bounds ends the step", Running(unbounded)),
    Check::new(&["H-LOG-1"], "a flood of log lines ends no step", Running(flood)),
    Check::new(&["H-MET-1"], "a step may say 256 figures; what is no name ends it", Running(figures)),
];

fn apart(bench: &Bench) -> Verdict {
    let (one, other) = (partition(), partition());
    bench.prints(&script![enter one; put "k" 1; timer "t" 0 ""], "")?;
    bench.prints(&script![enter other; get "k"; scan "" 10], "-")
}

fn serial(bench: &Bench) -> Verdict {
    const THREADS: usize = 8;
    const EACH: usize = 12;
    let name = partition();
    // Long enough to meet others of its kind.
    let script = script![enter name; add "n" 1; work 20000; add "m" 1];
    let met = AtomicUsize::new(0);
    let sums = std::thread::scope(|scope| {
        let run = || {
            met.fetch_add(1, Ordering::Relaxed);
            (0..EACH).map(|_| bench.line(&script)).collect::<Verdict<Vec<String>>>()
        };
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(run)).collect();
        let joined =
            threads.into_iter().map(|thread| thread.join().map_err(|_| "a thread failed".to_owned())?);
        joined.collect::<Verdict<Vec<_>>>()
    })?;
    let mut sums: Vec<String> = sums.into_iter().flatten().collect();
    let mut expected: Vec<String> = (1..=THREADS * EACH).map(|sum| format!("{sum} {sum}")).collect();
    sums.sort();
    expected.sort();
    same(sums == expected, || format!("steps did not see each other's writes: {sums:?}"))
}

fn second(bench: &Bench) -> Verdict {
    let (one, other) = (partition(), partition());
    bench.prints(&script![enter one; put "k" "v"; enter one; get "k"], "v")?;
    bench.fails(&script![enter one; put "k" "w"; enter other])?;
    bench.prints(&script![enter one; get "k"], "v")?;
    // So it does where the step was given its partition.
    let stray = script![put "k" "x"; enter other];
    bench.fails(&script![forward one stray])?;
    bench.prints(&script![enter one; get "k"], "v")
}

fn none(bench: &Bench) -> Verdict {
    let other = partition();
    bench.fails(&script![get "k"])?;
    bench.fails(&script![put "k" "v"])?;
    bench.fails(&script![scan "" 1])?;
    bench.fails(&script![delete "k"])?;
    bench.fails(&script![timer "t" 0 ""])?;
    bench.fails(&script![cancel "t"])?;
    bench.fails(&script![post other ""])?;
    bench.fails(&script![send (bench.driver()) "no-call" ""])
}

fn names(bench: &Bench) -> Verdict {
    bench.fails(&script![enters 0])?;
    bench.prints(&script![enters 512; put "k" "v"; get "k"], "v")?;
    bench.fails(&script![enters 513])?;
    let name = partition();
    bench.fails(&script![enter name; post "" ""])?;
    bench.fails(&script![forward "" ""])
}

fn keys(bench: &Bench) -> Verdict {
    let name = partition();
    bench.prints(&script![enter name; key 1024; name 1024], "")
}

fn values(bench: &Bench) -> Verdict {
    let (name, other) = (partition(), partition());
    bench.prints(&script![enter name; puts 1 1_000_000; size "p000000"], 1_000_000)?;
    bench.prints(&script![enter name; size "p000000"], 1_000_000)?;
    bench.prints(&script![enter name; posts 1 1_000_000 other; put "done" 1; get "done"], 1)
}

fn effects(bench: &Bench) -> Verdict {
    let (name, other) = (partition(), partition());
    bench.prints(&script![enter name; puts 10_000 8; walk "p" 3000], "10000 in order")?;
    bench.prints(&script![enter name; walk "p" 10_000], "10000 in order")?;
    bench.prints(&script![enter other; puts 16 999_000; walk "p" 100], "16 in order")
}

fn calls(bench: &Bench) -> Verdict {
    bench.prints(&script![calls 99_000; told], "")
}

fn memory(bench: &Bench) -> Verdict {
    bench.prints(&script![take 44; told], "")
}

fn time(bench: &Bench) -> Verdict {
    // How long a round takes here is found out first; half of the time is asked for, as this may have been slow.
    let mut rounds = 100_000_u64;
    loop {
        let start = Instant::now();
        bench.line(&script![work rounds])?;
        let took = start.elapsed();
        if took > Duration::from_millis(50) || rounds > 1 << 40 {
            return Ok(());
        }
        rounds *= if took < Duration::from_millis(5) { 4 } else { 2 };
    }
}

fn unbounded(bench: &Bench) -> Verdict {
    let name = partition();
    bench.fails(&script![enter name; put "k" "v"; calls 1_000_000_000_000_u64])?;
    bench.fails(&script![enter name; put "k" "v"; puts 100_000_000 100])?;
    bench.prints(&script![enter name; get "k"; walk "p" 100], "- 0 in order")
}

fn flood(bench: &Bench) -> Verdict {
    bench.prints(&script![flood 2000 8192; told], "")
}

fn figures(bench: &Bench) -> Verdict {
    bench.prints(&script![figures 256; told], "")?;
    bench.fails(&script![figure "No Name"])
}
