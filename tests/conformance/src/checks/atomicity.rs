//! All or nothing.

use super::{Check, When::Running};
use crate::bench::{Bench, QUIET, Verdict, partition, silent};
use crate::peer::Answer;
use crate::script;
use crate::script::Script;

pub const CHECKS: &[Check] = &[
    Check::new(&["H-ATOM-1", "H-FAIL-1"], "a trap leaves nothing behind", Running(trap)),
    Check::new(&["H-ATOM-1", "H-FAIL-1"], "endless recursion leaves nothing behind", Running(recursion)),
    Check::new(
        &["H-ATOM-1", "H-FAIL-1", "H-LIM-7"],
        "all the memory there is leaves nothing behind",
        Running(memory),
    ),
    Check::new(
        &["H-ATOM-1", "H-FAIL-1", "H-LIM-8"],
        "an endless loop leaves nothing behind",
        Running(endless),
    ),
    Check::new(
        &["H-ATOM-1", "H-FAIL-1"],
        "an import that is refused leaves nothing behind",
        Running(refused),
    ),
    Check::new(&["H-ATOM-2"], "a step that returns has all its effects", Running(all)),
    Check::new(&["H-ATOM-1"], "a timer's step that fails leaves nothing behind", Running(timer)),
];

/// A step that stages one of each and then does this.
fn nothing(bench: &Bench, last: &Script) -> Verdict {
    let (name, other) = (partition(), partition());
    let (call, requests) = bench.call(Answer::Status(200));
    let (fired, posted, answered) =
        (script![append "log" "fired"], script![append "log" "posted"], script![append "log" "answered"]);
    bench.prints(&script![enter name; put "old" 1; put "log" "0"; timer "kept" 86_400_000 ""], "")?;
    let staged = script![
        enter name; put "k" "v"; relax "r" "v"; put "old" 2; delete "log"; timer "t" 0 fired; cancel "kept";
        post name posted; post other posted; send (bench.driver()) call answered; send (bench.driver()) call answered "kept"
    ];
    bench.fails(&staged.and(last))?;
    silent(&requests)?;
    bench.prints(&script![enter name; get "k"; get "r"; get "old"; get "log"], "- - 1 0")?;
    bench.prints(&script![enter other; get "log"], "-")
}

fn trap(bench: &Bench) -> Verdict {
    nothing(bench, &script![trap])
}

fn recursion(bench: &Bench) -> Verdict {
    nothing(bench, &script![recurse])
}

fn memory(bench: &Bench) -> Verdict {
    nothing(bench, &script![grow])
}

fn endless(bench: &Bench) -> Verdict {
    nothing(bench, &script![spin])
}

fn refused(bench: &Bench) -> Verdict {
    nothing(bench, &script![random_of 4097])
}

fn all(bench: &Bench) -> Verdict {
    let (name, other) = (partition(), partition());
    let (call, requests) = bench.call(Answer::Status(202));
    let [fired, posted] = [script![append "fired" "1"], script![append "posted" "1"]];
    let outcome = script![note "answered"];
    let staged = script![
        enter name; put "k" "v"; relax "r" "v"; timer "t" 0 fired; post name posted; post other posted;
        send (bench.driver()) call outcome
    ];
    bench.prints(&staged, "")?;
    bench.arrives(&requests)?;
    let look = script![enter name; get "k"; get "r"; get "fired"; get "posted"; get "answered"];
    bench.becomes(&look, "v v 1 1 202")?;
    bench.becomes(&script![enter other; get "posted"], "1")
}

fn timer(bench: &Bench) -> Verdict {
    let name = partition();
    let fired = script![append "log" "fired"; need "gate"];
    bench.prints(&script![enter name; timer "t" 0 fired], "")?;
    std::thread::sleep(QUIET);
    bench.prints(&script![enter name; get "log"], "-")?;
    // The timer fires again, until its step succeeds: H-TIMER-5.
    bench.prints(&script![enter name; put "gate" 1], "")?;
    bench.becomes(&script![enter name; get "log"], "fired")
}
