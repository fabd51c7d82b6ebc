//! The subscription at a source for one presentity: the subscriber's side of RFC 6665.

use super::source::Source;
use crate::configuration::Configuration;
use crate::errors::Refusal;
use crate::handler::Outcome;
use crate::ports::{Host, Verdict};
use crate::sip::Message;
use crate::step::Step;

/// A source is wanted for this presentity, which it knows as `resource`, a URI. Does nothing if it is
/// subscribed to already, but for another resource.
pub fn start(_step: &mut Step<'_>, _source: &Source, _resource: &str) {}

/// [`super::pacing`] lets a new subscription go.
pub fn granted(_step: &mut Step<'_>, _source: &Source) {}

/// A source is wanted no longer: ends the subscription there and takes out what it contributed.
pub fn stop(_step: &mut Step<'_>, _source: &Source) {}

/// A timer fired. False if it is none of these.
pub fn fired(_step: &mut Step<'_>, _name: &[u8]) -> bool {
    false
}

/// The outcome of a request. False if it is none of these.
pub fn outcome(_step: &mut Step<'_>, _token: &[u8], _outcome: &Outcome<'_>) -> bool {
    false
}

/// Answers a NOTIFY.
///
/// # Errors
/// The refusal; nothing is staged then.
pub fn notify(_: &mut dyn Host, _: &Configuration, _: &Message<'_>) -> Result<Verdict, Refusal> {
    Ok(Verdict::Pass)
}

/// The host has started after a stop without order, or with requests unanswered.
pub fn recover(_step: &mut Step<'_>) {}
