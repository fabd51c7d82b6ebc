//! What a registrar has told by third-party REGISTERs of one presentity: one record, durable.
//!
//! A presentity may be registered under several identities (WPS-16), each told of and ending by itself. Of each it is
//! remembered by which REGISTER it was told, also when it is over, so that an older one that comes late is
//! recognised (RFC 3261 10.3 step 7).

use serde::{Deserialize, Serialize};

use crate::errors::Refusal;
use crate::external::source::Source;
use crate::keys::{self, Id};
use crate::ports::{Durability, Instant};
use crate::records;
use crate::sip::cseq::CSeq;
use crate::sip::{HeaderName, Malformed, Message};
use crate::step::Step;

/// How long the end of a registration is remembered: no older REGISTER is that late.
const REMEMBERED: Instant = 3_600_000;

/// Identities of which something is remembered; of more, those whose registration ends last.
const MOST: usize = 32;

/// All registrations that one source has told of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registrations {
    known: Vec<Registration>,
}

/// What is known of one identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Registration {
    identity: String,
    told: Telling,
    /// When that came.
    at: Instant,
    /// It is registered until then.
    until: Instant,
}

/// The place of a REGISTER among others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Telling {
    /// Stands for its Call-ID.
    call: Id,
    number: u32,
}

impl Telling {
    /// That of a REGISTER.
    ///
    /// # Errors
    /// It has no Call-ID, or no proper CSeq.
    pub fn of(message: &Message<'_>) -> Result<Self, Malformed> {
        let call = Source::id_of(message.required(HeaderName::CallId)?);
        Ok(Self { call, number: CSeq::of(message)?.number })
    }

    /// True if this is older than the other. The same one may come again after a restart.
    fn is_before(self, other: Self) -> bool {
        self.call == other.call && self.number < other.number
    }
}

impl Registrations {
    /// Of a source.
    pub fn load(step: &mut Step<'_>, source: &Source) -> Self {
        let record = step.host.get(&source.key(keys::REGISTRATIONS));
        record.as_deref().and_then(records::decode).unwrap_or_default()
    }

    /// An identity is registered until then, or no longer if that is now. True if it was not registered before.
    ///
    /// # Errors
    /// A later REGISTER has come before.
    pub fn tell(
        &mut self,
        identity: &str,
        told: Telling,
        now: Instant,
        until: Instant,
    ) -> Result<bool, Refusal> {
        let former = self.known.iter().position(|registration| registration.identity == identity);
        let former = former.map(|place| self.known.remove(place));
        if former.as_ref().is_some_and(|former| told.is_before(former.told)) {
            return Err(Refusal::OutOfOrder);
        }
        self.known.retain(|registration| registration.forgotten() > now);
        self.known.push(Registration { identity: identity.to_owned(), told, at: now, until });
        self.known.sort_by_key(|registration| std::cmp::Reverse(registration.until));
        self.known.truncate(MOST);
        Ok(until > now && former.is_none_or(|former| former.until <= now))
    }

    /// When the last one of them ends; none if they have.
    #[must_use]
    pub fn until(&self, now: Instant) -> Option<Instant> {
        self.known.iter().map(|registration| registration.until).filter(|until| *until > now).max()
    }

    /// Writes them.
    pub fn store(&self, step: &mut Step<'_>, source: &Source) {
        let end = self.known.iter().map(Registration::forgotten).max();
        let key = source.key(keys::REGISTRATIONS);
        step.host.put(&key, &records::encode(self), Durability::Durable, end);
    }
}

impl Registration {
    fn forgotten(&self) -> Instant {
        self.until.max(self.at + REMEMBERED)
    }
}
