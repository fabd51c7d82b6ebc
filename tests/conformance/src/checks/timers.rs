//! Timers.

use super::{Check, When::Running};
use crate::bench::{Bench, Verdict, partition, same};
use crate::script;

pub const CHECKS: &[Check] = &[
    Check::new(&["H-TIMER-1"], "a timer fires once, when it is due, with what it was given", Running(fires)),
    Check::new(&["H-TIMER-1"], "a timer that is due already fires at once", Running(past)),
    Check::new(&["H-TIMER-2"], "a timer replaces the one of its name", Running(replaced)),
    Check::new(&["H-TIMER-3"], "a cancelled timer does not fire", Running(cancelled)),
    Check::new(&["H-TIMER-4"], "a timer's own step may set it again", Running(again)),
    Check::new(&["H-TIMER-5"], "a timer whose step fails fires again", Running(retried)),
];

fn fires(bench: &Bench) -> Verdict {
    let name = partition();
    let fired = script![note "log"; now; append "log" "fired"];
    let set = bench.lines(&script![enter name; now; timer "t" 300 fired; timer "u" 86_400_000 fired])?;
    let now: u64 = set.first().and_then(|now| now.parse().ok()).ok_or("no time")?;
    bench.prints(&script![enter name; get "log"], "-")?;
    let expected = format!("t@{},fired", now + 300);
    bench.becomes(&script![enter name; get "log"], &expected)?;
    let later: u64 = bench.line(&script![enter name; now])?.parse().map_err(|_| "no time")?;
    same(later >= now + 300, || format!("due at {}, fired at {later} or before", now + 300))?;
    bench.stays(&script![enter name; get "log"], expected)
}

fn past(bench: &Bench) -> Verdict {
    let name = partition();
    bench.prints(&script![enter name; timer "t" (-5000) (script![append "log" "fired"])], "")?;
    bench.becomes(&script![enter name; get "log"], "fired")?;
    bench.stays(&script![enter name; get "log"], "fired")
}

fn replaced(bench: &Bench) -> Verdict {
    let name = partition();
    let [one, two] = [script![append "log" "one"], script![append "log" "two"]];
    bench.prints(&script![enter name; timer "t" 200 one; timer "t" 300 two], "")?;
    bench.prints(&script![enter name; timer "u" 100 one], "")?;
    bench.prints(&script![enter name; timer "u" 300 two], "")?;
    bench.becomes(&script![enter name; get "log"], "two,two")?;
    bench.stays(&script![enter name; get "log"], "two,two")
}

fn cancelled(bench: &Bench) -> Verdict {
    let name = partition();
    let [one, two] = [script![append "log" "one"], script![append "log" "two"]];
    bench.prints(&script![enter name; timer "t" 150 one; cancel "t"; timer "u" 150 one], "")?;
    bench.prints(&script![enter name; cancel "u"; timer "v" 300 two], "")?;
    bench.becomes(&script![enter name; get "log"], "two")?;
    bench.stays(&script![enter name; get "log"], "two")
}

fn again(bench: &Bench) -> Verdict {
    let name = partition();
    let second = script![append "log" "second"];
    let first = script![append "log" "first"; timer "t" 50 second];
    bench.prints(&script![enter name; timer "t" 0 first], "")?;
    bench.becomes(&script![enter name; get "log"], "first,second")?;
    bench.stays(&script![enter name; get "log"], "first,second")
}

fn retried(bench: &Bench) -> Verdict {
    let name = partition();
    let fired = script![need "gate"; append "log" "fired"];
    bench.prints(&script![enter name; timer "t" 0 fired], "")?;
    bench.stays(&script![enter name; get "log"], "-")?;
    bench.prints(&script![enter name; put "gate" 1], "")?;
    bench.becomes(&script![enter name; get "log"], "fired")?;
    bench.stays(&script![enter name; get "log"], "fired")
}
