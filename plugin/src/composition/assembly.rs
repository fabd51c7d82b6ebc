//! The composed document with what it takes to change one publication's part in it.
//!
//! Components about the same thing form a *group*; most groups have one member. What a group
//! shows depends on its members and the time only, so a change of one publication composes
//! the groups anew that it has or had a member in, and copies what the others show.
//!
//! Kept are the document as watchers get it, an index of its groups and their members, and
//! the text of those members that are not shown as they were published.

use std::ops::Range;

use super::Source;
use super::composed::Composed;
use super::identity;
use super::index::{self, Index, KNOWN, Known, MEMBER, Member, Shown};
use super::policy::{Policy, Statement};
use crate::pidf::{Kind, StoredDocument};
use crate::ports::Instant;

/// The publications of a presentity, composed.
#[derive(Clone, Debug, Default)]
pub struct Assembly<'a> {
    index: Index<'a>,
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

/// A group as it is kept.
struct Group<'a> {
    /// Its first member, and the entries of all.
    first: Member,
    members: &'a [[u8; MEMBER]],
    /// Where these lie among all entries, what the group shows in the document, and the texts
    /// of its members among all texts.
    at: Place,
}

/// Ranges of members, of the document and of texts that belong together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Place {
    members: Range<usize>,
    shown: Range<usize>,
    texts: Range<usize>,
}

impl Place {
    /// The place just behind, empty.
    fn behind(&self) -> Self {
        let (members, shown, texts) = (self.members.end, self.shown.end, self.texts.end);
        Self { members: members..members, shown: shown..shown, texts: texts..texts }
    }

    /// Takes in what begins where this ends.
    fn extend(&mut self, next: &Self) {
        self.members.end = next.members.end;
        self.shown.end = next.shown.end;
        self.texts.end = next.texts.end;
    }
}

/// The groups in their order.
struct Groups<'a> {
    members: &'a [[u8; MEMBER]],
    at: Place,
}

impl<'a> Iterator for Groups<'a> {
    type Item = Group<'a>;

    #[inline]
    fn next(&mut self) -> Option<Group<'a>> {
        let (entry, mut rest) = self.members.split_first()?;
        let first = Member::from_entry(entry);
        let (shown, mut texts) = first.lengths();
        let mut count = 1;
        while let Some((entry, after)) = rest.split_first() {
            let member = Member::from_entry(entry);
            if member.leads.is_some() {
                break;
            }
            texts += member.lengths().1;
            count += 1;
            rest = after;
        }
        let members = self.members.get(..count).unwrap_or_default();
        self.members = rest;
        let mut at = self.at.behind();
        // `load` has seen to it that the lengths fit.
        at.members.end += count;
        at.shown.end += shown;
        at.texts.end += texts;
        self.at = at.clone();
        Some(Group { first, members, at })
    }
}

/// The publications after a change.
struct Sources {
    /// Their entries.
    entries: Vec<u8>,
    namespaces: u32,
    /// The number now of each publication that was there before; `None` if it is there no more.
    moved: Vec<Option<u16>>,
    /// The numbers of those that were put, in the order of composition, and their places in
    /// what was put.
    put: Vec<(usize, u16)>,
    /// Some that stayed have another number.
    shifted: bool,
}

