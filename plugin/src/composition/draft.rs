//! A tuple, person or device taken apart, to be put together with others and written again.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::policy::Statement;
use crate::pidf::Kind;
use crate::pidf::canonical::{Element, Elements};
use crate::pidf::instant;
use crate::pidf::occurrence::{self, ACTIVITIES, Currency, Occurrence};
use crate::ports::Instant;

/// Of two statements the one of higher age holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Age {
    /// Its own timestamp, else when it was published.
    pub(super) at: Instant,
    /// Of equally old ones the one of the later publication.
    pub(super) source: u16,
    /// Within a publication the earlier one.
    place: Reverse<usize>,
}

/// A component of which the parts that are current are known one by one.
#[derive(Clone, Debug)]
pub(super) struct Draft<'a> {
    kind: Kind,
    id: &'a [u8],
    age: Age,
    published: Instant,
    /// The latest publication in it.
    last_source: u16,
    /// Others are in it.
    merged: bool,
    until: Option<Instant>,
    status: Vec<Child<'a>>,
    extensions: Vec<Child<'a>>,
    /// `contact` of a tuple, `deviceID` of a device.
    reach: Option<&'a [u8]>,
    notes: Vec<&'a [u8]>,
    timestamp: Option<(Instant, &'a [u8])>,
    /// What is in it already, kept once there is something to compare it with.
    known: BTreeSet<&'a [u8]>,
}

#[derive(Clone, Debug)]
struct Child<'a> {
    element: Element<'a>,
    occurrence: Occurrence,
    age: Age,
    /// Of activities: what others say besides.
    more: Vec<Element<'a>>,
}

impl<'a> Draft<'a> {
    /// Takes a statement apart; `None` if it is no component, which the reader rules out.
    pub(super) fn read(kind: Kind, statement: &Statement<'a>, now: Instant) -> Option<Self> {
        let component = Element::whole(statement.xml)?;
        let age = Age { at: statement.published, source: statement.source, place: Reverse(statement.place) };
        let mut draft = Self {
            kind,
            id: component.attribute("id")?,
            age,
            published: statement.published,
            last_source: statement.source,
            merged: false,
            until: None,
            status: Vec::new(),
            extensions: Vec::new(),
            reach: None,
            notes: Vec::new(),
            timestamp: None,
            known: BTreeSet::new(),
        };
        // The time that the rest goes by comes last.
        let dated = component.content.ends_with(b"timestamp>");
        let timestamp =
            dated.then(|| component.children().find(|child| is(kind, child, "timestamp"))).flatten();
        if let Some(timestamp) = timestamp
            && let Some(at) = instant::parse(timestamp.content)
        {
            draft.age.at = at;
            draft.timestamp = Some((at, timestamp.xml));
        }
        for child in component.children() {
            if is(kind, &child, "timestamp") {
            } else if is(kind, &child, "note") {
                draft.notes.push(child.xml);
            } else if kind == Kind::Tuple && child.name == b"status" {
                draft.take(child.children(), now, |draft| &mut draft.status);
            } else if child.name == b"contact" || (kind == Kind::Device && child.name == b"dm:deviceID") {
                draft.reach = Some(child.xml);
            } else {
                draft.take(Elements(child.xml), now, |draft| &mut draft.extensions);
            }
        }
        Some(draft)
    }

    fn take(&mut self, elements: Elements<'a>, now: Instant, of: impl Fn(&mut Self) -> &mut Vec<Child<'a>>) {
        let age = self.age;
        for element in elements {
            match occurrence::currency(&element, now) {
                Currency::Over => continue,
                Currency::Until(end) => self.until = [self.until, end].into_iter().flatten().min(),
            }
            let occurrence = match element.name {
                b"basic" => Occurrence::Once(BASIC),
                _ => occurrence::of(&element),
            };
            let child = Child { element, occurrence, age, more: Vec::new() };
            let list = of(self);
            match list.iter_mut().find(|other| other.is_same_once(&child)) {
                Some(other) if occurrence == Occurrence::Once(ACTIVITIES) => other.more.push(element),
                // The publication says it twice.
                Some(_) => {}
                None => list.push(child),
            }
        }
    }

