//! Getting NOTIFYs to one watcher: what to send next, and what the answer means.
//!
//! One NOTIFY is in flight a subscription (SUB-27). What happens meanwhile shows in the
//! position and is made up for when the answer comes, so the watcher always gets the
//! newest state and never an older one after it.

use crate::external::demand;
use crate::handler::{Failure, Outcome};
use crate::keys::{Audience, Id, Usage};
use crate::notifier::conditional::Condition;
use crate::notifier::content::{self, Content};
use crate::notifier::fanout;
use crate::notifier::notification;
use crate::ports::{Delivery, Durability, Instant, Level};
use crate::records::{self, Ending, InFlight, Position, State, Subscription};
use crate::relocation::passage;
use crate::sip::expires;
use crate::step::Step;
use crate::watcher_info::{self, Happening};

/// CSeq numbers that are reserved with one durable write.
pub const CSEQ_BLOCK: u32 = 256;

/// Shortest and longest time that a watcher may make us wait, in seconds: it shall neither have
/// us try without pause nor keep old state for long.
const WAIT: std::ops::RangeInclusive<u32> = 5..=3_600;

/// Pause before a NOTIFY that failed is sent again, in seconds, where nobody named one.
const RETRY: u32 = 30;

/// Token of the NOTIFY that answers a fetch: nothing hangs on its outcome.
pub const FETCH: &[u8] = b"x";

/// What [`advance`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Nothing: the watcher has the newest state, or will be seen to when its NOTIFY is answered.
    Quiet,
    /// A NOTIFY leaves.
    Sent,
    /// The watcher lags, but may be notified at that time only.
    Wait(Instant),
    /// The dialog cannot be used; the subscription was removed.
    Broken,
    /// The subscription went to another partition.
    Left,
}

/// Sends the NOTIFY that is due, if one is and none is in flight. The position is changed,
/// not written.
pub fn advance(
    step: &mut Step<'_>,
    usage: Usage,
    subscription: &mut Subscription<'_>,
    position: &mut Position,
) -> Progress {
    if position.in_flight.is_some() {
        return Progress::Quiet;
    }
    if let State::Leaving(_) = subscription.state {
        if passage::set_out(step, usage, subscription, position) {
            return Progress::Left;
        }
        forget(step, usage, subscription, Durability::Relaxed);
        return Progress::Broken;
    }
    let current = content::version(step, subscription);
    let unasked = !subscription.state.is_ending() && !position.owed;
    let condition = position.held.condition;
    if unasked {
        let known = !subscription.state.follows_changes() || position.version == Some(current);
        if known || condition == Condition::Always {
            return Progress::Quiet;
        }
        if condition == Condition::Never && step.now < position.not_before {
            return Progress::Wait(position.not_before);
        }
    }
    let shown = content::show(step, subscription, true);
    let tag = match (condition, subscription.state) {
        // The last NOTIFY shows nothing, and what the watcher holds keeps its tag (RFC 5839 6.2).
        (Condition::While(held), State::Ending(Ending::Expired)) => Some(held),
        _ => content::tag(step, subscription, &shown),
    };
    let suppressed = condition.holds(tag.as_ref());
    if unasked {
        if suppressed {
            return Progress::Quiet;
        }
        if step.now < position.not_before {
            return Progress::Wait(position.not_before);
        }
        position.not_before = step.now + content::interval(step, subscription.package);
    }
    let cseq = position.cseq + 1;
    if cseq > subscription.reserved {
        subscription.reserved = cseq.saturating_add(CSEQ_BLOCK);
        step.put(&usage.subscription(), subscription, Durability::Durable);
    }
    let documents = position.documents;
    let content = if suppressed {
        // There is something to tell, but nothing to show (RFC 5839 6.2).
        position.held.base = None;
        Content::NONE
    } else {
        position.held.condition = Condition::Never;
        content::next(step, subscription, position, &shown)
    };
    let numbered = position.documents != documents;
    let Ok(request) = notification::build(subscription, cseq, content, tag, step.now) else {
        step.host.log(Level::Error, "subscription with an unusable dialog removed", &[]);
        forget(step, usage, subscription, Durability::Relaxed);
        return Progress::Broken;
    };
    position.cseq = cseq;
    position.version = Some(current);
    position.owed = false;
    position.in_flight = Some(InFlight { since: step.now, last: subscription.state.is_ending(), numbered });
    step.host.send(request, &token(usage, cseq), Delivery::Volatile);
    step.trace("NOTIFY sent", || {
        vec![
            ("watcher", subscription.watcher.to_string()),
            ("cseq", cseq.to_string()),
            ("version", current.to_string()),
        ]
    });
    Progress::Sent
}