impl Sources {
    fn new(before: &[[u8; KNOWN]], put: &[Source<'_>], gone: Option<u64>) -> Self {
        let mut incoming: Vec<(Known, usize)> = put.iter().map(Known::of).zip(0..).collect();
        if incoming.len() > 1 {
            incoming.sort_by_key(|(known, _)| (known.order, known.id));
            incoming.dedup_by_key(|(known, _)| known.id);
        }
        let mut sources = Self {
            entries: Vec::with_capacity((before.len() + incoming.len()) * KNOWN),
            namespaces: 0,
            moved: Vec::with_capacity(before.len()),
            put: Vec::with_capacity(incoming.len()),
            shifted: false,
        };
        let mut count = 0;
        let mut next = incoming.iter().peekable();
        for entry in before {
            let known = Known::from_entry(entry);
            while let Some((new, of)) = next.next_if(|(new, _)| (new.order, new.id) < (known.order, known.id))
            {
                sources.put(new, *of, &mut count);
            }
            if gone == Some(known.id) || put.iter().any(|source| source.id == known.id) {
                sources.moved.push(None);
                continue;
            }
            sources.shifted |= usize::from(count) != sources.moved.len();
            sources.moved.push((count < u16::MAX).then_some(count));
            if count < u16::MAX {
                count += 1;
                sources.entries.extend_from_slice(entry);
                sources.namespaces |= known.namespaces;
            }
        }
        for (new, of) in next {
            sources.put(new, *of, &mut count);
        }
        sources
    }

    fn put(&mut self, new: &Known, of: usize, count: &mut u16) {
        if *count < u16::MAX {
            self.put.push((of, *count));
            *count += 1;
            new.write(&mut self.entries);
            self.namespaces |= new.namespaces;
        }
    }

    /// The number of a member's publication now; `None` if it is there no more.
    #[inline]
    fn moved(&self, member: &Member) -> Option<u16> {
        self.moved.get(usize::from(member.source)).copied().flatten()
    }

    /// When a publication was published in its form.
    fn published(&self, number: u16) -> Instant {
        let (entries, _) = self.entries.as_chunks();
        entries.get(usize::from(number)).map_or(0, |entry| Known::from_entry(entry).published)
    }
}

impl<'a> Assembly<'a> {
    /// Back from its kept forms; `None` for anything else, or what another policy made.
    #[must_use]
    pub fn load(index: &'a [u8], composed: &'a [u8], policy: &Policy) -> Option<Self> {
        let index = Index::read(index, policy)?;
        let shown = Composed::content(composed)?;
        let (mut document, mut texts) = (0_usize, 0_usize);
        for entry in index.members {
            let (shown, hidden) = Member::from_entry(entry).lengths();
            (document, texts) = (document.saturating_add(shown), texts.saturating_add(hidden));
        }
        let leads = |entry: &[u8; MEMBER]| Member::from_entry(entry).leads.is_some();
        let sound = document == shown.len()
            && texts == index.texts.len()
            && index.members.first().is_none_or(leads)
            // The sources that members name, one by one, are looked at when they are needed.
            && (index.members.is_empty() || !index.sources.is_empty());
        sound.then_some(Self { index, shown })
    }

    /// Number of publications in it.
    #[must_use]
    pub fn sources(&self) -> usize {
        self.index.sources.len()
    }

