//! What arrives: the checks of a UAS (RFC 3261 8.2), server transactions, and responses to our requests.

use std::net::SocketAddr;

use crate::config::Transport;
use crate::core::{Incoming, Outcome, Peer, Response};
use crate::node::Node;
use crate::transaction::{Begin, Key, Pending, Reply, ServerTransaction};
use crate::transport::{ConnectionId, Route, Sink, has_single_via};
use crate::wire::{
    Head, Kind, Message, NameAddr, ParseError, Refusal, Start, Via, decimal, is_token, values,
};

/// Methods whose transactions a CANCEL may be about (RFC 3261 9.2).
const CANCELLABLE: [&str; 12] = [
    "SUBSCRIBE",
    "PUBLISH",
    "NOTIFY",
    "INVITE",
    "OPTIONS",
    "MESSAGE",
    "REGISTER",
    "INFO",
    "BYE",
    "REFER",
    "UPDATE",
    "PRACK",
];
/// The longest pause that a peer can ask for, in seconds.
const LONGEST_PAUSE: u64 = 86_400;

/// How a message came.
#[derive(Debug, Clone, Copy)]
enum Way {
    Udp(usize),
    Tcp(ConnectionId),
}

impl Way {
    fn transport(self) -> Transport {
        match self {
            Way::Udp(_) => Transport::Udp,
            Way::Tcp(_) => Transport::Tcp,
        }
    }

    fn back(self, via: &Via, bytes: &[u8], source: SocketAddr) -> Route {
        match self {
            Way::Udp(listener) => Route::over_udp(listener, via, bytes, source),
            Way::Tcp(connection) => Route::over_tcp(connection, Some(via), source),
        }
    }
}

impl Node {
    /// A datagram arrived.
    pub(crate) fn datagram(&self, bytes: &[u8], source: SocketAddr, listener: usize) {
        let read = if bytes.len() > self.config.max_message {
            Err(Message::refuse(bytes, 513, "Message Too Large"))
        } else if bytes.iter().all(|&c| c == b'\r' || c == b'\n' || c == 0) {
            // Kept the NAT binding open, wants nothing.
            return;
        } else {
            Message::parse(bytes)
        };
        self.take(read, Way::Udp(listener), source);
    }

    fn take(&self, read: Result<Message, ParseError>, way: Way, source: SocketAddr) {
        match read {
            Ok(message) => {
                let peer = self.peer(way.transport(), source);
                match message.start {
                    Start::Request { .. } => self.request(message, way, peer),
                    Start::Response { status, .. } => self.response(message, status, peer),
                }
            }
            Err(ParseError::Drop(why)) => {
                self.metrics.parse_errors.inc();
                self.metrics.dropped.inc();
                tracing::debug!(%source, why, "message dropped");
            }
            Err(ParseError::Answer(refusal)) => {
                self.metrics.parse_errors.inc();
                self.refuse(&refusal, way, source);
            }
        }
    }

    /// Answers a broken request without a transaction (RFC 3261 8.2.7).
    fn refuse(&self, refusal: &Refusal, way: Way, source: SocketAddr) {
        tracing::debug!(%source, status = refusal.status, why = refusal.reason, "request refused");
        let via = refusal.headers.iter().find(|field| field.kind == Kind::Via);
        let via = via.and_then(|field| {
            Via::parse_at(field.value.of(&refusal.bytes), 0, field.value.start as usize).map(|(via, _)| via)
        });
        let route = match (way, &via) {
            (_, Some(via)) => way.back(via, &refusal.bytes, source),
            (Way::Udp(listener), None) => Route::Udp { listener, to: source },
            (Way::Tcp(connection), None) => Route::over_tcp(connection, None, source),
        };
        let head = Head::of_refusal(refusal, via.as_ref(), source);
        let tag = self.keys.tag(self.keys.client(&refusal.bytes, b""));
        let bytes = head.response(&Response::new(refusal.status, refusal.reason), Some(&tag), None);
        self.metrics.responses_sent.inc(refusal.status);
        self.send_back(bytes, route);
    }

