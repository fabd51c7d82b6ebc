//! What is made of several statements about one thing: the room to change that in.
//!
//! [`Policy::pivot`] says which components are about the same service, person or device;
//! [`Policy::show`] writes what watchers get to see of them. Everything else in composition
//! (identifiers, order, what has to be composed anew) follows from these two and holds for
//! any other policy as well, as long as what it shows depends on its arguments alone.

use serde::{Deserialize, Serialize};

use super::draft::Draft;
use crate::pidf::Kind;
use crate::ports::Instant;

/// What to make of several components about the same thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rule {
    /// Show each of them.
    All,
    /// Show the newest only.
    Newest,
    /// Make one of them where they do not contradict each other; those that do are shown
    /// side by side, for the watcher to judge (RFC 4479 section 3.5).
    Merge,
    /// Make one of them; where they contradict each other, the newer one holds.
    MergeNewest,
}

/// How a presentity's publications become one document.
///
/// What a tuple, person or device is about is fixed: a tuple's service is its contact, as a
/// string, at its priority; a device is its deviceID; a presentity is one person. The age of
/// a component is its own `timestamp`, else when it was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Tuples with the same contact and priority.
    pub tuples: Rule,
    /// Persons.
    pub persons: Rule,
    /// Devices with the same deviceID.
    pub devices: Rule,
}

impl Policy {
    /// What the server starts with: one person, one device for each deviceID, and services
    /// that are merged only where nothing is lost by it.
    pub const DEFAULT: Self =
        Self { tuples: Rule::Merge, persons: Rule::MergeNewest, devices: Rule::MergeNewest };

    /// Tells the policy from all others.
    pub(super) fn code(&self) -> [u8; 3] {
        [self.tuples, self.persons, self.devices].map(|rule| rule as u8)
    }

    fn rule(&self, kind: Kind) -> Rule {
        match kind {
            Kind::Tuple => self.tuples,
            Kind::Person => self.persons,
            Kind::Device => self.devices,
            Kind::Note | Kind::Extension => Rule::All,
        }
    }

    /// Stands for what a component is about; 0 if it is to stay alone. `about` is the
    /// reader's opinion.
    pub(super) fn pivot(&self, kind: Kind, about: u64) -> u64 {
        if self.rule(kind) == Rule::All { 0 } else { about }
    }

    /// Writes what is shown of components about the same thing, oldest publication first;
    /// there is at least one. Gives the instant at which that would be something else, if
    /// nothing happens before.
    pub(super) fn show(
        &self,
        kind: Kind,
        statements: &[Statement<'_>],
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Option<Instant> {
        let rule = self.rule(kind);
        let mut drafts: Vec<Draft<'_>> = Vec::new();
        for draft in statements.iter().filter_map(|statement| Draft::read(kind, statement, now)) {
            let place = match rule {
                Rule::All | Rule::Newest => None,
                Rule::Merge => drafts.iter().take(CANDIDATES).position(|other| !other.contradicts(&draft)),
                Rule::MergeNewest => drafts.iter().take(CANDIDATES).position(|other| other.takes(&draft)),
            };
            match place.and_then(|place| drafts.get_mut(place)) {
                Some(other) => other.absorb(draft),
                None => drafts.push(draft),
            }
        }
        if rule == Rule::Newest {
            newest(kind, &mut drafts);
        }
        // RFC 4479 section 3.5: the time of each helps to judge.
        let ambiguous = drafts.len() > 1;
        let mut until: Option<Instant> = None;
        for draft in &drafts {
            draft.write(ambiguous, out);
            until = [until, draft.until()].into_iter().flatten().min();
        }
        until
    }
}

/// Leaves the newest. What one publication says of a service in several tuples stays
/// together: it is not for us to correct (RFC 3863 section 4.1.2).
fn newest(kind: Kind, drafts: &mut Vec<Draft<'_>>) {
    let Some(newest) = drafts.iter().map(Draft::age).max() else { return };
    match kind {
        Kind::Tuple => drafts.retain(|draft| draft.age().source == newest.source),
        _ => drafts.retain(|draft| draft.age() == newest),
    }
    if kind != Kind::Tuple {
        drafts.truncate(1);
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// With so many statements is a further one compared before it is shown apart: else many
/// that contradict each other would take time by the square of their number.
const CANDIDATES: usize = 16;

/// A component as a publication has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Statement<'a> {
    /// Canonical text with the identifiers of the composed document.
    pub(super) xml: &'a [u8],
    /// The publication's place among the others.
    pub(super) source: u16,
    /// Its place in the publication.
    pub(super) place: usize,
    /// When it was published in this form.
    pub(super) published: Instant,
}
