//! Who is handed the traces of steps, and of which.

use super::capture::Capture;
use super::trace::Trace;
use crate::generation::Generation;
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use rollcall_storage::PartitionKey;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What decides whether a step is in a share: its partition, or its number if it has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subject(u64);

impl Subject {
    /// All steps of a partition are the same subject.
    pub fn partition(partition: &PartitionKey) -> Subject {
        Subject(BuildHasherDefault::<DefaultHasher>::default().hash_one(partition.as_str()))
    }

    /// A step without a partition.
    pub fn step(number: u64) -> Subject {
        Subject(BuildHasherDefault::<DefaultHasher>::default().hash_one(number))
    }
}

/// A part of all subjects, chosen by chance once.
#[derive(Clone, Debug)]
pub(crate) struct Share {
    hasher: RandomState,
    /// Of the 2^64 values of the hash, how many are in, less one; none for nothing.
    upto: Option<u64>,
}

impl Share {
    /// A share from 0 to 1.
    pub fn new(share: f64) -> Share {
        // Beyond the ends `as` gives the ends.
        let upto = (share > 0.0).then_some((share * u64::MAX as f64) as u64);
        Share { hasher: RandomState::new(), upto }
    }

    /// Whether it is in.
    pub fn has(&self, subject: Subject) -> bool {
        self.upto.is_some_and(|upto| self.hasher.hash_one(subject.0) <= upto)
    }
}

/// Takes traces.
pub(crate) trait Tap: Send + Sync {
    /// Whether it wants the trace of a step. Asked before the step reads anything of its partition.
    fn wants(&self, subject: Subject) -> bool;

    /// Takes the trace of a step, which has run on this generation. Called on the thread of the step, while
    /// its partition waits: steps of a partition come in order. Must not block.
    fn take(&self, trace: &Arc<Trace>, generation: &Arc<Generation>);
}

/// Keeps the last trace.
#[derive(Default)]
pub(crate) struct Keeper(Mutex<Option<Arc<Trace>>>);

impl Keeper {
    /// What it was handed.
    pub fn take(&self) -> Option<Arc<Trace>> {
        self.0.lock().take()
    }
}

impl Tap for Keeper {
    fn wants(&self, _subject: Subject) -> bool {
        true
    }

    fn take(&self, trace: &Arc<Trace>, _generation: &Arc<Generation>) {
        *self.0.lock() = Some(trace.clone());
    }
}

/// All taps of an engine.
#[derive(Default)]
pub(crate) struct Taps {
    any: AtomicBool,
    taps: ArcSwap<Vec<Arc<dyn Tap>>>,
    changing: Mutex<()>,
}

impl Taps {
    /// Begins to note what a step reads, if somebody may want to know.
    pub fn begin(&self) -> Option<Box<Capture>> {
        // Whoever has come a moment ago misses this step.
        self.any.load(Ordering::Relaxed).then(|| Box::new(Capture::new(self.taps.load_full())))
    }

    /// From the next step on, hands traces to this one too.
    pub fn add(&self, tap: Arc<dyn Tap>) {
        self.change(|taps| taps.push(tap));
    }

    /// Takes a tap away. Steps under way may still bring a trace.
    pub fn remove(&self, tap: &Arc<dyn Tap>) {
        self.change(|taps| taps.retain(|known| !Arc::ptr_eq(known, tap)));
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Arc<dyn Tap>>)) {
        let _changing = self.changing.lock();
        let mut taps = self.taps.load().to_vec();
        change(&mut taps);
        let any = !taps.is_empty();
        self.taps.store(Arc::new(taps));
        self.any.store(any, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_about_as_large_as_it_says() {
        let count = |share: f64| {
            let share = Share::new(share);
            (0..10_000).filter(|number| share.has(Subject::step(*number))).count()
        };
        assert_eq!((count(0.0), count(1.0), count(7.0), count(f64::NAN)), (0, 10_000, 10_000, 0));
        assert!((800..1200).contains(&count(0.1)));
    }
}
