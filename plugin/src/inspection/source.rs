//! The question `source`: how a source of presence outside fares. The argument is its name; the answer
//!
//! ```json
//! {"name": "scscf", "kind": "registrar", "enabled": true, "start": "demand",
//!  "targets": ["sip:192.0.2.10"], "now": 1700000000000, "users": 2, "last_contact": 1700000000000,
//!  "last_error": {"why": "503 Service Unavailable", "at": 1700000000000, "presentity": "sip:alice@example.com"},
//!  "next_try": 1700000005000, "waiting": 0}
//! ```
//!
//! Instants are milliseconds since 1970; null is what never happened. `users` are presentities with a subscription
//! there. `next_try` is when the source is tried again for the presentity of the last error, if it
//! has not been heard of since. `waiting` counts those whose turn to subscribe there is still to come.
//!
//! Without argument the answer names all sources:
//!
//! ```json
//! {"sources": [{"name": "scscf", "kind": "registrar", "enabled": true}]}
//! ```

use serde::Serialize;

use crate::configuration::Configuration;
use crate::external::ledger::{Book, Failure};
use crate::external::pacing;
use crate::external::source::{Source, Start};
use crate::ports::{Host, Instant};
use crate::step::Step;

#[derive(Serialize)]
struct All<'a> {
    sources: Vec<Named<'a>>,
}

#[derive(Serialize)]
struct Named<'a> {
    name: &'a str,
    kind: &'static str,
    enabled: bool,
}

#[derive(Serialize)]
struct Answer<'a> {
    #[serde(flatten)]
    named: Named<'a>,
    start: &'static str,
    targets: &'a [String],
    now: Instant,
    users: u64,
    last_contact: Option<Instant>,
    last_error: Option<Error>,
    next_try: Option<Instant>,
    waiting: u64,
}

#[derive(Serialize)]
struct Error {
    why: String,
    at: Instant,
    presentity: String,
}

/// Answers the question.
///
/// # Errors
/// No source has that name.
pub fn answer(host: &mut dyn Host, configuration: &Configuration, name: &str) -> Result<String, String> {
    let on = configuration.external.iter().map(|source| (source, true));
    let off = configuration.disabled.iter().map(|source| (source, false));
    if name.is_empty() {
        return write(&All { sources: on.chain(off).map(named).collect() });
    }
    let found = on.chain(off).find(|(source, _)| source.name == name);
    let Some((source, enabled)) = found else { return Err(format!("no source is called {name:?}")) };
    let partition = source.partition();
    let mut step = Step::enter(host, configuration, &partition);
    let book = Book::load(&mut step);
    write(&Answer {
        named: named((source, enabled)),
        start: match source.start {
            Start::Demand => "demand",
            Start::Always => "always",
        },
        targets: &source.targets,
        now: step.now,
        users: book.users,
        last_contact: book.last_contact,
        next_try: book.next_try(),
        last_error: book.failure.map(|Failure { why, at, presentity, .. }| Error { why, at, presentity }),
        waiting: pacing::waiting(&mut step, source),
    })
}

fn named((source, enabled): (&Source, bool)) -> Named<'_> {
    Named { name: &source.name, kind: source.kind.name(), enabled }
}

fn write(answer: &impl Serialize) -> Result<String, String> {
    serde_json::to_string(answer).map_err(|error| error.to_string())
}
