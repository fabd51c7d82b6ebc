//! Rollcall and Kamailio side by side: the same load at the same rate, in turn, several times;
//! CPU time for each operation, latency, correctness, memory, and the ratios.
//!
//! Rollcall runs as it would serve: every publication and subscription on disk before it is
//! acknowledged, authorization on. Kamailio runs in its fastest arrangement: all in memory,
//! nobody authorized.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod external;
mod identities;
mod swaps;

use clap::Parser;
use nix::sys::signal::Signal;
use rollcall_tests::load::{Plan, Report, Scenario, run};
use rollcall_tests::process::{self, Process, signal};
use rollcall_tests::{Config, Server};
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// Where `examples/bench/kamailio-presence.cfg` listens.
const KAMAILIO: ([u8; 4], u16) = ([127, 0, 0, 1], 15070);

/// Measures Rollcall and Kamailio side by side.
#[derive(Parser)]
struct Arguments {
    /// Rollcall's binary; the one beside this executable if absent.
    #[arg(long)]
    server: Option<PathBuf>,
    /// Configuration of the peer.
    #[arg(long, default_value = "examples/bench/kamailio-presence.cfg")]
    kamailio_config: PathBuf,
    /// The peer's binary.
    #[arg(long, default_value = "kamailio")]
    kamailio: PathBuf,
    /// Only Rollcall.
    #[arg(long)]
    alone: bool,
    /// Runs of each load with each server.
    #[arg(long, default_value_t = 3)]
    repetitions: usize,
    /// Seconds measured in each run.
    #[arg(long, default_value_t = 6.0)]
    seconds: f64,
    /// Only loads whose names contain this.
    #[arg(long, default_value = "")]
    only: String,
    /// Write every report to this file, one line of JSON each.
    #[arg(long)]
    json: Option<PathBuf>,
}

/// A load, and which cost of it is compared.
struct Load {
    name: &'static str,
    scenario: Scenario,
    rate: f64,
    presentities: usize,
    watchers: usize,
    cost: fn(&Report) -> Option<f64>,
    unit: &'static str,
}

fn loads() -> [Load; 6] {
    let operation: fn(&Report) -> Option<f64> = |r| r.cpu_us_per_operation;
    let notify: fn(&Report) -> Option<f64> = |r| r.cpu_us_per_notify;
    let load = |name, scenario, rate, presentities, watchers, cost| Load {
        name,
        scenario,
        rate,
        presentities,
        watchers,
        cost,
        unit: "us CPU",
    };
    [
        load("PUBLISH modify", Scenario::Publish, 3000.0, 1000, 0, operation),
        load("SUBSCRIBE, NOTIFY", Scenario::Subscribe, 2000.0, 1000, 4, operation),
        load("refresh, NOTIFY", Scenario::Refresh, 2000.0, 1000, 4, operation),
        load("NOTIFY, fan-out 100", Scenario::FanOut, 40.0, 1, 100, notify),
        load("NOTIFY, fan-out 5000", Scenario::FanOut, 0.8, 1, 5000, notify),
        Load {
            cost: |r| {
                let grown = r.resident_after?.saturating_sub(r.resident_before?);
                let grown = u32::try_from(grown / u64::try_from(r.subscriptions.max(1)).ok()?).ok()?;
                Some(f64::from(grown))
            },
            unit: "bytes",
            ..load("memory, 100000 subscriptions", Scenario::Refresh, 100.0, 10_000, 10, operation)
        },
    ]
}

