//! One document out of a presentity's publications (RFC 3903 section 10.4, RFC 4479).
//!
//! Composing works on text that was made canonical when it was published; it reads no
//! foreign XML. What is merged is for [`Policy`] to say, see `policy.rs`; identifiers stay
//! the same as long as the publication that an element came with lives. [`Assembly`] keeps
//! what was composed so that a change costs no more than what it changes.

mod assembly;
mod composed;
mod draft;
#[doc(hidden)]
pub mod fuzzing;
mod identity;
mod index;
mod neutral;
mod policy;

pub use assembly::{Assembled, Assembly};
pub use composed::{Composed, render};
pub use neutral::neutral;
pub use policy::{Policy, Rule};

use crate::pidf::StoredDocument;
use crate::ports::Instant;

/// What one publication has to say.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Names the publication as long as it lives, across refresh and change; unique among
    /// the sources of the presentity. Watchers can tell it from the identifiers, so let it be
    /// nothing worth knowing.
    pub id: u64,
    /// Its place among the sources, lowest first: say, when it was first published. It stays
    /// the same as long as the publication lives.
    pub order: u64,
    /// When the document was published in this form.
    pub published: Instant,
    /// What it published last.
    pub document: &'a StoredDocument,
}

/// Composes the document of a presentity as it is at `now`. The order of `sources` makes no
/// difference, and equal sources give equal bytes. Without any the document has no tuple,
/// which is valid (RFC 3856 section 6.11.1).
#[must_use]
pub fn compose(sources: &[Source<'_>], policy: &Policy, now: Instant) -> Composed {
    assemble(sources, policy, now).composed
}

/// As [`compose`], with what it takes to change it later.
#[must_use]
pub fn assemble(sources: &[Source<'_>], policy: &Policy, now: Instant) -> Assembled {
    Assembly::default().update(policy, sources, None, now)
}
