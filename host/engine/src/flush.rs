//! Writes relaxed changes to the database, coalesced.
//!
//! Invariant: a partition with relaxed changes is on the list until a flush has taken them.

use crate::commit::Work;
use crate::runner::Shared;
use parking_lot::{Condvar, Mutex};
use rollcall_storage::PartitionKey;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Changes given to the group commit before the flusher waits for them, so that durable
/// commits do not queue behind a long flush.
const OPS_AT_ONCE: usize = 2000;

/// Pause between two looks for expired records, and how many records one looks at.
const SWEEP_INTERVAL: Duration = Duration::from_secs(10);
const SWEEP_RECORDS: usize = 1000;

#[derive(Default)]
struct State {
    dirty: Vec<PartitionKey>,
    stopping: bool,
}

/// The list of partitions with relaxed changes.
#[derive(Default)]
pub(crate) struct Flusher {
    state: Mutex<State>,
    wake: Condvar,
}

impl Flusher {
    /// Notes a partition.
    pub fn add(&self, partition: PartitionKey) {
        self.state.lock().dirty.push(partition);
    }

    /// Lets the thread end.
    pub fn stop(&self) {
        self.state.lock().stopping = true;
        self.wake.notify_all();
    }

    /// The thread: flushes at every interval, and now and then frees the space of a few
    /// expired records.
    pub fn run(&self, shared: &Arc<Shared>) {
        let mut swept = Instant::now();
        let mut after = None;
        loop {
            {
                let mut state = self.state.lock();
                if !state.stopping {
                    self.wake.wait_for(&mut state, shared.config.flush_interval);
                }
                if state.stopping {
                    return;
                }
            }
            self.flush(shared);
            if swept.elapsed() >= SWEEP_INTERVAL {
                swept = Instant::now();
                after = match shared.storage.sweep(after.as_ref(), SWEEP_RECORDS, shared.clock.now_ms()) {
                    Ok(next) => next,
                    Err(error) => {
                        tracing::warn!(%error, "expired records cannot be freed");
                        None
                    }
                };
            }
        }
    }

    /// Gives all relaxed changes to the group commit and waits until they are on disk.
    pub fn flush(&self, shared: &Arc<Shared>) {
        let dirty = std::mem::take(&mut self.state.lock().dirty);
        let mut ops = 0;
        for partition in dirty {
            match shared.registry.hold(&partition, shared.clock.now_ms()) {
                Ok(mut live) => {
                    live.queued_for_flush = false;
                    let Some(commit) = live.flush() else { continue };
                    ops += commit.ops.len();
                    shared.metrics.flushed.add(commit.ops.len() as u64);
                    let incarnation = live.incarnation;
                    live.submitted =
                        shared.committer.submit(partition, incarnation, Some(commit), Work::Flush);
                }
                Err(error) => tracing::error!(%partition, %error, "relaxed changes cannot be written"),
            }
            if ops >= OPS_AT_ONCE {
                shared.committer.wait();
                ops = 0;
            }
        }
        shared.committer.wait();
    }
}
