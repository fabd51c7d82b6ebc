//! What a subscription does with time: refreshing, Timer N, ending.

use super::LATE;
use super::record::{Ending, Flight, Kept, Live, Phase, Refresh, Stopped};
use super::request;
use super::retry;
use super::trouble::{Meaning, Retry, Trouble};
use super::{response, wait};
use crate::external::contribution;
use crate::external::demand;
use crate::external::pacing::{self, Lane};
use crate::ports::Instant;
use crate::step::Step;

/// Shortest time between two SUBSCRIBEs in a dialog, in milliseconds, whatever the source says.
const BREATH: u64 = 5_000;

/// Another end of a subscription counts only if it differs by more than this, in milliseconds: each NOTIFY tells the
/// seconds left, which are rounded and have been on their way.
const JITTER: u64 = 2_000;

/// The timer of a source fired: does what is due.
pub fn due(step: &mut Step<'_>, mut kept: Kept<'_>) {
    let now = step.now;
    if kept.record.shown_until.is_some_and(|until| until <= now) {
        kept.hide(step);
    }
    if kept.record.due().is_none_or(|due| due > now) {
        return kept.save(step);
    }
    match &mut kept.record.phase {
        Phase::Waiting(since) => {
            *since = now;
            pacing::ask(step, kept.source, Lane::Again);
        }
        Phase::Pausing(_) => wait(step, &mut kept, Lane::Again),
        Phase::Subscribing(attempt) => {
            let trouble = if attempt.granted.is_some() { Trouble::Silent } else { Trouble::Timeout };
            retry::settle(step, &mut kept, trouble, Retry::NextTarget(0));
        }
        Phase::Live(live) => {
            let forgotten = live.forgotten().is_some_and(|forgotten| forgotten <= now);
            match live.next {
                Refresh::NotBefore(at) if live.expires <= now && at > now => {
                    retry::settle(step, &mut kept, Trouble::Paused, Retry::After(at - now));
                }
                // Its end has come before its refresh was answered.
                _ if live.expires <= now => {
                    retry::settle(step, &mut kept, Trouble::Timeout, Retry::AtOnce);
                }
                _ if forgotten && live.in_flight.is_some() => {
                    let silence = Meaning::Failed(Trouble::Timeout, Retry::After(0));
                    response::refreshed(step, &mut kept, silence, None);
                }
                // RFC 6665 4.1.2.2.
                _ if forgotten => retry::settle(step, &mut kept, Trouble::Silent, Retry::AtOnce),
                Refresh::At(at) | Refresh::NotBefore(at) if at <= now && live.in_flight.is_none() => {
                    if at + LATE <= now {
                        live.next = Refresh::Paced;
                        pacing::ask(step, kept.source, Lane::Again);
                    } else {
                        return refresh_if_wanted(step, kept);
                    }
                }
                _ => {}
            }
        }
        Phase::Ending(_) | Phase::Stopped(_) => return kept.remove(step),
    }
    kept.save(step);
}

fn refresh_if_wanted(step: &mut Step<'_>, mut kept: Kept<'_>) {
    match demand::wanted(step, kept.source) {
        None => return stop(step, kept),
        Some(resource) if resource != kept.record.resource => {
            leave(step, &mut kept);
            kept.record.resource = resource;
            wait(step, &mut kept, Lane::Again);
        }
        Some(_) => refresh(step, &mut kept),
    }
    kept.save(step);
}

/// Refreshes the subscription, if there is one.
pub fn refresh(step: &mut Step<'_>, kept: &mut Kept<'_>) {
    resend(step, kept, true);
}

/// Sends the refresh once more, as something in it is different now.
pub fn resend(step: &mut Step<'_>, kept: &mut Kept<'_>, anew: bool) {
    let Phase::Live(mut live) = kept.record.phase.clone() else { return };
    let expires = kept.record.asks(kept.source);
    request::renew(step, kept, &mut live.dialog, expires, anew);
    live.asked = step.now;
    // Whatever its outcome: nothing else is waited for until then.
    live.next = Refresh::Never;
    live.in_flight = Some(Flight::Refresh);
    live.confirmed = false;
    live.full = false;
    kept.record.phase = Phase::Live(live);
}

/// Ends the subscription, as nothing wants it any more.
pub fn stop(step: &mut Step<'_>, mut kept: Kept<'_>) {
    match kept.record.phase {
        Phase::Live(_) => {
            kept.silence(step);
            let Phase::Live(Live { mut dialog, .. }) = kept.record.phase.clone() else { return };
            request::renew(step, &mut kept, &mut dialog, 0, true);
            kept.record.phase = Phase::Ending(Ending { dialog, asked: step.now });
            kept.save(step);
        }
        Phase::Stopped(stopped) if stopped.not_before > step.now => {
            // What it is known for outlives who has asked.
            kept.record.phase = Phase::Stopped(Stopped { released: true, ..stopped });
            kept.save(step);
        }
        // So does a pause that it has asked for.
        Phase::Pausing(until)
            if until > step.now && kept.record.trouble.is_some_and(|trouble| trouble.is_said()) =>
        {
            kept.silence(step);
            let configured = retry::configured(kept.source);
            kept.record.phase = Phase::Stopped(Stopped { not_before: until, configured, released: true });
            kept.save(step);
        }
        Phase::Ending(_) => {}
        // A subscription that is just being made is ended by the 481 to its NOTIFY.
        _ => kept.remove(step),
    }
}

/// Ends what there is for one resource, so that another can be asked for.
pub fn leave(step: &mut Step<'_>, kept: &mut Kept<'_>) {
    kept.silence(step);
    if let Phase::Live(Live { mut dialog, .. }) = kept.record.phase.clone() {
        request::renew(step, kept, &mut dialog, 0, true);
    }
    kept.record.trouble = None;
    (kept.record.pause, kept.record.churn, kept.record.failures) = (0, 0, 0);
}

/// The subscription is known to last until then; what the source contributes lasts as long.
pub fn lasts(step: &mut Step<'_>, kept: &mut Kept<'_>, live: &mut Live, until: Instant) {
    if until.abs_diff(live.expires) > JITTER {
        let sooner = until < live.expires;
        live.expires = until;
        if sooner && live.in_flight.is_none() {
            let planned = schedule(step, live);
            match (live.next, planned) {
                (Refresh::At(before), Refresh::At(at)) if at < before => live.next = planned,
                _ => {}
            }
        }
    }
    if live.said
        && let Some(shown) = kept.record.shown_until
        && shown.abs_diff(live.expires) > JITTER
    {
        contribution::extend(step, kept.source, live.expires);
        kept.record.shown_until = Some(live.expires);
    }
}

/// When to refresh: at a random point well before the end, so that subscriptions that began together do
/// not stay together.
pub fn schedule(step: &mut Step<'_>, live: &Live) -> Refresh {
    if live.full {
        return Refresh::At(step.now.max(live.asked + BREATH));
    }
    let left = live.expires.saturating_sub(step.now);
    let percent = 50 + step.draw() % 41;
    Refresh::At(step.now + (left * percent / 100).max(BREATH))
}
