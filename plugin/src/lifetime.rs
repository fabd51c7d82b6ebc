//! How long publications and subscriptions live.

use crate::configuration::Configuration;
use crate::errors::Refusal;
use crate::ports::Instant;
use crate::sip::{Message, expires};

/// Below this many seconds a subscription may be refused as too brief (RFC 6665 4.2.1.1).
const HOUR: u32 = 3_600;

/// Seconds that a publication is granted: never more than asked for; 0 asks for its end
/// (RFC 3903 6 step 4).
///
/// # Errors
/// 423 if that is too brief.
pub fn of_publication(message: &Message<'_>, configuration: &Configuration) -> Result<u32, Refusal> {
    grant(message, configuration, u32::MAX)
}

/// Seconds that a subscription is granted (RFC 6665 4.2.1.1, RFC 3856 6.4); 0 asks for its end.
///
/// # Errors
/// 423 if that is too brief; never for an hour or more.
pub fn of_subscription(message: &Message<'_>, configuration: &Configuration) -> Result<u32, Refusal> {
    grant(message, configuration, HOUR)
}

fn grant(message: &Message<'_>, configuration: &Configuration, brief_below: u32) -> Result<u32, Refusal> {
    let bounds = configuration.expires;
    let asked = expires::expires(message)?.unwrap_or(bounds.default);
    if asked > 0 && asked < bounds.min && asked < brief_below {
        return Err(Refusal::TooBrief(bounds.min));
    }
    Ok(asked.min(bounds.max))
}

/// The instant so many seconds from now.
#[must_use]
pub fn end(now: Instant, seconds: u32) -> Instant {
    now.saturating_add(u64::from(seconds) * 1_000)
}