fn main() {
    let arguments = Arguments::parse();
    if let Some(server) = &arguments.server {
        process::set_binary(server.clone());
    }
    let chosen: Vec<Load> = loads().into_iter().filter(|l| l.name.contains(&arguments.only)).collect();
    let mut ours: Vec<Vec<Report>> = chosen.iter().map(|_| Vec::new()).collect();
    let mut theirs: Vec<Vec<Report>> = chosen.iter().map(|_| Vec::new()).collect();
    for repetition in 1..=arguments.repetitions {
        for (index, load) in chosen.iter().enumerate() {
            eprintln!("{} ({repetition} of {})", load.name, arguments.repetitions);
            ours[index].push(with_rollcall(load, &arguments));
            if !arguments.alone {
                theirs[index].push(with_kamailio(load, &arguments));
            }
        }
    }
    if let Some(file) = &arguments.json {
        let line = |who: &str, report: &Report| {
            let mut value = serde_json::to_value(report).expect("JSON");
            value["server"] = who.into();
            format!("{value}\n")
        };
        let all = ours.iter().flatten().map(|r| line("rollcall", r));
        let text: String = all.chain(theirs.iter().flatten().map(|r| line("kamailio", r))).collect();
        std::fs::write(file, text).expect("write the reports");
    }
    if !chosen.is_empty() {
        table(&chosen, &ours, &theirs);
    }
    if identities::NAME.contains(&arguments.only) {
        identities::compare(&arguments);
    }
    if swaps::NAME.contains(&arguments.only) {
        swaps::compare(&arguments);
    }
    if external::NAME.contains(&arguments.only) {
        external::measure();
    }
}

fn plan(load: &Load, arguments: &Arguments, server: SocketAddr, pid: u32) -> Plan {
    Plan {
        scenario: load.scenario,
        server,
        domain: "example.com".into(),
        names: None,
        pid: Some(pid),
        rate: load.rate,
        warm_up: Duration::from_secs(1),
        // A wide fan-out needs some time for a few publications.
        time: Duration::from_secs_f64(arguments.seconds.max(4.0 / load.rate)),
        stop: None,
        presentities: load.presentities,
        watchers: load.watchers,
        body: 512,
        window: 64,
    }
}

fn with_rollcall(load: &Load, arguments: &Arguments) -> Report {
    let mut server = Server::start_in(folder(), Config::new().set("log.filter", "warn"));
    let report = run(&plan(load, arguments, server.udp(), server.pid()));
    server.stop();
    report
}

/// An empty folder beside the executable: on the disk that the project is built on, not in memory.
fn folder() -> tempfile::TempDir {
    let here = std::env::current_exe().expect("the path of this executable");
    tempfile::tempdir_in(here.parent().expect("a folder")).expect("a temporary folder")
}

fn with_kamailio(load: &Load, arguments: &Arguments) -> Report {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new(&arguments.kamailio);
    command.arg("-f").arg(&arguments.kamailio_config);
    command.args(["-DD", "-E", "-m", "6000", "-M", "64", "-x", "tlsf", "-X", "tlsf", "-Y"]);
    command.arg(folder.path());
    let mut process = Process::start(command);
    let address = SocketAddr::from(KAMAILIO);
    let log = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let copy = std::sync::Arc::clone(&log);
    let _ready = process.read_output(move |line| copy.lock().unwrap().push(line));
    if !answers(address) {
        panic!("Kamailio does not answer:\n{}", log.lock().unwrap().join("\n"));
    }
    let report = run(&plan(load, arguments, address, process.id()));
    // Its other processes end only if it is asked.
    signal(process.id(), Signal::SIGTERM);
    let _ = process.wait();
    report
}

