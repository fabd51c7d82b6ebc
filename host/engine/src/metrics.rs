//! Counters of the engine. Plain atomics: reading and writing them costs nothing worth
//! counting, and the embedder shows them in whatever form it likes.

use crate::step::input::Kind;
use crate::tables::TableGauges;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A number that only grows.
#[derive(Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// The count since the start.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Upper bounds of the histogram buckets for times, in microseconds; the last bucket has none.
pub const TIME_BOUNDS: [u64; 14] =
    [10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000, 500_000, 2_000_000];

/// Upper bounds of the histogram buckets for sizes of commit groups; the last bucket has none.
pub const GROUP_BOUNDS: [u64; 14] = [1, 2, 3, 5, 8, 13, 21, 34, 55, 100, 200, 500, 1_000, 2_000];

/// Counts of values in buckets.
pub struct Histogram {
    bounds: &'static [u64; 14],
    buckets: [AtomicU64; 15],
    sum: AtomicU64,
}

impl Histogram {
    fn new(bounds: &'static [u64; 14]) -> Histogram {
        Histogram { bounds, buckets: Default::default(), sum: AtomicU64::new(0) }
    }

    pub(crate) fn observe(&self, value: u64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    pub(crate) fn observe_time(&self, time: Duration) {
        self.observe(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    /// Upper bounds of all buckets but the last.
    pub fn bounds(&self) -> &'static [u64] {
        self.bounds
    }

    /// Counts of the buckets, not accumulated; one more than there are bounds.
    pub fn buckets(&self) -> [u64; 15] {
        std::array::from_fn(|i| self.buckets[i].load(Ordering::Relaxed))
    }

    /// Sum of all values.
    pub fn sum(&self) -> u64 {
        self.sum.load(Ordering::Relaxed)
    }
}

/// Counters by kind of step.
#[derive(Default)]
pub struct ByKind([Counter; Kind::ALL.len()]);

impl ByKind {
    pub(crate) fn add(&self, kind: Kind) {
        self.0[kind as usize].add(1);
    }

    /// The count of one kind.
    pub fn get(&self, kind: Kind) -> u64 {
        self.0[kind as usize].get()
    }
}

/// What became of calls of a site's own identity rules.
#[derive(Default)]
pub struct IdentityCounts {
    /// All calls.
    pub calls: Counter,
    /// Those that the rules refused.
    pub refusals: Counter,
    /// Those that trapped, took too long or too much memory, or gave a result that cannot be taken.
    pub failures: Counter,
}

/// What came of recordings.
#[derive(Default)]
pub struct RecordCounts {
    /// Steps in them.
    pub written: Counter,
    /// Steps left out because they came too fast.
    pub left_out: Counter,
    /// Bytes.
    pub bytes: Counter,
}

/// What came of the steps that a shadow was to run.
#[derive(Default)]
pub struct ShadowCounts {
    /// Steps that were the same.
    pub same: Counter,
    /// Steps that differ.
    pub differs: Counter,
    /// Steps that failed, and had not the first time.
    pub failed: Counter,
    /// Steps that came too fast.
    pub skipped: Counter,
    /// Processor time of shadows, in nanoseconds.
    pub cpu: Counter,
}

/// Everything that the engine counts.
pub struct Metrics {
    /// Steps that ended well.
    pub steps: ByKind,
    /// Steps that failed, for whatever reason.
    pub failed_steps: ByKind,
    /// Traps of the component, deadlines and limits not counted.
    pub traps: Counter,
    /// Steps ended by their deadline.
    pub deadlines: Counter,
    /// Steps ended by another limit.
    pub limits: Counter,
    /// Steps whose verdict could not be honoured.
    pub verdicts: Counter,
    /// Times that the engine went back to an earlier component by command.
    pub roll_backs: Counter,
    /// Times that it did so by itself, because the new one had lost its trial.
    pub withdrawals: Counter,
    /// Times that it should have, but the earlier component could not be used any more.
    pub roll_backs_refused: Counter,
    /// Steps that were run again because another writer had changed the partition.
    pub conflicts: Counter,
    /// Requests refused because too much work waited.
    pub busy: Counter,
    /// Durable commits.
    pub commits: Counter,
    /// Relaxed changes written to the database, in records, timers and outbox entries.
    pub flushed: Counter,
    /// Requests sent.
    pub sent: Counter,
    /// Time of a step, waiting for its partition included, in microseconds.
    pub step_time: Histogram,
    /// Time from the end of a durable step until its commit is on disk, in microseconds.
    pub commit_time: Histogram,
    /// Commits of a group.
    pub group_size: Histogram,
    /// Instances made.
    pub instances: Counter,
    /// Calls of the site's own identity rules.
    pub identity: Arc<IdentityCounts>,
    /// Recordings; counted when one has ended.
    pub recording: RecordCounts,
    /// Shadows.
    pub shadow: Arc<ShadowCounts>,
}

impl Metrics {
    pub(crate) fn new() -> Metrics {
        Metrics {
            steps: ByKind::default(),
            failed_steps: ByKind::default(),
            traps: Counter::default(),
            deadlines: Counter::default(),
            limits: Counter::default(),
            verdicts: Counter::default(),
            roll_backs: Counter::default(),
            withdrawals: Counter::default(),
            roll_backs_refused: Counter::default(),
            conflicts: Counter::default(),
            busy: Counter::default(),
            commits: Counter::default(),
            flushed: Counter::default(),
            sent: Counter::default(),
            step_time: Histogram::new(&TIME_BOUNDS),
            commit_time: Histogram::new(&TIME_BOUNDS),
            group_size: Histogram::new(&GROUP_BOUNDS),
            instances: Counter::default(),
            identity: Arc::default(),
            recording: RecordCounts::default(),
            shadow: Arc::default(),
        }
    }
}

/// What the engine holds at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Partitions in memory.
    pub live_partitions: usize,
    /// Their estimated size in bytes.
    pub live_bytes: usize,
    /// Records in the store by kind, as the component describes them.
    pub records: Vec<(String, i64)>,
    /// Partitions that wait for a timer.
    pub timers: usize,
    /// Posts and kept requests that wait.
    pub outbox: usize,
    /// Timers, posts, recoveries and steps run again that wait for a thread.
    pub tasks: usize,
    /// Requests sent whose outcome is open.
    pub sends_in_flight: usize,
    /// Commits that wait for the disk.
    pub pending_commits: usize,
    /// Idle instances of the current generation.
    pub idle_instances: usize,
    /// The tables of the current generation.
    pub tables: Vec<TableGauges>,
    /// Whether the store has failed, so that nothing can be changed until a restart.
    pub store_failed: bool,
}
