//! Transactions (RFC 3261 17.1.2, 17.2.2): tables of state machines, driven by messages and by the clock.

mod client;
mod key;
mod server;
mod timers;

use std::sync::Arc;

pub(crate) use client::{Clients, Due, Reply, Retry, Trying};
pub(crate) use key::{Key, Keys};
pub(crate) use server::{Begin, Pending, Servers};

/// The intervals of RFC 3261 17.1.1.1 and 17.1.2.2, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) t1: u64,
    pub(crate) t2: u64,
    pub(crate) t4: u64,
}

impl Times {
    /// Timers F and J: 64 T1.
    pub(crate) fn patience(self) -> u64 {
        self.t1.saturating_mul(64)
    }

    /// The values that Timer E takes: T1, doubled up to T2.
    pub(crate) fn retransmissions(self) -> Vec<u64> {
        let doubled = std::iter::successors(Some(self.t1.max(1)), |t| t.checked_mul(2));
        doubled.take_while(|&t| t < self.t2).take(32).chain([self.t2.max(1)]).collect()
    }

    /// When Timer E of the other side is set to T2: from then on a 100 is allowed (RFC 4320 4.1).
    pub(crate) fn trying_after(self) -> u64 {
        let all = self.retransmissions();
        all.iter().take(all.len().saturating_sub(1)).sum()
    }
}

/// The right to answer one request. It is used up by [`crate::Stack::respond`].
#[derive(Debug)]
pub struct ServerTransaction {
    pub(crate) key: Key,
    pub(crate) pending: Arc<Pending>,
}
