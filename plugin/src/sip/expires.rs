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

#[cfg(test)]
mod tests {
    use super::super::owned::OwnedMessage;
    use super::*;

    #[test]
    fn huge_values_are_clamped_and_odd_ones_refused() {
        assert_eq!(delta_seconds("0"), Ok(0));
        assert_eq!(delta_seconds("4294967295"), Ok(u32::MAX));
        assert_eq!(delta_seconds("99999999999999999999999"), Ok(u32::MAX));
        for text in ["", "-1", "+1", "1.5", "1 2", "0x10", "1;a=b", "\u{664}"] {
            assert_eq!(delta_seconds(text), Err(Malformed("Expires")), "{text}");
        }
    }

    #[test]
    fn headers_are_read() {
        let lines = "Expires: 600\r\nMin-Expires: 60\r\nRetry-After: 18000 (in a meeting);duration=3600\r\n";
        let owned = OwnedMessage::request("SUBSCRIBE", "sip:a@b.com", lines, b"").unwrap();
        let message = owned.view();
        assert_eq!(expires(&message), Ok(Some(600)));
        assert_eq!(min_expires(&message), Ok(Some(60)));
        assert_eq!(retry_after(&message), Ok(Some(18000)));
        let twice =
            OwnedMessage::request("SUBSCRIBE", "sip:a@b.com", "Expires: 1\r\nExpires: 2\r\n", b"").unwrap();
        assert_eq!(expires(&twice.view()), Err(Malformed("Expires")));
    }
}
