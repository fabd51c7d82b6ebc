//! Where the subscription of a presentity at a source stands.
//!
//! One record holds all of it, and every change of it is durable: it changes a few times an hour, and
//! so neither a crash nor a swap breaks a dialog or uses a number twice. What it has to do next is when its one
//! timer is due ([`Backend::due`]).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::trouble::Trouble;
use crate::external::contribution;
use crate::external::kind;
use crate::external::learning;
use crate::external::ledger::{self, Report};
use crate::external::source::Source;
use crate::keys;
use crate::ports::{Durability, Instant};
use crate::records;
use crate::sip::dialog::{Own, SubscriberDialog};
use crate::sip::digest::Challenge;
use crate::step::{FORGOTTEN, Step};

/// Timer N: 64*T1 in milliseconds, within which a NOTIFY has to follow a SUBSCRIBE (RFC 6665 4.1.2.4).
pub const TIMER_N: u64 = 32_000;

/// Milliseconds after which a slot is asked for again, longer than any queue: none that was asked for gets lost, but
/// the source may not have been configured for a while.
const SLOT: u64 = 2 * 86_400_000;

/// Everything about the subscription of one presentity at one source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backend {
    /// Whom the source is asked for, a URI.
    pub resource: String,
    /// Seconds to ask for, where the source wants more than is configured (RFC 3261 21.4.17).
    pub asks: Option<u32>,
    /// When what the source contributes ends; none if it contributes nothing.
    pub shown_until: Option<Instant>,
    /// The latest pause after a failure, in milliseconds; 0 if none came before.
    pub pause: u32,
    /// As `pause`, for subscriptions that the source has ended soon.
    pub churn: u32,
    /// Failures in a row.
    pub failures: u32,
    /// What was wrong last; none since it went well.
    pub trouble: Option<Trouble>,
    /// When the operator was last told that the source is there.
    pub contact: Instant,
    /// Where the answers of the source come from.
    pub peer: Option<IpAddr>,
    /// What the source and proxies on the way have asked for, with how often that was answered in the running
    /// exchange.
    pub challenges: Vec<(Challenge, u8)>,
    /// Where it stands.
    pub phase: Phase,
}

/// Where a subscription stands. There is a dialog in two of these only, and never more than one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// A slot was asked for then.
    Waiting(Instant),
    /// A SUBSCRIBE out of dialog was sent, and no NOTIFY has come.
    Subscribing(Attempt),
    /// A NOTIFY has made the dialog.
    Live(Live),
    /// A SUBSCRIBE has ended it; the last NOTIFY is still to come.
    Ending(Ending),
    /// Nothing is tried before then.
    Pausing(Instant),
    /// Nothing is tried again until the source is wanted anew.
    Stopped(Stopped),
}

/// A SUBSCRIBE out of dialog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Call-ID and tag.
    pub own: Own,
    /// Its number.
    pub cseq: u32,
    /// When it was sent.
    pub since: Instant,
    /// Which of the source's targets it went to.
    pub target: u8,
    /// Seconds granted by the 2xx; none while there is no response.
    pub granted: Option<u32>,
}

/// A dialog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    /// Its state.
    pub dialog: SubscriberDialog,
    /// When it was made.
    pub since: Instant,
    /// When the subscription ends if it is not refreshed, as far as the source has told.
    pub expires: Instant,
    /// When it is refreshed.
    pub next: Refresh,
    /// When the latest SUBSCRIBE was sent.
    pub asked: Instant,
    /// What that is, while it has no final response.
    pub in_flight: Option<Flight>,
    /// True once a NOTIFY has come since then.
    pub confirmed: bool,
    /// True once the source has said something in this dialog.
    pub said: bool,
    /// Full state is to be asked for.
    pub full: bool,
}

/// A SUBSCRIBE without a final response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Flight {
    /// It made the dialog: the NOTIFY has overtaken the response.
    First,
    /// It refreshes the subscription.
    Refresh,
}

/// When a subscription is refreshed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refresh {
    /// Then.
    At(Instant),
    /// It was late, as after a time without the server: when pacing lets it go.
    Paced,
    /// Never: the source refuses it, so the subscription ends by itself.
    Never,
    /// Then, and nothing is asked before: the source has named that time (RFC 3261 20.33).
    NotBefore(Instant),
}

/// A subscription that we have ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// Its dialog.
    pub dialog: SubscriberDialog,
    /// When the SUBSCRIBE was sent that ends it.
    pub asked: Instant,
}

/// A subscription that the source does not want.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    /// It is not tried before then, however often it is wanted.
    pub not_before: Instant,
    /// Stands for how the source was configured.
    pub configured: u32,
    /// True if nothing has wanted it since.
    pub released: bool,
}

