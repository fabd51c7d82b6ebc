//! The transaction user: what a stack calls, and what it is given.

use std::net::SocketAddr;

use bytes::Bytes;

use crate::config::Transport;
use crate::transaction::ServerTransaction;
use crate::wire::Message;

/// The transaction user (RFC 3261 5). It is called on the thread that read the message, so it must not block.
pub trait Core: Send + Sync + 'static {
    /// A request arrived. It is well formed, no retransmission and was not merged; ACK and CANCEL do not come
    /// here. Answer with [`crate::Stack::respond`], now or later. A transaction that is dropped is never
    /// answered (RFC 4320 4.2: there is no 408).
    fn request(&self, request: Incoming, transaction: ServerTransaction);

    /// What became of a request that was sent with this token. Called once for each.
    fn outcome(&self, token: u64, outcome: Outcome);
}

/// Where a message came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// The transport that carried it.
    pub transport: Transport,
    /// Source address and port.
    pub address: SocketAddr,
    /// True if the address is in the trust domain (RFC 3325).
    pub trusted: bool,
}

/// A request from a peer. P-Asserted-Identity is in its headers only if the peer is trusted and the field
/// holds what RFC 3325 9.1 allows.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// The request.
    pub message: Message,
    /// Its sender.
    pub peer: Peer,
}

/// What became of a request.
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant, reason = "it is handed over once, and nearly always is a response")]
pub enum Outcome {
    /// The final response, 200 to 699.
    Response {
        /// The response.
        message: Message,
        /// Its sender.
        peer: Peer,
    },
    /// There will be none.
    Failed(Failure),
}

/// Why a request has no final response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Timer F fired (RFC 3261 17.1.2.2).
    #[error("no final response in time")]
    Timeout,
    /// No address was found for the next hop (RFC 3263).
    #[error("next hop cannot be resolved: {0}")]
    Unresolved(String),
    /// The transport failed at every address of the next hop.
    #[error("next hop cannot be reached: {0}")]
    Unreachable(String),
    /// The next hop asked for a pause with 503 and Retry-After (RFC 3261 21.5.4), and it is not over.
    #[error("next hop asked for a pause of {0} more ms")]
    Paused(u64),
    /// The request cannot be written: white space in method or URI, a header block without its line ends, a
    /// Route that cannot be read.
    #[error("request is malformed: {0}")]
    Malformed(&'static str),
    /// The stack was stopped.
    #[error("the stack was stopped")]
    Stopped,
}

/// A request to send, in the form for loose routing. The stack adds Via, Max-Forwards and Content-Length.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The Request-URI.
    pub uri: String,
    /// Complete header lines, each ended by CRLF and none folded: To, From, Call-ID, CSeq, Route and whatever
    /// else. The next hop is the topmost Route, else the Request-URI. If the topmost Route has no `lr`
    /// parameter, the stack gives the request the form for a strict router (RFC 3261 12.2.1.1).
    pub headers: Bytes,
    /// The body.
    pub body: Bytes,
    /// Add a Contact that leads back here, with this user part (empty for none).
    pub contact: Option<String>,
}

/// A final response to send. The stack copies Via, From, To, Call-ID and CSeq and adds Content-Length.
#[derive(Debug, Clone, Default)]
pub struct Response {
    /// 200 to 699.
    pub status: u16,
    /// The reason phrase.
    pub reason: String,
    /// Complete header lines, each ended by CRLF.
    pub headers: Bytes,
    /// The body.
    pub body: Bytes,
    /// To tag if the request had none; made up by the stack if none is given.
    pub to_tag: Option<String>,
    /// Add a Contact that leads back here, with this user part (empty for none).
    pub contact: Option<String>,
}

impl Response {
    /// A response without headers and body.
    pub fn new(status: u16, reason: impl Into<String>) -> Self {
        Response { status, reason: reason.into(), ..Response::default() }
    }
}