/// Removes a subscription without a word (SUB-26).
pub fn forget(step: &mut Step<'_>, usage: Usage, subscription: &Subscription<'_>, durability: Durability) {
    step.host.delete(&usage.subscription(), durability);
    step.host.delete(&usage.position(), durability);
    if subscription.expires > step.now {
        step.host.cancel_timer(&usage.subscription());
    }
    if !subscription.state.is_ending() {
        watcher_info::happened(step, usage, subscription, Happening::Deactivated);
    }
    watcher_info::removed(step, subscription);
    demand::unwatched(step, subscription.package, subscription.state);
    step.tidy(durability);
}

/// What an answer means for the subscription (RFC 6665 4.2.2).
enum Meaning {
    /// The watcher has it.
    Delivered,
    /// The watcher wants no more, or is not there (SUB-23, SUB-24).
    Gone,
    /// Only this NOTIFY failed (SUB-25); wait so many seconds, if told.
    Failed(Option<u32>),
}

impl Meaning {
    fn of(outcome: &Outcome<'_>) -> Self {
        match outcome {
            Outcome::Failed(Failure::Timeout) => Self::Gone,
            // As a 503 (RFC 3261 8.1.3.1).
            Outcome::Failed(Failure::Unreachable(_)) => Self::Failed(None),
            Outcome::Failed(Failure::Paused(ms)) => {
                Self::Failed(Some(u32::try_from(ms.div_ceil(1_000)).unwrap_or(u32::MAX)))
            }
            Outcome::Response(response) => match response.status().unwrap_or_default() {
                200..=299 => Self::Delivered,
                404 | 405 | 410 | 416 | 480..=485 | 489 | 501 | 604 => Self::Gone,
                503 => Self::Failed(expires::retry_after(response).ok().flatten()),
                _ => Self::Failed(None),
            },
        }
    }
}

/// Takes the outcome of a NOTIFY.
pub fn outcome(step: &mut Step<'_>, token: &[u8], outcome: &Outcome<'_>) {
    let Some((usage, cseq)) = parse_token(token) else { return };
    let Some(record) = step.subscription(usage) else { return };
    let Some(mut subscription) = records::decode::<Subscription<'_>>(&record) else { return };
    let mut position = step.answered_position(usage, &subscription);
    let Some(answered) = position.in_flight.filter(|_| position.cseq == cseq) else { return };
    let meaning = Meaning::of(outcome);
    step.trace("NOTIFY answered", || {
        let result = match outcome {
            Outcome::Response(response) => response.status().unwrap_or_default().to_string(),
            Outcome::Failed(failure) => format!("{failure:?}"),
        };
        vec![("watcher", subscription.watcher.to_string()), ("cseq", cseq.to_string()), ("result", result)]
    });
    position.in_flight = None;
    // The usage ends when its last NOTIFY is through, however it went (SUB-16).
    if answered.last || matches!(meaning, Meaning::Gone) {
        forget(step, usage, &subscription, Durability::Relaxed);
        return;
    }
    match meaning {
        Meaning::Failed(wait) => {
            if matches!(outcome, Outcome::Failed(Failure::Paused(_))) {
                // It never left, so the next one takes its numbers.
                position.cseq -= 1;
                position.documents = position.documents.saturating_sub(answered.numbered.into());
            }
            let stale = position.version != Some(content::version(step, &subscription));
            failed(step, usage, &mut position, wait);
            // What changed meanwhile has not failed yet, and the answer to a SUBSCRIBE and the end
            // do not wait for better times.
            if stale || position.owed || subscription.state.is_ending() {
                match advance(step, usage, &mut subscription, &mut position) {
                    Progress::Wait(until) => put_off(step, usage, until),
                    Progress::Broken | Progress::Left => return,
                    Progress::Quiet | Progress::Sent => {}
                }
            }
        }
        Meaning::Delivered | Meaning::Gone => {
            if let Outcome::Response(response) = outcome {
                refresh_target(step, usage, &mut subscription, response);
            }
            match advance(step, usage, &mut subscription, &mut position) {
                Progress::Wait(until) => put_off(step, usage, until),
                Progress::Broken | Progress::Left => return,
                Progress::Quiet | Progress::Sent => {}
            }
        }
    }
    step.put_position(usage, &position, Durability::Relaxed);
}

