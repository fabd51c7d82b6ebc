//! A SIP user agent for tests: publishes, subscribes, and sends anything else one wants to try.

use crate::LIMIT;
use crate::endpoint::{Arrived, Endpoint, Transport};
use crate::message::Message;
use crate::rng::unique;
use crate::server::{Server, user};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// Content type of presence documents.
pub const PIDF: &str = "application/pidf+xml";

/// A user agent with one identity.
pub struct Phone {
    pub(crate) endpoint: Arc<Endpoint>,
    identity: String,
    server: SocketAddr,
    transport: Transport,
}

impl Phone {
    /// A phone that talks UDP, and accepts TCP connections on the same port.
    #[must_use]
    pub fn udp(server: &Server, identity: &str) -> Self {
        Self::at(server.udp(), server.tcp(), Transport::Udp, identity, true)
    }

    /// Somebody whom no other test uses, with a phone, and the phone of another such one, who may watch: alice's
    /// identity, alice's phone and bob's, both as of [`Phone::udp`].
    #[must_use]
    pub fn pair(server: &Server) -> (String, Self, Self) {
        let alice = user("alice");
        let (phone, watcher) = (Self::udp(server, &alice), Self::udp(server, &user("bob")));
        (alice, phone, watcher)
    }

    /// A phone that talks UDP and refuses TCP connections.
    #[must_use]
    pub fn udp_only(server: &Server, identity: &str) -> Self {
        Self::at(server.udp(), server.tcp(), Transport::Udp, identity, false)
    }

    /// A phone that talks TCP.
    #[must_use]
    pub fn tcp(server: &Server, identity: &str) -> Self {
        Self::at(server.tcp(), server.tcp(), Transport::Tcp, identity, true)
    }

    /// A phone for the server at these addresses. `identity` is a URI such as
    /// `sip:alice@example.com`.
    #[must_use]
    pub fn at(
        server: SocketAddr,
        tcp: SocketAddr,
        transport: Transport,
        identity: &str,
        listen: bool,
    ) -> Self {
        let endpoint = Arc::new(Endpoint::open(Ipv4Addr::LOCALHOST.into(), tcp, listen));
        Self { endpoint, identity: identity.to_owned(), server, transport }
    }

    /// Sockets on an address of this machine for somebody who waits for others; see [`Phone::toward`].
    #[must_use]
    pub fn of_nobody(ip: IpAddr) -> Self {
        let nowhere = SocketAddr::new(ip, 9);
        let endpoint = Arc::new(Endpoint::open(ip, nowhere, true));
        let identity = "sip:nobody@source.example".to_owned();
        Self { endpoint, identity, server: nowhere, transport: Transport::Udp }
    }

    /// A phone that talks UDP from another address of this machine.
    #[must_use]
    pub fn from(server: &Server, ip: IpAddr, identity: &str) -> Self {
        let endpoint = Arc::new(Endpoint::open(ip, server.tcp(), false));
        Self { endpoint, identity: identity.to_owned(), server: server.udp(), transport: Transport::Udp }
    }

    /// A phone with another identity on the same sockets.
    #[must_use]
    pub fn also(&self, identity: &str) -> Self {
        Self { endpoint: Arc::clone(&self.endpoint), identity: identity.to_owned(), ..*self }
    }

    /// The same phone, on the same sockets, for a server at another address.
    #[must_use]
    pub fn toward(&self, server: SocketAddr, transport: Transport) -> Self {
        Self { endpoint: Arc::clone(&self.endpoint), identity: self.identity.clone(), server, transport }
    }

