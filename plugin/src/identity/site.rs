//! A site's own rules about identities, behind the built-in ones (WPS-48). Without such rules
//! nothing is called.
//!
//! What they say is checked like anything from outside. Where they fail to normalize, the request
//! is refused: somebody else's identity would be the alternative. Where they fail to map, the
//! built-in result stands. The host tells the operator of traps and time-outs; lines of ours name the URI.

use super::{MAX_IDENTITY, NoIdentity};
use crate::configuration::Configuration;
use crate::ports::{Host, Level, RuleFailure};
use crate::sip::{Identity, Uri};

/// What the rules make of a normalized identity.
///
/// # Errors
/// It is too long, or they fail.
pub fn normalize(
    host: &mut dyn Host,
    configuration: &Configuration,
    uri: &str,
    identity: Identity,
) -> Result<Identity, NoIdentity> {
    if !configuration.identities.component {
        return if identity.as_str().len() <= MAX_IDENTITY { Ok(identity) } else { Err(NoIdentity::TooLong) };
    }
    match host.normalize(uri, identity.as_str()).and_then(checked) {
        Ok(text) => Ok(Identity::from_canonical(text)),
        Err(failure) => {
            log(host, "URI not normalized by the site's rules", uri, &failure);
            Err(match failure {
                RuleFailure::Refused(why) => NoIdentity::Refused(why),
                RuleFailure::Broken(why) => NoIdentity::Broken(why),
            })
        }
    }
}

/// What the rules make of a fundamental identity; `mapped` if they fail.
pub fn fundamental(
    host: &mut dyn Host,
    configuration: &Configuration,
    identity: &Identity,
    mapped: String,
) -> String {
    if !configuration.identities.component {
        return mapped;
    }
    host.fundamental(identity.as_str(), &mapped).and_then(checked).unwrap_or_else(|failure| {
        log(host, "identity not mapped by the site's rules", identity.as_str(), &failure);
        mapped
    })
}

/// A result is a URI, so that it has a domain or none, and can be the name of a partition.
fn checked(text: String) -> Result<String, RuleFailure> {
    if text.len() > MAX_IDENTITY {
        return Err(RuleFailure::Broken(format!("the result is longer than {MAX_IDENTITY} bytes")));
    }
    match Uri::parse(&text) {
        Ok(_) => Ok(text),
        Err(_) => Err(RuleFailure::Broken("the result is no URI".to_owned())),
    }
}

/// Refusals are the rules' daily work, whoever sends what; the others call for the operator.
fn log(host: &mut dyn Host, message: &str, uri: &str, failure: &RuleFailure) {
    let (level, why) = match failure {
        RuleFailure::Refused(why) => (Level::Debug, why),
        RuleFailure::Broken(why) => (Level::Warn, why),
    };
    host.log(level, message, &[("uri", uri), ("why", why)]);
}
