//! The engine that keeps everything in memory and nothing on disk.

use std::{
    collections::{BTreeMap, btree_map},
    ops::Bound,
};

use bytes::Bytes;
use parking_lot::RwLock;

use crate::{
    Applied, Commit, Engine, Entry, Error, Image, Op, Opened, Page, PartitionKey, Record, Timer,
    due::DueIndex, versions::Versions,
};

/// An engine in memory: for tests, and for a server that may forget everything when it stops.
///
/// `sync` means nothing to it, and it was always opened clean.
pub struct Memory {
    state: RwLock<State>,
}

struct State {
    partitions: BTreeMap<PartitionKey, Partition>,
    versions: Versions,
    due: DueIndex,
    meta: BTreeMap<String, Bytes>,
    closed: bool,
}

#[derive(Default)]
struct Partition {
    records: BTreeMap<Vec<u8>, Record>,
    timers: BTreeMap<Vec<u8>, Timer>,
    outbox: BTreeMap<u64, Bytes>,
}

impl Partition {
    fn apply(&mut self, op: Op) {
        match op {
            Op::PutRecord { key, record } => drop(self.records.insert(key, record)),
            Op::DeleteRecord { key } => drop(self.records.remove(&key)),
            Op::SetTimer { name, timer } => drop(self.timers.insert(name, timer)),
            Op::CancelTimer { name } => drop(self.timers.remove(&name)),
            Op::PutOutbox { sequence, payload } => drop(self.outbox.insert(sequence, payload)),
            Op::DeleteOutbox { sequence } => drop(self.outbox.remove(&sequence)),
        }
    }

    fn is_empty(&self) -> bool {
        self.records.is_empty() && self.timers.is_empty() && self.outbox.is_empty()
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl Memory {
    /// An empty store.
    pub fn new() -> Self {
        let state = State {
            partitions: BTreeMap::new(),
            versions: Versions::new(),
            due: DueIndex::default(),
            meta: BTreeMap::new(),
            closed: false,
        };
        Self { state: RwLock::new(state) }
    }

    /// A store as these commits, all of which once applied, left it.
    pub(crate) fn replay(commits: &[Commit], meta: &BTreeMap<String, Vec<u8>>) -> Self {
        let memory = Self::new();
        {
            let state = &mut *memory.state.write();
            for commit in commits {
                let held = state.partitions.entry(commit.partition.clone()).or_default();
                commit.ops.iter().cloned().for_each(|op| held.apply(op));
                if let Some(wake) = commit.wake {
                    state.due.set(&commit.partition, wake);
                }
            }
            state.partitions.retain(|_, held| !held.is_empty());
            state.meta = meta.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
        }
        memory
    }
}

impl State {
    fn open(&self) -> Result<(), Error> {
        if self.closed { Err(Error::Closed) } else { Ok(()) }
    }

    fn after(&self, after: Option<&PartitionKey>) -> btree_map::Range<'_, PartitionKey, Partition> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.partitions.range::<PartitionKey, _>((start, Bound::Unbounded))
    }
}

impl Engine for Memory {
    fn load(&self, partition: &PartitionKey, now: u64) -> Result<Image, Error> {
        let state = self.state.read();
        let mut image = Image { version: state.versions.get(partition.as_str()), ..Image::default() };
        if let Some(held) = state.partitions.get(partition) {
            image.records = held
                .records
                .iter()
                .filter(|(_, record)| record.live(now))
                .map(|(key, record)| Entry { key: key.clone(), record: record.clone() })
                .collect();
            image.timers = held.timers.iter().map(|(name, timer)| (name.clone(), timer.clone())).collect();
            image.outbox = held.outbox.iter().map(|(number, payload)| (*number, payload.clone())).collect();
        }
        Ok(image)
    }

    fn version(&self, partition: &PartitionKey) -> Result<u64, Error> {
        Ok(self.state.read().versions.get(partition.as_str()))
    }

    fn get(&self, partition: &PartitionKey, key: &[u8], now: u64) -> Result<Option<Record>, Error> {
        let state = self.state.read();
        let record = state.partitions.get(partition).and_then(|held| held.records.get(key));
        Ok(record.filter(|record| record.live(now)).cloned())
    }

