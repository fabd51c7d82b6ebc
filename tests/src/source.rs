//! A scripted source of presence outside, on real sockets: a registrar or another community. It takes the server's
//! SUBSCRIBEs, answers as the test wants, and notifies in its dialogs; all of it without the server's own code.

use crate::endpoint::{Answer, Arrived, Source as Origin, Transport};
use crate::message::{Message, tag};
use crate::phone::Phone;
use crate::{LIMIT, Server};
use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

mod decider;
mod digest;
mod worker;

pub use digest::Digest;

use decider::Decider;
use worker::{Worker, toward};

/// The server's own identity at sources, unless a test sets another.
pub const SUPER_USER: &str = "sip:presence@example.com";
/// Time that goes on at once at the most, well below the 32 seconds after which SIP takes silence for an answer.
const PIECE: Duration = Duration::from_secs(4);
/// Stands for the version in the text of a body.
pub const VERSION: &str = "$VERSION";

/// A SUBSCRIBE that has arrived.
#[derive(Clone, Debug)]
pub struct Subscribe {
    /// The request.
    pub message: Message,
    /// What it was answered with; 0 if it was not.
    pub status: u16,
    /// When it arrived.
    pub at: Instant,
}

impl Subscribe {
    /// The Request-URI.
    #[must_use]
    pub fn resource(&self) -> &str {
        self.message.uri()
    }

    /// True if it is not within a dialog.
    #[must_use]
    pub fn is_initial(&self) -> bool {
        tag(self.message.header("To").unwrap_or_default()).is_none()
    }

    /// Fails the test unless it is the first of a dialog, for that resource, and has the status.
    #[track_caller]
    pub fn expect_initial(self, resource: &str, status: u16) -> Self {
        assert!(self.is_initial(), "{}", self.message);
        assert_eq!(self.resource(), resource, "{}", self.message);
        assert_eq!(self.status, status, "the answer to\n{}", self.message);
        self
    }

    /// Fails the test unless it is one within the dialog that `first` has made, and the next in it.
    #[track_caller]
    pub fn expect_next_after(self, first: &Self) -> Self {
        assert!(!self.is_initial(), "{}", self.message);
        assert_eq!(self.message.call_id(), first.message.call_id(), "the same dialog");
        assert!(
            self.message.cseq() > first.message.cseq(),
            "CSeq grows (RFC 3261 12.2.1.1): {}",
            self.message
        );
        self
    }
}

/// A dialog that a SUBSCRIBE has made: the notifier's side.
#[derive(Clone, Debug)]
struct Dialog {
    resource: String,
    call_id: String,
    /// Ours, with tag.
    local: String,
    /// Theirs, with tag.
    remote: String,
    target: String,
    event: String,
    /// Their last CSeq.
    seen: u32,
    /// Our last CSeq.
    cseq: u32,
    /// Documents sent.
    documents: u32,
    until: Instant,
    transport: Transport,
}

#[derive(Default)]
struct State {
    bodies: HashMap<String, (String, String)>,
    dialogs: Vec<Dialog>,
    /// Answers to the next SUBSCRIBEs outside of a dialog or in one.
    next: VecDeque<Answer>,
    /// Answer to all of them.
    always: Option<Answer>,
    silent: bool,
    mute: bool,
    early: bool,
    grant: Option<u32>,
    least: u32,
    digest: Option<Digest>,
    /// What was decided about each request, by branch.
    decided: HashMap<String, (u16, Instant, Option<Message>)>,
    ahead: Duration,
    /// SUBSCRIBEs whose NOTIFY is still to come.
    busy: usize,
    faults: Vec<String>,
}

impl State {
    fn now(&self) -> Instant {
        Instant::now() + self.ahead
    }
}

