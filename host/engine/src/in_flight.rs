//! Requests that were sent and whose outcome is open.

use crate::message::SendId;
use bytes::Bytes;
use parking_lot::Mutex;
use rollcall_storage::PartitionKey;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

const SHARDS: usize = 16;

/// Who waits for the outcome of a request.
pub(crate) struct Waiting {
    pub partition: PartitionKey,
    pub token: Bytes,
    /// Its entry in the outbox, for a kept request.
    pub outbox: Option<u64>,
}

/// All requests under way.
#[derive(Default)]
pub(crate) struct InFlight {
    next: AtomicU64,
    shards: [Mutex<HashMap<u64, Waiting>>; SHARDS],
}

impl InFlight {
    fn shard(&self, id: u64) -> &Mutex<HashMap<u64, Waiting>> {
        &self.shards[id as usize % SHARDS]
    }

    pub fn add(&self, waiting: Waiting) -> SendId {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.shard(id).lock().insert(id, waiting);
        SendId(id)
    }

    /// Ends a request; none if it has ended already.
    pub fn take(&self, id: SendId) -> Option<Waiting> {
        self.shard(id.0).lock().remove(&id.0)
    }

    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    /// Partitions that wait for an outcome.
    pub fn partitions(&self) -> Vec<PartitionKey> {
        let mut partitions: Vec<PartitionKey> = Vec::new();
        for shard in &self.shards {
            partitions.extend(shard.lock().values().map(|waiting| waiting.partition.clone()));
        }
        partitions.sort();
        partitions.dedup();
        partitions
    }
}
