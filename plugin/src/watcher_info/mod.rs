//! Watcher information (RFC 3857, RFC 3858): telling a presentity who watches it.
//!
//! What happens to a subscription is told to [`happened`]. Nothing is written and no more than
//! one record is looked for, unless somebody subscribes to the winfo package on it or somebody
//! waits for a decision. Else it goes into the [`Ledger`], and every winfo subscriber is sent
//! what it has not been told, by the same delivery as presence: one NOTIFY in flight, each
//! with its own throttle. A crash may take the ledger back; every winfo subscriber is therefore
//! sent full state after one.
//!
//! | where | what |
//! |---|---|
//! | `row.rs` | a watcher as a document shows it |
//! | `document.rs` | documents, full and partial |
//! | `ledger.rs` | what happened, for those that were not told yet |
//! | `undecided.rs` | pending and waiting watchers, and how many there may be |
//! | `tell.rs` | bringing it to the winfo subscribers |

mod document;
mod ledger;
mod row;
mod tell;
mod undecided;

pub use document::{next, once};
pub use ledger::Ledger;
pub use undecided::{admit, end, fetched, give_up, refused};

use crate::keys::Usage;
use crate::package::Package;
use crate::records::Subscription;
use crate::step::Step;
use row::{Cause, Row};

/// Type of the documents.
pub const WATCHERINFO: &str = "application/watcherinfo+xml";

/// What happens to a subscription, as a watcherinfo document names it (RFC 3857 4.7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// It was made; or it was active and is pending again.
    Subscribed,
    /// It was pending and is authorized now.
    Approved,
    /// It was refused.
    Rejected,
    /// It was not refreshed, or its watcher ended it. If it was pending, it is waiting now.
    TimedOut,
    /// It was pending for too long.
    GivenUp,
    /// Its watcher cannot be reached any more, and it was removed.
    Deactivated,
    /// Its presentity is another one now, and it is given to that one's partition. Told as
    /// deactivated: RFC 3857 4.7.1 has that event for migration.
    Left,
    /// It came from another partition and was authorized here. Told as one that was made.
    Arrived,
}

/// Something happened to a subscription of any package, whose record has been written, or
/// deleted if it was removed. What was fetched (Expires 0) is told to [`fetched`] instead.
pub fn happened(step: &mut Step<'_>, usage: Usage, subscription: &Subscription<'_>, what: Happening) {
    if matches!(what, Happening::Subscribed | Happening::Arrived)
        && let Some(inner) = subscription.package.inner()
    {
        Ledger::open(step, inner);
    }
    // Nobody can watch those who watch the watchers of watchers.
    if subscription.package.winfo().is_none() {
        return;
    }
    let pending = subscription.state.is_pending();
    let mut ledger = Ledger::load(step, subscription.package);
    if ledger.is_idle() && !pending {
        return;
    }
    let mut rows = Vec::new();
    if subscription.package == Package::Presence {
        undecided::happened(step, &mut ledger, usage.id, subscription, what, &mut rows);
    }
    // Last, so that one who waited before has gone when the new one comes.
    if rows.iter().all(|row| row.id != usage.id) {
        rows.push(match what {
            Happening::Subscribed | Happening::Approved | Happening::Arrived => {
                Row::live(usage.id, subscription)
            }
            Happening::Rejected => Row::over(usage.id, subscription, Cause::Rejected),
            Happening::TimedOut => Row::over(usage.id, subscription, Cause::Timeout),
            Happening::GivenUp => Row::over(usage.id, subscription, Cause::Giveup),
            Happening::Deactivated | Happening::Left => Row::over(usage.id, subscription, Cause::Deactivated),
        });
    }
    tell::tell(step, ledger, rows);
}

/// The records of a subscription were deleted.
pub fn removed(step: &mut Step<'_>, subscription: &Subscription<'_>) {
    if let Some(inner) = subscription.package.inner() {
        tell::close_unread(step, inner);
    }
}

/// Version of the watcher information in a winfo package.
pub fn version(step: &mut Step<'_>, package: Package) -> u64 {
    package.inner().and_then(|inner| Ledger::version(step, inner)).unwrap_or_default()
}

/// The host has started anew. What the ledgers hold may be older than what was told.
pub fn recover(step: &mut Step<'_>) {
    undecided::recover(step);
    tell::recover(step, Package::Presence);
    tell::recover(step, Package::Winfo);
}