/// A scripted source.
pub struct Source {
    event: &'static str,
    phone: Phone,
    state: Arc<Mutex<State>>,
    seen: Mutex<Receiver<Subscribe>>,
    stop: Arc<AtomicBool>,
    worker: Option<JoinHandle<()>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Source {
    /// A registrar that tells of registrations (RFC 3680).
    #[must_use]
    pub fn registrar() -> Self {
        Self::registrar_at(Ipv4Addr::LOCALHOST.into())
    }

    /// As above, on another address of this machine.
    #[must_use]
    pub fn registrar_at(ip: IpAddr) -> Self {
        Self::open(ip, "reg")
    }

    /// Another community that tells of presence (RFC 3856).
    #[must_use]
    pub fn community() -> Self {
        Self::open(Ipv4Addr::LOCALHOST.into(), "presence")
    }

    fn open(ip: IpAddr, event: &'static str) -> Self {
        let phone = Phone::of_nobody(ip);
        let state = Arc::new(Mutex::new(State::default()));
        let decider = Decider { event, contact: phone.contact(), state: Arc::clone(&state) };
        phone.endpoint().serve(Box::new(move |request| decider.answer(request)));
        let (sender, seen) = channel();
        let stop = Arc::new(AtomicBool::new(false));
        let worker = Worker {
            phone: phone.also(phone.identity()),
            state: Arc::clone(&state),
            seen: sender,
            stop: Arc::clone(&stop),
        };
        let worker = Some(std::thread::spawn(move || worker.run()));
        Self { event, phone, state, seen: Mutex::new(seen), stop, worker }
    }

    /// Its URI, for `target`.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("sip:{}", self.phone.address())
    }

    /// What the configuration says of it.
    #[must_use]
    pub fn entry(&self, name: &str) -> toml::Table {
        let mut entry = toml::Table::new();
        entry.insert("name".to_owned(), name.into());
        entry.insert("target".to_owned(), self.uri().into());
        entry
    }

    /// What it tells of a resource from now on: type and text, with [`VERSION`] for the version. Dialogs that are
    /// there are not notified.
    pub fn knows(&self, resource: &str, kind: &str, text: &str) {
        lock(&self.state).bodies.insert(resource.to_owned(), (kind.to_owned(), text.to_owned()));
    }

    /// As [`Source::knows`], and notifies the dialog; the NOTIFY has to be taken.
    #[track_caller]
    pub fn tells(&self, resource: &str, kind: &str, text: &str) {
        self.knows(resource, kind, text);
        let answer = self.notify(resource);
        assert_eq!(answer.status(), 200, "{answer}");
    }

    /// A NOTIFY with what it knows of a resource, in its dialog; gives the answer.
    #[track_caller]
    pub fn notify(&self, resource: &str) -> Message {
        self.send(&self.notification(resource, None))
    }

    /// A NOTIFY with another Subscription-State and without body, in the dialog of a resource. One that ends the
    /// subscription ends the dialog here, too. Gives the answer.
    #[track_caller]
    pub fn notify_state(&self, resource: &str, state: &str) -> Message {
        let request = self.notification(resource, Some(state));
        let answer = self.send(&request);
        if state.starts_with("terminated") {
            lock(&self.state).dialogs.retain(|dialog| dialog.call_id != request.call_id());
        }
        answer
    }

    /// The next NOTIFY in the dialog of a resource, to be changed and sent with [`Source::send`].
    #[track_caller]
    #[must_use]
    pub fn notification(&self, resource: &str, subscription_state: Option<&str>) -> Message {
        let mut state = lock(&self.state);
        let (now, bodies) = (state.now(), state.bodies.clone());
        let dialog = state.dialogs.iter_mut().rev().find(|dialog| dialog.resource == resource);
        let Some(dialog) = dialog else { panic!("nobody is subscribed to {resource}") };
        dialog.notify(&self.phone, subscription_state, bodies.get(resource), now)
    }

    /// Sends a NOTIFY to where its Request-URI leads; gives the answer.
    #[track_caller]
    pub fn send(&self, notify: &Message) -> Message {
        toward(&self.phone, notify).send(notify)
    }

    /// The next SUBSCRIBE; fails the test if none comes.
    #[track_caller]
    pub fn subscribe(&self) -> Subscribe {
        match self.try_subscribe(LIMIT) {
            Some(subscribe) => subscribe,
            None => panic!("no SUBSCRIBE within {LIMIT:?}"),
        }
    }

