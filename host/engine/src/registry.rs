//! All live partitions: finds, loads and drops them.
//!
//! Invariant: there is at most one [`Live`] of a partition that is not retired, and a
//! partition is dropped only when the database has all of it.

use crate::background::{Background, Task};
use crate::outbox::OutboxEntry;
use crate::partition::{Live, Size};
use parking_lot::lock_api::ArcMutexGuard;
use parking_lot::{Mutex, RawMutex};
use rollcall_storage::{Engine as Storage, Error, Image, PartitionKey};
use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};

/// A partition held by one step.
pub(crate) type Held = ArcMutexGuard<RawMutex, Live>;

const SHARDS: usize = 64;

/// Slots of the counters by record kind: one for each first byte of a key.
const KINDS: usize = 256;

struct Slot {
    live: Arc<Mutex<Live>>,
    incarnation: u64,
    /// Used since the eviction hand passed last.
    used: AtomicBool,
}

type Shard = Mutex<HashMap<PartitionKey, Slot>>;

/// The live partitions.
pub(crate) struct Registry {
    storage: Arc<dyn Storage>,
    shards: Vec<Shard>,
    hasher: RandomState,
    incarnations: AtomicU64,
    bytes: AtomicUsize,
    outbox: AtomicUsize,
    live_bytes: usize,
    kinds: Vec<AtomicI64>,
    hand: AtomicUsize,
    /// While the records of the whole store are being counted: partitions that are.
    counting: Mutex<Option<HashSet<PartitionKey>>>,
    /// Partitions whose outbox was not taken up yet since the start.
    unresumed: Mutex<HashSet<PartitionKey>>,
    background: Arc<Background>,
}

impl Registry {
    pub fn new(
        storage: Arc<dyn Storage>,
        live_bytes: usize,
        unresumed: HashSet<PartitionKey>,
        background: Arc<Background>,
    ) -> Registry {
        Registry {
            storage,
            unresumed: Mutex::new(unresumed),
            background,
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            incarnations: AtomicU64::new(1),
            bytes: AtomicUsize::new(0),
            outbox: AtomicUsize::new(0),
            live_bytes,
            kinds: (0..KINDS).map(|_| AtomicI64::new(0)).collect(),
            hand: AtomicUsize::new(0),
            counting: Mutex::new(None),
        }
    }

    fn shard(&self, partition: &PartitionKey) -> &Shard {
        let hash = self.hasher.hash_one(partition.as_str());
        &self.shards[hash as usize % SHARDS]
    }

    /// The partition, locked; loaded from the database if need be. Waits for its current step.
    pub fn hold(&self, partition: &PartitionKey, now: u64) -> Result<Held, Error> {
        loop {
            let found = {
                let shard = self.shard(partition).lock();
                shard.get(partition).map(|slot| {
                    slot.used.store(true, Ordering::Relaxed);
                    slot.live.clone()
                })
            };
            if let Some(live) = found {
                let held = live.lock_arc();
                if !held.retired {
                    return Ok(held);
                }
                continue;
            }
            let incarnation = self.incarnations.fetch_add(1, Ordering::Relaxed);
            let empty = Live::new(partition.clone(), incarnation, Image::default());
            let live = Arc::new(Mutex::new(empty));
            // Locked and findable before it is loaded: whoever comes meanwhile waits, and two
            // threads never load the same partition.
            let mut held = live.lock_arc();
            {
                let mut shard = self.shard(partition).lock();
                if shard.contains_key(partition) {
                    continue;
                }
                let slot = Slot { live, incarnation, used: AtomicBool::new(true) };
                shard.insert(partition.clone(), slot);
            }
            match self.storage.load(partition, now) {
                Ok(image) => {
                    let empty = image.is_empty();
                    if self.unresumed.lock().remove(partition) {
                        self.resume(partition, &image);
                    }
                    *held = Live::new(partition.clone(), incarnation, image);
                    if let Some(counted) = self.counting.lock().as_mut() {
                        held.counted = counted.contains(partition) || empty;
                        if empty {
                            counted.insert(partition.clone());
                        }
                    }
                    self.resized(Size::default(), held.size());
                    return Ok(held);
                }
                Err(error) => {
                    held.retired = true;
                    self.shard(partition).lock().remove(partition);
                    return Err(error);
                }
            }
        }
    }

    /// The partition, locked, to be read only: the one in memory if it is there, else a copy of what the
    /// database has, which nobody else sees and which is gone afterwards.
    pub fn look(&self, partition: &PartitionKey, now: u64) -> Result<Held, Error> {
        let find = || self.shard(partition).lock().get(partition).map(|slot| slot.live.clone());
        let mut copy = None;
        loop {
            match (find(), copy.take()) {
                (Some(live), _) => {
                    let held = live.lock_arc();
                    if !held.retired {
                        return Ok(held);
                    }
                }
                // Looked for once more after it was loaded: what is in memory may be ahead of the database.
                (None, Some(copy)) => return Ok(copy),
                (None, None) => {
                    let image = self.storage.load(partition, now)?;
                    copy = Some(Arc::new(Mutex::new(Live::new(partition.clone(), 0, image))).lock_arc());
                }
            }
        }
    }

