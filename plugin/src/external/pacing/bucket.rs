//! When slots are free: places on a line of time, an interval apart.

use serde::{Deserialize, Serialize};

use crate::ports::Instant;
use crate::records;

/// Microseconds in a second.
const SECOND: u64 = 1_000_000;
/// Microseconds of places that the bucket holds.
const DEPTH: u64 = SECOND / 10;
/// Microseconds of places that are reserved at a time.
const BLOCK: u64 = SECOND * 3 / 2;
/// Of the places within so many microseconds from now on none is kept free.
const NEAR: u64 = SECOND;

/// Who asks for a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Somebody has just begun to watch, or has registered.
    New,
    /// It was subscribed to before, or nobody waits for it.
    Again,
}

/// Places of one sort. In microseconds, as there may be many in a millisecond.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Places {
    /// None before this is free.
    next: u64,
    /// Those before may have been handed out, whatever `next` says. Written durably.
    reserved: u64,
}

/// Which places are free. One of a few is kept for newcomers, so that they pass a queue of others: these take it only
/// when it is near. Newcomers take whatever is free first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// Epoch of the store when this was written.
    epoch: u64,
    /// Places for all.
    open: Places,
    /// Places that are kept for newcomers.
    kept: Places,
    /// Where the places are counted from.
    anchor: u64,
}

/// The bucket of before there were two sorts of places. `open` stands where its fields stood.
#[derive(Serialize, Deserialize)]
struct Former {
    epoch: u64,
    open: Places,
}

/// Places at a rate.
#[derive(Clone, Copy, Debug)]
struct Line {
    anchor: u64,
    interval: u64,
    /// The last one of so many is kept.
    share: u64,
}

impl Line {
    fn new(anchor: u64, rate: u32) -> Self {
        let rate = u64::from(rate.max(1));
        Self { anchor, interval: SECOND.div_ceil(rate), share: rate.clamp(2, 4) }
    }

    /// Number of the first place that is not before an instant.
    fn number(self, from: u64) -> u64 {
        from.saturating_sub(self.anchor).div_ceil(self.interval)
    }

    fn is_kept(self, number: u64) -> bool {
        number % self.share == self.share - 1
    }

    /// The first place of a sort that is not before an instant.
    fn first(self, from: u64, kept: bool) -> u64 {
        let mut number = self.number(from);
        // Where places are few, there is one of each sort among as many as the share says.
        while self.is_kept(number) != kept {
            number += 1;
        }
        self.anchor.saturating_add(number.saturating_mul(self.interval))
    }

    /// Kept places before an instant.
    fn kept_before(self, end: u64) -> u64 {
        self.number(end) / self.share
    }

    /// Open places before an instant.
    fn open_before(self, end: u64) -> u64 {
        self.number(end) - self.kept_before(end)
    }
}

impl Bucket {
    /// Reads it, in an epoch of the store: a crash before may have taken back its last writes. What cannot be read is
    /// an empty queue.
    #[must_use]
    pub fn read(record: Option<&[u8]>, epoch: u64) -> Self {
        let read = |record| {
            records::decode::<Self>(record).or_else(|| Some(Self::of_former(records::decode(record)?)))
        };
        record.and_then(read).unwrap_or_default().in_epoch(epoch)
    }

    /// Its slots were of both sorts.
    fn of_former(Former { epoch, open }: Former) -> Self {
        Self { epoch, open, kept: open, anchor: open.next }
    }

    fn in_epoch(mut self, epoch: u64) -> Self {
        if self.epoch != epoch {
            self.epoch = epoch;
            for places in [&mut self.open, &mut self.kept] {
                places.next = places.next.max(places.reserved);
            }
        }
        self
    }

    /// Takes a place at a rate of so many a second. Gives the instant in milliseconds, and whether the bucket has to be
    /// written durably for that.
    pub fn take(&mut self, now: Instant, rate: u32, lane: Lane) -> (Instant, bool) {
        let now = now.saturating_mul(1_000);
        let line = self.begin(now, rate);
        let early = early(now, line);
        let open = line.first(self.open.next.max(early), false);
        let kept = line.first(self.kept.next.max(early), true);
        let takes_kept = kept < open
            && match lane {
                Lane::New => true,
                Lane::Again => kept <= now.saturating_add(NEAR),
            };
        let (place, places) = if takes_kept { (kept, &mut self.kept) } else { (open, &mut self.open) };
        places.next = place.saturating_add(line.interval);
        let durable = self.reserve();
        (now.max(place).div_ceil(1_000), durable)
    }

    /// The line of places. It begins anew when nobody has taken one for as long as the bucket takes to fill, so
    /// that who comes then need not wait for a place.
    fn begin(&mut self, now: u64, rate: u32) -> Line {
        let early = early(now, Line::new(0, rate));
        if self.open.next.max(self.kept.next) <= early {
            (self.anchor, self.open.next, self.kept.next) = (early, early, early);
            // A crash would bring back another line. That is none where both sorts go on behind one mark.
            if self.open.reserved != self.kept.reserved {
                (self.open.reserved, self.kept.reserved) = (0, 0);
            }
        }
        Line::new(self.anchor, rate)
    }

