//! Keys of a partition's records.
//!
//! The first byte of a key is the kind of record, which is also what the operator's counts
//! go by ([`KINDS`]); for kinds of which there are many, eight random bytes follow, the
//! record's [`Id`]. Everything about one fundamental identity lies in its one partition, so
//! no key names a presentity.
//!
//! | first byte | record | writes |
//! |---|---|---|
//! | `p` + id | [`crate::records::Publication`] | durable |
//! | `s` + id | [`crate::records::Subscription`] | durable |
//! | `n` + id | [`crate::records::Position`] of the subscription `id` | mostly relaxed |
//! | `i` + id | [`crate::records::Subscription`] to watcher information | durable |
//! | `j` + id | [`crate::records::Position`] of the subscription `i` + id | durable |
//! | `d` | [`crate::records::Document`]: the composed document | durable |
//! | `h`, `h` + `z` | former versions of the document, and of what communities see of it, for partial notification | relaxed |
//! | `o` + id | what the publisher of `p` + id holds, if it sends changes | durable |
//! | `f` | [`crate::records::Fanout`]: a fan-out under way or put off | relaxed |
//! | `r` | [`crate::records::Rate`]: publications of the running minute | relaxed |
//! | `u` + watcher + id | a pending or waiting watcher (`watcher_info`) | durable, relaxed at its end |
//! | `w` + `p` or `w` | what happened to watchers (`watcher_info`) | relaxed |
//! | `a` | `relocation::anchor::Anchor`: where subscriptions to this identity are kept | durable |
//! | `b` + identity | `relocation::anchor::Claimed`: that it was told so | durable |
//! | `m` + id | `relocation::passage::Passage` of a subscription that came or went | durable |
//! | `l` + id | `relocation::passage::Departure` of a subscription that is to go | durable |
//! | `x` + source | `external::backend`: the subscription of this presentity at a source outside | durable |
//! | `c` + source | [`crate::records::Contribution`] of a source outside to the document | durable |
//! | `g` + source | what a source has said so far, in the form of its kind | durable |
//! | `y` + source | [`crate::external::demand::Needs`]: what the source is wanted for besides watchers | partly durable |
//! | `t` + source | `external::demand`: the registrations that it has told of by third-party REGISTERs | durable |
//! | `v` | the presentity for which a registrar names this identity (`external::learning`) | durable |
//! | `v` + source | the identities that a registrar names for this presentity (`external::learning`) | durable |
//! | `q` | [`crate::external::ledger::Book`]: how a source fares; in the partition of the source | relaxed |
//! | `q` + `b` | `external::pacing`: when the source may be sent the next SUBSCRIBE; likewise | mostly relaxed |
//! | `q` + `w` | `external::demand`: a walk over those for whom the source is always asked; likewise | relaxed |
//! | `z` | `external::peers`: the subscriptions of other communities | durable |
//! | `k` | secret that neutral documents are derived from, 8 bytes | durable |
//!
//! The secret is eight plain bytes, what a publisher holds is its document; every other record
//! begins with the number of its schema.
//!
//! Timers are named alike: `p`, `s` and `i` + id end a publication or subscription, `n` and `j` + id
//! end a wait of one subscription, `u` + watcher + id ends the waiting state, `t` starts the throttled rest
//! of a fan-out, `x` + source is what the subscription at a source outside has to do next, `y` + source ends
//! the time for which it is kept without watchers, `q` + source is when it may be sent a SUBSCRIBE; `q` + `p`
//! and `q` + `w` are the pulse and the walk of a source's own partition; `e` takes out of the document what ends by itself (`until`).

/// A publication.
pub const PUBLICATION: u8 = b'p';
/// A subscription: what only a SUBSCRIBE changes.
pub const SUBSCRIPTION: u8 = b's';
/// Where a subscription stands: what every NOTIFY changes.
pub const POSITION: u8 = b'n';
/// A subscription to watcher information.
pub const WINFO_SUBSCRIPTION: u8 = b'i';
/// Where a subscription to watcher information stands.
pub const WINFO_POSITION: u8 = b'j';
/// A watcher whom nobody has decided on; eight bytes that stand for its identity and its id follow.
pub const UNDECIDED: u8 = b'u';
/// What happened to watchers; a byte that stands for the package follows.
pub const LEDGER: u8 = b'w';
/// The composed document.
pub const DOCUMENT: &[u8] = b"d";
/// The fan-out.
pub const FANOUT: &[u8] = b"f";
/// The publication rate.
pub const RATE: &[u8] = b"r";
/// Where subscriptions to this partition's identity are kept, if not here.
pub const ANCHOR: &[u8] = b"a";
/// An identity that was told that subscriptions to it are kept here.
pub const CLAIMED: u8 = b'b';
/// A subscription that came from another partition or went to one.
pub const PASSAGE: u8 = b'm';
/// Where a subscription is to go.
pub const DEPARTURE: u8 = b'l';
/// Former versions of the document.
pub const FORMER: &[u8] = b"h";
/// Former versions of what other communities see of the document.
pub const FORMER_LOCAL: &[u8] = b"hz";
/// Subscriptions of other communities.
pub const PEERS: &[u8] = b"z";
/// What a publisher holds.
pub const ORIGINAL: u8 = b'o';
/// The secret of neutral documents.
pub const SECRET: &[u8] = b"k";
/// The subscription of this presentity at a source outside.
pub const BACKEND: u8 = b'x';
/// What a source outside contributes to the document.
pub const CONTRIBUTION: u8 = b'c';
/// What a source outside has said so far.
pub const REPORTED: u8 = b'g';
/// Registrations that a source outside has told of.
pub const REGISTRATIONS: u8 = b't';
/// What a source outside is wanted for.
pub const DEMAND: u8 = b'y';
/// The presentity for which a registrar names this partition's identity; with the id of a source behind it, the
/// identities that it names for this presentity.
pub const LEARNED: &[u8] = b"v";
/// How a source outside fares.
pub const SOURCE_LEDGER: &[u8] = b"q";
/// Timer of a slot at a source outside.
pub const SLOT_TIMER: u8 = b'q';
/// Name of the timer of throttled notifications.
pub const THROTTLE_TIMER: &[u8] = b"t";
/// Name of the timer of what ends by itself in the document.
pub const UNTIL_TIMER: &[u8] = b"e";

