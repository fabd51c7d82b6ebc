//! One table: an immutable map from keys to values, in two allocations however large it is.
//!
//! The arena holds the entries one after another, in the order of their insertion; the index has the
//! place of each. An entry is its key and what its value is: bytes of its own, the key itself, or the
//! value of the entry before it. So a person with five addresses costs her own address once.
//!
//! ```text
//! string = varint(length * 4 + kind), bytes
//! entry  = string(kind 0), string            a value of its own
//!        | string(kind 1)                    the value is the key
//!        | string(kind 2), varint(distance)  the value is the string so many bytes back
//! ```
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

/// What follows the bytes of a key.
const OWN: u64 = 0;
const KEY: u64 = 1;
const BACK: u64 = 2;

/// An immutable table of keys and values, both bytes.
///
/// A look-up costs two or three cache misses, whatever the size. Memory: 12 bytes an entry for the index,
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

    /// Keys and values in the order in which they were inserted.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        Entries::of(&self.arena).map(|entry| (entry.key, value(&self.arena, entry)))
    }
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
        let at = self.arena.len();
        let last = self.last.filter(|last| new.len() > SHORT && string(&self.arena, *last).bytes == new);
        if new == key {
            put_string(&mut self.arena, KEY, key);
            self.last = Some(at);
        } else if let Some(last) = last {
            put_string(&mut self.arena, BACK, key);
            let distance = self.arena.len() - last;
            put_varint(&mut self.arena, distance as u64);
        } else {
            put_string(&mut self.arena, OWN, key);
            self.last = Some(self.arena.len());
            put_string(&mut self.arena, OWN, new);
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

/// A string in the arena.
#[derive(Clone, Copy)]
struct Text<'a> {
    bytes: &'a [u8],
    kind: u64,
    /// Offset of what comes after it.
    end: usize,
}

/// The key of an entry, and what is to be known to find its value.
#[derive(Clone, Copy)]
struct Entry<'a> {
    offset: usize,
    key: &'a [u8],
    kind: u64,
    /// Offset of what comes after the key.
    end: usize,
}

fn string(arena: &[u8], offset: usize) -> Text<'_> {
    let (head, start) = varint(arena, offset);
    let end = start + (head >> 2) as usize;
    Text { bytes: arena.get(start..end).unwrap_or_default(), kind: head & 3, end }
}

fn entry(arena: &[u8], offset: usize) -> Entry<'_> {
    let Text { bytes, kind, end } = string(arena, offset);
    Entry { offset, key: bytes, kind, end }
}

fn value<'a>(arena: &'a [u8], entry: Entry<'a>) -> &'a [u8] {
    match entry.kind {
        KEY => entry.key,
        BACK => string(arena, entry.end - varint(arena, entry.end).0 as usize).bytes,
        _ => string(arena, entry.end).bytes,
    }
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
        self.next = match entry.kind {
            KEY => entry.end,
            BACK => varint(self.arena, entry.end).1,
            _ => string(self.arena, entry.end).end,
        };
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

fn put_string(arena: &mut Vec<u8>, kind: u64, bytes: &[u8]) {
    put_varint(arena, (bytes.len() as u64) << 2 | kind);
    arena.extend_from_slice(bytes);
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
