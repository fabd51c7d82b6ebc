//! What a partition holds, and how it changes.

use bytes::Bytes;

use crate::{Error, PartitionKey};

/// Longest key of a record and longest name of a timer, in bytes.
pub const MAX_KEY: usize = 16 * 1024;

/// Longest value of a record, payload of a timer or of an outbox entry, in bytes.
pub const MAX_VALUE: usize = 1024 * 1024;

/// A value and how long it is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The value, up to [`MAX_VALUE`] bytes.
    pub value: Bytes,
    /// From this instant on (milliseconds since 1970) the record is as good as deleted; none: it does not expire.
    pub expires: Option<u64>,
}

impl Record {
    /// Whether the record still counts at `now` (milliseconds since 1970).
    pub fn live(&self, now: u64) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }
}

/// A record and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key: any bytes, up to [`MAX_KEY`], also none.
    pub key: Vec<u8>,
    /// The record.
    pub record: Record,
}

/// Something that a partition wants to be woken for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timer {
    /// When, in milliseconds since 1970.
    pub due: u64,
    /// Given back when the timer fires; the engine does not look inside. Up to [`MAX_VALUE`] bytes.
    pub payload: Bytes,
}

/// A partition as loaded: everything in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Image {
    /// The version that the rest is the state of; goes into [`Commit::expected`].
    pub version: u64,
    /// The records that had not expired, sorted by key.
    pub records: Vec<Entry>,
    /// The timers, sorted by name.
    pub timers: Vec<(Vec<u8>, Timer)>,
    /// The outbox, sorted by sequence number.
    pub outbox: Vec<(u64, Bytes)>,
}

impl Image {
    /// When the partition wants to be woken: the earliest of its timers.
    pub fn wake(&self) -> Option<u64> {
        self.timers.iter().map(|(_, timer)| timer.due).min()
    }

    /// Whether the partition holds nothing.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty() && self.timers.is_empty() && self.outbox.is_empty()
    }
}

/// A change of one partition; applied whole or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The partition.
    pub partition: PartitionKey,
    /// The version that the change was computed from: [`Image::version`], or what the commit before this one
    /// gave. If the partition has another version by now, the commit is refused.
    pub expected: u64,
    /// What changes, in this order.
    pub ops: Vec<Op>,
    /// Where the partition stands in the due index after this commit: `None` leaves it there, `Some(None)` takes
    /// it out, `Some(Some(instant))` moves it. It must be the instant of the earliest timer of the partition:
    /// an engine may derive the index from the timers when it opens.
    pub wake: Option<Option<u64>>,
}

/// One change within a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Writes a record, replacing an earlier one of that key.
    PutRecord {
        /// Its key.
        key: Vec<u8>,
        /// The record.
        record: Record,
    },
    /// Deletes a record; one that is not there is no error.
    DeleteRecord {
        /// Its key.
        key: Vec<u8>,
    },
    /// Sets a timer, replacing an earlier one of that name.
    SetTimer {
        /// Its name: any bytes, up to [`MAX_KEY`].
        name: Vec<u8>,
        /// The timer.
        timer: Timer,
    },
    /// Removes a timer; one that is not there is no error.
    CancelTimer {
        /// Its name.
        name: Vec<u8>,
    },
    /// Puts something into the outbox, replacing what has that number.
    PutOutbox {
        /// Orders the outbox of the partition.
        sequence: u64,
        /// The engine does not look inside. Up to [`MAX_VALUE`] bytes.
        payload: Bytes,
    },
    /// Takes something out of the outbox; what is not there is no error.
    DeleteOutbox {
        /// Its number.
        sequence: u64,
    },
}

impl Commit {
    /// Checks the lengths. Engines call it for the whole group before they change anything.
    pub fn check(&self) -> Result<(), Error> {
        let fits = self.ops.iter().all(|op| match op {
            Op::PutRecord { key, record } => key.len() <= MAX_KEY && record.value.len() <= MAX_VALUE,
            Op::SetTimer { name, timer } => name.len() <= MAX_KEY && timer.payload.len() <= MAX_VALUE,
            Op::PutOutbox { payload, .. } => payload.len() <= MAX_VALUE,
            Op::DeleteRecord { key: name } | Op::CancelTimer { name } => name.len() <= MAX_KEY,
            Op::DeleteOutbox { .. } => true,
        });
        if fits { Ok(()) } else { Err(Error::TooLarge { partition: self.partition.clone() }) }
    }
}
