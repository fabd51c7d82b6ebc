//! The composed document with what it takes to change one publication's part in it.
//!
//! Components about the same thing form a *group*; most groups have one member. What a group
//! shows depends on its members and the time only, so a change of one publication composes
//! the groups anew that it has or had a member in, and copies what the others show.
//!
//! Kept are the document as watchers get it, an index of its groups and their members, and
//! the text of those members that are not shown as they were published.

use serde::{Deserialize, Serialize};

use super::Source;
use super::composed::Composed;
use super::identity;
use super::policy::{Policy, Statement};
use crate::pidf::{Kind, StoredDocument};
use crate::ports::Instant;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Index {
    policy: Policy,
    /// In the order of composition.
    sources: Vec<Known>,
    /// In the order of the document, members of a group together.
    members: Vec<Member>,
}

/// A publication that was composed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    id: u64,
    order: u64,
    published: Instant,
    namespaces: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Member {
    kind: Kind,
    source: u16,
    place: u16,
    plain: bool,
    /// What it is about; 0: nothing else is about the same.
    pivot: u64,
    /// Of the first in its group: what the group shows.
    leads: Option<Shown>,
    /// Bytes of its text, if that is not what the group shows.
    hidden: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Shown {
    /// Bytes in the document.
    length: u32,
    /// When it would be something else.
    until: Option<Instant>,
}

/// The publications of a presentity, composed.
#[derive(Clone, Debug, Default)]
pub struct Assembly<'a> {
    index: Index,
    hidden: &'a [u8],
    shown: &'a [u8],
}

/// What became of an [`Assembly`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assembled {
    /// The document.
    pub composed: Composed,
    /// The form of the rest for a record.
    pub index: Vec<u8>,
    /// When the document would be another one if nothing happens until then.
    pub due: Option<Instant>,
}

/// A component on its way into the document.
#[derive(Clone, Copy)]
struct Part<'p> {
    kind: Kind,
    source: u16,
    place: u16,
    plain: bool,
    pivot: u64,
    text: &'p [u8],
}

/// A group in its place.
enum Group<'p> {
    /// As it was: its members (with their former sources), what it shows, what they hide.
    Kept { members: &'p [Member], shown: &'p [u8], hidden: &'p [u8] },
    /// To be composed, members in the order of their publications.
    New(&'p [Part<'p>]),
}

impl<'a> Assembly<'a> {
    /// Back from its kept forms; `None` for anything else, or what another policy made.
    #[must_use]
    pub fn load(index: &'a [u8], composed: &'a [u8], policy: &Policy) -> Option<Self> {
        let (index, hidden) = postcard::take_from_bytes::<Index>(index).ok()?;
        let shown = Composed::content(composed)?;
        let length = |member: &Member| member.leads.map_or(0, |shown| shown.length as usize);
        let texts = |member: &Member| member.hidden.unwrap_or_default() as usize;
        let sources = index.sources.len();
        let sound = index.policy == *policy
            && index.members.iter().map(length).sum::<usize>() == shown.len()
            && index.members.iter().map(texts).sum::<usize>() == hidden.len()
            && index.members.first().is_none_or(|member| member.leads.is_some())
            && index.members.iter().all(|member| usize::from(member.source) < sources);
        sound.then_some(Self { index, hidden, shown })
    }

    /// Number of publications in it.
    #[must_use]
    pub fn sources(&self) -> usize {
        self.index.sources.len()
    }

