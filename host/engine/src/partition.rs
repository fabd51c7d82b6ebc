//! A live partition: everything of one partition in memory, and what of it the database
//! does not have yet.
//!
//! Invariant: memory holds the state after the latest step. The database holds the state
//! after the latest durable commit handed over, less the relaxed changes listed in `dirty`.

use crate::outbox::OutboxEntry;
use crate::step::stage::Stage;
use bytes::Bytes;
use rollcall_storage::{Commit, Image, Op, PartitionKey, Record, Timer};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Bound;

/// Estimated cost of a tree entry beyond its key and value, in bytes.
const ENTRY_OVERHEAD: usize = 96;

/// Changes that the database does not have yet.
#[derive(Default)]
struct Dirty {
    records: HashSet<Box<[u8]>>,
    /// With the instant that the database has for a timer of this name, if it has one.
    timers: HashMap<Box<[u8]>, Option<u64>>,
    outbox: HashSet<u64>,
}

impl Dirty {
    fn is_empty(&self) -> bool {
        self.records.is_empty() && self.timers.is_empty() && self.outbox.is_empty()
    }
}

/// What applying a stage brought about.
pub(crate) struct Applied {
    /// For the database, if the step has to be durable.
    pub commit: Option<Commit>,
    /// Outbox numbers of the stage's posts, in order.
    pub posts: Vec<u64>,
    /// Outbox numbers of the stage's kept sends; none for volatile ones; in order.
    pub sends: Vec<Option<u64>>,
}

/// How much a partition holds.
#[derive(Clone, Copy, Default)]
pub(crate) struct Size {
    pub bytes: usize,
    pub outbox: usize,
}

/// One partition in memory.
pub(crate) struct Live {
    pub key: PartitionKey,
    /// Differs from that of every other `Live` of this process, so that work that was
    /// computed from a partition dropped after a conflict is recognised.
    pub incarnation: u64,
    /// Set when the registry dropped it: whoever holds it still must look it up anew.
    pub retired: bool,
    /// Ticket of the latest commit handed to the group commit.
    pub submitted: u64,
    /// Time of the latest step.
    pub last_now: u64,
    /// Whether the flusher knows of it.
    pub queued_for_flush: bool,
    /// Wake-up instant that the timer index has.
    pub wake: Option<u64>,
    /// Its timers are being fired: the index is brought up to date at the end.
    pub firing: bool,
    /// Whether its records are part of the counts by kind.
    pub counted: bool,
    version: u64,
    records: BTreeMap<Box<[u8]>, Record>,
    timers: BTreeMap<Box<[u8]>, Timer>,
    due: BTreeSet<(u64, Box<[u8]>)>,
    /// Timers that failed, and when they are tried again.
    paused: HashMap<Box<[u8]>, u64>,
    outbox: BTreeMap<u64, Bytes>,
    next_sequence: u64,
    persisted_wake: Option<u64>,
    dirty: Dirty,
    bytes: usize,
}

impl Live {
    /// Puts a loaded partition into memory.
    pub fn new(key: PartitionKey, incarnation: u64, image: Image) -> Live {
        let mut bytes = ENTRY_OVERHEAD + key.as_str().len();
        let mut records = BTreeMap::new();
        for entry in image.records {
            bytes += ENTRY_OVERHEAD + entry.key.len() + entry.record.value.len();
            records.insert(entry.key.into_boxed_slice(), entry.record);
        }
        let mut timers = BTreeMap::new();
        let mut due = BTreeSet::new();
        for (name, timer) in image.timers {
            bytes += ENTRY_OVERHEAD + 2 * name.len() + timer.payload.len();
            due.insert((timer.due, name.clone().into_boxed_slice()));
            timers.insert(name.into_boxed_slice(), timer);
        }
        let outbox: BTreeMap<u64, Bytes> = image.outbox.into_iter().collect();
        let wake = due.first().map(|(due, _)| *due);
        Live {
            key,
            incarnation,
            retired: false,
            submitted: 0,
            last_now: 0,
            queued_for_flush: false,
            wake,
            firing: false,
            counted: true,
            version: image.version,
            records,
            timers,
            due,
            paused: HashMap::new(),
            next_sequence: outbox.last_key_value().map_or(0, |(last, _)| last + 1),
            outbox,
            persisted_wake: wake,
            dirty: Dirty::default(),
            bytes,
        }
    }

