//! `rollcall-conformance`: shows whether a host keeps what `wit/plugin.wit` asks of it. It talks SIP to a running
//! host that has loaded the conformance plugin, and prints a report in the Test Anything Protocol.

mod bench;
mod checks;
mod control;
mod peer;
mod report;
mod script;
mod suite;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The plugin to be loaded, a component of the world `plugin` of `wit/plugin.wit`.
const COMPONENT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/rollcall_conformance.component.wasm"));

/// Rows of the table `identities`, for hosts that load tables.
const TABLE: &str = include_str!("../table.csv");

#[derive(Parser)]
#[command(name = "rollcall-conformance", about = "Shows whether a host keeps what wit/plugin.wit asks of it")]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write the plugin that the host under test has to load
    Component {
        /// Where to
        #[arg(long)]
        output: PathBuf,
    },
    /// Write the rows of the table `identities`, as comma-separated values
    Table {
        /// Where to
        #[arg(long)]
        output: PathBuf,
    },
    /// List the checks and the obligations that each shows
    List,
    /// Check a host. Exit code 0: it keeps all that was checked; 1: it does not; 2: it could not be checked
    Run(Given),
}

/// What is known of the host under test.
#[derive(clap::Args, Clone)]
pub struct Given {
    /// Where it takes SIP over UDP
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub target: SocketAddr,
    /// Request-URI of requests for the plugin; sip:conformance@TARGET by default
    #[arg(long, value_name = "URI")]
    pub uri: Option<String>,
    /// Where the host can reach the driver; port 0 for any
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    pub own: SocketAddr,
    /// A command that starts the host and stays in the foreground. It is run more than once: SIGKILL and SIGTERM
    /// end it in between. Without it, the host has to run already, and what concerns stops and crashes is skipped
    #[arg(long, value_name = "COMMAND")]
    pub start: Option<String>,
    /// The host was given the table `identities` with the rows that `table` writes
    #[arg(long)]
    pub table: bool,
    /// A command that swaps the plugin in the running host for the same one
    #[arg(long, value_name = "COMMAND")]
    pub swap: Option<String>,
    /// Only checks of these obligations, for example H-ATOM-1,H-TIMER-2
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    pub only: Vec<String>,
    /// No checks of these obligations
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    pub skip: Vec<String>,
    /// Seconds to wait for an answer, and for what the host does by itself
    #[arg(long, value_name = "SECONDS", default_value_t = 32)]
    pub patience: u64,
    /// Checks that run side by side
    #[arg(long, default_value_t = 8)]
    pub jobs: usize,
}

fn main() -> ExitCode {
    let done = match CommandLine::parse().command {
        Command::Component { output } => write(&output, COMPONENT),
        Command::Table { output } => write(&output, TABLE.as_bytes()),
        Command::List => {
            report::list(&checks::all());
            Ok(true)
        }
        Command::Run(given) => suite::run(&given),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            report::bail_out(&why);
            ExitCode::from(2)
        }
    }
}

fn write(output: &PathBuf, bytes: &[u8]) -> Result<bool, String> {
    std::fs::write(output, bytes).map_err(|error| format!("{}: {error}", output.display()))?;
    Ok(true)
}
