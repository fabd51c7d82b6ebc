//! A registrar that knows everybody: grants every SUBSCRIBE and notifies of one contact.

use super::wire::{between, header, ok};
use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt::Write as _;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// After so long a NOTIFY without answer is sent again (RFC 3261 17.1.2.2, T1).
const AGAIN: Duration = Duration::from_millis(500);

/// Longest wait for answers.
const SETTLE: Duration = Duration::from_secs(20);

/// What was seen so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// SUBSCRIBEs granted, without those sent again.
    pub subscribes: u64,
    /// Those of them in a dialog.
    pub refreshes: u64,
    /// NOTIFYs answered 200.
    pub notified: u64,
    /// NOTIFYs answered otherwise.
    pub refused: u64,
    /// NOTIFYs sent, without those sent again.
    pub sent: u64,
    /// NOTIFYs sent once and answered more than once.
    pub answered_twice: u64,
}

impl Tally {
    /// What came between two looks.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        Self {
            subscribes: self.subscribes - before.subscribes,
            refreshes: self.refreshes - before.refreshes,
            notified: self.notified - before.notified,
            refused: self.refused - before.refused,
            sent: self.sent - before.sent,
            answered_twice: self.answered_twice - before.answered_twice,
        }
    }
}

struct Dialog {
    /// The URI that it is about.
    aor: String,
    /// From of the SUBSCRIBE.
    subscriber: String,
    /// Where NOTIFYs go.
    target: String,
    /// Highest CSeq of a SUBSCRIBE.
    subscribed: u32,
    /// CSeq of the last NOTIFY, and its document's version and number.
    notified: u32,
}

#[derive(Default)]
struct State {
    dialogs: HashMap<String, Dialog>,
    /// Call-IDs, in order of their first SUBSCRIBE.
    order: Vec<String>,
    /// NOTIFYs without answer: when sent, Call-ID, CSeq.
    open: VecDeque<(Instant, String, u32)>,
    answered: HashMap<String, u32>,
    /// NOTIFYs that were sent more than once.
    repeated: HashSet<(String, u32)>,
    tally: Tally,
    /// Users whose SUBSCRIBE was not heard, until one is.
    ignored: HashSet<String>,
}

struct Shared {
    socket: UdpSocket,
    granted: u32,
    state: Mutex<State>,
    alive: AtomicBool,
    rate: AtomicU32,
    ended: AtomicBool,
}

/// The registrar. Ends when it is dropped.
pub struct Registrar {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Registrar {
    /// Starts one that grants so many seconds.
    #[must_use]
    pub fn start(granted: u32) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a socket option");
        let shared = Arc::new(Shared {
            socket,
            granted,
            state: Mutex::default(),
            alive: AtomicBool::new(true),
            rate: AtomicU32::new(0),
            ended: AtomicBool::new(false),
        });
        let (reader, sender) = (Arc::clone(&shared), Arc::clone(&shared));
        let threads =
            vec![std::thread::spawn(move || reader.read()), std::thread::spawn(move || sender.tick())];
        Self { shared, threads }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.shared.socket.local_addr().expect("an address")
    }

    /// What was seen so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.shared.state().tally
    }

    /// Waits until every NOTIFY is answered, some seconds at most.
    pub fn settle(&self) {
        let begun = Instant::now();
        let open = || {
            let tally = self.tally();
            tally.sent > tally.notified + tally.refused
        };
        while open() && begun.elapsed() < SETTLE {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Hears nothing and says nothing until it is alive again.
    pub fn set_alive(&self, alive: bool) {
        self.shared.alive.store(alive, Ordering::Relaxed);
    }

    /// Users who were not heard and have not been since.
    #[must_use]
    pub fn ignored(&self) -> usize {
        self.shared.state().ignored.len()
    }

    /// So many users a second register again.
    pub fn register_again(&self, rate: u32) {
        self.shared.rate.store(rate, Ordering::Relaxed);
    }
}

impl Drop for Registrar {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
    }
}

