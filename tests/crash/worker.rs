//! One presentity under load: a publisher, its watchers, and the ledger of what was acknowledged.

use rollcall_tests::phone::PIDF;
use rollcall_tests::rng::Rng;
use rollcall_tests::{LIMIT, Message, Notify, Phone, Pidf, Subscription};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A subscription and what it has seen.
struct Watch<'a> {
    subscription: Subscription<'a>,
    cseq: u32,
    /// Number of the last state seen.
    seen: u64,
}

/// What was sent and not answered when the server went away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unanswered {
    Nothing,
    /// A modification to this state.
    Modify(u64),
    /// A refresh of the publication.
    Refresh,
    /// A SUBSCRIBE, for which either outcome is right.
    Subscribe,
}

/// A publisher and its watchers.
pub struct Worker<'a> {
    number: usize,
    phone: &'a Phone,
    watcher: &'a Phone,
    rng: Rng,
    presentity: String,
    generation: u32,
    /// The last tag acknowledged.
    etag: String,
    /// Number of the last state acknowledged.
    state: u64,
    unanswered: Unanswered,
    watches: Vec<Watch<'a>>,
    /// Requests answered 2xx so far.
    pub acknowledged: u64,
}

impl<'a> Worker<'a> {
    /// A worker with a first publication and two watchers.
    pub fn new(number: usize, phone: &'a Phone, watcher: &'a Phone, seed: u64) -> Self {
        let mut worker = Self {
            number,
            phone,
            watcher,
            rng: Rng::new(seed),
            presentity: String::new(),
            generation: 0,
            etag: String::new(),
            state: 0,
            unanswered: Unanswered::Nothing,
            watches: Vec::new(),
            acknowledged: 0,
        };
        worker.begin();
        worker
    }

    /// A presentity of its own, published and watched.
    fn begin(&mut self) {
        self.generation += 1;
        self.presentity = format!("sip:user-{}-{}@example.com", self.number, self.generation);
        self.state += 1;
        let initial = self.publish().body(PIDF, self.document(self.state));
        self.etag = self.phone.send(&initial).expect(200).etag();
        self.watches.clear();
        for _ in 0..2 {
            self.watch();
        }
        self.acknowledged += 3;
    }

    fn watch(&mut self) {
        let request = self.watcher.subscribe_request(&self.presentity);
        let mut subscription = self.watcher.subscribe_with(request);
        let first = subscription.notify();
        let (cseq, seen) = (first.message().cseq(), state_of(&first));
        assert_eq!(seen, self.state, "{}: a new watcher sees the latest state", self.presentity);
        self.watches.push(Watch { subscription, cseq, seen });
    }

    fn publish(&self) -> Message {
        let identity = format!("<{}>", self.presentity);
        self.phone
            .publish_for(&self.presentity)
            .with("From", format!("{identity};tag=f"))
            .with("P-Asserted-Identity", identity)
            .with("Expires", "3600")
    }

    fn document(&self, state: u64) -> String {
        Pidf::of(&self.presentity).tuple("t1", "open").note(&format!("state {state}")).text()
    }

    /// Sends requests, one after the other, until the server is gone.
    pub fn work(&mut self, gone: &AtomicBool) {
        self.unanswered = Unanswered::Nothing;
        while !gone.load(Ordering::SeqCst) && self.unanswered == Unanswered::Nothing {
            match self.rng.below(10) {
                0..7 => self.modify(gone),
                7 => self.refresh(gone),
                _ => self.resubscribe(gone),
            }
            self.look();
        }
    }

    fn modify(&mut self, gone: &AtomicBool) {
        let next = self.state + 1;
        let request = self.publish().with("SIP-If-Match", self.etag.as_str());
        match self.send(&request.body(PIDF, self.document(next)), gone) {
            Some(answer) if answer.status() == 200 => (self.etag, self.state) = (answer.etag(), next),
            Some(answer) => stopping(&answer),
            None => self.unanswered = Unanswered::Modify(next),
        }
    }

    fn refresh(&mut self, gone: &AtomicBool) {
        let request = self.publish().with("SIP-If-Match", self.etag.as_str());
        match self.send(&request, gone) {
            Some(answer) if answer.status() == 200 => self.etag = answer.etag(),
            Some(answer) => stopping(&answer),
            None => self.unanswered = Unanswered::Refresh,
        }
    }

