//! One step as the presence logic sees it: the partition's records, typed, and what is
//! worth computing once a step.

use serde::Serialize;

use crate::composition::{self, Assembled, Assembly};
use crate::configuration::Configuration;
use crate::external::peers;
use crate::keys::{self, Id, Usage};
use crate::notifier::presentation::{self, Part};
use crate::package::Package;
use crate::ports::{Durability, Host, Instant, Level};
use crate::records::{self, Fanout, Held, Position, Subscription};

/// A NOTIFY of which nothing was heard for this long has been forgotten by a host: Timer F
/// (RFC 3261 17.1.2.2) would have told after 32 s.
pub const FORGOTTEN: u64 = 45_000;

/// The composed document.
#[derive(Clone, Debug)]
pub struct CurrentDocument {
    /// Its version; 0 if nothing is published.
    pub version: u64,
    due: Option<Instant>,
    record: Vec<u8>,
    index: usize,
    kept: usize,
}

impl CurrentDocument {
    fn load(host: &mut dyn Host, configuration: &Configuration) -> Self {
        let record = host.get(keys::DOCUMENT).unwrap_or_default();
        if let Some((document, tail)) = records::decode_with_tail::<records::Document>(&record) {
            let index = record.len() - tail.len();
            let kept = index.saturating_add(document.index as usize).min(record.len());
            return Self { version: document.version, due: document.due, record, index, kept };
        }
        let empty = composition::assemble(&[], &configuration.composition, 0);
        let (record, index, kept) = record_of(0, None, &empty.index, empty.composed.as_bytes());
        Self { version: 0, due: None, record, index, kept }
    }

    /// The form that [`composition::render`] takes.
    #[must_use]
    pub fn kept(&self) -> &[u8] {
        self.record.get(self.kept..).unwrap_or_default()
    }

    /// What [`Assembly::load`] takes besides.
    fn index(&self) -> &[u8] {
        self.record.get(self.index..self.kept).unwrap_or_default()
    }
}

/// The record of a document, and where its index and its composed form start.
fn record_of(version: u64, due: Option<Instant>, index: &[u8], composed: &[u8]) -> (Vec<u8>, usize, usize) {
    let length = u32::try_from(index.len()).unwrap_or(u32::MAX);
    let document = records::Document { version, due, index: length };
    let mut record = records::encode_with_room(&document, index.len() + composed.len());
    let start = record.len();
    record.extend_from_slice(index);
    let kept = record.len();
    record.extend_from_slice(composed);
    (record, start, kept)
}

/// What communities see of the document; none if it is the whole.
#[derive(Clone, Debug, Default)]
struct Local(Option<Assembled>);

/// A step in one partition.
pub struct Step<'a> {
    /// The imports.
    pub host: &'a mut dyn Host,
    /// The configuration.
    pub configuration: &'a Configuration,
    /// Name of the partition.
    pub partition: &'a str,
    /// The time.
    pub now: Instant,
    epoch: Option<u64>,
    /// True if lines for following requests are wanted.
    traced: Option<bool>,
    document: Option<CurrentDocument>,
    /// What communities see of the document, once it was asked for.
    local: Option<Local>,
    /// Documents rendered in this step, by entity. Watchers of a presentity mostly know it
    /// under one URI, so this is hardly ever more than one.
    rendered: Vec<(Part, String, Vec<u8>)>,
    /// What was found out for watchers who are shown the document.
    pub presentation: presentation::Cache,
}

impl<'a> Step<'a> {
    /// A step in a partition that the host knows already.
    pub fn new(host: &'a mut dyn Host, configuration: &'a Configuration, partition: &'a str) -> Self {
        let now = host.now();
        Self {
            host,
            configuration,
            partition,
            now,
            epoch: None,
            traced: None,
            document: None,
            local: None,
            rendered: Vec::new(),
            presentation: presentation::Cache::default(),
        }
    }

    /// A step that chooses its partition.
    pub fn enter(host: &'a mut dyn Host, configuration: &'a Configuration, partition: &'a str) -> Self {
        host.enter(partition);
        Self::new(host, configuration, partition)
    }

    /// Number of starts after a stop without order.
    pub fn epoch(&mut self) -> u64 {
        *self.epoch.get_or_insert_with(|| self.host.epoch())
    }

    /// Draws a number.
    pub fn draw(&mut self) -> u64 {
        u64::from_le_bytes(Id::from_slice(&self.host.random(8)).0)
    }

