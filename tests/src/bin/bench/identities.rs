//! What many identities cost: PUBLISH with a map of a million public identities and lists of a
//! hundred thousand entries, against PUBLISH without any.

use super::{Arguments, folder, median};
use rollcall_tests::load::{Plan, Report, Scenario, run};
use rollcall_tests::{Config, Server};
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// What `--only` is matched with.
pub const NAME: &str = "PUBLISH, identities and lists";

/// Fundamental identities in the map; each has one more public identity.
const PEOPLE: usize = 500_000;
/// Entries of the white and of the black list.
const LISTED: usize = 50_000;
/// Operations a second.
const RATE: f64 = 3000.0;

/// Measures both in turn and prints the comparison.
pub fn compare(arguments: &Arguments) {
    let (mut plain, mut mapped, mut starts) = (Vec::new(), Vec::new(), Vec::new());
    for repetition in 1..=arguments.repetitions {
        eprintln!("{NAME} ({repetition} of {})", arguments.repetitions);
        // In turn which comes first: a machine may grow slower or faster.
        let order = if repetition % 2 == 0 { [true, false] } else { [false, true] };
        for with in order {
            let (start, report) = measure(arguments, with);
            if with {
                starts.push(start.as_secs_f64());
                mapped.push(report);
            } else {
                plain.push(report);
            }
        }
    }
    let cost = |all: &[Report]| median(all.iter().filter_map(|r| r.cpu_us_per_operation).collect());
    let resident = |all: &[Report]| {
        let before = all.iter().filter_map(|r| u32::try_from(r.resident_before? >> 20).ok());
        median(before.map(f64::from).collect())
    };
    println!("\n{NAME}: {PEOPLE} x 2 identities, 2 x {LISTED} list entries, {RATE:.0} a second");
    if let (Some(plain), Some(mapped)) = (cost(&plain), cost(&mapped)) {
        println!("  us CPU an operation: {plain:.1} without, {mapped:.1} with; ratio {:.3}", mapped / plain);
    }
    if let (Some(plain), Some(mapped), Some(start)) = (resident(&plain), resident(&mapped), median(starts)) {
        println!(
            "  MB resident: {plain:.0} without, {mapped:.0} with; {start:.1} s from start to service with them"
        );
    }
    for (what, reports) in [("without", &plain), ("with", &mapped)] {
        reports.iter().for_each(|report| super::wrongs(&format!("  {what}"), report));
    }
}

/// Time from start to service, and what the load saw.
fn measure(arguments: &Arguments, mapped: bool) -> (Duration, Report) {
    let folder = folder();
    let mut config = Config::new().set("log.filter", "warn");
    if mapped {
        write(folder.path());
        let file = |name: &str| folder.path().join(name).display().to_string();
        config = config
            .set("identity.map", file("identities.csv"))
            .set("lists.white", file("white.txt"))
            .set("lists.black", file("black.txt"));
    }
    let begun = Instant::now();
    let mut server = Server::start_in(folder, config);
    let start = begun.elapsed();
    let report = run(&Plan {
        scenario: Scenario::Publish,
        server: server.udp(),
        domain: "example.com".into(),
        // The second public identity of each, so that there is something to map.
        names: Some("alias".into()),
        pid: Some(server.pid()),
        rate: RATE,
        // What loading has left behind is given back to the system in that time.
        warm_up: Duration::from_secs(5),
        time: Duration::from_secs_f64(arguments.seconds),
        stop: None,
        presentities: 1000,
        watchers: 0,
        body: 512,
        window: 64,
    });
    server.stop();
    (start, report)
}

/// Writes the map and the lists.
fn write(folder: &Path) {
    let mut map = String::with_capacity(PEOPLE * 56);
    for n in 0..PEOPLE {
        let _ = writeln!(map, "sip:person{n}@example.com,sip:alias{n}@example.com");
    }
    std::fs::write(folder.join("identities.csv"), map).expect("write the map");
    for (name, user) in [("white.txt", "robot"), ("black.txt", "pest")] {
        let mut list = String::with_capacity(LISTED * 32);
        for n in 0..LISTED {
            let _ = writeln!(list, "sip:{user}{n}@example.com");
        }
        std::fs::write(folder.join(name), list).expect("write a list");
    }
}
