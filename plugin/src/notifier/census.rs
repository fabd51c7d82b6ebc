//! How many watchers a presentity has, without counting them.
//!
//! A count that is kept would have to be right after crashes that take relaxed writes back, and
//! would cost a write for each subscription that comes or goes. Instead, ids are random numbers: how far the
//! next few lie behind a random place tells how many there are. The few tell it exactly while
//! there are no more than those.

use crate::keys::{self, Id};
use crate::step::Step;

/// Neighbours looked at for each new subscription: a quarter off, mostly.
const FEW: u32 = 16;
/// Neighbours looked at where it might come close to the limit: a sixteenth off, mostly.
const MANY: u32 = 256;

/// True if there is room for one more subscription, so that there are about `limit` at most. `place` is random,
/// such as the id of the new one.
pub fn has_room(step: &mut Step<'_>, place: Id, limit: u32) -> bool {
    let limit = f64::from(limit);
    // Far off, as it nearly always is, a look at a few will do.
    estimate(step, place, FEW) < limit / 4.0 || estimate(step, place, MANY) < limit
}

/// About how many subscriptions to presence there are; exact if fewer than `sample`.
fn estimate(step: &mut Step<'_>, place: Id, sample: u32) -> f64 {
    // Positions are much smaller than subscriptions, and each has one.
    let kind = keys::POSITION;
    let mut found = step.host.scan(&[kind], Some(&place.key(kind)), sample);
    let behind = found.len() as u32;
    if behind < sample {
        // Round the end and on from the beginning.
        let rest = step.host.scan(&[kind], None, sample - behind);
        let before = |(key, _): &(Vec<u8>, Vec<u8>)| key.as_slice() <= place.key(kind).as_slice();
        found.extend(rest.into_iter().take_while(before));
    }
    let count = f64::from(found.len() as u32);
    if found.len() < sample as usize {
        return count;
    }
    let last = found.last().and_then(|(key, _)| Id::of_key(key)).unwrap_or(place);
    let distance = number(last).wrapping_sub(number(place)).max(1);
    count / (distance as f64 / u64::MAX as f64)
}

fn number(id: Id) -> u64 {
    u64::from_be_bytes(id.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::Configuration;
    use crate::ports::{Durability, Host};
    use crate::testing::MemoryHost;

    /// With a host that has so many positions, the estimates from many places.
    fn estimates(count: usize, sample: u32) -> Vec<f64> {
        let mut host = MemoryHost::new(1, 5);
        host.begin(Some("p"));
        for _ in 0..count {
            let id = Id(host.draw().to_be_bytes());
            host.put(&id.key(keys::POSITION), b"x", Durability::Relaxed, None);
        }
        host.commit();
        let configuration = Configuration::parse(r#"{"presence":{"domains":["x"]}}"#).unwrap();
        let mut places: Vec<Id> = (0..200).map(|_| Id(host.draw().to_be_bytes())).collect();
        places.extend([Id([0; 8]), Id([255; 8])]);
        host.begin(Some("p"));
        let mut step = Step::new(&mut host, &configuration, "p");
        places.into_iter().map(|place| estimate(&mut step, place, sample)).collect()
    }

    #[test]
    fn few_are_counted() {
        for count in [0, 1, 15] {
            assert!(estimates(count, FEW).iter().all(|estimate| *estimate == count as f64), "{count}");
        }
        assert!(estimates(255, MANY).iter().all(|estimate| *estimate == 255.0));
    }

    #[test]
    fn many_are_estimated() {
        let off = |estimates: &[f64], count: f64, by: f64| {
            estimates.iter().filter(|estimate| **estimate > count * by || **estimate < count / by).count()
        };
        let few = estimates(2_000, FEW);
        assert!(off(&few, 2_000.0, 4.0) == 0 && off(&few, 2_000.0, 2.0) < 20, "{few:?}");
        let many = estimates(2_000, MANY);
        assert!(off(&many, 2_000.0, 1.3) == 0, "{many:?}");
    }
}
