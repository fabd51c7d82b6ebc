//! What a step costs in the host: the same requests as the plugin's own bench, through the real
//! component. The difference between the two is the price of boundary and sandbox.

// A bench measures time and may panic.
#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use criterion::{Criterion, criterion_group, criterion_main};
use rollcall_engine::{
    Answer, Edge, Engine, EngineConfig, Header, HostClock, Outcome, Outgoing, Peer, Request, Response,
    SendId, Span, Transport,
};
use rollcall_sip::wire::{self, Message, Start};
use rollcall_test_guests::{EXAMPLE_RULES, GUEST};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

const CONFIGURATION: &str = r#"{"presence":{"domains":["example.com"],"notify_interval":0},
    "rules":{"enabled":true,"default":"allow"}}"#;

/// Hands what leaves back to the bench.
struct Sink {
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

struct Bench {
    engine: Engine,
    answers: mpsc::Receiver<(u64, Answer)>,
    sends: mpsc::Receiver<SendId>,
    tickets: AtomicU64,
}

impl Bench {
    fn new() -> Bench {
        let config = EngineConfig { plugin_configuration: CONFIGURATION.into(), ..EngineConfig::default() };
        Bench::of(rollcall_component::COMPONENT, config)
    }

    fn of(component: &[u8], config: EngineConfig) -> Bench {
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

    fn hand_in(&self, request: Request) {
        self.engine.request(request, self.tickets.fetch_add(1, Ordering::Relaxed));
    }

    fn ask(&self, request: Request) -> String {
        self.hand_in(request);
        match self.answers.recv().expect("an answer").1 {
            Answer::Reply(reply) if reply.status == 200 => String::from_utf8(reply.headers).expect("text"),
            other => panic!("{other:?}"),
        }
    }

    fn publish(&self, user: usize, tag: &str, note: usize) -> String {
        etag(&self.ask(publish(user, tag, note)))
    }
}

fn etag(headers: &str) -> String {
    let line = headers.lines().find_map(|line| line.strip_prefix("SIP-ETag: "));
    line.expect("an entity-tag").to_owned()
}

fn peer() -> Peer {
    Peer { transport: Transport::Udp, address: ([127, 0, 0, 1], 5060).into(), trusted: true }
}

fn request(text: String) -> Request {
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

fn head(method: &str, presentity: usize, user: &str) -> String {
    format!(
        "{method} sip:p{presentity}@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.5:5060;branch=z9hG4bK74b43\r\n\
         Max-Forwards: 69\r\nTo: <sip:p{presentity}@example.com>\r\nFrom: <sip:{user}@example.com>;tag=1\r\n\
         Call-ID: {user}@192.0.2.4\r\nCSeq: 7 {method}\r\nP-Asserted-Identity: <sip:{user}@example.com>\r\n"
    )
}

fn publish(user: usize, tag: &str, note: usize) -> Request {
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

fn subscribe(watcher: usize) -> Request {
    request(format!(
        "{}Event: presence\r\nExpires: 3600\r\nAccept: application/pidf+xml\r\n\
         Contact: <sip:w{watcher}@192.0.2.4:5070>\r\nContent-Length: 0\r\n\r\n",
        head("SUBSCRIBE", 0, &format!("w{watcher}"))
    ))
}

fn accepted() -> Outcome {
    let message = b"SIP/2.0 200 OK\r\n\r\n"[..].into();
    let body = Span { start: 18, end: 18 };
    Outcome::Response(Response { message, status: 200, headers: Vec::new(), body, peer: peer() })
}

fn steps(criterion: &mut Criterion) {
    let bench = Bench::new();
    let options = request(format!("{}Content-Length: 0\r\n\r\n", head("OPTIONS", 0, "w")));
    criterion.bench_function("OPTIONS: boundary, headers, no storage", |bencher| {
        bencher.iter(|| bench.ask(options.clone()));
    });

    // Many at once, as under load: what counts is the throughput of step and group commit together.
    const AT_ONCE: usize = 64;
    let mut tags: Vec<String> = (0..AT_ONCE).map(|user| bench.publish(user, "", 0)).collect();
    let mut note = 0;
    criterion.bench_function("64 PUBLISH modifies, durable commit to memory", |bencher| {
        bencher.iter_custom(|times| {
            let mut spent = Duration::ZERO;
            for _ in 0..times {
                note += 1;
                let requests: Vec<Request> =
                    tags.iter().enumerate().map(|(user, tag)| publish(user, tag, note)).collect();
                let first = bench.tickets.load(Ordering::Relaxed);
                let start = Instant::now();
                requests.into_iter().for_each(|request| bench.hand_in(request));
                let answers: Vec<(u64, Answer)> = bench.answers.iter().take(AT_ONCE).collect();
                spent += start.elapsed();
                for (ticket, answer) in answers {
                    let Answer::Reply(reply) = answer else { panic!("{answer:?}") };
                    let headers = String::from_utf8(reply.headers).expect("text");
                    tags[(ticket - first) as usize] = etag(&headers);
                }
            }
            spent
        });
    });

    const WATCHERS: usize = 1_000;
    for watcher in 0..WATCHERS {
        bench.ask(subscribe(watcher));
        let id = bench.sends.recv().expect("a NOTIFY");
        bench.engine.outcome(id, accepted());
    }
    let mut tag = tags.swap_remove(0);
    criterion.bench_function("fan-out to 1000 watchers, and their answers", |bencher| {
        bencher.iter_custom(|times| {
            let mut spent = Duration::ZERO;
            for _ in 0..times {
                note += 1;
                let request = publish(0, &tag, note);
                let start = Instant::now();
                tag = etag(&bench.ask(request));
                let sends: Vec<SendId> = bench.sends.iter().take(WATCHERS).collect();
                sends.into_iter().for_each(|id| bench.engine.outcome(id, accepted()));
                spent += start.elapsed();
            }
            spent
        });
    });
    bench.engine.stop(Duration::from_secs(5)).expect("a stop in order");
}

/// What a call of a site's own identity rules costs: the difference between the two, by a hundred.
fn identity(criterion: &mut Criterion) {
    let script = "normalize sip:4711@example.com;user=phone sip:4711@example.com\n".repeat(100);
    let length = script.len();
    let script = request(format!("{}Content-Length: {length}\r\n\r\n{script}", head("TEST", 0, "w")));
    for (name, rules) in [("without rules", None), ("with those of the example", Some(EXAMPLE_RULES))] {
        let identity_rules = rules.map(|rules| rules.to_vec().into());
        let bench = Bench::of(GUEST, EngineConfig { identity_rules, ..EngineConfig::default() });
        criterion.bench_function(&format!("100 calls of identity rules, {name}"), |bencher| {
            bencher.iter(|| bench.ask(script.clone()));
        });
        bench.engine.stop(Duration::from_secs(5)).expect("a stop in order");
    }
}

criterion_group!(benches, steps, identity);
criterion_main!(benches);
