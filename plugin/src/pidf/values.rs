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

/// True for an address that is an `xs:anyURI`: a URI reference of RFC 3986 once what it
/// could not hold is percent-encoded.
pub(super) fn is_uri(value: &str) -> bool {
    let value = value.trim();
    // Nearly all are a scheme and something without marks.
    let plain = |byte: u8| !matches!(byte, b'%' | b'#' | b'/');
    if let [first, rest @ ..] = value.as_bytes()
        && first.is_ascii_alphabetic()
        && let Some(colon) = memchr::memchr(b':', rest)
        && rest.iter().take(colon).all(u8::is_ascii_alphanumeric)
        && rest.iter().skip(colon + 1).copied().all(plain)
    {
        return true;
    }
    let escapes = value
        .split('%')
        .skip(1)
        .all(|rest| rest.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)));
    if !escapes || value.bytes().filter(|byte| *byte == b'#').count() > 1 {
        return false;
    }
    let path = value.find(['/', '?', '#']).unwrap_or(value.len());
    let (scheme, rest) = match value.get(..path).and_then(|start| start.find(':')) {
        Some(colon) => (value.get(..colon), value.get(colon + 1..).unwrap_or_default()),
        None => (None, value),
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    if scheme.is_some_and(|scheme| {
        !scheme.starts_with(|first: char| first.is_ascii_alphabetic()) || !scheme.bytes().all(plain)
    }) {
        return false;
    }
    rest.strip_prefix("//")
        .is_none_or(|rest| is_authority(rest.split(['/', '?', '#']).next().unwrap_or_default()))
}

/// User, host and port. An IPv6 address is looked at no closer than for its characters.
fn is_authority(authority: &str) -> bool {
    let (_, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (host, port) = match host.strip_prefix('[') {
        Some(literal) => {
            let Some((address, rest)) = literal.split_once(']') else { return false };
            let known = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
            if address.is_empty()
                || !address.bytes().all(known)
                || !(rest.is_empty() || rest.starts_with(':'))
            {
                return false;
            }
            ("", rest.strip_prefix(':').unwrap_or_default())
        }
        None => host.split_once(':').unwrap_or((host, "")),
    };
    !host.contains(['[', ']']) && port.len() < 6 && port.bytes().all(|byte| byte.is_ascii_digit())
}

/// True for an `xs:integer`.
pub(super) fn is_integer(value: &str) -> bool {
    let digits = value.strip_prefix(['+', '-']).unwrap_or(value);
    // So many digits are no time and no number of anything.
    (1..=18).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
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

    #[test]
    fn addresses_are_references() {
        for good in [
            "",
            "sip:a b",
            "sip:a@example.com",
            "tel:+1-555",
            "im:a<b",
            "http://a b/{}|^",
            "http://u:p@example.com:80/?q#f",
            "http://[2001:db8::1]:80/x",
            "a/b:c",
            "%41",
        ] {
            assert!(is_uri(good), "{good}");
        }
        for bad in
            ["sip:%zz", "http://[", "::", "1:2", "é:ü", "#a#b", "http://a:xx/", "%", "http://[x]/", "%4"]
        {
            assert!(!is_uri(bad), "{bad}");
        }
    }

    #[test]
    fn integers_are_decimal() {
        assert!(["0", "-5", "+120", "007"].into_iter().all(is_integer));
        assert!(!["", "-", "1.0", "1e3", "٣", "--1"].into_iter().any(is_integer));
    }
}
