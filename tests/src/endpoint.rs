//! Sockets of a phone: a UDP socket and a TCP listener on one port, threads that read them,
//! and what happens to each message that arrives before a test sees it.

use crate::check::check;
use crate::message::{Message, Start};
use crate::rng::unique;
use nix::sys::socket::{setsockopt, sockopt};
use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const RECEIVE_BUFFER: usize = 8 << 20;

/// How a phone reaches the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// One connection, opened when first needed.
    Tcp,
}

/// How a request of the server (a NOTIFY) is answered.
#[derive(Clone, Debug)]
pub enum Answer {
    /// 200.
    Ok,
    /// This status with these headers.
    Status(u16, &'static str, Vec<(String, String)>),
    /// This response.
    Message(Box<Message>),
    /// Not at all: retransmissions are not answered either, unless the test answers later
    /// with [`Endpoint::answer`].
    Silence,
}

/// Decides the answer to each request of one dialog.
pub type Script = Box<dyn FnMut(&Message) -> Answer + Send>;

/// Where a message came from, and where its answer goes.
#[derive(Clone, Debug)]
pub enum Source {
    /// A datagram from there.
    Udp(SocketAddr),
    /// A connection.
    Tcp(Arc<TcpStream>),
}

/// A message and where it came from.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// The message, checked.
    pub message: Message,
    /// Where it came from.
    pub source: Source,
}

struct Dialog {
    sender: Sender<Arrived>,
    script: Script,
}

#[derive(Default)]
struct State {
    waiters: HashMap<(String, String), Sender<Arrived>>,
    dialogs: HashMap<String, Dialog>,
    others: Option<Script>,
    answered: HashMap<String, Option<Vec<u8>>>,
    repeated: HashMap<String, u32>,
    faults: Vec<String>,
}

struct Inner {
    udp: UdpSocket,
    address: SocketAddr,
    server_tcp: Mutex<SocketAddr>,
    connection: Mutex<Option<Arc<TcpStream>>>,
    accepted: Mutex<Vec<Arc<TcpStream>>>,
    state: Mutex<State>,
    strays: Sender<Arrived>,
    stop: AtomicBool,
}

/// A phone's sockets. Dropping it closes them.
pub struct Endpoint {
    inner: Arc<Inner>,
    strays: Mutex<Receiver<Arrived>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Endpoint {
    /// Opens the sockets on a free port of an address of this machine. With `listen`, TCP connections to that
    /// port are accepted; without, they are refused.
    #[must_use]
    pub fn open(ip: IpAddr, server_tcp: SocketAddr, listen: bool) -> Self {
        let (udp, listener) = (0..100)
            .find_map(|_| {
                let udp = UdpSocket::bind((ip, 0)).ok()?;
                if !listen {
                    return Some((udp, None));
                }
                let listener = TcpListener::bind(udp.local_addr().ok()?).ok()?;
                Some((udp, Some(listener)))
            })
            .expect("a port that is free for UDP and TCP");
        // A burst must wait here while the thread checks each message of it.
        if setsockopt(&udp, sockopt::RcvBufForce, &RECEIVE_BUFFER).is_err() {
            let _ = setsockopt(&udp, sockopt::RcvBuf, &RECEIVE_BUFFER);
        }
        let (strays, stray_receiver) = channel();
        let inner = Arc::new(Inner {
            address: udp.local_addr().expect("local address"),
            udp,
            server_tcp: Mutex::new(server_tcp),
            connection: Mutex::new(None),
            accepted: Mutex::default(),
            state: Mutex::default(),
            strays,
            stop: AtomicBool::new(false),
        });
        let reader = Arc::clone(&inner);
        std::thread::spawn(move || reader.read_udp());
        if let Some(listener) = listener {
            let acceptor = Arc::clone(&inner);
            std::thread::spawn(move || acceptor.accept(&listener));
        }
        Self { inner, strays: Mutex::new(stray_receiver) }
    }

    /// Address of the UDP socket and of the TCP listener.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.inner.address
    }

    /// Sends bytes, whatever they are.
    pub fn send(&self, bytes: &[u8], transport: Transport, to: SocketAddr) {
        match transport {
            Transport::Udp => {
                // A stopped server refuses datagrams; whoever waits for the answer notices.
                let _ = self.inner.udp.send_to(bytes, to);
            }
            Transport::Tcp => self.inner.send_tcp(bytes, to),
        }
    }

