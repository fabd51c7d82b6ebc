//! Running a failed step once more, to know what it read.
//!
//! Reads are not noted while all goes well, since that would cost every step. A step that has failed
//! has changed nothing, its partition is still held, and its time and randomness are known: so it reads
//! the same when it runs again, on an instance of its own, and leaves nothing behind this time either.

use crate::fault::Fault;
use crate::rehearsal::{Capture, Ended, Keeper, Trace};
use crate::runner::{Occasion, Shared};
use crate::step::current::Step;
use crate::step::input::Returned;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A failed step that has run once more.
pub(crate) struct Retraced {
    pub trace: Arc<Trace>,
    /// Whether it failed again. Otherwise its failure hangs on something that a step should not know: what
    /// an instance remembers, or how fast the machine is.
    pub again: bool,
}

impl Shared {
    /// Runs a failed step again; none if another one does so, or if it cannot be run.
    pub fn retrace(self: &Arc<Self>, occasion: &Occasion<'_>, fault: &Fault, step: Step) -> Option<Retraced> {
        // One at a time: their instances come from a small reserve.
        let _one_at_a_time = self.failures.retracing.try_lock()?;
        let Occasion { generation, input, number } = *occasion;
        let keeper = Arc::new(Keeper::default());
        let mut step = step.once_more(Capture::only(keeper.clone()))?;
        let timer = self.begin(&mut step, input).ok()??;
        let mut instance = generation.apart(&self.runtime).ok()?;
        instance.store.data_mut().step = Some(step);
        // Its sender waits for the answer, and others for the partition: half the time has to do.
        instance.arm_rest(&self.runtime, self.config.limits.deadline / 2);
        let started = Instant::now();
        let called = input.call(&instance.plugin, &mut instance.store, timer.as_ref());
        let took = started.elapsed();
        let mut step = instance.store.data_mut().step.take()?;
        let again = match called {
            Err(_) => true,
            Ok(Returned::Forward(to)) if step.stage.is_empty() => {
                input.forwarded(to, step.now, Duration::ZERO).is_none()
            }
            Ok(returned) => returned.breach(&step.stage).is_some(),
        };
        let capture = step.captured()?;
        let (partition, timer) = (step.live().map(|live| &live.key), timer.as_ref());
        let (now, epoch, end) = (step.now, self.epoch(), Err(fault.in_trace()));
        capture.end(Ended { number, partition, input, timer, now, took, epoch, end }, generation);
        Some(Retraced { trace: keeper.take()?, again })
    }
}
