//! Who notices that a step has failed.

use std::time::Instant;

use super::{Check, When::Running};
use crate::bench::{Bench, Verdict, partition, same};
use crate::script;

pub const CHECKS: &[Check] = &[
    Check::new(&["H-FAIL-2"], "an instance whose step has failed is not used again", Running(tainted)),
    Check::new(&["H-FAIL-3"], "a failed step does not harm its partition", Running(partition_goes_on)),
    Check::new(&["H-FAIL-3"], "others are served while a step does not end", Running(others)),
    Check::new(
        &["H-LIFE-1"],
        "an instance is configured before its first step, and once",
        Running(configured),
    ),
];

fn tainted(bench: &Bench) -> Verdict {
    for _ in 0..3 {
        bench.fails(&script![trap])?;
        for _ in 0..40 {
            bench.prints(&script![tainted], "clean")?;
        }
    }
    Ok(())
}

fn partition_goes_on(bench: &Bench) -> Verdict {
    let name = partition();
    for round in 1..=3 {
        bench.fails(&script![enter name; add "n" 1; trap])?;
        bench.prints(&script![enter name; add "n" 1], round)?;
    }
    Ok(())
}

fn others(bench: &Bench) -> Verdict {
    let (stuck, name) = (partition(), partition());
    std::thread::scope(|scope| {
        let spinning = scope.spawn(|| bench.fails(&script![enter stuck; spin]));
        let start = Instant::now();
        for round in 1..=20 {
            bench.prints(&script![enter name; add "n" 1], round)?;
        }
        let took = start.elapsed();
        spinning.join().map_err(|_| "a thread failed".to_owned())??;
        same(took < bench.limit, || format!("20 steps of another partition took {took:?}"))
    })
}

fn configured(bench: &Bench) -> Verdict {
    for _ in 0..5 {
        bench.prints(&script![configured], 1)?;
        bench.fails(&script![trap])?;
    }
    Ok(())
}
