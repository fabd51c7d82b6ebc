//! Whose alias an identity is, in the partition of that name.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Claim, Message, head, post};
use crate::keys;
use crate::ports::{Durability, Instant, Level};
use crate::records;
use crate::step::Step;

/// How long what was heard is remembered after the last claim has ended: posts may be that late.
const REMEMBERED: Instant = 86_400_000;

/// Heads of which that is remembered, the last ones. More than two are a mistake over there.
const HEADS: usize = 8;

/// Whose alias this identity is, and who has said so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Alias<'a> {
    /// Whose alias it is, unless that claim has ended.
    #[serde(borrow)]
    head: Option<Head<'a>>,
    /// Who else has claimed it meanwhile.
    #[serde(borrow)]
    rival: Option<Cow<'a, str>>,
    /// The last of what each head has said, claims and withdrawals. A post may come again, even when later ones of the
    /// same head have been taken.
    #[serde(borrow)]
    heard: Vec<Heard<'a>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Head<'a> {
    /// Name of its partition.
    #[serde(borrow)]
    partition: Cow<'a, str>,
    until: Instant,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Heard<'a> {
    #[serde(borrow)]
    head: Cow<'a, str>,
    serial: u64,
}

impl<'a> Alias<'a> {
    fn load(record: Option<&'a [u8]>, now: Instant) -> Self {
        let mut alias: Self = record.and_then(records::decode).unwrap_or_default();
        alias.head = alias.head.filter(|head| head.until > now);
        alias
    }

    /// Notes what a head says; false if it is older than what it has said before.
    fn hear(&mut self, head: Cow<'a, str>, serial: u64) -> bool {
        match self.heard.iter().position(|heard| heard.head == head) {
            Some(place) if self.heard.get(place).is_some_and(|heard| heard.serial > serial) => return false,
            Some(place) => {
                self.heard.remove(place);
            }
            None => {}
        }
        self.heard.insert(0, Heard { head, serial });
        self.heard.truncate(HEADS);
        true
    }

    fn store(&self, step: &mut Step<'_>) {
        let until = self.head.as_ref().map_or(0, |head| head.until).max(step.now + REMEMBERED);
        step.host.put(keys::LEARNED, &records::encode(self), Durability::Durable, Some(until));
    }
}

/// The head of this partition's identity, if it is an alias.
pub(super) fn head(step: &mut Step<'_>) -> Option<String> {
    let record = step.host.get(keys::LEARNED)?;
    let alias = Alias::load(Some(&record), step.now);
    alias.head.map(|head| head.partition.into_owned())
}

/// A head claims this identity, maybe not for the first time.
pub(super) fn claimed(step: &mut Step<'_>, claim: &Claim<'_>) {
    if claim.until <= step.now || claim.head == step.partition {
        return;
    }
    let record = step.host.get(keys::LEARNED);
    let mut alias = Alias::load(record.as_deref(), step.now);
    if !alias.hear(Cow::Borrowed(&claim.head), claim.serial) {
        return;
    }
    if let Some(kept) = alias.head.as_ref().filter(|kept| kept.partition != claim.head) {
        if alias.rival.as_ref() != Some(&claim.head) {
            let fields =
                [("identity", step.partition), ("kept", &*kept.partition), ("refused", &*claim.head)];
            step.host.log(Level::Warn, "the registrar names an identity for two users", &fields);
            alias.rival = Some(Cow::Borrowed(&claim.head));
        }
    } else if gives_way(step, claim) {
        alias.head = Some(Head { partition: Cow::Borrowed(&claim.head), until: claim.until });
    }
    alias.store(step);
}

/// The identity may be a head itself: of two that claim each other one gives way.
fn gives_way(step: &mut Step<'_>, claim: &Claim<'_>) -> bool {
    let Some(own) = head::rank(step) else { return true };
    if (own, step.partition) < (claim.rank, &*claim.head) {
        return false;
    }
    head::give_way(step);
    true
}

/// A head claims this identity no longer.
pub(super) fn withdrawn(step: &mut Step<'_>, head: &str, serial: u64) {
    let record = step.host.get(keys::LEARNED);
    let mut alias = Alias::load(record.as_deref(), step.now);
    if !alias.hear(Cow::Borrowed(head), serial) {
        return;
    }
    if alias.rival.as_deref() == Some(head) {
        alias.rival = None;
    }
    if alias.head.take_if(|kept| kept.partition == head).is_some()
        && let Some(rival) = alias.rival.take()
    {
        post(step, &rival, &Message::Free { alias: step.partition.into() });
    }
    alias.store(step);
}
