//! Pending and waiting watchers (RFC 3857 4.7.1): an index of those whom nobody has decided
//! on, which bounds them, and the memory of those whose subscription has ended meanwhile.
//!
//! The key of a record holds a hash of the watcher's identity, so that all of one watcher lie
//! together. Two watchers of one hash share a bound, nothing else.

use serde::{Deserialize, Serialize};

use super::Happening;
use super::ledger::Ledger;
use super::row::{Cause, Row, Status};
use super::tell;
use crate::configuration::Configuration;
use crate::errors::Refusal;
use crate::keys::{self, Id, Usage};
use crate::package::Package;
use crate::ports::{Durability, Instant};
use crate::records::{self, Ending, State, Subscription};
use crate::step::Step;

/// Seconds to wait if a presentity has too many who wait for a decision.
const RETRY: u32 = 600;

/// Most entries looked at. Bounds by configuration are lower, but there may be more entries:
/// those who were active before they became pending are let through, and a crash may bring
/// some back.
pub const MOST: u32 = 1_000;

/// The record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Undecided {
    /// A live subscription; the rest is in its record.
    Pending,
    /// One that has ended, or a fetch.
    Waiting(Waiting),
}

/// A watcher in the waiting state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Authenticated identity.
    pub watcher: String,
    /// `id` of the Event header.
    pub event_id: Option<String>,
    /// When the first SUBSCRIBE came.
    pub created: Instant,
    /// When it is given up.
    pub until: Instant,
}

impl Waiting {
    /// As a document shows it.
    pub fn row(&self, id: Id) -> Row {
        let (status, cause) = (Status::Waiting, Cause::Timeout);
        Row { id, watcher: self.watcher.clone(), status, cause, created: self.created, expires: None }
    }

    /// True if that subscription is to the same, by the same watcher, with the same parameters.
    fn is_like(&self, subscription: &Subscription<'_>) -> bool {
        self.watcher == subscription.watcher && self.event_id.as_deref() == subscription.event_id.as_deref()
    }

    fn over(&self, id: Id, cause: Cause) -> Row {
        Row { status: Status::Terminated, cause, ..self.row(id) }
    }
}

/// An entry of the index.
pub struct Indexed {
    key: Vec<u8>,
    /// Of the subscription.
    pub id: Id,
    /// The record.
    pub what: Undecided,
}

impl Indexed {
    fn waiting(&self) -> Option<&Waiting> {
        match &self.what {
            Undecided::Waiting(waiting) => Some(waiting),
            Undecided::Pending => None,
        }
    }
}

/// Start of the keys of a watcher's entries.
fn prefix(watcher: &str) -> [u8; 9] {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for byte in watcher.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    Id(hash.to_be_bytes()).key(keys::UNDECIDED)
}

fn key(watcher: &str, id: Id) -> Vec<u8> {
    [&prefix(watcher)[..], &id.0].concat()
}

/// Up to `limit` entries whose keys start like this.
pub fn index(step: &mut Step<'_>, prefix: &[u8], limit: u32) -> Vec<Indexed> {
    let entries = step.host.scan(prefix, None, limit);
    let read = |(key, value): (Vec<u8>, Vec<u8>)| {
        let id = Id(key.get(9..)?.try_into().ok()?);
        Some(Indexed { id, what: records::decode(&value)?, key })
    };
    entries.into_iter().filter_map(read).collect()
}

/// When a subscription ends if nothing happens: it expires, or it is given up.
#[must_use]
pub fn end(configuration: &Configuration, subscription: &Subscription<'_>) -> Instant {
    let giveup = subscription.pending_since().map(|since| since.saturating_add(configuration.winfo.giveup));
    giveup.map_or(subscription.expires, |giveup| giveup.min(subscription.expires))
}

/// Makes sure that there is room for a new subscription in its state. Where one who waits has
/// to make room, the oldest does.
///
/// # Errors
/// 403 if the watcher has too many that are pending, 503 if the presentity has too many of
/// them, or too many that subscribe to its watcher information; nothing is staged then.
pub fn admit(step: &mut Step<'_>, subscription: &Subscription<'_>, fetch: bool) -> Result<(), Refusal> {
    let bounds = step.configuration.winfo;
    if subscription.package != Package::Presence {
        if fetch {
            return Ok(());
        }
        let full = step.host.scan(&[keys::WINFO_SUBSCRIPTION], None, bounds.subscriptions);
        return if full.len() < bounds.subscriptions as usize { Ok(()) } else { Err(Refusal::Busy(RETRY)) };
    }
    if !subscription.state.is_pending() || !Ledger::load(step, Package::Presence).may_have_undecided() {
        return Ok(());
    }
    let mut own = index(step, &prefix(&subscription.watcher), bounds.pending_per_watcher);
    if own.iter().any(|entry| entry.waiting().is_some_and(|one| one.is_like(subscription))) {
        return Ok(());
    }
    if own.len() >= bounds.pending_per_watcher as usize {
        let Some(oldest) = take_oldest(&mut own) else {
            return Err(Refusal::Forbidden("Too Many Pending Subscriptions"));
        };
        drop_waiting(step, vec![oldest]);
        return Ok(());
    }
    let mut all = index(step, &[keys::UNDECIDED], bounds.pending);
    if all.len() >= bounds.pending as usize {
        let oldest = take_oldest(&mut all).ok_or(Refusal::Busy(RETRY))?;
        drop_waiting(step, vec![oldest]);
    }
    Ok(())
}

