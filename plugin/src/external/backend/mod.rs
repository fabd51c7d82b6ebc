//! The subscription at a source for one presentity: the subscriber's side of RFC 6665.
//!
//! | where | what |
//! |---|---|
//! | `record.rs` | where a subscription stands, in one durable record with one timer |
//! | `request.rs` | the SUBSCRIBE, and the way back that its Contact names |
//! | `response.rs` | what becomes of it by the answer |
//! | `notify.rs` | NOTIFY |
//! | `life.rs` | refreshing, and the end of a dialog |
//! | `retry.rs` | what comes after a failure or an end, and when |
//! | `trouble.rs` | what can be wrong, and what it means |
//! | `status.rs` | for the operator |
//!
//! A new subscription is sent when [`super::pacing`] lets it go; a refresh in time is not paced, as refreshes are
//! spread already. What was overdue at a start is paced like a new one, so that a restart is no storm.

#[doc(hidden)]
pub mod fuzzing;
mod life;
mod notify;
mod record;
mod request;
mod response;
mod retry;
mod status;
mod trouble;

pub use notify::notify;
pub use response::outcome;
pub use status::{Status, status};

use self::record::{Backend, Kept, Phase, Refresh};
use super::ledger::{self, Report};
use super::pacing::Lane;
use super::source::{Source, by_id};
use super::{contribution, demand, learning, pacing};
use crate::keys::{self, Id};
use crate::ports::Durability;
use crate::step::Step;

/// Sources are few.
const SCAN: u32 = 1_000;

/// A timer that is so many milliseconds late has come due while there was no server.
pub const LATE: u64 = 5_000;

/// A source is wanted for this presentity, which it knows as `resource`, a URI. Does nothing if it is
/// subscribed to already, but for another resource. Where the source has refused for good, it is tried again
/// if nothing has wanted it since, or if it is configured in another way now. A new subscription waits in that lane.
pub fn start(step: &mut Step<'_>, source: &Source, resource: &str, lane: Lane) {
    let now = step.now;
    let Some(mut kept) = Kept::load(step, source) else {
        let kept = Kept::new(source, Backend::new(resource, now));
        ledger::report(step, source, &Report::Covered);
        pacing::ask(step, source, lane);
        return kept.save(step);
    };
    if kept.record.resource != resource {
        life::leave(step, &mut kept);
        resource.clone_into(&mut kept.record.resource);
        wait(step, &mut kept, lane);
        return kept.save(step);
    }
    match kept.record.phase {
        Phase::Ending(_) => wait(step, &mut kept, lane),
        Phase::Stopped(stopped) if stopped.released || stopped.configured != retry::configured(source) => {
            match stopped.not_before > now {
                true => kept.record.phase = Phase::Pausing(stopped.not_before),
                false => wait(step, &mut kept, lane),
            }
        }
        _ => return,
    }
    kept.save(step);
}

/// As [`start`], and the source has just said that somebody is there: what it has said to the contrary counts no
/// longer, and where it has refused for good it is tried again in time.
pub fn appeared(step: &mut Step<'_>, source: &Source, resource: &str, lane: Lane) {
    if let Some(mut kept) = Kept::load(step, source).filter(|kept| kept.record.resource == resource) {
        let absent = kept.record.trouble.is_some_and(|trouble| trouble.is_absence());
        match &mut kept.record.phase {
            Phase::Stopped(_) | Phase::Pausing(_) if absent => {
                wait(step, &mut kept, lane);
                return kept.save(step);
            }
            Phase::Stopped(stopped) => {
                stopped.released = true;
                kept.save(step);
            }
            _ => {}
        }
    }
    start(step, source, resource, lane);
}

