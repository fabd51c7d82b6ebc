//! Posts.

use super::{Check, When::Running};
use crate::bench::{Bench, Verdict, partition};
use crate::script;

pub const CHECKS: &[Check] = &[
    Check::new(&["H-POST-1"], "a post arrives in the other partition, as a step there", Running(arrives)),
    Check::new(&["H-POST-2"], "a post to the own partition arrives exactly once", Running(own)),
    Check::new(&["H-POST-3"], "posts from one partition to another arrive in order", Running(order)),
    Check::new(
        &["H-POST-4"],
        "a post whose step fails is tried again, and those behind it wait",
        Running(retried),
    ),
];

fn arrives(bench: &Bench) -> Verdict {
    let (one, other) = (partition(), partition());
    bench.prints(&script![enter one; post other (script![note "log"])], "")?;
    bench.becomes(&script![enter other; get "log"], &other)?;
    bench.prints(&script![enter one; get "log"], "-")
}

fn own(bench: &Bench) -> Verdict {
    let name = partition();
    let inner = script![append "log" "second"];
    let outer = script![append "log" "first"; post name inner];
    bench.prints(&script![enter name; post name outer; append "log" "zeroth"], "")?;
    bench.becomes(&script![enter name; get "log"], "zeroth,first,second")?;
    bench.stays(&script![enter name; get "log"], "zeroth,first,second")
}

fn order(bench: &Bench) -> Verdict {
    let (one, other) = (partition(), partition());
    let mut expected = Vec::new();
    for round in 0..5 {
        let mut script = script![enter one];
        for number in 0..10 {
            let text = format!("{round}.{number}");
            script = script.and(&script![post other (script![append "log" text])]);
            expected.push(text);
        }
        bench.prints(&script, "")?;
    }
    bench.becomes(&script![enter other; get "log"], expected.join(","))
}

fn retried(bench: &Bench) -> Verdict {
    let (one, other, third) = (partition(), partition(), partition());
    let held = script![need "gate"; append "log" "first"];
    let [behind, aside] = [script![append "log" "second"], script![append "log" "aside"]];
    bench.prints(&script![enter one; post other held; post other behind; post third aside], "")?;
    // Other partitions do not wait.
    bench.becomes(&script![enter third; get "log"], "aside")?;
    bench.stays(&script![enter other; get "log"], "-")?;
    bench.prints(&script![enter other; put "gate" 1], "")?;
    bench.becomes(&script![enter other; get "log"], "first,second")
}
