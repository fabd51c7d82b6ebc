//! No more new subscriptions a second than a source can take.
//!
//! A token bucket in the partition of the source, turned round: instead of tokens one small record keeps which
//! places on a line of time are free (`bucket.rs`). Who asks gets an instant, its slot, and waits for it with a
//! timer of its own; a slot that is not used is lost. The bucket holds a tenth of a second, one token at least,
//! so in any second there are no more slots than the rate and a tenth of it, however long nobody asked.
//!
//! Slots are handed out ahead, first come, first served, but in two lanes: after an outage very many have to be subscribed
//! to again, and who begins to watch then must not wait behind all of them. So of every four places one is kept for
//! newcomers (of two or three where the rate is that small). Others take it if it is within a second from now,
//! which is what a newcomer waits at most if there is none before; newcomers take any that is free. A long queue of
//! others goes at three quarters of the rate for that.
//!
//! A slot costs two posts and a step in the partition of the source that writes a record of some fifty bytes, relaxed
//! but for once in more than a second: as with CSeq numbers, places are reserved in blocks, so a crash, after which
//! everybody asks again, hands none out twice. Then a timer and a step for whoever has to wait.

mod bucket;

pub use bucket::Lane;

use serde::{Deserialize, Serialize};

use self::bucket::Bucket;
use super::backend;
use super::source::{self, Source};
use crate::keys::{self, Id};
use crate::ports::{Durability, Instant};
use crate::records;
use crate::step::Step;

/// First byte of a post.
const POST: u8 = b'g';
/// The record, in the partition of the source.
const BUCKET: &[u8] = b"qb";
/// What is posted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Post<'a> {
    /// A presentity asks for a slot that was subscribed to before, or for which nobody waits.
    Ask(&'a str),
    /// Its slot at a source.
    Slot(Id, Instant),
    /// A presentity asks for a slot that somebody has just begun to watch, or that has registered.
    AskFirst(&'a str),
}

/// Asks for leave to send a SUBSCRIBE out of dialog; [`backend::granted`] tells when.
pub fn ask(step: &mut Step<'_>, source: &Source, lane: Lane) {
    let ask = match lane {
        Lane::New => Post::AskFirst(step.partition),
        Lane::Again => Post::Ask(step.partition),
    };
    post(step, &source.partition(), &ask);
}

fn post(step: &mut Step<'_>, partition: &str, post: &Post<'_>) {
    let mut payload = vec![POST];
    payload.extend_from_slice(&records::encode(post));
    step.host.post(partition, &payload);
}

/// A post arrived. False if it is none of these.
pub fn posted(step: &mut Step<'_>, payload: &[u8]) -> bool {
    let Some((&POST, rest)) = payload.split_first() else { return false };
    match records::decode::<Post<'_>>(rest) {
        Some(Post::Ask(presentity)) => hand_out(step, presentity, Lane::Again),
        Some(Post::AskFirst(presentity)) => hand_out(step, presentity, Lane::New),
        Some(Post::Slot(id, at)) => {
            if at > step.now {
                step.host.set_timer(&id.key(keys::SLOT_TIMER), at, b"");
            } else {
                granted(step, id, at);
            }
        }
        None => return false,
    }
    true
}

/// A timer fired that was due then. False if it is none of these.
pub fn fired(step: &mut Step<'_>, name: &[u8], due: Instant) -> bool {
    let Some(id) = Id::of_key(name).filter(|_| name.first() == Some(&keys::SLOT_TIMER)) else { return false };
    granted(step, id, due);
    true
}

/// A slot has come. One that has passed while there was no server is lost, as many may have: who still needs one asks again.
fn granted(step: &mut Step<'_>, id: Id, slot: Instant) {
    match source::by_id(step, id) {
        Some(source) if slot.saturating_add(backend::LATE) <= step.now => {
            backend::missed(step, source);
        }
        Some(source) => backend::granted(step, source),
        None => {}
    }
}

/// In the partition of a source: hands out the next slot.
fn hand_out(step: &mut Step<'_>, presentity: &str, lane: Lane) {
    // Whoever asks a source that is no longer configured is never granted anything.
    let Some(source) = source::of_partition(step) else { return };
    let mut bucket = load(step);
    let (slot, durable) = bucket.take(step.now, source.rate, lane);
    step.put(BUCKET, &bucket, if durable { Durability::Durable } else { Durability::Relaxed });
    post(step, presentity, &Post::Slot(source.id, slot));
}

fn load(step: &mut Step<'_>) -> Bucket {
    let record = step.host.get(BUCKET);
    Bucket::read(record.as_deref(), step.epoch())
}

/// In the partition of a source: how many have a slot that is still to come.
pub fn waiting(step: &mut Step<'_>, source: &Source) -> u64 {
    load(step).waiting(step.now, source.rate)
}
