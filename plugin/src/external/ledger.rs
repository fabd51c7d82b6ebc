//! How a source fares, for the operator: told by the presentities, kept in the partition of the source.

use super::source::Source;
use crate::ports::Instant;
use crate::step::Step;

/// What a presentity tells of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report<'a> {
    /// It has a subscription there now, or wants one.
    Covered,
    /// It has none any more.
    Uncovered,
    /// The source has answered or said something.
    Contact,
    /// The source failed it: why, and when it is tried again, if it is.
    Failed(&'a str, Option<Instant>),
}

/// Tells the partition of a source.
pub fn report(_step: &mut Step<'_>, _source: &Source, _report: &Report<'_>) {}

/// A timer fired. False if it is none of these.
pub fn fired(_step: &mut Step<'_>, _name: &[u8]) -> bool {
    false
}

/// A post arrived. False if it is none of these.
pub fn posted(_step: &mut Step<'_>, _payload: &[u8]) -> bool {
    false
}

/// The host has started after a stop without order.
pub fn recover(_step: &mut Step<'_>) {}