/// [`super::pacing`] lets a new subscription go, or a refresh that was late.
pub fn granted(step: &mut Step<'_>, source: &Source) {
    let Some(mut kept) = Kept::load(step, source).filter(|kept| kept.record.waits()) else { return };
    let Some(resource) = demand::wanted(step, source) else { return life::stop(step, kept) };
    if kept.record.resource != resource {
        life::leave(step, &mut kept);
        kept.record.resource = resource;
        kept.record.phase = Phase::Waiting(step.now);
    }
    match kept.record.phase {
        Phase::Live(_) => life::refresh(step, &mut kept),
        _ => request::create(step, &mut kept, 0),
    }
    kept.save(step);
}

/// [`super::pacing`] has let it go while there was no server.
pub fn missed(step: &mut Step<'_>, source: &Source) {
    if Kept::load(step, source).is_some_and(|kept| kept.record.waits()) {
        pacing::ask(step, source, Lane::Again);
    }
}

/// A source is wanted no longer: ends the subscription there and takes out what it contributed.
pub fn stop(step: &mut Step<'_>, source: &Source) {
    if let Some(kept) = Kept::load(step, source) {
        life::stop(step, kept);
    }
}

/// A timer fired. False if it is none of these.
pub fn fired(step: &mut Step<'_>, name: &[u8]) -> bool {
    let Some(id) = Id::of_key(name).filter(|_| name.first() == Some(&keys::BACKEND)) else { return false };
    match by_id(step, id) {
        None => abandon(step, id),
        Some(source) => {
            if let Some(kept) = Kept::load(step, source) {
                life::due(step, kept.unarmed());
            }
        }
    }
    true
}

/// A source is not configured any more: forgets everything about it. What it still sends is answered
/// 481, which ends the subscription there (RFC 6665 4.2.2).
pub fn abandon(step: &mut Step<'_>, id: Id) {
    let kinds = [keys::BACKEND, keys::REPORTED, keys::CONTRIBUTION, keys::DEMAND];
    if kinds.iter().all(|kind| step.host.get(&id.key(*kind)).is_none()) {
        return;
    }
    step.host.delete(&id.key(keys::BACKEND), Durability::Durable);
    step.host.delete(&id.key(keys::REPORTED), Durability::Durable);
    step.host.cancel_timer(&id.key(keys::BACKEND));
    contribution::remove(step, id);
    learning::forget(step, id);
    ledger::abandoned(step, id);
}

/// The host has started after a stop without order, or with requests unanswered. Dialogs go on, nothing is
/// sent at once: what was open is sent again, as another request, when pacing lets it go.
pub fn recover(step: &mut Step<'_>) {
    for (key, _) in step.host.scan(&[keys::BACKEND], None, SCAN) {
        let Some(id) = Id::of_key(&key) else { continue };
        let Some(source) = by_id(step, id) else {
            abandon(step, id);
            continue;
        };
        let Some(mut kept) = Kept::load(step, source) else { continue };
        match &mut kept.record.phase {
            Phase::Subscribing(attempt) if attempt.granted.is_none() => wait(step, &mut kept, Lane::Again),
            Phase::Live(live) if live.in_flight.is_some() => {
                live.in_flight = None;
                live.confirmed = true;
                live.next = Refresh::Paced;
                pacing::ask(step, kept.source, Lane::Again);
            }
            _ => continue,
        }
        kept.save(step);
    }
}

/// Waits for a slot for a new subscription; asks for it unless one is to come already.
fn wait(step: &mut Step<'_>, kept: &mut Kept<'_>, lane: Lane) {
    if !kept.record.waits() {
        pacing::ask(step, kept.source, lane);
    }
    kept.record.phase = Phase::Waiting(step.now);
}

/// Tells the operator that a source is there, but not too often.
fn heard(step: &mut Step<'_>, kept: &mut Kept<'_>) {
    const MINUTE: u64 = 60_000;
    let record = &mut kept.record;
    let trouble = record.trouble.take();
    record.failures = 0;
    if trouble.is_some() || record.contact + MINUTE <= step.now {
        record.contact = step.now;
        ledger::report(step, kept.source, &Report::Contact);
    }
    if trouble.is_some() {
        retry::relieved(step, kept);
    }
}