/// True once a server answers OPTIONS.
fn answers(address: SocketAddr) -> bool {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_read_timeout(Some(Duration::from_millis(100))).expect("a socket option");
    let own = socket.local_addr().expect("an address");
    let start = Instant::now();
    (0..).take_while(|_| start.elapsed() < Duration::from_secs(15)).any(|n| {
        let request = format!(
            "OPTIONS sip:{address} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKready{n}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:bench@{own}>;tag=1\r\nTo: <sip:{address}>\r\n\
             Call-ID: ready{n}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        );
        let _ = socket.send_to(request.as_bytes(), address);
        socket.recv(&mut [0; 2000]).is_ok()
    })
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

fn table(loads: &[Load], ours: &[Vec<Report>], theirs: &[Vec<Report>]) {
    println!(
        "\nMedian of the runs (lowest to highest). Ratio: Rollcall's cost by Kamailio's; below 1 is better.\n"
    );
    println!("{:<30}{:>9}  {:<32}{:<32}{:>6}", "load", "a second", "Rollcall", "Kamailio", "ratio");
    let cost = |load: &Load, reports: &[Report]| median(reports.iter().filter_map(load.cost).collect());
    for ((load, ours), theirs) in loads.iter().zip(ours).zip(theirs) {
        let ratio = match (cost(load, ours), cost(load, theirs)) {
            (Some(own), Some(other)) if other > 0.0 => format!("{:.2}", own / other),
            _ => String::from("-"),
        };
        let rate = median(ours.iter().map(|r| r.rate).collect()).unwrap_or_default();
        println!(
            "{:<30}{rate:>9.0}  {:<32}{:<32}{ratio:>6}",
            load.name,
            cell(load, ours),
            cell(load, theirs)
        );
    }
    println!();
    println!("{:<30}{:<36}{:<36}", "time, p50 / p99 ms", "Rollcall", "Kamailio");
    for ((load, ours), theirs) in loads.iter().zip(ours).zip(theirs) {
        println!("{:<30}{:<36}{:<36}", load.name, times(ours), times(theirs));
    }
    println!();
    for (who, all) in [("Rollcall", ours), ("Kamailio", theirs)] {
        for (load, reports) in loads.iter().zip(all) {
            for report in reports {
                wrongs(&format!("{who}, {}", load.name), report);
            }
        }
    }
    let find = |name: &str| {
        let index = loads.iter().position(|l| l.name.ends_with(name))?;
        cost(&loads[index], &ours[index])
    };
    if let (Some(narrow), Some(wide)) = (find("fan-out 100"), find("fan-out 5000")) {
        println!("Rollcall, a NOTIFY at fan-out 5000 by one at fan-out 100: {:.2}", wide / narrow);
    }
}

fn cell(load: &Load, reports: &[Report]) -> String {
    let costs: Vec<f64> = reports.iter().filter_map(load.cost).collect();
    let low = costs.iter().copied().min_by(f64::total_cmp);
    let high = costs.iter().copied().max_by(f64::total_cmp);
    match (median(costs), low, high) {
        (Some(middle), Some(low), Some(high)) => {
            format!("{middle:.0} {} ({low:.0} to {high:.0})", load.unit)
        }
        _ => String::from("-"),
    }
}

fn times(reports: &[Report]) -> String {
    let middle = |value: fn(&Report) -> f64| median(reports.iter().map(value).collect()).unwrap_or_default();
    if reports.is_empty() {
        return String::from("-");
    }
    let response = (middle(|r| r.to_response.p50), middle(|r| r.to_response.p99));
    let notify = (middle(|r| r.to_notify.p50), middle(|r| r.to_notify.p99));
    format!("2xx {:.1} / {:.1}, NOTIFY {:.1} / {:.1}", response.0, response.1, notify.0, notify.1)
}

/// Says what was not right in a run.
fn wrongs(name: &str, report: &Report) {
    let counts = [
        ("NOTIFYs lost", report.lost),
        ("NOTIFYs stale", report.stale),
        ("NOTIFYs out of order", report.out_of_order),
        ("requests failed", report.failed),
        ("requests failed in the preparation", report.refused_before),
        ("requests sent again", report.retransmitted),
        ("NOTIFYs sent again", report.notifies_retransmitted),
        ("operations skipped", report.skipped),
    ];
    let wrong: Vec<String> =
        counts.iter().filter(|(_, n)| *n > 0).map(|(what, n)| format!("{n} {what}")).collect();
    if !wrong.is_empty() {
        println!("{name}: {}", wrong.join(", "));
    }
}
