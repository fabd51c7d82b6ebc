//! The `rollcall` command.

use std::fmt::Display;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use rollcall_server::command::{BAD_CONFIGURATION, Command, CommandLine, NOT_RUN};
use rollcall_server::configuration::{Configuration, Reading, Refusals};
use rollcall_server::replaying::{self, Verdict};
use rollcall_server::run::RunError;
use rollcall_server::server::{self, ServeError};
use rollcall_server::{remote, remote_rehearsal};

/// For its memory: with 100,000 subscriptions it kept 5 % less resident than the system's allocator and
/// 13 % less than mimalloc, at the same processor time.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    match CommandLine::parse().command {
        Command::Serve { config } => serve(&config),
        Command::Check { config } => check(&config),
        Command::Swap { file, check, admin } => run(swap(&file, check, &admin)),
        Command::Rollback { admin } => run(remote::roll_back(&admin, &mut say)),
        Command::Reload { admin } => run(remote::reload(&admin, &mut say)),
        Command::Failure { id, output, admin } => run(remote::failure(id, &output, &admin, &mut say)),
        Command::Record(wish) => run(remote_rehearsal::record(&wish, &mut say)),
        Command::Replay(wish) => match replaying::run(&wish, &mut say) {
            Ok(Verdict::Same) => ExitCode::SUCCESS,
            Ok(Verdict::Differs) => ExitCode::FAILURE,
            Err(said) => {
                complain(&said);
                ExitCode::from(NOT_RUN)
            }
        },
        Command::Shadow(wish) => run(remote_rehearsal::shadow(&wish, &mut say)),
        Command::Promote { admin } => run(remote_rehearsal::promote(&admin, &mut say)),
        Command::Show(show) => run(remote::show(&show, &mut say)),
    }
}

fn serve(file: &Path) -> ExitCode {
    let configuration = match checked(file, Reading::has_problems) {
        Ok(configuration) => configuration,
        Err(code) => return code,
    };
    match rollcall_server::run::serve(configuration) {
        Ok(()) => ExitCode::SUCCESS,
        Err(RunError::Serve(ServeError::Configuration(problems))) => bad(&problems),
        Err(error) => failed(&error),
    }
}

fn check(file: &Path) -> ExitCode {
    match checked(file, |_| true) {
        Ok(_) => {
            say(&format!("{}: no problem\n", file.display()));
            ExitCode::SUCCESS
        }
        Err(code) => code,
    }
}

/// Reads a configuration, and asks the component for its problems too if `ask` says so.
fn checked(file: &Path, ask: impl FnOnce(&Reading) -> bool) -> Result<Configuration, ExitCode> {
    let mut reading = Configuration::read(file).map_err(|error| bad(&error))?;
    if ask(&reading) {
        match server::check(&reading.plugin) {
            Ok(refusals) => reading.add_refused(&refusals),
            Err(error) if reading.plugin.component.is_some() => {
                let keys = vec![("plugin.component".to_owned(), error.to_string())];
                reading.add_refused(&Refusals { keys, tables: Vec::new() });
            }
            Err(error) => return Err(failed(&error)),
        }
    }
    reading.finish().map_err(|problems| bad(&problems))
}

fn bad(problems: &dyn Display) -> ExitCode {
    complain(problems);
    ExitCode::from(BAD_CONFIGURATION)
}

fn failed(error: &dyn Display) -> ExitCode {
    complain(error);
    ExitCode::FAILURE
}

/// Runs a call to a running server.
fn run(call: impl Future<Output = Result<(), String>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.map_err(|error| error.to_string()).and_then(|runtime| runtime.block_on(call)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(said) => failed(&said),
    }
}

async fn swap(file: &Path, check: bool, admin: &str) -> Result<(), String> {
    let component = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    if check {
        remote::check(component, admin, &mut say).await
    } else {
        remote::swap(component, admin, &mut say).await
    }
}

/// A reader that has gone away has seen enough, here and below.
fn say(text: &str) {
    let _ = write!(std::io::stdout(), "{text}");
}

fn complain(problem: &dyn Display) {
    let _ = writeln!(std::io::stderr(), "{problem}");
}
