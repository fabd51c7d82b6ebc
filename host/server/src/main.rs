//! The `rollcall` command.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use rollcall_server::admin::Generation;
use rollcall_server::client;
use rollcall_server::command::{BAD_CONFIGURATION, Command, CommandLine, Shown};
use rollcall_server::configuration::Configuration;

fn main() -> ExitCode {
    match CommandLine::parse().command {
        Command::Check { config } => check(&config),
        Command::Swap { file, admin } => remote(swap(&file, &admin)),
        Command::Show { what, admin } => remote(show(what, &admin)),
    }
}

fn check(file: &Path) -> ExitCode {
    match Configuration::load(file) {
        Ok(_) => {
            println!("{}: no problem", file.display());
            ExitCode::SUCCESS
        }
        Err(problems) => {
            eprintln!("{problems}");
            ExitCode::from(BAD_CONFIGURATION)
        }
    }
}

/// Runs a call to a running server.
fn remote(call: impl Future<Output = Result<String, String>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = runtime.map_err(|error| error.to_string()).and_then(|runtime| runtime.block_on(call));
    match outcome {
        Ok(said) => {
            // A reader that has gone away has seen enough.
            let _ = write!(std::io::stdout(), "{said}");
            ExitCode::SUCCESS
        }
        Err(said) => {
            eprintln!("{said}");
            ExitCode::FAILURE
        }
    }
}

async fn swap(file: &Path, admin: &str) -> Result<String, String> {
    let component = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let answer = asked(admin, "/swap", Some(component)).await?;
    let Generation { number, name, version, digest, .. } =
        serde_json::from_str(&answer).map_err(|error| format!("{admin}: no proper answer: {error}"))?;
    Ok(format!("generation {number} runs: {name} {version} ({digest})\n"))
}

async fn show(what: Shown, admin: &str) -> Result<String, String> {
    asked(admin, what.path(), None).await
}

/// What the server answers; its problems, a line each, if it refuses.
async fn asked(admin: &str, path: &str, component: Option<Vec<u8>>) -> Result<String, String> {
    #[derive(serde::Deserialize)]
    struct Refusal {
        problems: Vec<String>,
    }
    let (status, body) = client::call(admin, path, component).await.map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&body).into_owned();
    if status.is_success() {
        return Ok(text);
    }
    let problems = serde_json::from_str::<Refusal>(&text).map(|refusal| refusal.problems.join("\n"));
    Err(format!("{admin}: refused ({status}):\n{}", problems.unwrap_or(text)))
}
