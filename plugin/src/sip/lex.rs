//! Lexical helpers shared by the parsers (RFC 3261 25.1).

use memchr::{memchr2, memchr3};

/// A set of bytes that a text is checked against.
pub(crate) struct ByteSet([bool; 256]);

impl ByteSet {
    /// Letters, digits and `more`.
    pub(crate) const fn alphanumeric_and(more: &[u8]) -> Self {
        let mut set = [false; 256];
        let mut byte = 0u8;
        while byte < 128 {
            set[byte as usize] = byte.is_ascii_alphanumeric();
            byte += 1;
        }
        let mut at = 0;
        while at < more.len() {
            set[more[at] as usize] = true;
            at += 1;
        }
        Self(set)
    }

    /// All but `excluded`, blanks and control characters.
    pub(crate) const fn visible_except(excluded: &[u8]) -> Self {
        let mut set = [true; 256];
        let mut byte = 0;
        while byte <= b' ' as usize {
            set[byte] = false;
            byte += 1;
        }
        set[0x7f] = false;
        let mut at = 0;
        while at < excluded.len() {
            set[excluded[at] as usize] = false;
            at += 1;
        }
        Self(set)
    }

    /// True if the byte is in the set.
    pub(crate) const fn has(&self, byte: u8) -> bool {
        self.0[byte as usize]
    }

    /// True if all bytes are in the set. Eight at a time: a guest pays for every turn of a loop.
    pub(crate) fn has_all(&self, bytes: &[u8]) -> bool {
        let (chunks, rest) = bytes.as_chunks::<8>();
        chunks.iter().all(|chunk| chunk.iter().fold(true, |all, byte| all & self.has(*byte)))
            && rest.iter().all(|byte| self.has(*byte))
    }
}

static TOKEN: ByteSet = ByteSet::alphanumeric_and(b"-.!%*_+`'~");

/// True for a byte of `token`.
pub(crate) fn is_token_byte(byte: u8) -> bool {
    TOKEN.has(byte)
}

/// True for a whole `token`.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && TOKEN.has_all(text.as_bytes())
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(text: &str) -> Vec<&str> {
        split_outside(text, b',').collect()
    }

    /// RFC 3261 7.3.1: commas in quotes and angle brackets separate nothing.
    #[test]
    fn separators_in_quotes_and_brackets_do_not_split() {
        assert_eq!(split("a, b ,c"), ["a", "b", "c"]);
        assert_eq!(split(r#""a, \"b" <sip:x,y@z>, c"#), [r#""a, \"b" <sip:x,y@z>"#, "c"]);
        assert_eq!(split("<sip:\"@a>, b"), ["<sip:\"@a>", "b"]);
        assert_eq!(split("a,,"), ["a", "", ""]);
        assert_eq!(split("\"a, b"), ["\"a, b"]);
        assert_eq!(split("<a, b"), ["<a, b"]);
        assert_eq!(split("\"\\"), ["\"\\"]);
    }

    #[test]
    fn quality_values_have_three_digits_at_most() {
        for (text, value) in
            [("1", 1000), ("1.000", 1000), ("0", 0), ("0.", 0), ("0.7", 700), ("0.25", 250), ("0.001", 1)]
        {
            assert_eq!(qvalue(text), Some(value), "{text}");
        }
        for text in ["", "2", "1.1", "0.1234", ".5", "0.-1", "0,5", "-0"] {
            assert_eq!(qvalue(text), None, "{text}");
        }
    }

    proptest! {
        /// A number that fits is that number; others become the maximum.
        #[test]
        fn numbers_saturate(number in any::<u64>()) {
            let expected = u32::try_from(number).unwrap_or(u32::MAX);
            prop_assert_eq!(saturating_number(&number.to_string()), Some(expected));
        }

        /// Chunks make no difference.
        #[test]
        fn sets_check_every_byte(text in "[a-c@]{0,40}") {
            let letters = ByteSet::alphanumeric_and(b"");
            prop_assert_eq!(letters.has_all(text.as_bytes()), !text.contains('@'));
            let visible = ByteSet::visible_except(b"@");
            prop_assert_eq!(visible.has_all(text.as_bytes()), !text.contains('@'));
        }

        /// Nothing but separators and blanks is lost.
        #[test]
        fn splitting_keeps_all_text(text in "[ab,<>\" \\\\]{0,24}") {
            let bare = |t: &str| t.replace([',', ' '], "");
            prop_assert_eq!(bare(&split(&text).concat()), bare(&text));
        }
    }
}
