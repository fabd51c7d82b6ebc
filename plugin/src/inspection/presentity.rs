//! The question `presentity`: what is known of somebody, and who watches. The argument is any
//! URI of theirs; the answer
//!
//! ```json
//! {"uri": "sip:al@example.com", "identity": "sip:al@example.com", "fundamental": "sip:alice@example.com",
//!  "now": 1700000000000,
//!  "document": {"version": 1700000000002, "basic": "open",
//!    "tuples": [{"id": "t1", "basic": "open", "contact": null, "timestamp": null}]},
//!  "publications": {"total": 1, "complete": true,
//!    "list": [{"id": "1f…", "created": 1700000000000, "expires": 1700003600000, "bytes": 312}]},
//!  "subscriptions": {
//!    "presence": {"total": 1, "complete": true, "list": [
//!      {"id": "2e…", "watcher": "sip:bob@example.com", "entity": "sip:al@example.com", "state": "active",
//!       "created": 1700000000000, "expires": 1700003600000, "call_id": "c1", "contact": "sip:bob@192.0.2.1",
//!       "cseq": 4, "in_flight_since": null, "lag": 0, "moves": 0}]},
//!    "presence.winfo": {"total": 0, "complete": true, "list": []},
//!    "presence.winfo.winfo": {"total": 0, "complete": true, "list": []}},
//!  "sources": [{"name": "scscf", "kind": "registrar", "resource": "sip:alice@example.com", "wanted": true,
//!    "kept_until": null, "registered_until": null,
//!    "subscription": {"resource": "sip:alice@example.com", "phase": "live", "expires": 1700003761000,
//!      "next_try": 1700002600000, "failures": 0, "trouble": null},
//!    "contribution": {"since": 1700000000000, "changed": 1700000000000, "expires": 1700003761000, "bytes": 200}}],
//!  "kept_elsewhere": []}
//! ```
//!
//! - Instants are milliseconds since 1970. `bytes` is the size of the record.
//! - Of each list the first 1000 are shown. `total` counts all, or, with `complete` false, those that were
//!   looked at before the answer had taken long enough.
//! - `id` of a subscription is our tag in the dialog. `state` is `active`, `peer` (active, and another community,
//!   which is not shown what communities said), `pending`, `polite-blocked`,
//!   `leaving` (it moves when its NOTIFY is answered) or `terminated` (its last NOTIFY is under way).
//! - `lag` counts the changes that the watcher has not been sent; null if nothing is known to have
//!   arrived. `in_flight_since` tells since when a NOTIFY is unanswered.
//! - `sources` are those outside that know the presentity, as `resource`. One is `wanted` while somebody watches, it
//!   is always asked, `kept_until` (grace time) or `registered_until` (third-party REGISTER) is still to come.
//!   `phase` of its subscription is `waiting` for its turn, `subscribing`, `live`, `ending`, `pausing` after a failure or
//!   `stopped` for good; `next_try` is when the source is asked next, `failures` are those in a row, and
//!   `trouble` is the latest.
//! - `kept_elsewhere` names the presentities that keep, or lately kept, subscriptions to the fundamental
//!   identity as an address, from a time when it was mapped to them.

use serde::Serialize;

use super::document::{self, Summary};
use super::listing::{Listing, walk};
use super::outside::{self, Outside};
use crate::configuration::Configuration;
use crate::identity;
use crate::keys::{self, Audience, Id, Usage};
use crate::notifier::content;
use crate::package::Package;
use crate::ports::{Host, Instant};
use crate::records::{self, Publication, State, Subscription};
use crate::relocation::anchor;
use crate::step::Step;

/// Entries of a list shown.
const SHOWN: usize = 1_000;
/// Records of a kind looked at.
const COUNTED: usize = 20_000;

#[derive(Serialize)]
struct Answer<'a> {
    uri: &'a str,
    identity: &'a str,
    fundamental: &'a str,
    now: Instant,
    document: Summary,
    publications: Listing<Published>,
    subscriptions: Subscriptions,
    sources: Vec<Outside>,
    kept_elsewhere: Vec<String>,
}

#[derive(Serialize)]
struct Published {
    id: String,
    created: Instant,
    expires: Instant,
    bytes: usize,
}

