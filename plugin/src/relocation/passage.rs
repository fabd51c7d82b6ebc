//! A subscription's way from one partition to another.
//!
//! Each subscription counts its moves. Their numbers tell a post that comes again from the one
//! that is due, also when the subscription has moved on or ended since: each partition
//! remembers the last move of the subscription that it had to do with.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{ARRIVAL, anchor, payload};
use crate::external::{demand, peers};
use crate::identity::Principal;
use crate::keys::{self, Id, Usage};
use crate::notifier::delivery::{self, CSEQ_BLOCK, Progress};
use crate::notifier::subscription;
use crate::ports::{Durability, Instant, Level};
use crate::records::{self, Ending, Held, Position, State, Subscription};
use crate::sip::Identity;
use crate::step::Step;
use crate::watcher_info::{self, Happening};

/// How much longer than the subscription could live a move is remembered: a host may have been down
/// before it delivers a post again.
const REMEMBERED: Instant = 86_400_000;

/// The last move of a subscription that a partition had to do with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passage {
    /// The number of the move.
    pub moves: u32,
    /// Where it led; none if it led here.
    pub to: Option<String>,
}

/// What the other partition has to know of the SUBSCRIBE.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Who sent it: what the watcher is authorized by.
    pub sender: Vec<Identity>,
    /// The identity that the watcher asks for.
    pub presentity: Identity,
    /// True if it asks for the end.
    pub ends: bool,
}

/// Where a subscription is to go, which waits for the outcome of a NOTIFY.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Departure<'a> {
    /// Name of the partition.
    #[serde(borrow)]
    pub to: Cow<'a, str>,
    /// What came of the SUBSCRIBE.
    pub request: Request,
}

/// A subscription on its way. Its tail is the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// The SUBSCRIBE that moves it.
    pub request: Request,
    /// CSeq of the latest NOTIFY.
    pub cseq: u32,
    /// As [`Position::documents`].
    pub documents: u32,
}

/// The last move of a subscription that this partition had to do with.
pub fn remembered(step: &mut Step<'_>, id: Id) -> Option<Passage> {
    step.host.get(&id.key(keys::PASSAGE)).as_deref().and_then(records::decode)
}

/// A SUBSCRIBE was taken whose presentity lives in another partition now. `kept` is what was
/// stored, `subscription` what the SUBSCRIBE has made of it. The subscription leaves at once, or,
/// with a NOTIFY in flight, when that one has its outcome.
pub fn leave(
    step: &mut Step<'_>,
    usage: Usage,
    kept: &Subscription<'_>,
    mut subscription: Subscription<'_>,
    departure: &Departure<'_>,
) {
    let mut position = step.position(usage, kept);
    let shown = match kept.state {
        State::Leaving(view) => view,
        state => state.view(),
    };
    subscription.state = State::Leaving(shown);
    if position.in_flight.is_none() {
        depart(step, usage, &mut subscription, &position, departure);
        return;
    }
    step.put(&usage.subscription(), &subscription, Durability::Durable);
    if subscription.expires < kept.expires {
        step.host.set_timer(&usage.subscription(), subscription.expires, b"");
    }
    // Read only in this state, so it may outlive it.
    let until = subscription.expires.saturating_add(REMEMBERED);
    let record = records::encode(departure);
    step.host.put(&usage.id.key(keys::DEPARTURE), &record, Durability::Durable, Some(until));
    position.owed = true;
    step.put_position(usage, &position, Durability::Durable);
}

/// A leaving subscription has no NOTIFY in flight any more. False if it cannot leave, which only
/// a damaged record brings about.
pub fn set_out(
    step: &mut Step<'_>,
    usage: Usage,
    subscription: &mut Subscription<'_>,
    position: &Position,
) -> bool {
    let key = usage.id.key(keys::DEPARTURE);
    let record = step.host.get(&key);
    let Some(departure) = record.as_deref().and_then(records::decode::<Departure<'_>>) else {
        return false;
    };
    depart(step, usage, subscription, position, &departure);
    step.host.delete(&key, Durability::Durable);
    true
}

