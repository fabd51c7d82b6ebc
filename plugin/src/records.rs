//! The records that a partition holds. Each begins with the number of its schema; what
//! follows is postcard, then for some a tail of raw bytes that need not be taken apart.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::keys::Id;
use crate::media::Format;
use crate::notifier::conditional::Condition;
use crate::package::Package;
use crate::ports::Instant;
use crate::schema;
use crate::sip::dialog::Dialog;

/// A publication (RFC 3903 4.1). Its tail is the stored document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publication {
    /// Random part of the entity-tag that is valid now.
    pub nonce: [u8; 12],
    /// When it was first published; orders the publications in composition.
    pub created: Instant,
    /// When its state last became another one.
    pub changed: Instant,
    /// When it ends. Its timer never is later than this, but may be earlier.
    pub expires: Instant,
    /// True if what the publisher holds is kept as well, for the changes that it may send.
    pub partial: bool,
}

/// What a source outside contributes to the document. Its tail is the stored document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contribution {
    /// Names it in composition; drawn at random.
    pub id: u64,
    /// When the source first contributed; its place among the sources of the document.
    pub created: Instant,
    /// When it last became another one.
    pub changed: Instant,
    /// It counts until then, unless the source confirms it meanwhile.
    pub expires: Instant,
}

/// The composed document of the presentity. Its tail is what composition has to know of the
/// publications in it, then the composed form; there is no such record while nothing was
/// published and nobody watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// Grows with every change. It starts at the time of day, so it grows over
    /// the record's being deleted and made again, too.
    pub version: u64,
    /// When the timer is due that takes out what ends by itself; none if it is not set.
    pub due: Option<Instant>,
    /// Bytes of the tail before the composed form.
    pub index: u32,
}

/// Publications taken in the running minute (RFC 3903 9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// When the minute began.
    pub since: Instant,
    /// Taken since then.
    pub count: u32,
}

/// What becomes of a subscription (RFC 6665 4.2.2, RFC 3856 6.6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Authorized: the watcher gets the document.
    Active,
    /// Nobody has decided: the watcher is told so and gets no document.
    Pending,
    /// Politely blocked: looks active, shows a neutral document.
    Polite,
    /// Over; the last NOTIFY is still to be sent or answered.
    Ending(Ending),
    /// To be given to another partition as soon as the NOTIFY in flight is answered; what the
    /// watcher was shown before.
    Leaving(View),
    /// Authorized, and another community: it gets the document without what communities said.
    Peer,
}

/// Why a subscription is over: the `reason` of its last NOTIFY (RFC 6665 4.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// The watcher unsubscribed; the last NOTIFY shows what it was entitled to see.
    Unsubscribed(View),
    /// Not refreshed in time.
    Expired,
    /// No longer authorized.
    Rejected,
    /// Nobody decided on it for too long.
    GivenUp,
}

/// What brought a live subscription to its state (RFC 3857 4.7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Transition {
    /// It was made.
    Subscribed,
    /// It was pending and then authorized.
    Approved,
    /// It was active and has been pending since then.
    Suspended(Instant),
}

/// What a watcher gets to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum View {
    /// The document.
    Full,
    /// A neutral document.
    Neutral,
    /// No document.
    Nothing,
    /// The document without what other communities said ([`crate::external::peers`]).
    Local,
}

impl State {
    /// What a NOTIFY in this state shows.
    #[must_use]
    pub fn view(self) -> View {
        match self {
            Self::Active => View::Full,
            Self::Polite => View::Neutral,
            Self::Peer => View::Local,
            Self::Ending(Ending::Unsubscribed(view)) => view,
            Self::Pending
            | Self::Leaving(_)
            | Self::Ending(Ending::Expired | Ending::Rejected | Ending::GivenUp) => View::Nothing,
        }
    }

    /// True if its watcher is notified of changes.
    #[must_use]
    pub fn follows_changes(self) -> bool {
        matches!(self, Self::Active | Self::Peer)
    }

    /// True if its watcher ended the subscription.
    #[must_use]
    pub fn is_unsubscribed(self) -> bool {
        matches!(self, Self::Ending(Ending::Unsubscribed(_)))
    }

