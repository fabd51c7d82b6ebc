//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Exit code for a configuration with problems: `EX_CONFIG` of sysexits.
pub const BAD_CONFIGURATION: u8 = 78;

/// Exit code for a recording that cannot be replayed.
pub const NOT_RUN: u8 = 2;

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
        /// Only tell whether it could be swapped in.
        #[arg(long)]
        check: bool,
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
    /// Have a running server look at the files of its tables. Tells of each table what became of it; exit code
    /// 1 if one was kept because its file is broken or gone.
    Reload {
        /// Admin address of the server.
        #[arg(long)]
        admin: String,
    },
    /// Write the step behind a failure (`show failures`) to a file that `replay` reads. It holds personal data.
    Failure {
        /// Number of the failure.
        id: u64,
        /// The file; it must not be there yet.
        #[arg(long)]
        output: PathBuf,
        /// Admin address of the server.
        #[arg(long)]
        admin: String,
    },
    /// Record the steps of a running server into a file, for `replay`; until interrupted, at most for a day.
    Record(Record),
    /// Run the steps of a recording on a component and tell what it does otherwise. Nothing is sent or kept.
    ///
    /// Exit codes: 0 nothing, 1 something, 2 it cannot be run. Without a component, tells what is in the recording.
    Replay(Replay),
    /// Run a component beside the running one, without effects, and compare; without a file, tell what it has
    /// found.
    Shadow(Shadow),
    /// Make the component of the shadow the running generation.
    Promote {
        /// Admin address of the server.
        #[arg(long)]
        admin: String,
    },
    /// Show what a running server tells of itself.
    Show(Show),
}

/// [`Command::Record`]
#[derive(Args, Clone, Debug)]
pub struct Record {
    /// The file; it must not be there yet. It holds personal data: only its owner may read it.
    #[arg(long)]
    pub output: PathBuf,
    /// How long.
    #[arg(long)]
    pub seconds: Option<u64>,
    /// Share of the identities whose steps are recorded, above 0 and up to 1.
    #[arg(long, default_value_t = 1.0)]
    pub share: f64,
    /// Largest size of the file in bytes, about.
    #[arg(long, default_value_t = 1 << 30)]
    pub limit: u64,
    /// Admin address of the server.
    #[arg(long)]
    pub admin: String,
}

/// [`Command::Replay`]
#[derive(Args, Clone, Debug)]
pub struct Replay {
    /// The recording.
    pub file: PathBuf,
    /// The component (WebAssembly).
    #[arg(long)]
    pub component: Option<PathBuf>,
    /// Configuration file (TOML) to take the component's configuration, its tables and the limits from. Default:
    /// the configuration and the entries of tables that the recording holds.
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// JSON.
    #[arg(long)]
    pub json: bool,
}

/// [`Command::Shadow`]
#[derive(Args, Clone, Debug)]
pub struct Shadow {
    /// The component (WebAssembly).
    #[arg(conflicts_with_all = ["status", "stop"])]
    pub file: Option<PathBuf>,
    /// Share of the identities whose steps it runs, above 0 and up to 1.
    #[arg(long, default_value_t = 0.1)]
    pub share: f64,
    /// Tell what it has found so far; so does no file.
    #[arg(long)]
    pub status: bool,
    /// End it and tell what it has found.
    #[arg(long, conflicts_with = "status")]
    pub stop: bool,
    /// JSON.
    #[arg(long)]
    pub json: bool,
    /// Admin address of the server.
    #[arg(long)]
    pub admin: String,
}

/// [`Command::Show`]
#[derive(Args, Clone, Debug)]
pub struct Show {
    /// What to show.
    #[arg(default_value = "health")]
    pub what: Shown,
    /// What it is about: for `identity` and `presentity` an address such as sip:alice@example.com, for `source` a name.
    #[arg(required_if_eq_any([("what", "identity"), ("what", "presentity"), ("what", "source")]))]
    pub about: Option<String>,
    /// Admin address of the server.
    #[arg(long)]
    pub admin: String,
    /// JSON, as the server tells it; a line for each presentity.
    #[arg(long)]
    pub json: bool,
    /// Begin the list of presentities behind this one.
    #[arg(long)]
    pub after: Option<String>,
    /// Most presentities to list. Default: all.
    #[arg(long)]
    pub limit: Option<usize>,
}

/// What [`Command::Show`] shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shown {
    /// Whether it is well, for how long, and which generation runs.
    Health,
    /// The generations of the component that are kept.
    Generations,
    /// Components that are not taken from the watched folder, and why.
    Withheld,
    /// Steps that failed lately, and why.
    Failures,
    /// All metrics.
    Metrics,
    /// Which identity an address stands for, and whether it is listed.
    Identity,
    /// What is published of an address, and who watches it.
    Presentity,
    /// Everybody of whom something is known: who is online, who is watched.
    Presentities,
    /// The sources of presence outside.
    Sources,
    /// How a source of presence outside fares.
    Source,
}

impl Shown {
    /// The path on the admin address.
    pub fn path(self) -> &'static str {
        match self {
            Self::Health => "/health",
            Self::Generations => "/generations",
            Self::Withheld => "/withheld",
            Self::Failures => "/failures",
            Self::Metrics => "/metrics",
            Self::Identity => "/identity",
            Self::Presentity => "/presentity",
            Self::Presentities => "/presentities",
            Self::Sources => "/sources",
            Self::Source => "/source",
        }
    }

    /// The parameter of the path, for what is about one address or name.
    pub fn parameter(self) -> Option<&'static str> {
        match self {
            Self::Identity | Self::Presentity => Some("uri"),
            Self::Source => Some("name"),
            _ => None,
        }
    }

    /// True if the component answers, in a form of its own.
    pub fn is_answer(self) -> bool {
        matches!(self, Self::Identity | Self::Presentity | Self::Source | Self::Sources)
    }
}