#[derive(Default, Serialize)]
struct Subscriptions {
    presence: Listing<Subscribed>,
    #[serde(rename = "presence.winfo")]
    winfo: Listing<Subscribed>,
    #[serde(rename = "presence.winfo.winfo")]
    winfo_of_winfo: Listing<Subscribed>,
}

#[derive(Serialize)]
struct Subscribed {
    id: String,
    watcher: String,
    entity: String,
    state: &'static str,
    created: Instant,
    expires: Instant,
    call_id: String,
    contact: String,
    cseq: u32,
    in_flight_since: Option<Instant>,
    lag: Option<u64>,
    moves: u32,
}

/// Answers the question.
///
/// # Errors
/// The argument is no URI, or names nobody.
pub fn answer(host: &mut dyn Host, configuration: &Configuration, uri: &str) -> Result<String, String> {
    let identity = identity::read(host, configuration, uri).map_err(|why| why.to_string())?;
    let fundamental = identity::fundamental(host, configuration, &identity);
    let mut step = Step::enter(host, configuration, &fundamental);
    let answer = Answer {
        uri,
        identity: identity.as_str(),
        fundamental: &fundamental,
        now: step.now,
        document: document::summary(&mut step),
        publications: publications(&mut step),
        subscriptions: subscriptions(&mut step),
        sources: outside::sources(&mut step),
        kept_elsewhere: anchor::places(&mut step),
    };
    serde_json::to_string(&answer).map_err(|error| error.to_string())
}

fn publications(step: &mut Step<'_>) -> Listing<Published> {
    let mut listing = Listing::default();
    listing.complete = walk(step, keys::PUBLICATION, COUNTED, |step, (key, record)| {
        let (Some(id), Some(publication)) = (Id::of_key(key), records::decode::<Publication>(record)) else {
            return;
        };
        if publication.expires > step.now {
            listing.add(SHOWN, || Published {
                id: id.hex(),
                created: publication.created,
                expires: publication.expires,
                bytes: record.len(),
            });
        }
    });
    listing
}

fn subscriptions(step: &mut Step<'_>) -> Subscriptions {
    let mut all = Subscriptions::default();
    for audience in [Audience::Watchers, Audience::Winfo] {
        let complete = walk(step, audience.subscriptions(), COUNTED, |step, (key, record)| {
            let Some(id) = Id::of_key(key) else { return };
            let Some(subscription) = records::decode::<Subscription<'_>>(record) else { return };
            let usage = Usage { audience, id };
            let listing = all.of(subscription.package);
            listing.add(SHOWN, || subscribed(step, usage, subscription));
        });
        match audience {
            Audience::Watchers => all.presence.complete = complete,
            Audience::Winfo => {
                all.winfo.complete = complete;
                all.winfo_of_winfo.complete = complete;
            }
        }
    }
    all
}

impl Subscriptions {
    fn of(&mut self, package: Package) -> &mut Listing<Subscribed> {
        match package {
            Package::Presence => &mut self.presence,
            Package::Winfo => &mut self.winfo,
            Package::WinfoOfWinfo => &mut self.winfo_of_winfo,
        }
    }
}

fn subscribed(step: &mut Step<'_>, usage: Usage, subscription: Subscription<'_>) -> Subscribed {
    let position = step.position(usage, &subscription);
    let version = content::version(step, &subscription);
    Subscribed {
        id: usage.id.hex(),
        watcher: subscription.watcher.into_owned(),
        entity: subscription.entity.into_owned(),
        state: state(subscription.state),
        created: subscription.created,
        expires: subscription.expires,
        call_id: subscription.dialog.call_id.into_owned(),
        contact: subscription.dialog.target.into_owned(),
        cseq: position.cseq,
        in_flight_since: position.in_flight.map(|sent| sent.since),
        lag: position.version.map(|sent| lag(subscription.state, sent, version)),
        moves: subscription.moves,
    }
}

/// Versions of what a community is shown have no order.
fn lag(state: State, sent: u64, version: u64) -> u64 {
    if state == State::Peer { (sent != version).into() } else { version.saturating_sub(sent) }
}

fn state(state: State) -> &'static str {
    match state {
        State::Active => "active",
        State::Peer => "peer",
        State::Pending => "pending",
        State::Polite => "polite-blocked",
        State::Leaving(_) => "leaving",
        State::Ending(_) => "terminated",
    }
}