    /// The next SUBSCRIBE, if one comes within the limit.
    #[must_use]
    pub fn try_subscribe(&self, limit: Duration) -> Option<Subscribe> {
        self.assert_clean();
        lock(&self.seen).recv_timeout(limit).ok()
    }

    /// Fails the test if a SUBSCRIBE is there or comes within a moment. The server has to have been seen doing
    /// something that would have come after it.
    #[track_caller]
    pub fn assert_quiet(&self) {
        if let Some(subscribe) = self.try_subscribe(Duration::from_millis(100)) {
            panic!("a SUBSCRIBE that nobody expects:\n{}", subscribe.message);
        }
    }

    /// Answers the next SUBSCRIBE so.
    pub fn answer_next(&self, answer: Answer) {
        lock(&self.state).next.push_back(answer);
    }

    /// Answers all SUBSCRIBEs so; none: as it should.
    pub fn answer_all(&self, answer: Option<Answer>) {
        lock(&self.state).always = answer;
    }

    /// From now on nothing is answered, or everything again.
    pub fn silent(&self, silent: bool) {
        lock(&self.state).silent = silent;
    }

    /// From now on no NOTIFY follows a SUBSCRIBE by itself, or one does again.
    pub fn mute(&self, mute: bool) {
        lock(&self.state).mute = mute;
    }

    /// From now on the first NOTIFY comes before the answer to the SUBSCRIBE (RFC 6665 4.4.1).
    pub fn notify_early(&self) {
        lock(&self.state).early = true;
    }

    /// Grants no more seconds than that.
    pub fn grant(&self, seconds: u32) {
        lock(&self.state).grant = Some(seconds);
    }

    /// Refuses less than that with 423.
    pub fn least(&self, seconds: u32) {
        lock(&self.state).least = seconds;
    }

    /// Asks for credentials.
    pub fn challenge(&self, digest: Digest) {
        lock(&self.state).digest = Some(digest);
    }

    /// Forgets all dialogs, as after a restart.
    pub fn forget(&self) {
        lock(&self.state).dialogs.clear();
    }

    /// Subscriptions that are there.
    #[must_use]
    pub fn subscriptions(&self) -> usize {
        lock(&self.state).dialogs.len()
    }

    /// Time goes on for the server and its sources, a little at a time, so that whatever becomes due is done when it
    /// is due.
    #[track_caller]
    pub fn advance(server: &Server, sources: &[&Self], by: Duration) {
        let piece = if by > Duration::from_secs(1200) { Duration::from_secs(30) } else { PIECE };
        let mut left = by;
        while !left.is_zero() {
            let step = left.min(piece);
            Self::settle(server, sources);
            for source in sources {
                lock(&source.state).ahead += step;
            }
            server.move_clock(step);
            left -= step;
        }
        Self::settle(server, sources);
    }

    /// As [`Server::settle`]: time that goes on meanwhile would count as silence of the one or the other.
    fn settle(server: &Server, sources: &[&Self]) {
        // What a silent source was sent hangs. It is about one presentity in all tests.
        let silent = sources.iter().filter(|source| lock(&source.state).silent).count();
        let busy = || sources.iter().any(|source| lock(&source.state).busy > 0);
        server.settle(silent.try_into().unwrap_or(u32::MAX), busy);
    }

    /// The phone that it is made of.
    #[must_use]
    pub fn phone(&self) -> &Phone {
        &self.phone
    }

    /// The event package.
    #[must_use]
    pub fn event(&self) -> &str {
        self.event
    }

    /// Fails the test if anything that arrived was not as it must be.
    #[track_caller]
    pub fn assert_clean(&self) {
        let faults = std::mem::take(&mut lock(&self.state).faults);
        assert!(faults.is_empty(), "{}", faults.join("\n----\n"));
        self.phone.endpoint().assert_clean();
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(worker) = self.worker.take() {
            let _ = worker.join();
        }
        if !std::thread::panicking() {
            self.assert_clean();
        }
    }
}

/// Where a request came from, as an address of this machine.
#[must_use]
pub fn came_over_tcp(arrived: &Arrived) -> bool {
    matches!(arrived.source, Origin::Tcp(_))
}
