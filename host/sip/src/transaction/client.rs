//! Client transactions other than INVITE (RFC 3261 17.1.2).

use std::collections::hash_map::Entry;
use std::net::SocketAddr;

use bytes::Bytes;
use parking_lot::Mutex;

use super::Times;
use super::key::{Key, KeyMap};
use super::timers::Queue;
use crate::config::Transport;
use crate::core::Request;
use crate::metrics::Metrics;
use crate::transport::{Hop, Target};

const SHARDS: usize = 32;

/// What to do if the transport fails.
#[derive(Debug)]
pub(crate) enum Retry {
    /// Report it.
    No,
    /// The request went over TCP only because of its size: these bytes may go over UDP (RFC 3261 18.1.1).
    Udp(Bytes),
    /// The next hop has more addresses (RFC 3263 4.3).
    Others(Box<(Request, Vec<Hop>)>),
}

/// A request without final response.
#[derive(Debug)]
pub(crate) struct Trying {
    pub(crate) token: u64,
    pub(crate) bytes: Bytes,
    pub(crate) target: Target,
    pub(crate) retry: Retry,
    /// A provisional response came.
    pub(crate) proceeding: bool,
    /// Timer E's first value passed while the transport was reliable.
    pub(crate) lapsed: bool,
}

#[derive(Debug)]
enum Client {
    Trying(Box<Trying>),
    /// Completed, until Timer K.
    Completed,
}

#[derive(Debug)]
struct Shard {
    clients: KeyMap<Client>,
    /// Timer E, one queue for each of its values.
    retransmit: Vec<Queue>,
    /// Timer F. Set when Timer E first fires: nearly all requests are answered before.
    patience: Queue,
    /// Timer K.
    linger: Queue,
}

/// What a response means for the table.
#[derive(Debug)]
pub(crate) enum Reply {
    /// The first final response to the request of this token, sent to this address.
    Final(u64, SocketAddr),
    /// A provisional one.
    Provisional,
    /// A final response again.
    Again,
    /// Nobody asked.
    Stray,
}

/// What time brought.
#[derive(Debug)]
pub(crate) enum Due {
    /// Timer E: send again.
    Retransmit(Bytes, Target),
    /// Timer F.
    Timeout(u64),
}

/// All client transactions.
#[derive(Debug)]
pub(crate) struct Clients {
    shards: Vec<Mutex<Shard>>,
    first: u64,
}

impl Clients {
    pub(crate) fn new(times: Times) -> Clients {
        let shard = || Shard {
            clients: KeyMap::default(),
            retransmit: times.retransmissions().into_iter().map(Queue::new).collect(),
            patience: Queue::new(times.patience()),
            linger: Queue::new(times.t4),
        };
        let first = times.retransmissions().first().copied().unwrap_or_default();
        Clients { shards: (0..SHARDS).map(|_| Mutex::new(shard())).collect(), first }
    }

    fn with<R>(&self, key: Key, f: impl FnOnce(&mut Shard) -> R) -> Option<R> {
        self.shards.get(key.shard(self.shards.len())).map(|shard| f(&mut shard.lock()))
    }

    /// A request is about to be sent.
    pub(crate) fn begin(&self, key: Key, trying: Trying, now: u64, metrics: &Metrics) {
        metrics.client_transactions.inc();
        self.with(key, |shard| {
            shard.clients.insert(key, Client::Trying(Box::new(trying)));
            if let Some(queue) = shard.retransmit.first_mut() {
                queue.set(now, key);
            }
        });
    }

    /// A response came.
    pub(crate) fn response(&self, key: Key, status: u16, now: u64, metrics: &Metrics) -> Reply {
        let reply = self.with(key, |shard| {
            let Entry::Occupied(mut entry) = shard.clients.entry(key) else { return Reply::Stray };
            let Client::Trying(trying) = entry.get_mut() else { return Reply::Again };
            if status < 200 {
                trying.proceeding = true;
                return Reply::Provisional;
            }
            let reply = Reply::Final(trying.token, trying.target.address);
            if trying.target.transport.is_reliable() {
                // Timer K is zero.
                entry.remove();
                metrics.client_transactions.dec();
            } else {
                entry.insert(Client::Completed);
                shard.linger.set(now, key);
            }
            reply
        });
        reply.unwrap_or(Reply::Stray)
    }

