//! Option tags: Require and Supported (RFC 3261 8.2.2.3, 20.32, 20.37).

use super::lex::is_token;
use super::{HeaderName, Malformed, Message};

/// The tags in Require that are not among `known`, in order; a server answers 420 with exactly
/// these in Unsupported (SIP-08). Tags compare without case.
pub fn unknown_required<'a>(message: &Message<'a>, known: &[&str]) -> Result<Vec<&'a str>, Malformed> {
    let mut unknown = Vec::new();
    for tag in message.values(HeaderName::Require) {
        let tag = tag?;
        if !is_token(tag) {
            return Err(Malformed("Require"));
        }
        if !known.iter().any(|k| k.eq_ignore_ascii_case(tag)) {
            unknown.push(tag);
        }
    }
    Ok(unknown)
}

/// True if the peer supports the option: Supported or Require names it.
pub fn supports(message: &Message<'_>, option: &str) -> bool {
    [HeaderName::Supported, HeaderName::Require]
        .into_iter()
        .any(|name| message.values(name).any(|tag| tag.is_ok_and(|tag| tag.eq_ignore_ascii_case(option))))
}

#[cfg(test)]
mod tests {
    use super::super::owned::OwnedMessage;
    use super::*;

    /// RFC 3261 8.2.2.3 (SIP-08).
    #[test]
    fn exactly_the_unknown_tags_are_told() {
        let lines = "Require: nothingSupportsThis, EventList\r\nRequire: 100rel\r\nk: Path , timer\r\n";
        let owned = OwnedMessage::request("SUBSCRIBE", "sip:a@b.com", lines, b"").unwrap();
        let message = owned.view();
        assert_eq!(unknown_required(&message, &["eventlist"]), Ok(vec!["nothingSupportsThis", "100rel"]));
        assert!(supports(&message, "path") && supports(&message, "100rel") && !supports(&message, "gruu"));
        let broken = OwnedMessage::request("SUBSCRIBE", "sip:a@b.com", "Require: a b\r\n", b"").unwrap();
        assert_eq!(unknown_required(&broken.view(), &[]), Err(Malformed("Require")));
    }
}