    /// What tells how new it is.
    pub(super) fn age(&self) -> Age {
        self.age
    }

    /// When something in it ends.
    pub(super) fn until(&self) -> Option<Instant> {
        self.until
    }

    /// True if the other may become a part of this one: a publication that tells of a service
    /// in several tuples means several (RFC 3863 section 4.1.2).
    pub(super) fn takes(&self, other: &Self) -> bool {
        self.reach_is(other) && (self.kind != Kind::Tuple || self.last_source != other.last_source)
    }

    /// True if the two say different things where only one can hold.
    pub(super) fn contradicts(&self, other: &Self) -> bool {
        !self.takes(other)
            || contradict(self.kind, &self.status, &other.status)
            || contradict(self.kind, &self.extensions, &other.extensions)
    }

    /// The pivots of the two are equal, and so is what they stand for.
    fn reach_is(&self, other: &Self) -> bool {
        let content =
            |xml: Option<&'a [u8]>| xml.and_then(Element::first).map(|(element, _)| element.content);
        content(self.reach) == content(other.reach)
    }

    /// Takes in what another, later one has to say. Where only one can hold the newer one does.
    pub(super) fn absorb(&mut self, other: Self) {
        if self.known.is_empty() {
            let children = self.status.iter().chain(&self.extensions).map(|child| child.element.xml);
            self.known = self.notes.iter().copied().chain(children).collect();
        }
        for note in other.notes {
            if self.known.insert(note) {
                self.notes.push(note);
            }
        }
        absorb(&mut self.status, other.status, &mut self.known);
        absorb(&mut self.extensions, other.extensions, &mut self.known);
        self.timestamp = [self.timestamp, other.timestamp].into_iter().flatten().max();
        self.until = [self.until, other.until].into_iter().flatten().min();
        self.age = self.age.max(other.age);
        self.published = self.published.max(other.published);
        self.last_source = other.last_source;
        self.merged = true;
    }

    /// Writes it in the order of the schemas. `dated` has it carry a timestamp in any case.
    pub(super) fn write(&self, dated: bool, out: &mut Vec<u8>) {
        let name = name(self.kind);
        put(out, &[b"<", name, b" id=\"", self.id, b"\">"]);
        if self.kind == Kind::Tuple {
            if self.status.is_empty() {
                put(out, &[b"<status/>"]);
            } else {
                put(out, &[b"<status>"]);
                self.status.iter().for_each(|child| child.write(out));
                put(out, &[b"</status>"]);
            }
        }
        self.extensions.iter().for_each(|child| child.write(out));
        put(out, &[self.reach.unwrap_or_default()]);
        self.notes.iter().for_each(|note| put(out, &[note]));
        match self.timestamp {
            // What was merged last changed when the latest of its parts did.
            Some((at, xml)) if !self.merged || at >= self.published => put(out, &[xml]),
            None if !dated => {}
            Some(_) | None => {
                let prefix: &[u8] = if self.kind == Kind::Tuple { b"" } else { b"dm:" };
                put(out, &[b"<", prefix, b"timestamp>"]);
                instant::write(self.published, out);
                put(out, &[b"</", prefix, b"timestamp>"]);
            }
        }
        put(out, &[b"</", name, b">"]);
    }
}

/// Number of `basic` among the elements that may occur once.
const BASIC: u8 = u8::MAX;

impl<'a> Child<'a> {
    fn is_same_once(&self, other: &Self) -> bool {
        matches!(self.occurrence, Occurrence::Once(_)) && self.occurrence == other.occurrence
    }

    /// The namespace that the element brings along, and its name.
    fn foreign_name(&self) -> (&'a [u8], &'a [u8]) {
        let declared = self.element.all_attributes().find(|(name, _)| name.starts_with(b"xmlns"));
        (declared.map_or(b"", |(_, uri)| uri), self.element.name)
    }

