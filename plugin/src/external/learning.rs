//! Identities that a registrar names together (`identity.learn`).

use super::source::Source;
use crate::step::Step;

/// A source names these identities, URIs, for the presentity.
pub fn told(_step: &mut Step<'_>, _source: &Source, _identities: &[String]) {}

/// The subscription at a source has ended.
pub fn forget(_step: &mut Step<'_>, _source: &Source) {}
