//! The form in which identities are compared: the UIDNormalizer of the requirements, a pure
//! function of its settings and a URI.
//!
//! Whatever the settings, what was normalized stays as it is when it is normalized again, and URIs that
//! their RFC calls equal (RFC 3261 19.1.4, RFC 3966 4) have one form, unless a parameter is kept
//! that the RFC lets be missing.

use super::international;
use crate::sip::uri::{Host, PresUri, SipUri, TelUri, write_normal};
use crate::sip::{Identity, Malformed, Uri};

/// Longest URI that names anybody, in bytes.
pub const MAX_URI: usize = 2_048;

/// Whom a SIP URI names whose user part is a telephone number (RFC 3261 19.1.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Telephone {
    /// A user of its domain. Visual separators count for nothing where `user=phone` stands.
    #[default]
    Sip,
    /// With `user=phone`: the number, as its tel URI does, whatever the domain. But not a local number
    /// without context, which is another one at each gateway.
    Tel,
    /// As `Tel`, and so does a user part that begins with `+` and is a global number, without `user=phone`.
    Global,
}

/// Settings of the normalizer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Normalizer {
    /// Users that differ in the case of ASCII letters are different users (RFC 3261 19.1.4).
    pub case_sensitive_user: bool,
    /// Ports are left out. The default port of the scheme is left out in any case.
    pub strip_port: bool,
    /// Names of URI parameters that tell identities apart: in lower case, sorted, each once.
    pub keep_parameters: Vec<String>,
    /// `sip`, `sips` and `pres` URIs of one user are one identity, written as `sip`.
    pub ignore_scheme: bool,
    /// A presence URI names whom the SIP URI of that user and domain names (RFC 3856 5, RFC 3859 3):
    /// phones write one or the other.
    pub pres_as_sip: bool,
    /// Telephone numbers in SIP URIs.
    pub telephone: Telephone,
}

impl Default for Normalizer {
    fn default() -> Self {
        Self {
            case_sensitive_user: true,
            strip_port: true,
            keep_parameters: Vec::new(),
            ignore_scheme: false,
            pres_as_sip: true,
            telephone: Telephone::Sip,
        }
    }
}

impl Normalizer {
    /// The identity that a URI names: scheme and host in lower case, escapes in one form (RFC 3986
    /// 6.2.2.2), without password, headers and the parameters that are not kept.
    #[must_use]
    pub fn identity(&self, uri: &Uri<'_>) -> Identity {
        let mut text = String::with_capacity(48);
        match uri {
            Uri::Sip(sip) => self.write_sip(sip, &mut text),
            Uri::Pres(pres) => self.write_pres(pres, &mut text),
            Uri::Tel(tel) => {
                text.push_str("tel:");
                tel.write(&self.keep_parameters, &mut text);
            }
            Uri::Other(other) => {
                text.push_str(other.scheme);
                text.make_ascii_lowercase();
                text.push(':');
                text.push_str(other.rest);
            }
        }
        Identity::from_canonical(text)
    }

    /// The identity that a text names which does not come from a SIP header: in a document or a file a URI
    /// may have letters beyond ASCII (RFC 3987), in its domain too.
    ///
    /// # Errors
    /// It is no URI, or longer than 2048 bytes.
    pub fn read(&self, text: &str) -> Result<Identity, Malformed> {
        if text.len() > MAX_URI {
            return Err(Malformed("URI"));
        }
        match Uri::parse(text) {
            Ok(uri) => Ok(self.identity(&uri)),
            Err(malformed) => {
                let ascii = international::to_uri(text).ok_or(malformed)?;
                Ok(self.identity(&Uri::parse(&ascii)?))
            }
        }
    }

    fn write_sip(&self, sip: &SipUri<'_>, out: &mut String) {
        if let Some(user) = sip.user {
            match self.write_number(sip, user, out) {
                Number::Whole => return,
                Number::User => {}
                Number::None => {
                    out.push_str(self.scheme(sip));
                    write_normal(user, !self.case_sensitive_user, out);
                }
            }
            out.push('@');
        } else {
            out.push_str(self.scheme(sip));
        }
        sip.host.write(out);
        if let Some(port) = sip.port.filter(|port| !self.strip_port && !self.is_default(*port, sip.secure)) {
            out.push(':');
            crate::sip::headers::push_number(out, port.into());
        }
        sip.write_kept(&self.keep_parameters, out);
    }

    fn scheme(&self, sip: &SipUri<'_>) -> &'static str {
        if sip.secure && !self.ignore_scheme { "sips:" } else { "sip:" }
    }

    /// Where the scheme does not count, neither does which of the two default ports it is.
    fn is_default(&self, port: u16, secure: bool) -> bool {
        match port {
            5060 => !secure || self.ignore_scheme,
            5061 => secure || self.ignore_scheme,
            _ => false,
        }
    }

    /// Appends scheme and number if the user part is a telephone number.
    fn write_number(&self, sip: &SipUri<'_>, user: &str, out: &mut String) -> Number {
        let said = sip.is_phone();
        if !(said || self.telephone == Telephone::Global && user.starts_with('+')) {
            return Number::None;
        }
        let mut normal = String::with_capacity(user.len());
        write_normal(user, false, &mut normal);
        let Ok(number) = TelUri::parse(&normal) else { return Number::None };
        let written = match self.telephone {
            Telephone::Tel | Telephone::Global if number.is_unambiguous() => Number::Whole,
            _ if said => Number::User,
            _ => return Number::None,
        };
        out.push_str(if written == Number::Whole { "tel:" } else { self.scheme(sip) });
        number.write(&self.keep_parameters, out);
        written
    }

    fn write_pres(&self, pres: &PresUri<'_>, out: &mut String) {
        let as_sip = self.pres_as_sip || self.ignore_scheme;
        out.push_str(if as_sip { "sip:" } else { "pres:" });
        let start = out.len();
        write_normal(pres.user, !self.case_sensitive_user, out);
        if as_sip && out[start..].contains(':') {
            // In a SIP URI a password would follow.
            let user = out[start..].replace(':', "%3A");
            out.replace_range(start.., &user);
        }
        out.push('@');
        pres.host.write(out);
    }
}

/// What was written of a user part that may be a telephone number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    /// It is none.
    None,
    /// Scheme and user of a SIP identity.
    User,
    /// A tel identity, complete.
    Whole,
}

/// The domain of an identity; none for a telephone number.
#[must_use]
pub fn domain(identity: &str) -> Option<&str> {
    let rest = ["sip:", "sips:", "pres:"].iter().find_map(|scheme| identity.strip_prefix(scheme))?;
    let host = rest.split_once('@').map_or(rest, |(_, host)| host);
    let end = match host.strip_prefix('[') {
        Some(address) => address.find(']')? + 2,
        None => host.find([':', ';']).unwrap_or(host.len()),
    };
    Some(&host[..end])
}

/// A domain by itself, in the form in which [`domain`] gives those of identities.
#[must_use]
pub fn read_domain(text: &str) -> Option<String> {
    if text.len() > MAX_URI {
        return None;
    }
    let ascii = international::to_host(text)?;
    let host = Host::parse(&ascii).ok()?;
    let mut domain = String::with_capacity(ascii.len());
    host.write(&mut domain);
    Some(domain)
}

#[cfg(test)]
mod tests;
