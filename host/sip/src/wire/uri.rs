//! URIs as far as a host must read them: where to send a request (RFC 3261 19.1, RFC 3263).

use std::net::{IpAddr, Ipv6Addr};

use super::scan::decimal;

/// A `sip:` or `sips:` URI, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SipUri<'a> {
    /// True for `sips:`.
    pub secure: bool,
    /// Host name or address literal; an IPv6 reference keeps its brackets.
    pub host: &'a str,
    /// The port, if one is given.
    pub port: Option<u16>,
    /// The `transport` parameter.
    pub transport: Option<&'a str>,
    /// The `maddr` parameter.
    pub maddr: Option<&'a str>,
    /// True if there is an `lr` parameter: a loose router (RFC 3261 19.1.1).
    pub loose: bool,
    /// True if there are header fields behind a question mark; not allowed in a Request-URI.
    pub has_headers: bool,
}

impl<'a> SipUri<'a> {
    /// Reads a URI; none if the scheme is another one or host or port are malformed.
    pub fn parse(uri: &'a [u8]) -> Option<SipUri<'a>> {
        let (secure, rest) = match uri {
            [s, i, p, b':', rest @ ..] if [*s, *i, *p].eq_ignore_ascii_case(b"sip") => (false, rest),
            [s, i, p, t, b':', rest @ ..] if [*s, *i, *p, *t].eq_ignore_ascii_case(b"sips") => (true, rest),
            _ => return None,
        };
        // The user part may hold ; and ? but an @ only as its end.
        let rest = match memchr::memrchr(b'@', rest) {
            Some(0) => return None,
            Some(at) => rest.get(at + 1..)?,
            None => rest,
        };
        let (rest, has_headers) = match memchr::memchr(b'?', rest) {
            Some(at) => (rest.get(..at)?, true),
            None => (rest, false),
        };
        let mut parts = rest.split(|&c| c == b';');
        let (host, port) = host_port(parts.next()?)?;
        let mut uri = SipUri { secure, host, port, transport: None, maddr: None, loose: false, has_headers };
        for part in parts {
            let (name, value) = match memchr::memchr(b'=', part) {
                Some(at) => (part.get(..at)?, part.get(at + 1..)),
                None => (part, None),
            };
            let value = value.and_then(|v| std::str::from_utf8(v).ok());
            if is_parameter(name, b"transport") {
                uri.transport = value;
            } else if is_parameter(name, b"maddr") {
                uri.maddr = value;
            } else if is_parameter(name, b"lr") {
                uri.loose = true;
            }
        }
        Some(uri)
    }
}

/// True if a parameter has this name, in any case and with or without escapes (RFC 3261 19.1.4).
pub(crate) fn is_parameter(name: &[u8], wanted: &[u8]) -> bool {
    let hex = |c: Option<&u8>| c.and_then(|&c| char::from(c).to_digit(16));
    let mut rest = name;
    for &expected in wanted {
        let (byte, length) = match rest {
            [] => return false,
            [b'%', digits @ ..] => match (hex(digits.first()), hex(digits.get(1))) {
                (Some(high), Some(low)) => (u8::try_from(high << 4 | low).unwrap_or_default(), 3),
                _ => return false,
            },
            [byte, ..] => (*byte, 1),
        };
        if !byte.eq_ignore_ascii_case(&expected) {
            return false;
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    rest.is_empty()
}

/// `host[:port]`.
pub(crate) fn host_port(bytes: &[u8]) -> Option<(&str, Option<u16>)> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (host, rest) = if text.starts_with('[') {
        let end = text.find(']')? + 1;
        text.split_at_checked(end)?
    } else {
        text.split_at_checked(text.find(':').unwrap_or(text.len()))?
    };
    let ok = match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        Some(v6) => parse_v6(v6).is_some(),
        None => !host.is_empty() && host.bytes().all(|c| c.is_ascii_alphanumeric() || b"-._".contains(&c)),
    };
    if !ok {
        return None;
    }
    match rest.strip_prefix(':') {
        None => rest.is_empty().then_some((host, None)),
        Some(port) => {
            let port = decimal(port.as_bytes(), u64::from(u16::MAX))?;
            Some((host, Some(u16::try_from(port).ok()?)))
        }
    }
}

/// The address that a host literal stands for, with or without brackets; none for a name.
pub(crate) fn host_address(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    match bare.parse::<IpAddr>() {
        Ok(address) => Some(address.to_canonical()),
        Err(_) => parse_v6(bare).map(|v6| IpAddr::V6(v6).to_canonical()),
    }
}

/// Takes the extra colon that the grammar of RFC 3261 allows before an IPv4 part (RFC 5118 4.10).
fn parse_v6(text: &str) -> Option<Ipv6Addr> {
    text.parse().ok().or_else(|| {
        let (head, tail) = text.split_once(":::")?;
        tail.contains('.').then(|| format!("{head}::{tail}").parse().ok()).flatten()
    })
}

/// True for `scheme:something` without white space, quotes and angle brackets; `sip:` and `sips:` must have a
/// sound host as well.
pub(crate) fn is_uri(uri: &[u8]) -> bool {
    let Some(colon) = memchr::memchr(b':', uri) else { return false };
    let (Some(scheme), Some(rest)) = (uri.get(..colon), uri.get(colon + 1..)) else { return false };
    let scheme_ok = scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme.iter().all(|c| c.is_ascii_alphanumeric() || b"+-.".contains(c));
    let sip = scheme.eq_ignore_ascii_case(b"sip") || scheme.eq_ignore_ascii_case(b"sips");
    scheme_ok
        && !rest.is_empty()
        && rest.iter().all(|&c| c > b' ' && c != 0x7f && !b"<>\"".contains(&c))
        && (!sip || SipUri::parse(uri).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_that_lead_to_an_address_are_read() {
        let uri =
            SipUri::parse(b"sips:a;b?c=d@[2001:db8::1]:5061;transport=TCP;maddr=192.0.2.1;lr?x=y").unwrap();
        assert_eq!(
            uri,
            SipUri {
                secure: true,
                host: "[2001:db8::1]",
                port: Some(5061),
                transport: Some("TCP"),
                maddr: Some("192.0.2.1"),
                loose: true,
                has_headers: true
            }
        );
        assert!(SipUri::parse(b"sip:2001:db8::10").is_none(), "RFC 5118 4.2");
        assert!(SipUri::parse(b"sip:a@").is_none());
        assert!(SipUri::parse(b"sip:a@b:99999").is_none());
        let loose = |uri: &str| SipUri::parse(uri.as_bytes()).unwrap().loose;
        assert!(loose("sip:p;LR=on") && loose("sip:p;x=y;%6C%72"), "RFC 3261 19.1.4");
        for strict in
            ["sip:p", "sip:lr;lr@p", "sip:p;lrx", "sip:p;l", "sip:p;x=lr", "sip:p;%6C%7", "sip:p?lr=a"]
        {
            assert!(!loose(strict), "{strict}");
        }
    }

    #[test]
    fn addresses_compare_by_value() {
        assert_eq!(host_address("[2001:DB8:0:0::1]"), host_address("2001:db8::1"), "RFC 5954 4.1");
        assert_eq!(host_address("[::ffff:192.0.2.1]"), host_address("192.0.2.1"));
        assert_eq!(host_address("[2001:db8:::192.0.2.1]"), host_address("[2001:db8::192.0.2.1]"));
        assert_eq!(host_address("example.com"), None);
    }
}
