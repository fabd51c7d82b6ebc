//! What an embedder asks of the rehearsal.

use super::recorder::{RecordError, RecordOptions, Recorder};
use crate::engine::Engine;
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
}
