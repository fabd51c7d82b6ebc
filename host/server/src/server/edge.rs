//! Between the SIP stack and the engine: requests in, answers and requests out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use rollcall_engine::{
    Answer, Edge, Engine, Failure, Header, Outcome, Outgoing, Peer, Reply, Request, SendId, Span, Transport,
};
use rollcall_sip::wire::{self, Message, Start};
use rollcall_sip::{Core, Incoming, Response, ServerTransaction, Stack};
use tracing::{debug, debug_span, warn};

use super::refusal;
use super::tickets::{Tickets, Waiting};
use crate::metrics::Answers;

/// Requests that the engine wants sent while there is no stack yet.
type Early = Mutex<Option<Vec<(SendId, Outgoing)>>>;

/// The host of the engine and the core of the stack. Both are started with it and then made known
/// to it: first the engine, which may send at once, then the stack.
pub(super) struct Joint {
    engine: ArcSwapOption<Engine>,
    stack: ArcSwapOption<Stack>,
    early: Early,
    tickets: Tickets,
    answers: Answers,
    stopping: AtomicBool,
}

impl Joint {
    pub fn new(answers: Answers) -> Arc<Self> {
        Arc::new(Self {
            engine: ArcSwapOption::empty(),
            stack: ArcSwapOption::empty(),
            early: Mutex::new(Some(Vec::new())),
            tickets: Tickets::default(),
            answers,
            stopping: AtomicBool::new(false),
        })
    }

    /// Makes the engine known.
    pub fn set_engine(&self, engine: Arc<Engine>) {
        self.engine.store(Some(engine));
    }

    /// Makes the stack known and sends what has waited for it.
    pub fn set_stack(&self, stack: Stack) {
        let mut early = self.early.lock();
        stack.send_all(early.take().unwrap_or_default().into_iter().map(outgoing).collect());
        self.stack.store(Some(Arc::new(stack)));
    }

    /// From here on new requests are answered 503.
    pub fn refuse_new(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// True while new requests are answered 503.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// True if every request has been answered.
    pub fn is_idle(&self) -> bool {
        self.tickets.is_empty()
    }

    /// Lets go of engine and stack, which hold this in turn.
    pub fn part(&self) {
        self.engine.store(None);
        self.stack.store(None);
    }

    fn respond(&self, waiting: Waiting, response: Response) {
        let method = Answers::method(waiting.method.of(&waiting.message));
        self.answers.count(method, response.status);
        if let Some(stack) = &*self.stack.load() {
            stack.respond(waiting.transaction, response);
        }
    }
}

impl Core for Joint {
    fn request(&self, Incoming { message, peer }: Incoming, transaction: ServerTransaction) {
        let Start::Request { method, uri } = message.start else { return };
        let call_id = message.essentials.call_id;
        // RFC 2543 knew none.
        let branch = message.essentials.via.branch.unwrap_or_default();
        let waiting = Waiting { transaction, message: message.bytes.clone(), method, uri, call_id, branch };
        let engine = self.engine.load();
        let Some(engine) = engine.as_ref().filter(|_| !self.is_stopping()) else {
            return self.respond(waiting, refusal::busy());
        };
        let text = |span: wire::Span| String::from_utf8_lossy(message.get(span));
        let ticket = self.tickets.issue(waiting);
        // The step runs on this thread: whatever is logged in it carries these fields.
        let _span =
            debug_span!("request", ticket, call_id = %text(call_id), branch = %text(branch)).entered();
        debug!(method = %text(method), uri = %text(uri), peer = %peer.address, "request");
        engine.request(request(&message, method, uri, peer), ticket);
    }

