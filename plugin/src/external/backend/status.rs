//! Where a subscription stands, for the operator.

use super::record::{Kept, Phase, Refresh};
use crate::external::source::Source;
use crate::ports::Instant;
use crate::step::Step;

/// A subscription at a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Whom the source is asked for.
    pub resource: String,
    /// Where it stands, in a word.
    pub phase: &'static str,
    /// When it ends if it is not refreshed; none if there is no subscription.
    pub expires: Option<Instant>,
    /// When what the source contributes ends; none if it contributes nothing.
    pub shown_until: Option<Instant>,
    /// When the source is asked next; none if that hangs on somebody else, or never.
    pub next_try: Option<Instant>,
    /// Failures in a row.
    pub failures: u32,
    /// What was wrong last; none since it went well.
    pub trouble: Option<String>,
}

/// Where the subscription of the presentity at a source stands; none if there is none.
pub fn status(step: &mut Step<'_>, source: &Source) -> Option<Status> {
    let record = Kept::load(step, source)?.record;
    let (phase, expires, next_try) = match &record.phase {
        Phase::Waiting(_) => ("waiting", None, None),
        Phase::Subscribing(_) => ("subscribing", None, None),
        Phase::Live(live) => {
            let next = match live.next {
                Refresh::At(at) | Refresh::NotBefore(at) => Some(at),
                Refresh::Paced => None,
                Refresh::Never => Some(live.expires),
            };
            ("live", Some(live.expires), next)
        }
        Phase::Ending(_) => ("ending", None, None),
        Phase::Pausing(until) => ("pausing", None, Some(*until)),
        Phase::Stopped(_) => ("stopped", None, None),
    };
    Some(Status {
        phase,
        expires,
        next_try,
        shown_until: record.shown_until,
        failures: record.failures,
        trouble: record.trouble.map(|trouble| trouble.to_string()),
        resource: record.resource,
    })
}
