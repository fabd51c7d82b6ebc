//! What makes a step: the inputs of the exported handlers.

use crate::bindings::Plugin;
use crate::bindings::exports::rollcall::plugin::handler as wit;
use crate::bindings::rollcall::plugin::types;
use crate::fault::{Cause, Fault};
use crate::inspection::InspectDone;
use crate::limits::StepLimits;
use crate::message::{Answer, Document, Failure, Outcome, Peer, Request};
use crate::step::imports::{StepError, StepState};
use crate::step::stage::{LimitError, Stage};
use crate::step::wellformed;
use bytes::Bytes;
use parking_lot::Mutex;
use rollcall_storage::PartitionKey;
use std::time::Duration;
use wasmtime::Store;

/// Times that a request may be forwarded.
const MOST_HOPS: u32 = 8;

/// Most characters of a summary.
const SUMMARY: usize = 256;

/// Takes the plugin's word on a document.
pub(crate) type DocumentDone = Box<dyn FnOnce(Result<(), String>) + Send>;

/// One input. Kept until the step's commit is durable, because a conflict runs it again.
pub(crate) enum Input {
    Request { ticket: u64, request: Request },
    Forwarded { ticket: u64, request: Request, hop: Hop },
    Outcome { partition: PartitionKey, token: Bytes, outcome: Outcome, outbox: Option<u64> },
    Timer { partition: PartitionKey, name: Vec<u8> },
    Post { to: PartitionKey, from: PartitionKey, sequence: u64, payload: Bytes },
    Document { document: Document, done: Mutex<Option<DocumentDone>> },
    Inspect { question: String, argument: String, done: Mutex<Option<InspectDone>> },
    Recovery { partition: PartitionKey },
}

/// Where a forwarded request goes on, and what it has used up so far.
pub(crate) struct Hop {
    pub partition: PartitionKey,
    pub payload: Vec<u8>,
    /// Which one it is, from 1.
    pub number: u32,
    /// Time of the step before, which goes on being the request's.
    pub now: u64,
    /// Time that the calls of the component have taken.
    pub spent: Duration,
}

/// Which handler, for metrics and the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `on-request`
    Request,
    /// `on-forwarded`
    Forwarded,
    /// `on-response`
    Response,
    /// `on-timer`
    Timer,
    /// `on-post`
    Post,
    /// `on-document`
    Document,
    /// `on-inspect`
    Inspect,
    /// `on-recovery`
    Recovery,
}

impl Kind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Kind; 8] = [
        Kind::Request,
        Kind::Forwarded,
        Kind::Response,
        Kind::Timer,
        Kind::Post,
        Kind::Document,
        Kind::Inspect,
        Kind::Recovery,
    ];

    /// The name shown to operators.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Request => "request",
            Kind::Forwarded => "forwarded",
            Kind::Response => "response",
            Kind::Timer => "timer",
            Kind::Post => "post",
            Kind::Document => "document",
            Kind::Inspect => "inspect",
            Kind::Recovery => "recovery",
        }
    }
}

/// What a handler returned.
pub(crate) enum Returned {
    Answer(Answer),
    Forward(Forward),
    Inspected(Result<String, String>),
    Document(Result<(), String>),
    Nothing,
}

impl Returned {
    /// Why this cannot be honoured together with what the step has staged, if it cannot.
    pub(crate) fn breach(&self, stage: &Stage) -> Option<Fault> {
        let what = match self {
            Returned::Answer(Answer::Pass) => "passes a request",
            Returned::Forward(_) => "forwards a request",
            Returned::Inspected(_) => "answers a question",
            _ => return None,
        };
        let message = format_args!("the component {what} and stages effects");
        (!stage.is_empty()).then(|| Fault::new(Cause::Verdict, message))
    }
}

/// Where a component wants a request to go on.
pub(crate) struct Forward {
    pub partition: PartitionKey,
    pub payload: Vec<u8>,
}

