//! One table: an immutable map from keys to values, in two allocations however large it is.
//!
//! The arena holds the entries one after another, in the order of their insertion; the index has the
//! place of each. An entry is its key and what its value is: bytes of its own, the key itself, or the
//! value of the entry before it. So a person with five addresses costs her own address once.
//!
//! ```text
//! string = varint(length * 4 + kind), bytes
//! entry  = string(kind 0), string                      a value of its own
//!        | string(kind 1)                              the value is the key
//!        | varint(length * 4 + 2), varint(back), key   the value is the string so many bytes back
//! ```
//!
//! Where the value lies can be told from the beginning of an entry, so that the processor can fetch it
//! while the key is compared.
//!
//! Invariant: a slot of the index is empty or holds the offset of an entry, and the entry of a key is
//! found between the key's own slot and the next empty one.

use std::hash::{BuildHasher, RandomState};

/// Bits of a slot that hold an offset; those above hold a tag, part of the hash. The arena may thus be
/// a tebibyte.
const OFFSET_BITS: u32 = 40;
const OFFSET_MASK: u64 = (1 << OFFSET_BITS) - 1;

/// A slot without an entry.
const EMPTY: u64 = u64::MAX;

/// Slots for `ENTRIES_PER` entries: the more of them, the shorter the way to an empty one.
const SLOTS_PER: usize = 3;
const ENTRIES_PER: usize = 2;

/// Values of up to so many bytes are not worth a reference.
const SHORT: usize = 2;

/// Kinds of entries.
const OWN: u64 = 0;
const KEY: u64 = 1;
const BACK: u64 = 2;

/// An immutable table of keys and values, both bytes.
///
/// A look-up costs three cache misses at most if keys are short, whatever the size. Memory: 12 bytes an entry for the index,
/// one or two for each length, the key, and the value where it is neither the key itself nor the value of
/// the entry inserted before it.
pub struct Table {
    arena: Box<[u8]>,
    slots: Box<[u64]>,
    entries: usize,
    /// Seeded anew for each table: whoever chooses keys cannot choose which of them collide.
    hasher: RandomState,
}

impl Table {
    /// The value under a key.
    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        let entry = find(&self.arena, &self.slots, self.hasher.hash_one(key), key).ok()?;
        Some(value(&self.arena, entry))
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.entries
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// Memory that the table takes, in bytes.
    pub fn bytes(&self) -> usize {
        self.arena.len() + self.slots.len() * size_of::<u64>()
    }

    /// Tells this table from others, by chance alone; never 0.
    pub(crate) fn number(&self) -> u64 {
        self.hasher.hash_one(self.entries) | 1
    }

    /// Up to `limit` entries in the order in which they were inserted, from `at` on: 0 or [`Part::next`] of
    /// another part. From anywhere else, none.
    pub(crate) fn part(&self, at: u64, limit: usize) -> Part<'_> {
        let Some(at) = usize::try_from(at).ok().filter(|at| self.begins(*at)) else { return Part::default() };
        let mut rest = Entries { arena: &self.arena, next: at };
        let entries = rest.by_ref().take(limit).map(|entry| (entry.key, value(&self.arena, entry))).collect();
        Part { entries, next: (rest.next < self.arena.len()).then_some(rest.next as u64) }
    }

    /// Whether an entry begins there.
    fn begins(&self, at: usize) -> bool {
        at < self.arena.len() && {
            // Whatever the bytes there say, it is an entry only if its key leads back.
            let found = entry(&self.arena, at);
            let kept = find(&self.arena, &self.slots, self.hasher.hash_one(found.key), found.key);
            kept.is_ok_and(|kept| kept.offset == at)
        }
    }

    /// Keys and values in the order in which they were inserted.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        Entries::of(&self.arena).map(|entry| (entry.key, value(&self.arena, entry)))
    }
}

/// Some entries of a [`Table`], one after another.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Part<'a> {
    /// Keys and values.
    pub entries: Vec<(&'a [u8], &'a [u8])>,
    /// Where the part after this one begins; none at the end.
    pub next: Option<u64>,
}