    fn resubscribe(&mut self, gone: &AtomicBool) {
        let index = usize::try_from(self.rng.below(2)).unwrap_or(0);
        let request = self.watches[index].subscription.request(3600);
        self.watches[index].subscription.skip_cseq();
        match self.send(&request, gone) {
            Some(answer) if answer.status() == 200 => {}
            Some(answer) => stopping(&answer),
            None => self.unanswered = Unanswered::Subscribe,
        }
    }

    /// Sends one request; none if the server goes away before it answers. Nothing is sent twice,
    /// so that what is unanswered stays what it was.
    fn send(&mut self, request: &Message, gone: &AtomicBool) -> Option<Message> {
        let transaction =
            if request.method() == "PUBLISH" { self.phone } else { self.watcher }.begin(request);
        let start = Instant::now();
        loop {
            // Once more after the end: the answer may have been on its way.
            let over = gone.load(Ordering::SeqCst);
            if let Some(arrived) = transaction.next(Duration::from_millis(if over { 50 } else { 5 })) {
                if arrived.message.status() == 200 {
                    self.acknowledged += 1;
                }
                return Some(arrived.message);
            }
            if over {
                return None;
            }
            assert!(start.elapsed() < LIMIT, "a living server does not answer:\n{request}");
        }
    }

    /// Looks at the NOTIFYs that have come. Neither CSeq nor the state goes back.
    fn look(&mut self) {
        for watch in &mut self.watches {
            for notify in watch.subscription.arrived() {
                watch.take(&notify);
            }
        }
    }

    /// Compares what the server has after its start with the ledger.
    pub fn check(&mut self, when: &str, orderly: bool) {
        if !orderly {
            for watch in &mut self.watches {
                watch.subscription.allow_gap();
            }
        }
        let who = format!("{when}: {}, unanswered {:?}", self.presentity, self.unanswered);
        let answer = self.phone.send(&self.publish().with("SIP-If-Match", self.etag.as_str()));
        let replaced = match (answer.status(), self.unanswered) {
            (200, _) => {
                self.etag = answer.etag();
                false
            }
            (412, Unanswered::Modify(state)) => {
                self.state = state;
                true
            }
            (412, Unanswered::Refresh) => true,
            _ => panic!("{who}: the tag {} was acknowledged and is gone:\n{answer}", self.etag),
        };
        // Every watcher has the latest state, or gets it without asking.
        for watch in &mut self.watches {
            let start = Instant::now();
            while watch.seen != self.state {
                match watch.subscription.try_notify(LIMIT.saturating_sub(start.elapsed())) {
                    Some(notify) => watch.take(&notify),
                    None => panic!("{who}: state {} never came, {} was the last", self.state, watch.seen),
                }
                assert!(watch.seen <= self.state, "{who}: state {} was never acknowledged", watch.seen);
            }
        }
        // Every dialog is there and goes on. The unanswered SUBSCRIBE may have used its CSeq.
        for watch in &mut self.watches {
            watch.subscription.skip_cseq();
            let answer = self.watcher.send(&watch.subscription.request(3600));
            watch.subscription.skip_cseq();
            assert_eq!(answer.status(), 200, "{who}: the subscription is gone:\n{answer}");
            let cseq = watch.cseq;
            let notify = watch.subscription.notify();
            watch.take(&notify);
            assert!(watch.cseq > cseq, "{who}: CSeq");
            assert_eq!(watch.seen, self.state, "{who}: what a refresh shows");
        }
        if replaced {
            // The tag of the answer that was lost is not known: begin anew.
            self.begin();
        }
    }
}

impl Watch<'_> {
    fn take(&mut self, notify: &Notify) {
        let message = notify.message();
        assert!(message.cseq() > self.cseq, "CSeq goes back from {}:\n{message}", self.cseq);
        assert_eq!(notify.state(), "active", "{message}");
        let state = state_of(notify);
        assert!(state >= self.seen, "older state after state {}:\n{message}", self.seen);
        (self.cseq, self.seen) = (message.cseq(), state);
    }
}

/// Number of the state that a NOTIFY shows.
fn state_of(notify: &Notify) -> u64 {
    let body = String::from_utf8_lossy(&notify.message().body);
    let number = body.split_once("state ").map(|(_, rest)| {
        rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().expect("a number")
    });
    number.unwrap_or_else(|| panic!("no state in:\n{}", notify.message()))
}

/// A server that stops in order may refuse what it has no time for, and nothing else.
fn stopping(answer: &Message) {
    assert_eq!(answer.status(), 503, "under load:\n{answer}");
}