/// The one who has waited longest.
fn take_oldest(entries: &mut Vec<Indexed>) -> Option<Indexed> {
    let waiting = entries.iter().enumerate();
    let waiting = waiting.filter_map(|(at, entry)| Some((entry.waiting()?.until, at)));
    waiting.min().map(|(_, at)| entries.swap_remove(at))
}

/// Gives those up who wait.
fn drop_waiting(step: &mut Step<'_>, entries: Vec<Indexed>) {
    let ledger = Ledger::load(step, Package::Presence);
    let rows = entries.iter().filter_map(|entry| over(step, entry, Cause::Giveup, Durability::Durable));
    let rows = rows.collect();
    tell::tell(step, ledger, rows);
}

/// Removes one who waits.
fn over(step: &mut Step<'_>, entry: &Indexed, cause: Cause, durability: Durability) -> Option<Row> {
    let row = entry.waiting()?.over(entry.id, cause);
    step.host.delete(&entry.key, durability);
    step.host.cancel_timer(&entry.key);
    Some(row)
}

/// A watcher was refused out of hand. That decides on its attempts of before, too (WIN-18).
/// True if there were any.
pub fn refused(step: &mut Step<'_>, package: Package, watcher: &str) -> bool {
    package == Package::Presence && decided(step, watcher, Cause::Rejected)
}

/// A fetch, with the state that the watcher would have. It is no subscription, but if nobody
/// has decided, the presentity shall know of it (WIN-16); and if somebody has, that decides
/// on the attempts of before.
pub fn fetched(step: &mut Step<'_>, id: Id, subscription: &Subscription<'_>) {
    if subscription.package != Package::Presence {
        return;
    }
    if !subscription.state.is_pending() {
        decided(step, &subscription.watcher, Cause::Approved);
        return;
    }
    let mut ledger = Ledger::load(step, Package::Presence);
    let mut rows = Vec::new();
    wait(step, &mut ledger, id, subscription, &mut rows, Durability::Durable);
    tell::tell(step, ledger, rows);
}

/// The decision on a watcher is there: its attempts of before are over (WIN-18).
fn decided(step: &mut Step<'_>, watcher: &str, cause: Cause) -> bool {
    let mut ledger = Ledger::load(step, Package::Presence);
    if !ledger.may_have_undecided() {
        return false;
    }
    let mut rows = Vec::new();
    settle(step, &mut ledger, watcher, cause, &mut rows);
    let any = !rows.is_empty();
    if any {
        tell::tell(step, ledger, rows);
    }
    any
}

/// What happened to a subscription to presence, as far as those are concerned whom nobody has
/// decided on. `rows` gets the others that it changes, and the subscription itself if it waits now.
pub(super) fn happened(
    step: &mut Step<'_>,
    ledger: &mut Ledger,
    id: Id,
    subscription: &Subscription<'_>,
    what: Happening,
    rows: &mut Vec<Row>,
) {
    let durability = match subscription.state {
        State::Ending(Ending::Expired | Ending::GivenUp) => Durability::Relaxed,
        _ if what == Happening::Deactivated => Durability::Relaxed,
        _ => Durability::Durable,
    };
    let watcher = &subscription.watcher;
    match what {
        Happening::Subscribed | Happening::Arrived if subscription.state.is_pending() => {
            replace(step, ledger, subscription, rows, durability);
            step.put(&key(watcher, id), &Undecided::Pending, durability);
            ledger.set_undecided(true);
        }
        _ if !ledger.may_have_undecided() => {}
        Happening::Subscribed | Happening::Arrived => settle(step, ledger, watcher, Cause::Approved, rows),
        Happening::Approved => {
            leave(step, ledger, watcher, id, durability);
            settle(step, ledger, watcher, Cause::Approved, rows);
        }
        Happening::Rejected => {
            leave(step, ledger, watcher, id, durability);
            settle(step, ledger, watcher, Cause::Rejected, rows);
        }
        Happening::GivenUp | Happening::Deactivated | Happening::Left => {
            leave(step, ledger, watcher, id, durability);
        }
        Happening::TimedOut => {
            if leave(step, ledger, watcher, id, durability) {
                wait(step, ledger, id, subscription, rows, durability);
            }
        }
    }
}