    /// Puts publications in, each in the place of one of its id, or takes one out.
    #[must_use]
    pub fn update(&self, policy: &Policy, put: &[Source<'_>], gone: Option<u64>, now: Instant) -> Assembled {
        let sources = Sources::new(self.index.sources, put, gone);
        let named = Named::new(put, &sources.put);
        let mut pool = named.parts(policy, put, &sources.put);
        let mut touched: Vec<(Kind, u64)> =
            pool.iter().filter(|part| part.pivot != 0).map(|part| (part.kind, part.pivot)).collect();
        touched.sort_unstable();

        // Groups to be composed anew, by the entry that they begin with.
        let mut stale = Vec::new();
        for group in self.groups() {
            let Member { kind, pivot, leads, .. } = group.first;
            let over = || leads.and_then(|shown| shown.until).is_some_and(|until| until <= now);
            let left =
                || group.members.iter().any(|entry| sources.moved(&Member::from_entry(entry)).is_none());
            if (pivot != 0 && touched.binary_search(&(kind, pivot)).is_ok()) || over() || left() {
                stale.push(group.at.members.start);
                self.loosen(&group, &sources, &mut pool);
            }
        }
        pool.sort_unstable_by_key(|part| (part.pivot, part.kind, part.source, part.place));
        let together = |a: &Part<'_>, b: &Part<'_>| a.pivot != 0 && (a.pivot, a.kind) == (b.pivot, b.kind);
        let mut new: Vec<&[Part<'_>]> = pool.chunk_by(together).collect();
        new.sort_by_key(|parts| parts.first().map(|part| rank(part.kind, part.source, part.place)));
        self.assemble(policy, &sources, &stale, &new, now)
    }

    fn groups(&self) -> Groups<'a> {
        Groups { members: self.index.members, at: Place::default() }
    }

    /// Puts the members of a group that stay in with the loose parts.
    fn loosen<'p>(&'p self, group: &Group<'p>, sources: &Sources, pool: &mut Vec<Part<'p>>) {
        let mut hidden = self.index.texts.get(group.at.texts.clone()).unwrap_or_default();
        for entry in group.members {
            let member = Member::from_entry(entry);
            let text = match member.hidden {
                None => self.shown.get(group.at.shown.clone()).unwrap_or_default(),
                Some(length) => {
                    let (text, rest) = hidden.split_at_checked(length as usize).unwrap_or_default();
                    hidden = rest;
                    text
                }
            };
            if let Some(source) = sources.moved(&member) {
                let Member { kind, place, plain, pivot, .. } = member;
                pool.push(Part { kind, source, place, plain, pivot, text });
            }
        }
    }

