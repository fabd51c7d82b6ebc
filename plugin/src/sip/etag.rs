//! Entity-tags of publications (RFC 3903 11.3).

use super::lex::is_token;
use super::token::token;
use super::{HeaderName, Malformed, Message};
use serde::{Deserialize, Serialize};
use std::fmt;

/// An entity-tag: a token that names one state of one publication. Compared byte by byte.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntityTag(String);

impl EntityTag {
    /// A new tag from random bytes; 10 or more make it unguessable.
    pub fn from_random(bytes: &[u8]) -> Self {
        Self(token(bytes))
    }

    /// Takes a tag that was checked or made before.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        check(text).map(|text| Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EntityTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn check(text: &str) -> Result<&str, Malformed> {
    if is_token(text) { Ok(text) } else { Err(Malformed("SIP-If-Match")) }
}

/// The tag in SIP-If-Match; none if there is no such header. More than one tag or line is an
/// error, to be answered 400 (RFC 3903 6 step 3; PUB-03).
pub fn if_match<'a>(message: &Message<'a>) -> Result<Option<&'a str>, Malformed> {
    message.single(HeaderName::SipIfMatch)?.map(check).transpose()
}

/// The tag in the SIP-ETag of a response.
pub fn etag<'a>(message: &Message<'a>) -> Result<Option<&'a str>, Malformed> {
    let line = message.single(HeaderName::SipEtag)?;
    line.map(|text| check(text).map_err(|_| Malformed("SIP-ETag"))).transpose()
}

/// The tag in Suppress-If-Match (RFC 5839); `*` is a token too.
pub fn suppress_if_match<'a>(message: &Message<'a>) -> Result<Option<&'a str>, Malformed> {
    let line = message.single(HeaderName::SuppressIfMatch)?;
    line.map(|text| check(text).map_err(|_| Malformed("Suppress-If-Match"))).transpose()
}

#[cfg(test)]
mod tests {
    use super::super::owned::OwnedMessage;
    use super::*;

    fn of(lines: &str) -> Result<Option<String>, Malformed> {
        let owned = OwnedMessage::request("PUBLISH", "sip:a@b.com", lines, b"").unwrap();
        if_match(&owned.view()).map(|tag| tag.map(str::to_owned))
    }

    /// RFC 3903 6 step 3 (PUB-03).
    #[test]
    fn one_tag_is_read_and_several_are_refused() {
        assert_eq!(of(""), Ok(None));
        assert_eq!(of("SIP-If-Match: dx200xyz\r\n"), Ok(Some("dx200xyz".into())));
        for lines in [
            "SIP-If-Match: a, b\r\n",
            "SIP-If-Match: a\r\nSIP-If-Match: b\r\n",
            "SIP-If-Match: a\r\nSIP-If-Match: a\r\n",
            "SIP-If-Match:\r\n",
            "SIP-If-Match: a b\r\n",
            "SIP-If-Match: \"a\"\r\n",
        ] {
            assert_eq!(of(lines), Err(Malformed("SIP-If-Match")), "{lines}");
        }
    }

    #[test]
    fn new_tags_are_tokens() {
        let tag = EntityTag::from_random(&[0xff; 10]);
        assert_eq!(tag.as_str(), "7777777777777777");
        assert_eq!(EntityTag::parse(tag.as_str()), Ok(tag));
    }
}
