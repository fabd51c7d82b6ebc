//! Requests that wait for their answer from the engine.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use rollcall_sip::ServerTransaction;
use rollcall_sip::wire::Span;

/// Locks, so that threads seldom meet at one.
const SHARDS: usize = 16;

/// A request that waits.
#[derive(Debug)]
pub(super) struct Waiting {
    pub transaction: ServerTransaction,
    /// The message, for when the component passes or fails.
    pub message: Bytes,
    pub method: Span,
    pub uri: Span,
    pub call_id: Span,
    pub branch: Span,
}

/// All requests that wait. Their number is bounded by the overload limit of the SIP stack.
#[derive(Debug, Default)]
pub(super) struct Tickets {
    next: AtomicU64,
    shards: [Mutex<HashMap<u64, Waiting>>; SHARDS],
}

impl Tickets {
    /// Keeps a request and gives its ticket.
    pub fn issue(&self, waiting: Waiting) -> u64 {
        let ticket = self.next.fetch_add(1, Ordering::Relaxed);
        self.shard(ticket).lock().insert(ticket, waiting);
        ticket
    }

    /// Gives the request back; none if it was given back already.
    pub fn redeem(&self, ticket: u64) -> Option<Waiting> {
        self.shard(ticket).lock().remove(&ticket)
    }

    /// True if nothing waits.
    pub fn is_empty(&self) -> bool {
        self.shards.iter().all(|shard| shard.lock().is_empty())
    }

    fn shard(&self, ticket: u64) -> &Mutex<HashMap<u64, Waiting>> {
        &self.shards[ticket as usize % SHARDS]
    }
}
