//! Bringing what happened to the winfo subscribers.

use super::ledger::Ledger;
use super::row::Row;
use crate::keys::{self, Id, Usage};
use crate::notifier::delivery::{self, Progress};
use crate::package::Package;
use crate::ports::{Durability, Instant};
use crate::records::{self, Position, Subscription};
use crate::step::{FORGOTTEN, Step};

/// Winfo subscribers that are notified in the step of the change, as a document may be long; the
/// others follow in a step each.
const INLINE: usize = 4;

/// Most winfo subscriptions that a presentity may have by any configuration.
const MOST: u32 = 200;

/// NOTIFYs that are younger when recovery begins may have been sent after the start already.
const YOUNG: Instant = 1_000;

/// A subscription to watcher information.
struct Subscriber {
    usage: Usage,
    record: Vec<u8>,
    position: Position,
}

impl Subscriber {
    fn subscription(&self) -> Option<Subscription<'_>> {
        records::decode(&self.record)
    }

    /// The time for it has come: sends what is due, or sees to it that it is sent.
    fn bring(&mut self, step: &mut Step<'_>) {
        let Some(mut subscription) = records::decode::<Subscription<'_>>(&self.record) else { return };
        match delivery::advance(step, self.usage, &mut subscription, &mut self.position) {
            Progress::Sent => step.put_position(self.usage, &self.position, Durability::Relaxed),
            Progress::Wait(until) => delivery::put_off(step, self.usage, until),
            Progress::Quiet | Progress::Broken | Progress::Left => {}
        }
    }

    /// True if a NOTIFY to it costs no durable write. A step that ends a subscription relaxed must
    /// have none: its timer would be gone for good, though a crash brings the subscription back.
    fn writes_relaxed(&self) -> bool {
        self.subscription().is_some_and(|one| self.position.cseq < one.reserved)
    }

    /// The same in a step of its own.
    fn bring_later(&self, step: &mut Step<'_>) {
        step.host.set_timer(&self.usage.position(), step.now, b"");
    }
}

/// The subscriptions to the watcher information of a package, those that end included.
fn subscribers(step: &mut Step<'_>, inner: Package) -> Vec<Subscriber> {
    let mut all = Vec::new();
    for (key, record) in step.host.scan(&[keys::WINFO_SUBSCRIPTION], None, MOST) {
        let usage = Id::of_key(&key).and_then(|id| Usage::of(keys::WINFO_SUBSCRIPTION, id));
        let Some(usage) = usage else { continue };
        let Some(subscription) = records::decode::<Subscription<'_>>(&record) else { continue };
        if Some(subscription.package) != inner.winfo() {
            continue;
        }
        let position = step.position(usage, &subscription);
        all.push(Subscriber { usage, record, position });
    }
    all
}

fn live(subscriber: &Subscriber) -> bool {
    subscriber.subscription().is_some_and(|one| !one.state.is_ending())
}

/// Writes changes down and sends them to whom they may be sent now.
pub fn tell(step: &mut Step<'_>, mut ledger: Ledger, rows: Vec<Row>) {
    let Some(before) = ledger.current().filter(|_| !rows.is_empty()) else {
        ledger.store(step);
        return;
    };
    let mut subscribers = subscribers(step, ledger.package());
    subscribers.retain(live);
    if subscribers.is_empty() {
        ledger.close();
        ledger.store(step);
        return;
    }
    ledger.trim(subscribers.iter().filter_map(|one| one.position.version));
    for row in rows {
        ledger.add(row);
    }
    ledger.store(step);
    let now = step.now;
    // Whoever lagged before has a timer, or a NOTIFY on its way whose answer sees to it.
    subscribers.retain(|one| {
        let position = &one.position;
        let lagged = position.version != Some(before) && position.not_before > now && !position.owed;
        position.in_flight.is_none() && !lagged
    });
    for (number, subscriber) in subscribers.iter_mut().enumerate() {
        if number < INLINE && subscriber.writes_relaxed() {
            subscriber.bring(step);
        } else {
            subscriber.bring_later(step);
        }
    }
}

/// Keeps no changes any more if nobody subscribes to them.
pub fn close_unread(step: &mut Step<'_>, inner: Package) {
    if !subscribers(step, inner).iter().any(live) {
        let mut ledger = Ledger::load(step, inner);
        ledger.close();
        ledger.store(step);
    }
}

/// The host has started anew. What subscribers of before a crash were told may have been taken
/// back: they are owed full state (see [`Step::position_from`]). After a stop in order NOTIFYs
/// may be unanswered of which nothing will be heard.
pub fn recover(step: &mut Step<'_>, inner: Package) {
    let mut subscribers = subscribers(step, inner);
    let mut ledger = Ledger::load(step, inner);
    if subscribers.iter().any(live) {
        ledger.begin(step.now);
    } else {
        ledger.close();
    }
    ledger.store(step);
    let forgotten = step.now.saturating_sub(YOUNG);
    for (number, subscriber) in subscribers.iter_mut().enumerate() {
        // A crash may have brought back a subscription, and not the timer that ends it.
        if let Some(subscription) = subscriber.subscription().filter(|one| !one.state.is_ending()) {
            let end = super::end(step.configuration, &subscription);
            step.host.set_timer(&subscriber.usage.subscription(), end, b"");
        }
        let position = &mut subscriber.position;
        match position.in_flight {
            Some(sent) if sent.since >= forgotten => {
                let again = sent.since + FORGOTTEN;
                step.host.set_timer(&subscriber.usage.position(), again, b"");
                continue;
            }
            Some(_) => {
                position.in_flight = None;
                position.owed = true;
            }
            None => {}
        }
        if number < INLINE {
            subscriber.bring(step);
        } else if position.owed {
            step.put_position(subscriber.usage, &subscriber.position, Durability::Relaxed);
            subscriber.bring_later(step);
        }
    }
}
