//! What a step reads that runs again: the trace of its first run.
//!
//! Invariant: what the trace does not know is answered as nothing, or from what the component brings along,
//! and is told.

use super::blob::Blob;
use super::ranges::{behind, behind_all};
use super::trace::{Page, Question, Refusal, Trace};
use crate::bindings::rollcall::plugin::identity::Failure;
use crate::identity_rules::{self, Rules};
use crate::step::current::Base;
use crate::tables::Tables;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rollcall_storage::{PartitionKey, Record};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

/// Something that the first run had not read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum NewRead {
    /// Records of the kind with this first byte of their keys; all kinds.
    Records(Option<u8>),
    /// A table.
    Table(String),
    /// The site's own identity rules.
    IdentityRules,
}

/// Tables and identity rules that a component brings along.
#[derive(Clone, Default)]
pub(crate) struct Own {
    pub tables: Arc<Tables>,
    /// Tables that hold what those of the first run held, so that what the trace says comes first.
    pub same: BTreeSet<String>,
    /// What the trace says of tables and identity rules is not to be used: these were chosen instead.
    pub instead: bool,
}

/// The partition as the first run has seen it.
#[derive(Default)]
pub(crate) struct Known(BTreeMap<Box<[u8]>, Record>);

impl Base for Known {
    fn get(&self, key: &[u8], _now: u64) -> Option<&Record> {
        self.0.get(key)
    }

    fn range<'a>(
        &'a self,
        start: Bound<&[u8]>,
        prefix: &'a [u8],
    ) -> impl Iterator<Item = (&'a [u8], &'a Record)> {
        let from = self.0.range::<[u8], _>((start, Bound::Unbounded));
        from.map(|(key, record)| (&key[..], record)).take_while(move |(key, _)| key.starts_with(prefix))
    }
}

/// What a step reads that runs again.
pub(crate) struct Recorded {
    trace: Arc<Trace>,
    own: Own,
    known: Known,
    entered: Option<PartitionKey>,
    /// Whether that is another partition than the first time.
    elsewhere: bool,
    drawn: usize,
    rng: Option<StdRng>,
    new: BTreeSet<NewRead>,
}

impl Recorded {
    pub fn new(trace: Arc<Trace>, own: Own) -> Recorded {
        let record = |value: &Blob| Record { value: value.0.clone(), expires: None };
        let records = trace.reads.records.iter();
        let known =
            records.filter_map(|(key, value)| Some((Box::from(&**key), record(value.as_ref()?)))).collect();
        Recorded {
            known: Known(known),
            trace,
            own,
            entered: None,
            elsewhere: false,
            drawn: 0,
            rng: None,
            new: BTreeSet::new(),
        }
    }

    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    pub fn entered(&self) -> Option<&PartitionKey> {
        self.entered.as_ref()
    }

    /// What was read, and not the first time.
    pub fn new_reads(self) -> BTreeSet<NewRead> {
        self.new
    }

    pub fn enter(&mut self, partition: &PartitionKey) {
        self.elsewhere = self.trace.partition() != Some(partition.as_str());
        if self.elsewhere {
            self.known = Known::default();
        }
        self.entered = Some(partition.clone());
    }

    /// The records that the step begins with, as far as they are known.
    pub fn base(&self) -> &Known {
        &self.known
    }

    /// Tells if nothing is known of a key.
    pub fn get(&mut self, key: &[u8]) {
        let reads = &self.trace.reads;
        let known = !self.elsewhere && (reads.records.contains_key(key) || reads.ranges.has(key));
        if !known {
            self.new.insert(NewRead::Records(key.first().copied()));
        }
    }

    /// Tells if something is not known between `start` and the last key with this prefix, or `last`.
    pub fn scan(&mut self, start: Bound<&[u8]>, prefix: &[u8], last: Option<&[u8]>) {
        let start = match start {
            Bound::Included(key) => key.to_vec(),
            Bound::Excluded(key) => behind(key),
            Bound::Unbounded => Vec::new(),
        };
        let end = last.map_or_else(|| behind_all(prefix), |last| Some(behind(last)));
        if self.elsewhere || !self.trace.reads.ranges.cover(&start, end.as_deref()) {
            self.new.insert(NewRead::Records(prefix.first().copied()));
        }
    }

    /// Whether there was a timer of this name; where that is not known, there was.
    pub fn has_timer(&self, name: &[u8]) -> bool {
        self.trace.reads.timers.get(name).copied().unwrap_or(true)
    }

    /// Whether what the trace says of a table is to be used.
    fn trusts(&self, table: &str) -> bool {
        !self.own.instead && (self.own.tables.is_empty() || self.own.same.contains(table))
    }

    fn new_table(&mut self, table: &str) {
        if self.own.tables.is_empty() && !self.own.instead {
            self.new.insert(NewRead::Table(table.to_owned()));
        }
    }

    pub fn lookup(&mut self, table: &str, key: &[u8]) -> Option<Vec<u8>> {
        let known = self.trace.reads.lookups.get(table).and_then(|table| table.get(key));
        if let Some(known) = known.filter(|_| self.trusts(table)) {
            return known.as_ref().map(|value| value.to_vec());
        }
        self.new_table(table);
        self.own.tables.lookup(table, key).map(<[u8]>::to_vec)
    }

    pub fn version(&mut self, table: &str) -> u64 {
        if let Some(known) = self.trace.reads.versions.get(table).filter(|_| self.trusts(table)) {
            return *known;
        }
        self.new_table(table);
        self.own.tables.version(table)
    }

    pub fn page(&mut self, table: &str, at: u64, limit: u32) -> Page {
        let asked = (table.to_owned(), at, limit);
        if let Some(known) = self.trace.reads.pages.get(&asked).filter(|_| self.trusts(table)) {
            return known.clone();
        }
        self.new_table(table);
        let part = self.own.tables.entries(table, at, limit as usize);
        let entries = part.entries.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        Page { entries, next: part.next }
    }

    pub fn ask(
        &mut self,
        rules: Option<&Rules>,
        question: identity_rules::Question<'_>,
    ) -> Result<String, Failure> {
        let known = self.trace.reads.identities.get(&Question::from(&question));
        match known.filter(|_| !self.own.instead) {
            Some(Ok(identity)) => Ok(identity.clone()),
            Some(Err(Refusal::Refused(why))) => Err(Failure::Refused(why.clone())),
            Some(Err(Refusal::Broken(why))) => Err(Failure::Broken(why.clone())),
            None => {
                if rules.is_none() && !self.own.instead {
                    self.new.insert(NewRead::IdentityRules);
                }
                Rules::ask_any(rules, question)
            }
        }
    }

    /// The bytes that were drawn the first time, and then others, which are the same each time.
    pub fn random(&mut self, length: usize) -> Vec<u8> {
        let rest = self.trace.reads.random.get(self.drawn..).unwrap_or_default();
        let mut bytes = rest.get(..length).unwrap_or(rest).to_vec();
        self.drawn += bytes.len();
        let known = bytes.len();
        bytes.resize(length, 0);
        if known < length {
            let rng = self.rng.get_or_insert_with(|| StdRng::seed_from_u64(self.trace.number));
            rng.fill_bytes(bytes.get_mut(known..).unwrap_or_default());
        }
        bytes
    }
}
