//! What the command line asks of a running server about recordings and shadows.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

use hyper::StatusCode;
use serde::Deserialize;

use crate::admin::query::append;
use crate::admin::rehearsal::Shadow;
use crate::client::{self, Call};
use crate::command::{Record, Shadow as Wish};
use crate::remote::{Say, asked, changed, parsed, refused};
use crate::replaying;

/// Pause after a fetch that brought nothing.
const PAUSE: Duration = Duration::from_millis(100);

/// Records the steps of a server into a file that only its owner reads, until its time has passed, its size is
/// reached or the process is interrupted.
///
/// # Errors
/// Why not, in words for an operator; here and below. What was recorded by then stays in the file.
pub async fn record(wish: &Record, say: &mut Say<'_>) -> Result<(), String> {
    #[derive(Deserialize)]
    struct Begun {
        id: u64,
    }
    let told = |error: std::io::Error| format!("{}: {error}", wish.output.display());
    // Before anything is recorded that could not be written.
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&wish.output);
    let mut file = file.map_err(told)?;
    let mut target = "/record".to_owned();
    append(&mut target, "share", &wish.share.to_string());
    append(&mut target, "limit", &wish.limit.to_string());
    if let Some(seconds) = wish.seconds {
        append(&mut target, "seconds", &seconds.to_string());
    }
    let begun = asked(&wish.admin, &target, Call::Post).await.and_then(|answer| parsed(&wish.admin, &answer));
    let Begun { id } = match begun {
        Ok(begun) => begun,
        Err(problem) => {
            // Nothing is in it.
            let _ = std::fs::remove_file(&wish.output);
            return Err(problem);
        }
    };
    say(&format!(
        "recording into {}; it holds personal data, and passwords of sources outside\n",
        wish.output.display()
    ));
    let done = fetch(wish, id, &mut file).await;
    if done.is_err() {
        // Nobody fetches it any more. The server may be gone, too, or notice by itself.
        let _ = asked(&wish.admin, &format!("/record/stop?id={id}"), Call::Post).await;
    }
    // What is there can be replayed in either case.
    let there = replaying::summary(&wish.output).map(|summary| say(&summary));
    done.and(there)
}

/// Fetches a recording to its end.
async fn fetch(wish: &Record, id: u64, file: &mut File) -> Result<(), String> {
    let told = |error: std::io::Error| format!("{}: {error}", wish.output.display());
    let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
    let mut stopping = false;
    loop {
        let target = format!("/record/next?id={id}");
        let (status, body) =
            client::call(&wish.admin, &target, Call::Post).await.map_err(|error| error.to_string())?;
        match status {
            StatusCode::NO_CONTENT => return Ok(()),
            StatusCode::OK => file.write_all(&body).map_err(told)?,
            status => return Err(refused(&wish.admin, status, &body)),
        }
        if !body.is_empty() {
            continue;
        }
        if stopping {
            tokio::time::sleep(PAUSE).await;
            continue;
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            _ = &mut interrupted => {
                stopping = true;
                asked(&wish.admin, &format!("/record/stop?id={id}"), Call::Post).await?;
            }
        }
    }
}

/// Begins, tells or ends a shadow.
///
/// # Errors
/// As above.
pub async fn shadow(wish: &Wish, say: &mut Say<'_>) -> Result<(), String> {
    let answer = match &wish.file {
        Some(file) => {
            let component = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
            let mut target = "/shadow".to_owned();
            append(&mut target, "share", &wish.share.to_string());
            asked(&wish.admin, &target, Call::PostComponent(component)).await?
        }
        None if wish.stop => asked(&wish.admin, "/shadow/stop", Call::Post).await?,
        None => asked(&wish.admin, "/shadow", Call::Get).await?,
    };
    if wish.json {
        say(&answer);
        return Ok(());
    }
    let shadow: Shadow = parsed(&wish.admin, &answer)?;
    let state = if wish.stop { "the shadow ran" } else { "a shadow runs" };
    let Shadow { name, version, digest, share, skipped, cpu_seconds, report, .. } = shadow;
    say(&format!("{state}: {name} {version} ({digest}), share {share}\n"));
    if wish.file.is_none() {
        say(&format!("{cpu_seconds:.3} s of processor time, {skipped} steps skipped\n{report}"));
    }
    Ok(())
}

/// Makes the component of the shadow the running generation.
///
/// # Errors
/// As above.
pub async fn promote(admin: &str, say: &mut Say<'_>) -> Result<(), String> {
    changed(admin, "/promote", Call::Post, say).await
}
