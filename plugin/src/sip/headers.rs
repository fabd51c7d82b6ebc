//! Writing header lines.

use super::Malformed;

/// Header lines under construction, each ended by CRLF.
///
/// A name or value that would break out of its line is not written, and [`HeaderBlock::finish`]
/// fails then, so that nothing of the sort can leave.
#[derive(Clone, Debug, Default)]
pub struct HeaderBlock {
    bytes: Vec<u8>,
    broken: bool,
}

impl HeaderBlock {
    /// An empty block.
    pub fn new() -> Self {
        Self::with_capacity(256)
    }

    /// An empty block with room for so many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), broken: false }
    }

    /// Adds `name: value`.
    pub fn line(&mut self, name: &str, value: &str) -> &mut Self {
        self.parts(name, &[value])
    }

    /// Adds a line whose value is put together from parts.
    pub fn parts(&mut self, name: &str, parts: &[&str]) -> &mut Self {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(b": ");
        for part in parts {
            self.bytes.extend_from_slice(part.as_bytes());
        }
        if memchr::memchr3(b'\r', b'\n', 0, &self.bytes[start..]).is_some() {
            self.bytes.truncate(start);
            self.broken = true;
        } else {
            self.bytes.extend_from_slice(b"\r\n");
        }
        self
    }

    /// Adds `name: number`.
    pub fn number(&mut self, name: &str, number: u64) -> &mut Self {
        let mut digits = Digits::default();
        self.parts(name, &[digits.write(number)])
    }

    /// Adds a line of values joined by commas; no line if there are none.
    pub fn list<'v>(&mut self, name: &str, values: impl IntoIterator<Item = &'v str>) -> &mut Self {
        let mut text = String::new();
        for value in values {
            if !text.is_empty() {
                text.push_str(", ");
            }
            text.push_str(value);
        }
        if text.is_empty() { self } else { self.line(name, &text) }
    }

    /// The lines.
    pub fn finish(self) -> Result<Vec<u8>, Malformed> {
        if self.broken { Err(Malformed("header value with a line end")) } else { Ok(self.bytes) }
    }
}

/// Room for the decimal digits of a number.
#[derive(Clone, Copy, Debug, Default)]
pub struct Digits([u8; 20]);

impl Digits {
    /// The decimal digits of a number, without going through a formatter.
    pub fn write(&mut self, mut number: u64) -> &str {
        let mut at = self.0.len();
        loop {
            at -= 1;
            // A remainder of ten fits a byte.
            self.0[at] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        str::from_utf8(&self.0[at..]).unwrap_or_default()
    }
}

/// Appends the decimal digits of a number.
pub fn push_number(text: &mut String, number: u64) {
    text.push_str(Digits::default().write(number));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_are_written_as_they_go_on_the_wire() {
        let mut headers = HeaderBlock::new();
        headers.line("Event", "presence").number("Expires", 3600).number("Min-Expires", 0);
        headers.list("Accept", ["a/b", "c/d"]).list("Allow", []).parts("CSeq", &["1", " ", "NOTIFY"]);
        let text =
            "Event: presence\r\nExpires: 3600\r\nMin-Expires: 0\r\nAccept: a/b, c/d\r\nCSeq: 1 NOTIFY\r\n";
        assert_eq!(headers.finish().unwrap(), text.as_bytes());
    }

    #[test]
    fn nothing_breaks_out_of_its_line() {
        for value in ["a\r\nRoute: <sip:evil.com>", "a\nb", "a\rb", "a\0b"] {
            let mut headers = HeaderBlock::new();
            headers.line("Event", "presence").line("Subject", value);
            assert!(headers.finish().is_err(), "{value:?}");
        }
    }

    proptest! {
        #[test]
        fn digits_are_those_of_the_formatter(number in any::<u64>()) {
            let mut digits = Digits::default();
            prop_assert_eq!(digits.write(number), number.to_string());
        }
    }
}
