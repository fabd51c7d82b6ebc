//! Building one table: rows go to the component chunk by chunk, entries come back.
//!
//! The component does not say which row an entry comes from. So where a key has two values, the source is
//! read once more and the chunks with such keys are handed over row by row. That costs nothing while all
//! is well, neither time nor a line number for each entry.

use super::chunk::{Chunk, Chunks};
use super::problem::{Problems, shorten};
use super::source::TableSource;
use super::table::{Table, TableBuilder};
use crate::bindings::exports::rollcall::plugin::lifecycle as wit;
use crate::generation::{Instance, Runtime};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

/// Most keys with two values that are looked for.
const DISPUTED: usize = 100;

/// Most characters of a key or value in a problem.
const SHOWN: usize = 120;

/// Why there is no table.
pub(super) struct Failed {
    pub problems: Problems,
    /// Keys with two values, whose lines are not among the problems yet.
    pub disputed: Disputed,
}

/// Keys with two values, and the line where the chunk begins in which that was found.
pub(super) type Disputed = BTreeMap<Vec<u8>, u32>;

/// The entries of the rows that the component takes, and what is wrong with the others. A chunk with problems is
/// handed over once more without their rows, so that two values of one key are found beside them.
fn call(
    runtime: &Runtime,
    instance: &mut Instance,
    table: &str,
    rows: &[wit::Row<'_>],
) -> wasmtime::Result<(Vec<wit::TableEntry>, Vec<wit::RowProblem>)> {
    let mut build = |rows: &[wit::Row<'_>]| {
        instance.arm(runtime);
        let lifecycle = instance.plugin.rollcall_plugin_lifecycle();
        lifecycle.call_build_table(&mut instance.store, table, rows)
    };
    let problems = match build(rows)? {
        Ok(entries) => return Ok((entries, Vec::new())),
        Err(problems) => problems,
    };
    let unsound: BTreeSet<u32> = problems.iter().map(|problem| problem.line).collect();
    let mut sound = rows.to_vec();
    sound.retain(|row| !unsound.contains(&row.line));
    if problems.is_empty() {
        // Nothing is published of a table of which a chunk is missing.
        let line = rows.first().map_or(0, |row| row.line);
        let message = "refused by the component without a reason".to_owned();
        return Ok((Vec::new(), vec![wit::RowProblem { line, message }]));
    }
    if sound.is_empty() {
        return Ok((Vec::new(), problems));
    }
    Ok((build(&sound)?.unwrap_or_default(), problems))
}

/// Builds a table with an instance that is not used for anything else: after a failure it may have
/// trapped.
pub(super) fn build_table(
    runtime: &Runtime,
    instance: &mut Instance,
    table: &str,
    source: &dyn TableSource,
) -> Result<Table, Failed> {
    let mut built = TableBuilder::new();
    let mut disputed = Disputed::new();
    let mut chunks = Chunks::new(|chunk: &Chunk, problems: &mut Problems| {
        match call(runtime, instance, table, &chunk.rows(&chunk.fields())) {
            Ok((entries, found)) => {
                found.into_iter().for_each(|problem| problems.add(problem.line, problem.message));
                for wit::TableEntry { key, value } in entries {
                    if built.insert(&key, &value).is_err() {
                        problems.count(1);
                        if disputed.len() < DISPUTED {
                            disputed.entry(key).or_insert(chunk.line());
                        }
                    }
                }
                ControlFlow::Continue(())
            }
            Err(error) => {
                problems
                    .add(chunk.line(), format!("the component failed from here on: {}", error.root_cause()));
                ControlFlow::Break(())
            }
        }
    });
    let read = source.read(&mut chunks);
    let mut problems = chunks.finish();
    if let Err(error) = read {
        problems.add(0, error.to_string());
    }
    if problems.is_empty() { Ok(built.finish()) } else { Err(Failed { problems, disputed }) }
}

/// Finds the lines in which disputed keys get their values, and tells them.
pub(super) fn tell_disputed(
    runtime: &Runtime,
    instance: &mut Instance,
    table: &str,
    source: &dyn TableSource,
    failed: Failed,
) -> Problems {
    let Failed { mut problems, disputed } = failed;
    let mut first: BTreeMap<Vec<u8>, (u32, Vec<u8>)> = BTreeMap::new();
    let mut found: Vec<(Vec<u8>, u32, String)> = Vec::new();
    let mut chunks = Chunks::new(|chunk: &Chunk, _: &mut Problems| {
        let fields = chunk.fields();
        let rows = chunk.rows(&fields);
        match call(runtime, instance, table, &rows) {
            Ok((entries, _)) if entries.iter().any(|entry| disputed.contains_key(&entry.key)) => {}
            Ok(_) => return ControlFlow::Continue(()),
            Err(_) => return ControlFlow::Break(()),
        }
        for row in &rows {
            let entries = match call(runtime, instance, table, std::slice::from_ref(row)) {
                Ok((entries, _)) => entries,
                Err(_) => return ControlFlow::Break(()),
            };
            for wit::TableEntry { key, value } in entries {
                match first.get(&key) {
                    _ if !disputed.contains_key(&key) => {}
                    None => {
                        first.insert(key, (row.line, value));
                    }
                    Some((_, known)) if *known == value => {}
                    Some((line, known)) => {
                        let message = dispute(&key, &value, known, &source.place(*line));
                        found.push((key, row.line, message));
                    }
                }
            }
        }
        if found.len() < DISPUTED { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    // What is wrong besides has been told by the first reading.
    let _ = source.read(&mut chunks);
    chunks.finish();
    let told: BTreeSet<Vec<u8>> = found.iter().map(|(key, ..)| key.clone()).collect();
    found.into_iter().for_each(|(_, line, message)| problems.tell(line, message));
    // The source may have changed meanwhile.
    for (key, line) in disputed.iter().filter(|(key, _)| !told.contains(*key)) {
        problems.tell(*line, format!("from here on, {} has a second value", show(key)));
    }
    problems
}

fn dispute(key: &[u8], value: &[u8], known: &[u8], place: &str) -> String {
    format!("{} is {} here, but {} in {place}", show(key), show(value), show(known))
}

fn show(bytes: &[u8]) -> String {
    shorten(&format!("{:?}", String::from_utf8_lossy(bytes)), SHOWN)
}
