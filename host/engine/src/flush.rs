//! Writes relaxed changes to the database, coalesced.
//!
//! Invariant: a partition with relaxed changes is on the list until a flush has taken them.

use crate::commit::Work;
use crate::runner::Shared;
use parking_lot::{Condvar, Mutex};
use rollcall_storage::PartitionKey;
use std::sync::Arc;

/// Changes given to the group commit before the flusher waits for them, so that durable
/// commits do not queue behind a long flush.
const OPS_AT_ONCE: usize = 2000;

/// Intervals between two looks for expired records, and records looked at: a look walks over old
/// versions, too, and writers wait for it.
const SWEEP_EVERY: u32 = 20;
const SWEPT_AT_ONCE: usize = 100;

/// How long a record has expired before its space is freed, in milliseconds.
const SWEEP_AFTER_MS: u64 = 60_000;

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
    /// One flush at a time, so that a change is on the list or with the group commit when a flush begins.
    flushing: Mutex<()>,
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

    /// The thread: flushes at every interval.
    pub fn run(&self, shared: &Arc<Shared>) {
        let mut swept = None;
        let mut interval = 0_u32;
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
            interval = interval.wrapping_add(1);
            if interval.is_multiple_of(SWEEP_EVERY) {
                swept = sweep(shared, swept);
            }
        }
    }

    /// Gives all relaxed changes to the group commit and waits until they are on disk.
    pub fn flush(&self, shared: &Arc<Shared>) {
        let _one_at_a_time = self.flushing.lock();
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

/// Frees the space of some records that have expired; gives the partition to go on after.
fn sweep(shared: &Shared, after: Option<PartitionKey>) -> Option<PartitionKey> {
    // Steps under way may have taken their time a little earlier.
    let long_expired = shared.clock.now_ms().saturating_sub(SWEEP_AFTER_MS);
    shared.storage.sweep(after.as_ref(), SWEPT_AT_ONCE, long_expired).unwrap_or_else(|error| {
        tracing::error!(%error, "expired records cannot be swept");
        None
    })
}
