//! Time and randomness.

use std::time::{SystemTime, UNIX_EPOCH};

use super::{Check, When::Running};
use crate::bench::{Bench, Verdict, partition, same};
use crate::script;

pub const CHECKS: &[Check] = &[
    Check::new(&["H-TIME-1"], "time stands still in a step", Running(still)),
    Check::new(&["H-TIME-2"], "time does not go back in a partition", Running(monotonic)),
    Check::new(&["H-TIME-3"], "time is that of the world, within a minute", Running(real)),
    Check::new(
        &["H-RAND-1"],
        "randomness is as long as asked for, up to 4096 bytes, and never the same",
        Running(random),
    ),
];

fn still(bench: &Bench) -> Verdict {
    let found = bench.lines(&script![enter (partition()); now; work 3_000_000; calls 1000; now])?;
    same(found.len() == 2 && found[0] == found[1], || format!("two times in one step: {found:?}"))
}

fn monotonic(bench: &Bench) -> Verdict {
    let name = partition();
    let mut last = 0;
    for _ in 0..50 {
        let now = number(&bench.line(&script![enter name; now])?)?;
        same(now >= last, || format!("{now} after {last}"))?;
        last = now;
    }
    Ok(())
}

fn real(bench: &Bench) -> Verdict {
    let now = number(&bench.line(&script![now])?)?;
    let own = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|error| error.to_string())?.as_millis();
    same(own.abs_diff(now) < 60_000, || format!("{now} there, {own} here"))
}

fn random(bench: &Bench) -> Verdict {
    let all = bench.lines(&script![random 0; random 32; random 32; random 4096])?;
    let lengths: Vec<usize> = all.iter().map(String::len).collect();
    same(lengths == [0, 64, 64, 8192], || format!("hexadecimal digits: {lengths:?}"))?;
    let next = bench.line(&script![random 32])?;
    same(all[1] != all[2] && all[1] != next && all[2] != next, || "the same bytes twice".to_owned())?;
    bench.fails(&script![random_of 4097])
}

fn number(text: &str) -> Verdict<u128> {
    text.parse().map_err(|_| format!("a number expected, found {text:?}"))
}
