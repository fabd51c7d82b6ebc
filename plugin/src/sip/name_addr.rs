//! Values made of a name, a URI and parameters: From, To, Contact, Route, Record-Route,
//! P-Asserted-Identity (RFC 3261 20.10, 25.1).

use super::lex::{is_token_byte, quoted_end, qvalue, saturating_number, trim};
use super::params::{Params, unquote};
use super::{Malformed, Uri};
use memchr::{memchr, memchr3};
use std::borrow::Cow;

/// One such value.
#[derive(Clone, Copy, Debug)]
pub struct NameAddr<'a> {
    /// Display name as written, with its quotes; empty for none.
    display: &'a str,
    /// The URI as written, without angle brackets.
    pub uri_text: &'a str,
    /// The URI.
    pub uri: Uri<'a>,
    /// Header parameters: those behind the angle brackets.
    pub params: Params<'a>,
}

impl<'a> NameAddr<'a> {
    /// Parses one value. Without angle brackets the URI ends at the first semicolon, and
    /// must hold no comma or question mark (RFC 3261 20.10).
    pub fn parse(text: &'a str, what: &'static str) -> Result<Self, Malformed> {
        let malformed = Malformed(what);
        let text = trim(text);
        let (display, bracket) = if text.starts_with('"') {
            let end = quoted_end(text).ok_or(malformed)?;
            let rest = text.get(end..).ok_or(malformed)?;
            let gap = rest.len() - rest.trim_start_matches([' ', '\t']).len();
            if !rest[gap..].starts_with('<') {
                return Err(malformed);
            }
            (&text[..end], Some(end + gap))
        } else {
            match memchr(b'<', text.as_bytes()) {
                Some(at) => (trim(&text[..at]), Some(at)),
                None => ("", None),
            }
        };
        if !display.starts_with('"') && !display.bytes().all(may_be_bare) {
            return Err(malformed);
        }
        let (uri_text, params) = match bracket {
            Some(open) => {
                let close = open + memchr(b'>', &text.as_bytes()[open..]).ok_or(malformed)?;
                (&text[open + 1..close], &text[close + 1..])
            }
            None => {
                let end = memchr3(b';', b'?', b',', text.as_bytes()).unwrap_or(text.len());
                if !matches!(text.as_bytes().get(end), None | Some(b';')) {
                    return Err(malformed);
                }
                (trim(&text[..end]), &text[end..])
            }
        };
        let uri = Uri::parse(uri_text).map_err(|_| malformed)?;
        Ok(Self { display, uri_text, uri, params: Params::parse(params, what)? })
    }

    /// Display name without quotes and escapes; none if there is none or it is empty.
    pub fn display_name(&self) -> Option<Cow<'a, str>> {
        Some(unquote(self.display)).filter(|name| !name.is_empty())
    }

    /// The `tag` parameter.
    pub fn tag(&self) -> Option<&'a str> {
        self.params.value("tag")
    }

    /// The `q` parameter in thousandths; none if absent or malformed.
    pub fn q(&self) -> Option<u16> {
        self.params.value("q").and_then(qvalue)
    }

    /// The `expires` parameter in seconds; none if absent or malformed.
    pub fn expires(&self) -> Option<u32> {
        self.params.value("expires").and_then(saturating_number)
    }

    /// True if the URI has the `lr` parameter: a loose router (RFC 3261 19.1.1).
    pub fn is_loose_router(&self) -> bool {
        self.uri.has_param("lr")
    }
}

/// Bytes of a display name without quotes: tokens and white space; letters beyond ASCII do no harm.
fn may_be_bare(byte: u8) -> bool {
    is_token_byte(byte) || byte >= 0x80 || matches!(byte, b' ' | b'\t')
}
