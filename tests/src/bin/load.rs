//! Puts a load on a SIP presence server over UDP and reports as one line of JSON.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use clap::Parser;
use rollcall_tests::load::{Plan, Scenario, run};
use std::net::SocketAddr;
use std::time::Duration;

/// Puts a load on a SIP presence server over UDP and reports as one line of JSON.
#[derive(Parser)]
struct Arguments {
    /// What to do.
    #[arg(value_enum)]
    scenario: Scenario,
    /// The server's UDP address.
    #[arg(long)]
    server: SocketAddr,
    /// The server's main process: its CPU time and memory, children included, are measured.
    #[arg(long)]
    pid: Option<u32>,
    /// Domain of the presentities.
    #[arg(long, default_value = "example.com")]
    domain: String,
    /// What the presentities' names begin with; something of this run only if absent.
    #[arg(long)]
    names: Option<String>,
    /// Operations a second.
    #[arg(long, default_value_t = 1000.0)]
    rate: f64,
    /// Seconds before anything is measured.
    #[arg(long, default_value_t = 1.0)]
    warm_up: f64,
    /// Seconds measured.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Presentities, each with one publication.
    #[arg(long, default_value_t = 1000)]
    presentities: usize,
    /// Subscriptions of each presentity.
    #[arg(long, default_value_t = 0)]
    watchers: usize,
    /// Length of a document in bytes.
    #[arg(long, default_value_t = 512)]
    body: usize,
    /// Operations under way at the same time during the preparation.
    #[arg(long, default_value_t = 64)]
    window: usize,
}

fn main() {
    let arguments = Arguments::parse();
    let report = run(&Plan {
        scenario: arguments.scenario,
        server: arguments.server,
        names: arguments.names,
        domain: arguments.domain,
        pid: arguments.pid,
        rate: arguments.rate,
        warm_up: Duration::from_secs_f64(arguments.warm_up),
        time: Duration::from_secs_f64(arguments.seconds),
        stop: None,
        presentities: arguments.presentities,
        watchers: arguments.watchers,
        body: arguments.body,
        window: arguments.window,
    });
    println!("{}", serde_json::to_string(&report).expect("JSON"));
}
