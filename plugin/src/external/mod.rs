//! Presence from outside: what a registrar (S-CSCF) and other communities know of a presentity
//! enters its document as one more source (WPS-01 to WPS-14).
//!
//! The server subscribes at a source under its own identity, once for a presentity, whoever watches; what
//! comes back is kept unfiltered and shown to each watcher by the local rules. So a source
//! never delays a NOTIFY: it changes the document when it has something to say.
//!
//! | where | what |
//! |---|---|
//! | `source.rs` | a source as it is configured |
//! | `kind.rs` | what a kind of source has to know, in one trait; a third kind begins there |
//! | `registrar/`, `community/` | the two kinds |
//! | `directory.rs` | whom a source is asked for: the identity that somebody has over there |
//! | `demand/` | when a source is wanted: with the first watcher, always, by a third-party REGISTER |
//! | `backend/` | the subscription at a source: dialog, refresh, failure, failover |
//! | `pacing/` | no more new subscriptions a second than a source can take |
//! | `contribution.rs` | what of it goes into the document |
//! | `learning/` | which other identities of a presentity a registrar names |
//! | `peers.rs` | what communities that watch here are not shown, so that nothing goes round in circles |
//! | `ledger/` | how a source fares, for the operator |
//!
//! A subscription lives in the partition of its presentity. What concerns a source as a whole
//! lies in a partition of its own ([`source::Source::partition`]).

pub mod backend;
pub mod community;
pub mod contribution;
pub mod demand;
pub mod directory;
pub mod kind;
pub mod learning;
pub mod ledger;
pub mod pacing;
pub mod peers;
pub mod registrar;
pub mod source;

use crate::ports::Instant;
use crate::step::Step;

/// A timer fired. False if it is none of these.
pub fn fired(step: &mut Step<'_>, name: &[u8], due: Instant) -> bool {
    backend::fired(step, name)
        || pacing::fired(step, name, due)
        || demand::fired(step, name)
        || ledger::fired(step, name)
}

/// A post arrived. False if it is none of these.
pub fn posted(step: &mut Step<'_>, payload: &[u8]) -> bool {
    pacing::posted(step, payload)
        || learning::posted(step, payload)
        || ledger::posted(step, payload)
        || demand::posted(step, payload)
}

/// The host has started anew.
pub fn recover(step: &mut Step<'_>) {
    backend::recover(step);
    demand::recover(step);
    ledger::recover(step);
}
