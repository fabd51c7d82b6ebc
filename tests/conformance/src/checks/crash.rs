//! What a kill leaves.

use super::stop::{fired, set};
use super::{Check, When::Crash};
use crate::bench::{Bench, Verdict, partition, same};
use crate::peer::Answer;
use crate::script;

pub const CHECKS: &[Check] = &[
    Check::new(&["H-DUR-1"], "durable writes survive a crash", Crash(write, written)),
    Check::new(
        &["H-TIMER-6"],
        "a timer of a durable step survives a crash, and fires once",
        Crash(set, fired),
    ),
    Check::new(&["H-POST-5"], "a post of a durable step survives a crash", Crash(post, posted)),
    Check::new(
        &["H-SEND-10"],
        "a kept request is sent again after a crash, and has its outcome",
        Crash(keep, kept),
    ),
    Check::new(&["H-REC-1"], "the epoch grows with a crash", Crash(epoch, later_epoch)),
    Check::new(&["H-REC-2"], "each partition with records is told of a crash", Crash(wait, told)),
];

fn write(bench: &Bench) -> Verdict<String> {
    let name = partition();
    bench.prints(&script![enter name; put "k" "v"; put "gone" 1; lease "l" 600_000 "v"], "")?;
    bench.prints(&script![enter name; delete "gone"; add "n" 5], 5)?;
    Ok(name)
}

fn written(bench: &Bench, name: &str) -> Verdict {
    bench.prints(&script![enter name; get "k"; get "gone"; get "l"; get "n"], "v - v 5")
}

fn post(bench: &Bench) -> Verdict<String> {
    let (one, other) = (partition(), partition());
    let held = script![need "gate"; append "log" "first"];
    let behind = script![append "log" "second"];
    bench.prints(&script![enter one; put "k" 1; post other held; post other behind], "")?;
    Ok(other)
}

/// At least once, so the first may be there twice; the order holds for the first arrivals.
fn posted(bench: &Bench, other: &str) -> Verdict {
    bench.prints(&script![enter other; get "log"], "-")?;
    bench.prints(&script![enter other; put "gate" 1], "")?;
    bench.becomes(&script![enter other; get "log"], "first,second")
}

fn keep(bench: &Bench) -> Verdict<String> {
    let (name, uri) = (partition(), bench.driver());
    let (call, requests) = bench.call(Answer::Silence);
    bench.prints(&script![enter name; send uri call (script![note "log"]) "kept"], "")?;
    bench.arrives(&requests)?;
    Ok(format!("{name} {call}"))
}

fn kept(bench: &Bench, noted: &str) -> Verdict {
    let (name, call) = noted.split_once(' ').ok_or("nothing noted")?;
    let requests = bench.peer.expect(call, Answer::Status(299));
    bench.arrives(&requests)?;
    bench.becomes(&script![enter name; get "log"], 299)
}

fn epoch(bench: &Bench) -> Verdict<String> {
    bench.line(&script![epoch])
}

fn later_epoch(bench: &Bench, before: &str) -> Verdict {
    let after = bench.line(&script![epoch])?;
    let [old, new] = [before, &after].map(|text| text.parse::<u64>().ok());
    same(new > old, || format!("{before} before the crash, {after} after it"))
}

fn wait(bench: &Bench) -> Verdict<String> {
    let name = partition();
    bench.prints(&script![enter name; put "recovery" (script![append "log" "recovered"])], "")?;
    Ok(name)
}

/// It may be called more than once.
pub fn told(bench: &Bench, name: &str) -> Verdict {
    let end = std::time::Instant::now() + bench.limit;
    loop {
        let log = bench.line(&script![enter name; get "log"])?;
        if log.starts_with("recovered") {
            return Ok(());
        }
        same(std::time::Instant::now() < end, || format!("no on-recovery within {:?}", bench.limit))?;
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}
