//! What the command line asks of a running server.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::admin::query::append;
use crate::admin::{Candidate, Failure, Generation, Reload, Reloaded, Withheld};
use crate::client::{self, Call};
use crate::command::{Show, Shown};
use crate::{failure_report, readable, withheld_report};

/// Presentities asked for at once.
const PAGE: usize = 500;

/// Where results go, piece by piece.
pub type Say<'a> = dyn FnMut(&str) + 'a;

/// Makes a component the running generation.
///
/// # Errors
/// Why not, in words for an operator; here and below.
pub async fn swap(component: Vec<u8>, admin: &str, say: &mut Say<'_>) -> Result<(), String> {
    changed(admin, "/swap", Call::PostComponent(component), say).await
}

/// Tells whether a component could be swapped in.
///
/// # Errors
/// As above.
pub async fn check(component: Vec<u8>, admin: &str, say: &mut Say<'_>) -> Result<(), String> {
    let answer = asked(admin, "/check", Call::PostComponent(component)).await?;
    let fits: Candidate = parsed(admin, &answer)?;
    let Candidate { name, version, digest, reads_schemas, writes_schema, way_back } = fits;
    say(&format!("it fits: {name} {version} ({digest})\n"));
    let way_back = if way_back { "a roll back is possible" } else { "there is no way back" };
    say(&format!("reads schemas {reads_schemas:?}, writes {writes_schema}: {way_back}\n"));
    Ok(())
}

/// Writes the recording of a failed step to a file that only its owner reads.
///
/// # Errors
/// As above; also if the file is there already.
pub async fn failure(id: u64, output: &Path, admin: &str, say: &mut Say<'_>) -> Result<(), String> {
    let (status, body) = client::call(admin, &format!("/failure?id={id}"), Call::Get)
        .await
        .map_err(|error| error.to_string())?;
    if !status.is_success() {
        return Err(refused(admin, status, &body));
    }
    let told = |error: std::io::Error| format!("{}: {error}", output.display());
    let options = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(output);
    options.and_then(|mut file| file.write_all(&body)).map_err(told)?;
    say(&format!(
        "{}: {} bytes; it holds personal data, and passwords of sources outside\n",
        output.display(),
        body.len()
    ));
    Ok(())
}

/// Goes back to the generation before.
///
/// # Errors
/// As above.
pub async fn roll_back(admin: &str, say: &mut Say<'_>) -> Result<(), String> {
    changed(admin, "/rollback", Call::Post, say).await
}

/// Reloads the tables and tells of each what became of it.
///
/// # Errors
/// As above; also if a table was kept because its file is broken or gone.
pub async fn reload(admin: &str, say: &mut Say<'_>) -> Result<(), String> {
    let (status, body) =
        client::call(admin, "/reload", Call::Post).await.map_err(|error| error.to_string())?;
    let Ok(reload) = serde_json::from_slice::<Reload>(&body) else {
        return Err(refused(admin, status, &body));
    };
    let mut kept = Vec::new();
    if let Some(rules) = &reload.identity_rules {
        say(match rules.state {
            Reloaded::Unchanged => "identity rules: unchanged\n",
            Reloaded::Replaced => "identity rules: replaced, and the tables with them\n",
            Reloaded::Kept => "identity rules: kept as they were\n",
        });
        kept.extend(rules.problems.iter().cloned());
    }
    if reload.tables.is_empty() {
        say("no tables are configured\n");
    }
    for table in &reload.tables {
        let (name, entries) = (&table.table, table.entries);
        match table.state {
            Reloaded::Replaced => {
                say(&format!("{name}: replaced, {entries} entries, {} ms\n", table.milliseconds));
            }
            Reloaded::Unchanged => say(&format!("{name}: unchanged, {entries} entries\n")),
            Reloaded::Kept => {
                say(&format!("{name}: kept as it was, {entries} entries\n"));
                kept.extend(table.problems.iter().cloned());
                if table.further > 0 {
                    kept.push(format!("{}: {} more problems", table.file, table.further));
                }
            }
        }
    }
    if reload.ok { Ok(()) } else { Err(kept.join("\n")) }
}