    /// Writes a record.
    pub fn put<T: Serialize>(&mut self, key: &[u8], record: &T, durability: Durability) {
        let bytes = records::encode(record);
        self.host.put(key, &bytes, durability, None);
    }

    /// The composed document.
    pub fn document(&mut self) -> &CurrentDocument {
        self.document.get_or_insert_with(|| CurrentDocument::load(self.host, self.configuration))
    }

    /// What the document is composed of; `None` if that has to be found out from the
    /// publications, as another policy holds now or the record is damaged.
    pub fn assembly(&mut self) -> Option<Assembly<'_>> {
        let policy = &self.configuration.composition;
        let document = self.document();
        Assembly::load(document.index(), document.kept(), policy)
    }

    /// A part of the document, in the form that [`composition::render`] takes.
    pub fn kept(&mut self, part: Part) -> &[u8] {
        if part == Part::Local && self.local().0.is_some() {
            return self.local().0.as_ref().map_or(&[], |local| local.composed.as_bytes());
        }
        self.document().kept()
    }

    /// When what communities see of the document would be something else if nothing happens; none if that is
    /// the whole document.
    pub fn local_due(&mut self) -> Option<Instant> {
        self.local().0.as_ref().and_then(|local| local.due)
    }

    /// True if communities see less than the whole document.
    pub fn has_local(&mut self) -> bool {
        self.local().0.is_some()
    }

    fn local(&mut self) -> &Local {
        if self.local.is_none() {
            self.local = Some(Local(peers::assemble(self)));
        }
        self.local.get_or_insert_default()
    }

    /// What the document is made of has changed: what communities see of it is found out anew.
    pub fn forget_local(&mut self) {
        if self.local.take().is_some() {
            self.rendered.retain(|(part, ..)| *part == Part::Whole);
            self.presentation.forget_local();
        }
    }

    /// Replaces the composed document if it differs. True if it did; its version has grown then. `sooner` is
    /// when something else has to be looked at that goes with it.
    pub fn set_document(&mut self, assembled: &Assembled, sooner: Option<Instant>) -> bool {
        let now = self.now;
        let current = self.document();
        let differs = current.kept() != assembled.composed.as_bytes();
        let before = current.due;
        let due = [assembled.due, sooner].into_iter().flatten().min();
        if !differs && current.index() == assembled.index && before == due {
            return false;
        }
        let version = match (differs, current.version) {
            (false, version) => version,
            (true, 0) => now.max(1),
            (true, version) => version + 1,
        };
        match due {
            Some(due) if before != Some(due) => self.host.set_timer(keys::UNTIL_TIMER, due, b""),
            None if before.is_some() => self.host.cancel_timer(keys::UNTIL_TIMER),
            _ => {}
        }
        let (record, index, kept) = record_of(version, due, &assembled.index, assembled.composed.as_bytes());
        self.host.put(keys::DOCUMENT, &record, Durability::Durable, None);
        self.document = Some(CurrentDocument { version, due, record, index, kept });
        if differs {
            self.rendered.clear();
        }
        differs
    }

    /// What goes with the document has to be looked at by then.
    pub fn look_by(&mut self, due: Instant) {
        let current = self.document();
        if current.version == 0 || current.due.is_some_and(|set| set <= due) {
            return;
        }
        let (record, index, kept) = record_of(current.version, Some(due), current.index(), current.kept());
        self.document = Some(CurrentDocument { due: Some(due), record, index, kept, ..*current });
        self.host.set_timer(keys::UNTIL_TIMER, due, b"");
        if let Some(document) = &self.document {
            self.host.put(keys::DOCUMENT, &document.record, Durability::Durable, None);
        }
    }

    /// A part of the document as a watcher gets it that knows the presentity as `entity`.
    pub fn render(&mut self, part: Part, entity: &str) -> Vec<u8> {
        let known = self.rendered.iter().find(|(of, known, _)| *of == part && known == entity);
        if let Some((.., body)) = known {
            return body.clone();
        }
        let body = composition::render(self.kept(part), entity);
        if self.rendered.len() < 8 {
            self.rendered.push((part, entity.to_owned(), body.clone()));
        }
        body
    }

    /// Forgets the document's record once nothing goes into it and nobody watches.
    pub fn tidy(&mut self, durability: Durability) {
        if self.document().version == 0
            || !self.is_empty(keys::PUBLICATION)
            || !self.is_empty(keys::SUBSCRIPTION)
            || !self.is_empty(keys::WINFO_SUBSCRIPTION)
            || !self.is_empty(keys::CONTRIBUTION)
        {
            return;
        }
        if self.document().due.is_some() {
            self.host.cancel_timer(keys::UNTIL_TIMER);
        }
        self.host.delete(keys::DOCUMENT, durability);
        self.host.delete(keys::SECRET, durability);
        self.host.delete(keys::FORMER, durability);
        peers::tidy(self, durability);
        self.presentation = presentation::Cache::default();
        self.document = None;
        self.local = None;
        self.rendered.clear();
    }

    /// True if there is no record of a kind.
    pub fn is_empty(&mut self, kind: u8) -> bool {
        self.host.scan(&[kind], None, 1).is_empty()
    }

    /// The bytes of a subscription.
    pub fn subscription(&mut self, usage: Usage) -> Option<Vec<u8>> {
        self.host.get(&usage.subscription())
    }

    /// Where a subscription stands.
    pub fn position(&mut self, usage: Usage, subscription: &Subscription<'_>) -> Position {
        let bytes = self.host.get(&usage.position());
        self.position_from(bytes.as_deref(), subscription)
    }

    /// Where a subscription stands, from its record. What a crash may have taken back is made good: CSeq
    /// goes on after the reserved block, and what may not have left is due again.
    pub fn position_from(&mut self, bytes: Option<&[u8]>, subscription: &Subscription<'_>) -> Position {
        let mut position = self.restored(bytes, subscription);
        if position.in_flight.is_some_and(|sent| sent.since + FORGOTTEN <= self.now) {
            position.in_flight = None;
            position.owed = true;
        }
        position
    }

    /// As [`Step::position`], when a NOTIFY has been answered: that is an answer however late it comes.
    pub fn answered_position(&mut self, usage: Usage, subscription: &Subscription<'_>) -> Position {
        let bytes = self.host.get(&usage.position());
        self.restored(bytes.as_deref(), subscription)
    }

    fn restored(&mut self, bytes: Option<&[u8]>, subscription: &Subscription<'_>) -> Position {
        let epoch = self.epoch();
        let Some(mut position) = bytes.and_then(records::decode::<Position>) else {
            return Position {
                epoch,
                cseq: subscription.reserved,
                version: None,
                in_flight: None,
                documents: subscription.reserved,
                held: Held::default(),
                owed: true,
                not_before: 0,
            };
        };
        let crashed = position.epoch != epoch;
        if crashed {
            position.epoch = epoch;
            position.cseq = position.cseq.max(subscription.reserved);
            // No more documents than NOTIFYs were sent.
            position.documents = position.documents.max(subscription.reserved);
            position.held = position.held.in_doubt();
            // What watcher information told may have been taken back with it: it is told anew.
            position.owed |= subscription.package != Package::Presence;
        }
        if crashed && position.in_flight.take().is_some() {
            position.owed = true;
        }
        position
    }

    /// Writes where a subscription stands.
    pub fn put_position(&mut self, usage: Usage, position: &Position, durability: Durability) {
        self.put(&usage.position(), position, durability);
    }

    /// The fan-out under way or put off.
    pub fn fanout(&mut self) -> Fanout {
        self.host.get(keys::FANOUT).as_deref().and_then(records::decode).unwrap_or_default()
    }

    /// Writes the fan-out. Relaxed: after a crash every subscription is looked at anyway.
    pub fn put_fanout(&mut self, before: &Fanout, fanout: &Fanout) {
        if before == fanout {
            return;
        }
        if *fanout == Fanout::default() {
            self.host.delete(keys::FANOUT, Durability::Relaxed);
        } else {
            self.put(keys::FANOUT, fanout, Durability::Relaxed);
        }
    }

    /// A line for following requests; the fields are built only if somebody listens.
    pub fn trace(&mut self, message: &str, fields: impl FnOnce() -> Vec<(&'static str, String)>) {
        if *self.traced.get_or_insert_with(|| self.host.log_enabled(Level::Debug)) {
            let built = fields();
            let mut all = vec![("presentity", self.partition)];
            all.extend(built.iter().map(|(name, value)| (*name, value.as_str())));
            self.host.log(Level::Debug, message, &all);
        }
    }
}
