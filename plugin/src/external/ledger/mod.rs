//! How a source fares, for the operator: told by the presentities, kept in the partition of the source.
//!
//! | where | what |
//! |---|---|
//! | here | what presentities tell |
//! | `book.rs` | what is kept of it |
//! | `diary.rs` | what the log says of it |
//! | `roll.rs` | who is covered, so that they can be told when the source has gone |
//! | `pulse.rs` | a timer in the partition of each source that is configured |
//!
//! How many presentities a source covers is counted by what each tells when its subscription there is made and
//! when it is deleted. A crash may take some of that back, so the count belongs to an epoch of the store: after a
//! crash it begins at none, and as every presentity hears of the new epoch, each that is covered tells so anew. It remembers
//! the epoch in which it was counted ([`Needs::counted`]), so nobody counts twice.

mod book;
mod diary;
mod pulse;
mod roll;

pub use book::{Book, Failure};
pub use diary::{Fault, Manner};
pub use pulse::{AUID, announced, fired};

use super::demand::Needs;
use super::source::{self, Source};
use crate::keys::{self, Id};
use crate::ports::{Durability, Instant};
use crate::records;
use crate::step::Step;
use book::Entry;

/// What a presentity tells of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report<'a> {
    /// It has a subscription there now, or wants one.
    Covered,
    /// It has none any more.
    Uncovered,
    /// The source has answered or said something.
    Contact,
    /// The source failed it: why, when it is tried again, if it is, and what that is to the log.
    Failed(&'a str, Option<Instant>, Manner),
}

/// Tells the partition of a source.
pub fn report(step: &mut Step<'_>, source: &Source, report: &Report<'_>) {
    match *report {
        Report::Covered => cover(step, source, true),
        Report::Uncovered => cover(step, source, false),
        Report::Contact => book::post(step, source, &Entry::Contact(step.now), b""),
        Report::Failed(why, next_try, manner) => {
            step.host.count("source_failures", &[("source", &source.name)], 1);
            let entry = Entry::Failed { at: step.now, presentity: step.partition, why, next_try };
            book::post(step, source, &entry, &records::encode(&manner));
        }
    }
}

/// Tells that this presentity is covered, or not, unless it is known in this epoch.
fn cover(step: &mut Step<'_>, source: &Source, covered: bool) {
    let before = Needs::load(step, source.id);
    let epoch = step.epoch();
    let counted = covered.then_some(epoch);
    Needs { counted, ..before }.store(step, source.id, before, Durability::Relaxed);
    if (before.counted == Some(epoch)) != covered {
        let entry = if covered { Entry::Covered(epoch) } else { Entry::Uncovered(epoch) };
        book::post(step, source, &entry, step.partition.as_bytes());
    }
}

/// A presentity has nothing to do any more with a source that is not asked any more by configuration.
pub fn abandoned(step: &mut Step<'_>, id: Id) {
    let configuration = step.configuration;
    if let Some(source) = configuration.disabled.iter().find(|source| source.id == id) {
        cover(step, source, false);
    }
    let before = Needs::load(step, id);
    Needs::default().store(step, id, before, Durability::Durable);
}

/// Counts the outcome of a SUBSCRIBE: a status or a word such as `timeout`.
pub fn count_subscribe(step: &mut Step<'_>, source: &Source, result: &str) {
    step.host.count("source_subscribes", &[("source", &source.name), ("result", result)], 1);
}

/// Counts a NOTIFY of a source, by the status with which it is answered.
pub fn count_notify(step: &mut Step<'_>, source: &Source, status: u16) {
    let status = status.to_string();
    step.host.count("source_notifies", &[("source", &source.name), ("result", &status)], 1);
}

/// A post arrived. False if it is none of these.
pub fn posted(step: &mut Step<'_>, payload: &[u8]) -> bool {
    book::posted(step, payload) || roll::posted(step, payload)
}

/// The host has started after a stop without order.
pub fn recover(step: &mut Step<'_>) {
    if source::name_of_partition(step).is_some() {
        return pulse::recover(step);
    }
    let configuration = step.configuration;
    for source in &configuration.external {
        let covered = step.host.get(&source.key(keys::BACKEND)).is_some();
        cover(step, source, covered);
    }
}
