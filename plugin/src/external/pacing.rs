//! No more new subscriptions a second than a source can take.

use super::source::Source;
use crate::step::Step;

/// Asks for leave to send a SUBSCRIBE out of dialog; [`super::backend::granted`] tells when.
pub fn ask(_step: &mut Step<'_>, _source: &Source) {}

/// A post arrived. False if it is none of these.
pub fn posted(_step: &mut Step<'_>, _payload: &[u8]) -> bool {
    false
}
