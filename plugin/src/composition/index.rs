//! What is kept of the publications in a composed document, in entries of fixed size: they
//! are looked up, copied and renumbered where they lie, and none but those that a change
//! concerns is taken apart.
//!
//! First comes a head, then a [`Known`] for each publication in the order of composition, a
//! [`Member`] for each component in the order of the document (members of a group together,
//! the leading one first), then texts of members, in that order, too. Numbers are little-endian.

use super::policy::Policy;
use crate::pidf::Kind;
use crate::ports::Instant;

/// Bytes of the head: policy, number of sources, number of members.
const HEAD: usize = 3 + 2 + 4;
/// Bytes of a [`Known`].
pub(super) const KNOWN: usize = 8 + 8 + 8 + 4;
/// Bytes of a [`Member`].
pub(super) const MEMBER: usize = 1 + 1 + 2 + 2 + 8 + 4 + 4 + 8;

const PLAIN: u8 = 1;
const LEADS: u8 = 2;
const ENDS: u8 = 4;
const HIDDEN: u8 = 8;

/// A publication that was composed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) order: u64,
    pub(super) id: u64,
    pub(super) published: Instant,
    pub(super) namespaces: u32,
}

/// A component in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) kind: Kind,
    /// Number of its publication among the sources.
    pub(super) source: u16,
    pub(super) place: u16,
    pub(super) plain: bool,
    /// What it is about; 0: nothing else is about the same.
    pub(super) pivot: u64,
    /// Of the first in its group: what the group shows.
    pub(super) leads: Option<Shown>,
    /// Bytes of its text, if that is not what the group shows.
    pub(super) hidden: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    /// Bytes in the document.
    pub(super) length: u32,
    /// When it would be something else.
    pub(super) until: Option<Instant>,
}

/// The index where it lies.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Index<'a> {
    pub(super) sources: &'a [[u8; KNOWN]],
    pub(super) members: &'a [[u8; MEMBER]],
    pub(super) texts: &'a [u8],
}

impl<'a> Index<'a> {
    /// The index that [`write()`] wrote under a policy; `None` if it was another one.
    pub(super) fn read(mut bytes: &'a [u8], policy: &Policy) -> Option<Self> {
        let bytes = &mut bytes;
        let head = bytes.split_off(..HEAD)?;
        let (known, counts) = head.split_first_chunk()?;
        let (sources, members) = counts.split_first_chunk()?;
        if *known != policy.code() {
            return None;
        }
        let sources = usize::from(u16::from_le_bytes(*sources));
        let members = u32::from_le_bytes(*members.first_chunk()?) as usize;
        let (sources, _) = bytes.split_off(..sources.checked_mul(KNOWN)?)?.as_chunks();
        let (members, _) = bytes.split_off(..members.checked_mul(MEMBER)?)?.as_chunks();
        Some(Self { sources, members, texts: bytes })
    }
}

/// Writes an index.
pub(super) fn write(policy: &Policy, sources: &[u8], members: &[u8], texts: &[u8]) -> Vec<u8> {
    // Sources are fewer than 2^16; what has 2^32 members has no room in a record anyway.
    let counts = (
        u16::try_from(sources.len() / KNOWN).unwrap_or(u16::MAX),
        u32::try_from(members.len() / MEMBER).unwrap_or(u32::MAX),
    );
    let mut bytes = Vec::with_capacity(HEAD + sources.len() + members.len() + texts.len());
    bytes.extend_from_slice(&policy.code());
    bytes.extend_from_slice(&counts.0.to_le_bytes());
    bytes.extend_from_slice(&counts.1.to_le_bytes());
    for part in [sources, members, texts] {
        bytes.extend_from_slice(part);
    }
    bytes
}

/// Takes the first bytes off. There are enough of them in an entry of fixed size.
#[inline]
fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    let Some((taken, after)) = rest.split_first_chunk() else { return [0; N] };
    *rest = after;
    *taken
}

impl Known {
    #[inline]
    pub(super) fn from_entry(entry: &[u8; KNOWN]) -> Self {
        let rest = &mut entry.as_slice();
        Self {
            order: u64::from_le_bytes(take(rest)),
            id: u64::from_le_bytes(take(rest)),
            published: u64::from_le_bytes(take(rest)),
            namespaces: u32::from_le_bytes(take(rest)),
        }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        for number in [self.order, self.id, self.published] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.namespaces.to_le_bytes());
    }
}

