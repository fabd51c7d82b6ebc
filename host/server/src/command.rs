//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

/// Exit code for a configuration with problems: `EX_CONFIG` of sysexits.
pub const BAD_CONFIGURATION: u8 = 78;

/// SIP presence server.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage, 78 the configuration has problems.
#[derive(Debug, Parser)]
#[command(name = "rollcall", version, arg_required_else_help = true)]
pub struct CommandLine {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve until SIGTERM or SIGINT; a second one ends at once.
    Serve {
        /// Configuration file (TOML).
        #[arg(long)]
        config: PathBuf,
    },
    /// Tell every problem of a configuration and start nothing.
    Check {
        /// Configuration file (TOML).
        #[arg(long)]
        config: PathBuf,
    },
    /// Make a component the running generation of a running server.
    Swap {
        /// The component (WebAssembly).
        file: PathBuf,
        /// Admin address of the server.
        #[arg(long)]
        admin: String,
    },
    /// Go back to the generation before the last swap; once more undoes that.
    Rollback {
        /// Admin address of the server.
        #[arg(long)]
        admin: String,
    },
    /// Show what a running server tells of itself.
    Show {
        /// What to show.
        #[arg(default_value = "health")]
        what: Shown,
        /// Admin address of the server.
        #[arg(long)]
        admin: String,
    },
}

/// What [`Command::Show`] shows.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Shown {
    /// Whether it is well, for how long, and which generation runs.
    Health,
    /// The generations of the component that are kept.
    Generations,
    /// All metrics.
    Metrics,
}

impl Shown {
    /// The path on the admin address.
    pub fn path(self) -> &'static str {
        match self {
            Self::Health => "/health",
            Self::Generations => "/generations",
            Self::Metrics => "/metrics",
        }
    }
}
