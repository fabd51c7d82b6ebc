//! Host part of a URI (RFC 3261 25.1; RFC 5954 for IPv6).

use super::super::Malformed;
use super::super::lex::{ByteSet, saturating_number};
use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

const WHAT: Malformed = Malformed("host");

/// Underscores are in no host name, but they are in use.
static LABEL: ByteSet = ByteSet::alphanumeric_and(b"-_");

/// A host. Addresses compare by value (RFC 5954 4.2), names without case.
#[derive(Clone, Copy, Debug)]
pub enum Host<'a> {
    /// A domain name as written.
    Domain(&'a str),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address.
    V6(Ipv6Addr),
}

impl<'a> Host<'a> {
    /// Parses a host without port; IPv6 addresses stand in brackets.
    pub fn parse(text: &'a str) -> Result<Self, Malformed> {
        if let Some(rest) = text.strip_prefix('[') {
            let inner = rest.strip_suffix(']').ok_or(WHAT)?;
            return parse_v6(inner).map(Self::V6);
        }
        if text.starts_with(|c: char| c.is_ascii_digit())
            && let Ok(address) = text.parse()
        {
            return Ok(Self::V4(address));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        let fits = |label: &str| !label.is_empty() && LABEL.has_all(label.as_bytes());
        let top = name.rsplit('.').next().unwrap_or_default();
        if name.len() > 255
            || !top.starts_with(|c: char| c.is_ascii_alphabetic())
            || !name.split('.').all(fits)
        {
            return Err(WHAT);
        }
        Ok(Self::Domain(text))
    }

    /// Parses `host` or `host:port`.
    pub fn parse_with_port(text: &'a str) -> Result<(Self, Option<u16>), Malformed> {
        let port_at = match text.strip_prefix('[') {
            Some(_) => text.find(']').map(|end| end + 1).filter(|end| *end < text.len()),
            None => memchr::memchr(b':', text.as_bytes()),
        };
        let Some(at) = port_at else {
            return Ok((Self::parse(text)?, None));
        };
        let digits = text.get(at..).and_then(|rest| rest.strip_prefix(':')).ok_or(WHAT)?;
        let port = saturating_number(digits).and_then(|n| u16::try_from(n).ok()).ok_or(WHAT)?;
        Ok((Self::parse(&text[..at])?, Some(port)))
    }

    /// Appends the host in its one canonical form: lower case, no final dot, shortest IPv6.
    pub fn write(&self, out: &mut String) {
        // Writing to a String cannot fail.
        let _ = match self {
            Self::Domain(name) => {
                let start = out.len();
                out.push_str(name.strip_suffix('.').unwrap_or(name));
                out[start..].make_ascii_lowercase();
                Ok(())
            }
            Self::V4(address) => write!(out, "{address}"),
            Self::V6(address) => write!(out, "[{address}]"),
        };
    }
}

/// An IPv6 address without brackets. The grammar of RFC 3261 made some peers write three
/// colons before an IPv4 part; RFC 5118 4.10 asks to take that for two.
fn parse_v6(text: &str) -> Result<Ipv6Addr, Malformed> {
    let parsed = text.parse();
    match text.split_once(":::") {
        Some((front, back)) if back.contains('.') => [front, "::", back].concat().parse(),
        _ => parsed,
    }
    .map_err(|_| WHAT)
}

impl PartialEq for Host<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Domain(a), Self::Domain(b)) => {
                let bare = |name: &'_ str| name.len() - usize::from(name.ends_with('.'));
                a[..bare(a)].eq_ignore_ascii_case(&b[..bare(b)])
            }
            (Self::V4(a), Self::V4(b)) => a == b,
            (Self::V6(a), Self::V6(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Host<'_> {}
