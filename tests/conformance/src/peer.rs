//! The driver's side of SIP: a UDP socket that sends requests with their retransmissions, and answers those of
//! the host.

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rollcall_tests::message::{Message, Start};

/// RFC 3261 17.1.1.1.
const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);

/// How requests of one Call-ID are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// With this status.
    Status(u16),
    /// Not at all.
    Silence,
}

type Waiters = HashMap<String, Sender<Message>>;
type Calls = HashMap<String, (Sender<Message>, Answer)>;

#[derive(Default)]
struct State {
    /// By branch.
    waiters: Waiters,
    /// By Call-ID.
    calls: Calls,
    /// Answers by branch, for retransmissions.
    answered: HashMap<String, Vec<u8>>,
}

/// A SIP element at the other end of the host's wire.
pub struct Peer {
    socket: UdpSocket,
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    stop: Arc<AtomicBool>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A word that nobody else has used, in this run or another one.
pub fn unique(stem: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    static RUN: std::sync::OnceLock<u64> = std::sync::OnceLock::new();
    let run = RUN.get_or_init(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        now.as_millis() as u64
    });
    format!("{stem}{run:x}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

impl Peer {
    /// Opens a socket on this address; port 0 for any.
    pub fn open(bind: SocketAddr) -> std::io::Result<Self> {
        let socket = UdpSocket::bind(bind)?;
        socket.set_read_timeout(Some(Duration::from_millis(200)))?;
        let address = socket.local_addr()?;
        let (state, stop) = (Arc::<Mutex<State>>::default(), Arc::<AtomicBool>::default());
        let reader = Reader { socket: socket.try_clone()?, state: Arc::clone(&state) };
        let stopped = Arc::clone(&stop);
        std::thread::spawn(move || reader.run(&stopped));
        Ok(Self { socket, address, state, stop })
    }

    /// Where the host reaches this peer.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A request that starts no dialog, ready to be sent.
    pub fn request(&self, uri: &str, body: &str) -> Message {
        let mut message = Message::request("MESSAGE", uri)
            .with("Via", format!("SIP/2.0/UDP {};branch={}", self.address, unique("z9hG4bK")))
            .with("Max-Forwards", "70")
            .with("From", format!("<sip:driver@{}>;tag={}", self.address, unique("f")))
            .with("To", format!("<{uri}>"))
            .with("Call-ID", unique("call-"))
            .with("CSeq", "1 MESSAGE")
            .with("Content-Type", "text/plain");
        message.body = body.into();
        message
    }

    /// Sends a request until it has its final response, or `limit` has passed.
    pub fn ask(&self, message: &Message, to: SocketAddr, limit: Duration) -> Result<Message, String> {
        let (sender, receiver) = channel();
        lock(&self.state).waiters.insert(message.branch(), sender);
        let done = self.wait(message, to, limit, &receiver);
        lock(&self.state).waiters.remove(&message.branch());
        done
    }

    fn wait(
        &self,
        message: &Message,
        to: SocketAddr,
        limit: Duration,
        receiver: &Receiver<Message>,
    ) -> Result<Message, String> {
        let bytes = message.encode();
        let (end, mut pause) = (Instant::now() + limit, T1);
        loop {
            // A host that is down refuses datagrams; the retransmission will show.
            let _ = self.socket.send_to(&bytes, to);
            let again = (Instant::now() + pause).min(end);
            loop {
                match receiver.recv_timeout(again.saturating_duration_since(Instant::now())) {
                    Ok(response) if response.status() < 200 => {}
                    Ok(response) => return Ok(response),
                    Err(RecvTimeoutError::Timeout) if again < end => break,
                    Err(_) => return Err(format!("no answer within {limit:?}")),
                }
            }
            pause = (pause * 2).min(T2);
        }
    }

    /// Sends a message once and does not wait.
    pub fn throw(&self, message: &Message, to: SocketAddr) {
        let _ = self.socket.send_to(&message.encode(), to);
    }

    /// Where requests of this Call-ID go from now on, and how they are answered.
    pub fn expect(&self, call_id: &str, answer: Answer) -> Receiver<Message> {
        let (sender, receiver) = channel();
        lock(&self.state).calls.insert(call_id.to_owned(), (sender, answer));
        receiver
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

struct Reader {
    socket: UdpSocket,
    state: Arc<Mutex<State>>,
}

impl Reader {
    fn run(&self, stop: &AtomicBool) {
        let mut buffer = vec![0; 65_536];
        while !stop.load(Ordering::Relaxed) {
            let Ok((length, from)) = self.socket.recv_from(&mut buffer) else { continue };
            // What is no SIP is not answered, and whoever waits for an answer will miss it.
            let Ok(message) = Message::parse(&buffer[..length]) else { continue };
            match message.start {
                Start::Response { .. } => {
                    if let Some(waiter) = lock(&self.state).waiters.get(&message.branch()) {
                        let _ = waiter.send(message);
                    }
                }
                Start::Request { .. } => self.request(message, from),
            }
        }
    }

    fn request(&self, message: Message, from: SocketAddr) {
        let branch = message.branch();
        let mut state = lock(&self.state);
        let bytes = if let Some(earlier) = state.answered.get(&branch) {
            earlier.clone()
        } else {
            let call = state.calls.get(message.call_id());
            let answer = call.map_or(Answer::Status(481), |(_, answer)| *answer);
            let Answer::Status(status) = answer else {
                // Its retransmissions count as requests: there may be an answer by then.
                if let Some((sender, _)) = call {
                    let _ = sender.send(message);
                }
                return;
            };
            let bytes = Message::response(&message, status, "As told", &unique("t")).encode();
            if let Some((sender, _)) = call {
                // Nobody may be waiting any more.
                let _ = sender.send(message);
            }
            state.answered.insert(branch, bytes.clone());
            bytes
        };
        drop(state);
        let _ = self.socket.send_to(&bytes, from);
    }
}
