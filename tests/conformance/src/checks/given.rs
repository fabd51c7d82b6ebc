//! What a host shows only if it is told how: tables and swaps.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{Check, When::Running, When::Swap, When::Table};
use crate::bench::{Bench, Verdict, partition};
use crate::script;

pub const CHECKS: &[Check] = &[
    Check::new(&["H-TAB-1"], "a table that is not there has no entries", Running(no_table)),
    Check::new(&["H-TAB-2"], "a table has the entries that the plugin built of its rows", Table(table)),
    Check::new(&["H-SWAP-1", "H-SWAP-2"], "a swap loses no record, no timer and no request", Swap(swap)),
];

fn no_table(bench: &Bench) -> Verdict {
    bench.prints(&script![lookup "nothing" "k"; version "nothing"; entries "nothing" 10], "- none")
}

/// The table has the rows of `table.csv`.
fn table(bench: &Bench) -> Verdict {
    let rows: Vec<Vec<&str>> = crate::TABLE.lines().map(|row| row.split(',').collect()).collect();
    let mut all = Vec::new();
    for row in &rows {
        for key in row {
            bench.prints(
                &script![lookup "identities" key; version "identities"],
                format!("{} some", row[0]),
            )?;
            all.push(format!("{key}={}", row[0]));
        }
    }
    all.sort();
    bench.prints(&script![lookup "identities" "nobody"], "-")?;
    for limit in [1, 2, 1000] {
        bench.prints(&script![entries "identities" limit], all.join(" "))?;
    }
    Ok(())
}

fn swap(bench: &Bench, command: &str) -> Verdict {
    let (name, busy) = (partition(), partition());
    bench.prints(
        &script![enter name; put "k" 1; relax "r" 2; timer "t" 500 (script![append "log" "fired"])],
        "",
    )?;
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let traffic = scope.spawn(|| {
            let mut count = 0;
            while !done.load(Ordering::Relaxed) {
                count += 1;
                bench.prints(&script![enter busy; add "n" 1], count)?;
            }
            Ok(())
        });
        let swapped = crate::control::run(command);
        done.store(true, Ordering::Relaxed);
        traffic.join().map_err(|_| "a thread failed".to_owned())?.and(swapped)
    })?;
    bench.prints(&script![enter name; get "k"; get "r"], "1 2")?;
    bench.becomes(&script![enter name; get "log"], "fired")
}
