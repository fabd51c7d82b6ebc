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
}

/// Bytes of a display name without quotes: tokens and white space; letters beyond ASCII do no harm.
fn may_be_bare(byte: u8) -> bool {
    is_token_byte(byte) || byte >= 0x80 || matches!(byte, b' ' | b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> NameAddr<'_> {
        NameAddr::parse(text, "To").unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    /// RFC 3261 20.10, 20.20, 20.39.
    #[test]
    fn examples_of_the_rfc_are_read() {
        let contact = parse(r#""Mr. Watson" <sip:watson@worcester.bell-telephone.com>;q=0.7; expires=3600"#);
        assert_eq!(contact.display_name().unwrap(), "Mr. Watson");
        assert_eq!(contact.uri_text, "sip:watson@worcester.bell-telephone.com");
        assert_eq!((contact.q(), contact.expires(), contact.tag()), (Some(700), Some(3600), None));
        let from = parse("sip:+12125551212@server.phone2net.com;tag=887s");
        assert_eq!((from.tag(), from.display_name()), (Some("887s"), None));
        assert!(!from.uri.has_param("tag"));
        let to = parse("The Operator <sip:operator@cs.columbia.edu;tag=uri>;tag=287447");
        assert_eq!((to.tag(), to.display_name().unwrap().as_ref()), (Some("287447"), "The Operator"));
        assert!(to.uri.has_param("tag"));
    }

    /// RFC 4475 3.1.1.1, 3.1.1.2, 3.1.1.4, 3.1.1.6 (SIP-20).
    #[test]
    fn odd_values_of_the_torture_messages_are_read() {
        let from = parse(r#""J Rosenberg \\\""       <sip:jdrosen@example.com>    ;   tag = 98asjd8"#);
        assert_eq!(from.display_name().unwrap(), r#"J Rosenberg \""#);
        assert_eq!(from.tag(), Some("98asjd8"));
        let to = parse("sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n");
        assert_eq!((to.uri_text, to.tag()), ("sip:vivekg@chair-dnrc.example.com", Some("1918181833n")));
        assert_eq!(parse("caller<sip:caller@example.com>;tag=323").display_name().unwrap(), "caller");
        let odd = parse(
            "token1~` token2'+_ token3*%!.- <sip:mundane@example.com>;fromParam''~+*_!.-%=\"\u{440}\";tag=_token~1'+`*%!-.",
        );
        assert_eq!(odd.tag(), Some("_token~1'+`*%!-."));
        assert!(
            parse("<sip:services.example.com;lr;unknownwith=value;unknown-no-value>").uri.has_param("lr")
        );
        assert!(!parse("<sip:a.com>;lr").uri.has_param("lr"));
        assert!(matches!(parse("<http://www.example.com>;tag=3").uri, Uri::Other(_)));
        assert_eq!(parse("\"\" <sip:a@b.com>").display_name(), None);
    }

    /// RFC 4475 3.1.2.6, 3.1.2.13 to 3.1.2.15 and values without a URI.
    #[test]
    fn broken_values_are_refused() {
        for text in [
            "\"Mr. J. User <sip:j.user@example.com>",
            "sip:user@example.com?Route=%3Csip:sip.example.com%3E",
            "sip:a,b@example.com",
            "\"Watson, Thomas\" < sip:t.watson@example.org >",
            "Bell, Alexander <sip:a.g.bell@example.com>;tag=43",
            "\"a\" sip:b@c.com",
            "\"a\" b <sip:b@c.com>",
            "<sip:a@b.com",
            "<>",
            "*",
            "",
            "<sip:a@b.com> tag=1",
            "<sip:a@b.com>;tag=",
        ] {
            assert!(NameAddr::parse(text, "To").is_err(), "{text}");
        }
    }
}