    /// Closes the connection to the server; the next send opens a new one.
    pub fn disconnect(&self) {
        if let Some(stream) = lock(&self.inner.connection).take() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Where responses of this transaction go from now on.
    #[must_use]
    pub fn wait_for(&self, branch: &str, method: &str) -> Receiver<Arrived> {
        let (sender, receiver) = channel();
        lock(&self.inner.state).waiters.insert((branch.to_owned(), method.to_owned()), sender);
        receiver
    }

    /// Where requests of this Call-ID go from now on, and how they are answered.
    #[must_use]
    pub fn watch(&self, call_id: &str, script: Script) -> Receiver<Arrived> {
        let (sender, receiver) = channel();
        lock(&self.inner.state).dialogs.insert(call_id.to_owned(), Dialog { sender, script });
        receiver
    }

    /// Decides how requests of all other Call-IDs are answered, 481 otherwise. They go to [`Endpoint::stray`]
    /// once they have their answers.
    pub fn serve(&self, script: Script) {
        lock(&self.inner.state).others = Some(script);
    }

    /// Changes how requests of this Call-ID are answered.
    pub fn script(&self, call_id: &str, script: Script) {
        if let Some(dialog) = lock(&self.inner.state).dialogs.get_mut(call_id) {
            dialog.script = script;
        }
    }

    /// Requests of this Call-ID get 481 from now on.
    pub fn forget(&self, call_id: &str) {
        lock(&self.inner.state).dialogs.remove(call_id);
    }

    /// Answers a request that was left unanswered. Its retransmissions get the same answer.
    pub fn answer(&self, arrived: &Arrived, answer: &Answer) {
        let bytes = response_bytes(&arrived.message, answer);
        lock(&self.inner.state).answered.insert(arrived.message.branch(), bytes.clone());
        if let Some(bytes) = bytes {
            self.inner.reply(&bytes, &arrived.source);
        }
    }

    /// The next message that belongs to nothing the test has asked about.
    #[must_use]
    pub fn stray(&self, limit: Duration) -> Option<Arrived> {
        lock(&self.strays).recv_timeout(limit).ok()
    }

    /// How often the request of that branch came again after its first arrival.
    #[must_use]
    pub fn repeated(&self, branch: &str) -> u32 {
        lock(&self.inner.state).repeated.get(branch).copied().unwrap_or(0)
    }

    /// Fails the test if anything that arrived was not as a SIP message must be.
    #[track_caller]
    pub fn assert_clean(&self) {
        let faults = std::mem::take(&mut lock(&self.inner.state).faults);
        assert!(faults.is_empty(), "the server sent what it must not:\n{}", faults.join("\n----\n"));
    }

    /// The server has moved to another TCP address.
    pub fn set_server(&self, tcp: SocketAddr) {
        *lock(&self.inner.server_tcp) = tcp;
        self.disconnect();
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.inner.stop.store(true, Ordering::SeqCst);
        // Wake the threads up so that they see it.
        let _ = self.inner.udp.send_to(b"", self.inner.address);
        let _ = TcpStream::connect_timeout(&self.inner.address, Duration::from_millis(200));
        self.disconnect();
        for stream in lock(&self.inner.accepted).drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        if !std::thread::panicking() {
            self.assert_clean();
        }
    }
}

fn response_bytes(request: &Message, answer: &Answer) -> Option<Vec<u8>> {
    let (status, reason, headers) = match answer {
        Answer::Message(response) => return Some(response.encode()),
        Answer::Ok => (200, "OK", &[][..]),
        Answer::Status(status, reason, headers) => (*status, *reason, &headers[..]),
        Answer::Silence => return None,
    };
    let mut response = Message::response(request, status, reason, &unique("t"));
    response.headers.extend_from_slice(headers);
    Some(response.encode())
}

impl Inner {
    fn read_udp(self: Arc<Self>) {
        let mut buffer = vec![0; 65536];
        while !self.stop.load(Ordering::SeqCst) {
            // A refused datagram (the server is down) shows as an error here: not of interest.
            let Ok((length, from)) = self.udp.recv_from(&mut buffer) else { continue };
            if length > 4 {
                self.arrived(&buffer[..length], Source::Udp(from));
            }
        }
    }

    fn accept(self: Arc<Self>, listener: &TcpListener) {
        while let Ok((stream, _)) = listener.accept() {
            if self.stop.load(Ordering::SeqCst) {
                return;
            }
            let stream = Arc::new(stream);
            lock(&self.accepted).push(Arc::clone(&stream));
            let reader = Arc::clone(&self);
            std::thread::spawn(move || reader.read_tcp(stream));
        }
    }

