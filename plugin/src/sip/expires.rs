//! Durations in seconds (RFC 3261 20.19, 25.1 `delta-seconds`).

use super::lex::{saturating_number, trim};
use super::{HeaderName, Malformed, Message};

/// Parses `delta-seconds`. What is too large becomes `u32::MAX` (RFC 3261 20.19); all but digits is an error.
pub fn delta_seconds(text: &str) -> Result<u32, Malformed> {
    saturating_number(trim(text)).ok_or(Malformed("Expires"))
}

/// The Expires header of a message in seconds; none if it has none.
pub fn expires(message: &Message<'_>) -> Result<Option<u32>, Malformed> {
    message.single(HeaderName::Expires)?.map(delta_seconds).transpose()
}

/// The Min-Expires header of a 423 in seconds.
pub fn min_expires(message: &Message<'_>) -> Result<Option<u32>, Malformed> {
    message.single(HeaderName::MinExpires)?.map(delta_seconds).transpose()
}

/// The Retry-After header in seconds, without its comment and parameters (RFC 3261 20.33).
pub fn retry_after(message: &Message<'_>) -> Result<Option<u32>, Malformed> {
    let line = message.single(HeaderName::RetryAfter)?;
    let number = line.map(|text| text.split([';', '(', ' ']).next().unwrap_or_default());
    number.map(|text| delta_seconds(text).map_err(|_| Malformed("Retry-After"))).transpose()
}
