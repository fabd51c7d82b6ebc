//! The life of the server process: start, signals, stop.

use std::io::{self, Write};

use thiserror::Error;
use tracing::{info, warn};

use crate::configuration::Configuration;
use crate::logging::{LogError, Logging};
use crate::server::{ServeError, Server};
use crate::signals::{Ask, Signals};

/// Exit code after a second signal: that of a process ended by SIGINT.
const ENDED_AT_ONCE: i32 = 130;

/// Why the process ends with an error.
#[derive(Debug, Error)]
pub enum RunError {
    /// The log cannot be started.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The operating system gives no runtime, no signals or no threads.
    #[error("the operating system refuses: {0}")]
    System(#[from] io::Error),
    /// The server does not start or did not stop in order.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// Starting or stopping panicked.
    #[error("a fault of the server: {0}")]
    Fault(#[from] tokio::task::JoinError),
}

/// Serves until a signal asks to stop. Prints one line on standard output when it serves.
///
/// # Errors
/// What keeps the server from serving, or kept it from stopping in order.
pub fn serve(configuration: Configuration) -> Result<(), RunError> {
    let logging = Logging::start(&configuration.log)?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(live(configuration, logging))
}

async fn live(configuration: Configuration, logging: Logging) -> Result<(), RunError> {
    let mut signals = Signals::listen()?;
    let starting = configuration.clone();
    let server = tokio::task::spawn_blocking(|| Server::start(starting)).await??;
    // Nobody has to read this line.
    let _ = writeln!(io::stdout(), "{}", server.ready());
    let _ = io::stdout().flush();
    while signals.next().await == Ask::Reload {
        reload(&configuration, &logging);
        server.reload();
    }
    let stopping = tokio::task::spawn_blocking(|| server.stop());
    tokio::select! {
        stopped = stopping => Ok(stopped??),
        () = asked_again(&mut signals) => {
            warn!("asked to stop a second time: ending at once, which counts as a crash");
            std::process::exit(ENDED_AT_ONCE);
        }
    }
}

async fn asked_again(signals: &mut Signals) {
    while signals.next().await == Ask::Reload {}
}

/// Takes from the file what can change while the server runs: the filter of the log.
fn reload(running: &Configuration, logging: &Logging) {
    let fresh = match Configuration::read(running.file()).map(crate::configuration::Reading::finish) {
        Ok(Ok(fresh)) => fresh,
        Ok(Err(problems)) => {
            return problems.0.iter().for_each(|problem| warn!(%problem, "configuration not reloaded"));
        }
        Err(error) => return warn!(%error, "configuration not reloaded"),
    };
    match logging.set_filter(&fresh.log.filter) {
        Ok(()) => info!(filter = fresh.log.filter, "log filter reloaded"),
        Err(error) => warn!(%error, "log filter not reloaded"),
    }
    if running.wants_restart(&fresh) {
        warn!("the configuration has other changes, which need a restart");
    }
}
