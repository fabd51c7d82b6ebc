//! Queries of request targets.
//!
//! Percent-encoding only: a `+` is a `+`, as it stands in front of telephone numbers.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// All but the unreserved characters of RFC 3986 2.3.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Reads the parameters `names` from a query. One that is not there is none.
///
/// # Errors
/// There is another one, one comes twice, or a value is no UTF-8.
pub(super) fn parameters<'q, const N: usize>(
    query: Option<&'q str>,
    names: [&str; N],
) -> Result<[Option<Cow<'q, str>>; N], String> {
    let mut values = [const { None }; N];
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let Some(index) = names.iter().position(|known| *known == name) else {
            return Err(format!("found {name:?}, expected {}", names.join(" or ")));
        };
        let Ok(value) = percent_decode_str(value).decode_utf8() else {
            return Err(format!("{name}: not UTF-8"));
        };
        if values[index].replace(value).is_some() {
            return Err(format!("{name}: comes twice"));
        }
    }
    Ok(values)
}

/// Appends a parameter to a request target.
pub fn append(target: &mut String, name: &str, value: &str) {
    target.push(if target.contains('?') { '&' } else { '?' });
    target.push_str(name);
    target.push('=');
    target.extend(utf8_percent_encode(value, ENCODED));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_appended_is_read() {
        for value in ["sip:alice@example.com", "tel:+15550100;a=b", "a&b=c#d e%41", "\u{e4}/?", ""] {
            let mut target = "/identity".to_owned();
            append(&mut target, "uri", value);
            append(&mut target, "limit", "5");
            let query = target.strip_prefix("/identity?").unwrap();
            let [limit, uri] = parameters(Some(query), ["limit", "uri"]).unwrap();
            assert_eq!((uri.as_deref(), limit.as_deref()), (Some(value), Some("5")), "{target}");
        }
    }

    #[test]
    fn an_address_need_not_be_encoded() {
        let [uri] = parameters(Some("uri=tel:+1-555-0100;phone-context=+1"), ["uri"]).unwrap();
        assert_eq!(uri.unwrap(), "tel:+1-555-0100;phone-context=+1");
        let [uri] = parameters(Some("uri=sip:%61lice%40example.com"), ["uri"]).unwrap();
        assert_eq!(uri.unwrap(), "sip:alice@example.com");
    }

    #[test]
    fn what_is_not_asked_for_is_refused() {
        assert_eq!(parameters(None, ["uri"]).unwrap(), [None]);
        assert_eq!(parameters(Some("url=a"), ["uri"]).unwrap_err(), "found \"url\", expected uri");
        assert_eq!(parameters(Some("uri=a&uri=b"), ["uri"]).unwrap_err(), "uri: comes twice");
        assert_eq!(parameters(Some("uri=%ff"), ["uri"]).unwrap_err(), "uri: not UTF-8");
    }
}
