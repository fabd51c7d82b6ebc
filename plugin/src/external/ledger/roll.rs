//! Who is covered: a small record for each presentity in the partition of the source, with the epoch of the store in
//! which it was counted.
//!
//! It is there for the end. A source that is not configured any more, or switched off, has nobody to say so: what it
//! has contributed would stay until each presentity looks by itself. So its pulse, which goes on after it, has
//! all of them look, some at a time ([`dismiss`]), and each forgets about the source. What a source
//! that comes back meanwhile finds in the list is as it was.

use super::super::backend;
use super::super::source::{self, Source};
use super::book::{self, Entry};
use crate::keys::{self, Id};
use crate::ports::Durability;
use crate::records;
use crate::step::Step;

/// First bytes of the records' keys; the presentity follows.
const KEY: &[u8] = b"qm";
/// First byte of a post that tells a presentity that a source has gone; its id follows.
const GONE: u8 = b'x';
/// Presentities that are told in a step.
const CHUNK: u32 = 256;
/// Milliseconds between two such steps: each presentity may have many watchers.
pub(super) const REST: u64 = 250;

fn key(presentity: &str) -> Vec<u8> {
    [KEY, presentity.as_bytes()].concat()
}

fn epoch_of(step: &mut Step<'_>, key: &[u8]) -> Option<u64> {
    step.host.get(key).as_deref().and_then(records::decode)
}

/// A presentity is covered in an epoch. True if that was not known.
pub(super) fn enter(step: &mut Step<'_>, presentity: &str, epoch: u64) -> bool {
    let key = key(presentity);
    let new = epoch_of(step, &key).is_none_or(|known| known < epoch);
    if new {
        step.put(&key, &epoch, Durability::Relaxed);
    }
    new
}

/// A presentity is covered no longer, as it tells in an epoch. Gives the epoch in which it was counted, if it was.
pub(super) fn leave(step: &mut Step<'_>, presentity: &str, epoch: u64) -> Option<u64> {
    let key = key(presentity);
    let known = epoch_of(step, &key).filter(|known| *known <= epoch)?;
    step.host.delete(&key, Durability::Relaxed);
    Some(known)
}

/// In the partition of a source that has gone: tells some of those that it covered, and strikes them off. Gives the epochs in
/// which they were counted; none are left if there are none.
pub(super) fn dismiss(step: &mut Step<'_>) -> Vec<u64> {
    let Some(name) = source::name_of_partition(step) else { return Vec::new() };
    let mut post = [0; 9];
    post.copy_from_slice(&Source::id_of(name).key(GONE));
    let mut epochs = Vec::new();
    for (key, record) in step.host.scan(KEY, None, CHUNK) {
        let presentity = key.strip_prefix(KEY).and_then(|presentity| str::from_utf8(presentity).ok());
        if let Some(presentity) = presentity {
            step.host.post(presentity, &post);
        }
        step.host.delete(&key, Durability::Relaxed);
        epochs.push(records::decode(&record).unwrap_or_default());
    }
    epochs
}

/// A post arrived. False if it is none of these.
pub(super) fn posted(step: &mut Step<'_>, payload: &[u8]) -> bool {
    let Some(id) = Id::of_key(payload).filter(|_| payload.first() == Some(&GONE)) else { return false };
    match source::by_id(step, id) {
        None => backend::abandon(step, id),
        // It has come back, and may have struck off this one.
        Some(source) if step.host.get(&source.key(keys::BACKEND)).is_some() => {
            let entry = Entry::Covered(step.epoch());
            book::post(step, source, &entry, step.partition.as_bytes());
        }
        Some(_) => {}
    }
    true
}
