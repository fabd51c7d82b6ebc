//! What makes a step: the inputs of the exported handlers.

use crate::bindings::Plugin;
use crate::bindings::exports::rollcall::plugin::handler as wit;
use crate::bindings::rollcall::plugin::types;
use crate::message::{Answer, Document, Failure, Outcome, Peer, Request};
use crate::step::imports::{StepError, StepState};
use crate::step::wellformed;
use bytes::Bytes;
use parking_lot::Mutex;
use rollcall_storage::PartitionKey;
use wasmtime::Store;

/// Takes the plugin's word on a document.
pub(crate) type DocumentDone = Box<dyn FnOnce(Result<(), String>) + Send>;

/// One input. Kept until the step's commit is durable, because a conflict runs it again.
pub(crate) enum Input {
    Request { ticket: u64, request: Request },
    Outcome { partition: PartitionKey, token: Bytes, outcome: Outcome, outbox: Option<u64> },
    Timer { partition: PartitionKey, name: Vec<u8> },
    Post { to: PartitionKey, from: PartitionKey, sequence: u64, payload: Bytes },
    Document { document: Document, done: Mutex<Option<DocumentDone>> },
    Recovery { partition: PartitionKey },
}

/// Which handler, for metrics and the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `on-request`
    Request,
    /// `on-response`
    Response,
    /// `on-timer`
    Timer,
    /// `on-post`
    Post,
    /// `on-document`
    Document,
    /// `on-recovery`
    Recovery,
}

impl Kind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Kind; 6] =
        [Kind::Request, Kind::Response, Kind::Timer, Kind::Post, Kind::Document, Kind::Recovery];

    /// The name shown to operators.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Request => "request",
            Kind::Response => "response",
            Kind::Timer => "timer",
            Kind::Post => "post",
            Kind::Document => "document",
            Kind::Recovery => "recovery",
        }
    }
}

/// What a handler returned.
pub(crate) enum Returned {
    Answer(Answer),
    Document(Result<(), String>),
    Nothing,
}

impl Input {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Input::Request { .. } => Kind::Request,
            Input::Outcome { .. } => Kind::Response,
            Input::Timer { .. } => Kind::Timer,
            Input::Post { .. } => Kind::Post,
            Input::Document { .. } => Kind::Document,
            Input::Recovery { .. } => Kind::Recovery,
        }
    }

    /// The partition that the step is bound to from the start, if it is.
    pub(crate) fn partition(&self) -> Option<&PartitionKey> {
        match self {
            Input::Request { .. } | Input::Document { .. } => None,
            Input::Outcome { partition, .. }
            | Input::Timer { partition, .. }
            | Input::Recovery { partition }
            | Input::Post { to: partition, .. } => Some(partition),
        }
    }

    /// Calls the handler. `timer` is the timer that fires, for [`Input::Timer`].
    pub(crate) fn call(
        &self,
        plugin: &Plugin,
        store: &mut Store<StepState>,
        timer: Option<&rollcall_storage::Timer>,
    ) -> wasmtime::Result<Returned> {
        let handler = plugin.rollcall_plugin_handler();
        match self {
            Input::Request { request, .. } => {
                let address = Address::of(&request.peer);
                let verdict = handler.call_on_request(
                    store,
                    types::Request {
                        message: &request.message,
                        method: request.method,
                        uri: request.uri,
                        headers: &request.headers,
                        body: request.body,
                        peer: address.lower(&request.peer),
                    },
                )?;
                wellformed::verdict(&verdict).map_err(StepError::from)?;
                Ok(Returned::Answer(verdict.into()))
            }
            Input::Outcome { partition, token, outcome, .. } => {
                match outcome {
                    Outcome::Response(response) => {
                        let address = Address::of(&response.peer);
                        let lowered = wit::Outcome::Response(types::Response {
                            message: &response.message,
                            status: response.status,
                            headers: &response.headers,
                            body: response.body,
                            peer: address.lower(&response.peer),
                        });
                        handler.call_on_response(store, partition.as_str(), token, lowered)?;
                    }
                    Outcome::Failed(failure) => {
                        let lowered = wit::Outcome::Failed(match failure {
                            Failure::Timeout => wit::Failure::Timeout,
                            Failure::Unreachable(why) => wit::Failure::Unreachable(why),
                            Failure::Paused(ms) => wit::Failure::Paused(*ms),
                        });
                        handler.call_on_response(store, partition.as_str(), token, lowered)?;
                    }
                }
                Ok(Returned::Nothing)
            }
            Input::Timer { partition, name } => {
                let (due, payload) = timer.map_or((0, &[][..]), |timer| (timer.due, &timer.payload[..]));
                handler.call_on_timer(store, partition.as_str(), name, due, payload)?;
                Ok(Returned::Nothing)
            }
            Input::Post { to, payload, .. } => {
                handler.call_on_post(store, to.as_str(), payload)?;
                Ok(Returned::Nothing)
            }
            Input::Document { document, .. } => {
                let taken = handler.call_on_document(
                    store,
                    wit::Document {
                        auid: &document.auid,
                        owner: document.owner.as_deref(),
                        path: &document.path,
                        content: document.content.as_deref(),
                    },
                )?;
                Ok(Returned::Document(taken))
            }
            Input::Recovery { partition } => {
                handler.call_on_recovery(store, partition.as_str())?;
                Ok(Returned::Nothing)
            }
        }
    }
}

/// A peer's address as text, without an allocation.
struct Address {
    text: [u8; 64],
    length: usize,
}

impl Address {
    fn of(peer: &Peer) -> Address {
        use std::io::Write;
        let mut text = [0; 64];
        let mut rest = &mut text[..];
        // The longest address (an IPv6 one with a scope) has 58 bytes.
        let _ = write!(rest, "{}", peer.address);
        let length = 64 - rest.len();
        Address { text, length }
    }

    fn lower(&self, peer: &Peer) -> types::Peer<'_> {
        types::Peer {
            transport: peer.transport,
            address: std::str::from_utf8(&self.text[..self.length]).unwrap_or_default(),
            trusted: peer.trusted,
        }
    }
}