    /// True if nobody has decided.
    #[must_use]
    pub fn is_pending(self) -> bool {
        matches!(self, Self::Pending | Self::Leaving(View::Nothing))
    }

    /// True if the subscription is over.
    #[must_use]
    pub fn is_ending(self) -> bool {
        matches!(self, Self::Ending(_))
    }
}

/// A subscription and its dialog: what only a SUBSCRIBE or the end of a block of CSeq
/// numbers changes. Written durably, but for a remote target that came in a response to a NOTIFY.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription<'a> {
    /// Its dialog. Our tag is the id of the record in hexadecimal digits.
    #[serde(borrow)]
    pub dialog: Dialog<'a>,
    /// Its event package.
    pub package: Package,
    /// Type of the documents, by the Accept of the latest SUBSCRIBE.
    pub format: Format,
    /// `id` of the Event header.
    pub event_id: Option<Cow<'a, str>>,
    /// URI under which the watcher knows the presentity.
    #[serde(borrow)]
    pub entity: Cow<'a, str>,
    /// The watcher's authenticated identity.
    #[serde(borrow)]
    pub watcher: Cow<'a, str>,
    /// When the first SUBSCRIBE came.
    pub created: Instant,
    /// When the subscription ends. Its timer never is later than this, but may be earlier.
    pub expires: Instant,
    /// What became of it.
    pub state: State,
    /// What brought it there, while it lives.
    pub transition: Transition,
    /// Our CSeq numbers up to this one may have been used, whatever the position says.
    pub reserved: u32,
    /// How often it moved to another partition.
    pub moves: u32,
}

/// What a watcher holds of the presentity, as far as that decides what it is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Version of the document that the last NOTIFY brought it up to in `application/pidf-diff+xml`; what
    /// changed since then may be told alone. None if something else was last.
    pub base: Option<u64>,
    /// When it is not to be sent anything.
    pub condition: Condition,
}

impl Held {
    /// As [`Held`] after a NOTIFY that did not arrive, or may not have.
    #[must_use]
    pub fn in_doubt(self) -> Self {
        let condition = match self.condition {
            // What was to be shown instead may have left.
            Condition::While(_) => Condition::Never,
            condition => condition,
        };
        Self { base: None, condition }
    }
}

impl Subscription<'_> {
    /// Takes a decision on a live subscription; `state` is a live one, too.
    pub fn decide(&mut self, state: State, now: Instant) {
        match (self.state.is_pending(), state.is_pending()) {
            (true, false) => self.transition = Transition::Approved,
            (false, true) => self.transition = Transition::Suspended(now),
            _ => {}
        }
        self.state = state;
    }

    /// Takes the decision on a subscription that came from another partition.
    pub fn begin_anew(&mut self, state: State, now: Instant) {
        let pending = state.is_pending();
        self.transition = if pending { Transition::Suspended(now) } else { Transition::Subscribed };
        self.state = state;
    }

    /// Since when it is pending; none if it is not.
    #[must_use]
    pub fn pending_since(&self) -> Option<Instant> {
        match (self.state, self.transition) {
            (State::Pending, Transition::Suspended(since)) => Some(since),
            (State::Pending, _) => Some(self.created),
            _ => None,
        }
    }
}

/// A NOTIFY that has no final response yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InFlight {
    /// When it was sent.
    pub since: Instant,
    /// True if it says `terminated`.
    pub last: bool,
    /// True if its document has a number of its own.
    pub numbered: bool,
}

/// Where a subscription stands: what every NOTIFY changes. Mostly written relaxed: after a
/// crash `epoch` tells that it may be older than what really was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Epoch of the store when this was written.
    pub epoch: u64,
    /// CSeq of the latest NOTIFY.
    pub cseq: u32,
    /// Version of the document that the watcher was last sent; none if it is not known to have
    /// got any. Absent documents have version 0.
    pub version: Option<u64>,
    /// The latest NOTIFY, while it is unanswered.
    pub in_flight: Option<InFlight>,
    /// Documents sent so far that count themselves: partial presence. Watcher information goes by `cseq`.
    pub documents: u32,
    /// What the watcher holds.
    pub held: Held,
    /// A NOTIFY is due whatever the document: a SUBSCRIBE came while another was in flight.
    pub owed: bool,
    /// Notifications of changes wait until then.
    pub not_before: Instant,
}

