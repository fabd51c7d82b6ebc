//! Partial publication (RFC 5264): a publisher sends what changed.
//!
//! Changes apply to what the publisher holds, to its white space and its order, and not to
//! what was made of it for composition. So that is kept as well, in a record of its own, for
//! publications whose body came as `application/pidf-diff+xml`, and for these only: others have no
//! changes to send, as changes follow a document of that type (section 4.2).

use crate::errors::Refusal;
use crate::keys::{self, Id};
use crate::pidf::{self, Document};
use crate::pidf_diff::{self, PartialError};
use crate::ports::Durability;
use crate::records::Publication;
use crate::step::Step;

/// A publication of either type, read.
#[derive(Clone, Debug)]
pub struct Taken {
    /// What it contributes.
    pub document: Document,
    /// What the publisher holds, if it may send changes to it.
    pub original: Option<Vec<u8>>,
}

/// Reads a body of type `application/pidf-diff+xml`. `previous` is the publication that it is to change,
/// if it is to change one.
///
/// # Errors
/// 400 for changes to nothing and for changes that cannot be made, 413 beyond a limit, else 500 (section
/// 4.3). Nothing is staged then.
pub fn take(step: &mut Step<'_>, body: &[u8], previous: Option<(Id, Publication)>) -> Result<Taken, Refusal> {
    let limits = &step.configuration.limits.document;
    let original = || {
        let (id, _) = previous.filter(|(_, publication)| publication.partial)?;
        step.host.get(&id.key(keys::ORIGINAL))
    };
    let published = pidf_diff::publish(body, original, limits).map_err(refusal)?;
    let document = pidf::read(&published.presence, limits).map_err(|error| match error.status() {
        413 => Refusal::TooLarge,
        // Section 4.3.1: a whole document that is found wrong after its root was right.
        _ if published.full => Refusal::Failed(error.to_string()),
        _ => Refusal::BadRequest(error.to_string()),
    })?;
    Ok(Taken { document, original: Some(published.presence) })
}

fn refusal(error: PartialError) -> Refusal {
    match error.status() {
        413 => Refusal::TooLarge,
        500 => Refusal::Failed(error.to_string()),
        _ => Refusal::BadRequest(error.to_string()),
    }
}

/// Keeps what the publisher holds now, or forgets what it held.
pub fn keep(step: &mut Step<'_>, id: Id, previous: Option<Publication>, original: Option<&[u8]>) {
    match original {
        Some(original) => {
            step.host.put(&id.key(keys::ORIGINAL), original, Durability::Durable, None);
        }
        None => forget(step, id, previous),
    }
}

/// Forgets what the publisher of a publication held.
pub fn forget(step: &mut Step<'_>, id: Id, publication: Option<Publication>) {
    if publication.is_some_and(|publication| publication.partial) {
        step.host.delete(&id.key(keys::ORIGINAL), Durability::Durable);
    }
}
