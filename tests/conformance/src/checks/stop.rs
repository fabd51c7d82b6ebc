//! What an orderly stop leaves.

use super::crash::told;
use super::{Check, When::Stop};
use crate::bench::{Bench, Verdict, partition};
use crate::peer::Answer;
use crate::script;

pub const CHECKS: &[Check] = &[
    Check::new(&["H-DUR-2"], "relaxed writes survive an orderly stop", Stop(relax, relaxed)),
    Check::new(&["H-TIMER-6"], "a timer that came due while the host was down fires, once", Stop(set, fired)),
    Check::new(&["H-TIMER-3"], "a timer that was cancelled stays so", Stop(cancel, quiet)),
    Check::new(&["H-REC-3"], "a partition is told of a request that was under way", Stop(ask, told)),
    Check::new(&["H-STORE-3"], "a record that expired while the host was down is gone", Stop(lease, expired)),
];

fn relax(bench: &Bench) -> Verdict<String> {
    let name = partition();
    for round in 1..=10 {
        bench.prints(&script![enter name; relax "r" round; relax (round) round], "")?;
    }
    Ok(name)
}

fn relaxed(bench: &Bench, name: &str) -> Verdict {
    bench.prints(&script![enter name; get "r"; get 1; get 10], "10 1 10")
}

pub fn set(bench: &Bench) -> Verdict<String> {
    let name = partition();
    let [soon, late] = [script![append "log" "soon"], script![append "log" "late"]];
    bench.prints(&script![enter name; timer "t" 300 soon; timer "u" 86_400_000 late; put "durable" 1], "")?;
    Ok(name)
}

pub fn fired(bench: &Bench, name: &str) -> Verdict {
    bench.becomes(&script![enter name; get "log"], "soon")?;
    bench.stays(&script![enter name; get "log"], "soon")
}

fn cancel(bench: &Bench) -> Verdict<String> {
    let name = partition();
    bench.prints(&script![enter name; timer "t" 300 (script![append "log" "fired"])], "")?;
    bench.prints(&script![enter name; cancel "t"], "")?;
    Ok(name)
}

fn quiet(bench: &Bench, name: &str) -> Verdict {
    bench.stays(&script![enter name; get "log"], "-")
}

fn ask(bench: &Bench) -> Verdict<String> {
    let (name, uri) = (partition(), bench.driver());
    let (call, requests) = bench.call(Answer::Silence);
    let recovery = script![append "log" "recovered"];
    bench.prints(&script![enter name; put "recovery" recovery; send uri call ""], "")?;
    bench.arrives(&requests)?;
    Ok(name)
}

fn lease(bench: &Bench) -> Verdict<String> {
    let name = partition();
    bench.prints(&script![enter name; lease "k" 300 "v"; lease "l" 600_000 "v"], "")?;
    Ok(name)
}

fn expired(bench: &Bench, name: &str) -> Verdict {
    bench.becomes(&script![enter name; get "k"; get "l"; scan "" 9], "- v l=v")
}
