//! Letters beyond ASCII in URIs: escaped in UTF-8, and in domains as A-labels (RFC 3987 3.1,
//! RFC 5890, UTS #46). SIP itself knows ASCII only; documents and files are written by people.

use std::borrow::Cow;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use crate::sip::uri::{push_escape, unescaped};

/// Longest host in bytes before it is converted: a label of letters is converted in square time.
const MAX_HOST: usize = 1_024;

/// The URI in ASCII; none if the domain cannot be converted or the scheme has none. It may still be no URI.
pub fn to_uri(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once(':')?;
    if !["sip", "sips", "pres"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return None;
    }
    let (user, rest) = match rest.split_once('@') {
        Some((user, rest)) => (Some(user), rest),
        None => (None, rest),
    };
    let end = match rest.starts_with('[') {
        true => 0,
        false => rest.find([':', ';', '?']).unwrap_or(rest.len()),
    };
    let mut uri = String::with_capacity(text.len() + 16);
    uri.push_str(scheme);
    uri.push(':');
    if let Some(user) = user {
        write_escaped(user, &mut uri);
        uri.push('@');
    }
    if end > 0 {
        uri.push_str(&to_host(&rest[..end])?);
    }
    write_escaped(&rest[end..], &mut uri);
    Some(uri)
}

/// A host in ASCII: escapes resolved, letters beyond ASCII as A-labels.
pub fn to_host(text: &str) -> Option<Cow<'_, str>> {
    if text.len() > MAX_HOST {
        return None;
    }
    if text.is_ascii() && !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let bytes: Vec<u8> = unescaped(text).collect();
    let host = Uts46::new().to_ascii(&bytes, AsciiDenyList::EMPTY, Hyphens::Allow, DnsLength::Ignore).ok()?;
    // What was escaped must not turn into something other than a host.
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    host.bytes().all(plain).then(|| Cow::Owned(host.into_owned()))
}

fn write_escaped(text: &str, out: &mut String) {
    for letter in text.chars() {
        if letter.is_ascii() {
            out.push(letter);
        } else {
            for byte in letter.encode_utf8(&mut [0; 4]).bytes() {
                push_escape(byte, out);
            }
        }
    }
}
