//! Counters of a stack.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn inc(&self) {
        self.add(1);
    }

    pub(crate) fn dec(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    /// The number now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Methods that are counted by name; the last stands for all others.
pub const METHODS: [&str; 8] =
    ["PUBLISH", "SUBSCRIBE", "NOTIFY", "OPTIONS", "CANCEL", "ACK", "INVITE", "other"];

fn method_index(method: &[u8]) -> usize {
    METHODS.iter().position(|m| m.as_bytes() == method).unwrap_or(METHODS.len() - 1)
}

/// Requests by method.
#[derive(Debug, Default)]
pub struct ByMethod([Counter; METHODS.len()]);

impl ByMethod {
    pub(crate) fn inc(&self, method: &[u8]) {
        if let Some(counter) = self.0.get(method_index(method)) {
            counter.inc();
        }
    }

    /// Name and number of each method.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        METHODS.into_iter().zip(self.0.iter().map(Counter::get))
    }
}

/// Responses by status.
#[derive(Debug)]
pub struct ByStatus(Vec<Counter>);

impl Default for ByStatus {
    fn default() -> Self {
        ByStatus((100..700).map(|_| Counter::default()).collect())
    }
}

impl ByStatus {
    pub(crate) fn inc(&self, status: u16) {
        if let Some(counter) = usize::from(status).checked_sub(100).and_then(|i| self.0.get(i)) {
            counter.inc();
        }
    }

    /// Each status that was seen and how often.
    pub fn iter(&self) -> impl Iterator<Item = (u16, u64)> {
        (100..).zip(self.0.iter().map(Counter::get)).filter(|&(_, n)| n > 0)
    }
}

/// What a stack has done and has in hand. Read at any time from any thread.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Requests received, retransmissions not counted.
    pub requests_received: ByMethod,
    /// Requests sent, retransmissions not counted.
    pub requests_sent: ByMethod,
    /// Responses received that belonged to a request of ours, the first of each status class.
    pub responses_received: ByStatus,
    /// Responses sent, retransmissions not counted.
    pub responses_sent: ByStatus,
    /// Requests received again and answered, or left waiting, by the transaction.
    pub retransmissions_received: Counter,
    /// Requests of ours sent again (Timer E).
    pub retransmissions_sent: Counter,
    /// Requests of ours without a final response in time (Timer F).
    pub timeouts: Counter,
    /// Messages that broke the grammar, answered or not.
    pub parse_errors: Counter,
    /// Messages dropped: unreadable, stray responses, ACKs without use.
    pub dropped: Counter,
    /// Requests turned away with 503.
    pub overloads: Counter,
    /// Messages that could not be sent: socket errors, full queues.
    pub send_errors: Counter,
    /// Messages that had to wait for room in the kernel's send buffer.
    pub send_waits: Counter,
    /// Server transactions that exist now, answered ones included.
    pub server_transactions: Counter,
    /// Server transactions that wait for an answer now.
    pub server_pending: Counter,
    /// Client transactions that exist now, finished ones (Timer K) included.
    pub client_transactions: Counter,
    /// TCP connections open now.
    pub tcp_connections: Counter,
}
