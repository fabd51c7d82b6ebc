//! Where subscriptions to a mapped identity are kept.
//!
//! Partition F that takes a subscription to the identity N claims it: a post to the
//! partition N tells that such subscriptions lie in F. N keeps the newest few claims. F
//! remembers how long its claim holds and renews it only when a subscription could outlive it,
//! which is about once in two of the longest lifetimes for each pair of N and F. A subscription
//! to an identity that is its own fundamental one costs nothing.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{CLAIM, payload};
use crate::keys;
use crate::ports::{Durability, Instant};
use crate::records;
use crate::sip::Identity;
use crate::step::Step;

/// Claims kept for an identity, the newest: together with the way to them they fit the eight
/// times that a host forwards a request. Each is a change of the map within a few lifetimes.
const PLACES: usize = 6;

/// How often the longest lifetime of a subscription a claim holds.
const LIFETIMES: u64 = 3;

/// A partition says that it keeps subscriptions to an identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim<'a> {
    /// Name of the partition.
    #[serde(borrow)]
    pub partition: Cow<'a, str>,
    /// Until then at least.
    pub until: Instant,
}

/// The claims to an identity, the newest first. In the partition that the identity names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor<'a> {
    /// At most [`PLACES`].
    #[serde(borrow)]
    pub claims: Vec<Claim<'a>>,
}

/// What a partition remembers of its claim to an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claimed {
    /// It holds until then.
    pub until: Instant,
}

/// A subscription to that identity lives in this partition until `expires`, or longer if it is
/// refreshed: sees to it that it will be found.
pub fn hold(step: &mut Step<'_>, identity: &Identity, expires: Instant) {
    let identity = identity.as_str();
    if identity == step.partition {
        return;
    }
    let key = claimed_key(identity);
    let lifetime = u64::from(step.configuration.expires.max) * 1_000;
    let claimed = step.host.get(&key).as_deref().and_then(records::decode::<Claimed>);
    // One lifetime beyond, so that the renewal has all that time to arrive.
    if claimed.is_some_and(|claimed| claimed.until >= expires.saturating_add(lifetime)) {
        return;
    }
    let until = step.now.saturating_add(lifetime.saturating_mul(LIFETIMES));
    let claim = Claim { partition: step.partition.into(), until };
    step.host.post(identity, &payload(CLAIM, &records::encode(&claim)));
    step.host.put(&key, &records::encode(&Claimed { until }), Durability::Durable, Some(until));
}

/// A claim to this partition's identity arrived, maybe late or twice.
pub fn take(step: &mut Step<'_>, claim: &Claim<'_>) {
    if claim.until <= step.now {
        return;
    }
    let record = step.host.get(keys::ANCHOR);
    let mut claims = live(record.as_deref(), step.now);
    let known = claims.iter().position(|known| known.partition == claim.partition);
    let before = known.map(|known| claims.remove(known));
    let until = before.map_or(claim.until, |before| before.until.max(claim.until));
    claims.insert(0, Claim { partition: claim.partition.clone(), until });
    claims.truncate(PLACES);
    let last = claims.iter().map(|claim| claim.until).max();
    step.host.put(keys::ANCHOR, &records::encode(&Anchor { claims }), Durability::Durable, last);
}

/// The partitions that keep subscriptions to this partition's identity, the newest claim first.
pub fn places(step: &mut Step<'_>) -> Vec<String> {
    let record = step.host.get(keys::ANCHOR);
    let claims = live(record.as_deref(), step.now);
    claims.into_iter().map(|claim| claim.partition.into_owned()).collect()
}

fn live(record: Option<&[u8]>, now: Instant) -> Vec<Claim<'_>> {
    let anchor = record.and_then(records::decode::<Anchor<'_>>).unwrap_or_default();
    anchor.claims.into_iter().filter(|claim| claim.until > now).collect()
}

fn claimed_key(identity: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(identity.len() + 1);
    key.push(keys::CLAIMED);
    key.extend_from_slice(identity.as_bytes());
    key
}