    /// What it takes in memory, estimated, and what waits in its outbox.
    pub fn size(&self) -> Size {
        Size { bytes: self.bytes, outbox: self.outbox.len() }
    }

    /// Whether the database lacks relaxed changes.
    pub fn is_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// Tells the kind of each record that counts: the first byte of its key. Records that expire
    /// by themselves do not count, since nobody sees them go.
    pub fn kinds(&self) -> impl Iterator<Item = u8> {
        let lasting = self.records.iter().filter(|(_, record)| record.expires.is_none());
        lasting.map(|(key, _)| key.first().copied().unwrap_or(0))
    }

    /// The record under a key.
    pub fn get(&self, key: &[u8], now: u64) -> Option<&Record> {
        self.records.get(key).filter(|record| record.live(now))
    }

    /// Records from `start` on whose keys start with `prefix`, expired ones too.
    pub fn range<'a>(
        &'a self,
        start: Bound<&[u8]>,
        prefix: &'a [u8],
    ) -> impl Iterator<Item = (&'a [u8], &'a Record)> {
        self.records
            .range::<[u8], _>((start, Bound::Unbounded))
            .map(|(key, record)| (&key[..], record))
            .take_while(move |(key, _)| key.starts_with(prefix))
    }

    /// A timer by its name.
    pub fn timer(&self, name: &[u8]) -> Option<&Timer> {
        self.timers.get(name)
    }

    /// Names of up to `limit` timers due at `now`, earliest first.
    pub fn due(&self, now: u64, limit: usize) -> Vec<Vec<u8>> {
        let due = self.due.iter().take_while(|(due, _)| *due <= now);
        let ready = due.filter(|(_, name)| self.paused.get(name).is_none_or(|until| *until <= now));
        ready.take(limit).map(|(_, name)| name.to_vec()).collect()
    }

    /// When the partition wants to be woken: for its earliest timer that is not put off.
    pub fn next_wake(&self) -> Option<u64> {
        let mut wake = None;
        for (due, name) in &self.due {
            if wake.is_some_and(|wake| wake <= *due) {
                break;
            }
            let at = self.paused.get(name).map_or(*due, |until| *until.max(due));
            wake = Some(wake.map_or(at, |wake: u64| wake.min(at)));
        }
        wake
    }

    /// Puts a timer off that has failed.
    pub fn pause(&mut self, name: &[u8], until: u64) {
        if self.timers.contains_key(name) {
            self.paused.insert(name.into(), until);
        }
    }

    /// Puts no timer off any more.
    pub fn resume(&mut self) {
        self.paused.clear();
    }

    /// An outbox entry, if it is still there.
    pub fn outbox_entry(&self, sequence: u64) -> Option<&Bytes> {
        self.outbox.get(&sequence)
    }

    /// Takes an entry out of the outbox; the database learns of it with the next flush.
    pub fn settle(&mut self, sequence: u64) {
        if self.outbox.remove(&sequence).is_some() {
            self.dirty.outbox.insert(sequence);
        }
    }

    /// Applies a step. `count` is told the first byte of the key of every record that
    /// appeared (+1) or went (-1).
    pub fn apply(&mut self, stage: &mut Stage, mut count: impl FnMut(u8, i64)) -> Applied {
        let durable = stage.durable();
        let counted = self.counted;
        let mut count = |kind, change| {
            if counted {
                count(kind, change)
            }
        };
        let mut ops = Vec::new();
        for (key, write) in std::mem::take(&mut stage.records) {
            let kind = key.first().copied().unwrap_or(0);
            let boxed: Box<[u8]> = key.as_slice().into();
            let was = match &write.record {
                Some(record) => {
                    self.bytes += ENTRY_OVERHEAD + key.len() + record.value.len();
                    self.records.insert(boxed.clone(), record.clone())
                }
                None => self.records.remove(&boxed),
            };
            let counts = |record: &Option<Record>| record.as_ref().is_some_and(|r| r.expires.is_none());
            match (counts(&was), counts(&write.record)) {
                (false, true) => count(kind, 1),
                (true, false) => count(kind, -1),
                _ => {}
            }
            if let Some(was) = &was {
                self.bytes -= ENTRY_OVERHEAD + key.len() + was.value.len();
            }
            if durable && write.durable {
                self.dirty.records.remove(&boxed);
                ops.push(match write.record {
                    Some(record) => Op::PutRecord { key, record },
                    None => Op::DeleteRecord { key },
                });
            } else if was.is_some() || write.record.is_some() {
                self.dirty.records.insert(boxed);
            }
        }
        for (name, timer) in std::mem::take(&mut stage.timers) {
            let was = self.set_timer(&name, timer.clone());
            if durable {
                self.dirty.timers.remove(name.as_slice());
                ops.push(match timer {
                    Some(timer) => Op::SetTimer { name, timer },
                    None => Op::CancelTimer { name },
                });
            } else {
                self.dirty.timers.entry(name.into_boxed_slice()).or_insert(was);
            }
        }
        if let Some(sequence) = stage.consumed {
            self.outbox.remove(&sequence);
            if durable {
                self.dirty.outbox.remove(&sequence);
                ops.push(Op::DeleteOutbox { sequence });
            } else {
                self.dirty.outbox.insert(sequence);
            }
        }
        let mut posts = Vec::with_capacity(stage.posts.len());
        for post in &stage.posts {
            let entry = OutboxEntry::Post { to: post.to.as_str().into(), payload: post.payload.to_vec() };
            posts.push(self.put_outbox(&entry, durable, &mut ops));
        }
        let mut sends = Vec::with_capacity(stage.sends.len());
        for send in &stage.sends {
            sends.push(send.kept.then(|| {
                let entry = OutboxEntry::Send { token: send.token.to_vec(), request: send.request.clone() };
                self.put_outbox(&entry, durable, &mut ops)
            }));
        }
        Applied { commit: durable.then(|| self.commit(ops)), posts, sends }
    }

    /// A commit of all relaxed changes, if there are any.
    pub fn flush(&mut self) -> Option<Commit> {
        if self.dirty.is_empty() {
            return None;
        }
        let dirty = std::mem::take(&mut self.dirty);
        let mut ops = Vec::with_capacity(dirty.records.len() + dirty.timers.len() + dirty.outbox.len());
        for key in dirty.records {
            ops.push(match self.records.get(&key) {
                Some(record) => Op::PutRecord { key: key.into_vec(), record: record.clone() },
                None => Op::DeleteRecord { key: key.into_vec() },
            });
        }
        for name in dirty.timers.into_keys() {
            ops.push(match self.timers.get(&name) {
                Some(timer) => Op::SetTimer { name: name.into_vec(), timer: timer.clone() },
                None => Op::CancelTimer { name: name.into_vec() },
            });
        }
        for sequence in dirty.outbox {
            ops.push(match self.outbox.get(&sequence) {
                Some(payload) => Op::PutOutbox { sequence, payload: payload.clone() },
                None => Op::DeleteOutbox { sequence },
            });
        }
        Some(self.commit(ops))
    }

    fn commit(&mut self, ops: Vec<Op>) -> Commit {
        let next = self.persisted_due();
        let wake = (self.persisted_wake != next).then_some(next);
        self.persisted_wake = next;
        let expected = self.version;
        self.version += 1;
        Commit { partition: self.key.clone(), expected, ops, wake }
    }

    /// When the earliest timer that the database will have is due.
    fn persisted_due(&self) -> Option<u64> {
        let known = self.due.iter().find(|(_, name)| !self.dirty.timers.contains_key(name));
        let known = known.map(|(due, _)| *due);
        self.dirty.timers.values().copied().flatten().chain(known).min()
    }

    /// Sets or removes a timer; gives when the one before was due.
    fn set_timer(&mut self, name: &[u8], timer: Option<Timer>) -> Option<u64> {
        let was = self.timers.remove(name);
        if let Some(was) = &was {
            self.bytes -= ENTRY_OVERHEAD + 2 * name.len() + was.payload.len();
            self.due.remove(&(was.due, name.into()));
        }
        self.paused.remove(name);
        if let Some(timer) = timer {
            self.bytes += ENTRY_OVERHEAD + 2 * name.len() + timer.payload.len();
            self.due.insert((timer.due, name.into()));
            self.timers.insert(name.into(), timer);
        }
        was.map(|was| was.due)
    }

    fn put_outbox(&mut self, entry: &OutboxEntry, durable: bool, ops: &mut Vec<Op>) -> u64 {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        let payload = entry.encode();
        self.outbox.insert(sequence, payload.clone());
        if durable {
            ops.push(Op::PutOutbox { sequence, payload });
        } else {
            self.dirty.outbox.insert(sequence);
        }
        sequence
    }
}
