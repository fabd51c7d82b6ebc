//! The CSeq header (RFC 3261 20.16).

use super::lex::is_token;
use super::{HeaderName, Malformed, Message};

/// Sequence number and method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CSeq<'a> {
    /// Below 2³¹ (RFC 3261 8.1.1.5).
    pub number: u32,
    /// Compared with regard to case.
    pub method: &'a str,
}

impl<'a> CSeq<'a> {
    /// Parses a header value.
    pub fn parse(text: &'a str) -> Result<Self, Malformed> {
        const WHAT: Malformed = Malformed("CSeq");
        let mut words = text.split_ascii_whitespace();
        let (digits, method) = (words.next().ok_or(WHAT)?, words.next().ok_or(WHAT)?);
        if words.next().is_some() || !digits.bytes().all(|b| b.is_ascii_digit()) || !is_token(method) {
            return Err(WHAT);
        }
        let number = digits.parse::<u32>().ok().filter(|n| *n < 1 << 31).ok_or(WHAT)?;
        Ok(Self { number, method })
    }

    /// The CSeq of a message.
    pub fn of(message: &Message<'a>) -> Result<Self, Malformed> {
        Self::parse(message.required(HeaderName::CSeq)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3261 20.16; RFC 4475 3.1.1.1 and 3.1.2.4.
    #[test]
    fn number_and_method_are_read() {
        assert_eq!(CSeq::parse("4711 INVITE"), Ok(CSeq { number: 4711, method: "INVITE" }));
        assert_eq!(CSeq::parse("0009   INVITE"), Ok(CSeq { number: 9, method: "INVITE" }));
        assert_eq!(CSeq::parse("2147483647 A").map(|c| c.number), Ok(0x7fff_ffff));
        for text in [
            "",
            "1",
            "INVITE",
            "2147483648 A",
            "36893488147419103232 REGISTER",
            "-1 A",
            "+1 A",
            "1 A B",
            "1 (A)",
        ] {
            assert_eq!(CSeq::parse(text), Err(Malformed("CSeq")), "{text}");
        }
    }
}