/// Sees to it that a watcher is notified at that time: many watchers by one sweep, the few
/// others by a timer each.
pub fn put_off(step: &mut Step<'_>, usage: Usage, until: Instant) {
    match usage.audience {
        Audience::Watchers => fanout::put_off(step, until),
        Audience::Winfo => step.host.set_timer(&usage.position(), until, b""),
    }
}

/// The state did not arrive: it is sent again after the time that a 503 named (SIP-33), else
/// with the next change or after a pause of ours.
fn failed(step: &mut Step<'_>, usage: Usage, position: &mut Position, wait: Option<u32>) {
    position.version = None;
    position.held = position.held.in_doubt();
    let pause = wait.map_or(RETRY, |wait| wait.clamp(*WAIT.start(), *WAIT.end()));
    let again = step.now + u64::from(pause) * 1_000;
    if wait.is_some() {
        position.not_before = position.not_before.max(again);
    }
    step.host.set_timer(&usage.position(), again.max(position.not_before), b"");
}

/// The time that a 503 named is over.
pub fn retry(step: &mut Step<'_>, usage: Usage) {
    let Some(record) = step.subscription(usage) else { return };
    let Some(mut subscription) = records::decode::<Subscription<'_>>(&record) else { return };
    let mut position = step.position(usage, &subscription);
    match advance(step, usage, &mut subscription, &mut position) {
        Progress::Sent => step.put_position(usage, &position, Durability::Relaxed),
        Progress::Wait(until) => put_off(step, usage, until),
        Progress::Quiet | Progress::Broken | Progress::Left => {}
    }
}

/// The Contact of a 2xx to NOTIFY is the new remote target (SIP-14). Relaxed: an older
/// target is a fair one after a crash.
fn refresh_target<'a>(
    step: &mut Step<'_>,
    usage: Usage,
    subscription: &mut Subscription<'a>,
    response: &crate::sip::Message<'a>,
) {
    if subscription.dialog.refresh_target(response) == Ok(true) {
        step.put(&usage.subscription(), subscription, Durability::Relaxed);
    }
}

/// Names a NOTIFY in flight: the key of the position that knows of it, and the CSeq.
fn token(usage: Usage, cseq: u32) -> [u8; 13] {
    let mut token = [0; 13];
    token[..9].copy_from_slice(&usage.position());
    token[9..].copy_from_slice(&cseq.to_le_bytes());
    token
}

fn parse_token(token: &[u8]) -> Option<(Usage, u32)> {
    let (key, cseq) = token.split_at_checked(9)?;
    let usage = Usage::of(*key.first()?, Id::of_key(key)?)?;
    Some((usage, u32::from_le_bytes(cseq.try_into().ok()?)))
}
