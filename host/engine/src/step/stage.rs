//! What a step has asked for so far: its own view over the partition.
//!
//! Invariant: dropping a stage leaves no trace.

use crate::figures::Figure;
use crate::limits::StepLimits;
use crate::message::Outgoing;
use crate::step::current::Base;
use bytes::Bytes;
use rollcall_storage::{MAX_KEY, MAX_VALUE, PartitionKey, Record, Timer};
use std::collections::BTreeMap;
use std::ops::Bound;

/// What encoding adds to the parts of an outbox entry, at most.
const OUTBOX_OVERHEAD: usize = 64;

/// A staged write of one record; no record: a deletion.
pub(crate) struct Write {
    pub record: Option<Record>,
    pub durable: bool,
}

/// A staged request.
pub(crate) struct Send {
    pub request: Outgoing,
    pub token: Bytes,
    pub kept: bool,
}

/// A staged post.
pub(crate) struct Post {
    pub to: PartitionKey,
    pub payload: Bytes,
}

/// A limit that was passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LimitError {
    #[error("the step staged more than {0} effects")]
    Effects(usize),
    #[error("the step staged more than {0} bytes")]
    Bytes(usize),
    #[error("a key or name has {0} bytes, more than allowed")]
    Key(usize),
    #[error("a value has {0} bytes, more than allowed")]
    Value(usize),
}

/// Everything that one step staged.
#[derive(Default)]
pub(crate) struct Stage {
    pub records: BTreeMap<Vec<u8>, Write>,
    /// None: the timer is cancelled.
    pub timers: BTreeMap<Vec<u8>, Option<Timer>>,
    pub sends: Vec<Send>,
    pub posts: Vec<Post>,
    /// For the operator; no effect as far as limits and empty stages go.
    pub figures: Vec<Figure>,
    /// Entry of this partition's outbox that the step consumes.
    pub consumed: Option<u64>,
    /// Whether the commit must be durable although nothing durable was written.
    pub force_durable: bool,
    effects: usize,
    bytes: usize,
}

impl Stage {
    /// Whether the step changes its partition.
    pub fn writes(&self) -> bool {
        !self.records.is_empty()
            || !self.timers.is_empty()
            || !self.posts.is_empty()
            || self.consumed.is_some()
            || self.sends.iter().any(|send| send.kept)
    }

    /// Whether the step staged nothing at all.
    pub fn is_empty(&self) -> bool {
        self.effects == 0
    }

    /// Whether the commit has to be on disk before the effects leave.
    pub fn durable(&self) -> bool {
        self.force_durable
            || self.records.values().any(|write| write.durable)
            || self.sends.iter().any(|send| send.kept)
    }

    /// Counts one effect of these sizes against the limits.
    pub fn charge(&mut self, limits: &StepLimits, key: usize, value: usize) -> Result<(), LimitError> {
        if key > limits.key_bytes.min(MAX_KEY) {
            return Err(LimitError::Key(key));
        }
        if value > limits.value_bytes.min(MAX_VALUE) {
            return Err(LimitError::Value(value));
        }
        self.effects += 1;
        self.bytes += key + value;
        if self.effects > limits.effects {
            return Err(LimitError::Effects(limits.effects));
        }
        if self.bytes > limits.effect_bytes {
            return Err(LimitError::Bytes(limits.effect_bytes));
        }
        Ok(())
    }

    /// Checks that an entry of the outbox with parts of this size can be stored.
    pub fn fits_outbox(size: usize) -> Result<(), LimitError> {
        if size + OUTBOX_OVERHEAD > MAX_VALUE { Err(LimitError::Value(size)) } else { Ok(()) }
    }

    /// The record under a key as this step sees it.
    pub fn get<'a>(&'a self, base: &'a impl Base, key: &[u8], now: u64) -> Option<&'a Record> {
        match self.records.get(key) {
            Some(write) => write.record.as_ref().filter(|record| record.live(now)),
            None => base.get(key, now),
        }
    }

    /// Where a scan begins.
    pub fn start<'a>(prefix: &'a [u8], after: Option<&'a [u8]>) -> Bound<&'a [u8]> {
        match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        }
    }

    /// Records in order as this step sees them, until `take` wants no more.
    pub fn scan(
        &self,
        base: &impl Base,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
        now: u64,
        mut take: impl FnMut(&[u8], &Record) -> bool,
    ) {
        let start = Stage::start(prefix, after);
        let mut staged = self
            .records
            .range::<[u8], _>((start, Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix))
            .peekable();
        let mut kept = base.range(start, prefix).peekable();
        let mut taken = 0;
        while taken < limit {
            let own = match (staged.peek(), kept.peek()) {
                (None, None) => return,
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (Some((own, _)), Some((other, _))) => own.as_slice() <= *other,
            };
            if own {
                let Some((key, write)) = staged.next() else { return };
                if kept.peek().is_some_and(|(other, _)| *other == key.as_slice()) {
                    kept.next();
                }
                if let Some(record) = write.record.as_ref().filter(|record| record.live(now)) {
                    if !take(key, record) {
                        return;
                    }
                    taken += 1;
                }
            } else {
                let Some((key, record)) = kept.next() else { return };
                if record.live(now) {
                    if !take(key, record) {
                        return;
                    }
                    taken += 1;
                }
            }
        }
    }
}