    /// Takes a request out whose transport failed; none if it has its final response.
    pub(crate) fn fail(&self, key: Key, metrics: &Metrics) -> Option<Trying> {
        self.with(key, |shard| match shard.clients.entry(key) {
            Entry::Occupied(entry) if matches!(entry.get(), Client::Trying(_)) => {
                metrics.client_transactions.dec();
                match entry.remove() {
                    Client::Trying(trying) => Some(*trying),
                    Client::Completed => None,
                }
            }
            _ => None,
        })
        .flatten()
    }

    /// Lets a request go on over UDP that went over TCP only for its size. Gives what to send and where; none
    /// if it cannot. `listener` finds the UDP listener for an address.
    pub(crate) fn fall_back(
        &self,
        key: Key,
        listener: impl FnOnce(SocketAddr) -> Option<usize>,
        now: u64,
    ) -> Option<(Bytes, Target)> {
        self.with(key, |shard| {
            let Some(Client::Trying(trying)) = shard.clients.get_mut(&key) else { return None };
            let Retry::Udp(bytes) = &trying.retry else { return None };
            let address = trying.target.address;
            trying.bytes = bytes.clone();
            trying.target = Target { transport: Transport::Udp, address, listener: listener(address)? };
            trying.retry = Retry::No;
            if std::mem::take(&mut trying.lapsed)
                && let Some(queue) = shard.retransmit.first_mut()
            {
                queue.set(now, key);
            }
            Some((trying.bytes.clone(), trying.target))
        })
        .flatten()
    }

    /// Takes all requests out that have no final response, and gives their tokens.
    pub(crate) fn clear(&self, metrics: &Metrics) -> Vec<u64> {
        let mut tokens = Vec::new();
        for shard in &self.shards {
            for (_, client) in shard.lock().clients.drain() {
                metrics.client_transactions.dec();
                if let Client::Trying(trying) = client {
                    tokens.push(trying.token);
                }
            }
        }
        tokens
    }

    /// Lets time pass.
    pub(crate) fn tick(&self, now: u64, metrics: &Metrics) -> Vec<Due> {
        let mut all = Vec::new();
        for shard in &self.shards {
            let mut shard = shard.lock();
            let shard = &mut *shard;
            while let Some((_, key)) = shard.patience.due(now) {
                if matches!(shard.clients.get(&key), Some(Client::Trying(_)))
                    && let Some(Client::Trying(trying)) = shard.clients.remove(&key)
                {
                    metrics.client_transactions.dec();
                    all.push(Due::Timeout(trying.token));
                }
            }
            let last = shard.retransmit.len().saturating_sub(1);
            for step in 0..shard.retransmit.len() {
                while let Some((due, key)) = shard.retransmit.get_mut(step).and_then(|queue| queue.due(now)) {
                    let Some(Client::Trying(trying)) = shard.clients.get_mut(&key) else { continue };
                    if step == 0 {
                        shard.patience.set(due.saturating_sub(self.first), key);
                    }
                    if trying.target.transport.is_reliable() {
                        trying.lapsed = true;
                        continue;
                    }
                    all.push(Due::Retransmit(trying.bytes.clone(), trying.target));
                    let next = if trying.proceeding { last } else { (step + 1).min(last) };
                    if let Some(queue) = shard.retransmit.get_mut(next) {
                        queue.set(now, key);
                    }
                }
            }
            while let Some((_, key)) = shard.linger.due(now) {
                if matches!(shard.clients.get(&key), Some(Client::Completed)) {
                    shard.clients.remove(&key);
                    metrics.client_transactions.dec();
                }
            }
            if shard.clients.capacity() > 4096 && shard.clients.len() < shard.clients.capacity() / 8 {
                shard.clients.shrink_to(shard.clients.len() * 2);
            }
        }
        all
    }
}
