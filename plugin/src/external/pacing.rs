//! No more new subscriptions a second than a source can take.
//!
//! A token bucket in the partition of the source, turned round: instead of tokens one small record keeps when the
//! next one is there. Who asks gets an instant, its slot, first come, first served, and waits for it with a
//! timer of its own; a slot that is not used is lost. The bucket holds a tenth of a second, one token at least,
//! so in any second there are no more slots than the rate and a tenth of it, however long nobody asked.
//!
//! A slot costs two posts and a step in the partition of the source that writes a record of some thirty bytes, relaxed
//! but for once a second: as with CSeq numbers, slots are reserved in blocks, so a crash, after which everybody
//! asks again, hands none out twice. Then a timer and a step for whoever has to wait.

use serde::{Deserialize, Serialize};

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
/// Microseconds in a second.
const SECOND: u64 = 1_000_000;
/// Microseconds of slots that the bucket holds.
const DEPTH: u64 = SECOND / 10;

/// What is posted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Post<'a> {
    /// A presentity asks for a slot.
    Ask(&'a str),
    /// Its slot at a source.
    Slot(Id, Instant),
}

/// When slots are free. In microseconds, as there may be many in a millisecond.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Bucket {
    /// Epoch of the store when this was written.
    epoch: u64,
    /// When the bucket is full again.
    full: u64,
    /// Until then slots may have been handed out, whatever `full` says. Written durably.
    reserved: u64,
}

impl Bucket {
    /// The bucket after a crash, of which the last writes may have gone back.
    fn in_epoch(self, epoch: u64) -> Self {
        let full = if self.epoch == epoch { self.full } else { self.full.max(self.reserved) };
        Self { epoch, full, ..self }
    }

    /// Takes the next slot at a rate of so many a second. Gives the instant in milliseconds.
    fn take(&mut self, now: Instant, rate: u32) -> Instant {
        let now = now.saturating_mul(1_000);
        let interval = SECOND.div_ceil(u64::from(rate.max(1)));
        let full = self.full.max(now);
        let slot = now.max(full.saturating_sub(DEPTH.saturating_sub(interval)));
        self.full = full.saturating_add(interval);
        slot.div_ceil(1_000)
    }
}

/// Asks for leave to send a SUBSCRIBE out of dialog; [`backend::granted`] tells when.
pub fn ask(step: &mut Step<'_>, source: &Source) {
    post(step, &source.partition(), &Post::Ask(step.partition));
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
        Some(Post::Ask(presentity)) => hand_out(step, presentity),
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
fn hand_out(step: &mut Step<'_>, presentity: &str) {
    // Whoever asks a source that is no longer configured is never granted anything.
    let Some(source) = source::of_partition(step) else { return };
    let mut bucket = load(step);
    let slot = bucket.take(step.now, source.rate);
    let durability = if bucket.full > bucket.reserved {
        bucket.reserved = bucket.full.saturating_add(SECOND);
        Durability::Durable
    } else {
        Durability::Relaxed
    };
    step.put(BUCKET, &bucket, durability);
    post(step, presentity, &Post::Slot(source.id, slot));
}

fn load(step: &mut Step<'_>) -> Bucket {
    let bucket: Option<Bucket> = step.host.get(BUCKET).as_deref().and_then(records::decode);
    let epoch = step.epoch();
    bucket.unwrap_or_default().in_epoch(epoch)
}

/// In the partition of a source: how many have a slot that is still to come.
pub fn waiting(step: &mut Step<'_>, source: &Source) -> u64 {
    let ahead = load(step).full.saturating_sub(step.now.saturating_mul(1_000) + DEPTH);
    ahead / SECOND.div_ceil(u64::from(source.rate.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    const START: Instant = 1_700_000_000_000;

    /// What happens to a bucket.
    #[derive(Clone, Copy, Debug)]
    enum Event {
        /// So many ask at once.
        Ask(u32),
        /// So many milliseconds pass.
        Pass(u64),
        /// A crash takes everything back that is not durable.
        Crash,
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            (1u32..40).prop_map(Event::Ask),
            (0u64..3_000).prop_map(Event::Pass),
            Just(Event::Pass(86_400_000)),
            Just(Event::Crash),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

        /// In any second there are no more slots than the rate and what the bucket holds, whoever asks when, however
        /// long nobody asked, and whatever a crash takes back; and nobody waits longer than those before
        /// have made necessary.
        #[test]
        fn no_second_has_more_slots_than_the_rate_and_a_tenth(
            rate in prop_oneof![1u32..30, 30u32..2_000, Just(100_000u32)],
            events in vec(event(), 1..60),
        ) {
            let (mut bucket, mut safe, mut epoch, mut now) = (Bucket::default(), Bucket::default(), 0, START);
            let mut slots: Vec<Instant> = Vec::new();
            for event in events {
                match event {
                    Event::Pass(milliseconds) => now += milliseconds,
                    Event::Crash => {
                        epoch += 1;
                        bucket = safe;
                    }
                    Event::Ask(many) => for _ in 0..many {
                        bucket = bucket.in_epoch(epoch);
                        let before = bucket;
                        let slot = bucket.take(now, rate);
                        prop_assert!(slot >= now);
                        prop_assert!(slot == now || slot * 1_000 <= before.full + 1_000);
                        if bucket.full > bucket.reserved {
                            bucket.reserved = bucket.full + SECOND;
                            safe = bucket;
                        }
                        slots.push(slot);
                    }
                }
            }
            prop_assert!(slots.is_sorted());
            let most = (rate + (rate / 10).max(1)) as usize;
            for (first, slot) in slots.iter().enumerate() {
                let within = slots[first..].partition_point(|other| *other < slot + 1_000);
                prop_assert!(within <= most, "{within} in a second, expected {most} at most");
            }
        }
    }

    #[test]
    fn slots_are_not_further_apart_than_the_rate_says() {
        for rate in [1, 7, 100, 1_000] {
            let mut bucket = Bucket::default();
            let last = (0..rate * 10).map(|_| bucket.take(START, rate)).last().unwrap();
            assert!(last <= START + 10_000, "{rate}: {}", last - START);
        }
    }
}
