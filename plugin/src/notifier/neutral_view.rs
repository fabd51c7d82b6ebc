//! What a politely blocked watcher sees (RFC 5025 3.2.1, SUB-31): a document like any other
//! of somebody who cannot be reached, the same each time it asks.

use crate::composition::{self, Composed};
use crate::keys;
use crate::ports::Durability;
use crate::step::Step;

/// The document for a watcher. `keep` tells whether the partition shall remember the
/// secret behind it, so that the next one is equal.
pub fn document(step: &mut Step<'_>, watcher: &str, entity: &str, keep: bool) -> Composed {
    let secret = match step.host.get(keys::SECRET) {
        Some(secret) => secret,
        None => {
            let secret = step.host.random(8);
            if keep {
                step.host.put(keys::SECRET, &secret, Durability::Durable, None);
            }
            secret
        }
    };
    let mut seed = 0xcbf2_9ce4_8422_2325u64;
    for byte in secret.iter().chain(watcher.as_bytes()).chain(b" ").chain(entity.as_bytes()).chain(&secret) {
        seed = (seed ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        seed ^= seed >> 29;
    }
    composition::neutral(seed, None)
}
