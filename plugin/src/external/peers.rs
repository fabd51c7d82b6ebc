//! Communities that watch here: what they are not shown, so that nothing goes round in circles (EXT-21).
//!
//! Two communities that ask each other about the same person would each tell the other what it was told by it,
//! and every change would come back as news. So a subscription whose principal is a community
//! ([`Configuration::peers`]) is shown the document without what came from communities: from itself and from all
//! others. What is published here, and what registrars say of who is here, it is shown.
//!
//! To leave out only what the asking community said would not do: told by A, B would tell C, and C would tell A. To
//! keep track of where a statement has been is not possible, as neither PIDF nor SIP has a place for that which
//! other systems keep. So nobody is told by us what others say; who wants that asks them. Then every statement
//! travels one step at most, from where it was made to those that ask there, and no circle of any length can be
//! closed through here. It is enough that one community of a circle does so, and knows the one that asks it as a
//! community, whether it asks that one or not: in a circle of three each may be asked by another one than it asks.
//!
//! What changes only in what communities say is no change to such a subscription: it brings no NOTIFY. It is
//! no reason to ask communities either ([`shows`]), as two that keep each other's subscriptions alive
//! would do so for ever. Authorization is as for everybody: the community has to be in the white list, or the
//! rules have to allow it.
//!
//! Who is a community is found out with each SUBSCRIBE, and kept in its record ([`State::Peer`]). It takes a second
//! document, which is composed in the steps that have to do with such a subscription where a community says something, and
//! nowhere else.

use serde::{Deserialize, Serialize};

use super::contribution::{self, Live};
use super::kind;
use super::source::{self, Source};
use crate::composition::Assembled;
use crate::compositor::aggregate;
use crate::configuration::Configuration;
use crate::identity::Principal;
use crate::keys::{self, Id, Usage};
use crate::notifier::delivery::{self, Progress};
use crate::notifier::fanout;
use crate::ports::{Durability, Instant};
use crate::records::{self, State, Subscription, View};
use crate::step::Step;

/// Subscriptions of communities that are known one by one. With more of them all watchers are looked at.
const KNOWN: usize = 32;

/// The subscriptions of communities to this presentity: those whose record says so, and maybe some that
/// have gone since.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Peers {
    /// Each with its end.
    known: Vec<(Id, Instant)>,
    /// Until then there may be more.
    others: Instant,
    /// What they see, as its digest, and its number.
    seen: Option<(u64, u64)>,
}

impl Peers {
    fn load(step: &mut Step<'_>) -> Option<Self> {
        if !step.configuration.has_peers() {
            return None;
        }
        step.host.get(keys::PEERS).as_deref().and_then(records::decode)
    }

    /// Writes it, for as long as one of the subscriptions lasts.
    fn store(&self, step: &mut Step<'_>) {
        let end = self.known.iter().map(|(_, end)| *end).chain([self.others]).max();
        step.host.put(keys::PEERS, &records::encode(self), Durability::Durable, end);
    }
}

/// True if a sender is another community.
#[must_use]
pub fn is_peer(configuration: &Configuration, principal: &Principal) -> bool {
    configuration.peers.iter().any(|peer| principal.is(peer))
}

/// True if who has a view is shown what a source says.
#[must_use]
pub fn shows(view: View, source: &Source) -> bool {
    match view {
        View::Full => true,
        View::Local => !kind::of(source.kind).repeats(),
        View::Neutral | View::Nothing => false,
    }
}

/// A subscription was taken, renewed or brought here. In the same step as its record, before its NOTIFY.
pub fn subscribed(step: &mut Step<'_>, id: Id, subscription: &Subscription<'_>) {
    if subscription.state != State::Peer {
        return;
    }
    let now = step.now;
    let before = Peers::load(step).unwrap_or_default();
    let live = |(known, end): &&(Id, Instant)| *known != id && *end > now;
    let mut known: Vec<(Id, Instant)> = before.known.iter().filter(live).copied().collect();
    let mut others = before.others;
    if known.len() < KNOWN {
        known.push((id, subscription.expires));
    } else {
        others = others.max(subscription.expires);
    }
    Peers { known, others, ..before }.store(step);
    // From now on what ends by itself in what they see counts, too.
    if let Some(due) = step.local_due() {
        step.look_by(due);
    }
}

/// The version of what communities see, of which this is the digest. It never comes again: by the digest alone a community
/// that was told something else, which a crash then took back, would be taken to know what is seen again now.
pub fn version(step: &mut Step<'_>, digest: u64) -> u64 {
    // Nobody is known to be told of it.
    let Some(peers) = Peers::load(step) else { return digest };
    match peers.seen {
        Some((seen, number)) if seen == digest => number,
        before => {
            let number = before.map_or(0, |(_, number)| number + 1).max(step.now);
            Peers { seen: Some((digest, number)), ..peers }.store(step);
            number
        }
    }
}

/// The document is composed anew; it is about to be replaced. When what communities see of it would be
/// something else if nothing happens, where that is of interest.
pub fn composed(step: &mut Step<'_>) -> Option<Instant> {
    step.forget_local();
    Peers::load(step)?;
    step.local_due()
}

/// The document is composed anew and says what it said. What communities see of it may be something else all the
/// same: they are told.
pub fn tell(step: &mut Step<'_>) {
    let Some(peers) = Peers::load(step).filter(|_| step.has_local()) else { return };
    if peers.others > step.now {
        fanout::changed(step);
        return;
    }
    for (id, _) in peers.known {
        let usage = Usage::watcher(id);
        let Some(record) = step.subscription(usage) else { continue };
        let Some(mut subscription) = records::decode::<Subscription<'_>>(&record) else { continue };
        if subscription.state != State::Peer || subscription.expires <= step.now {
            continue;
        }
        let mut position = step.position(usage, &subscription);
        match delivery::advance(step, usage, &mut subscription, &mut position) {
            Progress::Sent => step.put_position(usage, &position, Durability::Relaxed),
            Progress::Wait(until) => delivery::put_off(step, usage, until),
            Progress::Quiet | Progress::Broken | Progress::Left => {}
        }
    }
}

/// What communities see of the document; none if that is the whole.
pub fn assemble(step: &mut Step<'_>) -> Option<Assembled> {
    let mut contributed = contribution::live(step);
    let all = contributed.len();
    // A source that is not configured any more may be anything.
    let local = |live: &Live| source::by_id(step, live.of).is_some_and(|source| shows(View::Local, source));
    contributed.retain(local);
    (contributed.len() < all).then(|| aggregate::assemble(step, &contributed))
}

/// Nothing is kept of the presentity any more.
pub fn tidy(step: &mut Step<'_>, durability: Durability) {
    if Peers::load(step).is_some() {
        step.host.delete(keys::PEERS, durability);
        step.host.delete(keys::FORMER_LOCAL, durability);
    }
}
