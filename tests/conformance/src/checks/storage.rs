//! Records.

use super::{Check, When::Running};
use crate::bench::{Bench, Verdict, partition};
use crate::script;

pub const CHECKS: &[Check] = &[
    Check::new(&["H-STORE-1"], "a step sees its own writes", Running(own_writes)),
    Check::new(&["H-STORE-1"], "the next step sees them, durable or relaxed", Running(next_step)),
    Check::new(
        &["H-STORE-2"],
        "a scan gives a prefix in the order of its keys, after the key given",
        Running(scan),
    ),
    Check::new(&["H-STORE-2"], "a scan sees what the step has written and deleted", Running(scan_own)),
    Check::new(&["H-STORE-2"], "pages lead to the end: only an empty one says so", Running(pages)),
    Check::new(&["H-STORE-3"], "a record is gone from its instant of expiry on", Running(expiry)),
    Check::new(&["H-STORE-4"], "deleting what is not there is no error", Running(delete)),
    Check::new(&["H-STORE-5"], "keys and values are any bytes, none included", Running(bytes)),
];

fn own_writes(bench: &Bench) -> Verdict {
    let name = partition();
    let step = script![
        enter name; get "k"; put "k" 1; get "k"; relax "k" 2; get "k"; delete "k"; get "k"; put "k" 3; get "k"
    ];
    bench.prints(&step, "- 1 2 - 3")
}

fn next_step(bench: &Bench) -> Verdict {
    let name = partition();
    for round in 1..=20 {
        bench.prints(&script![enter name; put "k" round; relax "r" round], "")?;
        bench.prints(&script![enter name; get "k"; get "r"], format!("{round} {round}"))?;
    }
    bench.prints(&script![enter name; delete "k"; delete "r"], "")?;
    bench.prints(&script![enter name; get "k"; get "r"], "- -")
}

fn scan(bench: &Bench) -> Verdict {
    let name = partition();
    let puts = script![
        enter name; put "b" 0; put "a2" 2; put "a10" 10; put "a" 1; put "aa" 3; put "A" 4; put "a~" 5; put "c" 6
    ];
    bench.prints(&puts, "")?;
    bench.prints(&script![enter name; scan "a" 100], "a=1 a10=10 a2=2 aa=3 a~=5")?;
    bench.prints(&script![enter name; scan "a" 0], "")?;
    bench.prints(&script![enter name; scan "a" 100 "a10"], "a2=2 aa=3 a~=5")?;
    bench.prints(&script![enter name; scan "a" 100 "a11"], "a2=2 aa=3 a~=5")?;
    bench.prints(&script![enter name; scan "a" 100 "A"], "a=1 a10=10 a2=2 aa=3 a~=5")?;
    bench.prints(&script![enter name; scan "a" 100 "b"], "")?;
    bench.prints(&script![enter name; scan "" 100], "A=4 a=1 a10=10 a2=2 aa=3 a~=5 b=0 c=6")?;
    bench.prints(&script![enter name; scan "d" 100], "")
}

fn scan_own(bench: &Bench) -> Verdict {
    let name = partition();
    bench.prints(&script![enter name; put "a1" 1; put "a2" 2; put "a3" 3], "")?;
    let step =
        script![enter name; delete "a1"; put "a2" "two"; put "a25" "new"; relax "a0" "first"; scan "a" 100];
    bench.prints(&step, "a0=first a2=two a25=new a3=3")?;
    bench.prints(&script![enter name; scan "a" 100], "a0=first a2=two a25=new a3=3")
}

fn pages(bench: &Bench) -> Verdict {
    let name = partition();
    bench.prints(&script![enter name; puts 500 3], "")?;
    for limit in [1, 7, 500, 4_000_000_000_u32] {
        bench.prints(&script![enter name; walk "p" limit], "500 in order")?;
    }
    Ok(())
}

fn expiry(bench: &Bench) -> Verdict {
    let name = partition();
    bench.prints(&script![enter name; lease "now" 0 "v"; get "now"; scan "now" 9], "-")?;
    bench.prints(
        &script![enter name; lease "k" 300 "v"; lease "l" 600_000 "v"; lease "m" 1 "v"; put "m" "for good"],
        "",
    )?;
    bench.becomes(&script![enter name; get "k"; get "l"; scan "" 9], "- v l=v m=for good")
}

fn delete(bench: &Bench) -> Verdict {
    bench.prints(&script![enter (partition()); delete "nothing"; cancel "nothing"; told], "")
}

fn bytes(bench: &Bench) -> Verdict {
    let name = partition();
    bench.prints(&script![enter name; put "" "empty key"; put "k" ""; put "\u{7f}ä\0" "odd"], "")?;
    bench.prints(&script![enter name; get ""; get "k"; get "\u{7f}ä\0"], "empty key  odd")
}