/// Equal if the same entries were inserted in the same order.
impl PartialEq for Table {
    fn eq(&self, other: &Table) -> bool {
        self.arena == other.arena
    }
}

impl Eq for Table {}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table").field("entries", &self.entries).field("bytes", &self.bytes()).finish()
    }
}

/// A table that takes entries.
#[derive(Default)]
pub struct TableBuilder {
    arena: Vec<u8>,
    slots: Vec<u64>,
    entries: usize,
    hasher: RandomState,
    /// Where the last value that was written out lies.
    last: Option<usize>,
}

/// A key that has another value already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conflict;

impl TableBuilder {
    /// A table without entries.
    pub fn new() -> TableBuilder {
        TableBuilder::default()
    }

    /// Adds an entry. One that is there already with this value is left alone.
    ///
    /// # Errors
    /// If the key has another value, which it keeps.
    pub fn insert(&mut self, key: &[u8], new: &[u8]) -> Result<(), Conflict> {
        if (self.entries + 1) * SLOTS_PER > self.slots.len() * ENTRIES_PER {
            self.slots = index(&self.arena, (self.slots.len() * 2).max(48), &self.hasher);
        }
        let hash = self.hasher.hash_one(key);
        match find(&self.arena, &self.slots, hash, key) {
            Ok(entry) if value(&self.arena, entry) == new => Ok(()),
            Ok(_) => Err(Conflict),
            Err(free) => {
                if let Some(slot) = self.slots.get_mut(free) {
                    *slot = pack(hash, self.arena.len());
                }
                self.append(key, new);
                self.entries += 1;
                Ok(())
            }
        }
    }

    fn append(&mut self, key: &[u8], new: &[u8]) {
        let arena = &mut self.arena;
        let at = arena.len();
        let last = self.last.filter(|last| new.len() > SHORT && string(arena, *last).0 == new);
        if new == key {
            put_head(arena, KEY, key);
            arena.extend_from_slice(key);
            self.last = Some(at);
        } else if let Some(last) = last {
            put_head(arena, BACK, key);
            put_varint(arena, (at - last) as u64);
            arena.extend_from_slice(key);
        } else {
            put_head(arena, OWN, key);
            arena.extend_from_slice(key);
            self.last = Some(arena.len());
            put_head(arena, OWN, new);
            arena.extend_from_slice(new);
        }
    }

    /// Number of entries so far.
    pub fn len(&self) -> usize {
        self.entries
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// The table, in no more memory than it needs.
    pub fn finish(self) -> Table {
        let TableBuilder { arena, slots, entries, hasher, .. } = self;
        // First the old index goes: with a new one beside it the table would need most memory now.
        drop(slots);
        let arena = arena.into_boxed_slice();
        let slots = index(&arena, (entries * SLOTS_PER).div_ceil(ENTRIES_PER), &hasher);
        Table { slots: slots.into_boxed_slice(), arena, entries, hasher }
    }
}

/// An entry in the arena.
#[derive(Clone, Copy)]
struct Entry<'a> {
    offset: usize,
    key: &'a [u8],
    /// Offset of the value.
    value: usize,
    /// Offset of what comes after the key.
    end: usize,
}

/// The bytes of a string, and the offset of what comes after it.
fn string(arena: &[u8], offset: usize) -> (&[u8], usize) {
    let (head, start) = varint(arena, offset);
    let end = start + (head >> 2) as usize;
    (arena.get(start..end).unwrap_or_default(), end)
}

fn entry(arena: &[u8], offset: usize) -> Entry<'_> {
    let (head, start) = varint(arena, offset);
    let (back, start) = if head & 3 == BACK { varint(arena, start) } else { (0, start) };
    let end = start + (head >> 2) as usize;
    let value = if head & 3 == OWN { end } else { offset.wrapping_sub(back as usize) };
    Entry { offset, key: arena.get(start..end).unwrap_or_default(), value, end }
}

fn value<'a>(arena: &'a [u8], entry: Entry<'a>) -> &'a [u8] {
    string(arena, entry.value).0
}

