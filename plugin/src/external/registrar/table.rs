//! What a registrar has said so far (RFC 3680 section 5.2): kept from document to document.

use serde::{Deserialize, Serialize};

use super::features::Feature;
use super::reader::{self, Reginfo};
use crate::external::kind::Refused;
use crate::ports::Instant;

/// Registrations and contacts together that are kept of a presentity.
const MOST: usize = 256;

/// The registrations of a presentity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Version of the last document that was taken.
    pub version: u32,
    /// In the order in which they were first heard of.
    pub registrations: Vec<Registration>,
}

/// One registration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// Names it within the subscription.
    pub id: String,
    /// The address-of-record.
    pub aor: String,
    /// The contacts bound to it; none left if it is over, or never began.
    pub contacts: Vec<Contact>,
}

/// A contact that is bound.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// Names it within the registration.
    pub id: String,
    /// Since when it is bound, to the second; none if the registrar does not say.
    pub since: Option<Instant>,
    /// Its preference in thousandths.
    pub q: Option<u16>,
    /// Its public GRUU.
    pub gruu: Option<String>,
    /// What it can do.
    pub features: Vec<Feature>,
}

/// How a document follows the one before (EXT-03).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// It is the next one, or the first.
    Next,
    /// Others are missing in between.
    Gap,
    /// It is an earlier one, or says again what partial state said.
    Late,
}

impl Order {
    /// Of a document after a table.
    ///
    /// RFC 3680 section 5.2 has those discarded whose version is lower. Full state of the same version is
    /// taken: if it says the same, nothing changes, and there are registrars that never count (Kamailio's says
    /// 0 always). That it is no older one the dialog has seen to, by CSeq.
    #[must_use]
    pub fn of(document: &Reginfo, before: Option<&Table>) -> Self {
        let Some(table) = before else { return Self::Next };
        match document.version.checked_sub(table.version) {
            None => Self::Late,
            Some(0) if document.full => Self::Next,
            Some(0) => Self::Late,
            Some(1) => Self::Next,
            Some(_) => Self::Gap,
        }
    }
}

impl Table {
    /// The table after a document that is not late: full state replaces everything, partial state what it
    /// names (EXT-04).
    ///
    /// # Errors
    /// More registrations and contacts than are kept of one presentity.
    pub fn after(before: Option<&Self>, document: &Reginfo, now: Instant) -> Result<Self, Refused> {
        let known = before.map_or(&[][..], |table| &table.registrations);
        let mut registrations = if document.full { Vec::new() } else { known.to_vec() };
        for said in &document.registrations {
            let known = known.iter().find(|former| former.id == said.id).map(|former| &former.contacts[..]);
            let place = registrations.iter().position(|registration| registration.id == said.id);
            let rows = place.map(|place| registrations.remove(place).contacts).unwrap_or_default();
            let contacts = contacts(rows, said, known.unwrap_or_default(), before.is_some(), now);
            // The registrar gave an address-of-record another id: what it said before is over.
            registrations.retain(|other| other.aor != said.aor || !other.contacts.is_empty());
            let next = Registration { id: said.id.clone(), aor: said.aor.clone(), contacts };
            registrations.insert(place.unwrap_or(registrations.len()).min(registrations.len()), next);
        }
        let rows: usize = registrations.iter().map(|registration| 1 + registration.contacts.len()).sum();
        if rows > MOST {
            return Err(Refused::TooLarge);
        }
        Ok(Self { version: document.version, registrations })
    }

    /// The addresses-of-record that are registered.
    #[must_use]
    pub fn registered(&self) -> Vec<String> {
        let active = self.registrations.iter().filter(|registration| !registration.contacts.is_empty());
        active.map(|registration| registration.aor.clone()).collect()
    }
}

/// The contacts of a registration after what a document says of it. `known` are those of before, of which
/// `rows` are kept where nothing is said; `witnessed` if what is new now came about since the last document.
fn contacts(
    mut rows: Vec<Contact>,
    said: &reader::Registration,
    known: &[Contact],
    witnessed: bool,
    now: Instant,
) -> Vec<Contact> {
    if !said.active {
        return Vec::new();
    }
    for contact in &said.contacts {
        let place = rows.iter().position(|row| row.id == contact.id);
        let former = place.map(|place| rows.remove(place));
        if !contact.bound {
            continue;
        }
        let since = match former.as_ref().or_else(|| known.iter().find(|row| row.id == contact.id)) {
            // A registration that is renewed is the same one.
            Some(former) => former.since,
            None => match contact.duration {
                Some(duration) => Some((now / 1_000).saturating_sub(duration) * 1_000),
                None => witnessed.then_some(now / 1_000 * 1_000),
            },
        };
        let row = Contact {
            id: contact.id.clone(),
            since,
            q: contact.q,
            gruu: contact.gruu.clone(),
            features: contact.features.clone(),
        };
        rows.insert(place.unwrap_or(rows.len()), row);
    }
    rows
}
