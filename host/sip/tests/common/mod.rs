//! A transaction user that records and answers, and a peer on a plain socket.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::time::Duration;

use parking_lot::Mutex;
use rollcall_sip::{
    Core, Incoming, ManualClock, Outcome, Response, ServerTransaction, Stack, StackConfig, Transport,
};

/// How long a test waits for what must come; never the time that it takes.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Answers every request 200, or keeps the transactions.
pub struct Recorder {
    pub stack: OnceLock<Stack>,
    pub requests: AtomicUsize,
    pub held: Mutex<Vec<ServerTransaction>>,
    hold: bool,
    arrived: mpsc::SyncSender<Incoming>,
    outcomes: mpsc::SyncSender<(u64, Outcome)>,
}

impl Core for Recorder {
    fn request(&self, request: Incoming, transaction: ServerTransaction) {
        self.requests.fetch_add(1, Ordering::SeqCst);
        if self.hold {
            self.held.lock().push(transaction);
        } else {
            let response = Response { contact: Some("me".into()), ..Response::new(200, "OK") };
            self.stack.wait().respond(transaction, response);
        }
        let _ = self.arrived.try_send(request);
    }

    fn outcome(&self, token: u64, outcome: Outcome) {
        let _ = self.outcomes.try_send((token, outcome));
    }
}

/// A running stack and what it told its core.
pub struct Server {
    pub stack: Stack,
    pub core: Arc<Recorder>,
    pub clock: Arc<ManualClock>,
    pub arrived: mpsc::Receiver<Incoming>,
    pub outcomes: mpsc::Receiver<(u64, Outcome)>,
}

impl Server {
    pub fn start(change: impl FnOnce(&mut StackConfig)) -> Server {
        Server::with(change, false)
    }

    /// Requests stay unanswered until the test answers them.
    pub fn holding(change: impl FnOnce(&mut StackConfig)) -> Server {
        Server::with(change, true)
    }

    fn with(change: impl FnOnce(&mut StackConfig), hold: bool) -> Server {
        let any = "127.0.0.1:0".parse().unwrap();
        let mut config = StackConfig {
            listen: vec![(Transport::Udp, any), (Transport::Tcp, any)],
            udp_threads: 1,
            ..StackConfig::default()
        };
        change(&mut config);
        let (arrived, arrivals) = mpsc::sync_channel(1000);
        let (outcome, outcomes) = mpsc::sync_channel(1000);
        let core = Arc::new(Recorder {
            stack: OnceLock::new(),
            requests: AtomicUsize::new(0),
            held: Mutex::default(),
            hold,
            arrived,
            outcomes: outcome,
        });
        let clock = Arc::new(ManualClock::new());
        let stack = Stack::start(config, clock.clone(), core.clone()).unwrap();
        core.stack.set(stack.clone()).unwrap();
        Server { stack, core, clock, arrived: arrivals, outcomes }
    }

    pub fn udp(&self) -> SocketAddr {
        self.addr(Transport::Udp)
    }

    pub fn tcp(&self) -> SocketAddr {
        self.addr(Transport::Tcp)
    }

    fn addr(&self, transport: Transport) -> SocketAddr {
        self.stack.local_addrs().iter().find(|(t, _)| *t == transport).unwrap().1
    }

    pub fn requests(&self) -> usize {
        self.core.requests.load(Ordering::SeqCst)
    }

    /// Waits for a request to reach the core.
    pub fn arrival(&self) -> Incoming {
        self.arrived.recv_timeout(PATIENCE).unwrap()
    }

    pub fn outcome(&self) -> (u64, Outcome) {
        self.outcomes.recv_timeout(PATIENCE).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stack.stop();
    }
}

/// A UDP peer.
pub struct Peer(pub UdpSocket);

impl Peer {
    pub fn new() -> Peer {
        Peer::at("127.0.0.1:0")
    }

    pub fn at(address: &str) -> Peer {
        let socket = UdpSocket::bind(address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Peer(socket)
    }

    pub fn addr(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    pub fn send(&self, to: SocketAddr, message: impl AsRef<[u8]>) {
        self.0.send_to(message.as_ref(), to).unwrap();
    }

    pub fn receive(&self) -> String {
        self.receive_from().0
    }

    pub fn receive_from(&self) -> (String, SocketAddr) {
        let mut buffer = [0; 65_536];
        let (n, from) = self.0.recv_from(&mut buffer).unwrap();
        (String::from_utf8_lossy(&buffer[..n]).into_owned(), from)
    }

    /// Sends a request that is answered at once, and shows that nothing came before its answer.
    pub fn nothing_before_probe(&self, server: &Server, id: &str) {
        self.send(server.udp(), request("OPTIONS", &format!("probe-{id}"), self.addr(), ""));
        let answer = self.receive();
        assert!(answer.contains(&format!("Call-ID: probe-{id}\r\n")), "{id}: unexpected {answer}");
    }
}

/// A request without rport; `extra` holds more header lines. The id makes Call-ID, branch and From tag.
pub fn request(method: &str, id: &str, from: SocketAddr, extra: &str) -> String {
    format!(
        "{method} sip:alice@example.com SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK{id}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:bob@example.com>;tag=f{id}\r\nTo: <sip:alice@example.com>\r\n\
         Call-ID: {id}\r\nCSeq: 1 {method}\r\n{extra}Content-Length: 0\r\n\r\n"
    )
}

/// Value of a header field of a message.
pub fn header<'a>(message: &'a str, name: &str) -> &'a str {
    message
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
        .unwrap_or_else(|| panic!("no {name} in {message}"))
}

/// A response to a request that the peer received.
pub fn answer(request: &str, status: &str, extra: &str) -> String {
    let copy = |name: &str| format!("{name}: {}\r\n", header(request, name));
    let copied: String = ["Via", "From", "To", "Call-ID", "CSeq"].map(copy).concat();
    format!("SIP/2.0 {status}\r\n{copied}{extra}Content-Length: 0\r\n\r\n")
}
