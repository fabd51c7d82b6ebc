//! Who sent a request.

use super::{Presentity, domain, fundamental, normalize};
use crate::configuration::Configuration;
use crate::errors::Refusal;
use crate::ports::Host;
use crate::sip::asserted::Asserted;
use crate::sip::{Identity, Message};

/// The sender as the trust domain vouches for it (RFC 3325): every asserted identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal(Vec<Sender>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Sender {
    identity: Identity,
    /// The fundamental identity behind it; none if no policy asks for it.
    fundamental: Option<String>,
}

/// What identity conditions are tested with (WPS-37 to WPS-43).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tested<'a> {
    /// For conditions on an identity.
    pub identity: &'a str,
    /// For conditions on a domain: that of `identity`. A telephone number has none.
    pub domain: Option<&'a str>,
}

impl Principal {
    /// Reads P-Asserted-Identity, which the host has removed from what strangers sent. Mostly people
    /// ask about themselves, so what is known of the presentity is not found out twice.
    ///
    /// # Errors
    /// 403 if nothing is asserted, 400 if the header is malformed; see [`normalize`].
    pub fn of(
        host: &mut dyn Host,
        configuration: &Configuration,
        message: &Message<'_>,
        presentity: &Presentity<'_>,
    ) -> Result<Self, Refusal> {
        let asserted = Asserted::of(message)?;
        let mut senders = Vec::with_capacity(1);
        for value in asserted.iter() {
            let identity = if value.uri_text == presentity.uri {
                presentity.identity.clone()
            } else {
                normalize(host, configuration, &value.uri, value.uri_text)?
            };
            let fundamental = if !configuration.maps_senders() {
                None
            } else if identity == presentity.identity {
                Some(presentity.partition().to_owned())
            } else {
                Some(fundamental(host, configuration, &identity))
            };
            senders.push(Sender { identity, fundamental });
        }
        if senders.is_empty() { Err(Refusal::Forbidden("No Asserted Identity")) } else { Ok(Self(senders)) }
    }

    /// The sender of an earlier request by the identities that it had then ([`Principal::identities`]),
    /// mapped anew.
    pub fn again(
        host: &mut dyn Host,
        configuration: &Configuration,
        identities: impl IntoIterator<Item = Identity>,
    ) -> Self {
        let sender = |identity: Identity| {
            let fundamental =
                configuration.maps_senders().then(|| fundamental(host, configuration, &identity));
            Sender { identity, fundamental }
        };
        Self(identities.into_iter().map(sender).collect())
    }

    /// Every asserted identity, normalized.
    pub fn identities(&self) -> impl Iterator<Item = &Identity> {
        self.0.iter().map(|sender| &sender.identity)
    }

    /// True if one of the asserted identities is this one, without regard to fundamental identity.
    #[must_use]
    pub fn is(&self, identity: &str) -> bool {
        self.identities().any(|asserted| asserted.as_str() == identity)
    }

    /// The identity by which the sender is known: the sip one, if there is one.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.first().map_or("", |sender| sender.identity.as_str())
    }

    /// What the white and the black list are asked for (WPS-20).
    pub fn for_lists(&self, configuration: &Configuration) -> impl Iterator<Item = &str> {
        self.as_known(configuration.lists.map)
    }

    /// What identity conditions of presence rules are tested with: the identities as asserted, or, where
    /// the operator wants that, the fundamental ones with their domains.
    pub fn for_rules(&self, configuration: &Configuration) -> impl Iterator<Item = Tested<'_>> {
        let known = self.as_known(configuration.rules.map_identities);
        known.map(|identity| Tested { identity, domain: domain(identity) })
    }

    fn as_known(&self, mapped: bool) -> impl Iterator<Item = &str> {
        self.0.iter().map(move |sender| match &sender.fundamental {
            Some(fundamental) if mapped => fundamental.as_str(),
            _ => sender.identity.as_str(),
        })
    }
}