/// Gives the subscription away. Durable as a whole: the post and the removal belong together.
fn depart(
    step: &mut Step<'_>,
    usage: Usage,
    subscription: &mut Subscription<'_>,
    position: &Position,
    departure: &Departure<'_>,
) {
    subscription.moves = subscription.moves.saturating_add(1);
    let arrival =
        Arrival { request: departure.request.clone(), cseq: position.cseq, documents: position.documents };
    let content = records::encode_with_tail(&arrival, &records::encode(subscription));
    step.host.post(&departure.to, &payload(ARRIVAL, &content));
    step.host.delete(&usage.subscription(), Durability::Durable);
    step.host.delete(&usage.position(), Durability::Durable);
    step.host.cancel_timer(&usage.subscription());
    step.host.cancel_timer(&usage.position());
    remember(step, usage.id, subscription, Some(&departure.to));
    watcher_info::happened(step, usage, subscription, Happening::Left);
    watcher_info::removed(step, subscription);
    step.trace("subscription moved away", || {
        vec![("watcher", subscription.watcher.to_string()), ("to", departure.to.to_string())]
    });
    demand::unwatched(step, subscription.package, subscription.state);
    step.tidy(Durability::Durable);
}

fn remember(step: &mut Step<'_>, id: Id, subscription: &Subscription<'_>, to: Option<&str>) {
    let passage = Passage { moves: subscription.moves, to: to.map(str::to_owned) };
    let until = subscription.expires.max(step.now).saturating_add(REMEMBERED);
    step.host.put(&id.key(keys::PASSAGE), &records::encode(&passage), Durability::Durable, Some(until));
}

/// True if the subscription is here since that move or a later one, or was.
fn knows(step: &mut Step<'_>, usage: Usage, moves: u32) -> bool {
    if remembered(step, usage.id).is_some_and(|passage| passage.moves >= moves) {
        return true;
    }
    // What lives on may have outlived the memory of its arrival.
    let record = step.subscription(usage);
    record.as_deref().and_then(records::decode::<Subscription<'_>>).is_some_and(|here| here.moves >= moves)
}

/// A subscription arrives, maybe not for the first time. False if the post cannot be read.
pub fn arrive(step: &mut Step<'_>, arrival: Arrival, record: &[u8]) -> bool {
    let Some(mut subscription) = records::decode::<Subscription<'_>>(record) else { return false };
    let Some(id) = Id::from_hex(&subscription.dialog.local_tag) else { return false };
    let usage = Usage { audience: subscription.package.audience(), id };
    if knows(step, usage, subscription.moves) {
        return true;
    }
    let Request { sender, presentity, ends } = arrival.request;
    let principal = Principal::again(step.host, step.configuration, sender);
    let granted = subscription::authorize(step, subscription.package, &principal, &presentity);
    match granted {
        State::Ending(_) => subscription.state = granted,
        _ if ends => subscription.state = State::Ending(Ending::Unsubscribed(granted.view())),
        _ if subscription.expires <= step.now => subscription.state = State::Ending(Ending::Expired),
        _ => subscription.begin_anew(granted, step.now),
    }
    subscription.reserved = subscription.reserved.max(arrival.cseq.saturating_add(CSEQ_BLOCK));
    remember(step, id, &subscription, None);
    step.put(&usage.subscription(), &subscription, Durability::Durable);
    if !subscription.state.is_ending() {
        let end = watcher_info::end(step.configuration, &subscription);
        step.host.set_timer(&usage.subscription(), end, b"");
        anchor::hold(step, &presentity, subscription.expires);
        watcher_info::happened(step, usage, &subscription, Happening::Arrived);
    }
    peers::subscribed(step, id, &subscription);
    if !subscription.state.is_ending() {
        demand::watched(step, &subscription);
    }
    let mut position = Position {
        epoch: step.epoch(),
        cseq: arrival.cseq,
        version: None,
        in_flight: None,
        documents: arrival.documents,
        held: Held::default(),
        owed: true,
        not_before: 0,
    };
    step.trace("subscription arrived", || {
        vec![("watcher", subscription.watcher.to_string()), ("state", format!("{:?}", subscription.state))]
    });
    match delivery::advance(step, usage, &mut subscription, &mut position) {
        Progress::Broken => step.host.log(Level::Error, "subscription could not be taken over", &[]),
        _ => step.put_position(usage, &position, Durability::Durable),
    }
    true
}
