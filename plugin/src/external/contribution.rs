//! What sources outside contribute to the document.
//!
//! A contribution counts until its end, whatever has become of the source since (EXT-15).

use super::source::Source;
use crate::composition;
use crate::compositor::aggregate::{self, Change};
use crate::keys;
use crate::pidf::StoredDocument;
use crate::ports::{Durability, Instant};
use crate::records::{self, Contribution};
use crate::step::Step;

/// Sources are few.
const SCAN: u32 = 1_000;

/// A contribution that counts.
#[derive(Debug)]
pub struct Live {
    /// The source's id.
    pub of: keys::Id,
    /// Its record.
    pub contribution: Contribution,
    /// What it says.
    pub document: StoredDocument,
}

impl Live {
    /// For composing.
    #[must_use]
    pub fn source(&self) -> composition::Source<'_> {
        said(&self.contribution, &self.document)
    }
}

/// All that count now, from their records.
pub fn live(step: &mut Step<'_>) -> Vec<Live> {
    let now = step.now;
    let live = |(key, record): (Vec<u8>, Vec<u8>)| {
        let of = keys::Id::of_key(&key)?;
        let (contribution, document) = records::decode_with_tail::<Contribution>(&record)?;
        let document = StoredDocument::from_bytes(document)?;
        (contribution.expires > now).then_some(Live { of, contribution, document })
    };
    step.host.scan(&[keys::CONTRIBUTION], None, SCAN).into_iter().filter_map(live).collect()
}

/// What a source contributes now.
pub fn of(step: &mut Step<'_>, source: &Source) -> Option<Live> {
    let record = step.host.get(&source.key(keys::CONTRIBUTION))?;
    let (contribution, document) = records::decode_with_tail::<Contribution>(&record)?;
    let document = StoredDocument::from_bytes(document)?;
    Some(Live { of: source.id, contribution, document })
}

/// A source contributes this until then; the document follows. What says the same again only counts longer.
pub fn set(step: &mut Step<'_>, source: &Source, document: &StoredDocument, expires: Instant) {
    let former = of(step, source);
    let same = former.as_ref().is_some_and(|former| {
        former.document.to_bytes() == document.to_bytes() && former.contribution.expires > step.now
    });
    if same && former.as_ref().is_some_and(|former| former.contribution.expires == expires) {
        return;
    }
    let now = step.now;
    let contribution = match former {
        Some(Live { contribution, .. }) if same => Contribution { expires, ..contribution },
        Some(Live { contribution, .. }) => Contribution { expires, changed: now, ..contribution },
        None => Contribution { id: step.draw(), created: now, changed: now, expires },
    };
    let record = records::encode_with_tail(&contribution, &document.to_bytes());
    step.host.put(&source.key(keys::CONTRIBUTION), &record, Durability::Durable, None);
    if !same {
        aggregate::compose(step, Change::Put(said(&contribution, document)));
    }
}

/// What a source contributes counts until then, as the source is known to be alive.
pub fn extend(step: &mut Step<'_>, source: &Source, expires: Instant) {
    let Some(Live { contribution, document, .. }) = of(step, source) else { return };
    if contribution.expires != expires {
        let record =
            records::encode_with_tail(&Contribution { expires, ..contribution }, &document.to_bytes());
        step.host.put(&source.key(keys::CONTRIBUTION), &record, Durability::Durable, None);
    }
}

/// A source contributes nothing any more; the document follows. Does nothing if it did not before.
pub fn remove(step: &mut Step<'_>, id: keys::Id) {
    let key = id.key(keys::CONTRIBUTION);
    let Some(record) = step.host.get(&key) else { return };
    step.host.delete(&key, Durability::Durable);
    let change = match records::decode::<Contribution>(&record) {
        Some(contribution) => Change::Remove(contribution.id),
        None => Change::Expired,
    };
    aggregate::follow(step, change);
}

fn said<'a>(contribution: &Contribution, document: &'a StoredDocument) -> composition::Source<'a> {
    composition::Source {
        id: contribution.id,
        order: contribution.created,
        published: contribution.changed,
        document,
    }
}
