//! What a plugin may put into a SIP message (RFC 3261, 7.3.1 and 25.1).
//!
//! Invariant: no text of a plugin ends a line, or the header, where the host does not expect it.

use crate::bindings::exports::rollcall::plugin::handler::Reply;
use crate::bindings::rollcall::plugin::sip::Outgoing;

/// A part of a message that would break it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("header lines must be complete, not empty, and each ended by CRLF")]
    Headers,
    #[error("a {0} must be one word")]
    Word(&'static str),
    #[error("a reason phrase must be one line")]
    Reason,
    #[error("{0} is no final status")]
    Status(u16),
}

/// Checks a request to send.
pub(crate) fn request(request: &Outgoing) -> Result<(), Malformed> {
    word("method", &request.method)?;
    word("Request-URI", &request.uri)?;
    optional("user part", request.contact.as_deref())?;
    lines(&request.headers)
}

/// Checks an answer.
pub(crate) fn reply(reply: &Reply) -> Result<(), Malformed> {
    if !(200..700).contains(&reply.status) {
        return Err(Malformed::Status(reply.status));
    }
    if reply.reason.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(Malformed::Reason);
    }
    optional("tag", reply.to_tag.as_deref().map(|tag| if tag.is_empty() { " " } else { tag }))?;
    optional("user part", reply.contact.as_deref())?;
    lines(&reply.headers)
}

fn optional(what: &'static str, text: Option<&str>) -> Result<(), Malformed> {
    match text {
        Some(text) if !text.is_empty() => word(what, text),
        _ => Ok(()),
    }
}

fn word(what: &'static str, text: &str) -> Result<(), Malformed> {
    let bad = |byte: u8| byte.is_ascii_control() || byte == b' ';
    if text.is_empty() || text.bytes().any(bad) { Err(Malformed::Word(what)) } else { Ok(()) }
}

fn lines(headers: &[u8]) -> Result<(), Malformed> {
    let mut rest = headers;
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')).ok_or(Malformed::Headers)?;
        if end == 0 || rest.get(end..end + 2) != Some(b"\r\n") {
            return Err(Malformed::Headers);
        }
        rest = rest.get(end + 2..).unwrap_or_default();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_lines_are_complete_and_not_empty() {
        for good in ["", "A: b\r\n", "A: b\r\nC:\r\n", "A: b\r\n c\r\n"] {
            assert_eq!(lines(good.as_bytes()), Ok(()), "{good:?}");
        }
        for bad in
            ["A", "A: b\n", "A: b\r", "\r\n", "A: b\r\n\r\n", "A: b\r\n\r\nC: d\r\n", "A\rB\r\n", "A\nB\r\n"]
        {
            assert_eq!(lines(bad.as_bytes()), Err(Malformed::Headers), "{bad:?}");
        }
    }

    #[test]
    fn words_have_no_space_and_no_line_end() {
        for bad in ["", "a b", "a\r\nb", "a\tb", "\u{7f}"] {
            assert_eq!(word("method", bad), Err(Malformed::Word("method")), "{bad:?}");
        }
        assert_eq!(word("method", "NOTIFY"), Ok(()));
    }
}