/// A fan-out: notifying all subscriptions that lag behind the document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fanout {
    /// The pass over the subscriptions that is under way.
    pub sweep: Option<Sweep>,
    /// When the throttle timer is due; none if it is not set.
    pub put_off: Option<Instant>,
}

/// A pass over the subscriptions in order of their ids, carried on by posts to self.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sweep {
    /// Names the chain of posts, so that a post of an earlier chain is recognised.
    pub chain: u64,
    /// The last subscription that was looked at; none at the start.
    pub cursor: Option<Id>,
    /// The last subscription to look at; none for all.
    pub until: Option<Id>,
    /// The document changed when this one had been looked at: go round again, up to here.
    pub again: Option<Id>,
    /// The earliest time when a subscription that was passed over may be notified.
    pub put_off: Option<Instant>,
    /// Of a sweep of recovery: NOTIFYs sent before then have been forgotten by the host.
    pub recovering: Option<Instant>,
}

/// The bytes of a record.
#[must_use]
pub fn encode<T: Serialize>(record: &T) -> Vec<u8> {
    encode_with_room(record, 0)
}

/// The bytes of a record with a tail.
#[must_use]
pub fn encode_with_tail<T: Serialize>(record: &T, tail: &[u8]) -> Vec<u8> {
    let mut bytes = encode_with_room(record, tail.len());
    bytes.extend_from_slice(tail);
    bytes
}

/// The bytes of a record, with room for a tail of so many bytes.
#[must_use]
pub fn encode_with_room<T: Serialize>(record: &T, tail: usize) -> Vec<u8> {
    // Room for all but subscriptions. Serialising these types into memory has no way to fail.
    postcard::to_extend(&(schema::written(), record), Vec::with_capacity(64 + tail)).unwrap_or_default()
}

/// A record from its bytes; none if they are damaged or of an unknown schema.
#[must_use]
pub fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Option<T> {
    decode_with_tail(bytes).map(|(record, _)| record)
}

/// A record and its tail; none if the bytes are damaged or of an unknown schema.
#[must_use]
pub fn decode_with_tail<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Option<(T, &'a [u8])> {
    let (number, rest) = bytes.split_first()?;
    if !schema::read().contains(&u32::from(*number)) {
        return None;
    }
    postcard::take_from_bytes(rest).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_and_other_schemas_are_refused() {
        let publication = Publication { nonce: [7; 12], created: 1, changed: 1, expires: 2, partial: false };
        let mut bytes = encode_with_tail(&publication, b"tail");
        assert_eq!(decode_with_tail(&bytes), Some((publication, &b"tail"[..])));
        assert_eq!(decode::<Publication>(&bytes[..5]), None);
        bytes[0] = schema::written() + 1;
        assert_eq!(decode::<Publication>(&bytes), None);
        assert_eq!(decode::<Publication>(b""), None);
    }

    #[test]
    fn texts_of_a_subscription_are_borrowed_from_its_bytes() {
        let subscription = Subscription {
            dialog: Dialog {
                call_id: "c".into(),
                local_tag: "l".into(),
                remote_tag: "r".into(),
                local: "<sip:a@x>".into(),
                remote: "<sip:b@x>;tag=r".into(),
                routes: "".into(),
                target: "sip:b@192.0.2.1".into(),
                remote_cseq: 1,
            },
            package: Package::Presence,
            format: Format::Pidf,
            event_id: Some("7".into()),
            entity: "sip:a@x".into(),
            watcher: "sip:b@x".into(),
            created: 5,
            expires: 9,
            state: State::Ending(Ending::Unsubscribed(View::Neutral)),
            transition: Transition::Approved,
            reserved: 256,
            moves: 0,
        };
        let bytes = encode(&subscription);
        let back: Subscription<'_> = decode(&bytes).unwrap();
        assert_eq!(back, subscription);
        assert!(matches!(back.dialog.local, Cow::Borrowed(_)));
    }
}
