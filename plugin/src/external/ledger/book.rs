//! What is kept of how a source fares, in the partition of the source.

use serde::{Deserialize, Serialize};

use super::super::source::{self, Source};
use super::diary::{Diary, Told};
use super::roll;
use crate::keys;
use crate::ports::{Durability, Instant};
use crate::records;
use crate::step::Step;

/// First byte of a post.
const POST: u8 = b'r';
/// Longest reason kept, in bytes.
const WHY: usize = 200;

/// What is posted. The tail is what a component of before neither tells nor reads: the presentity of the first two,
/// the [`Manner`] of a failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Entry<'a> {
    /// One more presentity is covered in this epoch.
    Covered(u64),
    /// One less.
    Uncovered(u64),
    /// The source said something then.
    Contact(Instant),
    /// The source failed somebody.
    Failed { at: Instant, presentity: &'a str, why: &'a str, next_try: Option<Instant> },
}

/// The latest failure of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// When it was.
    pub at: Instant,
    /// The presentity that it failed.
    pub presentity: String,
    /// What happened, for the operator.
    pub why: String,
    /// When it is tried again for that presentity; none if it is not.
    pub next_try: Option<Instant>,
}

/// How a source fares. Relaxed: a crash may take back what was told last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Book {
    /// Epoch of the store in which the users were counted.
    epoch: u64,
    /// Presentities that have a subscription there.
    pub users: u64,
    /// When it last said something.
    pub last_contact: Option<Instant>,
    /// When it last failed.
    pub failure: Option<Failure>,
    /// The tail.
    #[serde(skip)]
    tail: Tail,
}

/// What a component of before does not keep.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Tail {
    /// What the log says of it.
    diary: Diary,
    /// Some of the users were counted before there was a roll.
    unlisted: bool,
}

impl Book {
    /// Reads it in the partition of the source.
    pub fn load(step: &mut Step<'_>) -> Self {
        let record = step.host.get(keys::SOURCE_LEDGER);
        let epoch = step.epoch();
        match record.as_deref().and_then(records::decode_with_tail::<Self>) {
            Some((book, tail)) => {
                let mut tail = records::decode(tail)
                    .unwrap_or_else(|| Tail { unlisted: book.users > 0, ..Tail::default() });
                if book.epoch == epoch {
                    return Self { tail, ..book };
                }
                tail.unlisted = false;
                Self { epoch, users: 0, tail, ..book }
            }
            None => Self { epoch, ..Self::default() },
        }
    }

    fn store(&self, step: &mut Step<'_>) {
        let record = records::encode_with_tail(self, &records::encode(&self.tail));
        step.host.put(keys::SOURCE_LEDGER, &record, Durability::Relaxed, None);
    }

    /// When the source is tried again that has failed and not been heard of since; none otherwise.
    #[must_use]
    pub fn next_try(&self) -> Option<Instant> {
        let failure = self.failure.as_ref()?;
        failure.next_try.filter(|_| self.last_contact.is_none_or(|contact| contact <= failure.at))
    }

    /// Shows it to the operator. What never happened is 0.
    pub fn show(&self, step: &mut Step<'_>, source: &Source) {
        let seconds = |instant: Option<Instant>| instant.unwrap_or_default() as f64 / 1_000.0;
        let labels = [("source", source.name.as_str())];
        step.host.gauge("source_users", &labels, self.users as f64);
        let figures = [
            ("source_last_contact_timestamp_seconds", self.last_contact),
            ("source_last_failure_timestamp_seconds", self.failure.as_ref().map(|failure| failure.at)),
            ("source_next_try_timestamp_seconds", self.next_try()),
        ];
        for (name, instant) in figures {
            step.host.gauge(name, &labels, seconds(instant));
        }
    }

    /// One less that was counted in an epoch, if it was.
    fn uncount(&mut self, counted: Option<u64>) {
        self.users = self.users.saturating_sub(u64::from(counted == Some(self.epoch)));
    }

    /// In the partition of a source that has gone: has some of those forget it that it covers. False if none are left.
    pub(super) fn dismiss(step: &mut Step<'_>) -> bool {
        let epochs = roll::dismiss(step);
        if epochs.is_empty() {
            return false;
        }
        let mut book = Self::load(step);
        epochs.into_iter().for_each(|epoch| book.uncount(Some(epoch)));
        book.store(step);
        true
    }

    fn take(&mut self, step: &mut Step<'_>, entry: &Entry<'_>, tail: &[u8]) {
        let source = source::of_partition(step);
        let who = str::from_utf8(tail).ok().filter(|who| !who.is_empty());
        match *entry {
            // What was told in another epoch is told anew.
            Entry::Covered(epoch) => {
                let new = who.is_none_or(|who| roll::enter(step, who, epoch));
                self.tail.unlisted |= who.is_none();
                self.users += u64::from(new && epoch == self.epoch);
            }
            Entry::Uncovered(epoch) => {
                let counted = who.and_then(|who| roll::leave(step, who, epoch));
                let unlisted = (self.tail.unlisted && epoch == self.epoch).then_some(epoch);
                self.uncount(counted.or(unlisted));
            }
            Entry::Contact(at) => {
                self.last_contact = self.last_contact.max(Some(at));
                if let Some(source) = source {
                    self.tail.diary.answered(step, source, at);
                }
            }
            Entry::Failed { at, presentity, why, next_try } => {
                let end = (0..=WHY.min(why.len())).rev().find(|end| why.is_char_boundary(*end));
                let why = why.get(..end.unwrap_or_default()).unwrap_or_default().to_owned();
                if let Some(source) = source {
                    let told = Told { at, presentity, why: &why, next_try };
                    let manner = records::decode(tail).unwrap_or_default();
                    self.tail.diary.failed(step, source, told, manner);
                }
                self.failure = Some(Failure { at, presentity: presentity.to_owned(), why, next_try });
            }
        }
    }
}

/// Posts an entry to the partition of a source.
pub(super) fn post(step: &mut Step<'_>, source: &Source, entry: &Entry<'_>, tail: &[u8]) {
    let mut payload = vec![POST];
    payload.extend_from_slice(&records::encode_with_tail(entry, tail));
    step.host.post(&source.partition(), &payload);
}

/// A post arrived. False if it is none of these.
pub(super) fn posted(step: &mut Step<'_>, payload: &[u8]) -> bool {
    let Some((&POST, rest)) = payload.split_first() else { return false };
    let Some((entry, tail)) = records::decode_with_tail::<Entry<'_>>(rest) else { return false };
    let mut book = Book::load(step);
    book.take(step, &entry, tail);
    book.store(step);
    if let Some(source) = source::of_partition(step) {
        book.show(step, source);
    }
    true
}
