//! The Event header (RFC 6665 8.2.1).

use super::lex::is_token;
use super::params::Params;
use super::{HeaderName, Malformed, Message};
use memchr::memchr;

/// An event package with its `id`. Compared byte by byte; other parameters do not count (SUB-03).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Event<'a> {
    /// Package with its templates, for example `presence.winfo`.
    pub package: &'a str,
    /// The `id` parameter.
    pub id: Option<&'a str>,
}

/// Why there is no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// No Event header: answer 489 (RFC 6665 4.2.3).
    #[error("no Event header")]
    Missing,
    /// Several types or wrong grammar: answer 400.
    #[error("malformed Event header")]
    Malformed,
}

impl<'a> Event<'a> {
    /// Reads the Event header of a request.
    pub fn of(message: &Message<'a>) -> Result<Self, EventError> {
        let line = message.single(HeaderName::Event).map_err(|_| EventError::Malformed)?;
        Self::parse(line.ok_or(EventError::Missing)?).map_err(|_| EventError::Malformed)
    }

    /// Parses a header value.
    pub fn parse(text: &'a str) -> Result<Self, Malformed> {
        const WHAT: &str = "Event";
        let end = memchr(b';', text.as_bytes()).unwrap_or(text.len());
        let (package, params) = (super::lex::trim(&text[..end]), &text[end..]);
        if !package.split('.').all(is_token) {
            return Err(Malformed(WHAT));
        }
        let params = Params::parse(params, WHAT)?;
        let id = match params.get("id") {
            None => None,
            Some(param) => Some(param.value.ok_or(Malformed(WHAT))?),
        };
        Ok(Self { package, id })
    }

    /// The package without templates: `presence` of `presence.winfo.winfo`.
    pub fn base(&self) -> &'a str {
        self.package.split('.').next().unwrap_or_default()
    }

    /// The templates, innermost first: `winfo`, `winfo` of `presence.winfo.winfo`.
    pub fn templates(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.package.split('.').skip(1)
    }
}

#[cfg(test)]
mod tests {
    use super::super::owned::OwnedMessage;
    use super::*;

    fn event(lines: &str) -> Result<(String, Option<String>), EventError> {
        let owned = OwnedMessage::request("SUBSCRIBE", "sip:a@b.com", lines, b"").unwrap();
        Event::of(&owned.view()).map(|e| (e.package.to_owned(), e.id.map(str::to_owned)))
    }

    /// RFC 6665 4.2.3 and 8.2.1 (SUB-02).
    #[test]
    fn missing_and_several_types_are_told_apart() {
        assert_eq!(event(""), Err(EventError::Missing));
        for several in
            ["Event: presence, dialog\r\n", "Event: presence\r\no: dialog\r\n", "Event: a;id=1, b\r\n"]
        {
            assert_eq!(event(several), Err(EventError::Malformed), "{several}");
        }
        for broken in [
            "Event:\r\n",
            "Event: a..b\r\n",
            "Event: .a\r\n",
            "Event: a b\r\n",
            "Event: a;id\r\n",
            "Event: a;\r\n",
        ] {
            assert_eq!(event(broken), Err(EventError::Malformed), "{broken}");
        }
        assert_eq!(event("o: presence ; ID=a1;x=y\r\n"), Ok(("presence".into(), Some("a1".into()))));
    }

    /// RFC 6665 8.2.1 (SUB-03).
    #[test]
    fn types_and_ids_compare_byte_by_byte() {
        let parse = |text| Event::parse(text).unwrap();
        assert_eq!(parse("presence;x=1"), parse("presence ;y=2"));
        assert_ne!(parse("Presence"), parse("presence"));
        assert_ne!(parse("presence;id=a"), parse("presence;id=A"));
        assert_ne!(parse("presence;id=a"), parse("presence"));
    }

    #[test]
    fn templates_are_split_off() {
        let event = Event::parse("presence.winfo.winfo").unwrap();
        assert_eq!(event.base(), "presence");
        assert_eq!(event.templates().collect::<Vec<_>>(), ["winfo", "winfo"]);
        assert_eq!(Event::parse("presence").unwrap().templates().count(), 0);
    }
}