/// A pending subscription is no longer pending. False if it was not.
fn leave(step: &mut Step<'_>, ledger: &mut Ledger, watcher: &str, id: Id, durability: Durability) -> bool {
    let key = key(watcher, id);
    if step.host.get(&key).is_none() {
        return false;
    }
    step.host.delete(&key, durability);
    note_empty(step, ledger);
    true
}

/// Takes a watcher into the waiting state, in the place of an earlier attempt like it.
fn wait(
    step: &mut Step<'_>,
    ledger: &mut Ledger,
    id: Id,
    subscription: &Subscription<'_>,
    rows: &mut Vec<Row>,
    durability: Durability,
) {
    replace(step, ledger, subscription, rows, durability);
    // Those who were active before they became pending may be more than may be pending.
    let bound = step.configuration.winfo.pending;
    let mut all = index(step, &[keys::UNDECIDED], bound);
    if all.len() >= bound as usize {
        let Some(oldest) = take_oldest(&mut all) else {
            rows.push(Row::over(id, subscription, Cause::Giveup));
            return;
        };
        rows.extend(over(step, &oldest, Cause::Giveup, durability));
    }
    let waiting = Waiting {
        watcher: subscription.watcher.to_string(),
        event_id: subscription.event_id.as_deref().map(str::to_owned),
        created: subscription.created,
        until: step.now.saturating_add(step.configuration.winfo.giveup),
    };
    rows.push(waiting.row(id));
    let key = key(&waiting.watcher, id);
    step.host.set_timer(&key, waiting.until, b"");
    step.put(&key, &Undecided::Waiting(waiting), durability);
    ledger.set_undecided(true);
}

/// One who waits is given up for a new attempt with the same parameters (WIN-17).
fn replace(
    step: &mut Step<'_>,
    ledger: &mut Ledger,
    subscription: &Subscription<'_>,
    rows: &mut Vec<Row>,
    durability: Durability,
) {
    if !ledger.may_have_undecided() {
        return;
    }
    for entry in index(step, &prefix(&subscription.watcher), MOST) {
        if entry.waiting().is_some_and(|one| one.is_like(subscription)) {
            rows.extend(over(step, &entry, Cause::Giveup, durability));
        }
    }
}

/// All attempts of a watcher that wait for a decision are over.
fn settle(step: &mut Step<'_>, ledger: &mut Ledger, watcher: &str, cause: Cause, rows: &mut Vec<Row>) {
    for entry in index(step, &prefix(watcher), MOST) {
        if entry.waiting().is_some_and(|one| one.watcher == watcher) {
            rows.extend(over(step, &entry, cause, Durability::Durable));
        }
    }
    note_empty(step, ledger);
}

fn note_empty(step: &mut Step<'_>, ledger: &mut Ledger) {
    let any = !step.is_empty(keys::UNDECIDED);
    ledger.set_undecided(any);
}

/// The timer of one who waits fired (WIN-19). What it writes is relaxed, as in [`crate::expiry`].
pub fn give_up(step: &mut Step<'_>, name: &[u8]) {
    let now = step.now;
    let Some(entry) = index(step, name, 1).pop() else { return };
    let Some(until) = entry.waiting().map(|waiting| waiting.until) else { return };
    if until > now {
        step.host.set_timer(name, until, b"");
        return;
    }
    let mut ledger = Ledger::load(step, Package::Presence);
    let rows = over(step, &entry, Cause::Giveup, Durability::Relaxed).into_iter().collect();
    note_empty(step, &mut ledger);
    tell::tell(step, ledger, rows);
}

/// After a crash an entry may be left of a subscription that has gone, or one whose timer has gone.
pub(super) fn recover(step: &mut Step<'_>) {
    for entry in index(step, &[keys::UNDECIDED], MOST) {
        if let Some(waiting) = entry.waiting() {
            step.host.set_timer(&entry.key, waiting.until, b"");
            continue;
        }
        let record = step.subscription(Usage::watcher(entry.id));
        let subscription = record.as_deref().and_then(records::decode::<Subscription<'_>>);
        if subscription.is_none_or(|one| !one.state.is_pending()) {
            step.host.delete(&entry.key, Durability::Relaxed);
        }
    }
    let mut ledger = Ledger::load(step, Package::Presence);
    note_empty(step, &mut ledger);
    ledger.store(step);
}
