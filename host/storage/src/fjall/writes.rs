//! Collecting the writes of a group.

use std::ops::Range;

use super::layout::Kind;
use crate::{Op, PartitionKey};

/// Writes to both keyspaces. All keys and values lie in one buffer: the library copies each once more, and a
/// commit has so many of them that allocations would be a good part of its cost.
#[derive(Default)]
pub(super) struct Writes {
    buffer: Vec<u8>,
    items: Vec<Item>,
}

struct Item {
    work: bool,
    key: Range<usize>,
    /// None deletes.
    value: Option<Range<usize>>,
}

/// A write.
pub(super) struct Write<'a> {
    /// Whether it goes to the keyspace `work`; else to `records`.
    pub work: bool,
    pub key: &'a [u8],
    /// None deletes.
    pub value: Option<&'a [u8]>,
}

impl Writes {
    /// Buffers larger than this are not kept for the next group.
    const KEPT: usize = 1 << 20;

    pub fn clear(&mut self) {
        self.items.clear();
        self.buffer.clear();
        self.buffer.shrink_to(Self::KEPT);
        self.items.shrink_to(Self::KEPT / size_of::<Item>());
    }

    /// Adds what an op of a partition writes.
    pub fn add(&mut self, partition: &PartitionKey, op: &Op) {
        match op {
            Op::PutRecord { key, record } => {
                let expiry = record.expires.map(u64::to_be_bytes);
                let form = [u8::from(expiry.is_some())];
                let value = [&form[..], expiry.as_ref().map_or(&[], |expiry| &expiry[..]), &record.value];
                self.put(Kind::Record, partition, key, Some(&value));
            }
            Op::DeleteRecord { key } => self.put(Kind::Record, partition, key, None),
            Op::SetTimer { name, timer } => {
                self.put(Kind::Timer, partition, name, Some(&[&timer.due.to_be_bytes(), &timer.payload]));
            }
            Op::CancelTimer { name } => self.put(Kind::Timer, partition, name, None),
            Op::PutOutbox { sequence, payload } => {
                self.put(Kind::Outbox, partition, &sequence.to_be_bytes(), Some(&[payload]));
            }
            Op::DeleteOutbox { sequence } => self.put(Kind::Outbox, partition, &sequence.to_be_bytes(), None),
        }
    }

    fn put(&mut self, kind: Kind, partition: &PartitionKey, rest: &[u8], value: Option<&[&[u8]]>) {
        let start = self.buffer.len();
        kind.prefix_into(partition, &mut self.buffer);
        self.buffer.extend_from_slice(rest);
        self.finish(kind != Kind::Record, start, value);
    }

    /// Adds a write by its whole key.
    pub fn raw(&mut self, work: bool, key: &[u8], value: Option<&[u8]>) {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(key);
        self.finish(work, start, value.as_ref().map(std::slice::from_ref));
    }

    fn finish(&mut self, work: bool, start: usize, value: Option<&[&[u8]]>) {
        let key = start..self.buffer.len();
        let value = value.map(|parts| {
            parts.iter().for_each(|part| self.buffer.extend_from_slice(part));
            key.end..self.buffer.len()
        });
        self.items.push(Item { work, key, value });
    }

    /// Leaves of several writes to one key only the last, and sorts: sorted keys are faster to insert.
    pub fn settle(&mut self) {
        let Self { buffer, items } = self;
        let place = |item: &Item| (item.work, buffer.get(item.key.clone()));
        items.sort_by(|a, b| place(a).cmp(&place(b)));
        items.dedup_by(|later, kept| {
            let same = place(later) == place(kept);
            if same {
                std::mem::swap(later, kept);
            }
            same
        });
    }

    pub fn len(&self) -> usize {
        self.items.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = Write<'_>> {
        let slice = |range: &Range<usize>| self.buffer.get(range.clone()).unwrap_or_default();
        self.items.iter().map(move |item| Write {
            work: item.work,
            key: slice(&item.key),
            value: item.value.as_ref().map(slice),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_write_to_a_key_counts() {
        let mut writes = Writes::default();
        let values = [Some("1"), Some("2"), None, Some("3")];
        for (number, value) in values.iter().enumerate() {
            let value = value.map(str::as_bytes);
            writes.raw(false, b"b", value);
            writes.raw(true, b"b", values[3 - number].map(str::as_bytes));
            writes.raw(false, b"a", if number == 0 { value } else { None });
        }
        writes.settle();
        assert_eq!(writes.len(), 3);
        let left: Vec<_> = writes.iter().map(|write| (write.work, write.key, write.value)).collect();
        assert_eq!(
            left,
            [(false, &b"a"[..], None), (false, b"b", Some(&b"3"[..])), (true, b"b", Some(b"1"))]
        );
        writes.clear();
        assert_eq!(writes.iter().count(), 0);
    }
}
