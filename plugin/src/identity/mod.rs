//! Who asks, and about whom.

use crate::configuration::Configuration;
use crate::errors::Refusal;
use crate::ports::Host;
use crate::sip::asserted::Asserted;
use crate::sip::{HeaderName, Identity, Malformed, Message, NameAddr, Uri};

/// Longest name of a partition (`storage.enter`).
const PARTITION_BYTES: usize = 512;

/// Whose presence a request is about: the identity in its To header.
#[derive(Clone, Debug)]
pub struct Presentity<'a> {
    /// The URI as the sender wrote it.
    pub uri: &'a str,
    /// The identity that it names.
    pub identity: Identity,
    /// The fundamental identity behind it (WPS-25, WPS-31).
    fundamental: String,
    parsed: Uri<'a>,
    /// Tag of the To header.
    pub tag: Option<&'a str>,
}

impl<'a> Presentity<'a> {
    /// Reads the To header.
    ///
    /// # Errors
    /// 400 if the header is malformed or names something too long to be kept; see [`normalize`].
    pub fn of(
        host: &mut dyn Host,
        configuration: &Configuration,
        message: &Message<'a>,
    ) -> Result<Self, Refusal> {
        let to = NameAddr::parse(message.required(HeaderName::To)?, "To")?;
        let identity = normalize(host, configuration, &to.uri, to.uri_text)?;
        let fundamental = fundamental(host, configuration, &identity);
        if fundamental.is_empty() || fundamental.len() > PARTITION_BYTES {
            return Err(Malformed("To").into());
        }
        Ok(Self { uri: to.uri_text, identity, fundamental, parsed: to.uri, tag: to.tag() })
    }

    /// Whether the presentity's own domain is served.
    #[must_use]
    pub fn service(&self, configuration: &Configuration) -> Service {
        Service::of(&self.parsed, configuration)
    }

    /// Name of the partition that holds everything about the presentity.
    #[must_use]
    pub fn partition(&self) -> &str {
        &self.fundamental
    }
}

/// The identity that a URI names, in the form in which identities are compared. A presence
/// URI names whom the SIP URI of that user and domain names (RFC 3856 5, RFC 3859 3): phones write
/// one or the other.
///
/// # Errors
/// The site's own rules refuse it.
pub fn normalize(
    _host: &mut dyn Host,
    _configuration: &Configuration,
    uri: &Uri<'_>,
    _text: &str,
) -> Result<Identity, Refusal> {
    let identity = uri.to_identity();
    Ok(match identity.as_str().strip_prefix("pres:") {
        Some(rest) => {
            let mut text = String::with_capacity(rest.len() + 4);
            text.push_str("sip:");
            text.push_str(rest);
            Identity::from_canonical(text)
        }
        None => identity,
    })
}

/// The fundamental identity behind a public one. Without an identity map each is its own.
#[must_use]
pub fn fundamental(_host: &mut dyn Host, _configuration: &Configuration, identity: &Identity) -> String {
    identity.as_str().to_owned()
}

/// The sender as the trust domain vouches for it (RFC 3325): every asserted identity.
#[derive(Clone, Debug)]
pub struct Principal(Vec<Identity>);

impl Principal {
    /// Reads P-Asserted-Identity, which the host has removed from what strangers sent.
    ///
    /// # Errors
    /// 403 if nothing is asserted, 400 if the header is malformed.
    pub fn of(
        host: &mut dyn Host,
        configuration: &Configuration,
        message: &Message<'_>,
    ) -> Result<Self, Refusal> {
        let asserted = Asserted::of(message)?;
        let mut identities = Vec::with_capacity(1);
        for value in asserted.iter() {
            identities.push(normalize(host, configuration, &value.uri, value.uri_text)?);
        }
        if identities.is_empty() {
            Err(Refusal::Forbidden("No Asserted Identity"))
        } else {
            Ok(Self(identities))
        }
    }

    /// True if one of the asserted identities is this one, without regard to fundamental identity.
    #[must_use]
    pub fn is(&self, identity: &str) -> bool {
        self.0.iter().any(|asserted| asserted.as_str() == identity)
    }

    /// The identity by which the sender is known: the sip one, if there is one.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.first().map_or("", Identity::as_str)
    }
}

/// What a URI says about whether presence under it is kept here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// It is: a domain served, or a telephone number.
    Here,
    /// Another domain.
    Elsewhere,
    /// A scheme that names no presentity (SIP-06).
    UnknownScheme,
}

impl Service {
    /// Tells it for a URI.
    #[must_use]
    pub fn of(uri: &Uri<'_>, configuration: &Configuration) -> Self {
        match uri {
            Uri::Tel(_) => Self::Here,
            Uri::Other(_) => Self::UnknownScheme,
            Uri::Sip(_) | Uri::Pres(_) => {
                let mut name = String::new();
                if let Some(host) = uri.host() {
                    host.write(&mut name);
                }
                if configuration.serves(&name) { Self::Here } else { Self::Elsewhere }
            }
        }
    }
}