    fn outcome(&self, token: u64, outcome: rollcall_sip::Outcome) {
        let engine = self.engine.load();
        let Some(engine) = &*engine else { return };
        let outcome = match outcome {
            rollcall_sip::Outcome::Response { message, peer } => {
                let Some(status) = message.status() else { return };
                debug!(send = token, status, peer = %peer.address, "outcome");
                Outcome::Response(rollcall_engine::Response {
                    status,
                    headers: headers(&message),
                    body: span(message.body),
                    peer: from(peer),
                    message: message.bytes,
                })
            }
            rollcall_sip::Outcome::Failed(failure) => {
                debug!(send = token, %failure, "outcome");
                Outcome::Failed(match failure {
                    // The engine stops, too, and the next start makes it good.
                    rollcall_sip::Failure::Stopped => return,
                    rollcall_sip::Failure::Timeout => Failure::Timeout,
                    rollcall_sip::Failure::Paused(ms) => Failure::Paused(ms),
                    other => Failure::Unreachable(other.to_string()),
                })
            }
        };
        engine.outcome(SendId(token), outcome);
    }
}

impl Edge for Joint {
    fn answer(&self, ticket: u64, answer: Answer) {
        let Some(waiting) = self.tickets.redeem(ticket) else { return };
        let response = match answer {
            Answer::Reply(reply) => response(reply),
            Answer::Failed => {
                let text = |span: wire::Span| String::from_utf8_lossy(span.of(&waiting.message));
                let (call_id, branch) = (text(waiting.call_id), text(waiting.branch));
                warn!(ticket, %call_id, %branch, "a request could not be answered");
                refusal::failed()
            }
            Answer::Busy => refusal::busy(),
            Answer::Pass => {
                let [method, uri] = [waiting.method, waiting.uri].map(|span| span.of(&waiting.message));
                let engine = self.engine.load();
                let methods = engine.as_ref().map(|engine| engine.description().methods);
                refusal::passed(method, uri, &methods.unwrap_or_default())
            }
        };
        debug!(ticket, status = response.status, "answer");
        self.respond(waiting, response);
    }

    fn send(&self, requests: Vec<(SendId, Outgoing)>) {
        for (id, request) in &requests {
            debug!(send = id.0, method = request.method, uri = request.uri, "send");
        }
        if let Some(stack) = &*self.stack.load() {
            return stack.send_all(requests.into_iter().map(outgoing).collect());
        }
        let mut early = self.early.lock();
        match (&mut *early, &*self.stack.load()) {
            (Some(early), _) => early.extend(requests),
            (None, Some(stack)) => stack.send_all(requests.into_iter().map(outgoing).collect()),
            // The stack could not be started: nobody waits for what becomes of these.
            (None, None) => {}
        }
    }
}

fn request(message: &Message, method: wire::Span, uri: wire::Span, peer: rollcall_sip::Peer) -> Request {
    Request {
        message: message.bytes.clone(),
        method: span(method),
        uri: span(uri),
        headers: headers(message),
        body: span(message.body),
        peer: from(peer),
    }
}

fn response(reply: Reply) -> Response {
    Response {
        status: reply.status,
        reason: reply.reason,
        headers: reply.headers.into(),
        body: reply.body.into(),
        to_tag: reply.to_tag,
        contact: reply.contact,
    }
}

fn outgoing((SendId(token), request): (SendId, Outgoing)) -> (u64, rollcall_sip::Request) {
    let Outgoing { method, uri, headers, body, contact } = request;
    (token, rollcall_sip::Request { method, uri, headers: headers.into(), body: body.into(), contact })
}

fn headers(message: &Message) -> Vec<Header> {
    let header = |field: &wire::Field| Header { name: span(field.name), value: span(field.value) };
    message.headers.iter().map(header).collect()
}

fn span(span: wire::Span) -> Span {
    Span { start: span.start, end: span.end }
}

fn from(peer: rollcall_sip::Peer) -> Peer {
    let transport = match peer.transport {
        rollcall_sip::Transport::Udp => Transport::Udp,
        rollcall_sip::Transport::Tcp => Transport::Tcp,
    };
    Peer { transport, address: peer.address, trusted: peer.trusted }
}