impl Shared {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) {
        let mut buffer = vec![0; 65_536];
        while !self.ended.load(Ordering::Relaxed) {
            let Ok((length, from)) = self.socket.recv_from(&mut buffer) else { continue };
            let Some(text) = buffer.get(..length).and_then(|bytes| std::str::from_utf8(bytes).ok()) else {
                continue;
            };
            if let Some(status) = text.strip_prefix("SIP/2.0 ") {
                self.answered(text, status.starts_with("200"));
            } else if text.starts_with("SUBSCRIBE ") {
                self.subscribe(text, from);
            }
        }
    }

    fn answered(&self, text: &str, taken: bool) {
        let cseq = header(text, "CSeq").and_then(|value| value.split(' ').next()?.parse::<u32>().ok());
        let (Some(call_id), Some(cseq)) = (header(text, "Call-ID"), cseq) else { return };
        if !self.alive.load(Ordering::Relaxed) {
            return;
        }
        let mut state = self.state();
        let last = state.answered.entry(call_id.to_owned()).or_default();
        if cseq <= *last {
            let again = *last == cseq && !state.repeated.contains(&(call_id.to_owned(), cseq));
            state.tally.answered_twice += u64::from(again);
            return;
        }
        *last = cseq;
        if taken {
            state.tally.notified += 1;
        } else {
            state.tally.refused += 1;
        }
    }

    fn subscribe(&self, text: &str, from: SocketAddr) {
        let field = |name: &str| header(text, name).unwrap_or_default().to_owned();
        let (call_id, to) = (field("Call-ID"), field("To"));
        let aor = between(&to, "<", &['>']).unwrap_or(&to).to_owned();
        let mut state = self.state();
        if !self.alive.load(Ordering::Relaxed) {
            state.ignored.insert(aor);
            return;
        }
        state.ignored.remove(&aor);
        let cseq = field("CSeq").split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0);
        let target = field("Contact");
        let target = between(&target, "<", &['>']).unwrap_or(&target).to_owned();
        let mut answer = String::new();
        ok(&mut answer, text);
        let own = self.socket.local_addr().expect("an address");
        let tagged = if to.contains(";tag=") { to.clone() } else { format!("{to};tag=r") };
        let answer = answer.replacen(&format!("To: {to}\r\n"), &format!("To: {tagged}\r\n"), 1).replacen(
            "Content-Length",
            &format!("Expires: {}\r\nContact: <sip:{own}>\r\nContent-Length", self.granted),
            1,
        );
        let _ = self.socket.send_to(answer.as_bytes(), from);
        let known = state.dialogs.get(&call_id).map(|dialog| dialog.subscribed);
        if known.is_some_and(|known| known >= cseq) {
            return;
        }
        state.tally.subscribes += 1;
        if known.is_some() {
            state.tally.refreshes += 1;
        } else {
            state.order.push(call_id.clone());
        }
        let subscriber = field("From");
        let notified = state.dialogs.get(&call_id).map_or(0, |dialog| dialog.notified);
        state.dialogs.insert(call_id.clone(), Dialog { aor, subscriber, target, subscribed: cseq, notified });
        self.notify(&mut state, &call_id, true);
    }

    /// Sends a NOTIFY, the next one or the last one again.
    fn notify(&self, state: &mut State, call_id: &str, next: bool) {
        let own = self.socket.local_addr().expect("an address");
        let Some(dialog) = state.dialogs.get_mut(call_id) else { return };
        dialog.notified += u32::from(next);
        if next {
            state.tally.sent += 1;
        } else {
            state.repeated.insert((call_id.to_owned(), dialog.notified));
        }
        let Dialog { aor, subscriber, target, notified: cseq, .. } = dialog;
        let version = *cseq - 1;
        let event = if *cseq == 1 { "registered" } else { "refreshed" };
        let body = format!(
            "<?xml version=\"1.0\"?>\n<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"{version}\" state=\"full\">\
             <registration aor=\"{aor}\" id=\"r1\" state=\"active\"><contact id=\"c1\" state=\"active\" event=\"{event}\" \
             duration-registered=\"{}\" q=\"0.8\"><uri>sip:user@192.0.2.7:5060</uri></contact></registration></reginfo>\n",
            60 * version
        );
        let mut request = String::with_capacity(1_024);
        let _ = write!(
            request,
            "NOTIFY {target} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{call_id}.{cseq}\r\nMax-Forwards: 70\r\n\
             From: <{aor}>;tag=r\r\nTo: {subscriber}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} NOTIFY\r\nContact: <sip:{own}>\r\n\
             Event: reg\r\nSubscription-State: active;expires={}\r\nContent-Type: application/reginfo+xml\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.granted,
            body.len()
        );
        let address =
            target.rsplit('@').next().and_then(|host| host.split(';').next()?.parse::<SocketAddr>().ok());
        if let Some(address) = address {
            let _ = self.socket.send_to(request.as_bytes(), address);
        }
        let cseq = *cseq;
        state.open.push_back((Instant::now(), call_id.to_owned(), cseq));
    }

    /// Sends NOTIFYs again, and those of users who register again.
    fn tick(&self) {
        let (mut owed, mut next) = (0.0, 0);
        let mut last = Instant::now();
        while !self.ended.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(10));
            owed += f64::from(self.rate.load(Ordering::Relaxed)) * last.elapsed().as_secs_f64();
            last = Instant::now();
            let mut state = self.state();
            while state.open.front().is_some_and(|(sent, ..)| sent.elapsed() >= AGAIN) {
                let Some((_, call_id, cseq)) = state.open.pop_front() else { break };
                let answered = state.answered.get(&call_id).is_some_and(|answered| *answered >= cseq);
                let newest = state.dialogs.get(&call_id).is_some_and(|dialog| dialog.notified == cseq);
                if !answered && newest && self.alive.load(Ordering::Relaxed) {
                    self.notify(&mut state, &call_id, false);
                }
            }
            while owed >= 1.0 && !state.order.is_empty() {
                owed -= 1.0;
                next = (next + 1) % state.order.len();
                let call_id = state.order.get(next).cloned().unwrap_or_default();
                self.notify(&mut state, &call_id, true);
            }
        }
    }
}