    /// Answers a sound request without a transaction.
    fn answer_stateless(&self, head: &Head, route: Route, key: Key, response: &Response) {
        let bytes = head.response(response, Some(&self.keys.tag(key)), None);
        self.metrics.responses_sent.inc(response.status);
        self.send_back(bytes, route);
    }

    fn request(&self, mut message: Message, way: Way, peer: Peer) {
        let method = message.method().unwrap_or_default();
        if method == b"ACK" {
            // Only ever for a refused INVITE; its transaction needs no more.
            self.metrics.requests_received.inc(method);
            self.metrics.dropped.inc();
            return;
        }
        let key = self.keys.server(&message);
        if let Some(again) = self.servers.again(key) {
            self.retransmission(again);
            return;
        }
        let route = way.back(&message.essentials.via, &message.bytes, peer.address);
        let head = Head::of(&message, peer.address);
        if method == b"CANCEL" {
            self.metrics.requests_received.inc(method);
            self.cancel(&message, &head, route, key);
            return;
        }
        let overload = &self.config.overload;
        let pending = self.metrics.server_pending.get();
        if pending >= overload.pending as u64
            || self.metrics.server_transactions.get() >= overload.transactions as u64
        {
            self.metrics.overloads.inc();
            let headers = format!("Retry-After: {}\r\n", overload.retry_after).into();
            let busy = Response { headers, ..Response::new(503, "Service Unavailable") };
            self.answer_stateless(&head, route, key, &busy);
            return;
        }
        let merged = self.keys.merged(&message);
        match self.servers.begin(key, merged, Pending { head, route }, self.now(), &self.metrics) {
            Begin::Again(again) => self.retransmission(again),
            Begin::Merged(transaction) => {
                self.metrics.requests_received.inc(method);
                self.respond(&transaction, Response::new(482, "Loop Detected"));
            }
            Begin::New(transaction) => {
                self.metrics.requests_received.inc(method);
                check_asserted_identity(&mut message, peer.trusted);
                if let Some(core) = self.core() {
                    core.request(Incoming { message, peer }, transaction);
                }
            }
        }
    }

    fn retransmission(&self, again: Option<(bytes::Bytes, Route)>) {
        self.metrics.retransmissions_received.inc();
        if let Some((bytes, route)) = again {
            self.send_back(bytes, route);
        }
    }

    /// A CANCEL changes nothing: every other request than INVITE is answered at once (RFC 3261 9.2).
    fn cancel(&self, message: &Message, head: &Head, route: Route, key: Key) {
        let found = CANCELLABLE
            .iter()
            .map(|method| self.keys.server_of(message, method.as_bytes()))
            .find(|&key| self.servers.contains(key));
        match found {
            Some(key) => self.answer_stateless(head, route, key, &Response::new(200, "OK")),
            None => {
                let none = Response::new(481, "Call/Transaction Does Not Exist");
                self.answer_stateless(head, route, key, &none);
            }
        }
    }

    /// The core answers.
    pub(crate) fn respond(&self, transaction: &ServerTransaction, mut response: Response) {
        if !(200..700).contains(&response.status) {
            // RFC 4320 4.1 leaves 100 alone, and that is the stack's own.
            tracing::error!(status = response.status, "no final status: 500 is sent");
            response = Response::new(500, "Server Internal Error");
        }
        if !is_header_block(&response.headers) {
            tracing::error!(status = response.status, "malformed header lines: 500 is sent");
            response = Response::new(500, "Server Internal Error");
        }
        let pending = &transaction.pending;
        let listener = match pending.route {
            Route::Udp { listener, .. } => listener,
            Route::Tcp { .. } => 0,
        };
        let contact = response.contact.as_ref().and_then(|user| {
            self.advertised(pending.route.transport(), listener).map(|advertised| advertised.contact(user))
        });
        let tag = match &response.to_tag {
            Some(tag) if is_token(tag.as_bytes()) => tag.clone(),
            _ => self.keys.tag(transaction.key),
        };
        let bytes = pending.head.response(&response, Some(&tag), contact.as_deref());
        let now = self.now();
        if self.servers.answer(transaction.key, bytes.clone(), pending.route, now, &self.metrics) {
            self.metrics.responses_sent.inc(response.status);
            self.send_back(bytes, pending.route);
        }
    }

