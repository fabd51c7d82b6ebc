//! Dates of documents (RFC 3339).

use super::Malformed;
use crate::ports::Instant;

const WHAT: Malformed = Malformed("date");
const DAY: i64 = 86_400_000;

/// The instant in UTC with milliseconds: `2026-01-31T12:00:00.000Z`. After the year 9999 it
/// stays at the end of that year, since RFC 3339 has four digits.
pub fn format(instant: Instant) -> String {
    const LAST: Instant = 253_402_300_799_999;
    let instant = instant.min(LAST);
    let days = instant / DAY as u64;
    let rest = instant % DAY as u64;
    // Bounded by LAST, so nothing is lost.
    let (year, month, day) = civil_from_days(days as i64);
    let mut text = *b"0000-00-00T00:00:00.000Z";
    put(&mut text[0..4], year as u64);
    put(&mut text[5..7], month as u64);
    put(&mut text[8..10], day as u64);
    put(&mut text[11..13], rest / 3_600_000);
    put(&mut text[14..16], rest / 60_000 % 60);
    put(&mut text[17..19], rest / 1000 % 60);
    put(&mut text[20..23], rest % 1000);
    str::from_utf8(&text).unwrap_or_default().to_owned()
}

fn put(field: &mut [u8], mut number: u64) {
    for digit in field.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Parses a date and time with its offset. What lies before 1970 becomes 0. Fractions beyond milliseconds
/// are cut off; a leap second counts as the second after it.
pub fn parse(text: &str) -> Result<Instant, Malformed> {
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| -> Result<i64, Malformed> {
        let digits = bytes.get(from..to).ok_or(WHAT)?;
        digits.iter().try_fold(0i64, |value, b| {
            b.is_ascii_digit().then(|| value * 10 + i64::from(b - b'0')).ok_or(WHAT)
        })
    };
    let is = |at: usize, any: &[u8]| bytes.get(at).is_some_and(|b| any.contains(b));
    if !(is(4, b"-") && is(7, b"-") && is(10, b"Tt") && is(13, b":") && is(16, b":")) {
        return Err(WHAT);
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
        return Err(WHAT);
    }
    if hour > 23 || minute > 59 || second > 60 {
        return Err(WHAT);
    }
    let mut at = 19;
    let mut millis = 0;
    if is(at, b".") {
        let digits = bytes[20..].iter().take_while(|b| b.is_ascii_digit()).count();
        if digits == 0 {
            return Err(WHAT);
        }
        let mut scale = 100;
        for b in bytes[20..].iter().take(digits.min(3)) {
            millis += i64::from(b - b'0') * scale;
            scale /= 10;
        }
        at = 20 + digits;
    }
    let offset_minutes = if is(at, b"Zz") {
        at += 1;
        0
    } else {
        let sign = if is(at, b"+") { 1 } else { -1 };
        if !is(at, b"+-") || !is(at + 3, b":") {
            return Err(WHAT);
        }
        let (hours, minutes) = (number(at + 1, at + 3)?, number(at + 4, at + 6)?);
        if hours > 23 || minutes > 59 {
            return Err(WHAT);
        }
        at += 6;
        sign * (hours * 60 + minutes)
    };
    if at != bytes.len() {
        return Err(WHAT);
    }
    let minutes = hour * 60 + minute - offset_minutes;
    let total = days_from_civil(year, month, day) * DAY + minutes * 60_000 + second * 1000 + millis;
    Ok(Instant::try_from(total).unwrap_or(0))
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date of the Gregorian calendar. Years are counted from March, so that
/// the leap day is the last of its year.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// RFC 3339 5.8.
    #[test]
    fn examples_of_the_rfc_are_read() {
        for (text, instant) in [
            ("1985-04-12T23:20:50.52Z", 482_196_050_520),
            ("1996-12-19T16:39:57-08:00", 851_042_397_000),
            ("1996-12-20T00:39:57z", 851_042_397_000),
            ("1990-12-31T23:59:60Z", 662_688_000_000),
            ("1990-12-31T15:59:60-08:00", 662_688_000_000),
            ("1937-01-01T12:00:27.87+00:20", 0),
            ("1970-01-01t00:00:00.0019+00:00", 1),
            ("2000-02-29T00:00:00Z", 951_782_400_000),
        ] {
            assert_eq!(parse(text), Ok(instant), "{text}");
        }
    }

    #[test]
    fn broken_dates_are_refused() {
        for text in [
            "",
            "2026",
            "2026-01-31",
            "2026-01-31T12:00:00",
            "2026-02-29T12:00:00Z",
            "1900-02-29T12:00:00Z",
            "2026-13-01T12:00:00Z",
            "2026-00-01T12:00:00Z",
            "2026-04-31T12:00:00Z",
            "2026-01-31 12:00:00Z",
            "2026-01-31T24:00:00Z",
            "2026-01-31T12:60:00Z",
            "2026-01-31T12:00:61Z",
            "2026-01-31T12:00:00.Z",
            "2026-01-31T12:00:00+0100",
            "2026-01-31T12:00:00+24:00",
            "2026-01-31T12:00:00ZZ",
            "2026-01-31T12:00:00Z ",
            "+026-01-31T12:00:00Z",
        ] {
            assert_eq!(parse(text), Err(WHAT), "{text}");
        }
    }

    #[test]
    fn instants_are_written_in_utc_with_milliseconds() {
        assert_eq!(format(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(format(482_196_050_520), "1985-04-12T23:20:50.520Z");
        assert_eq!(format(951_782_399_999), "2000-02-28T23:59:59.999Z");
        assert_eq!(format(Instant::MAX), "9999-12-31T23:59:59.999Z");
    }

    proptest! {
        #[test]
        fn writing_and_reading_are_inverse(instant in 0..253_402_300_800_000u64) {
            prop_assert_eq!(parse(&format(instant)), Ok(instant));
        }

        #[test]
        fn later_instants_have_greater_text(a in 0..253_402_300_800_000u64, b in 0..253_402_300_800_000u64) {
            prop_assert_eq!(a.cmp(&b), format(a).cmp(&format(b)));
        }
    }
}
