//! Content-Disposition (RFC 3261 20.11) and what else is said of a body.

use super::lex::{is_token, trim};
use super::params::Params;
use super::{HeaderName, Malformed, Message};

/// How a body is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disposition<'a> {
    /// For example `session`, `render`, `recipient-list`; compare without case.
    pub kind: &'a str,
    /// True if `handling=optional`: a body that is not understood is ignored, not answered 415.
    pub optional: bool,
}

impl<'a> Disposition<'a> {
    /// Parses a header value.
    pub fn parse(text: &'a str) -> Result<Self, Malformed> {
        const WHAT: &str = "Content-Disposition";
        let end = memchr::memchr(b';', text.as_bytes()).unwrap_or(text.len());
        let kind = trim(&text[..end]);
        if !is_token(kind) {
            return Err(Malformed(WHAT));
        }
        let handling = Params::parse(&text[end..], WHAT)?.get("handling");
        Ok(Self { kind, optional: handling.is_some_and(|h| h.text().eq_ignore_ascii_case("optional")) })
    }

    /// The disposition of a message's body; none if nothing is said.
    pub fn of(message: &Message<'a>) -> Result<Option<Self>, Malformed> {
        message.single(HeaderName::ContentDisposition)?.map(Self::parse).transpose()
    }
}

/// True if Content-Encoding names nothing but `identity`: what a server without decoders understands.
pub fn is_plainly_encoded(message: &Message<'_>) -> bool {
    message
        .values(HeaderName::ContentEncoding)
        .all(|coding| coding.is_ok_and(|coding| coding.eq_ignore_ascii_case("identity")))
}

#[cfg(test)]
mod tests {
    use super::super::owned::OwnedMessage;
    use super::*;

    /// RFC 3261 20.11 (SIP-09).
    #[test]
    fn handling_is_required_unless_said_otherwise() {
        let parse = |text| Disposition::parse(text).map(|d| (d.kind, d.optional));
        assert_eq!(parse("session"), Ok(("session", false)));
        assert_eq!(parse("alert ; Handling=Optional;x=y"), Ok(("alert", true)));
        assert_eq!(parse("session;handling=required"), Ok(("session", false)));
        for text in ["", ";handling=optional", "a b", "a;handling="] {
            assert_eq!(parse(text), Err(Malformed("Content-Disposition")), "{text}");
        }
    }

    #[test]
    fn any_coding_but_identity_is_told() {
        let plain = |lines: &str| {
            let owned = OwnedMessage::request("PUBLISH", "sip:a@b.com", lines, b"").unwrap();
            is_plainly_encoded(&owned.view())
        };
        assert!(plain("") && plain("e: Identity\r\n"));
        assert!(!plain("Content-Encoding: gzip\r\n") && !plain("e: identity, gzip\r\n"));
    }
}
