//! What a swap costs those who are served meanwhile: the same load with swaps and without, in turn.

use super::{Arguments, folder, median};
use rollcall_tests::load::{Fire, Report};
use rollcall_tests::process::binary;
use rollcall_tests::{Config, Server};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// What `--only` is matched with.
pub const NAME: &str = "swaps under load";

/// Swaps of a run.
const SWAPS: usize = 100;
/// From one to the next.
const PACE: Duration = Duration::from_millis(200);
/// Longest time of a run.
const MOST: Duration = Duration::from_secs(120);

/// Measures both in turn and prints the comparison.
pub fn compare(arguments: &Arguments) {
    let (mut without, mut with, mut times) = (Vec::new(), Vec::new(), Vec::new());
    for repetition in 1..=arguments.repetitions {
        eprintln!("{NAME} ({repetition} of {})", arguments.repetitions);
        let order = if repetition % 2 == 0 { [true, false] } else { [false, true] };
        for swapping in order {
            let (fire, swaps) = run(swapping);
            for fault in fire.faults() {
                println!("  {}: {fault}", if swapping { "with swaps" } else { "without" });
            }
            if swapping {
                with.push(fire);
                times.extend(swaps);
            } else {
                without.push(fire);
            }
        }
    }
    println!("\n{NAME}: {SWAPS} in a run of {} s", (PACE * SWAPS as u32).as_secs());
    let swap = median(times.iter().map(|time| time.as_secs_f64() * 1e3).collect()).unwrap_or_default();
    let slowest = times.iter().max().copied().unwrap_or_default();
    println!("  a swap, the command included: {swap:.0} ms, {} ms at most", slowest.as_millis());
    println!(
        "  {:<12}{:>28}{:>28}{:>12}",
        "to 2xx, ms", "without p50 p99 p99.9", "with p50 p99 p99.9", "p99.9 more"
    );
    for part in ["publish", "subscribe", "refresh", "fan-out"] {
        let all = |runs: &[Fire], time: fn(&Report) -> f64| {
            let reports = runs.iter().flat_map(|fire| &fire.parts).filter(|each| each.name == part);
            median(reports.map(|each| time(&each.report)).collect()).unwrap_or_default()
        };
        let times = |runs: &[Fire]| {
            [
                all(runs, |report| report.to_response.p50),
                all(runs, |report| report.to_response.p99),
                all(runs, |report| report.to_response.p999),
            ]
        };
        let cell = |[p50, p99, p999]: [f64; 3]| format!("{p50:.2} {p99:.2} {p999:.2}");
        let (without, with) = (times(&without), times(&with));
        println!("  {part:<12}{:>28}{:>28}{:>12.2}", cell(without), cell(with), with[2] - without[2]);
    }
}

fn run(swapping: bool) -> (Fire, Vec<Duration>) {
    let folder = folder();
    let editions = editions(folder.path());
    let config = Config::new().set("log.filter", "warn").set("presence.expires.min", 1);
    let mut server = Server::start_in(folder, config);
    // Compiled before, as an operator would who rehearses.
    swap(&server, &editions[1]);
    let mut times = Vec::new();
    let fire = Fire::under(server.udp(), server.pid(), None, MOST, || {
        for number in 0..SWAPS {
            let begun = Instant::now();
            if swapping {
                swap(&server, &editions[number % 2]);
                times.push(begun.elapsed());
            }
            std::thread::sleep(PACE.saturating_sub(begun.elapsed()));
        }
    });
    server.stop();
    (fire, times)
}

/// The component that was built with the server, and the same with a section more.
fn editions(folder: &Path) -> [std::path::PathBuf; 2] {
    let near =
        binary().parent().and_then(Path::parent).map(|target| target.join("rollcall_plugin.component.wasm"));
    let component = std::fs::read(near.expect("a target folder")).expect("the built component");
    let section = [&[0, 8, 7][..], b"edition"].concat();
    [component.clone(), [component, section].concat()].map(|bytes| {
        let name = format!("edition-{}.wasm", bytes.len());
        std::fs::write(folder.join(&name), bytes).expect("write a component");
        folder.join(name)
    })
}

fn swap(server: &Server, file: &Path) {
    let output = Command::new(binary())
        .arg("swap")
        .arg(file)
        .args(["--admin", &server.admin().0.to_string()])
        .output()
        .expect("run the command");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
