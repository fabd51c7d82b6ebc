//! A site's own rules about identities, behind the built-in ones (WPS-48). Without such rules
//! nothing is called.
//!
//! What they say is checked like anything from outside. Where they fail to normalize, the request
//! is refused: somebody else's identity would be the alternative. Where they fail to map, the
//! built-in result stands. The host tells the operator of refusals, traps and time-outs, not more often than can be
//! read; what is wrong with a result is told here.

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
    let answer = host.normalize(uri, identity.as_str());
    match checked(host, "URI not normalized by the site's rules", uri, answer) {
        Ok(text) => Ok(Identity::from_canonical(text)),
        Err(RuleFailure::Refused(why)) => Err(NoIdentity::Refused(why)),
        Err(RuleFailure::Broken(why)) => Err(NoIdentity::Broken(why)),
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
    let answer = host.fundamental(identity.as_str(), &mapped);
    checked(host, "identity not mapped by the site's rules", identity.as_str(), answer).unwrap_or(mapped)
}

/// A result is a URI, so that it has a domain or none, and can be the name of a partition.
fn checked(
    host: &mut dyn Host,
    message: &str,
    uri: &str,
    answer: Result<String, RuleFailure>,
) -> Result<String, RuleFailure> {
    let (level, failure) = match answer {
        Ok(text) if text.len() > MAX_IDENTITY => (Level::Warn, too_long()),
        Ok(text) if Uri::parse(&text).is_err() => {
            (Level::Warn, RuleFailure::Broken("the result is no URI".to_owned()))
        }
        Ok(text) => return Ok(text),
        Err(failure) => (Level::Debug, failure),
    };
    let (RuleFailure::Refused(why) | RuleFailure::Broken(why)) = &failure;
    host.log(level, message, &[("uri", uri), ("why", why)]);
    Err(failure)
}

fn too_long() -> RuleFailure {
    RuleFailure::Broken(format!("the result is longer than {MAX_IDENTITY} bytes"))
}