impl Backend {
    /// Of a source that was not asked yet.
    #[must_use]
    pub fn new(resource: &str, now: Instant) -> Self {
        Self {
            resource: resource.to_owned(),
            asks: None,
            shown_until: None,
            pause: 0,
            churn: 0,
            failures: 0,
            trouble: None,
            contact: 0,
            peer: None,
            challenges: Vec::new(),
            phase: Phase::Waiting(now),
        }
    }

    /// When there is something to do; none if never.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        let next = match &self.phase {
            Phase::Waiting(since) => Some(since + SLOT),
            Phase::Subscribing(attempt) => Some(attempt.forgotten()),
            Phase::Live(live) => Some(live.due()),
            Phase::Ending(ending) => Some(ending.asked + TIMER_N),
            Phase::Pausing(until) => Some(*until),
            Phase::Stopped(stopped) => stopped.released.then_some(stopped.not_before),
        };
        [next, self.shown_until].into_iter().flatten().min()
    }

    /// True while pacing is waited for.
    #[must_use]
    pub fn waits(&self) -> bool {
        match &self.phase {
            Phase::Waiting(_) => true,
            Phase::Live(live) => live.next == Refresh::Paced,
            _ => false,
        }
    }

    /// Seconds to ask for.
    #[must_use]
    pub fn asks(&self, source: &Source) -> u32 {
        let configured = source.expires.unwrap_or_else(|| kind::of(source.kind).expires());
        self.asks.map_or(configured, |wanted| wanted.max(configured))
    }
}

impl Attempt {
    /// When it has failed without a word.
    #[must_use]
    pub fn forgotten(&self) -> Instant {
        self.since + if self.granted.is_some() { TIMER_N } else { FORGOTTEN }
    }
}

impl Live {
    /// When its latest SUBSCRIBE has failed without a word; none if all has been said.
    #[must_use]
    pub fn forgotten(&self) -> Option<Instant> {
        match (self.in_flight.is_some(), self.confirmed) {
            (true, _) => Some(self.asked + FORGOTTEN),
            (false, false) => Some(self.asked + TIMER_N),
            (false, true) => None,
        }
    }

    fn due(&self) -> Instant {
        let refresh = match self.next {
            Refresh::At(at) | Refresh::NotBefore(at) if self.in_flight.is_none() => at,
            _ => self.expires,
        };
        self.expires.min(refresh).min(self.forgotten().unwrap_or(Instant::MAX))
    }
}

/// The record of a source with what is known of its timer.
#[derive(Debug)]
pub struct Kept<'s> {
    /// The source.
    pub source: &'s Source,
    /// The record.
    pub record: Backend,
    /// The timer is due no later than this; none if it is not set.
    armed: Option<Instant>,
}

impl<'s> Kept<'s> {
    /// A new one.
    #[must_use]
    pub fn new(source: &'s Source, record: Backend) -> Self {
        Self { source, record, armed: None }
    }

    /// What is kept of a source.
    pub fn load(step: &mut Step<'_>, source: &'s Source) -> Option<Self> {
        let bytes = step.host.get(&source.key(keys::BACKEND))?;
        let record: Backend = records::decode(&bytes)?;
        let armed = record.due();
        Some(Self { source, record, armed })
    }

    /// The same once its timer has fired.
    #[must_use]
    pub fn unarmed(self) -> Self {
        Self { armed: None, ..self }
    }

    /// Writes it. A timer that is due too early stays as it is: it is set anew when it fires, which is cheaper
    /// than with each NOTIFY.
    pub fn save(self, step: &mut Step<'_>) {
        let key = self.source.key(keys::BACKEND);
        step.put(&key, &self.record, Durability::Durable);
        match (self.record.due(), self.armed) {
            (Some(due), armed) if armed.is_none_or(|armed| due < armed) => {
                step.host.set_timer(&key, due, b"");
            }
            (None, Some(_)) => step.host.cancel_timer(&key),
            _ => {}
        }
    }

    /// Forgets everything about the source.
    pub fn remove(mut self, step: &mut Step<'_>) {
        self.silence(step);
        let key = self.source.key(keys::BACKEND);
        step.host.delete(&key, Durability::Durable);
        step.host.cancel_timer(&key);
        ledger::report(step, self.source, &Report::Uncovered);
    }

    /// Forgets what the source has said: it contributes nothing any more.
    pub fn silence(&mut self, step: &mut Step<'_>) {
        self.forget_said(step);
        self.hide(step);
        learning::forget(step, self.source.id);
    }

    /// What the source says next does not follow what it said before.
    pub fn forget_said(&mut self, step: &mut Step<'_>) {
        step.host.delete(&self.source.key(keys::REPORTED), Durability::Durable);
    }

    /// Takes out of the document what the source contributed.
    pub fn hide(&mut self, step: &mut Step<'_>) {
        if self.record.shown_until.take().is_some() {
            contribution::remove(step, self.source.id);
        }
    }
}
