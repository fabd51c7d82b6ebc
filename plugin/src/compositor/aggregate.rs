//! The one document of a presentity, out of its publications and what sources outside contribute
//! (RFC 4479, WPS-05, WPS-08, WPS-13).
//!
//! Invariant: whoever changes what the document is made of calls [`compose`] or [`follow`] in the
//! same step, so that the document in the partition is always that of its records.

use crate::composition::{self, Assembled, Source};
use crate::compositor::publication;
use crate::external::contribution::{self, Live};
use crate::external::peers;
use crate::keys;
use crate::notifier::fanout;
use crate::ports::Durability;
use crate::step::Step;

/// What the document has to follow.
#[derive(Clone, Copy, Debug)]
pub enum Change<'a> {
    /// One says something new.
    Put(Source<'a>),
    /// One has gone, by the id of its [`Source`].
    Remove(u64),
    /// Any number of them went.
    Expired,
    /// Something in the document may have ended by itself (RFC 4480 3.1, RFC 4481 3).
    Time,
}

/// Something has gone: the document follows, or goes with it.
pub fn follow(step: &mut Step<'_>, change: Change<'_>) {
    if step.is_empty(keys::PUBLICATION)
        && step.is_empty(keys::SUBSCRIPTION)
        && step.is_empty(keys::CONTRIBUTION)
    {
        step.tidy(Durability::Durable);
    } else {
        compose(step, change);
    }
}

/// Brings the document up to date and, if that makes a difference, sends it to the watchers.
pub fn compose(step: &mut Step<'_>, change: Change<'_>) {
    let (policy, now) = (step.configuration.composition, step.now);
    let changed = step.assembly().and_then(|assembly| match change {
        Change::Put(source) => Some(assembly.update(&policy, &[source], None, now)),
        Change::Remove(id) => Some(assembly.update(&policy, &[], Some(id), now)),
        Change::Expired => None,
        Change::Time => Some(assembly.update(&policy, &[], None, now)),
    });
    let assembled = changed.unwrap_or_else(|| {
        let contributed = contribution::live(step);
        assemble(step, &contributed)
    });
    let sooner = peers::composed(step);
    if step.set_document(&assembled, sooner) {
        let version = step.document().version;
        step.trace("document changed", || vec![("version", version.to_string())]);
        fanout::changed(step);
    } else {
        peers::tell(step);
    }
}

/// Composes the publications and these contributions.
pub fn assemble(step: &mut Step<'_>, contributed: &[Live]) -> Assembled {
    let published = publication::live(step);
    let published =
        published.iter().map(|(id, publication, document)| publication::source(*id, publication, document));
    let sources: Vec<Source<'_>> = published.chain(contributed.iter().map(Live::source)).collect();
    composition::assemble(&sources, &step.configuration.composition, step.now)
}