    fn write(&self, out: &mut Vec<u8>) {
        if self.occurrence != Occurrence::Once(ACTIVITIES) {
            return put(out, &[self.element.xml]);
        }
        write_activities(&self.element, &self.more, out);
    }
}

/// One element with the notes and activities of all; `unknown` gives way to any other
/// (RFC 4480 section 3.2).
fn write_activities(first: &Element<'_>, more: &[Element<'_>], out: &mut Vec<u8>) {
    let (mut known, mut notes, mut values) = (BTreeSet::new(), Vec::new(), Vec::new());
    let mut told = false;
    for child in std::iter::once(first).chain(more).flat_map(Element::children) {
        if known.insert(child.xml) {
            let note = child.name == b"rpid:note";
            told |= !note && child.name != b"rpid:unknown";
            if note { notes.push(child) } else { values.push(child) }
        }
    }
    put(out, &[b"<", first.name, first.attributes]);
    let open = out.len();
    put(out, &[b">"]);
    for child in notes.iter().chain(values.iter().filter(|value| !told || value.name != b"rpid:unknown")) {
        put(out, &[child.xml]);
    }
    if known.is_empty() {
        out.truncate(open);
        put(out, &[b"/>"]);
    } else {
        put(out, &[b"</", first.name, b">"]);
    }
}

fn contradict(kind: Kind, ours: &[Child<'_>], theirs: &[Child<'_>]) -> bool {
    let once = |child: &Child<'_>| match ours.iter().find(|other| other.is_same_once(child)) {
        Some(other) => {
            child.occurrence != Occurrence::Once(ACTIVITIES) && !other.element.says_the_same(&child.element)
        }
        None => false,
    };
    if theirs.iter().filter(|child| matches!(child.occurrence, Occurrence::Once(_))).any(once) {
        return true;
    }
    // What is not understood may belong to how a service is reached, and then the two are
    // different services (RFC 4479 section 3.3.2).
    if kind != Kind::Tuple || !theirs.iter().any(|child| child.occurrence == Occurrence::Foreign) {
        return false;
    }
    let foreign = || ours.iter().filter(|child| child.occurrence == Occurrence::Foreign);
    let names: BTreeSet<_> = foreign().map(Child::foreign_name).collect();
    let equal: BTreeSet<&[u8]> = foreign().map(|child| child.element.xml).collect();
    theirs.iter().any(|child| {
        child.occurrence == Occurrence::Foreign
            && names.contains(&child.foreign_name())
            && !equal.contains(child.element.xml)
    })
}

fn absorb<'a>(ours: &mut Vec<Child<'a>>, theirs: Vec<Child<'a>>, known: &mut BTreeSet<&'a [u8]>) {
    for child in theirs {
        match ours.iter_mut().find(|other| other.is_same_once(&child)) {
            Some(other) if child.occurrence == Occurrence::Once(ACTIVITIES) => {
                other.more.push(child.element);
                other.more.extend(child.more);
            }
            Some(other) if other.element.says_the_same(&child.element) => {
                other.age = other.age.max(child.age)
            }
            Some(other) => {
                if child.age > other.age {
                    *other = child;
                }
            }
            None => {
                if known.insert(child.element.xml) {
                    ours.push(child);
                }
            }
        }
    }
}

fn is(kind: Kind, child: &Element<'_>, local: &str) -> bool {
    match kind {
        Kind::Tuple => child.name == local.as_bytes(),
        _ => child.name.strip_prefix(b"dm:") == Some(local.as_bytes()),
    }
}

fn name(kind: Kind) -> &'static [u8] {
    match kind {
        Kind::Tuple => b"tuple",
        Kind::Device => b"dm:device",
        _ => b"dm:person",
    }
}

fn put(out: &mut Vec<u8>, pieces: &[&[u8]]) {
    for piece in pieces {
        out.extend_from_slice(piece);
    }
}
