//! URIs: sip, sips, tel, pres; others kept as they are (RFC 3261 19.1, RFC 3966, RFC 3859).

mod escape;
mod host;
mod params;
mod tel;

pub(crate) use escape::{push_escape, unescaped, write_normal};
pub use host::Host;
pub use params::UriParams;
pub use tel::TelUri;

use super::Malformed;
use super::lex::ByteSet;
use escape::{same_unescaped, valid_part};
use memchr::memchr;

const WHAT: Malformed = Malformed("URI");

// What may stand unescaped (RFC 3261 25.1; RFC 3859 3.3 for the local part of pres URIs).
static USER: ByteSet = ByteSet::alphanumeric_and(b"-_.!~*'()&=+$,;?/");
static PASSWORD: ByteSet = ByteSet::alphanumeric_and(b"-_.!~*'()&=+$,");
static LOCAL_PART: ByteSet = ByteSet::alphanumeric_and(b"-_.!~*'()&=+$,;?/:");

/// A URI, parsed.
///
/// `==` is the comparison that the scheme's RFC defines (RFC 3261 19.1.4, RFC 3966 4), not
/// equality of text. It is reflexive and symmetric, but, as RFC 3261 says, not transitive; hence no `Eq`.
#[derive(Clone, Copy, Debug)]
pub enum Uri<'a> {
    /// `sip:` or `sips:`.
    Sip(SipUri<'a>),
    /// `tel:`.
    Tel(TelUri<'a>),
    /// `pres:`.
    Pres(PresUri<'a>),
    /// Any other scheme.
    Other(OtherUri<'a>),
}

/// Parts of a `sip:` or `sips:` URI.
#[derive(Clone, Copy, Debug)]
pub struct SipUri<'a> {
    /// True for `sips:`.
    pub secure: bool,
    /// User part with its escapes; none if there is no `@`.
    pub user: Option<&'a str>,
    /// Password with its escapes.
    pub password: Option<&'a str>,
    /// Host.
    pub host: Host<'a>,
    /// Port, where one is written.
    pub port: Option<u16>,
    /// Parameters.
    pub params: UriParams<'a>,
    /// Headers: what follows `?`.
    pub headers: UriParams<'a>,
}

/// Parts of a `pres:` URI (RFC 3859 3.3).
#[derive(Clone, Copy, Debug)]
pub struct PresUri<'a> {
    /// Local part with its escapes.
    pub user: &'a str,
    /// Domain.
    pub host: Host<'a>,
    /// Headers: what follows `?`.
    pub headers: UriParams<'a>,
}

/// A URI of a scheme without rules of its own.
#[derive(Clone, Copy, Debug)]
pub struct OtherUri<'a> {
    /// Scheme as written.
    pub scheme: &'a str,
    /// What follows the colon.
    pub rest: &'a str,
}

impl<'a> Uri<'a> {
    /// Parses a URI without angle brackets. White space anywhere is an error.
    pub fn parse(text: &'a str) -> Result<Self, Malformed> {
        let colon = memchr(b':', text.as_bytes()).ok_or(WHAT)?;
        let (scheme, rest) = (&text[..colon], &text[colon + 1..]);
        let is = |name: &str| scheme.eq_ignore_ascii_case(name);
        if is("sip") || is("sips") {
            return SipUri::parse(scheme.len() == 4, rest).map(Self::Sip);
        }
        if is("tel") {
            return TelUri::parse(rest).map(Self::Tel);
        }
        if is("pres") {
            return PresUri::parse(rest).map(Self::Pres);
        }
        let mut letters = scheme.bytes();
        let scheme_fits = letters.next().is_some_and(|b| b.is_ascii_alphabetic())
            && letters.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
        let harmful = |b: u8| b <= b' ' || b >= 0x7f || matches!(b, b'<' | b'>' | b'"');
        if !scheme_fits || rest.is_empty() || rest.bytes().any(harmful) {
            return Err(WHAT);
        }
        Ok(Self::Other(OtherUri { scheme, rest }))
    }

    /// Parses a Request-URI: a URI that must not carry headers (RFC 3261 19.1.1; RFC 4475 3.1.2.11).
    pub fn parse_request_uri(text: &'a str) -> Result<Self, Malformed> {
        match Self::parse(text) {
            Ok(Self::Sip(sip)) if !sip.headers.is_empty() => Err(Malformed("Request-URI")),
            Ok(uri) => Ok(uri),
            Err(_) => Err(Malformed("Request-URI")),
        }
    }

