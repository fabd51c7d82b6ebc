//! The embedded engine on disk, on the LSM tree `fjall`.

mod layout;
mod listing;
mod writes;

use std::{
    ops::Bound,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use ::fjall::{
    CompressionType, Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable, Snapshot,
    config::CompressionPolicy,
};
use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};

use self::{
    layout::{Kind, decode_record, decode_sequence, decode_timer, decode_u64, meta_key, split_record},
    listing::{Names, merge, range},
    writes::{Write, Writes},
};
use crate::{
    Applied, Commit, Engine, Entry, Error, Image, Opened, Page, PartitionKey, Record, due::DueIndex,
    versions::Versions,
};

/// Number of times that the store was opened after a stop without order.
const EPOCH: &str = "rollcall.epoch";
/// There while the store is closed in order.
const CLOSED: &str = "rollcall.closed";

/// How much memory and disk the engine on disk may use beyond the data itself.
#[derive(Debug, Clone, Copy)]
pub struct FjallOptions {
    /// Blocks of files kept in memory, in bytes. Small by default: live partitions are cached above the engine.
    pub cache: u64,
    /// Records written but not yet sorted into files, in bytes. Up to twice as much is in memory for a moment.
    pub memtable: u64,
    /// The journal is kept below this size, in bytes; at least 64 MiB.
    pub journal: u64,
    /// Threads that write and merge files; at least 1.
    pub workers: usize,
}

impl Default for FjallOptions {
    fn default() -> Self {
        Self { cache: 8 << 20, memtable: 16 << 20, journal: 128 << 20, workers: 1 }
    }
}

/// An engine that keeps everything in a directory, which it has to itself while it is open.
pub struct Fjall {
    db: Database,
    records: Keyspace,
    work: Keyspace,
    versions: Mutex<Versions>,
    due: Mutex<DueIndex>,
    /// Held while writing: a commit's version is checked and its batch written without another in between.
    writer: Mutex<Writes>,
    closed: AtomicBool,
    failed: AtomicBool,
    opened: Opened,
}

impl Fjall {
    /// Opens the store in a directory, or makes a new one there. Fails if another process has it open, if it
    /// is corrupt, or if the disk fails.
    pub fn open(directory: impl AsRef<Path>, options: FjallOptions) -> Result<Self, Error> {
        let directory = directory.as_ref();
        // The library panics over some kinds of damage to its own files.
        catch_unwind(AssertUnwindSafe(|| Self::open_inner(directory, options)))
            .unwrap_or(Err(Error::Corrupt("the files of the database cannot be read")))
    }

    fn open_inner(directory: &Path, options: FjallOptions) -> Result<Self, Error> {
        let db = Database::builder(directory)
            .cache_size(options.cache)
            .journal_compression(CompressionType::None)
            .max_journaling_size(options.journal.max(64 << 20))
            .worker_threads(options.workers.max(1))
            .open()
            .map_err(database)?;
        let keyspace = |name, memtable| {
            let create = || {
                KeyspaceCreateOptions::default()
                    .max_memtable_size(memtable)
                    .data_block_compression_policy(CompressionPolicy::all(CompressionType::None))
            };
            db.keyspace(name, create).map_err(database)
        };
        let records = keyspace("records", options.memtable)?;
        let work = keyspace("work", options.memtable / 4)?;

        let opened = begin(&db, &work)?;
        let mut due = DueIndex::default();
        let snapshot = db.snapshot();
        for guard in range(&snapshot, &work, Kind::Timer, Kind::Timer.start()) {
            let (key, value) = guard.into_inner().map_err(database)?;
            let (name, _) = Kind::Timer.parse(&key)?;
            let name = PartitionKey::new(name).map_err(|_| Error::Corrupt("a name out of bounds"))?;
            due.advance(&name, decode_timer(&value)?.due);
        }
        drop(snapshot);
        Ok(Self {
            db,
            records,
            work,
            versions: Mutex::new(Versions::new()),
            due: Mutex::new(due),
            writer: Mutex::default(),
            closed: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            opened,
        })
    }

    fn keyspace(&self, kind: Kind) -> &Keyspace {
        match kind {
            Kind::Record => &self.records,
            Kind::Timer | Kind::Outbox => &self.work,
        }
    }

    fn names<'a>(&'a self, snapshot: &'a Snapshot, kind: Kind, after: Option<&PartitionKey>) -> Names<'a> {
        Names::new(snapshot, self.keyspace(kind), kind, after)
    }

