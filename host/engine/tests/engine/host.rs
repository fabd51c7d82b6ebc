//! An engine with an edge that records, for tests.

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use rollcall_engine::{
    Answer, Document, Edge, Engine, EngineConfig, Failure, HostClock, Outcome, Outgoing, Peer, Reply,
    Request, SendId, Span, StartError, StepLimits, TableSource, Transport,
};
use rollcall_storage::{Engine as Storage, Memory};
use rollcall_test_guests::GUEST;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long a test waits for what has to come.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Compiled components, shared by all tests, in cargo's target folder.
const COMPILED: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/compiled");

/// What the engine did, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Answer(u64, Answer),
    Send(SendId, Outgoing),
}

/// Writes down what the engine asks of the SIP stack.
#[derive(Default)]
pub struct Recorder {
    events: Mutex<Vec<Event>>,
    changed: Condvar,
}

impl Recorder {
    pub fn events(&self) -> Vec<Event> {
        self.events.lock().clone()
    }

    /// Waits for something that `find` finds in the events.
    pub fn wait<T>(&self, what: &str, find: impl Fn(&[Event]) -> Option<T>) -> T {
        let until = Instant::now() + PATIENCE;
        let mut events = self.events.lock();
        loop {
            if let Some(found) = find(&events) {
                return found;
            }
            assert!(!self.changed.wait_until(&mut events, until).timed_out(), "no {what} in {events:?}");
        }
    }

    pub fn answer_to(&self, ticket: u64) -> Answer {
        self.wait(&format!("answer to {ticket}"), |events| {
            let mut answers = events.iter().filter_map(|event| match event {
                Event::Answer(to, answer) if *to == ticket => Some(answer.clone()),
                _ => None,
            });
            let answer = answers.next();
            assert_eq!(answers.next(), None, "a second answer to {ticket}");
            answer
        })
    }

    /// Requests sent so far.
    pub fn sends(&self) -> Vec<(SendId, Outgoing)> {
        let events = self.events();
        let sends = events.into_iter().filter_map(|event| match event {
            Event::Send(id, request) => Some((id, request)),
            Event::Answer(..) => None,
        });
        sends.collect()
    }

    /// Waits until that many requests have been sent.
    pub fn wait_for_sends(&self, count: usize) -> Vec<(SendId, Outgoing)> {
        let sent = |events: &[Event]| events.iter().filter(|e| matches!(e, Event::Send(..))).count();
        self.wait("sends", |events| (sent(events) >= count).then_some(()));
        self.sends()
    }
}

impl Edge for Recorder {
    fn answer(&self, ticket: u64, answer: Answer) {
        self.events.lock().push(Event::Answer(ticket, answer));
        self.changed.notify_all();
    }

    fn send(&self, requests: Vec<(SendId, Outgoing)>) {
        self.events.lock().extend(requests.into_iter().map(|(id, request)| Event::Send(id, request)));
        self.changed.notify_all();
    }
}

/// A running engine and what is around it. Dropping it is a crash.
pub struct Host {
    pub engine: Engine,
    pub edge: Arc<Recorder>,
    pub clock: Arc<HostClock>,
    next: AtomicU64,
}

/// Settings under which nothing happens by itself: relaxed writes stay in memory until a stop, and
/// a busy machine does not make a step miss its deadline.
pub fn quiet() -> EngineConfig {
    EngineConfig {
        limits: StepLimits { deadline: Duration::from_secs(10), ..StepLimits::default() },
        flush_interval: Duration::from_secs(3600),
        compiled: Some(COMPILED.into()),
        ..EngineConfig::default()
    }
}

pub type Tables = Vec<(String, Arc<dyn TableSource>)>;

impl Host {
    pub fn new() -> Host {
        Host::on(Memory::new())
    }

    pub fn on(storage: impl Storage) -> Host {
        Host::with(quiet(), storage)
    }

    pub fn with(config: EngineConfig, storage: impl Storage) -> Host {
        Host::at(Arc::new(HostClock::new()), config, storage)
    }