/// Shows what a server tells of itself.
///
/// # Errors
/// As above.
pub async fn show(show: &Show, say: &mut Say<'_>) -> Result<(), String> {
    let mut target = show.what.path().to_owned();
    match (&show.about, show.what.parameter()) {
        (Some(about), Some(parameter)) => append(&mut target, parameter, about),
        (Some(about), None) => return Err(format!("{about}: not expected here")),
        (None, _) => {}
    }
    if show.what == Shown::Presentities {
        return presentities(show, say).await;
    }
    let answer = asked(&show.admin, &target, Call::Get).await?;
    if show.what == Shown::Failures && !show.json {
        let failures: Vec<Failure> = parsed(&show.admin, &answer)?;
        say(&failure_report::text(&failures));
        return Ok(());
    }
    if show.what == Shown::Withheld && !show.json {
        let withheld: Vec<Withheld> = parsed(&show.admin, &answer)?;
        say(&withheld_report::text(&withheld));
        return Ok(());
    }
    if show.what.is_answer() && !show.json {
        say(&readable::text(&parsed(&show.admin, &answer)?));
    } else {
        say(&answer);
    }
    Ok(())
}

/// Shows page after page: a line for each presentity.
async fn presentities(show: &Show, say: &mut Say<'_>) -> Result<(), String> {
    #[derive(Deserialize)]
    struct Page {
        presentities: Vec<Map<String, Value>>,
        next: Option<String>,
    }
    let mut after = show.after.clone();
    let mut left = show.limit.unwrap_or(usize::MAX);
    let mut table = readable::Table::new("presentity");
    let mut nobody = !show.json;
    while left > 0 {
        let mut target = show.what.path().to_owned();
        append(&mut target, "limit", &PAGE.min(left).to_string());
        if let Some(after) = &after {
            append(&mut target, "after", after);
        }
        let answer = asked(&show.admin, &target, Call::Get).await?;
        let page: Page = parsed(&show.admin, &answer)?;
        left -= page.presentities.len().min(left);
        if show.json {
            for presentity in page.presentities {
                say(&format!("{}\n", Value::Object(presentity)));
            }
        } else {
            let rows: Vec<_> = page.presentities.into_iter().map(flat).filter(|row| !is_empty(row)).collect();
            say(&table.rows(rows.iter()));
            nobody &= rows.is_empty();
        }
        after = match page.next {
            Some(next) => Some(next),
            None => break,
        };
    }
    if nobody {
        say("nobody\n");
    }
    Ok(())
}

/// The members of the summary beside the name.
fn flat(mut row: Map<String, Value>) -> Map<String, Value> {
    if let Some(Value::Object(summary)) = row.remove("summary") {
        for (name, value) in summary {
            row.entry(name).or_insert(value);
        }
    }
    row
}

/// Of some nothing but old traces is left.
fn is_empty(row: &Map<String, Value>) -> bool {
    let counts = ["publications", "watchers", "winfo_watchers"];
    // Nobody need publish or watch for a source outside to say something.
    row.get("basic").is_none_or(Value::is_null)
        && counts.iter().all(|name| row.get(*name) == Some(&Value::from(0)))
}

/// Changes the generation and tells which one runs then.
pub(crate) async fn changed(admin: &str, target: &str, call: Call, say: &mut Say<'_>) -> Result<(), String> {
    let answer = asked(admin, target, call).await?;
    let Generation { number, name, version, digest, trial_until, way_back, .. } = parsed(admin, &answer)?;
    say(&format!("generation {number} runs: {name} {version} ({digest})\n"));
    if trial_until.is_some() {
        say("it is on trial: if too many of its steps fail, the server goes back by itself\n");
    }
    if way_back == Some(false) {
        say("there is no way back: the former component does not read what this one writes\n");
    }
    Ok(())
}

pub(crate) fn parsed<T: serde::de::DeserializeOwned>(admin: &str, answer: &str) -> Result<T, String> {
    serde_json::from_str(answer).map_err(|error| format!("{admin}: no proper answer: {error}"))
}

/// What the server answers; its problems, a line each, if it refuses.
pub(crate) async fn asked(admin: &str, target: &str, call: Call) -> Result<String, String> {
    let (status, body) = client::call(admin, target, call).await.map_err(|error| error.to_string())?;
    match status.is_success() {
        true => Ok(String::from_utf8_lossy(&body).into_owned()),
        false => Err(refused(admin, status, &body)),
    }
}

pub(crate) fn refused(admin: &str, status: hyper::StatusCode, body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Refusal {
        problems: Vec<String>,
    }
    let problems = serde_json::from_slice::<Refusal>(body).map(|refusal| refusal.problems.join("\n"));
    let problems = problems.unwrap_or_else(|_| String::from_utf8_lossy(body).into_owned());
    format!("{admin}: refused ({status}):\n{problems}")
}
