//! What is sent: next hop, transport, client transaction.

use std::net::SocketAddr;

use bytes::Bytes;

use crate::config::Transport;
use crate::core::{Failure, Request};
use crate::node::Node;
use crate::transaction::{Key, Retry, Trying};
use crate::transport::{Hop, Job, NextHop, Resolved, Target, route};
use crate::uas::is_header_block;
use crate::wire::{RequestParts, request_bytes};

/// How long a refusal of TCP is remembered, in milliseconds.
const REFUSED: u64 = 300_000;

/// A datagram and the transaction that it belongs to.
type Datagram = (usize, Key, Bytes, SocketAddr);

impl Node {
    /// Sends requests in order. Datagrams leave together.
    pub(crate) fn send_all(&self, requests: Vec<(u64, Request)>) {
        let mut datagrams = Vec::new();
        for (token, request) in requests {
            if let Err(failure) = self.start(token, request, &mut datagrams) {
                self.fail(token, failure);
            }
        }
        self.flush(datagrams);
    }

    fn start(&self, token: u64, mut request: Request, datagrams: &mut Vec<Datagram>) -> Result<(), Failure> {
        if self.stop.load(std::sync::atomic::Ordering::Acquire) {
            return Err(Failure::Stopped);
        }
        check(&request)?;
        let hop = route(&mut request)?;
        let hops = match hop {
            NextHop::Address(transport, ip, port) => {
                vec![Hop { transport, address: SocketAddr::new(ip, port) }]
            }
            NextHop::Name { .. } => match self.resolver.known(&hop, self.now()) {
                Some(Resolved::Hops(hops)) => hops,
                Some(Resolved::Failed(why)) => return Err(Failure::Unresolved(why)),
                None => {
                    self.look_up(hop, token, request);
                    return Ok(());
                }
            },
        };
        self.dispatch(token, request, hops, datagrams)
    }

    /// Asks the resolver once for all requests that want the same name.
    fn look_up(&self, hop: NextHop, token: u64, request: Request) {
        let mut unresolved = self.unresolved.lock();
        if let Some(waiting) = unresolved.get_mut(&hop) {
            waiting.push((token, request));
            return;
        }
        unresolved.insert(hop.clone(), vec![(token, request)]);
        drop(unresolved);
        let node = self.me.clone();
        self.runtime.spawn(async move {
            let Some(node) = node.upgrade() else { return };
            let resolved = node.resolver.ask(&hop).await;
            node.resolver.learn(hop.clone(), resolved.clone(), node.now());
            let waiting = node.unresolved.lock().remove(&hop).unwrap_or_default();
            let mut datagrams = Vec::new();
            for (token, request) in waiting {
                let started = match &resolved {
                    Resolved::Hops(hops) => node.dispatch(token, request, hops.clone(), &mut datagrams),
                    Resolved::Failed(why) => Err(Failure::Unresolved(why.clone())),
                };
                if let Err(failure) = started {
                    node.fail(token, failure);
                }
            }
            node.flush(datagrams);
        });
    }