    /// Writes new groups in their places among those that stay; runs of these are copied as they are.
    fn assemble(
        &self,
        policy: &Policy,
        sources: &Sources,
        stale: &[usize],
        new: &[&[Part<'_>]],
        now: Instant,
    ) -> Assembled {
        let parts = || new.iter().copied().flatten();
        let text: usize = parts().map(|part| part.text.len() + 48).sum();
        let mut output = Output {
            shown: Vec::new(),
            texts: Vec::with_capacity(
                self.index.texts.len() + if parts().all(|part| part.plain) { 0 } else { text },
            ),
            members: Vec::with_capacity((self.index.members.len() + parts().count()) * MEMBER),
            due: None,
        };
        let composed = Composed::build(sources.namespaces, self.shown.len() + text, |out| {
            std::mem::swap(out, &mut output.shown);
            let mut stale = stale.iter().peekable();
            let mut new = new.iter().peekable();
            let mut run = Place::default();
            for group in self.groups() {
                if stale.next_if(|start| **start == group.at.members.start).is_some() {
                    self.copy(&run, sources, &mut output);
                    run = group.at.behind();
                    continue;
                }
                let Member { kind, source, place, leads, .. } = group.first;
                let here = rank(
                    kind,
                    sources.moved.get(usize::from(source)).copied().flatten().unwrap_or(source),
                    place,
                );
                while let Some(parts) = new.next_if(|parts| {
                    parts.first().is_some_and(|part| rank(part.kind, part.source, part.place) < here)
                }) {
                    self.copy(&run, sources, &mut output);
                    run = run.behind();
                    output.compose(policy, sources, parts, now);
                }
                output.ends(leads.and_then(|shown| shown.until));
                run.extend(&group.at);
            }
            self.copy(&run, sources, &mut output);
            for parts in new {
                output.compose(policy, sources, parts, now);
            }
            std::mem::swap(out, &mut output.shown);
        });
        let index = index::write(policy, &sources.entries, &output.members, &output.texts);
        Assembled { composed, index, due: output.due }
    }

    /// Copies a run of groups that stay.
    fn copy(&self, run: &Place, sources: &Sources, output: &mut Output) {
        let members = self.index.members.get(run.members.clone()).unwrap_or_default();
        output.shown.extend_from_slice(self.shown.get(run.shown.clone()).unwrap_or_default());
        output.texts.extend_from_slice(self.index.texts.get(run.texts.clone()).unwrap_or_default());
        let start = output.members.len();
        output.members.extend_from_slice(members.as_flattened());
        if sources.shifted {
            let (copied, _) = output.members.get_mut(start..).unwrap_or_default().as_chunks_mut();
            for entry in copied {
                if let Some(source) = sources.moved(&Member::from_entry(entry)) {
                    index::renumber(entry, source);
                }
            }
        }
    }
}

impl Known {
    fn of(source: &Source<'_>) -> Self {
        let Source { id, order, published, document } = *source;
        Self { order, id, published, namespaces: document.namespaces }
    }
}

/// The components that were put, with identifiers of their publications' own.
struct Named {
    text: Vec<u8>,
    /// Where each component ends.
    ends: Vec<usize>,
}

impl Named {
    fn new(put: &[Source<'_>], numbers: &[(usize, u16)]) -> Self {
        let sources = || numbers.iter().filter_map(|(of, _)| put.get(*of));
        let mut text = Vec::with_capacity(sources().map(|source| named_length(source.document)).sum());
        let mut ends = Vec::with_capacity(sources().map(|source| source.document.parts.len()).sum());
        for source in sources() {
            write_named(source, &mut text, &mut ends);
        }
        Self { text, ends }
    }

    fn parts(&self, policy: &Policy, put: &[Source<'_>], numbers: &[(usize, u16)]) -> Vec<Part<'_>> {
        let mut parts = Vec::with_capacity(self.ends.len() + 4);
        let (mut start, mut ends) = (0, self.ends.iter());
        for (of, number) in numbers {
            let Some(source) = put.get(*of) else { continue };
            for (component, place) in source.document.components().zip(0..) {
                let end = ends.next().copied().unwrap_or(start);
                parts.push(Part {
                    kind: component.kind,
                    source: *number,
                    place,
                    plain: component.plain,
                    pivot: policy.pivot(component.kind, component.pivot),
                    text: self.text.get(start..end).unwrap_or_default(),
                });
                start = end;
            }
        }
        parts
    }
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

/// The place of a group in the document, by its first member. RFC 3863 section 4.4: tuples,
/// then notes, then elements of other namespaces.
#[inline]
fn rank(kind: Kind, source: u16, place: u16) -> u64 {
    let section = match kind {
        Kind::Tuple => 0,
        Kind::Note => 1,
        Kind::Person | Kind::Device | Kind::Extension => 2,
    };
    (section << 32) | (u64::from(source) << 16) | u64::from(place)
}

/// A document that is being composed.
struct Output {
    shown: Vec<u8>,
    texts: Vec<u8>,
    members: Vec<u8>,
    due: Option<Instant>,
}

impl Output {
    /// Notes when something in the document would be something else.
    #[inline]
    fn ends(&mut self, until: Option<Instant>) {
        if let Some(until) = until {
            self.due = Some(self.due.map_or(until, |due| due.min(until)));
        }
    }

    /// Writes what a group shows, and keeps its members.
    fn compose(&mut self, policy: &Policy, sources: &Sources, parts: &[Part<'_>], now: Instant) {
        let start = self.shown.len();
        let (alone, until) = match parts {
            [part] if part.plain => {
                self.shown.extend_from_slice(part.text);
                (true, None)
            }
            _ => (false, show(policy, sources, parts, now, &mut self.shown)),
        };
        let length = u32::try_from(self.shown.len() - start).unwrap_or(u32::MAX);
        for (number, part) in parts.iter().enumerate() {
            let Part { kind, source, place, plain, pivot, text } = *part;
            let leads = (number == 0).then_some(Shown { length, until });
            let hidden = if alone { None } else { u32::try_from(text.len()).ok() };
            if !alone {
                self.texts.extend_from_slice(text);
            }
            Member { kind, source, place, plain, pivot, leads, hidden }.write(&mut self.members);
        }
        self.ends(until);
    }
}

fn show(
    policy: &Policy,
    sources: &Sources,
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
            published: sources.published(part.source),
        })
        .collect();
    policy.show(kind, &statements, now, out)
}