    fn scan(
        &self,
        partition: &PartitionKey,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
        now: u64,
    ) -> Result<Vec<Entry>, Error> {
        let state = self.state.read();
        let Some(held) = state.partitions.get(partition) else { return Ok(Vec::new()) };
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        Ok(held
            .records
            .range::<[u8], _>((start, Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix))
            .filter(|(_, record)| record.live(now))
            .take(limit)
            .map(|(key, record)| Entry { key: key.clone(), record: record.clone() })
            .collect())
    }

    fn apply(&self, group: Vec<Commit>, _sync: bool) -> Result<Vec<Applied>, Error> {
        group.iter().try_for_each(Commit::check)?;
        let mut state = self.state.write();
        state.open()?;
        let State { partitions, versions, due, .. } = &mut *state;
        let mut made = versions.begin();
        let mut results = Vec::with_capacity(group.len());
        for commit in group {
            let result = versions.check(&mut made, commit.partition.as_str(), commit.expected);
            results.push(result);
            if result.is_err() {
                continue;
            }
            if let Some(wake) = commit.wake {
                due.set(&commit.partition, wake);
            }
            match partitions.entry(commit.partition) {
                btree_map::Entry::Occupied(mut held) => {
                    commit.ops.into_iter().for_each(|op| held.get_mut().apply(op));
                    if held.get().is_empty() {
                        held.remove();
                    }
                }
                btree_map::Entry::Vacant(vacant) => {
                    let mut fresh = Partition::default();
                    commit.ops.into_iter().for_each(|op| fresh.apply(op));
                    if !fresh.is_empty() {
                        vacant.insert(fresh);
                    }
                }
            }
        }
        versions.finish(made);
        Ok(results)
    }

    fn due(&self, until: u64, limit: usize) -> Result<Vec<(u64, PartitionKey)>, Error> {
        Ok(self.state.read().due.due(until, limit))
    }

    fn next_due(&self) -> Result<Option<u64>, Error> {
        Ok(self.state.read().due.next())
    }

    fn partitions(&self, after: Option<&PartitionKey>, limit: usize) -> Result<Page, Error> {
        Ok(self.state.read().after(after).take(limit).map(|(name, _)| name.clone()).collect())
    }

    fn pending(&self, after: Option<&PartitionKey>, limit: usize) -> Result<Page, Error> {
        let state = self.state.read();
        let pending = state.after(after).filter(|(_, held)| !held.outbox.is_empty());
        Ok(pending.take(limit).map(|(name, _)| name.clone()).collect())
    }

    fn sweep(
        &self,
        after: Option<&PartitionKey>,
        limit: usize,
        now: u64,
    ) -> Result<Option<PartitionKey>, Error> {
        let mut state = self.state.write();
        state.open()?;
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let (mut looked, mut last, mut emptied) = (0, None, Vec::new());
        for (name, held) in state.partitions.range_mut::<PartitionKey, _>((start, Bound::Unbounded)) {
            if looked >= limit.max(1) {
                break;
            }
            looked += held.records.len().max(1);
            held.records.retain(|_, record| record.live(now));
            if held.is_empty() {
                emptied.push(name.clone());
            }
            last = Some(name.clone());
        }
        let more = last.as_ref().is_some_and(|last| state.after(Some(last)).next().is_some());
        for name in emptied {
            state.partitions.remove(&name);
        }
        Ok(last.filter(|_| more))
    }

    fn opened(&self) -> Opened {
        Opened { epoch: 0, clean: true }
    }

    fn close(&self) -> Result<(), Error> {
        self.state.write().closed = true;
        Ok(())
    }

    fn get_meta(&self, name: &str) -> Result<Option<Bytes>, Error> {
        Ok(self.state.read().meta.get(name).cloned())
    }

    fn put_meta(&self, name: &str, value: &[u8]) -> Result<(), Error> {
        let mut state = self.state.write();
        state.open()?;
        state.meta.insert(name.to_owned(), Bytes::copy_from_slice(value));
        Ok(())
    }
}
