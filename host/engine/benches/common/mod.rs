//! An engine with the real component and the requests that the benches put to it.

// Not every bench needs all of it.
#![allow(dead_code)]

use rollcall_engine::{
    Answer, Edge, Engine, EngineConfig, Header, HostClock, Outcome, Outgoing, Peer, Request, Response,
    SendId, Span, Transport,
};
use rollcall_sip::wire::{self, Message, Start};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

pub const CONFIGURATION: &str = r#"{"presence":{"domains":["example.com"],"notify_interval":0},
    "rules":{"enabled":true,"default":"allow"}}"#;

/// Hands what leaves back to the bench.
pub struct Sink {
    answers: mpsc::Sender<(u64, Answer)>,
    sends: mpsc::Sender<SendId>,
}

impl Edge for Sink {
    fn answer(&self, ticket: u64, answer: Answer) {
        let _ = self.answers.send((ticket, answer));
    }

    fn send(&self, requests: Vec<(SendId, Outgoing)>) {
        for (id, _) in requests {
            let _ = self.sends.send(id);
        }
    }
}

pub struct Bench {
    pub engine: Engine,
    pub answers: mpsc::Receiver<(u64, Answer)>,
    pub sends: mpsc::Receiver<SendId>,
    pub tickets: AtomicU64,
}

impl Bench {
    pub fn new() -> Bench {
        let config = EngineConfig { plugin_configuration: CONFIGURATION.into(), ..EngineConfig::default() };
        Bench::of(rollcall_component::COMPONENT, config)
    }

    pub fn of(component: &[u8], config: EngineConfig) -> Bench {
        let (answers, answered) = mpsc::channel();
        let (sends, sent) = mpsc::channel();
        let engine = Engine::start(
            EngineConfig { group_window: Duration::ZERO, ..config },
            component,
            Vec::new(),
            Arc::new(rollcall_storage::Memory::new()),
            Arc::new(Sink { answers, sends }),
            Arc::new(HostClock::new()),
        );
        let engine = engine.expect("an engine");
        Bench { engine, answers: answered, sends: sent, tickets: AtomicU64::new(0) }
    }

    pub fn hand_in(&self, request: Request) {
        self.engine.request(request, self.tickets.fetch_add(1, Ordering::Relaxed));
    }

    pub fn ask(&self, request: Request) -> String {
        self.hand_in(request);
        match self.answers.recv().expect("an answer").1 {
            Answer::Reply(reply) if reply.status == 200 => String::from_utf8(reply.headers).expect("text"),
            other => panic!("{other:?}"),
        }
    }

    pub fn publish(&self, user: usize, tag: &str, note: usize) -> String {
        etag(&self.ask(publish(user, tag, note)))
    }
}

pub fn etag(headers: &str) -> String {
    let line = headers.lines().find_map(|line| line.strip_prefix("SIP-ETag: "));
    line.expect("an entity-tag").to_owned()
}

pub fn peer() -> Peer {
    Peer { transport: Transport::Udp, address: ([127, 0, 0, 1], 5060).into(), trusted: true }
}

pub fn request(text: String) -> Request {
    let message = Message::parse(text).expect("a message");
    let Start::Request { method, uri } = message.start else { panic!("no request") };
    let span = |span: wire::Span| Span { start: span.start, end: span.end };
    let header = |field: &wire::Field| Header { name: span(field.name), value: span(field.value) };
    Request {
        headers: message.headers.iter().map(header).collect(),
        method: span(method),
        uri: span(uri),
        body: span(message.body),
        peer: peer(),
        message: message.bytes,
    }
}

pub fn head(method: &str, presentity: usize, user: &str) -> String {
    format!(
        "{method} sip:p{presentity}@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.5:5060;branch=z9hG4bK74b43\r\n\
         Max-Forwards: 69\r\nTo: <sip:p{presentity}@example.com>\r\nFrom: <sip:{user}@example.com>;tag=1\r\n\
         Call-ID: {user}@192.0.2.4\r\nCSeq: 7 {method}\r\nP-Asserted-Identity: <sip:{user}@example.com>\r\n"
    )
}

pub fn publish(user: usize, tag: &str, note: usize) -> Request {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" \
         xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" \
         entity=\"sip:p{user}@example.com\"><tuple id=\"t4109\"><status><basic>open</basic></status>\
         <contact priority=\"0.8\">sip:alice@192.0.2.4</contact><note>n{note}</note></tuple>\
         <dm:person id=\"p1\"><rpid:activities><rpid:away/></rpid:activities></dm:person></presence>"
    );
    let condition = if tag.is_empty() { String::new() } else { format!("SIP-If-Match: {tag}\r\n") };
    let length = body.len();
    request(format!(
        "{}Event: presence\r\nExpires: 3600\r\n{condition}Content-Type: application/pidf+xml\r\n\
         Content-Length: {length}\r\n\r\n{body}",
        head("PUBLISH", user, &format!("p{user}"))
    ))
}

pub fn subscribe(watcher: usize) -> Request {
    request(format!(
        "{}Event: presence\r\nExpires: 3600\r\nAccept: application/pidf+xml\r\n\
         Contact: <sip:w{watcher}@192.0.2.4:5070>\r\nContent-Length: 0\r\n\r\n",
        head("SUBSCRIBE", 0, &format!("w{watcher}"))
    ))
}

pub fn accepted() -> Outcome {
    let message = b"SIP/2.0 200 OK\r\n\r\n"[..].into();
    let body = Span { start: 18, end: 18 };
    Outcome::Response(Response { message, status: 200, headers: Vec::new(), body, peer: peer() })
}