/// Entries in the order of the arena.
struct Entries<'a> {
    arena: &'a [u8],
    next: usize,
}

impl<'a> Entries<'a> {
    fn of(arena: &'a [u8]) -> Entries<'a> {
        Entries { arena, next: 0 }
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        if self.next >= self.arena.len() {
            return None;
        }
        let entry = entry(self.arena, self.next);
        let own = entry.value == entry.end;
        self.next = if own { string(self.arena, entry.value).1 } else { entry.end };
        Some(entry)
    }
}

/// An index of so many slots over all entries.
fn index(arena: &[u8], slots: usize, hasher: &RandomState) -> Vec<u64> {
    let mut index = vec![EMPTY; slots];
    for Entry { offset, key, .. } in Entries::of(arena) {
        let hash = hasher.hash_one(key);
        let mut at = first_slot(hash, slots);
        // There is an empty one: there are fewer entries than slots.
        while index.get(at).is_some_and(|slot| *slot != EMPTY) {
            at = following(at, slots);
        }
        if let Some(slot) = index.get_mut(at) {
            *slot = pack(hash, offset);
        }
    }
    index
}

/// The entry of a key, else the slot that it would take.
fn find<'a>(arena: &'a [u8], slots: &[u64], hash: u64, key: &[u8]) -> Result<Entry<'a>, usize> {
    let tag = pack(hash, 0);
    let mut at = first_slot(hash, slots.len());
    loop {
        match slots.get(at) {
            None | Some(&EMPTY) => return Err(at),
            Some(slot) => {
                if slot & !OFFSET_MASK == tag {
                    let entry = entry(arena, (slot & OFFSET_MASK) as usize);
                    if entry.key == key {
                        return Ok(entry);
                    }
                }
            }
        }
        at = following(at, slots.len());
    }
}

/// The slot where the search for a key begins: the upper bits of its hash, scaled.
fn first_slot(hash: u64, slots: usize) -> usize {
    ((u128::from(hash) * slots as u128) >> 64) as usize
}

fn following(slot: usize, slots: usize) -> usize {
    if slot + 1 == slots { 0 } else { slot + 1 }
}

/// A slot: the lower bits of the hash as tag, and the offset.
fn pack(hash: u64, offset: usize) -> u64 {
    hash << OFFSET_BITS | offset as u64 & OFFSET_MASK
}

fn put_head(arena: &mut Vec<u8>, kind: u64, bytes: &[u8]) {
    put_varint(arena, (bytes.len() as u64) << 2 | kind);
}

/// Seven bits a byte, the lowest first; all bytes but the last have the eighth bit set.
fn put_varint(arena: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        arena.push(number as u8 | 0x80);
        number >>= 7;
    }
    arena.push(number as u8);
}