    /// The URI that this phone asserts as its user's.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// The phone's own address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.endpoint.address()
    }

    /// The sockets below.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// How the phone reaches the server.
    #[must_use]
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// A Via value of this phone with a new branch.
    #[must_use]
    pub fn via(&self) -> String {
        let name = match self.transport {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
        };
        format!("SIP/2.0/{name} {};branch={}", self.address(), unique("z9hG4bK"))
    }

    /// A Contact value that leads to this phone.
    #[must_use]
    pub fn contact(&self) -> String {
        let parameter = match self.transport {
            Transport::Udp => "",
            Transport::Tcp => ";transport=tcp",
        };
        format!("<sip:phone@{}{parameter}>", self.address())
    }

    /// A request outside of a dialog with everything that RFC 3261 8.1.1 asks for, and the
    /// phone's identity in From and P-Asserted-Identity.
    #[must_use]
    pub fn request(&self, method: &str, to: &str) -> Message {
        Message::request(method, to)
            .with("Via", self.via())
            .with("Max-Forwards", "70")
            .with("From", format!("<{}>;tag={}", self.identity, unique("f")))
            .with("To", format!("<{to}>"))
            .with("Call-ID", unique("call"))
            .with("CSeq", format!("1 {method}"))
            .with("P-Asserted-Identity", format!("<{}>", self.identity))
    }

    /// An initial PUBLISH of this phone's own state.
    #[must_use]
    pub fn publish_request(&self, document: &str) -> Message {
        self.publish_for(&self.identity).body(PIDF, document)
    }

    /// A PUBLISH without body, Expires and tag, to any presentity.
    #[must_use]
    pub fn publish_for(&self, presentity: &str) -> Message {
        self.request("PUBLISH", presentity).with("Event", "presence")
    }

    /// An initial SUBSCRIBE to a presentity, for an hour.
    #[must_use]
    pub fn subscribe_request(&self, presentity: &str) -> Message {
        self.request("SUBSCRIBE", presentity)
            .with("Contact", self.contact())
            .with("Event", "presence")
            .with("Expires", "3600")
            .with("Accept", PIDF)
    }

    /// Sends a request and gives its final response.
    #[track_caller]
    #[must_use]
    pub fn send(&self, request: &Message) -> Message {
        self.begin(request).wait()
    }

    /// Sends a request and gives the handle of its transaction.
    #[must_use]
    pub fn begin(&self, request: &Message) -> Transaction {
        let bytes = request.encode();
        let responses = self.endpoint.wait_for(&request.branch(), request.method());
        self.send_raw(&bytes);
        Transaction {
            endpoint: Arc::clone(&self.endpoint),
            responses,
            bytes,
            transport: self.transport,
            server: self.server,
        }
    }

    /// Sends bytes, whatever they are.
    pub fn send_raw(&self, bytes: &[u8]) {
        self.endpoint.send(bytes, self.transport, self.server);
    }

    /// Publishes a document for an hour and expects it to be taken.
    #[track_caller]
    #[must_use]
    pub fn publish(&self, document: &str) -> Publication<'_> {
        let response = self.send(&self.publish_request(document).with("Expires", "3600")).expect(200);
        Publication { phone: self, presentity: self.identity.clone(), etag: response.etag() }
    }

    /// Sees to it that everything sent before has been handled: an OPTIONS that is answered
    /// after what came before it on the same socket.
    #[track_caller]
    pub fn round_trip(&self) {
        let target = format!("sip:{}", self.server);
        let response = self.send(&self.request("OPTIONS", &target));
        assert!(response.status() >= 200, "{response}");
    }
}

/// A client transaction (RFC 3261 17.1.2).
pub struct Transaction {
    endpoint: Arc<Endpoint>,
    responses: Receiver<Arrived>,
    bytes: Vec<u8>,
    transport: Transport,
    server: SocketAddr,
}

impl Transaction {
    /// The final response; fails the test if none comes.
    #[track_caller]
    #[must_use]
    pub fn wait(&self) -> Message {
        match self.try_wait(LIMIT) {
            Some(message) => message,
            None => {
                panic!("no final response within {LIMIT:?} to:\n{}", String::from_utf8_lossy(&self.bytes))
            }
        }
    }

    /// The final response, unless none comes within the limit. Retransmits over UDP by Timer E
    /// (T1 = 500 ms).
    #[track_caller]
    #[must_use]
    pub fn try_wait(&self, limit: Duration) -> Option<Message> {
        let end = Instant::now() + limit;
        let mut interval = Duration::from_millis(500);
        let mut resend = Instant::now() + interval;
        loop {
            let now = Instant::now();
            if now >= end {
                return None;
            }
            if now >= resend && self.transport == Transport::Udp {
                self.retransmit();
                interval = (interval * 2).min(Duration::from_secs(4));
                resend = now + interval;
            }
            let next = if self.transport == Transport::Udp { resend.min(end) } else { end };
            match self.responses.recv_timeout(next.saturating_duration_since(now)) {
                Ok(arrived) if arrived.message.status() >= 200 => {
                    self.endpoint.assert_clean();
                    return Some(arrived.message);
                }
                Ok(_) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    /// Sends the same bytes again.
    pub fn retransmit(&self) {
        self.endpoint.send(&self.bytes, self.transport, self.server);
    }

    /// The next response, final or not, if one comes within the limit; nothing is retransmitted.
    #[must_use]
    pub fn next(&self, limit: Duration) -> Option<Arrived> {
        self.responses.recv_timeout(limit).ok()
    }
}

/// A publication and its current entity-tag.
pub struct Publication<'a> {
    phone: &'a Phone,
    presentity: String,
    /// The tag of the last success.
    pub etag: String,
}

impl Publication<'_> {
    /// A PUBLISH with the current tag, for an hour, without body.
    #[must_use]
    pub fn request(&self) -> Message {
        self.phone
            .publish_for(&self.presentity)
            .with("SIP-If-Match", self.etag.as_str())
            .with("Expires", "3600")
    }

    /// Replaces the state (RFC 3903 4.4).
    #[track_caller]
    pub fn modify(&mut self, document: &str) {
        self.send(&self.request().body(PIDF, document));
    }

    /// Prolongs the state (RFC 3903 4.3).
    #[track_caller]
    pub fn refresh(&mut self) {
        self.send(&self.request());
    }

    /// Removes the state (RFC 3903 4.5).
    #[track_caller]
    pub fn remove(&mut self) {
        self.send(&self.request().with("Expires", "0"));
    }

    #[track_caller]
    fn send(&mut self, request: &Message) {
        let response = self.phone.send(request).expect(200);
        let etag = response.etag();
        assert_ne!(etag, self.etag, "each success gives a new tag (RFC 3903 6 step 6)");
        self.etag = etag;
    }
}