    /// Calls `each` with the rest of the key and the value of all that a partition has of a kind.
    fn each(
        &self,
        snapshot: &Snapshot,
        kind: Kind,
        partition: &PartitionKey,
        mut each: impl FnMut(&[u8], &[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let prefix = kind.prefix(partition);
        for guard in snapshot.prefix(self.keyspace(kind), &prefix) {
            let (key, value) = guard.into_inner().map_err(database)?;
            each(key.get(prefix.len()..).unwrap_or_default(), &value)?;
        }
        Ok(())
    }

    /// Keeps other writers out and begins to collect writes, if writing is still possible.
    fn collect(&self) -> Result<MutexGuard<'_, Writes>, Error> {
        let mut writes = self.writer.lock();
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::Closed);
        }
        if self.failed.load(Ordering::Acquire) {
            return Err(Error::Failed);
        }
        writes.clear();
        Ok(writes)
    }

    /// Writes what was collected, in one batch.
    fn write(&self, writes: &mut Writes, mode: PersistMode) -> Result<(), Error> {
        // All writes of a batch count as simultaneous, and the library does not promise which of two to one key
        // wins: the earlier is left out.
        writes.settle();
        let mut batch =
            ::fjall::OwnedWriteBatch::with_capacity(self.db.clone(), writes.len()).durability(Some(mode));
        for Write { work, key, value } in writes.iter() {
            let keyspace = if work { &self.work } else { &self.records };
            match value {
                Some(value) => batch.insert(keyspace, key, value),
                None => batch.remove(keyspace, key),
            }
        }
        let result = match (batch.is_empty(), mode) {
            (true, PersistMode::Buffer) => Ok(()),
            (true, _) => self.db.persist(mode),
            (false, _) => batch.commit(),
        };
        result.map_err(|error| {
            // What of a failed write is on the disk is unknown, and a second fsync would not tell either.
            self.failed.store(true, Ordering::Release);
            database(error)
        })
    }
}

/// Reads how the last stop was and takes note of this start, durably.
fn begin(db: &Database, work: &Keyspace) -> Result<Opened, Error> {
    let epoch = work.get(meta_key(EPOCH)).map_err(database)?;
    let closed = work.contains_key(meta_key(CLOSED)).map_err(database)?;
    let clean = closed || epoch.is_none();
    let epoch = epoch.map_or(Ok(0), |bytes| decode_u64(&bytes))?.saturating_add(u64::from(!clean));
    let mut batch = db.batch().durability(Some(PersistMode::SyncAll));
    batch.insert(work, meta_key(EPOCH), epoch.to_be_bytes());
    batch.remove(work, meta_key(CLOSED));
    batch.commit().map_err(database)?;
    Ok(Opened { epoch, clean })
}

fn database(error: ::fjall::Error) -> Error {
    Error::Database(Box::new(error))
}

impl Engine for Fjall {
    fn load(&self, partition: &PartitionKey, now: u64) -> Result<Image, Error> {
        // The version before the data: should a commit come in between, the image is too new for its version,
        // and a commit based on it is refused; never the other way round.
        let mut image = Image { version: self.version(partition)?, ..Image::default() };
        let snapshot = self.db.snapshot();
        self.each(&snapshot, Kind::Record, partition, |key, value| {
            if let Some(record) = decode_record(value, now)? {
                image.records.push(Entry { key: key.to_vec(), record });
            }
            Ok(())
        })?;
        self.each(&snapshot, Kind::Timer, partition, |name, value| {
            image.timers.push((name.to_vec(), decode_timer(value)?));
            Ok(())
        })?;
        self.each(&snapshot, Kind::Outbox, partition, |sequence, value| {
            image.outbox.push((decode_sequence(sequence)?, Bytes::copy_from_slice(value)));
            Ok(())
        })?;
        Ok(image)
    }

    fn version(&self, partition: &PartitionKey) -> Result<u64, Error> {
        Ok(self.versions.lock().get(partition.as_str()))
    }

    fn get(&self, partition: &PartitionKey, key: &[u8], now: u64) -> Result<Option<Record>, Error> {
        match self.records.get(Kind::Record.key(partition, key)).map_err(database)? {
            Some(value) => decode_record(&value, now),
            None => Ok(None),
        }
    }