/// A number and the offset of what comes after it.
fn varint(arena: &[u8], mut offset: usize) -> (u64, usize) {
    let (mut number, mut shift) = (0, 0);
    while let Some(byte) = arena.get(offset) {
        offset += 1;
        number |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            break;
        }
    }
    (number, offset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn build(entries: &[(Vec<u8>, Vec<u8>)]) -> Table {
        let mut builder = TableBuilder::new();
        entries.iter().for_each(|(key, value)| builder.insert(key, value).unwrap());
        builder.finish()
    }

    /// Few different texts, so that keys and values meet: empty, short, long, and longer than a byte
    /// of length can tell.
    fn text() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            vec(0..3_u8, 0..4),
            vec(any::<u8>(), 0..40),
            (0..4_u8, 30..40_usize).prop_map(|(byte, length)| vec![byte; length]),
            (0..2_u8, 4000..4200_usize).prop_map(|(byte, length)| vec![byte; length]),
        ]
    }

    /// Every part of a table, taken up to `limit` entries at a time.
    fn in_parts(table: &Table, limit: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        let (mut entries, mut at) = (Vec::new(), Some(0));
        while let Some(place) = at {
            let part = table.part(place, limit);
            entries.extend(part.entries.iter().map(|(key, value)| (key.to_vec(), value.to_vec())));
            at = part.next;
        }
        entries
    }

    proptest! {
        #[test]
        fn parts_of_a_table_are_its_entries_and_nothing_begins_between_them(
            entries in vec((text(), text()), 0..40),
            limit in 1..7_usize,
            at in any::<u64>(),
        ) {
            let mut builder = TableBuilder::new();
            entries.iter().for_each(|(key, value)| {
                // Random keys meet: the first one keeps its value.
                let _ = builder.insert(key, value);
            });
            let table = builder.finish();
            let all: Vec<_> = table.iter().map(|(key, value)| (key.to_vec(), value.to_vec())).collect();
            prop_assert_eq!(in_parts(&table, limit), all);
            let starts: Vec<u64> = Entries::of(&table.arena).map(|entry| entry.offset as u64).collect();
            for place in (0..table.arena.len() as u64 + 2).chain([at]) {
                prop_assert_eq!(table.part(place, 1).entries.len(), usize::from(starts.contains(&place)));
            }
            prop_assert_ne!(table.number(), 0);
        }

        #[test]
        fn a_table_is_what_was_inserted(
            entries in vec((text(), text()), 0..300),
            absent in vec(text(), 0..20),
        ) {
            let mut model: HashMap<Vec<u8>, Vec<u8>> = HashMap::new();
            let mut order = Vec::new();
            let mut builder = TableBuilder::new();
            for (key, value) in entries {
                let inserted = builder.insert(&key, &value);
                match model.get(&key) {
                    None => {
                        prop_assert_eq!(inserted, Ok(()));
                        order.push((key.clone(), value.clone()));
                        model.insert(key, value);
                    }
                    Some(known) if *known == value => prop_assert_eq!(inserted, Ok(())),
                    Some(_) => prop_assert_eq!(inserted, Err(Conflict)),
                }
                prop_assert_eq!(builder.len(), model.len());
            }
            let table = builder.finish();
            prop_assert_eq!(table.len(), model.len());
            for (key, value) in &model {
                prop_assert_eq!(table.get(key), Some(&value[..]));
            }
            for key in &absent {
                prop_assert_eq!(table.get(key), model.get(key).map(|value| &value[..]));
            }
            let listed: Vec<_> = table.iter().map(|(key, value)| (key.to_vec(), value.to_vec())).collect();
            prop_assert_eq!(&listed, &order);
            prop_assert!(table == build(&order), "the seed of the hash makes no difference");
        }
    }

    #[test]
    fn tables_of_other_entries_are_not_equal() {
        let entry = |key: &str, value: &str| (key.as_bytes().to_vec(), value.as_bytes().to_vec());
        let table = build(&[entry("a", "1"), entry("b", "2")]);
        assert_ne!(table, build(&[entry("a", "1"), entry("b", "3")]));
        assert_ne!(table, build(&[entry("a", "1")]));
        assert_ne!(table, build(&[entry("a", "1"), entry("b", "b")]));
    }

    #[test]
    fn an_empty_table_has_nothing_and_takes_nothing() {
        let table = TableBuilder::new().finish();
        assert!(table.is_empty() && table.get(b"").is_none() && table.get(b"a").is_none());
        assert_eq!(table.bytes(), 0);
    }

    #[test]
    fn an_entry_takes_its_key_and_little_more_where_values_are_shared() {
        let mut builder = TableBuilder::new();
        for person in 0..20_000 {
            let fundamental = format!("sip:p{person:07}@example.com");
            builder.insert(fundamental.as_bytes(), fundamental.as_bytes()).unwrap();
            for number in 0..4 {
                let public = format!("tel:+155501{person:07}{number:04}");
                builder.insert(public.as_bytes(), fundamental.as_bytes()).unwrap();
            }
        }
        let table = builder.finish();
        let keys: usize = table.iter().map(|(key, _)| key.len()).sum();
        let beside = (table.bytes() - keys) as f64 / table.len() as f64;
        assert!(beside < 16.0, "{beside} bytes an entry beside the key");
    }
}
