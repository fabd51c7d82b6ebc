//! Dates and times of RFC 3339 as instants, and back (RFC 3863 section 4.1.7).

use std::io::Write;

use crate::ports::Instant;

/// The end of the year 9999, the last that RFC 3339 can tell.
const LAST: Instant = 253_402_300_799_999;

/// The instant that a date and time names, a part of a millisecond counted as a whole one:
/// what is over at that time is over at the instant. Times before 1970 are 1970. `None` for
/// what is no `xs:dateTime` with a time zone.
pub(crate) fn parse(value: &[u8]) -> Option<Instant> {
    let (date, rest) = value.split_at_checked(19)?;
    let number = |from: usize, to: usize| -> Option<u32> {
        let digits = date.get(from..to)?;
        if !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        Some(digits.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0')))
    };
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if separators.iter().any(|(at, byte)| date.get(*at) != Some(byte)) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    // An xs:dateTime has neither a year 0 nor leap seconds.
    if year == 0 || !(1..=days).contains(&day) || hour >= 24 || minute >= 60 || second >= 60 {
        return None;
    }
    let (milliseconds, offset) = zone(rest)?;
    // Days in eras of 400 years from 0000-03-01, so that leap days come last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (year / 400, year % 400);
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * month + 2) / 5 + day - 1;
    let seconds = (i64::from(days) - 719_468) * 86_400 + i64::from(hour * 3_600 + minute * 60 + second)
        - i64::from(offset) * 60;
    Some(Instant::try_from(seconds * 1_000 + i64::from(milliseconds)).unwrap_or_default())
}

/// The fraction of a second in milliseconds, rounded up, and the minutes that the zone is ahead.
fn zone(rest: &[u8]) -> Option<(u32, i32)> {
    let (milliseconds, zone) = match rest {
        [b'.', fraction @ ..] => {
            let digits = fraction.iter().take_while(|digit| digit.is_ascii_digit()).count();
            let (digits, zone) = fraction.split_at_checked(digits)?;
            if digits.is_empty() {
                return None;
            }
            let (whole, part) = digits.split_at(digits.len().min(3));
            let number = whole.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
            let number = (whole.len()..3).fold(number, |number, _| number * 10);
            (number + u32::from(part.iter().any(|digit| *digit != b'0')), zone)
        }
        zone => (0, zone),
    };
    let minutes = match zone {
        b"Z" => 0,
        [
            sign @ (b'+' | b'-'),
            h1 @ b'0'..=b'1',
            h2 @ b'0'..=b'9',
            b':',
            m1 @ b'0'..=b'5',
            m2 @ b'0'..=b'9',
        ] => {
            let minutes =
                i32::from((h1 - b'0') * 10 + (h2 - b'0')) * 60 + i32::from((m1 - b'0') * 10 + (m2 - b'0'));
            // xs:dateTime goes up to 14:00.
            if minutes > 14 * 60 {
                return None;
            }
            if *sign == b'-' { -minutes } else { minutes }
        }
        _ => return None,
    };
    Some((milliseconds, minutes))
}

/// Writes an instant with capital T and Z, and with milliseconds where there are any.
pub(crate) fn write(instant: Instant, out: &mut Vec<u8>) {
    let instant = instant.min(LAST);
    let (seconds, milliseconds) = (instant / 1_000, instant % 1_000);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
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
    let _ = write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    if milliseconds > 0 {
        let _ = write!(out, ".{milliseconds:03}");
    }
    out.push(b'Z');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3863_4_1_7_timestamp_is_rfc_3339() {
        for (text, instant) in [
            ("2001-10-27T16:49:29Z", 1_004_201_369_000),
            ("2004-02-29T00:00:00.123+05:30", 1_077_993_000_123),
            ("2005-05-30T16:09:44-13:59", 1_117_519_724_000),
            ("2004-02-29T00:00:00.1230+14:00", 1_077_962_400_123),
            ("2004-02-29T00:00:00.12301+14:00", 1_077_962_400_124),
            ("1970-01-01T00:00:00.9999Z", 1_000),
            ("1969-12-31T23:59:59Z", 0),
            ("0001-01-01T00:00:00Z", 0),
            ("9999-12-31T23:59:59.999Z", LAST),
        ] {
            assert_eq!(parse(text.as_bytes()), Some(instant), "{text}");
        }
        for bad in [
            "",
            "2001-10-27",
            "2001-10-27 16:49:29Z",
            "2001-02-29T00:00:00Z",
            "2001-10-27T24:00:00Z",
            "2001-10-27T16:49:29",
            "0000-01-01T00:00:00Z",
            "2001-10-27T16:49:29.Z",
            "2001-10-27T16:49:29+15:00",
            "2001-10-27T16:49:29+14:01",
            "2001-13-27T16:49:29Z",
        ] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn an_instant_survives_its_text() {
        for instant in [0, 1, 951_782_400_000, 1_104_537_599_000, 1_700_000_000_123, LAST] {
            let mut text = Vec::new();
            write(instant, &mut text);
            assert_eq!(parse(&text), Some(instant), "{}", String::from_utf8_lossy(&text));
        }
    }
}
