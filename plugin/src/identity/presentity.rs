//! Whose presence a request is about, and whether it is kept here.

use super::{fundamental, normalize};
use crate::configuration::Configuration;
use crate::errors::Refusal;
use crate::ports::Host;
use crate::sip::uri::Host as UriHost;
use crate::sip::{HeaderName, Identity, Malformed, Message, NameAddr, Uri};

/// Whose presence a request is about: the identity in its To header.
#[derive(Clone, Debug)]
pub struct Presentity<'a> {
    /// The URI as the sender wrote it.
    pub uri: &'a str,
    /// The identity that it names.
    pub identity: Identity,
    /// The fundamental identity behind it (WPS-25, WPS-31).
    fundamental: String,
    /// The fundamental identity is known from a registrar.
    alias: bool,
    /// Tag of the To header.
    pub tag: Option<&'a str>,
}

impl<'a> Presentity<'a> {
    /// Reads the To header.
    ///
    /// # Errors
    /// 400 if it is malformed or names something too long to be kept; see [`normalize`].
    pub fn of(
        host: &mut dyn Host,
        configuration: &Configuration,
        message: &Message<'a>,
    ) -> Result<Self, Refusal> {
        Self::named(host, configuration, &Self::to(message)?)
    }

    /// The To header.
    ///
    /// # Errors
    /// It is missing or malformed.
    pub fn to(message: &Message<'a>) -> Result<NameAddr<'a>, Malformed> {
        NameAddr::parse(message.required(HeaderName::To)?, "To")
    }

    /// Whom a To header names.
    ///
    /// # Errors
    /// As [`Presentity::of`].
    pub fn named(
        host: &mut dyn Host,
        configuration: &Configuration,
        to: &NameAddr<'a>,
    ) -> Result<Self, Refusal> {
        let identity = normalize(host, configuration, &to.uri, to.uri_text)?;
        let fundamental = fundamental(host, configuration, &identity);
        Ok(Self { uri: to.uri_text, identity, fundamental, alias: false, tag: to.tag() })
    }

    /// Whom a URI names that a request named before, mapped anew.
    ///
    /// # Errors
    /// As [`Presentity::of`].
    pub fn again(host: &mut dyn Host, configuration: &Configuration, uri: &'a str) -> Result<Self, Refusal> {
        let identity = normalize(host, configuration, &Uri::parse(uri)?, uri)?;
        let fundamental = fundamental(host, configuration, &identity);
        Ok(Self { uri, identity, fundamental, alias: false, tag: None })
    }

    /// The same as an alias of the presentity of that partition ([`crate::external::learning`]).
    #[must_use]
    pub fn behind(self, partition: &str) -> Self {
        Self { fundamental: partition.to_owned(), alias: true, ..self }
    }

    /// True if it is an alias by what a registrar says, of the presentity in [`Self::partition`].
    #[must_use]
    pub fn is_alias(&self) -> bool {
        self.alias
    }

    /// Name of the partition that holds everything about the presentity: its fundamental identity.
    #[must_use]
    pub fn partition(&self) -> &str {
        &self.fundamental
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
        let served = match uri {
            Uri::Tel(_) => true,
            Uri::Other(_) => return Self::UnknownScheme,
            Uri::Sip(_) | Uri::Pres(_) => match uri.host() {
                Some(UriHost::Domain(name)) => configuration.serves(name.strip_suffix('.').unwrap_or(name)),
                Some(address) => {
                    let mut text = String::new();
                    address.write(&mut text);
                    configuration.serves(&text)
                }
                None => false,
            },
        };
        if served { Self::Here } else { Self::Elsewhere }
    }
}
