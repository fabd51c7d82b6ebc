//! What a source is wanted for besides watchers: one small record for a presentity and source.

use serde::{Deserialize, Serialize};

use super::super::source::Source;
use crate::keys::{self, Id};
use crate::ports::{Durability, Instant};
use crate::records;
use crate::step::Step;

/// The record. It is there while anything in it is; five to thirty bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Needs {
    /// The source is kept until then though nobody may watch: the grace time. Relaxed.
    pub kept: Option<Instant>,
    /// The registrar has told by a REGISTER that somebody is registered until then. Durable.
    pub registered: Option<Instant>,
    /// Epoch of the store in which the ledger of the source counted this presentity. Relaxed: what an
    /// epoch has said is never taken back within it.
    pub counted: Option<u64>,
}

impl Needs {
    /// Of a source, by its id.
    pub fn load(step: &mut Step<'_>, id: Id) -> Self {
        step.host.get(&id.key(keys::DEMAND)).as_deref().and_then(records::decode).unwrap_or_default()
    }

    /// True if the source is wanted for one of them now.
    #[must_use]
    pub fn hold(self, now: Instant) -> bool {
        self.kept.max(self.registered).is_some_and(|until| until > now)
    }

    /// When something in it ends.
    fn due(self) -> Option<Instant> {
        match (self.kept, self.registered) {
            (Some(kept), Some(registered)) => Some(kept.min(registered)),
            (kept, registered) => kept.or(registered),
        }
    }

    /// Writes what has become of it, and sets its timer.
    pub fn store(self, step: &mut Step<'_>, id: Id, before: Self, durability: Durability) {
        let key = id.key(keys::DEMAND);
        if self == before {
            return;
        }
        if self == Self::default() {
            step.host.delete(&key, durability);
        } else {
            step.put(&key, &self, durability);
        }
        match self.due() {
            due if due == before.due() => {}
            Some(due) => step.host.set_timer(&key, due, b""),
            None => step.host.cancel_timer(&key),
        }
    }

    /// The host has started after a stop without order, which may have brought back the record without its timer.
    /// False if nothing in it ends.
    pub fn recover(self, step: &mut Step<'_>, id: Id) -> bool {
        let due = self.due();
        if let Some(due) = due {
            step.host.set_timer(&id.key(keys::DEMAND), due, b"");
        }
        due.is_some()
    }

    /// Its timer fired: drops what is over. True if anything was.
    pub fn end(step: &mut Step<'_>, source: &Source) -> bool {
        let before = Self::load(step, source.id);
        let now = step.now;
        let live = |until: Option<Instant>| until.filter(|until| *until > now);
        let after = Self { kept: live(before.kept), registered: live(before.registered), ..before };
        after.store(step, source.id, before, Durability::Relaxed);
        // A crash may have brought back a timer that was replaced since; the one that fired has gone.
        if let Some(due) = after.due().filter(|due| Some(*due) == before.due()) {
            step.host.set_timer(&source.key(keys::DEMAND), due, b"");
        }
        after != before
    }
}
