use std::io::Write;

use super::composed::Composed;
use super::identity;
use crate::ports::Instant;

/// A document that says no more than that the presentity cannot be reached, for watchers
/// who are politely blocked (RFC 5025 section 3.2.1): one tuple, `closed`.
///
/// The identifier comes from `seed` and looks like one of a composed document. Let the
/// caller derive the seed from the watcher's and the presentity's identity and a secret:
/// it then stays the same over the subscription, as a real one does. `timestamp`, if
/// given, is when the tuple pretends to have been published.
#[must_use]
pub fn neutral(seed: u64, timestamp: Option<Instant>) -> Composed {
    Composed::build(0, 160, |out| {
        let name = identity::suffix(identity::hash(b"name", seed));
        let suffix = identity::suffix(identity::hash(b"suffix", seed));
        out.extend_from_slice(b"<tuple id=\"t");
        out.extend_from_slice(name.get(1..9).unwrap_or_default());
        out.extend_from_slice(&suffix);
        out.extend_from_slice(b"\"><status><basic>closed</basic></status>");
        if let Some(instant) = timestamp {
            write_timestamp(instant, out);
        }
        out.extend_from_slice(b"</tuple>");
    })
}

/// RFC 3339 with capital T and Z (RFC 3863 section 4.1.7), whole seconds.
fn write_timestamp(instant: Instant, out: &mut Vec<u8>) {
    // Year 9999 is the last that RFC 3339 can tell.
    let seconds = (instant / 1000).min(253_402_300_799);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Days counted in eras of 400 years from 0000-03-01, so that leap days come last.
    let shifted = days + 719_468;
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = era * 400 + year + carry;
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    // Writing to a vector cannot fail.
    let _ = write!(
        out,
        "<timestamp>{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z</timestamp>"
    );
}
