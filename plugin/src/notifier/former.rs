//! Former versions of the document that watchers with partial notification may have: without
//! one, a watcher gets the whole. Only a NOTIFY with a partial document writes them, so
//! presentities without such watchers pay nothing. Relaxed: a crash costs whole documents.

use crate::keys;
use crate::notifier::presentation::Part;
use crate::ports::{Durability, Instant};
use crate::records;
use crate::step::Step;

/// Versions kept; watchers fall behind by throttling and by NOTIFYs in flight.
const VERSIONS: usize = 4;

/// Bytes kept of all versions.
const BYTES: usize = 262_144;

/// How long they are kept after the last NOTIFY with a partial document, in milliseconds.
const LIFETIME: Instant = 86_400_000;

/// The versions, in the order in which they were sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Former {
    /// Each with its length; the documents stand one after the other.
    versions: Vec<(u64, u32)>,
    documents: Vec<u8>,
}

impl Former {
    /// What is stored of a part.
    pub fn load(step: &mut Step<'_>, part: Part) -> Self {
        let record = step.host.get(key(part)).unwrap_or_default();
        match records::decode_with_tail(&record) {
            Some((versions, documents)) => Self { versions, documents: documents.to_vec() },
            None => Self::default(),
        }
    }

    /// Writes it.
    pub fn store(&self, step: &mut Step<'_>, part: Part) {
        let until = step.now.saturating_add(LIFETIME);
        let record = records::encode_with_tail(&self.versions, &self.documents);
        step.host.put(key(part), &record, Durability::Relaxed, Some(until));
    }

    /// The composed form of a version.
    #[must_use]
    pub fn get(&self, version: u64) -> Option<&[u8]> {
        let mut start = 0;
        for (known, length) in &self.versions {
            let end = start + *length as usize;
            if *known == version {
                return self.documents.get(start..end);
            }
            start = end;
        }
        None
    }

    /// Adds a version, at the cost of the oldest ones. False if it is too large to be kept.
    pub fn add(&mut self, version: u64, document: &[u8]) -> bool {
        let Some(length) = u32::try_from(document.len()).ok().filter(|_| document.len() <= BYTES) else {
            return false;
        };
        self.versions.push((version, length));
        self.documents.extend_from_slice(document);
        while self.versions.len() > VERSIONS || self.documents.len() > BYTES {
            let (_, oldest) = self.versions.remove(0);
            self.documents.drain(..oldest as usize);
        }
        true
    }
}

fn key(part: Part) -> &'static [u8] {
    match part {
        Part::Whole => keys::FORMER,
        Part::Local => keys::FORMER_LOCAL,
    }
}