    fn response(&self, mut message: Message, status: u16, peer: Peer) {
        let essentials = &message.essentials;
        let get = |span: crate::wire::Span| span.of(&message.bytes);
        let key = essentials
            .via
            .branch
            .filter(|_| has_single_via(&message))
            .map(|branch| self.keys.client(get(branch), get(essentials.cseq_method)));
        let now = self.now();
        let reply = key.map_or(Reply::Stray, |key| self.clients.response(key, status, now, &self.metrics));
        match reply {
            Reply::Final(token, sent_to) => {
                self.metrics.responses_received.inc(status);
                if let Some(seconds) = retry_after(&message).filter(|_| status == 503) {
                    self.paused.set(sent_to, now + seconds * 1000, now);
                }
                check_asserted_identity(&mut message, peer.trusted);
                if let Some(core) = self.core() {
                    core.outcome(token, Outcome::Response { message, peer });
                }
            }
            Reply::Provisional => self.metrics.responses_received.inc(status),
            Reply::Again | Reply::Stray => self.metrics.dropped.inc(),
        }
    }
}

impl Sink for Node {
    fn message(&self, bytes: Vec<u8>, connection: ConnectionId, peer: SocketAddr) {
        self.take(Message::parse(bytes), Way::Tcp(connection), peer);
    }

    fn broken(
        &self,
        head: Vec<u8>,
        status: u16,
        reason: &'static str,
        connection: ConnectionId,
        peer: SocketAddr,
    ) {
        self.take(Err(Message::refuse(head, status, reason)), Way::Tcp(connection), peer);
    }

    fn unsent(&self, key: Key, error: String) {
        self.transport_failed(key, error);
    }
}

/// Seconds of Retry-After; comment and parameters are left out.
fn retry_after(message: &Message) -> Option<u64> {
    let value = message.value(Kind::RetryAfter)?;
    let digits = value.iter().take_while(|c| c.is_ascii_digit()).count();
    Some(decimal(value.get(..digits)?, u64::MAX)?.min(LONGEST_PAUSE))
}

/// Takes P-Asserted-Identity out unless the peer is trusted and the values are what RFC 3325 9.1 allows: one
/// `sip`, `sips` or `tel` URI, or two of which one is a `tel` URI.
fn check_asserted_identity(message: &mut Message, trusted: bool) {
    if !message.headers.iter().any(|field| field.kind == Kind::AssertedIdentity) {
        return;
    }
    let (mut sip, mut tel, mut other) = (0, 0, 0);
    for value in message.values(Kind::AssertedIdentity).flat_map(values) {
        let address = NameAddr::parse(value);
        let uri = address.and_then(|a| value.get(a.uri.0..a.uri.1)).unwrap_or_default();
        let scheme = uri.split(|&c| c == b':').next().unwrap_or_default();
        match scheme.to_ascii_lowercase().as_slice() {
            b"sip" | b"sips" => sip += 1,
            b"tel" => tel += 1,
            _ => other += 1,
        }
    }
    if !trusted || sip > 1 || tel > 1 || other > 0 {
        message.headers.retain(|field| field.kind != Kind::AssertedIdentity);
    }
}

/// True for complete header lines: each ended by CRLF, and no empty one, which would end the head.
pub(crate) fn is_header_block(headers: &[u8]) -> bool {
    headers.is_empty()
        || (headers.ends_with(b"\r\n")
            && !headers.starts_with(b"\r\n")
            && memchr::memmem::find(headers, b"\r\n\r\n").is_none())
}