    /// Scheme in lower case; as written for an unknown one.
    pub fn scheme(&self) -> &'a str {
        match self {
            Self::Sip(sip) if sip.secure => "sips",
            Self::Sip(_) => "sip",
            Self::Tel(_) => "tel",
            Self::Pres(_) => "pres",
            Self::Other(other) => other.scheme,
        }
    }

    /// User part with its escapes; the number of a `tel:` URI.
    pub fn user(&self) -> Option<&'a str> {
        match self {
            Self::Sip(sip) => sip.user,
            Self::Tel(tel) => Some(tel.number),
            Self::Pres(pres) => Some(pres.user),
            Self::Other(_) => None,
        }
    }

    /// Host; none for schemes without one.
    pub fn host(&self) -> Option<Host<'a>> {
        match self {
            Self::Sip(sip) => Some(sip.host),
            Self::Pres(pres) => Some(pres.host),
            Self::Tel(_) | Self::Other(_) => None,
        }
    }

    /// True if a parameter of that name is there (sip, sips, tel).
    pub fn has_param(&self, name: &str) -> bool {
        match self {
            Self::Sip(sip) => sip.params.get(name).is_some(),
            Self::Tel(tel) => tel.params.get(name).is_some(),
            Self::Pres(_) | Self::Other(_) => false,
        }
    }
}

impl<'a> SipUri<'a> {
    /// True if the user part says of itself that it is a telephone number (`user=phone`).
    pub(crate) fn is_phone(&self) -> bool {
        self.params.is("user", "phone")
    }

    /// Appends the parameters of these names, canonical.
    pub(crate) fn write_kept(&self, names: &[String], out: &mut String) {
        self.params.write_kept(names, out);
    }

    fn parse(secure: bool, rest: &'a str) -> Result<Self, Malformed> {
        let (userinfo, rest) = match memchr(b'@', rest.as_bytes()) {
            Some(at) => (Some(&rest[..at]), &rest[at + 1..]),
            None => (None, rest),
        };
        let (user, password) = match userinfo {
            None => (None, None),
            Some(info) => match info.split_once(':') {
                Some((user, password)) => (Some(user), Some(password)),
                None => (Some(info), None),
            },
        };
        if user.is_some_and(|user| user.is_empty() || !valid_part(user, &USER))
            || password.is_some_and(|password| !valid_part(password, &PASSWORD))
        {
            return Err(WHAT);
        }
        let (rest, headers) = match memchr(b'?', rest.as_bytes()) {
            Some(mark) => (&rest[..mark], UriParams::parse_headers(&rest[mark + 1..])?),
            None => (rest, UriParams::default()),
        };
        let (hostport, params) = match memchr(b';', rest.as_bytes()) {
            Some(semicolon) => (&rest[..semicolon], UriParams::parse(&rest[semicolon + 1..])?),
            None => (rest, UriParams::default()),
        };
        let (host, port) = Host::parse_with_port(hostport)?;
        Ok(Self { secure, user, password, host, port, params, headers })
    }
}

impl<'a> PresUri<'a> {
    fn parse(rest: &'a str) -> Result<Self, Malformed> {
        let at = memchr(b'@', rest.as_bytes()).ok_or(WHAT)?;
        let (user, rest) = (&rest[..at], &rest[at + 1..]);
        let (host, headers) = match memchr(b'?', rest.as_bytes()) {
            Some(mark) => (&rest[..mark], UriParams::parse_headers(&rest[mark + 1..])?),
            None => (rest, UriParams::default()),
        };
        if user.is_empty() || !valid_part(user, &LOCAL_PART) {
            return Err(WHAT);
        }
        Ok(Self { user, host: Host::parse(host)?, headers })
    }
}

impl PartialEq for Uri<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Sip(a), Self::Sip(b)) => a == b,
            (Self::Tel(a), Self::Tel(b)) => a == b,
            (Self::Pres(a), Self::Pres(b)) => {
                same_unescaped(a.user, b.user) && a.host == b.host && a.headers.same_headers(b.headers)
            }
            (Self::Other(a), Self::Other(b)) => a.scheme.eq_ignore_ascii_case(b.scheme) && a.rest == b.rest,
            _ => false,
        }
    }
}

impl PartialEq for SipUri<'_> {
    /// RFC 3261 19.1.4.
    fn eq(&self, other: &Self) -> bool {
        let same = |a: Option<&str>, b: Option<&str>| match (a, b) {
            (None, None) => true,
            (Some(a), Some(b)) => same_unescaped(a, b),
            _ => false,
        };
        self.secure == other.secure
            && self.port == other.port
            && same(self.user, other.user)
            && same(self.password, other.password)
            && self.host == other.host
            && self.params.same_params(other.params)
            && self.headers.same_headers(other.headers)
    }
}

#[cfg(test)]
mod tests;
