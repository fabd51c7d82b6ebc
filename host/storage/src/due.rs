//! The due index: which partition wants to be woken when.
//!
//! Kept in memory, also by the engine on disk, which builds it from the timers when it opens. On disk it would
//! cost two writes for nearly every commit, and a queue in an LSM tree leaves a trail of tombstones just where the
//! next look begins.

use std::collections::{BTreeSet, HashMap};

use crate::PartitionKey;

/// Partitions by wake-up instant. A name is stored once.
#[derive(Default)]
pub(crate) struct DueIndex {
    wakes: HashMap<PartitionKey, u64>,
    queue: BTreeSet<(u64, PartitionKey)>,
}

impl DueIndex {
    /// Moves a partition, or takes it out.
    pub fn set(&mut self, partition: &PartitionKey, wake: Option<u64>) {
        let partition = match self.wakes.remove_entry(partition) {
            Some((known, instant)) if Some(instant) == wake => {
                self.wakes.insert(known, instant);
                return;
            }
            Some((known, instant)) => {
                let entry = (instant, known);
                self.queue.remove(&entry);
                entry.1
            }
            None => partition.clone(),
        };
        let Some(instant) = wake else { return };
        self.queue.insert((instant, partition.clone()));
        self.wakes.insert(partition, instant);
    }

    /// Moves a partition forward, never back; for building the index timer by timer.
    #[cfg(feature = "fjall")]
    pub fn advance(&mut self, partition: &PartitionKey, due: u64) {
        if self.wakes.get(partition).is_none_or(|instant| due < *instant) {
            self.set(partition, Some(due));
        }
    }

    pub fn due(&self, until: u64, limit: usize) -> Vec<(u64, PartitionKey)> {
        self.queue.iter().take_while(|(instant, _)| *instant <= until).take(limit).cloned().collect()
    }

    pub fn next(&self) -> Option<u64> {
        self.queue.first().map(|(instant, _)| *instant)
    }
}
