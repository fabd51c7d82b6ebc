//! Values that PIDF gives a form to.

/// True for a language tag as `xml:lang` takes it: an `xs:language`, or nothing.
pub(super) fn is_language(value: &str) -> bool {
    let subtag =
        |subtag: &str| (1..=8).contains(&subtag.len()) && subtag.bytes().all(|b| b.is_ascii_alphanumeric());
    let mut subtags = value.split('-');
    let primary = subtags.next().unwrap_or_default();
    value.is_empty()
        || (subtag(primary) && primary.bytes().all(|b| b.is_ascii_alphabetic()) && subtags.all(subtag))
}

/// True for a `priority`: 0 to 1, at most three decimals (RFC 3863 section 4.1.5).
pub(super) fn is_priority(value: &str) -> bool {
    let (whole, decimals) = value.split_once('.').unwrap_or((value, ""));
    decimals.len() <= 3
        && match whole {
            "0" => decimals.bytes().all(|digit| digit.is_ascii_digit()),
            "1" => decimals.bytes().all(|digit| digit == b'0'),
            _ => false,
        }
}

/// True for a date and time of RFC 3339 that is an `xs:dateTime` as well (section 4.1.7).
pub(super) fn is_timestamp(value: &[u8]) -> bool {
    let Some((date, rest)) = value.split_at_checked(19) else {
        return false;
    };
    let number = |from: usize, to: usize| -> Option<u32> {
        let digits = date.get(from..to)?;
        if !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        Some(digits.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0')))
    };
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if separators.iter().any(|(at, byte)| date.get(*at) != Some(byte)) {
        return false;
    }
    let (Some(year), Some(month), Some(day)) = (number(0, 4), number(5, 7), number(8, 10)) else {
        return false;
    };
    let (Some(hour), Some(minute), Some(second)) = (number(11, 13), number(14, 16), number(17, 19)) else {
        return false;
    };
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    // An xs:dateTime has neither a year 0 nor leap seconds.
    year > 0 && (1..=days).contains(&day) && hour < 24 && minute < 60 && second < 60 && is_zone(rest)
}

/// A fraction of a second, perhaps, and the time zone.
fn is_zone(rest: &[u8]) -> bool {
    let zone = match rest {
        [b'.', fraction @ ..] => {
            let digits = fraction.iter().take_while(|digit| digit.is_ascii_digit()).count();
            match fraction.get(digits..) {
                Some(zone) if digits > 0 => zone,
                _ => return false,
            }
        }
        zone => zone,
    };
    match zone {
        b"Z" => true,
        [b'+' | b'-', h1 @ b'0'..=b'1', h2 @ b'0'..=b'9', b':', b'0'..=b'5', b'0'..=b'9'] => {
            // xs:dateTime goes up to 14:00.
            (h1 - b'0') * 10 + (h2 - b'0') < 14
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3863_4_1_5_priority_is_from_0_to_1() {
        for good in ["0", "1", "0.8", "0.125", "1.000", "0."] {
            assert!(is_priority(good), "{good}");
        }
        for bad in ["", "2", "1.1", "0.1234", "-0", "+1", ".5", "0.x", "1.0000"] {
            assert!(!is_priority(bad), "{bad}");
        }
    }

    #[test]
    fn rfc3863_4_1_6_language_is_a_language_tag() {
        for good in ["", "en", "de-AT", "x-klingon", "zh-Hant-TW"] {
            assert!(is_language(good), "{good}");
        }
        for bad in ["en us", "e1", "-en", "en-", "abcdefghi", "en_US"] {
            assert!(!is_language(bad), "{bad}");
        }
    }

    #[test]
    fn rfc3863_4_1_7_timestamp_is_rfc_3339() {
        for good in ["2001-10-27T16:49:29Z", "2004-02-29T00:00:00.123+05:30", "2005-05-30T16:09:44-13:59"] {
            assert!(is_timestamp(good.as_bytes()), "{good}");
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
            "2001-13-27T16:49:29Z",
        ] {
            assert!(!is_timestamp(bad.as_bytes()), "{bad}");
        }
    }
}