    /// With a clock that a test goes on using over a restart.
    pub fn at(clock: Arc<HostClock>, config: EngineConfig, storage: impl Storage) -> Host {
        Host::start(GUEST, clock, config, Vec::new(), storage).unwrap()
    }

    pub fn start(
        component: &[u8],
        clock: Arc<HostClock>,
        config: EngineConfig,
        tables: Tables,
        storage: impl Storage,
    ) -> Result<Host, StartError> {
        let edge = Arc::new(Recorder::default());
        let engine =
            Engine::start(config, component, tables, Arc::new(storage), edge.clone(), clock.clone())?;
        Ok(Host { engine, edge, clock, next: AtomicU64::new(0) })
    }

    /// Hands a script in as a request and gives the ticket.
    pub fn ask(&self, script: &str) -> u64 {
        let ticket = self.next.fetch_add(1, Ordering::Relaxed);
        self.engine.request(request(script), ticket);
        ticket
    }

    /// Runs a script as a request.
    pub fn run(&self, script: &str) -> Answer {
        self.edge.answer_to(self.ask(script))
    }

    /// What a script prints, less the last line end.
    pub fn print(&self, script: &str) -> String {
        match self.run(script) {
            Answer::Reply(Reply { status: 200, body, .. }) => {
                String::from_utf8(body).unwrap().trim_end().to_owned()
            }
            other => panic!("{script:?} gave {other:?}"),
        }
    }

    /// The value of a record; "-" for none.
    pub fn get(&self, partition: &str, key: &str) -> String {
        self.print(&format!("enter {partition}\nget {key}"))
    }

    /// Waits until a record has a value.
    pub fn wait_for(&self, partition: &str, key: &str, value: &str) {
        let until = Instant::now() + PATIENCE;
        loop {
            let found = self.get(partition, key);
            if found == value {
                return;
            }
            assert!(Instant::now() < until, "{key} of {partition} is {found:?}, not {value:?}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits until something holds.
    pub fn wait_until(&self, what: &str, holds: impl Fn() -> bool) {
        let until = Instant::now() + PATIENCE;
        while !holds() {
            assert!(Instant::now() < until, "{what} did not come");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits until all background work that is due has been done and is on disk.
    pub fn settle(&self) {
        self.wait_until("rest", || {
            let gauges = self.engine.gauges();
            gauges.tasks == 0 && gauges.pending_commits == 0
        });
    }

    pub fn document(&self, script: &str) -> Result<(), String> {
        let (sender, receiver) = std::sync::mpsc::channel();
        let document = Document {
            auid: "test".into(),
            owner: None,
            path: "index".into(),
            content: Some(script.as_bytes().to_vec()),
        };
        self.engine.document(document, move |taken| sender.send(taken).unwrap());
        receiver.recv_timeout(PATIENCE).unwrap()
    }

    /// The outcome of a request: no response.
    pub fn fail(&self, id: SendId) {
        self.engine.outcome(id, Outcome::Failed(Failure::Timeout));
    }

    pub fn stop(&self) {
        self.engine.stop(Duration::ZERO).unwrap();
    }
}

pub fn request(script: &str) -> Request {
    let head = "TEST sip:test@example.com SIP/2.0\r\n\r\n";
    let span = |start: usize, end: usize| Span { start: start as u32, end: end as u32 };
    Request {
        message: Bytes::from(format!("{head}{script}")),
        method: span(0, 4),
        uri: span(5, 25),
        headers: Vec::new(),
        body: span(head.len(), head.len() + script.len()),
        peer: Peer {
            transport: Transport::Udp,
            address: std::net::SocketAddr::from(([192, 0, 2, 1], 5060)),
            trusted: true,
        },
    }
}

/// The one reply that matters.
pub fn status(answer: &Answer) -> u16 {
    match answer {
        Answer::Reply(reply) => reply.status,
        other => panic!("no reply but {other:?}"),
    }
}