    /// Reserves a block of places if the last one is used up, which is to be written durably.
    fn reserve(&mut self) -> bool {
        if self.open.next <= self.open.reserved && self.kept.next <= self.kept.reserved {
            return false;
        }
        let last = self.open.next.max(self.kept.next);
        for places in [&mut self.open, &mut self.kept] {
            let next = if last - places.next <= BLOCK { last } else { places.next };
            places.reserved = places.reserved.max(next.saturating_add(BLOCK));
        }
        true
    }

    /// How many have a slot that is still to come.
    #[must_use]
    pub fn waiting(&self, now: Instant, rate: u32) -> u64 {
        let line = Line::new(self.anchor, rate);
        let after = now.saturating_mul(1_000).saturating_add(1);
        let open = line.open_before(self.open.next).saturating_sub(line.open_before(after));
        let kept = line.kept_before(self.kept.next).saturating_sub(line.kept_before(after));
        open + kept
    }
}

/// The first instant of places that the bucket still holds.
fn early(now: u64, line: Line) -> u64 {
    now.saturating_sub(DEPTH.saturating_sub(line.interval))
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
        Ask(u32, Lane),
        /// So many milliseconds pass.
        Pass(u64),
        /// A crash takes back what is not durable, or all but the latest of that.
        Crash(bool),
    }

    fn event() -> impl Strategy<Value = Event> {
        let lane = prop_oneof![Just(Lane::New), Just(Lane::Again)];
        prop_oneof![
            4 => (1u32..40, lane).prop_map(|(many, lane)| Event::Ask(many, lane)),
            2 => (0u64..3_000).prop_map(Event::Pass),
            1 => (0u64..300).prop_map(Event::Pass),
            1 => Just(Event::Pass(86_400_000)),
            1 => any::<bool>().prop_map(Event::Crash),
        ]
    }

    /// A bucket in a store.
    #[derive(Default)]
    struct Kept {
        latest: Vec<u8>,
        former: Vec<u8>,
        durable: Vec<u8>,
        epoch: u64,
        durable_writes: usize,
    }

    impl Kept {
        fn read(&self) -> Bucket {
            Bucket::read(Some(&self.latest), self.epoch)
        }

        fn take(&mut self, now: Instant, rate: u32, lane: Lane) -> Instant {
            let mut bucket = self.read();
            let (slot, durable) = bucket.take(now, rate, lane);
            self.former = std::mem::replace(&mut self.latest, records::encode(&bucket));
            if durable {
                self.durable_writes += 1;
                self.durable.clone_from(&self.latest);
                self.former.clone_from(&self.latest);
            }
            slot
        }

        fn crash(&mut self, all: bool) {
            self.epoch += 1;
            self.latest.clone_from(if all { &self.durable } else { &self.former });
            self.durable.clone_from(&self.latest);
        }
    }

    /// The most slots in any second.
    fn busiest(slots: &mut [Instant]) -> usize {
        slots.sort_unstable();
        let within = |first: usize| slots[first..].partition_point(|slot| *slot < slots[first] + 1_000);
        (0..slots.len()).map(within).max().unwrap_or_default()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

        /// In any second there are no more slots than the rate and what the bucket holds, whoever asks when, however
        /// long nobody asked, and whatever a crash takes back.
        #[test]
        fn no_second_has_more_slots_than_the_rate_and_a_tenth(
            rate in prop_oneof![1u32..30, 30u32..2_000, Just(100_000u32)],
            events in vec(event(), 1..60),
        ) {
            let (mut kept, mut now, mut slots) = (Kept::default(), START, Vec::new());
            for event in events {
                match event {
                    Event::Pass(milliseconds) => now += milliseconds,
                    Event::Crash(all) => kept.crash(all),
                    Event::Ask(many, lane) => for _ in 0..many {
                        let slot = kept.take(now, rate, lane);
                        prop_assert!(slot >= now);
                        slots.push(slot);
                    }
                }
            }
            let most = (rate + (rate / 10).max(1)) as usize;
            let busiest = busiest(&mut slots);
            prop_assert!(busiest <= most, "{} in a second, expected {} at most", busiest, most);
        }

        /// However many are waiting that were subscribed to before, who has just begun to watch waits for those alone who
        /// have begun to watch as well, and no longer than a second besides, or two where the rate is one.
        #[test]
        fn newcomers_pass_the_others(
            rate in prop_oneof![1u32..30, 30u32..2_000],
            ahead in 0u32..5_000,
            others in vec((0u32..40, 0u32..4, 0u64..500), 0..40),
        ) {
            let (mut bucket, mut now) = (Bucket::default(), START);
            for _ in 0..ahead {
                bucket.take(now, rate, Lane::Again);
            }
            let longest = if rate == 1 { 2_000 } else { 1_000 };
            // When all newcomers so far have had their turn, each share of a second at a time.
            let mut served = 0;
            for (again, new, pass) in others {
                for _ in 0..again {
                    bucket.take(now, rate, Lane::Again);
                }
                for _ in 0..new {
                    served = served.max(now + longest) + longest.min(u64::from(4_000 / rate + 1));
                    let (slot, _) = bucket.take(now, rate, Lane::New);
                    prop_assert!(slot <= served + 1, "{} ms", slot - now);
                }
                now += pass;
            }
        }

        /// Who comes when nobody is ahead does not wait, whoever that is.
        #[test]
        fn nobody_waits_for_nobody(
            rate in prop_oneof![1u32..30, 30u32..2_000],
            events in vec((any::<bool>(), 1_000u64..5_000), 1..20),
        ) {
            let (mut bucket, mut now) = (Bucket::default(), START);
            for (new, pass) in events {
                let (slot, _) = bucket.take(now, rate, if new { Lane::New } else { Lane::Again });
                prop_assert_eq!(slot, now);
                now += pass + 1;
            }
        }
    }

    /// A queue of one sort alone: newcomers get the whole rate, the others all but the share of newcomers, and in the
    /// first second all.
    #[test]
    fn slots_are_not_further_apart_than_the_rate_says() {
        for rate in [1, 7, 100, 1_000] {
            let last = |lane| {
                let mut bucket = Bucket::default();
                (0..rate * 10).map(|_| bucket.take(START, rate, lane).0).last().unwrap() - START
            };
            assert!(last(Lane::New) <= 10_000, "{rate}: {}", last(Lane::New));
            let most = if rate == 1 { 20_000 } else { 13_400 };
            assert!(last(Lane::Again) <= most, "{rate}: {}", last(Lane::Again));
        }
    }

    /// Places that are kept are not lost while nobody wants them and others go on asking.
    #[test]
    fn kept_places_are_used_by_who_comes_when_they_are_near() {
        let mut bucket = Bucket::default();
        let mut slots: Vec<Instant> = Vec::new();
        // A queue of half an hour, and then as many a second as the source takes.
        for _ in 0..100_000 {
            slots.push(bucket.take(START, 100, Lane::Again).0);
        }
        for second in 1..=600 {
            slots.extend((0..25).map(|_| bucket.take(START + second * 1_000, 100, Lane::Again).0));
        }
        let early = slots.iter().filter(|slot| **slot < START + 600_000).count();
        assert!(early > 59_900, "{early}");
    }

    /// What is written durably: a block of places at a time, also in two queues.
    #[test]
    fn places_are_reserved_in_blocks() {
        let mut kept = Kept::default();
        for _ in 0..10_000 {
            kept.take(START, 100, Lane::Again);
        }
        assert!(kept.durable_writes <= 100, "{}", kept.durable_writes);
        kept.durable_writes = 0;
        for _ in 0..1_000 {
            kept.take(START, 100, Lane::New);
        }
        assert!(kept.durable_writes <= 30, "{}", kept.durable_writes);
        // One by one.
        let mut kept = Kept::default();
        for number in 0..1_000 {
            kept.take(START + number * 130, 100, Lane::New);
        }
        assert!(kept.durable_writes <= 130, "{}", kept.durable_writes);
    }

    #[test]
    fn those_with_a_slot_to_come_are_counted() {
        let mut bucket = Bucket::default();
        assert_eq!(bucket.waiting(START, 10), 0);
        bucket.take(START, 10, Lane::Again);
        assert_eq!(bucket.waiting(START, 10), 0);
        for _ in 0..100 {
            bucket.take(START, 10, Lane::Again);
        }
        for _ in 0..5 {
            bucket.take(START, 10, Lane::New);
        }
        assert_eq!(bucket.waiting(START, 10), 105);
        assert_eq!(bucket.waiting(START + 1_000_000, 10), 0);
    }

    /// A record of before has its queue ahead for both, so nothing is handed out twice; one that is damaged is none.
    #[test]
    fn a_former_record_is_read() {
        let full = (START + 60_000) * 1_000;
        let former = records::encode(&(1u64, full, full + SECOND));
        for (epoch, first) in [(1, START + 60_000), (2, START + 61_000)] {
            for lane in [Lane::New, Lane::Again] {
                let mut bucket = Bucket::read(Some(&former), epoch);
                let (slot, _) = bucket.take(START, 100, lane);
                assert!((first..=first + 40).contains(&slot), "{}", slot - START);
            }
        }
        assert_eq!(Bucket::read(Some(&former[..3]), 0), Bucket::default());
        assert_eq!(Bucket::read(None, 0), Bucket::default());
    }
}
