//! Bringing a new document to all watchers.
//!
//! A *sweep* passes over the subscriptions in order of their ids and sends a NOTIFY to each
//! that lags. Its first watchers are served in the step of the change, the rest chunk by
//! chunk in steps that the partition posts to itself; these write nothing durably, but for
//! a block of CSeq numbers now and then. There is one sweep at a time: a change on the way
//! makes it go on to the end and then round again up to where it was. Watchers whose turn
//! has not come (throttle) are left for another sweep, which one timer starts; watchers
//! with a NOTIFY in flight are seen to when it is answered.

use crate::keys::{self, Id, Usage};
use crate::notifier::delivery::{self, Progress};
use crate::ports::Durability;
use crate::ports::{Entry, Instant};
use crate::records::{self, Fanout, Position, Subscription, Sweep};
use crate::step::{FORGOTTEN, Step};

/// First byte of a post that carries a sweep on; the number of its chain follows.
const SWEEP: u8 = b'f';

/// NOTIFYs that are younger when recovery begins may have been sent after the start already.
const YOUNG: u64 = 1_000;

/// Least time between sweeps over more watchers than fit one step, in milliseconds.
const PAUSE: u64 = 1_000;

/// The document changed: starts a sweep, or sends the one under way round again.
pub fn changed(step: &mut Step<'_>) {
    let limit = step.configuration.limits.inline_watchers;
    start(step, limit);
}

/// The host has started anew: begins a sweep without doing more in this step than posting.
/// Whatever sweep there was is given up. After a stop in order, too, NOTIFYs may be
/// unanswered of which nothing will be heard.
pub fn recover(step: &mut Step<'_>) {
    let before = step.fanout();
    if step.is_empty(keys::SUBSCRIPTION) {
        step.put_fanout(&before, &Fanout::default());
        return;
    }
    let recovering = Some(step.now.saturating_sub(YOUNG));
    let sweep = Sweep { chain: step.draw(), recovering, ..Sweep::default() };
    post(step, &sweep);
    step.put_fanout(&before, &Fanout { sweep: Some(sweep), put_off: None });
}

/// The throttle timer fired.
pub fn throttle_ended(step: &mut Step<'_>) {
    let before = step.fanout();
    step.put_fanout(&before, &Fanout { put_off: None, ..before });
    let limit = step.configuration.limits.chunk;
    start(step, limit);
}

/// A watcher may be notified at that time only: sees to it that it is.
pub fn put_off(step: &mut Step<'_>, until: Instant) {
    let before = step.fanout();
    let mut fanout = before;
    arm(step, &mut fanout, until);
    step.put_fanout(&before, &fanout);
}

/// A post arrived. False if it is none of a sweep.
pub fn posted(step: &mut Step<'_>, payload: &[u8]) -> bool {
    let Some((&SWEEP, chain)) = payload.split_first() else { return false };
    let Ok(chain) = chain.try_into().map(u64::from_le_bytes) else { return false };
    let before = step.fanout();
    // A sweep that was given up for another one leaves its post behind.
    let Some(sweep) = before.sweep.filter(|sweep| sweep.chain == chain) else { return true };
    let limit = step.configuration.limits.chunk;
    run(step, before, sweep, limit, true);
    true
}

fn start(step: &mut Step<'_>, limit: u32) {
    let before = step.fanout();
    if let Some(sweep) = before.sweep {
        // Who was looked at before is looked at again.
        let sweep = Sweep { until: None, again: sweep.cursor, ..sweep };
        step.put_fanout(&before, &Fanout { sweep: Some(sweep), ..before });
        return;
    }
    let sweep = Sweep::default();
    run(step, before, sweep, limit, false);
}

/// Looks at up to `limit` subscriptions and sees to it that the others follow. `posted` says
/// that the sweep has a chain of posts already.
fn run(step: &mut Step<'_>, before: Fanout, mut sweep: Sweep, limit: u32, posted: bool) {
    let mut fanout = before;
    let mut done = pass(step, &mut sweep, limit);
    if done && let Some(again) = sweep.again.take() {
        sweep.cursor = None;
        sweep.until = Some(again);
        done = false;
    }
    if done {
        fanout.sweep = None;
        if let Some(until) = sweep.put_off {
            let pause = if posted { PAUSE } else { 0 };
            arm(step, &mut fanout, until.max(step.now + pause));
        }
    } else {
        if !posted {
            sweep.chain = step.draw();
        }
        post(step, &sweep);
        fanout.sweep = Some(sweep);
    }
    step.put_fanout(&before, &fanout);
}

