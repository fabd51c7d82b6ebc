//! Rehearsal: what steps read and did, kept so that they can be run again.
//!
//! Invariant: whatever watches steps here changes nothing of them. It neither fails nor delays one,
//! beyond the copies that are made of what the step has read and staged; where it cannot keep up, it
//! leaves whole steps out and counts them.

mod blob;
mod capture;
mod ranges;
mod recorded;
mod rerun;
#[expect(dead_code, reason = "the taps come next")]
mod tap;
#[expect(dead_code, reason = "as above")]
mod trace;

pub(crate) use capture::{Capture, Ended};
pub(crate) use recorded::Recorded;
pub(crate) use tap::{Keeper, Taps};
pub use trace::Trace;
pub(crate) use trace::{Fault, FaultKind};
