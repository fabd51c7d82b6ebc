//! Rehearsal: what steps read and did, kept so that they can be run again.
//!
//! Invariant: whatever watches steps here changes nothing of them. It neither fails nor delays one,
//! beyond the copies that are made of what the step has read and staged; where it cannot keep up, it
//! leaves whole steps out and counts them.

mod blob;
mod capture;
mod control;
mod difference;
#[doc(hidden)]
pub mod fuzzing;
mod queue;
mod ranges;
mod recorded;
mod recorder;
mod recording;
mod replay;
mod report;
mod rerun;
mod shadow;
mod tap;
mod trace;

pub(crate) use capture::{Capture, Ended};
pub(crate) use recorded::Recorded;
pub(crate) use recorder::Recorder;
pub use recorder::{RecordError, RecordOptions};
pub(crate) use recording::one;
pub use recording::{Beginning, Ending, Item, RecordedComponent, Recording, RecordingError, Why};
pub use replay::{Chosen, Contents, Replay, ReplayError, ReplayOptions, contents, replay};
pub use report::{Change, Example, Group, Report};
pub(crate) use shadow::ShadowPlace;
pub use shadow::{PromoteError, ShadowStatus};
pub(crate) use tap::{Keeper, Taps};
pub use trace::Trace;
pub(crate) use trace::{Fault, FaultKind};