    /// Puts publications in, each in the place of one of its id, or takes one out.
    #[must_use]
    pub fn update(&self, policy: &Policy, put: &[Source<'_>], gone: Option<u64>, now: Instant) -> Assembled {
        let leaves = |id: u64| gone == Some(id) || put.iter().any(|source| source.id == id);
        let stays = self.index.sources.iter().filter(|known| !leaves(known.id));
        let mut sources: Vec<Known> = stays.copied().chain(put.iter().map(Known::of)).collect();
        sources.sort_by_key(|known| (known.order, known.id));
        sources.dedup_by_key(|known| known.id);
        sources.truncate(usize::from(u16::MAX));
        let place = |id: u64, order: u64| {
            let found = sources.binary_search_by_key(&(order, id), |known| (known.order, known.id));
            found.ok().and_then(|place| u16::try_from(place).ok())
        };
        let moved: Vec<Option<u16>> = self
            .index
            .sources
            .iter()
            .map(|known| if leaves(known.id) { None } else { place(known.id, known.order) })
            .collect();

        // The identifiers of a publication are made its own first.
        let mut text = Vec::with_capacity(put.iter().map(|source| named_length(source.document)).sum());
        let mut ends = Vec::new();
        for source in put {
            write_named(source, &mut text, &mut ends);
        }
        let mut pool = Vec::with_capacity(ends.len());
        let (mut start, mut ends) = (0, ends.iter());
        for source in put {
            let at = place(source.id, source.order);
            for (component, number) in source.document.components().zip(0..) {
                let end = ends.next().copied().unwrap_or(start);
                if let Some(at) = at {
                    pool.push(Part {
                        kind: component.kind,
                        source: at,
                        place: number,
                        plain: component.plain,
                        pivot: policy.pivot(component.kind, component.pivot),
                        text: text.get(start..end).unwrap_or_default(),
                    });
                }
                start = end;
            }
        }

        let mut touched: Vec<(Kind, u64)> = pool.iter().map(|part| (part.kind, part.pivot)).collect();
        touched.sort_unstable();
        let mut groups: Vec<Group<'_>> = Vec::new();
        self.walk(|members, shown, hidden| {
            let stale = members.iter().any(|member| moved_to(&moved, member).is_none())
                || members.first().is_some_and(|first| {
                    first.leads.and_then(|shown| shown.until).is_some_and(|until| until <= now)
                        || (first.pivot != 0 && touched.binary_search(&(first.kind, first.pivot)).is_ok())
                });
            if !stale {
                groups.push(Group::Kept { members, shown, hidden });
                return;
            }
            let mut hidden = hidden;
            for member in members {
                let text = match member.hidden {
                    None => shown,
                    Some(length) => {
                        let (text, rest) = hidden.split_at_checked(length as usize).unwrap_or_default();
                        hidden = rest;
                        text
                    }
                };
                if let Some(source) = moved_to(&moved, member) {
                    let Member { kind, place, plain, pivot, .. } = *member;
                    pool.push(Part { kind, source, place, plain, pivot, text });
                }
            }
        });
        group(&mut pool, &moved, &mut groups);
        assemble(policy, sources, &moved, &groups, now)
    }

    /// Visits the groups: members, what the group shows, and what its members hide.
    fn walk<'s>(&'s self, mut visit: impl FnMut(&'s [Member], &'s [u8], &'s [u8])) {
        let (mut members, mut shown, mut hidden) = (self.index.members.as_slice(), self.shown, self.hidden);
        while let Some(first) = members.first() {
            let others = members.iter().skip(1).take_while(|member| member.leads.is_none()).count();
            let (group, rest) = members.split_at(1 + others);
            let length = first.leads.map_or(0, |shown| shown.length as usize);
            let texts = group.iter().map(|member| member.hidden.unwrap_or_default() as usize).sum();
            // `load` has seen to it that the lengths fit.
            let (group_shown, rest_shown) = shown.split_at_checked(length).unwrap_or_default();
            let (group_hidden, rest_hidden) = hidden.split_at_checked(texts).unwrap_or_default();
            visit(group, group_shown, group_hidden);
            (members, shown, hidden) = (rest, rest_shown, rest_hidden);
        }
    }
}

impl Known {
    fn of(source: &Source<'_>) -> Self {
        let Source { id, order, published, document } = *source;
        Self { id, order, published, namespaces: document.namespaces }
    }
}

/// The place of a member's publication now; `None` if it is there no more.
fn moved_to(moved: &[Option<u16>], member: &Member) -> Option<u16> {
    moved.get(usize::from(member.source)).copied().flatten()
}

fn named_length(document: &StoredDocument) -> usize {
    document.text.len() + document.id_ends.len() * identity::SUFFIX
}

/// Writes the components of a publication with the identifiers that they have in the
/// composed document, and notes where each ends.
fn write_named(source: &Source<'_>, out: &mut Vec<u8>, ends: &mut Vec<usize>) {
    let document = source.document;
    let suffix = identity::suffix(identity::mix(source.id));
    let mut id_ends = document.id_ends.iter().map(|end| *end as usize).peekable();
    for component in document.components() {
        let end = component.start + component.xml.len();
        let mut written = component.start;
        while let Some(id_end) = id_ends.next_if(|id_end| *id_end <= end) {
            out.extend_from_slice(document.text.get(written..id_end).unwrap_or_default());
            out.extend_from_slice(&suffix);
            written = id_end;
        }
        out.extend_from_slice(document.text.get(written..end).unwrap_or_default());
        ends.push(out.len());
    }
}

/// RFC 3863 section 4.4: tuples, then notes, then elements of other namespaces.
fn section(kind: Kind) -> u8 {
    match kind {
        Kind::Tuple => 0,
        Kind::Note => 1,
        Kind::Person | Kind::Device | Kind::Extension => 2,
    }
}

/// Forms groups of loose parts and puts them in their places among those that stay.
fn group<'p>(pool: &'p mut [Part<'p>], moved: &[Option<u16>], groups: &mut Vec<Group<'p>>) {
    pool.sort_unstable_by_key(|part| (part.pivot, part.kind, part.source, part.place));
    let together = |a: &Part<'_>, b: &Part<'_>| a.pivot != 0 && (a.pivot, a.kind) == (b.pivot, b.kind);
    groups.extend(pool.chunk_by(together).map(Group::New));
    let at = |kind: Kind, source: u16, place: u16| (section(kind), source, place);
    groups.sort_by_key(|group| match group {
        Group::Kept { members, .. } => members
            .first()
            .and_then(|first| Some(at(first.kind, moved_to(moved, first)?, first.place)))
            .unwrap_or_default(),
        Group::New(parts) => {
            parts.first().map(|first| at(first.kind, first.source, first.place)).unwrap_or_default()
        }
    });
}

fn assemble(
    policy: &Policy,
    sources: Vec<Known>,
    moved: &[Option<u16>],
    groups: &[Group<'_>],
    now: Instant,
) -> Assembled {
    let size = |group: &Group<'_>| match group {
        Group::Kept { members, shown, hidden } => (members.len(), shown.len(), hidden.len()),
        Group::New(parts) => (parts.len(), parts.iter().map(|part| part.text.len() + 48).sum(), 0),
    };
    let (mut count, mut room, mut rest) = (0, 0, 0);
    for (members, shown, hidden) in groups.iter().map(size) {
        (count, room, rest) = (count + members, room + shown, rest + hidden);
    }
    let mut members = Vec::with_capacity(count);
    let mut texts = Vec::with_capacity(rest);
    let mut due: Option<Instant> = None;
    let namespaces = sources.iter().fold(0, |all, known| all | known.namespaces);
    let composed = Composed::build(namespaces, room, |out| {
        for group in groups {
            let until = match group {
                Group::Kept { members: old, shown, hidden } => {
                    out.extend_from_slice(shown);
                    texts.extend_from_slice(hidden);
                    let renumbered =
                        |member: &Member| Some(Member { source: moved_to(moved, member)?, ..*member });
                    members.extend(old.iter().filter_map(renumbered));
                    old.first().and_then(|first| first.leads).and_then(|shown| shown.until)
                }
                Group::New(parts) => compose_group(
                    policy,
                    &sources,
                    parts,
                    now,
                    &mut Output { out, texts: &mut texts, members: &mut members },
                ),
            };
            due = [due, until].into_iter().flatten().min();
        }
    });
    let index = Index { policy: *policy, sources, members };
    let room = 8 + index.sources.len() * 28 + index.members.len() * 20 + texts.len();
    // Serialising into memory has no way to fail.
    let mut index = postcard::to_extend(&index, Vec::with_capacity(room)).unwrap_or_default();
    index.extend_from_slice(&texts);
    Assembled { composed, index, due }
}

struct Output<'o> {
    out: &'o mut Vec<u8>,
    texts: &'o mut Vec<u8>,
    members: &'o mut Vec<Member>,
}

