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
