//! What comes after a failure or an end, and when.

use super::record::{Kept, Phase, Stopped};
use super::request;
use super::trouble::{Retry, Trouble};
use super::wait;
use crate::external::ledger::{self, Fault, Manner, Report};
use crate::external::pacing::Lane;
use crate::external::source::Source;
use crate::ports::Instant;
use crate::step::Step;

/// There is no subscription, or it is over: decides what comes next (EXT-14, EXT-15). What the source contributed
/// stays until its end, unless the source will not be asked again.
pub fn settle(step: &mut Step<'_>, kept: &mut Kept<'_>, trouble: Trouble, retry: Retry) {
    let (now, source) = (step.now, kept.source);
    let (shortest, longest) = source.retry;
    let retry = match (retry, &kept.record.phase) {
        (Retry::NextTarget(wait), Phase::Subscribing(attempt)) => {
            let next = attempt.target.saturating_add(1);
            if usize::from(next) < source.targets.len() {
                let why = trouble.to_string();
                let manner = Manner { fault: Fault::Target, new: true };
                ledger::report(step, source, &Report::Failed(&why, Some(now), manner));
                return request::create(step, kept, next);
            }
            Retry::After(wait)
        }
        (Retry::NextTarget(wait), _) => Retry::After(wait),
        (Retry::AtOnce, phase) => {
            let lived = if let Phase::Live(live) = phase { now.saturating_sub(live.since) } else { 0 };
            if lived >= longest {
                kept.record.churn = 0;
            }
            if kept.record.churn == 0 {
                kept.record.churn = clamp(shortest);
                if trouble != Trouble::Ended(super::trouble::Reason::Deactivated) {
                    trace(step, kept, "source is subscribed to anew", Some(trouble));
                }
                return wait(step, kept, Lane::Again);
            }
            let pause = grown(step, source, kept.record.churn);
            kept.record.churn = clamp(pause);
            return pause_until(step, kept, Trouble::Restless, now + pause);
        }
        (retry, _) => retry,
    };
    match retry {
        Retry::Never => {
            kept.silence(step);
            kept.record.phase = Phase::Stopped(Stopped {
                not_before: now + longest,
                configured: configured(source),
                released: false,
            });
            complain(step, kept, trouble, None);
        }
        Retry::Slowly(wait) => {
            let pause = between(step, longest / 2, longest).max(shortest).max(wait);
            pause_until(step, kept, trouble, now + pause);
        }
        Retry::After(wait) | Retry::NextTarget(wait) => {
            let pause = next_pause(step, kept).max(wait);
            pause_until(step, kept, trouble, now + pause);
        }
        Retry::AtOnce => {}
    }
}

fn pause_until(step: &mut Step<'_>, kept: &mut Kept<'_>, trouble: Trouble, until: Instant) {
    kept.record.phase = Phase::Pausing(until);
    complain(step, kept, trouble, Some(until));
}

/// The pause after one more failure: back-off with decorrelated jitter.
pub fn next_pause(step: &mut Step<'_>, kept: &mut Kept<'_>) -> u64 {
    let pause = grown(step, kept.source, kept.record.pause);
    kept.record.pause = clamp(pause);
    pause
}

/// A pause after one of `before` milliseconds.
fn grown(step: &mut Step<'_>, source: &Source, before: u32) -> u64 {
    let (shortest, longest) = source.retry;
    let most = u64::from(before).max(shortest).saturating_mul(3).min(longest);
    between(step, shortest, most)
}

fn between(step: &mut Step<'_>, least: u64, most: u64) -> u64 {
    least + step.draw() % (most.saturating_sub(least) + 1)
}

fn clamp(milliseconds: u64) -> u32 {
    u32::try_from(milliseconds).unwrap_or(u32::MAX)
}

/// Something is wrong. The operator sees it in figures, and in the log as [`ledger`] tells it of the source.
pub fn complain(step: &mut Step<'_>, kept: &mut Kept<'_>, trouble: Trouble, next: Option<Instant>) {
    let record = &mut kept.record;
    record.failures = record.failures.saturating_add(1);
    let before = record.trouble.replace(trouble);
    let fault = trouble.fault();
    let new = before.map(Trouble::fault) != Some(fault);
    let why = trouble.to_string();
    ledger::report(step, kept.source, &Report::Failed(&why, next, Manner { fault, new }));
    if before != Some(trouble) {
        trace(step, kept, "source fails for a presentity", Some(trouble));
    }
}

/// It goes well again.
pub fn relieved(step: &mut Step<'_>, kept: &Kept<'_>) {
    trace(step, kept, "source is well again for a presentity", None);
}

fn trace(step: &mut Step<'_>, kept: &Kept<'_>, message: &str, trouble: Option<Trouble>) {
    step.trace(message, || {
        let mut fields =
            vec![("source", kept.source.name.clone()), ("resource", kept.record.resource.clone())];
        fields.extend(trouble.map(|trouble| ("why", trouble.to_string())));
        fields
    });
}

/// Stands for how a source is configured, as far as that decides whether it takes a subscription.
pub fn configured(source: &Source) -> u32 {
    let mut text = source.super_user.clone();
    for target in &source.targets {
        text.push('\n');
        text.push_str(target);
    }
    if let Some(credentials) = &source.credentials {
        for part in [&credentials.username, &credentials.password] {
            text.push('\n');
            text.push_str(part);
        }
    }
    let [a, b, c, d, ..] = Source::id_of(&text).0;
    u32::from_be_bytes([a, b, c, d])
}