    fn scan(
        &self,
        partition: &PartitionKey,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
        now: u64,
    ) -> Result<Vec<Entry>, Error> {
        let own = Kind::Record.prefix(partition).len();
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(Kind::Record.key(partition, after)),
            _ => Bound::Included(Kind::Record.key(partition, prefix)),
        };
        let end = Bound::Excluded(Kind::Record.behind(partition));
        let mut found = Vec::new();
        if limit == 0 {
            return Ok(found);
        }
        // A range of the keyspace itself could see half a commit.
        for guard in self.db.snapshot().range(&self.records, (start, end)) {
            let (key, value) = guard.into_inner().map_err(database)?;
            let key = key.get(own..).unwrap_or_default();
            if !key.starts_with(prefix) {
                break;
            }
            if let Some(record) = decode_record(&value, now)? {
                found.push(Entry { key: key.to_vec(), record });
                if found.len() == limit {
                    break;
                }
            }
        }
        Ok(found)
    }

    fn apply(&self, group: Vec<Commit>, sync: bool) -> Result<Vec<Applied>, Error> {
        group.iter().try_for_each(Commit::check)?;
        let mut writes = self.collect()?;
        let (results, made) = {
            let mut versions = self.versions.lock();
            let mut made = versions.begin();
            let check =
                |commit: &Commit| versions.check(&mut made, commit.partition.as_str(), commit.expected);
            let results: Vec<Applied> = group.iter().map(check).collect();
            (results, made)
        };
        let applied =
            || group.iter().zip(&results).filter(|(_, result)| result.is_ok()).map(|(commit, _)| commit);
        for commit in applied() {
            commit.ops.iter().for_each(|op| writes.add(&commit.partition, op));
        }
        self.write(&mut writes, if sync { PersistMode::SyncData } else { PersistMode::Buffer })?;
        {
            let mut due = self.due.lock();
            for commit in applied() {
                if let Some(wake) = commit.wake {
                    due.set(&commit.partition, wake);
                }
            }
        }
        self.versions.lock().finish(made);
        Ok(results)
    }

    fn due(&self, until: u64, limit: usize) -> Result<Vec<(u64, PartitionKey)>, Error> {
        Ok(self.due.lock().due(until, limit))
    }

    fn next_due(&self) -> Result<Option<u64>, Error> {
        Ok(self.due.lock().next())
    }

    fn partitions(&self, after: Option<&PartitionKey>, limit: usize) -> Result<Page, Error> {
        let snapshot = self.db.snapshot();
        let kinds = [Kind::Record, Kind::Timer, Kind::Outbox];
        merge(kinds.into_iter().map(|kind| self.names(&snapshot, kind, after)).collect(), limit)
    }

    fn pending(&self, after: Option<&PartitionKey>, limit: usize) -> Result<Page, Error> {
        let snapshot = self.db.snapshot();
        merge(vec![self.names(&snapshot, Kind::Outbox, after)], limit)
    }

    fn sweep(
        &self,
        after: Option<&PartitionKey>,
        limit: usize,
        now: u64,
    ) -> Result<Option<PartitionKey>, Error> {
        // Writers wait: an expired record must not be replaced between the look and the deletion.
        let mut writes = self.collect()?;
        let snapshot = self.db.snapshot();
        let start = after.map_or_else(|| Kind::Record.start(), |after| Kind::Record.behind(after));
        let mut last: Option<PartitionKey> = None;
        let mut more = None;
        for (looked, guard) in range(&snapshot, &self.records, Kind::Record, start).enumerate() {
            let (key, value) = guard.into_inner().map_err(database)?;
            let (name, _) = Kind::Record.parse(&key)?;
            if last.as_ref().is_none_or(|last| last.as_str() != name) {
                if looked >= limit.max(1) {
                    more = last;
                    break;
                }
                last = Some(PartitionKey::new(name).map_err(|_| Error::Corrupt("a name out of bounds"))?);
            }
            if split_record(&value)?.0.is_some_and(|expires| expires <= now) {
                writes.raw(false, &key, None);
            }
        }
        self.write(&mut writes, PersistMode::Buffer)?;
        Ok(more)
    }

    fn opened(&self) -> Opened {
        self.opened
    }

    fn close(&self) -> Result<(), Error> {
        let mut writes = match self.collect() {
            Err(Error::Closed) => return Ok(()),
            other => other?,
        };
        writes.raw(true, &meta_key(CLOSED), Some(&[]));
        self.write(&mut writes, PersistMode::SyncAll)?;
        self.closed.store(true, Ordering::Release);
        Ok(())
    }

    fn get_meta(&self, name: &str) -> Result<Option<Bytes>, Error> {
        let value = self.work.get(meta_key(&format!("user.{name}"))).map_err(database)?;
        Ok(value.map(|value| Bytes::copy_from_slice(&value)))
    }

    fn put_meta(&self, name: &str, value: &[u8]) -> Result<(), Error> {
        let mut writes = self.collect()?;
        writes.raw(true, &meta_key(&format!("user.{name}")), Some(value));
        self.write(&mut writes, PersistMode::SyncData)
    }
}
