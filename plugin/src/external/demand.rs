//! When a source is wanted: with the first watcher, always, by a third-party REGISTER.

use crate::configuration::Configuration;
use crate::errors::Refusal;
use crate::package::Package;
use crate::ports::{Host, Verdict};
use crate::sip::Message;
use crate::step::Step;

/// Somebody subscribed to the presence of this presentity, or fetches it.
pub fn watched(_step: &mut Step<'_>) {}

/// A subscription of a package has gone.
pub fn unwatched(_step: &mut Step<'_>, _package: Package) {}

/// A timer fired. False if it is none of these.
pub fn fired(_step: &mut Step<'_>, _name: &[u8]) -> bool {
    false
}

/// A post arrived. False if it is none of these.
pub fn posted(_step: &mut Step<'_>, _payload: &[u8]) -> bool {
    false
}

/// Answers a REGISTER: a third-party one starts the subscription at its registrar.
///
/// # Errors
/// The refusal; nothing is staged then.
pub fn register(_: &mut dyn Host, _: &Configuration, _: &Message<'_>) -> Result<Verdict, Refusal> {
    Ok(Verdict::Pass)
}
