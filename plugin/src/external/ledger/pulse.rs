//! The pulse of a source: a timer in its partition, every few seconds, that puts its figures where the operator
//! sees them (they begin anew at each start) and looks whether the directory has changed. When the source has gone, it
//! has those forget it that were covered.
//!
//! A step has to set it first. The host hands in one document for each configured source at each start and
//! reload, and after a swap: of [`AUID`], without owner, the name of the source as path.

use super::super::demand;
use super::super::source::{self, Source};
use super::book::Book;
use super::roll;
use crate::configuration::Configuration;
use crate::ports::{Durability, Host};
use crate::step::Step;

/// Application unique id of the documents that make sources known.
pub const AUID: &str = "rollcall.sources";

/// Name of the timer.
const TIMER: &[u8] = b"qp";
/// Milliseconds between two of them.
const PERIOD: u64 = 10_000;

/// The host makes a source known, or, without content, says that it has gone.
///
/// # Errors
/// There is no such source.
pub fn announced(
    host: &mut dyn Host,
    configuration: &Configuration,
    name: &str,
    content: Option<&[u8]>,
) -> Result<(), String> {
    let source = configuration.external.iter().find(|source| source.name == name);
    match (source, content) {
        (Some(source), Some(_)) => {
            let partition = source.partition();
            beat(&mut Step::enter(host, configuration, &partition), source, true);
            Ok(())
        }
        (None, Some(_)) if configuration.disabled.iter().all(|source| source.name != name) => {
            Err(format!("no source is called {name:?}"))
        }
        _ => Ok(()),
    }
}

fn beat(step: &mut Step<'_>, source: &Source, anew: bool) {
    Book::load(step).show(step, source);
    demand::begin(step, source, anew);
    step.host.set_timer(TIMER, step.now + PERIOD, b"");
}

/// A timer of a source's partition fired. False if it is none of these.
pub fn fired(step: &mut Step<'_>, name: &[u8]) -> bool {
    let source = source::of_partition(step);
    match (name, source) {
        (TIMER, Some(source)) => beat(step, source, false),
        (demand::WALK, Some(source)) => demand::go_on(step, source),
        // It is configured no longer. Should it come back, it is made known again.
        (TIMER, None) => farewell(step),
        (demand::WALK, None) => step.host.delete(demand::WALK, Durability::Relaxed),
        _ => return false,
    }
    true
}

/// The last beats of a source that has gone, until all know.
fn farewell(step: &mut Step<'_>) {
    if Book::dismiss(step) {
        step.host.set_timer(TIMER, step.now + roll::REST, b"");
    }
}

/// The host has started after a stop without order: what a walk posted may be lost.
pub(super) fn recover(step: &mut Step<'_>) {
    match source::of_partition(step) {
        Some(source) => beat(step, source, true),
        None => farewell(step),
    }
}
