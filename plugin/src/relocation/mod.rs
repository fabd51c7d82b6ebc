//! Subscriptions that move because the identity map changed (WPS-31 to WPS-34).
//!
//! A subscription lives in the partition of the fundamental identity that its presentity had
//! when it was made. An operator's new map moves nothing. The next SUBSCRIBE in the dialog maps
//! the presentity anew, and if that gives another partition, the subscription goes there.
//!
//! - **Finding it** ([`search`]). The SUBSCRIBE arrives in the partition that the map names
//!   now, and the former map is gone. From there it is forwarded: to where the subscription is
//!   known to have gone ([`passage`]); to the partition named as the identity itself, which
//!   holds it if there was no mapping; from there to each partition in which subscriptions to
//!   that identity were kept while it was mapped elsewhere ([`anchor`]).
//! - **Moving it** ([`passage`]). The former partition answers and gives the subscription away:
//!   one commit removes it, notes where it went and posts it. So it is in one partition or on
//!   its way, never both. The new partition takes it once, authorizes the watcher anew and
//!   sends the full state in the same dialog. A NOTIFY in flight is waited for first.
//!
//! Nothing tells a watcher which identities belong together: what is found out travels between
//! partitions, not in tags or Contacts.
//!
//! Publications do not move. One is found by its entity-tag in the partition where it was made,
//! until it expires: once the map has changed, a PUBLISH with that tag is answered 412 (WPS-29)
//! and the publisher publishes anew.

pub mod anchor;
pub mod passage;
pub mod search;

use crate::records;
use crate::step::Step;
use anchor::Claim;
use passage::Arrival;

/// First byte of a post that carries a subscription.
const ARRIVAL: u8 = b'm';
/// First byte of a post that tells where subscriptions to an identity are kept.
const CLAIM: u8 = b'a';

/// A post arrived. False if it is none of these.
pub fn posted(step: &mut Step<'_>, payload: &[u8]) -> bool {
    match payload.split_first() {
        Some((&ARRIVAL, rest)) => match records::decode_with_tail::<Arrival>(rest) {
            Some((arrival, record)) => passage::arrive(step, arrival, record),
            None => false,
        },
        Some((&CLAIM, rest)) => match records::decode::<Claim<'_>>(rest) {
            Some(claim) => {
                anchor::take(step, &claim);
                true
            }
            None => false,
        },
        _ => false,
    }
}

/// A post: its kind and its content.
fn payload(kind: u8, content: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(content.len() + 1);
    payload.push(kind);
    payload.extend_from_slice(content);
    payload
}
