//! Asserted identity and privacy (RFC 3325 9.1, RFC 3323 4.2).

use super::{HeaderName, Malformed, Message, NameAddr};

/// The asserted identities of a request: at most one sip or sips URI and one tel URI.
#[derive(Clone, Debug, Default)]
pub struct Asserted<'a> {
    /// The sip or sips one.
    pub sip: Option<NameAddr<'a>>,
    /// The tel one.
    pub tel: Option<NameAddr<'a>>,
}

impl<'a> Asserted<'a> {
    /// Reads P-Asserted-Identity. Two URIs of one kind, or one of another kind, are an error
    /// (RFC 3325 9.1; SIP-31). The host has removed the header of peers that are not trusted.
    pub fn of(message: &Message<'a>) -> Result<Self, Malformed> {
        const WHAT: &str = "P-Asserted-Identity";
        let mut asserted = Self::default();
        for value in message.values(HeaderName::PAssertedIdentity) {
            let value = NameAddr::parse(value?, WHAT)?;
            let slot = match value.uri {
                super::Uri::Sip(_) => &mut asserted.sip,
                super::Uri::Tel(_) => &mut asserted.tel,
                super::Uri::Pres(_) | super::Uri::Other(_) => return Err(Malformed(WHAT)),
            };
            if slot.replace(value).is_some() {
                return Err(Malformed(WHAT));
            }
        }
        Ok(asserted)
    }

    /// All of them, the sip one first (AUTH-04).
    pub fn iter(&self) -> impl Iterator<Item = &NameAddr<'a>> {
        self.sip.iter().chain(&self.tel)
    }

    /// True if nothing is asserted.
    pub fn is_empty(&self) -> bool {
        self.sip.is_none() && self.tel.is_none()
    }
}

/// What the Privacy header asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Privacy {
    /// `id`: the asserted identity stays inside the trust domain.
    pub id: bool,
    /// `none`: no privacy is wanted, whatever would be applied.
    pub none: bool,
    /// Some value other than `none` is there: header, session, user, id, critical or a new one.
    pub any: bool,
}

impl Privacy {
    /// Reads the Privacy header; values are separated by semicolons, and by commas in old peers.
    pub fn of(message: &Message<'_>) -> Result<Self, Malformed> {
        let mut privacy = Self::default();
        for line in message.lines(HeaderName::Privacy) {
            for value in line?.split([';', ',']).map(super::lex::trim) {
                privacy.id |= value.eq_ignore_ascii_case("id");
                privacy.none |= value.eq_ignore_ascii_case("none");
                privacy.any |= !value.is_empty() && !value.eq_ignore_ascii_case("none");
            }
        }
        Ok(privacy)
    }
}
