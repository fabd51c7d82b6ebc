//! Whose alias an identity is, in the partition of that name.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Claim, Message, head, post};
use crate::keys;
use crate::ports::{Durability, Instant, Level};
use crate::records;
use crate::step::Step;

/// How long a withdrawal is remembered, so that a claim from before it, arriving again, is recognised.
const REMEMBERED: Instant = 86_400_000;

/// Whose alias this identity is, or was last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Alias<'a> {
    /// Name of the head's partition.
    #[serde(borrow)]
    head: Cow<'a, str>,
    /// Of the last that the head told.
    serial: u64,
    /// It is the head until then; 0 once it has withdrawn its claim.
    until: Instant,
    /// Who else claimed this identity meanwhile.
    #[serde(borrow)]
    rival: Option<Cow<'a, str>>,
}

/// The head of this partition's identity, if it is an alias.
pub(super) fn head(step: &mut Step<'_>) -> Option<String> {
    let record = step.host.get(keys::LEARNED)?;
    let alias = records::decode::<Alias<'_>>(&record).filter(|alias| alias.until > step.now)?;
    Some(alias.head.into_owned())
}

/// A head claims this identity, maybe not for the first time.
pub(super) fn claimed(step: &mut Step<'_>, claim: &Claim<'_>) {
    if claim.until <= step.now || claim.head == step.partition {
        return;
    }
    let record = step.host.get(keys::LEARNED);
    let known = record.as_deref().and_then(records::decode::<Alias<'_>>);
    let mut rival = None;
    if let Some(known) = known {
        if known.head == claim.head {
            if claim.serial < known.serial {
                return;
            }
            rival = known.rival;
        } else if known.until > step.now {
            refuse(step, known, claim);
            return;
        }
    }
    // It may be a head itself: of two that claim each other one gives way.
    if let Some(own) = head::rank(step) {
        if (own, step.partition) < (claim.rank, &*claim.head) {
            return;
        }
        head::give_way(step);
    }
    put(step, &Alias { head: claim.head.clone(), serial: claim.serial, until: claim.until, rival });
}

/// Another head has it.
fn refuse(step: &mut Step<'_>, known: Alias<'_>, claim: &Claim<'_>) {
    if known.rival.as_ref() == Some(&claim.head) {
        return;
    }
    let fields = [("identity", step.partition), ("kept", &*known.head), ("refused", &*claim.head)];
    step.host.log(Level::Warn, "the registrar names an identity for two users", &fields);
    put(step, &Alias { rival: Some(claim.head.clone()), ..known });
}

/// A head claims this identity no longer.
pub(super) fn withdrawn(step: &mut Step<'_>, head: &str, serial: u64) {
    let record = step.host.get(keys::LEARNED);
    let Some(known) = record.as_deref().and_then(records::decode::<Alias<'_>>) else { return };
    if known.head == head {
        if serial >= known.serial {
            if let Some(rival) = &known.rival {
                post(step, rival, &Message::Free { alias: step.partition.into() });
            }
            put(step, &Alias { serial, until: 0, rival: None, ..known });
        }
    } else if known.rival.as_deref() == Some(head) {
        put(step, &Alias { rival: None, ..known });
    }
}

fn put(step: &mut Step<'_>, alias: &Alias<'_>) {
    let expires = if alias.until == 0 { step.now + REMEMBERED } else { alias.until };
    step.host.put(keys::LEARNED, &records::encode(alias), Durability::Durable, Some(expires));
}