/// First bytes of keys and what the operator calls the records behind them.
pub const KINDS: &[(u8, &str)] = &[
    (PUBLICATION, "publication"),
    (SUBSCRIPTION, "subscription"),
    (POSITION, "position"),
    (WINFO_SUBSCRIPTION, "winfo_subscription"),
    (WINFO_POSITION, "winfo_position"),
    (UNDECIDED, "undecided"),
    (LEDGER, "ledger"),
    (b'd', "document"),
    (b'f', "fanout"),
    (b'r', "rate"),
    (b'a', "anchor"),
    (CLAIMED, "claim"),
    (PASSAGE, "passage"),
    (DEPARTURE, "departure"),
    (b'h', "former"),
    (ORIGINAL, "original"),
    (BACKEND, "backend"),
    (CONTRIBUTION, "contribution"),
    (REPORTED, "reported"),
    (DEMAND, "demand"),
    (REGISTRATIONS, "registrations"),
    (b'v', "learned"),
    (b'q', "source"),
    (b'z', "peers"),
    (b'k', "secret"),
];

/// Names a publication or a subscription within its partition: eight random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Id(pub [u8; 8]);

impl Id {
    /// From the first eight of some bytes, such as random ones; missing ones count as 0.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Self {
        let mut id = [0; 8];
        for (to, from) in id.iter_mut().zip(bytes) {
            *to = *from;
        }
        Self(id)
    }

    /// The id in a key of [`Id::key`]; none for other keys.
    #[must_use]
    pub fn of_key(key: &[u8]) -> Option<Self> {
        key.get(1..)?.try_into().ok().map(Self)
    }

    /// The key of this id's record of a kind.
    #[must_use]
    pub fn key(self, kind: u8) -> [u8; 9] {
        let mut key = [kind; 9];
        key[1..].copy_from_slice(&self.0);
        key
    }

    /// Sixteen lower-case hexadecimal digits.
    #[must_use]
    pub fn hex(self) -> String {
        let mut text = String::with_capacity(16);
        push_hex(&self.0, &mut text);
        text
    }

    /// Back from [`Id::hex`]; upper-case digits are refused, so that a text has one id.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        parse_hex(text).map(Self)
    }
}

/// The two sorts of subscriptions. They are kept apart, as a change of the document
/// concerns the one sort only, of which there may be very many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// To presence.
    Watchers,
    /// To watcher information.
    Winfo,
}

impl Audience {
    /// Kind of the records of the subscriptions.
    #[must_use]
    pub fn subscriptions(self) -> u8 {
        match self {
            Self::Watchers => SUBSCRIPTION,
            Self::Winfo => WINFO_SUBSCRIPTION,
        }
    }

    /// Kind of the records of where they stand.
    #[must_use]
    pub fn positions(self) -> u8 {
        match self {
            Self::Watchers => POSITION,
            Self::Winfo => WINFO_POSITION,
        }
    }
}

/// Names one subscription of a partition, and thereby its records and timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Its sort.
    pub audience: Audience,
    /// Its id.
    pub id: Id,
}

impl Usage {
    /// The usage whose subscription or position has a key of that kind.
    #[must_use]
    pub fn of(kind: u8, id: Id) -> Option<Self> {
        let audience = match kind {
            SUBSCRIPTION | POSITION => Audience::Watchers,
            WINFO_SUBSCRIPTION | WINFO_POSITION => Audience::Winfo,
            _ => return None,
        };
        Some(Self { audience, id })
    }

    /// A subscription to presence.
    #[must_use]
    pub fn watcher(id: Id) -> Self {
        Self { audience: Audience::Watchers, id }
    }

    /// Key of the subscription, and name of the timer that ends it.
    #[must_use]
    pub fn subscription(self) -> [u8; 9] {
        self.id.key(self.audience.subscriptions())
    }

    /// Key of where it stands, and name of the timer that ends a wait of it.
    #[must_use]
    pub fn position(self) -> [u8; 9] {
        self.id.key(self.audience.positions())
    }
}

/// Appends bytes as lower-case hexadecimal digits.
pub fn push_hex(bytes: &[u8], text: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)].into());
        text.push(DIGITS[usize::from(byte & 15)].into());
    }
}

/// Reads exactly `N` bytes in lower-case hexadecimal digits.
#[must_use]
pub fn parse_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

fn digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_key_and_text() {
        let id = Id([0, 1, 0x7f, 0x80, 0xab, 0xcd, 0xef, 0xff]);
        assert_eq!(Id::of_key(&id.key(SUBSCRIPTION)), Some(id));
        assert_eq!(id.hex(), "00017f80abcdefff");
        assert_eq!(Id::from_hex(&id.hex()), Some(id));
        assert_eq!(Id::from_hex("00017F80ABCDEFFF"), None);
        assert_eq!(Id::from_hex("00017f80abcdeff"), None);
        assert_eq!(Id::from_hex("00017f80abcdefé"), None);
        assert_eq!(Id::of_key(b"d"), None);
    }
}
