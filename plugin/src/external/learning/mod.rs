//! Identities that a registrar names together (`identity.learn = "registrar"`): an implicit registration set
//! feeds the identity map, so that its aliases need no second provisioning.
//!
//! While the registrar says that an identity is registered together with a presentity, what comes for that
//! identity, its *alias*, goes to the presentity, its *head*: watchers who know either see one document, and
//! publications under either are in it.
//!
//! - **Learning.** The head claims each alias: a post to the partition of that name, which keeps it
//!   (`alias.rs`). The head remembers what it claimed (`head.rs`), claims it anew when half of its time is over,
//!   and withdraws what the registrar no longer names, or all of it when the subscription at the registrar ends.
//!   Whose phones are all off keeps the aliases: then the registrar names nobody, which contradicts nothing.
//! - **Using it.** A request is mapped as ever. Where that leads to the partition of its own identity, that one
//!   forwards it to the head ([`elsewhere`]). Subscriptions that live elsewhere from before move at their next
//!   SUBSCRIBE, and again when what was learned is over, as they do when the map changes
//!   (`relocation`); a publication from before is not found by its entity-tag (412), and is published anew.
//! - **What is provisioned wins.** An identity in the identity map, or one that the site's own rules map, is
//!   neither an alias nor claimed.
//! - **Who is the head.** Each member of a set may find out about the others. The one that is in the identity map
//!   becomes the head, else whoever claimed first; the others give way. Two heads that claim one alias cannot both
//!   have it: the first keeps it while it confirms it, which is told to the operator once, and the second gets
//!   it after that.
//!
//! Only requests go by it. The white and black list, `rules.map_identities` and the tables of sources are made
//! of what is provisioned, and so is who a sender is.

mod alias;
mod head;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::kind::Kind;
use super::registrar::Registrar;
use super::source::Source;
use crate::identity::{self, Presentity, Service};
use crate::keys::Id;
use crate::ports::{Forward, Instant, Verdict};
use crate::records;
use crate::sip::Uri;
use crate::step::Step;

/// Comes along with a request that is forwarded to the head.
pub const BEHIND: &[u8] = b"v";

/// First byte of the posts between head and alias.
const POST: u8 = b'v';

/// Aliases of one presentity that are learned of one source.
const MOST: usize = 32;

/// What head and alias have to tell each other. Only ever append.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Message<'a> {
    /// To the alias: it is one.
    Claim(#[serde(borrow)] Claim<'a>),
    /// To the alias: the head of that name says so no longer.
    Withdraw {
        #[serde(borrow)]
        head: Cow<'a, str>,
        serial: u64,
    },
    /// To whoever claimed the alias of this name in vain: nobody has it now.
    Free {
        #[serde(borrow)]
        alias: Cow<'a, str>,
    },
}

/// A head claims an alias.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Claim<'a> {
    /// Name of its partition.
    #[serde(borrow)]
    head: Cow<'a, str>,
    rank: Rank,
    /// Grows with each claim and withdrawal of the head, so that late ones are recognised.
    serial: u64,
    /// It holds until then.
    until: Instant,
}

/// Which of two that claim each other is the head: the lower one, of equals the one with the lower name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Rank {
    /// The identity map does not know it.
    unprovisioned: bool,
    /// Since when it claims.
    since: Instant,
}

/// A source names these identities, URIs, for the presentity.
pub fn told(step: &mut Step<'_>, source: &Source, identities: &[String]) {
    if !step.configuration.identities.learned || source.kind.name() != Registrar.name() {
        return;
    }
    if alias::head(step).is_some() {
        head::withdraw(step, source.id);
    } else if identities.is_empty() {
        head::confirm(step, source);
    } else {
        let named = others(step, identities);
        head::claim(step, source, &named);
    }
}

/// The subscription at a source has ended.
pub fn forget(step: &mut Step<'_>, source: Id) {
    head::withdraw(step, source);
}

/// The presentity is an alias of one that is kept elsewhere: forwards the request there. The step is in the
/// partition of the presentity.
pub fn elsewhere(step: &mut Step<'_>, presentity: &Presentity<'_>) -> Option<Verdict> {
    if !step.configuration.identities.learned || presentity.partition() != presentity.identity.as_str() {
        return None;
    }
    let partition = alias::head(step)?;
    if identity::is_provisioned(step.host, step.configuration, &presentity.identity) {
        return None;
    }
    Some(Verdict::Forward(Forward { partition, payload: BEHIND.to_vec() }))
}

/// A post arrived. False if it is none of these.
pub fn posted(step: &mut Step<'_>, payload: &[u8]) -> bool {
    let Some((&POST, content)) = payload.split_first() else { return false };
    match records::decode::<Message<'_>>(content) {
        Some(Message::Claim(claim)) => alias::claimed(step, &claim),
        Some(Message::Withdraw { head, serial }) => alias::withdrawn(step, &head, serial),
        Some(Message::Free { alias }) => head::retry(step, &alias),
        None => return false,
    }
    true
}

/// Those among the identities that are aliases by this, normalized, in order.
fn others(step: &mut Step<'_>, identities: &[String]) -> Vec<String> {
    let mut others = Vec::new();
    for text in identities {
        let here = Uri::parse(text).is_ok_and(|uri| Service::of(&uri, step.configuration) == Service::Here);
        let Some(identity) = identity::read(step.host, step.configuration, text).ok().filter(|_| here) else {
            continue;
        };
        if identity.as_str() != step.partition
            && !others.iter().any(|known| known == identity.as_str())
            && !identity::is_provisioned(step.host, step.configuration, &identity)
            && identity::fundamental(step.host, step.configuration, &identity) == identity.as_str()
        {
            others.push(identity.as_str().to_owned());
        }
        if others.len() == MOST {
            break;
        }
    }
    others.sort_unstable();
    others
}

fn post(step: &mut Step<'_>, to: &str, message: &Message<'_>) {
    let content = records::encode(message);
    let mut payload = Vec::with_capacity(content.len() + 1);
    payload.push(POST);
    payload.extend_from_slice(&content);
    step.host.post(to, &payload);
}