impl Input {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Input::Request { .. } => Kind::Request,
            Input::Forwarded { .. } => Kind::Forwarded,
            Input::Outcome { .. } => Kind::Response,
            Input::Timer { .. } => Kind::Timer,
            Input::Post { .. } => Kind::Post,
            Input::Document { .. } => Kind::Document,
            Input::Inspect { .. } => Kind::Inspect,
            Input::Recovery { .. } => Kind::Recovery,
        }
    }

    /// The partition that the step is bound to from the start, if it is.
    pub(crate) fn partition(&self) -> Option<&PartitionKey> {
        match self {
            Input::Request { .. } | Input::Document { .. } | Input::Inspect { .. } => None,
            Input::Forwarded { hop, .. } => Some(&hop.partition),
            Input::Outcome { partition, .. }
            | Input::Timer { partition, .. }
            | Input::Recovery { partition }
            | Input::Post { to: partition, .. } => Some(partition),
        }
    }

    /// What it is, in short, for an operator.
    pub(crate) fn summary(&self) -> String {
        let first_line = |request: &Request| {
            let text = |span: types::Span| {
                let part = request.message.get(span.start as usize..span.end as usize);
                String::from_utf8_lossy(part.unwrap_or_default()).into_owned()
            };
            format!("{} {}", text(request.method), text(request.uri))
        };
        let summary = match self {
            Input::Request { request, .. } => first_line(request),
            Input::Forwarded { request, hop, .. } => {
                format!("{}, hop {}", first_line(request), hop.number)
            }
            Input::Outcome { outcome: Outcome::Response(response), .. } => {
                format!("response {}", response.status)
            }
            Input::Outcome { outcome: Outcome::Failed(failure), .. } => format!("no response: {failure:?}"),
            Input::Timer { name, .. } => format!("timer {}", name.escape_ascii()),
            Input::Post { from, payload, .. } => format!("post from {from}, {} bytes", payload.len()),
            Input::Document { document, .. } => format!("document {} {}", document.auid, document.path),
            Input::Inspect { question, argument, .. } => format!("question {question}, {argument}"),
            Input::Recovery { .. } => "recovery".to_owned(),
        };
        summary.chars().take(SUMMARY).collect()
    }

    /// The same request, to go on in another partition; none if it has been forwarded too often, or
    /// if this is no request.
    pub(crate) fn forwarded(&self, to: Forward, now: u64, spent: Duration) -> Option<Input> {
        let (ticket, request, number) = match self {
            Input::Request { ticket, request } => (*ticket, request, 1),
            Input::Forwarded { ticket, request, hop } => (*ticket, request, hop.number + 1),
            _ => return None,
        };
        let Forward { partition, payload } = to;
        let hop = Hop { partition, payload, number, now, spent };
        (number <= MOST_HOPS).then(|| Input::Forwarded { ticket, request: request.clone(), hop })
    }

    /// What a request has used up before this step.
    pub(crate) fn hop(&self) -> Option<&Hop> {
        match self {
            Input::Forwarded { hop, .. } => Some(hop),
            _ => None,
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
                let verdict = handler.call_on_request(&mut *store, address.request(request))?;
                Ok(taken(verdict, &store.data().limits)?)
            }
            Input::Forwarded { request, hop, .. } => {
                let address = Address::of(&request.peer);
                let (to, payload) = (hop.partition.as_str(), &hop.payload);
                let request = address.request(request);
                let verdict = handler.call_on_forwarded(&mut *store, to, request, payload)?;
                Ok(taken(verdict, &store.data().limits)?)
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
            Input::Inspect { question, argument, .. } => {
                Ok(Returned::Inspected(handler.call_on_inspect(store, question, argument)?))
            }
            Input::Recovery { partition } => {
                handler.call_on_recovery(store, partition.as_str())?;
                Ok(Returned::Nothing)
            }
        }
    }
}

/// Takes a verdict that can be honoured.
fn taken(verdict: wit::Verdict, limits: &StepLimits) -> Result<Returned, StepError> {
    match verdict {
        wit::Verdict::Reply(reply) => {
            wellformed::reply(&reply)?;
            Ok(Returned::Answer(Answer::Reply(reply.into())))
        }
        wit::Verdict::Pass => Ok(Returned::Answer(Answer::Pass)),
        wit::Verdict::Forward(wit::Forward { partition, payload }) => {
            let partition = PartitionKey::new(&partition)?;
            if payload.len() > limits.value_bytes {
                return Err(LimitError::Value(payload.len()).into());
            }
            Ok(Returned::Forward(Forward { partition, payload }))
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

    fn request<'a>(&'a self, request: &'a Request) -> types::Request<'a> {
        types::Request {
            message: &request.message,
            method: request.method,
            uri: request.uri,
            headers: &request.headers,
            body: request.body,
            peer: self.lower(&request.peer),
        }
    }

    fn lower(&self, peer: &Peer) -> types::Peer<'_> {
        types::Peer {
            transport: peer.transport,
            address: std::str::from_utf8(&self.text[..self.length]).unwrap_or_default(),
            trusted: peer.trusted,
        }
    }
}
