//! Lexical helpers shared by the parsers (RFC 3261 25.1).

use memchr::{memchr2, memchr3};

/// True for a byte of `token`.
pub(crate) const fn is_token_byte(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~')
}

/// True for a whole `token`.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

/// Removes linear white space on both ends.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\r', '\n'])
}

/// Offset behind the quoted string that `text` starts with; none if it is not closed.
pub(crate) fn quoted_end(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    debug_assert!(bytes.first() == Some(&b'"'));
    let mut at = 1;
    loop {
        let found = at + memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[found] == b'"' {
            return Some(found + 1);
        }
        at = found + 2;
    }
}

/// Offset of the first `separator` outside of quoted strings and angle brackets. What is not
/// closed reaches to the end.
pub(crate) fn find_outside(text: &str, separator: u8) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        let found = at + memchr3(b'"', b'<', separator, bytes.get(at..)?)?;
        match bytes[found] {
            b'"' => at = found + quoted_end(text.get(found..)?)?,
            b'<' => at = found + 1 + memchr::memchr(b'>', bytes.get(found + 1..)?)?,
            _ => return Some(found),
        }
    }
}

/// Splits at the separator outside of quoted strings and angle brackets; trims the parts.
#[derive(Clone, Debug)]
pub(crate) struct SplitOutside<'a> {
    rest: Option<&'a str>,
    separator: u8,
}

/// See [`SplitOutside`].
pub(crate) fn split_outside(text: &str, separator: u8) -> SplitOutside<'_> {
    SplitOutside { rest: Some(text), separator }
}

impl<'a> Iterator for SplitOutside<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.rest?;
        match find_outside(rest, self.separator) {
            Some(at) => {
                self.rest = rest.get(at + 1..);
                rest.get(..at).map(trim)
            }
            None => {
                self.rest = None;
                Some(trim(rest))
            }
        }
    }
}

/// Digits to a number; too large ones become the maximum. None if not all are digits.
pub(crate) fn saturating_number(text: &str) -> Option<u32> {
    if text.is_empty() {
        return None;
    }
    let mut value = 0u32;
    for byte in text.bytes() {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = value.saturating_mul(10).saturating_add(u32::from(byte - b'0'));
    }
    Some(value)
}

/// A quality value in thousandths (RFC 3261 25.1 `qvalue`).
pub(crate) fn qvalue(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut thousandths = 0u16;
    for place in 0..3 {
        thousandths = thousandths * 10 + fraction.as_bytes().get(place).map_or(0, |b| u16::from(b - b'0'));
    }
    match whole {
        "0" => Some(thousandths),
        "1" if thousandths == 0 => Some(1000),
        _ => None,
    }
}