    /// Cuts a stream into messages by Content-Length (RFC 3261 18.3).
    fn read_tcp(self: Arc<Self>, stream: Arc<TcpStream>) {
        let (mut data, mut chunk) = (Vec::new(), [0; 16384]);
        loop {
            let Ok(count @ 1..) = (&*stream).read(&mut chunk) else { return self.closed(&stream) };
            data.extend_from_slice(&chunk[..count]);
            loop {
                let skip = data.iter().take_while(|b| **b == b'\r' || **b == b'\n').count();
                data.drain(..skip);
                let Some(head) = data.windows(4).position(|w| w == b"\r\n\r\n") else { break };
                let text = String::from_utf8_lossy(&data[..head]).to_ascii_lowercase();
                let length = text
                    .lines()
                    .find_map(|l| l.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
                let Some(length) = length else {
                    self.fault("a message without Content-Length on TCP", &data[..head]);
                    return;
                };
                if data.len() < head + 4 + length {
                    break;
                }
                let message: Vec<u8> = data.drain(..head + 4 + length).collect();
                self.arrived(&message, Source::Tcp(Arc::clone(&stream)));
            }
        }
    }

    /// The peer has closed a connection: the next request opens another.
    fn closed(&self, stream: &Arc<TcpStream>) {
        let mut slot = lock(&self.connection);
        if slot.as_ref().is_some_and(|own| Arc::ptr_eq(own, stream)) {
            *slot = None;
        }
    }

    fn send_tcp(self: &Arc<Self>, bytes: &[u8], to: SocketAddr) {
        let mut slot = lock(&self.connection);
        if slot.as_ref().is_some_and(|stream| (&**stream).write_all(bytes).is_ok()) {
            return;
        }
        let to = if to.port() == 0 { *lock(&self.server_tcp) } else { to };
        let Ok(stream) = TcpStream::connect(to) else { return };
        let _ = stream.set_nodelay(true);
        let stream = Arc::new(stream);
        let _ = (&*stream).write_all(bytes);
        *slot = Some(Arc::clone(&stream));
        let reader = Arc::clone(self);
        std::thread::spawn(move || reader.read_tcp(stream));
    }

    fn reply(&self, bytes: &[u8], to: &Source) {
        let _ = match to {
            Source::Udp(address) => self.udp.send_to(bytes, address).map(|_| ()),
            Source::Tcp(stream) => (&**stream).write_all(bytes),
        };
    }

    fn fault(&self, what: &str, bytes: &[u8]) {
        lock(&self.state).faults.push(format!("{what}\n{}", String::from_utf8_lossy(bytes)));
    }

    fn arrived(&self, bytes: &[u8], source: Source) {
        let message = match Message::parse(bytes) {
            Ok(message) => message,
            Err(why) => return self.fault(&why, bytes),
        };
        if let Err(why) = check(&message, bytes) {
            self.fault(&why, bytes);
        }
        let arrived = Arrived { message, source };
        match arrived.message.start {
            Start::Response { .. } => self.response(arrived),
            Start::Request { .. } => self.request(arrived),
        }
    }

    fn response(&self, arrived: Arrived) {
        let key = (arrived.message.branch(), arrived.message.method().to_owned());
        let waiter = lock(&self.state).waiters.get(&key).cloned();
        // A receiver that is gone has lost interest.
        let _ = waiter.unwrap_or_else(|| self.strays.clone()).send(arrived);
    }

    fn request(&self, arrived: Arrived) {
        let branch = arrived.message.branch();
        let mut state = lock(&self.state);
        if let Some(earlier) = state.answered.get(&branch).cloned() {
            *state.repeated.entry(branch).or_default() += 1;
            drop(state);
            if let Some(bytes) = earlier {
                self.reply(&bytes, &arrived.source);
            }
            return;
        }
        let State { dialogs, others, .. } = &mut *state;
        let (answer, sender) = match (dialogs.get_mut(arrived.message.call_id()), others) {
            (Some(dialog), _) => ((dialog.script)(&arrived.message), dialog.sender.clone()),
            (None, Some(script)) => (script(&arrived.message), self.strays.clone()),
            (None, None) => {
                (Answer::Status(481, "Call/Transaction Does Not Exist", Vec::new()), self.strays.clone())
            }
        };
        let bytes = response_bytes(&arrived.message, &answer);
        state.answered.insert(branch, bytes.clone());
        drop(state);
        if let Some(bytes) = bytes {
            self.reply(&bytes, &arrived.source);
        }
        let _ = sender.send(arrived);
    }
}
