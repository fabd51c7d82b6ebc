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

/// A `priority` in thousandths: 0 to 1, at most three decimals (RFC 3863 section 4.1.5).
pub(super) fn priority(value: &str) -> Option<u16> {
    let (whole, decimals) = value.split_once('.').unwrap_or((value, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let digits = decimals.bytes().chain([b'0'; 3]).take(3);
    let part = digits.fold(0, |number, digit| number * 10 + u16::from(digit - b'0'));
    match (whole, part) {
        ("0", part) => Some(part),
        ("1", 0) => Some(1_000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3863_4_1_5_priority_is_from_0_to_1() {
        for (good, thousandths) in
            [("0", 0), ("1", 1_000), ("0.8", 800), ("0.125", 125), ("1.000", 1_000), ("0.", 0), ("0.021", 21)]
        {
            assert_eq!(priority(good), Some(thousandths), "{good}");
        }
        for bad in ["", "2", "1.1", "0.1234", "-0", "+1", ".5", "0.x", "1.0000"] {
            assert_eq!(priority(bad), None, "{bad}");
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
}
