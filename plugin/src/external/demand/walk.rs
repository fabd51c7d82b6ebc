//! `start = "always"`: has everybody whom the directory names for a source look whether it is asked.
//!
//! A walk goes over the table in the partition of the source, chunk by chunk, by a timer. It begins when the
//! source is made known (each start and reload) and when the table has changed. While more are
//! waiting for their turn than a source takes in a second, it rests: whoever has to be subscribed to again meanwhile
//! need not wait behind everybody. Who is named no longer finds out at the next refresh.

use serde::{Deserialize, Serialize};

use super::super::directory;
use super::super::pacing;
use super::super::source::{Source, Start};
use super::LOOK;
use crate::ports::Durability;
use crate::records;
use crate::step::Step;

/// The record, and the name of the timer. In the partition of the source.
pub const KEY: &[u8] = b"qw";

/// Entries of the table read in a step.
const CHUNK: u32 = 256;

/// Rest of a walk behind which others wait, in milliseconds.
const REST: u64 = 1_000;

/// How far it is. A crash may take it back, which does no harm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Walk {
    /// Version of the table.
    version: u64,
    /// Where it goes on; none at its end.
    at: Option<u64>,
}

impl Walk {
    fn load(step: &mut Step<'_>) -> Option<Self> {
        step.host.get(KEY).as_deref().and_then(records::decode)
    }
}

/// Begins a walk if the source is one for which there are walks, and the table is not the one of the last
/// walk, or `anew` says so.
pub fn begin(step: &mut Step<'_>, source: &Source, anew: bool) {
    let walks = source.start == Start::Always && source.listed;
    let last = Walk::load(step);
    if !walks {
        if last.is_some() {
            step.host.delete(KEY, Durability::Relaxed);
            step.host.cancel_timer(KEY);
        }
        return;
    }
    let version = step.host.table_version(directory::TABLE);
    if anew || last.is_none_or(|last| last.version != version) {
        step.put(KEY, &Walk { version, at: Some(0) }, Durability::Relaxed);
        step.host.set_timer(KEY, step.now, b"");
    }
}

/// The timer of a walk fired.
pub fn go_on(step: &mut Step<'_>, source: &Source) {
    let Some(Walk { version, at: Some(at) }) = Walk::load(step) else { return };
    if step.host.table_version(directory::TABLE) != version {
        begin(step, source, true);
        return;
    }
    if pacing::waiting(step, source) > u64::from(source.rate) {
        step.host.set_timer(KEY, step.now + REST, b"");
        return;
    }
    let (entries, next) = step.host.table_entries(directory::TABLE, at, CHUNK);
    let mut post = [0; 9];
    post.copy_from_slice(&source.key(LOOK));
    for (key, _) in &entries {
        if let Some(presentity) = directory::named(key, source) {
            step.host.post(presentity, &post);
        }
    }
    step.put(KEY, &Walk { version, at: next }, Durability::Relaxed);
    if next.is_some() {
        step.host.set_timer(KEY, step.now, b"");
    }
}