    /// Takes up what a partition had in its outbox when the host stopped. Happens when it is loaded
    /// for the first time, before any step: so old posts go before new ones, and what a step puts
    /// there later is not taken for old.
    fn resume(&self, partition: &PartitionKey, image: &Image) {
        let mut sends = Vec::new();
        for (sequence, payload) in &image.outbox {
            let (from, sequence) = (partition.clone(), *sequence);
            match OutboxEntry::decode(payload) {
                Some(OutboxEntry::Post { to, .. }) => {
                    if let Ok(to) = PartitionKey::new(&to) {
                        self.background.push(Task::Deliver { from, sequence, to });
                    }
                }
                Some(OutboxEntry::Send { token, request }) => sends.push((sequence, token.into(), request)),
                None => tracing::error!(%partition, sequence, "unreadable outbox entry"),
            }
        }
        if !sends.is_empty() {
            self.background.push(Task::Resend { from: partition.clone(), sends });
        }
    }

    /// Partitions whose outbox waits to be taken up.
    pub fn unresumed(&self) -> Vec<PartitionKey> {
        self.unresumed.lock().iter().cloned().collect()
    }

    /// Accounts for a change of a partition's size.
    pub fn resized(&self, before: Size, after: Size) {
        // Wrapping, as atomics do: each difference is taken back by a later one.
        self.bytes.fetch_add(after.bytes.wrapping_sub(before.bytes), Ordering::Relaxed);
        if after.outbox != before.outbox {
            self.outbox.fetch_add(after.outbox.wrapping_sub(before.outbox), Ordering::Relaxed);
        }
    }

    /// Posts and kept requests that wait. Partitions with any stay in memory, so this is all once the
    /// outboxes found at the start have been taken up.
    pub fn outbox(&self) -> usize {
        self.outbox.load(Ordering::Relaxed)
    }

    /// Counts records by kind.
    pub fn count(&self, kind: u8, change: i64) {
        self.kinds[usize::from(kind)].fetch_add(change, Ordering::Relaxed);
    }

    /// Begins to count the records of the whole store: [`count_partition`](Self::count_partition)
    /// has to be called for every partition.
    pub fn begin_counting(&self) {
        *self.counting.lock() = Some(HashSet::new());
    }

    /// Counts the records of a partition, once.
    pub fn count_partition(&self, live: &mut Live) {
        if live.counted {
            return;
        }
        live.counted = true;
        live.kinds().for_each(|kind| self.count(kind, 1));
        if let Some(counted) = self.counting.lock().as_mut() {
            counted.insert(live.key.clone());
        }
    }

    /// Every partition that the store listed has been counted. One that a step emptied before is
    /// not in that list.
    pub fn end_counting(&self) {
        for shard in &self.shards {
            let slots: Vec<_> = shard.lock().values().map(|slot| slot.live.clone()).collect();
            for slot in slots {
                self.count_partition(&mut slot.lock());
            }
        }
        *self.counting.lock() = None;
    }

    /// Counts by kind that are not zero.
    pub fn counts(&self) -> Vec<(u8, i64)> {
        let counts = self.kinds.iter().enumerate().map(|(kind, n)| (kind as u8, n.load(Ordering::Relaxed)));
        counts.filter(|(_, n)| *n != 0).collect()
    }

    /// Records in the store whose keys start with this byte.
    pub fn counted(&self, kind: u8) -> i64 {
        self.kinds[usize::from(kind)].load(Ordering::Relaxed)
    }

    /// Number of live partitions and their estimated size in bytes.
    pub fn size(&self) -> (usize, usize) {
        let partitions = self.shards.iter().map(|shard| shard.lock().len()).sum();
        (partitions, self.bytes.load(Ordering::Relaxed))
    }

    /// Takes a partition out of memory because its state is not the database's. What was
    /// computed from it must not be used. True if it had relaxed changes, which are lost.
    pub fn retire(&self, partition: &PartitionKey, incarnation: u64, now: u64) -> bool {
        let slot = {
            let mut shard = self.shard(partition).lock();
            let current = shard.get(partition).is_some_and(|slot| slot.incarnation == incarnation);
            if current { shard.remove(partition) } else { None }
        };
        let Some(slot) = slot else { return false };
        let mut live = slot.live.lock();
        live.retired = true;
        self.resized(live.size(), Size::default());
        if live.counted {
            // What was counted is not what is there.
            live.kinds().for_each(|kind| self.count(kind, -1));
            match self.storage.load(partition, now) {
                Ok(image) => {
                    let found = Live::new(partition.clone(), incarnation, image);
                    found.kinds().for_each(|kind| self.count(kind, 1));
                }
                Err(error) => tracing::error!(%partition, %error, "records cannot be counted"),
            }
        }
        live.is_dirty()
    }

    /// Drops partitions that were not used lately while there is more in memory than allowed.
    /// `durable` is the ticket up to which commits are on disk.
    pub fn evict(&self, durable: u64) {
        for _ in 0..2 * SHARDS {
            if self.bytes.load(Ordering::Relaxed) <= self.live_bytes {
                return;
            }
            let hand = self.hand.fetch_add(1, Ordering::Relaxed) % SHARDS;
            self.shards[hand].lock().retain(|_, slot| {
                if slot.used.swap(false, Ordering::Relaxed)
                    || self.bytes.load(Ordering::Relaxed) <= self.live_bytes
                {
                    return true;
                }
                let Some(mut live) = slot.live.try_lock() else { return true };
                if live.is_dirty() || live.submitted > durable || live.size().outbox > 0 {
                    return true;
                }
                live.retired = true;
                self.resized(live.size(), Size::default());
                false
            });
        }
    }
}