    /// Starts the client transaction with the first address that may be used.
    fn dispatch(
        &self,
        token: u64,
        request: Request,
        mut hops: Vec<Hop>,
        datagrams: &mut Vec<Datagram>,
    ) -> Result<(), Failure> {
        let now = self.now();
        let pause = hops.iter().filter_map(|hop| self.paused.left(hop.address, now)).min();
        hops.retain(|hop| self.paused.left(hop.address, now).is_none());
        if hops.is_empty() {
            return Err(Failure::Paused(pause.unwrap_or_default()));
        }
        let hop = hops.remove(0);
        let listener = self.udp_listener(hop.address);
        let transport = match (hop.transport, listener) {
            (Some(transport), _) => transport,
            (None, Some(_)) => Transport::Udp,
            (None, None) => Transport::Tcp,
        };
        let listener = match (transport, listener) {
            (Transport::Udp, None) => {
                return Err(Failure::Unreachable(format!("no UDP listener reaches {}", hop.address)));
            }
            (_, listener) => listener.unwrap_or_default(),
        };
        let branch = self.keys.branch();
        let contact = request
            .contact
            .as_ref()
            .and_then(|user| self.advertised(transport, listener).map(|advertised| advertised.contact(user)));
        let build = |transport: Transport| {
            let sent_by = self.advertised(transport, listener).map(|advertised| advertised.sent_by.as_str());
            let parts = RequestParts {
                transport: transport.via_name(),
                sent_by: sent_by.unwrap_or("localhost"),
                branch: &branch,
                contact: contact.as_deref(),
            };
            request_bytes(&request, &parts)
        };
        let mut bytes = build(transport);
        let mut target = Target { transport, address: hop.address, listener };
        let mut retry = Retry::No;
        // Too large for UDP (RFC 3261 18.1.1), unless the peer refused TCP before.
        let too_large = transport == Transport::Udp && bytes.len() > self.config.udp_limit;
        if too_large && self.refused.left(hop.address, now).is_none() {
            target.transport = Transport::Tcp;
            retry = Retry::Udp(std::mem::replace(&mut bytes, build(Transport::Tcp)));
        }
        let key = self.keys.client(branch.as_bytes(), request.method.as_bytes());
        self.metrics.requests_sent.inc(request.method.as_bytes());
        if !hops.is_empty() && matches!(retry, Retry::No) {
            retry = Retry::Others(Box::new((request, hops)));
        }
        let trying = Trying { token, bytes: bytes.clone(), target, retry, proceeding: false, lapsed: false };
        self.clients.begin(key, trying, now, &self.metrics);
        match target.transport {
            Transport::Udp => datagrams.push((listener, key, bytes, target.address)),
            Transport::Tcp => self.tcp.send(None, target.address, Job { bytes, key: Some(key) }),
        }
        Ok(())
    }

    /// The UDP listener that reaches an address.
    fn udp_listener(&self, address: SocketAddr) -> Option<usize> {
        self.listeners.udp.iter().position(|(_, advertised)| advertised.reaches(address))
    }

    /// Sends datagrams, in order for each listener.
    fn flush(&self, datagrams: Vec<Datagram>) {
        let mut failed = Vec::new();
        for (index, (udp, _)) in self.listeners.udp.iter().enumerate() {
            let mine = datagrams.iter().filter(|(listener, ..)| *listener == index);
            let batch: Vec<(Bytes, SocketAddr)> =
                mine.clone().map(|(_, _, bytes, to)| (bytes.clone(), *to)).collect();
            if batch.is_empty() {
                continue;
            }
            let keys: Vec<Key> = mine.map(|(_, key, ..)| *key).collect();
            let (waits, lost) = udp.send_all(&batch, |at, errno| {
                failed.extend(keys.get(at).map(|key| (*key, errno.to_string())));
            });
            self.metrics.send_waits.add(waits);
            // Lost ones are sent again by Timer E.
            self.metrics.send_errors.add(lost);
        }
        for (key, error) in failed {
            self.transport_failed(key, error);
        }
    }

    /// A request could not be sent: falls back to UDP, to the next address, or reports it.
    pub(crate) fn transport_failed(&self, key: Key, error: String) {
        self.metrics.send_errors.inc();
        let now = self.now();
        if let Some((bytes, target)) = self.clients.fall_back(key, |address| self.udp_listener(address), now)
        {
            self.refused.set(target.address, now + REFUSED, now);
            self.flush(vec![(target.listener, key, bytes, target.address)]);
            return;
        }
        let Some(trying) = self.clients.fail(key, &self.metrics) else { return };
        match trying.retry {
            Retry::Others(others) => {
                let (request, hops) = *others;
                let mut datagrams = Vec::new();
                if let Err(failure) = self.dispatch(trying.token, request, hops, &mut datagrams) {
                    self.fail(trying.token, failure);
                }
                self.flush(datagrams);
            }
            Retry::No | Retry::Udp(_) => self.fail(trying.token, Failure::Unreachable(error)),
        }
    }
}

/// What would break the message apart if it were written.
fn check(request: &Request) -> Result<(), Failure> {
    let clean = |text: &str| !text.is_empty() && text.bytes().all(|c| c > b' ' && c != 0x7f);
    if !clean(&request.method) {
        return Err(Failure::Malformed("method"));
    }
    if !clean(&request.uri) {
        return Err(Failure::Malformed("Request-URI"));
    }
    if !is_header_block(&request.headers) {
        return Err(Failure::Malformed("header lines"));
    }
    Ok(())
}
