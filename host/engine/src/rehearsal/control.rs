//! What an embedder asks of the rehearsal.

use super::recorder::{RecordError, RecordOptions, Recorder};
use super::shadow::{PromoteError, ShadowStatus};
use crate::engine::Engine;
use crate::fit::ComponentError;
use crate::generation::Description;
use std::io::Write;

impl Engine {
    /// Records steps from now on, in the format of [`Recording`](crate::Recording), until
    /// [`Engine::end_recording`], or as `options` say. `out` is written on a thread of its own; while it
    /// blocks, steps are left out. An error of its own ends the recording; `flush` is called twenty times a
    /// second so that it can tell. Dropped at the end.
    ///
    /// A recording holds what the steps read and wrote: whole messages and records.
    ///
    /// # Errors
    /// A recording is under way, or the engine has stopped.
    pub fn record(&self, options: &RecordOptions, out: Box<dyn Write + Send>) -> Result<(), RecordError> {
        Recorder::begin(&self.shared, options, out)
    }

    /// Has the recording end soon. False if there is none.
    pub fn end_recording(&self) -> bool {
        let recorder = self.shared.recorder.lock();
        recorder.as_ref().inspect(|recorder| recorder.end(false)).is_some()
    }

    /// Whether a recording is under way.
    pub fn records(&self) -> bool {
        self.shared.recorder.lock().is_some()
    }

    /// Has a component run beside the running one: it is checked as for a swap, and then runs the steps of a
    /// share of the partitions (0 to 1) again, after they have ended and with what they have read. It has no
    /// effects; what it would do otherwise is compared, grouped and counted. One shadow at a time: it takes the
    /// place of the one before.
    ///
    /// # Errors
    /// If the component could not be swapped in.
    pub fn shadow(&self, component: &[u8], share: f64) -> Result<Description, ComponentError> {
        self.shared.begin_shadow(component, share)
    }

    /// What the shadow has found so far; none if there is none.
    pub fn shadow_status(&self) -> Option<ShadowStatus> {
        self.shared.shadow_status()
    }

    /// Ends the shadow and gives what it has found; none if there is none.
    pub fn end_shadow(&self) -> Option<ShadowStatus> {
        self.shared.end_shadow()
    }

    /// Swaps the component of the shadow in, as [`Engine::swap`] does, without compiling it again. The shadow
    /// ends.
    ///
    /// # Errors
    /// There is none, or it cannot take over now; then it goes on as a shadow.
    pub fn promote(&self) -> Result<Description, PromoteError> {
        self.shared.promote()
    }
}