/// Looks at the next subscriptions. True if there are no more.
fn pass(step: &mut Step<'_>, sweep: &mut Sweep, limit: u32) -> bool {
    if limit == 0 {
        return step.is_empty(keys::SUBSCRIPTION);
    }
    let subscriptions = scan(step, keys::SUBSCRIPTION, sweep.cursor, limit);
    if subscriptions.is_empty() {
        return true;
    }
    let positions = scan(step, keys::POSITION, sweep.cursor, limit);
    let mut positions = Positions { entries: &positions, complete: positions.len() < limit as usize };
    for (key, record) in &subscriptions {
        let Some(id) = Id::of_key(key) else { continue };
        if sweep.until.is_some_and(|until| id > until) {
            return true;
        }
        sweep.cursor = Some(id);
        let Some(mut subscription) = records::decode::<Subscription<'_>>(record) else { continue };
        let usage = Usage::watcher(id);
        if subscription.expires <= step.now && !subscription.state.is_ending() {
            // Its timer ends it. A crash may have brought back a subscription that was removed, and not
            // the timer that then found nothing.
            if sweep.recovering.is_some() {
                step.host.set_timer(key, subscription.expires, b"");
            }
            continue;
        }
        let mut position = match positions.find(key) {
            Found::Is(bytes) => step.position_from(Some(bytes), &subscription),
            Found::IsNot => step.position_from(None, &subscription),
            Found::Beyond => step.position(usage, &subscription),
        };
        if let Some(forgotten) = sweep.recovering {
            recheck(sweep, forgotten, &mut position);
        }
        match delivery::advance(step, usage, &mut subscription, &mut position) {
            Progress::Sent => step.put_position(usage, &position, Durability::Relaxed),
            Progress::Wait(until) => sweep.leave(until),
            Progress::Quiet | Progress::Broken | Progress::Left => {}
        }
    }
    subscriptions.len() < limit as usize
}

/// A NOTIFY in flight that the host knows nothing of any more is due again: at once if it is
/// surely one of before the start, else once it must have been answered.
fn recheck(sweep: &mut Sweep, forgotten: Instant, position: &mut Position) {
    let Some(sent) = position.in_flight else { return };
    if sent.since < forgotten {
        position.in_flight = None;
        position.owed = true;
    } else {
        sweep.leave(sent.since + FORGOTTEN);
    }
}

impl Sweep {
    /// Leaves a subscription for another sweep at that time.
    fn leave(&mut self, until: Instant) {
        self.put_off = Some(self.put_off.map_or(until, |earlier| earlier.min(until)));
    }
}

fn scan(step: &mut Step<'_>, kind: u8, after: Option<Id>, limit: u32) -> Vec<Entry> {
    let after = after.map(|id| id.key(kind));
    step.host.scan(&[kind], after.as_ref().map(<[u8; 9]>::as_slice), limit)
}

/// The positions that go with a run of subscriptions, in the same order.
struct Positions<'e> {
    entries: &'e [Entry],
    /// True if there are no positions after these.
    complete: bool,
}

enum Found<'e> {
    Is(&'e [u8]),
    IsNot,
    /// After the last of these positions: it has to be looked up.
    Beyond,
}

impl<'e> Positions<'e> {
    fn find(&mut self, subscription: &[u8]) -> Found<'e> {
        let wanted = subscription.get(1..);
        while let Some(((key, value), rest)) = self.entries.split_first() {
            let key = key.get(1..);
            if key > wanted {
                return Found::IsNot;
            }
            self.entries = rest;
            if key == wanted {
                return Found::Is(value);
            }
        }
        if self.complete { Found::IsNot } else { Found::Beyond }
    }
}

fn post(step: &mut Step<'_>, sweep: &Sweep) {
    let mut payload = [SWEEP; 9];
    payload[1..].copy_from_slice(&sweep.chain.to_le_bytes());
    step.host.post(step.partition, &payload);
}

/// Sets the throttle timer, unless it is set for an earlier time.
fn arm(step: &mut Step<'_>, fanout: &mut Fanout, until: Instant) {
    if fanout.put_off.is_none_or(|set| set > until) {
        step.host.set_timer(keys::THROTTLE_TIMER, until, b"");
        fanout.put_off = Some(until);
    }
}
