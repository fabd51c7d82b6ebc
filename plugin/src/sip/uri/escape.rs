//! `%HH` escapes in URIs.

use super::super::lex::ByteSet;

/// RFC 2396 `mark`: with letters and digits the characters whose escapes mean themselves.
fn is_unreserved(byte: u8) -> bool {
    static UNRESERVED: ByteSet = ByteSet::alphanumeric_and(b"-_.!~*'()");
    UNRESERVED.has(byte)
}

/// True if every byte is in the set or part of a complete escape.
pub(super) fn valid_part(text: &str, set: &ByteSet) -> bool {
    let bytes = text.as_bytes();
    if set.has_all(bytes) {
        return true;
    }
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if set.has(byte) {
            at += 1;
        } else if byte == b'%' && escaped(bytes, at).is_some() {
            at += 3;
        } else {
            return false;
        }
    }
    true
}

/// The byte that the escape at `at` stands for.
fn escaped(bytes: &[u8], at: usize) -> Option<u8> {
    let digit = |offset: usize| (*bytes.get(at + offset)? as char).to_digit(16);
    u8::try_from(digit(1)? * 16 + digit(2)?).ok()
}

/// Characters as RFC 3261 19.1.4 compares them: an escape equals the character it stands for
/// unless that one is not unreserved.
struct Units<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Iterator for Units<'_> {
    /// The byte, and whether it has to stay escaped.
    type Item = (u8, bool);

    fn next(&mut self) -> Option<(u8, bool)> {
        let byte = *self.bytes.get(self.at)?;
        if byte == b'%'
            && let Some(plain) = escaped(self.bytes, self.at)
        {
            self.at += 3;
            return Some((plain, !is_unreserved(plain)));
        }
        self.at += 1;
        Some((byte, false))
    }
}

fn units(text: &str) -> Units<'_> {
    Units { bytes: text.as_bytes(), at: 0 }
}

/// Equality with regard to case, escapes resolved.
pub(super) fn same_unescaped(a: &str, b: &str) -> bool {
    a == b || units(a).eq(units(b))
}

/// Equality without regard to case, escapes resolved.
pub(super) fn same_unescaped_any_case(a: &str, b: &str) -> bool {
    let lower = |(byte, kept): (u8, bool)| (byte.to_ascii_lowercase(), kept);
    a.eq_ignore_ascii_case(b) || units(a).map(lower).eq(units(b).map(lower))
}

/// Appends text with its escapes in one form: none where none is needed, upper-case digits. With
/// `lower` its letters become lower case.
pub(crate) fn write_normal(text: &str, lower: bool, out: &mut String) {
    if memchr::memchr(b'%', text.as_bytes()).is_none() {
        let start = out.len();
        out.push_str(text);
        if lower {
            out[start..].make_ascii_lowercase();
        }
        return;
    }
    for (byte, kept) in units(text) {
        if kept {
            push_escape(byte, out);
        } else if lower {
            out.push(char::from(byte.to_ascii_lowercase()));
        } else {
            out.push(char::from(byte));
        }
    }
}

/// Appends the escape of a byte.
pub(crate) fn push_escape(byte: u8, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    out.push('%');
    out.push(char::from(HEX[usize::from(byte >> 4)]));
    out.push(char::from(HEX[usize::from(byte & 15)]));
}

/// The bytes that a text with escapes stands for.
pub(crate) fn unescaped(text: &str) -> impl Iterator<Item = u8> + '_ {
    units(text).map(|(byte, _)| byte)
}
