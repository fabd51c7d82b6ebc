//! What goes in and out of the engine, in owned form: SIP requests and outcomes in,
//! answers and requests to send out. The SIP stack itself is the embedder's.

use crate::bindings::exports::rollcall::plugin::handler as wit;
use crate::bindings::rollcall::plugin::sip as wit_sip;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

pub use crate::bindings::rollcall::plugin::types::{Header, Span, Transport};

/// Where a message came from.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// How it came.
    pub transport: Transport,
    /// From where.
    pub address: SocketAddr,
    /// Whether the peer is in the trust domain (RFC 3325).
    pub trusted: bool,
}

/// A SIP request for the plugin. The embedder has parsed it, absorbed retransmissions and
/// removed P-Asserted-Identity of untrusted peers from `headers`.
#[derive(Clone, Debug)]
pub struct Request {
    /// The whole message; all spans point into it.
    pub message: Bytes,
    /// The method.
    pub method: Span,
    /// The Request-URI.
    pub uri: Span,
    /// All header fields in order.
    pub headers: Vec<Header>,
    /// The body.
    pub body: Span,
    /// Where it came from.
    pub peer: Peer,
}

/// The final response to a request that the plugin sent.
#[derive(Clone, Debug)]
pub struct Response {
    /// The whole message; all spans point into it.
    pub message: Bytes,
    /// 200 to 699.
    pub status: u16,
    /// All header fields in order.
    pub headers: Vec<Header>,
    /// The body.
    pub body: Span,
    /// Where it came from.
    pub peer: Peer,
}

/// What became of a request that the plugin sent.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Its final response.
    Response(Response),
    /// There is none.
    Failed(Failure),
}

/// Why a request has no final response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Timer F fired (RFC 3261 17.1.2.2).
    Timeout,
    /// It could not be sent; why, for the log.
    Unreachable(String),
    /// Its next hop has asked for a pause (RFC 3261 21.5.4) of so many more milliseconds.
    Paused(u64),
}

/// What the plugin answers to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// 200 to 699.
    pub status: u16,
    /// Reason phrase.
    pub reason: String,
    /// Complete header lines, each ended by CRLF, without Via, From, To, Call-ID, CSeq, Content-Length.
    pub headers: Vec<u8>,
    /// The body.
    pub body: Vec<u8>,
    /// Tag to add to To if it has none.
    pub to_tag: Option<String>,
    /// Add a Contact that leads back here, with this user part (may be empty).
    pub contact: Option<String>,
}

/// What the embedder has to do with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Answer it so.
    Reply(Reply),
    /// It is not for the plugin: go on as if there were none.
    Pass,
    /// The step failed and left nothing behind: answer 500 with Retry-After.
    Failed,
    /// Too much work waits, or the store is down: answer 503 with Retry-After.
    Busy,
}

/// A request that the plugin wants sent. The embedder adds Via, Max-Forwards and Content-Length, and sends
/// it to the topmost Route, else to the Request-URI. Where the topmost Route has no `lr` parameter, it gives
/// the request the form for a strict router first (RFC 3261 12.2.1.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outgoing {
    /// The method.
    pub method: String,
    /// The Request-URI.
    pub uri: String,
    /// Complete header lines, each ended by CRLF.
    pub headers: Vec<u8>,
    /// The body.
    pub body: Vec<u8>,
    /// Add a Contact that leads back here, with this user part (may be empty).
    pub contact: Option<String>,
}

/// Names a request under way; its outcome is handed to [`Engine::outcome`](crate::Engine::outcome).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SendId(pub u64);

/// A document of an XCAP tree (RFC 4825).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Application unique id.
    pub auid: String,
    /// The owner; none in the global tree.
    pub owner: Option<String>,
    /// Path below the owner.
    pub path: String,
    /// None if it was deleted.
    pub content: Option<Vec<u8>>,
}

/// What the engine asks of the SIP stack around it. The engine calls from its own threads
/// and from the threads that call it; neither call may block.
pub trait Edge: Send + Sync + 'static {
    /// The answer to the request that came with this ticket. Exactly one for each request.
    fn answer(&self, ticket: u64, answer: Answer);

    /// Sends requests, in this order. Each gets exactly one [`Engine::outcome`](crate::Engine::outcome).
    fn send(&self, requests: Vec<(SendId, Outgoing)>);
}

impl From<wit::Reply> for Reply {
    fn from(reply: wit::Reply) -> Reply {
        Reply {
            status: reply.status,
            reason: reply.reason,
            headers: reply.headers,
            body: reply.body,
            to_tag: reply.to_tag,
            contact: reply.contact,
        }
    }
}

impl From<wit_sip::Outgoing> for Outgoing {
    fn from(request: wit_sip::Outgoing) -> Outgoing {
        Outgoing {
            method: request.method,
            uri: request.uri,
            headers: request.headers,
            body: request.body,
            contact: request.contact,
        }
    }
}
