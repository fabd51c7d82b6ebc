//! Who asks, and about whom.
//!
//! A URI has one form in which it is compared (the [`Normalizer`]), and behind that stands a
//! *fundamental* identity (the [`map`]), under which everything about a person is kept. After each of the
//! two come the site's own rules, where there are any (`site.rs`).

#[doc(hidden)]
pub mod fuzzing;
mod international;
pub mod map;
mod normalizer;
mod presentity;
mod principal;
mod site;

pub use normalizer::{Normalizer, Telephone, domain, read_domain};
pub use presentity::{Presentity, Service};
pub use principal::{Principal, Tested};

use crate::configuration::Configuration;
use crate::errors::Refusal;
use crate::ports::Host;
use crate::sip::{Identity, Malformed, Uri};

/// Longest identity in bytes: it may become the name of a partition (`storage.enter`).
pub const MAX_IDENTITY: usize = 512;

/// Why a URI names nobody.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoIdentity {
    /// It is no URI.
    #[error("malformed URI, expected one such as sip:alice@example.com")]
    Malformed,
    /// Its normalized form is longer than [`MAX_IDENTITY`].
    #[error("longer than {MAX_IDENTITY} bytes")]
    TooLong,
    /// The site's rules refuse it, for this reason.
    #[error("refused by the site's identity rules: {0}")]
    Refused(String),
    /// The site's rules gave no result that can be used.
    #[error("no result of the site's identity rules: {0}")]
    Broken(String),
}

impl From<NoIdentity> for Refusal {
    /// What the site refuses will be refused again (403); what its rules cannot answer now they may answer
    /// later (500 with Retry-After). Neither is served under another identity (WPS-48).
    fn from(why: NoIdentity) -> Self {
        match why {
            NoIdentity::Malformed | NoIdentity::TooLong => Malformed("URI").into(),
            NoIdentity::Refused(_) => Self::Forbidden("Identity Refused"),
            NoIdentity::Broken(_) => Self::IdentityRules,
        }
    }
}

/// The identity that a URI names, in the form in which identities are compared. `text` is the URI as received.
///
/// # Errors
/// It is too long, or the site's own rules give no result.
pub fn normalize(
    host: &mut dyn Host,
    configuration: &Configuration,
    uri: &Uri<'_>,
    text: &str,
) -> Result<Identity, NoIdentity> {
    let identity = configuration.identities.normalizer.identity(uri);
    site::normalize(host, configuration, text, identity)
}

/// The identity that a text names which does not come from a SIP header (see [`Normalizer::read`]).
///
/// # Errors
/// It is no URI; see [`normalize`].
pub fn read(host: &mut dyn Host, configuration: &Configuration, text: &str) -> Result<Identity, NoIdentity> {
    let identity = configuration.identities.normalizer.read(text).map_err(|_| NoIdentity::Malformed)?;
    site::normalize(host, configuration, text, identity)
}

/// True if the identity map knows a normalized identity, as a fundamental one or another.
#[must_use]
pub fn is_provisioned(host: &mut dyn Host, configuration: &Configuration, identity: &Identity) -> bool {
    configuration.identities.mapped && map::lookup(host, identity).is_some()
}

/// The fundamental identity behind a normalized one; the identity itself if the map does not
/// know it.
#[must_use]
pub fn fundamental(host: &mut dyn Host, configuration: &Configuration, identity: &Identity) -> String {
    let mapped = if configuration.identities.mapped { map::lookup(host, identity) } else { None };
    let mapped = mapped.unwrap_or_else(|| identity.as_str().to_owned());
    site::fundamental(host, configuration, identity, mapped)
}
