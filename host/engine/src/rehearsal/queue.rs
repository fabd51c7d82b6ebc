//! Steps on their way to a thread that deals with them.
//!
//! Invariant: whoever brings a step never waits. What does not fit is not taken, and nothing of it.

use super::trace::Trace;
use crate::generation::Generation;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

/// A step, what it has run on, and about how many bytes it takes.
type Waiting = (Arc<Trace>, Arc<Generation>, usize);

/// Where steps come in.
pub(crate) struct Inlet {
    steps: SyncSender<Waiting>,
    bytes: Arc<AtomicUsize>,
    most: usize,
}

/// Where they are taken out.
pub(crate) struct Outlet {
    steps: Receiver<Waiting>,
    bytes: Arc<AtomicUsize>,
}

/// A queue of so many steps, and so many bytes, about, at the most.
pub(crate) fn queue(steps: usize, most: usize) -> (Inlet, Outlet) {
    let (inlet, outlet) = sync_channel(steps);
    let bytes = Arc::new(AtomicUsize::new(0));
    (Inlet { steps: inlet, bytes: bytes.clone(), most }, Outlet { steps: outlet, bytes })
}

impl Inlet {
    /// Puts a step at the end. False if it does not fit.
    pub fn put(&self, trace: &Arc<Trace>, generation: &Arc<Generation>) -> bool {
        let size = trace.size();
        let fits = self.bytes.fetch_add(size, Ordering::Relaxed) + size <= self.most;
        let taken = fits && self.steps.try_send((trace.clone(), generation.clone(), size)).is_ok();
        if !taken {
            self.bytes.fetch_sub(size, Ordering::Relaxed);
        }
        taken
    }
}

impl Outlet {
    /// The first one; none if none comes in this time.
    pub fn next(&self, patience: Duration) -> Option<(Arc<Trace>, Arc<Generation>)> {
        let (trace, generation, size) = self.steps.recv_timeout(patience).ok()?;
        self.bytes.fetch_sub(size, Ordering::Relaxed);
        Some((trace, generation))
    }
}
