//! Server transactions without INVITE's own states (RFC 3261 17.2.2): an INVITE here is always refused, so
//! the same table absorbs its retransmissions.

use std::collections::hash_map::Entry;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use super::key::{Key, KeyMap};
use super::timers::Queue;
use super::{ServerTransaction, Times};
use crate::metrics::Metrics;
use crate::transport::Route;
use crate::wire::Head;

const SHARDS: usize = 32;

/// A request that waits for its answer.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) head: Head,
    pub(crate) route: Route,
}

#[derive(Debug)]
enum State {
    /// Trying.
    Waiting(Arc<Pending>),
    /// Proceeding: a 100 was sent and is sent again for each retransmission.
    Proceeding(Arc<Pending>, Bytes),
    /// Completed, until Timer J.
    Answered(Bytes, Route),
}

#[derive(Debug)]
struct Server {
    state: State,
    merged: Option<Key>,
}

#[derive(Debug)]
struct Shard {
    servers: KeyMap<Server>,
    /// Merged key to transaction.
    merged: KeyMap<Key>,
    /// Until a 100 has to be sent (RFC 4320 4.1).
    trying: Queue,
    /// Until a request without answer is given up (RFC 4320 4.2).
    patience: Queue,
    /// Timer J.
    linger: Queue,
}

/// What a request means for the table.
#[derive(Debug)]
pub(crate) enum Begin {
    /// New: the core gets it.
    New(ServerTransaction),
    /// New, but the same request came on another way before.
    Merged(ServerTransaction),
    /// A retransmission, and what to send for it.
    Again(Option<(Bytes, Route)>),
}

/// All server transactions.
#[derive(Debug)]
pub(crate) struct Servers {
    shards: Vec<Mutex<Shard>>,
}

impl Servers {
    pub(crate) fn new(times: Times) -> Servers {
        let shard = || Shard {
            servers: KeyMap::default(),
            merged: KeyMap::default(),
            trying: Queue::new(times.trying_after()),
            patience: Queue::new(times.patience().saturating_sub(times.trying_after())),
            linger: Queue::new(times.patience()),
        };
        Servers { shards: (0..SHARDS).map(|_| Mutex::new(shard())).collect() }
    }

    fn with<R>(&self, key: Key, f: impl FnOnce(&mut Shard) -> R) -> Option<R> {
        self.shards.get(key.shard(self.shards.len())).map(|shard| f(&mut shard.lock()))
    }

    /// What to send for a retransmission; none if the request is new.
    pub(crate) fn again(&self, key: Key) -> Option<Option<(Bytes, Route)>> {
        self.with(key, |shard| shard.servers.get(&key).map(retransmission)).flatten()
    }

    /// A request came that [`Servers::again`] did not know.
    pub(crate) fn begin(
        &self,
        key: Key,
        merged: Option<Key>,
        pending: Pending,
        now: u64,
        metrics: &Metrics,
    ) -> Begin {
        let pending = Arc::new(pending);
        let again = self.with(key, |shard| match shard.servers.entry(key) {
            Entry::Occupied(entry) => Some(retransmission(entry.get())),
            Entry::Vacant(entry) => {
                entry.insert(Server { state: State::Waiting(pending.clone()), merged });
                shard.trying.set(now, key);
                metrics.server_transactions.inc();
                metrics.server_pending.inc();
                None
            }
        });
        if let Some(Some(again)) = again {
            return Begin::Again(again);
        }
        let transaction = ServerTransaction { key, pending };
        let Some(merged) = merged else { return Begin::New(transaction) };
        let first = self.with(merged, |shard| *shard.merged.entry(merged).or_insert(key));
        if first == Some(key) {
            return Begin::New(transaction);
        }
        self.with(key, |shard| {
            if let Some(server) = shard.servers.get_mut(&key) {
                server.merged = None;
            }
        });
        Begin::Merged(transaction)
    }

    /// True if there is such a transaction.
    pub(crate) fn contains(&self, key: Key) -> bool {
        self.with(key, |shard| shard.servers.contains_key(&key)).unwrap_or(false)
    }

    /// The final response of a transaction. False if it was given up or answered before: nothing may be sent
    /// then.
    pub(crate) fn answer(
        &self,
        key: Key,
        response: Bytes,
        route: Route,
        now: u64,
        metrics: &Metrics,
    ) -> bool {
        let merged = self.with(key, |shard| {
            let Entry::Occupied(mut entry) = shard.servers.entry(key) else { return None };
            if matches!(entry.get().state, State::Answered(..)) {
                return None;
            }
            metrics.server_pending.dec();
            if route.transport().is_reliable() {
                // Timer J is zero.
                metrics.server_transactions.dec();
                return Some(entry.remove().merged);
            }
            entry.get_mut().state = State::Answered(response, route);
            shard.linger.set(now, key);
            Some(None)
        });
        match merged.flatten() {
            None => false,
            Some(merged) => {
                self.forget_merged(merged, key);
                true
            }
        }
    }

    fn forget_merged(&self, merged: Option<Key>, key: Key) {
        let Some(merged) = merged else { return };
        self.with(merged, |shard| {
            if shard.merged.get(&merged) == Some(&key) {
                shard.merged.remove(&merged);
            }
        });
    }

    /// Lets time pass. Gives the requests that need a 100 now; say with [`Servers::proceeding`] what was sent.
    pub(crate) fn tick(&self, now: u64, metrics: &Metrics) -> Vec<(Key, Arc<Pending>)> {
        let mut waiting = Vec::new();
        let mut gone = Vec::new();
        for shard in &self.shards {
            let mut shard = shard.lock();
            let shard = &mut *shard;
            while let Some((due, key)) = shard.trying.due(now) {
                if let Some(Server { state: State::Waiting(pending), .. }) = shard.servers.get(&key) {
                    waiting.push((key, pending.clone()));
                    shard.patience.set(due, key);
                }
            }
            while let Some((_, key)) = shard.patience.due(now) {
                if let Entry::Occupied(entry) = shard.servers.entry(key)
                    && !matches!(entry.get().state, State::Answered(..))
                {
                    metrics.server_pending.dec();
                    gone.push((entry.remove().merged, key));
                }
            }
            while let Some((_, key)) = shard.linger.due(now) {
                if let Entry::Occupied(entry) = shard.servers.entry(key)
                    && matches!(entry.get().state, State::Answered(..))
                {
                    gone.push((entry.remove().merged, key));
                }
            }
            if shard.servers.capacity() > 4096 && shard.servers.len() < shard.servers.capacity() / 8 {
                shard.servers.shrink_to(shard.servers.len() * 2);
                shard.merged.shrink_to(shard.merged.len() * 2);
            }
        }
        for (merged, key) in gone {
            metrics.server_transactions.dec();
            self.forget_merged(merged, key);
        }
        waiting
    }

    /// A 100 was made for a request; false if it has its final response by now.
    pub(crate) fn proceeding(&self, key: Key, trying: &Bytes) -> bool {
        self.with(key, |shard| match shard.servers.get_mut(&key) {
            Some(Server { state: state @ State::Waiting(_), .. }) => {
                if let State::Waiting(pending) = state {
                    *state = State::Proceeding(pending.clone(), trying.clone());
                }
                true
            }
            _ => false,
        })
        .unwrap_or(false)
    }
}

fn retransmission(server: &Server) -> Option<(Bytes, Route)> {
    match &server.state {
        State::Waiting(_) => None,
        State::Proceeding(pending, trying) => Some((trying.clone(), pending.route)),
        State::Answered(response, route) => Some((response.clone(), *route)),
    }
}