/// Writes what a group shows, and keeps its members.
fn compose_group(
    policy: &Policy,
    sources: &[Known],
    parts: &[Part<'_>],
    now: Instant,
    output: &mut Output<'_>,
) -> Option<Instant> {
    let start = output.out.len();
    let (alone, until) = match parts {
        [part] if part.plain => {
            output.out.extend_from_slice(part.text);
            (true, None)
        }
        _ => (false, show(policy, sources, parts, now, output.out)),
    };
    let length = u32::try_from(output.out.len() - start).unwrap_or(u32::MAX);
    for (number, part) in parts.iter().enumerate() {
        let Part { kind, source, place, plain, pivot, text } = *part;
        let leads = (number == 0).then_some(Shown { length, until });
        let hidden = if alone { None } else { u32::try_from(text.len()).ok() };
        if !alone {
            output.texts.extend_from_slice(text);
        }
        output.members.push(Member { kind, source, place, plain, pivot, leads, hidden });
    }
    until
}

fn show(
    policy: &Policy,
    sources: &[Known],
    parts: &[Part<'_>],
    now: Instant,
    out: &mut Vec<u8>,
) -> Option<Instant> {
    let kind = parts.first()?.kind;
    let statements: Vec<Statement<'_>> = parts
        .iter()
        .map(|part| Statement {
            xml: part.text,
            source: part.source,
            place: usize::from(part.place),
            published: sources.get(usize::from(part.source)).map_or(0, |known| known.published),
        })
        .collect();
    policy.show(kind, &statements, now, out)
}
