//! A disk that loses what was not synced.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use parking_lot::Mutex;

use crate::{
    Applied, Commit, Engine, Entry, Error, Image, Memory, Opened, Page, PartitionKey, Record,
    conformance::Durable,
};

/// A store in memory that is as durable as a disk: dropping an engine that [`open`](Durable::open) gave is a
/// power failure unless it was closed, and what was applied without `sync` since the last sync is lost. Everything
/// ever written is kept, so it is for tests only.
///
/// ```
/// use rollcall_storage::{Engine, conformance::Durable, testing::Disk};
///
/// let disk = Disk::default();
/// drop(disk.open());
/// assert_eq!(disk.open().opened().epoch, 1);
/// ```
#[derive(Clone, Default)]
pub struct Disk(Arc<Mutex<Synced>>);

#[derive(Default)]
struct Synced {
    commits: Vec<Commit>,
    meta: BTreeMap<String, Vec<u8>>,
    epoch: u64,
    used: bool,
    closed: bool,
}

/// The open [`Disk`].
pub struct Powered {
    memory: Memory,
    disk: Disk,
    unsynced: Mutex<Vec<Commit>>,
    opened: Opened,
}

impl Durable for Disk {
    type Engine = Powered;

    fn open(&self) -> Powered {
        let mut synced = self.0.lock();
        let clean = synced.closed || !synced.used;
        synced.epoch += u64::from(!clean);
        (synced.used, synced.closed) = (true, false);
        Powered {
            memory: Memory::replay(&synced.commits, &synced.meta),
            disk: self.clone(),
            unsynced: Mutex::default(),
            opened: Opened { epoch: synced.epoch, clean },
        }
    }
}

impl Engine for Powered {
    fn load(&self, partition: &PartitionKey, now: u64) -> Result<Image, Error> {
        self.memory.load(partition, now)
    }

    fn version(&self, partition: &PartitionKey) -> Result<u64, Error> {
        self.memory.version(partition)
    }

    fn get(&self, partition: &PartitionKey, key: &[u8], now: u64) -> Result<Option<Record>, Error> {
        self.memory.get(partition, key, now)
    }

    fn scan(
        &self,
        partition: &PartitionKey,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
        now: u64,
    ) -> Result<Vec<Entry>, Error> {
        self.memory.scan(partition, prefix, after, limit, now)
    }

    fn apply(&self, group: Vec<Commit>, sync: bool) -> Result<Vec<Applied>, Error> {
        let mut unsynced = self.unsynced.lock();
        let results = self.memory.apply(group.clone(), sync)?;
        let applied = group.into_iter().zip(&results).filter(|(_, result)| result.is_ok());
        unsynced.extend(applied.map(|(commit, _)| commit));
        if sync {
            self.disk.0.lock().commits.append(&mut unsynced);
        }
        Ok(results)
    }

    fn due(&self, until: u64, limit: usize) -> Result<Vec<(u64, PartitionKey)>, Error> {
        self.memory.due(until, limit)
    }

    fn next_due(&self) -> Result<Option<u64>, Error> {
        self.memory.next_due()
    }

    fn partitions(&self, after: Option<&PartitionKey>, limit: usize) -> Result<Page, Error> {
        self.memory.partitions(after, limit)
    }

    fn pending(&self, after: Option<&PartitionKey>, limit: usize) -> Result<Page, Error> {
        self.memory.pending(after, limit)
    }

    fn sweep(
        &self,
        after: Option<&PartitionKey>,
        limit: usize,
        now: u64,
    ) -> Result<Option<PartitionKey>, Error> {
        self.memory.sweep(after, limit, now)
    }

    fn opened(&self) -> Opened {
        self.opened
    }

    fn close(&self) -> Result<(), Error> {
        let mut unsynced = self.unsynced.lock();
        self.memory.close()?;
        let mut synced = self.disk.0.lock();
        synced.commits.append(&mut unsynced);
        synced.closed = true;
        Ok(())
    }

    fn get_meta(&self, name: &str) -> Result<Option<Bytes>, Error> {
        self.memory.get_meta(name)
    }

    fn put_meta(&self, name: &str, value: &[u8]) -> Result<(), Error> {
        self.memory.put_meta(name, value)?;
        self.disk.0.lock().meta.insert(name.to_owned(), value.to_vec());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Op, conformance};

    #[test]
    fn disk_conforms() {
        conformance::run(|| Disk::default().open());
        conformance::run_durable(Disk::default);
    }

    #[test]
    fn power_failure_takes_what_was_not_synced() {
        let disk = Disk::default();
        let engine = disk.open();
        let partition = PartitionKey::new("p").unwrap();
        let apply = |sequence: u64, sync| {
            let ops = vec![Op::PutOutbox { sequence, payload: Bytes::new() }];
            let commit = Commit { partition: partition.clone(), expected: sequence, ops, wake: None };
            assert!(engine.apply(vec![commit], sync).unwrap()[0].is_ok());
        };
        apply(0, false);
        apply(1, true);
        apply(2, false);
        drop(engine);
        let outbox = disk.open().load(&partition, 0).unwrap().outbox;
        assert_eq!(outbox.into_iter().map(|(sequence, _)| sequence).collect::<Vec<_>>(), [0, 1]);
    }
}
