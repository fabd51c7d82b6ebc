//! How partitions lie in the keyspaces.
//!
//! A partition's name goes in front of each key, after its own length (two bytes, big endian): so all that a
//! partition has of one kind is one range, and no name is ever a prefix of another.
//!
//! | keyspace | key | value |
//! |---|---|---|
//! | records | partition, key | 0, or 1 and the expiry (8 bytes); then the value |
//! | work | `T`, partition, name | due instant (8 bytes), payload |
//! | work | `O`, partition, sequence number (8 bytes) | payload |
//! | work | `M`, name | a value about the whole store |

use bytes::Bytes;

use crate::{Error, PartitionKey, Record, Timer};

pub(super) const TIMER: u8 = b'T';
pub(super) const OUTBOX: u8 = b'O';
pub(super) const META: u8 = b'M';

/// The kinds of things that partitions hold, as ranges of keys.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Record,
    Timer,
    Outbox,
}

impl Kind {
    fn tag(self) -> Option<u8> {
        match self {
            Self::Record => None,
            Self::Timer => Some(TIMER),
            Self::Outbox => Some(OUTBOX),
        }
    }

    /// Where everything of this kind begins.
    pub fn start(self) -> Vec<u8> {
        self.tag().into_iter().collect()
    }

    /// What all keys of a partition begin with.
    pub fn prefix(self, partition: &PartitionKey) -> Vec<u8> {
        self.key(partition, &[])
    }

    /// Adds to a buffer what all keys of a partition begin with.
    pub fn prefix_into(self, partition: &PartitionKey, buffer: &mut Vec<u8>) {
        let name = partition.as_str().as_bytes();
        buffer.extend(self.tag());
        // A partition's name has at most 512 bytes.
        buffer.extend((name.len() as u16).to_be_bytes());
        buffer.extend_from_slice(name);
    }

    /// A key of a partition.
    pub fn key(self, partition: &PartitionKey, rest: &[u8]) -> Vec<u8> {
        let mut key = Vec::with_capacity(3 + partition.as_str().len() + rest.len());
        self.prefix_into(partition, &mut key);
        key.extend_from_slice(rest);
        key
    }

    /// The first key behind all those of a partition.
    pub fn behind(self, partition: &PartitionKey) -> Vec<u8> {
        let mut key = self.prefix(partition);
        // The last byte belongs to a name in UTF-8 and so is never 255.
        if let Some(last) = key.last_mut() {
            *last = last.saturating_add(1);
        }
        key
    }

    /// Takes a key apart: the name of the partition and the rest.
    pub fn parse(self, key: &[u8]) -> Result<(&str, &[u8]), Error> {
        let key = match self.tag() {
            Some(tag) => key.strip_prefix(&[tag]).ok_or(BAD_KEY)?,
            None => key,
        };
        let (length, key) = key.split_first_chunk::<2>().ok_or(BAD_KEY)?;
        let (name, rest) = key.split_at_checked(u16::from_be_bytes(*length).into()).ok_or(BAD_KEY)?;
        Ok((std::str::from_utf8(name).map_err(|_| BAD_KEY)?, rest))
    }
}

const BAD_KEY: Error = Error::Corrupt("a key has no partition");

pub(super) fn meta_key(name: &str) -> Vec<u8> {
    [&[META], name.as_bytes()].concat()
}

/// When a stored record expires, and its value.
pub(super) fn split_record(bytes: &[u8]) -> Result<(Option<u64>, &[u8]), Error> {
    match bytes.split_first() {
        Some((0, value)) => Ok((None, value)),
        Some((1, rest)) => {
            let (expires, value) = split_u64(rest).ok_or(Error::Corrupt("a record without its expiry"))?;
            Ok((Some(expires), value))
        }
        _ => Err(Error::Corrupt("a record of unknown form")),
    }
}

/// The record, unless it has expired. The value is copied: a slice would keep the whole block of the file in memory.
pub(super) fn decode_record(bytes: &[u8], now: u64) -> Result<Option<Record>, Error> {
    let (expires, value) = split_record(bytes)?;
    if expires.is_some_and(|expires| expires <= now) {
        return Ok(None);
    }
    Ok(Some(Record { value: Bytes::copy_from_slice(value), expires }))
}

pub(super) fn decode_timer(bytes: &[u8]) -> Result<Timer, Error> {
    let (due, payload) = split_u64(bytes).ok_or(Error::Corrupt("a timer without its instant"))?;
    Ok(Timer { due, payload: Bytes::copy_from_slice(payload) })
}

pub(super) fn decode_sequence(rest: &[u8]) -> Result<u64, Error> {
    match split_u64(rest) {
        Some((sequence, [])) => Ok(sequence),
        _ => Err(Error::Corrupt("an outbox entry without its number")),
    }
}

pub(super) fn decode_u64(bytes: &[u8]) -> Result<u64, Error> {
    match split_u64(bytes) {
        Some((number, [])) => Ok(number),
        _ => Err(Error::Corrupt("a number of the wrong length")),
    }
}

fn split_u64(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*number), rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::writes::Writes, *};
    use crate::Op;

    proptest! {
        #[test]
        fn keys_come_apart_again_and_stay_in_their_partition(
            name in ".{1,40}", other in ".{1,40}", rest in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let (name, other) = (PartitionKey::new(&name).unwrap(), PartitionKey::new(&other).unwrap());
            for kind in [Kind::Record, Kind::Timer, Kind::Outbox] {
                let key = kind.key(&name, &rest);
                prop_assert_eq!(kind.parse(&key).unwrap(), (name.as_str(), &rest[..]));
                prop_assert!(key < kind.behind(&name));
                let inside = key >= kind.prefix(&other) && key < kind.behind(&other);
                prop_assert_eq!(inside, name == other);
            }
        }

        #[test]
        fn values_come_back(value in prop::collection::vec(any::<u8>(), 0..40), expires: Option<u64>, due: u64) {
            let partition = PartitionKey::new("p").unwrap();
            let record = Record { value: value.clone().into(), expires };
            let timer = Timer { due, payload: value.into() };
            let mut writes = Writes::default();
            writes.add(&partition, &Op::PutRecord { key: b"k".to_vec(), record: record.clone() });
            writes.add(&partition, &Op::SetTimer { name: b"n".to_vec(), timer: timer.clone() });
            let written: Vec<_> = writes.iter().collect();
            prop_assert_eq!(written[0].key, Kind::Record.key(&partition, b"k"));
            prop_assert_eq!(written[1].key, Kind::Timer.key(&partition, b"n"));
            let read = decode_record(written[0].value.unwrap(), 0).unwrap();
            prop_assert_eq!(read, (expires != Some(0)).then_some(record));
            prop_assert_eq!(decode_timer(written[1].value.unwrap()).unwrap(), timer);
        }

        #[test]
        fn garbage_is_an_error(bytes in prop::collection::vec(any::<u8>(), 0..20)) {
            // Whatever comes back, nothing panics.
            let _ = decode_record(&bytes, 1);
            let _ = decode_timer(&bytes);
            let _ = decode_sequence(&bytes);
            for kind in [Kind::Record, Kind::Timer, Kind::Outbox] {
                let _ = kind.parse(&bytes);
            }
            prop_assert!(decode_record(&[&[2], &bytes[..]].concat(), 1).is_err());
        }
    }
}