impl Member {
    #[inline]
    pub(super) fn from_entry(entry: &[u8; MEMBER]) -> Self {
        let rest = &mut entry.as_slice();
        let [kind, flags] = take(rest);
        let source = u16::from_le_bytes(take(rest));
        let place = u16::from_le_bytes(take(rest));
        let pivot = u64::from_le_bytes(take(rest));
        let length = u32::from_le_bytes(take(rest));
        let hidden = u32::from_le_bytes(take(rest));
        let until = u64::from_le_bytes(take(rest));
        let until = (flags & ENDS != 0).then_some(until);
        Self {
            kind: kind_of(kind),
            source,
            place,
            plain: flags & PLAIN != 0,
            pivot,
            leads: (flags & LEADS != 0).then_some(Shown { length, until }),
            hidden: (flags & HIDDEN != 0).then_some(hidden),
        }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let until = self.leads.and_then(|shown| shown.until);
        let flag = |on: bool, flag: u8| if on { flag } else { 0 };
        let flags = flag(self.plain, PLAIN)
            | flag(self.leads.is_some(), LEADS)
            | flag(until.is_some(), ENDS)
            | flag(self.hidden.is_some(), HIDDEN);
        out.extend_from_slice(&[code(self.kind), flags]);
        out.extend_from_slice(&self.source.to_le_bytes());
        out.extend_from_slice(&self.place.to_le_bytes());
        out.extend_from_slice(&self.pivot.to_le_bytes());
        out.extend_from_slice(&self.leads.map_or(0, |shown| shown.length).to_le_bytes());
        out.extend_from_slice(&self.hidden.unwrap_or_default().to_le_bytes());
        out.extend_from_slice(&until.unwrap_or_default().to_le_bytes());
    }

    /// Bytes that it shows and that it hides.
    #[inline]
    pub(super) fn lengths(&self) -> (usize, usize) {
        (self.leads.map_or(0, |shown| shown.length as usize), self.hidden.unwrap_or_default() as usize)
    }
}

/// Gives an entry of a [`Member`] another number for its source.
pub(super) fn renumber(entry: &mut [u8; MEMBER], source: u16) {
    let [_, _, low, high, ..] = entry;
    [*low, *high] = source.to_le_bytes();
}

fn code(kind: Kind) -> u8 {
    match kind {
        Kind::Tuple => 0,
        Kind::Note => 1,
        Kind::Person => 2,
        Kind::Device => 3,
        Kind::Extension => 4,
    }
}

#[inline]
fn kind_of(code: u8) -> Kind {
    match code {
        0 => Kind::Tuple,
        1 => Kind::Note,
        2 => Kind::Person,
        3 => Kind::Device,
        _ => Kind::Extension,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back() {
        let known = Known { order: 1 << 40, id: u64::MAX, published: 7, namespaces: 1 << 31 };
        let leads = Some(Shown { length: 9, until: Some(1 << 50) });
        let member = Member {
            kind: Kind::Device,
            source: 3,
            place: 258,
            plain: true,
            pivot: 5,
            leads,
            hidden: Some(0),
        };
        let kinds = [Kind::Tuple, Kind::Note, Kind::Person, Kind::Extension];
        let follows = kinds.map(|kind| Member { kind, leads: None, hidden: None, plain: false, ..member });
        let (mut sources, mut members) = (Vec::new(), Vec::new());
        known.write(&mut sources);
        for member in std::iter::once(&member).chain(&follows) {
            member.write(&mut members);
        }
        let bytes = write(&Policy::DEFAULT, &sources, &members, b"text");
        let index = Index::read(&bytes, &Policy::DEFAULT).unwrap();
        assert_eq!(index.sources.iter().map(Known::from_entry).collect::<Vec<_>>(), [known]);
        let back: Vec<Member> = index.members.iter().map(Member::from_entry).collect();
        assert_eq!((back[0], &back[1..], index.texts), (member, &follows[..], &b"text"[..]));
        let mut entry = index.members[0];
        renumber(&mut entry, 0x1234);
        assert_eq!(Member::from_entry(&entry), Member { source: 0x1234, ..member });
        for length in 0..bytes.len() - 4 {
            assert!(Index::read(&bytes[..length], &Policy::DEFAULT).is_none());
        }
    }
}
