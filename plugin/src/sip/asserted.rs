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

#[cfg(test)]
mod tests {
    use super::super::owned::OwnedMessage;
    use super::*;

    fn of(lines: &str) -> Result<Vec<String>, Malformed> {
        let owned = OwnedMessage::request("SUBSCRIBE", "sip:a@b.com", lines, b"").unwrap();
        Asserted::of(&owned.view()).map(|a| a.iter().map(|v| v.uri_text.to_owned()).collect())
    }

    /// RFC 3325 9.1 and 10 (SIP-31, AUTH-04).
    #[test]
    fn one_of_each_kind_is_taken_and_more_refused() {
        let both = ["sip:fluffy@cisco.com".to_owned(), "tel:+14085264000".to_owned()];
        assert_eq!(of(""), Ok(vec![]));
        assert_eq!(
            of(
                "P-Asserted-Identity: tel:+14085264000\r\nP-Asserted-Identity: \"Cullen, J\" <sip:fluffy@cisco.com>\r\n"
            ),
            Ok(both.to_vec())
        );
        assert_eq!(
            of("P-Asserted-Identity: <sip:fluffy@cisco.com>, <tel:+14085264000>\r\n"),
            Ok(both.to_vec())
        );
        for lines in [
            "P-Asserted-Identity: <sip:a@b.com>, <sips:a@b.com>\r\n",
            "P-Asserted-Identity: tel:+1\r\nP-Asserted-Identity: tel:+2\r\n",
            "P-Asserted-Identity: <mailto:a@b.com>\r\n",
            "P-Asserted-Identity: alice\r\n",
        ] {
            assert_eq!(of(lines), Err(Malformed("P-Asserted-Identity")), "{lines}");
        }
    }

    /// RFC 3323 4.2, RFC 3325 9.3.
    #[test]
    fn privacy_values_are_read() {
        let of = |lines: &str| {
            let owned = OwnedMessage::request("SUBSCRIBE", "sip:a@b.com", lines, b"").unwrap();
            Privacy::of(&owned.view()).unwrap()
        };
        assert_eq!(of(""), Privacy::default());
        assert_eq!(of("Privacy: header; ID;critical\r\n"), Privacy { id: true, none: false, any: true });
        assert_eq!(of("Privacy: none\r\n"), Privacy { id: false, none: true, any: false });
    }
}
