//! What a presentity claims.

use serde::{Deserialize, Serialize};

use super::{Claim, Message, Rank, post};
use crate::external::source::Source;
use crate::identity;
use crate::keys::{self, Id};
use crate::ports::{Durability, Instant};
use crate::records;
use crate::step::Step;

/// How long a claim holds. Only a head that is lost with all that it knew does not withdraw it.
const HOLDS: Instant = 2 * 86_400_000;

/// How long a head without claims knows the serial of its last withdrawal.
const REMEMBERED: Instant = 86_400_000;

/// What a presentity claims by what one source says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Claims {
    rank: Rank,
    /// That of the last post.
    serial: u64,
    /// In order; empty once all were withdrawn.
    aliases: Vec<Alias>,
}

/// A claimed alias.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Alias {
    identity: String,
    until: Instant,
}

/// Claims these aliases and no others.
pub(super) fn claim(step: &mut Step<'_>, source: &Source, aliases: &[String]) {
    set(step, source.id, aliases, false);
}

/// Confirms what is claimed.
pub(super) fn confirm(step: &mut Step<'_>, source: &Source) {
    let claimed = load(step, source.id).map(|claims| claims.aliases).unwrap_or_default();
    let aliases: Vec<String> = claimed.into_iter().map(|alias| alias.identity).collect();
    set(step, source.id, &aliases, false);
}

/// Withdraws all that is claimed by what a source says.
pub(super) fn withdraw(step: &mut Step<'_>, source: Id) {
    set(step, source, &[], false);
}

/// Withdraws all that is claimed.
pub(super) fn give_way(step: &mut Step<'_>) {
    for (source, _) in all(step) {
        set(step, source, &[], false);
    }
}

/// An alias that may have been claimed in vain is free now.
pub(super) fn retry(step: &mut Step<'_>, alias: &str) {
    let claiming = |claims: &Claims| claims.aliases.iter().any(|claimed| claimed.identity == alias);
    for (source, claims) in all(step) {
        if claiming(&claims) {
            let aliases: Vec<String> = claims.aliases.into_iter().map(|alias| alias.identity).collect();
            set(step, source, &aliases, true);
        }
    }
}

/// The rank of this presentity as a head; none if it claims nobody.
pub(super) fn rank(step: &mut Step<'_>) -> Option<Rank> {
    let claims = all(step).into_iter().filter(|(_, claims)| !claims.aliases.is_empty());
    claims.map(|(_, claims)| claims.rank).min()
}

fn all(step: &mut Step<'_>) -> Vec<(Id, Claims)> {
    let records = step.host.scan(keys::LEARNED, None, 1_000);
    let claims = |(key, record): (Vec<u8>, Vec<u8>)| Some((Id::of_key(&key)?, records::decode(&record)?));
    records.into_iter().filter_map(claims).collect()
}

fn load(step: &mut Step<'_>, source: Id) -> Option<Claims> {
    step.host.get(&source.key(keys::LEARNED[0])).as_deref().and_then(records::decode)
}

/// Makes these the aliases that are claimed, and tells those that are concerned: all of them, or those to which
/// this is new or about to end.
fn set(step: &mut Step<'_>, source: Id, aliases: &[String], all: bool) {
    let before = load(step, source);
    let claimed = before.as_ref().map_or(&[][..], |claims| &claims.aliases);
    let (now, until) = (step.now, step.now + HOLDS);
    let wanted = |alias: &Alias| aliases.contains(&alias.identity);
    let gone: Vec<&Alias> = claimed.iter().filter(|alias| !wanted(alias)).collect();
    let next: Vec<(Alias, bool)> = aliases
        .iter()
        .map(|identity| match claimed.iter().find(|alias| alias.identity == *identity) {
            Some(alias) if !all && alias.until > now + HOLDS / 2 => (alias.clone(), false),
            _ => (Alias { identity: identity.clone(), until }, true),
        })
        .collect();
    if gone.is_empty() && next.iter().all(|(_, told)| !told) {
        return;
    }
    let rank = before.as_ref().filter(|claims| !claims.aliases.is_empty()).map(|claims| claims.rank);
    let rank = rank.unwrap_or_else(|| Rank {
        unprovisioned: !identity::read(step.host, step.configuration, step.partition)
            .is_ok_and(|identity| identity::is_provisioned(step.host, step.configuration, &identity)),
        since: now,
    });
    let serial = before.as_ref().map_or(now, |claims| now.max(claims.serial + 1));
    let head = step.partition;
    for alias in gone {
        post(step, &alias.identity, &Message::Withdraw { head: head.into(), serial });
    }
    for (alias, _) in next.iter().filter(|(_, told)| *told) {
        let claim = Claim { head: head.into(), rank, serial, until: alias.until };
        post(step, &alias.identity, &Message::Claim(claim));
    }
    let expires = next.is_empty().then(|| now + REMEMBERED);
    let claims = Claims { rank, serial, aliases: next.into_iter().map(|(alias, _)| alias).collect() };
    step.host.put(&source.key(keys::LEARNED[0]), &records::encode(&claims), Durability::Durable, expires);
}
