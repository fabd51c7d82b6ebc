//! Subscriptions to an address that passes from person to person, while the server is killed.

use rollcall_tests::phone::PIDF;
use rollcall_tests::rng::Rng;
use rollcall_tests::{LIMIT, Message, Notify, Phone, Pidf, Server, Subscription};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// People that an address can belong to.
const PEOPLE: usize = 3;
/// Subscriptions to each address.
const WATCHES: usize = 3;

/// A map in which each address belongs to a person drawn by lot; gives which.
pub fn draw_map(folder: &Path, addresses: usize, rng: &mut Rng) -> Vec<usize> {
    let owners: Vec<usize> = (0..addresses).map(|_| draw(rng, PEOPLE)).collect();
    let row = |(number, owner): (usize, &usize)| {
        format!("\"{}\": [\"{}\"]", identity(number, *owner), address(number))
    };
    let rows: Vec<String> = owners.iter().enumerate().map(row).collect();
    std::fs::write(folder.join("new"), format!("{{{}}}", rows.join(",\n"))).expect("write a map");
    std::fs::rename(folder.join("new"), folder.join("map.json")).expect("replace the map");
    owners
}

fn draw(rng: &mut Rng, below: usize) -> usize {
    usize::try_from(rng.below(below as u64)).unwrap_or(0)
}

fn address(number: usize) -> String {
    format!("sip:desk-{number}@example.com")
}

fn identity(number: usize, person: usize) -> String {
    format!("sip:person-{number}-{person}@example.com")
}

struct Watch<'a> {
    subscription: Subscription<'a>,
    cseq: u32,
    /// The person seen last.
    person: usize,
    /// The newest state seen of each.
    states: [u64; PEOPLE],
}

/// An address, the people who may have it, and those who watch it.
pub struct Mover<'a> {
    number: usize,
    phone: &'a Phone,
    rng: Rng,
    /// Entity-tag and number of the state of each person.
    people: [(String, u64); PEOPLE],
    watches: Vec<Watch<'a>>,
    /// Subscriptions that were elsewhere when a round ended, SUBSCRIBEs answered 500 meanwhile.
    pub moves: u64,
    pub put_off: u64,
}

impl<'a> Mover<'a> {
    /// Everybody has published, and the address is watched.
    pub fn new(number: usize, phone: &'a Phone, seed: u64) -> Self {
        let (rng, people) = (Rng::new(seed), Default::default());
        let mut mover = Self { number, phone, rng, people, watches: Vec::new(), moves: 0, put_off: 0 };
        (0..PEOPLE).for_each(|person| mover.publish(person));
        for _ in 0..WATCHES {
            let mut subscription = phone.subscribe(&address(number));
            let notify = subscription.notify();
            let mut watch = Watch { subscription, cseq: 0, person: 0, states: [0; PEOPLE] };
            watch.take(&notify);
            mover.watches.push(watch);
        }
        mover
    }

    /// The person's next state.
    fn publish(&mut self, person: usize) {
        let identity = identity(self.number, person);
        let (etag, state) = &mut self.people[person];
        *state += 1;
        let body = Pidf::of(&identity).tuple("t1", "open").note(&format!("state {person}/{state}")).text();
        let mut request = self
            .phone
            .publish_for(&identity)
            .with("From", format!("<{identity}>;tag=f"))
            .with("P-Asserted-Identity", format!("<{identity}>"))
            .with("Expires", "3600");
        if !etag.is_empty() {
            request = request.with("SIP-If-Match", etag.as_str());
        }
        *etag = self.phone.send(&request.body(PIDF, body)).expect(200).etag();
    }

    /// Refreshes subscriptions, one after the other, until the server is gone.
    pub fn work(&mut self, gone: &AtomicBool) {
        while !gone.load(Ordering::SeqCst) {
            let which = draw(&mut self.rng, WATCHES);
            let request = self.watches[which].subscription.request(3600);
            self.watches[which].subscription.skip_cseq();
            match self.send(&request, gone) {
                Some(answer) if answer.status() == 500 => self.put_off(&answer),
                Some(answer) => assert!(matches!(answer.status(), 200 | 503), "under load:\n{answer}"),
                None => return,
            }
            for watch in &mut self.watches {
                watch.subscription.allow_gap();
                watch.subscription.arrived().iter().for_each(|notify| watch.take(notify));
            }
        }
    }

    /// On its way, a subscription is put off, never denied.
    fn put_off(&mut self, answer: &Message) {
        assert_eq!((answer.status(), answer.header("Retry-After")), (500, Some("1")), "{answer}");
        self.put_off += 1;
    }

    /// Sends one request; none if the server goes away before it answers.
    fn send(&self, request: &Message, gone: &AtomicBool) -> Option<Message> {
        let transaction = self.phone.begin(request);
        let start = Instant::now();
        loop {
            // Once more after the end: the answer may have been on its way.
            let over = gone.load(Ordering::SeqCst);
            if let Some(arrived) = transaction.next(Duration::from_millis(if over { 50 } else { 5 })) {
                return Some(arrived.message);
            }
            if over {
                return None;
            }
            assert!(start.elapsed() < LIMIT, "a living server does not answer:\n{request}");
        }
    }

    /// After a start: every subscription is there, goes with its refresh to the person who has the address now,
    /// gets that person's state then and later, and is in one place only.
    pub fn check(&mut self, server: &Server, owner: usize, when: &str) {
        let who = format!("{when}: {} belongs to {owner}", address(self.number));
        let state = self.people[owner].1;
        for which in 0..WATCHES {
            // The unanswered SUBSCRIBE may have used its CSeq.
            self.watches[which].subscription.skip_cseq();
            let start = Instant::now();
            loop {
                let answer = self.phone.send(&self.watches[which].subscription.request(3600));
                self.watches[which].subscription.skip_cseq();
                if answer.status() == 200 {
                    break;
                }
                assert_eq!(answer.status(), 500, "{who}: the subscription is gone:\n{answer}");
                self.put_off(&answer);
                assert!(start.elapsed() < LIMIT, "{who}: put off for ever");
                std::thread::sleep(Duration::from_millis(20));
            }
            self.moves += u64::from(self.watches[which].person != owner);
            self.watches[which].wait(owner, state, &who);
        }
        let there: Vec<u64> =
            (0..PEOPLE).map(|person| watchers(server, &identity(self.number, person))).collect();
        let expected: Vec<u64> =
            (0..PEOPLE).map(|person| if person == owner { WATCHES as u64 } else { 0 }).collect();
        assert_eq!(there, expected, "{who}");
        (0..PEOPLE).for_each(|person| self.publish(person));
        for watch in &mut self.watches {
            watch.wait(owner, state + 1, &who);
        }
    }
}

impl Watch<'_> {
    /// Waits until that state of that person has been seen.
    fn wait(&mut self, person: usize, state: u64, who: &str) {
        let start = Instant::now();
        while (self.person, self.states[person]) != (person, state) {
            self.subscription.allow_gap();
            match self.subscription.try_notify(LIMIT.saturating_sub(start.elapsed())) {
                Some(notify) => self.take(&notify),
                None => panic!(
                    "{who}: state {state} never came, {:?} of {} was the last",
                    self.states, self.person
                ),
            }
        }
    }

    fn take(&mut self, notify: &Notify) {
        let message = notify.message();
        assert!(message.cseq() > self.cseq, "CSeq goes back from {}:\n{message}", self.cseq);
        assert_eq!(notify.state(), "active", "{message}");
        let body = String::from_utf8_lossy(&message.body);
        let seen = body.split_once("state ").and_then(|(_, rest)| rest.split_once('<')?.0.split_once('/'));
        let (person, state) = seen.unwrap_or_else(|| panic!("no state in:\n{message}"));
        self.person = person.parse().expect("a person");
        let state: u64 = state.parse().expect("a state");
        assert!(state >= self.states[self.person], "older state after {:?}:\n{message}", self.states);
        self.states[self.person] = state;
        self.cseq = message.cseq();
    }
}

/// Live subscriptions to a person, as an operator is told.
fn watchers(server: &Server, person: &str) -> u64 {
    let answer = server.admin().json(&format!("/presentity?uri={person}"));
    answer["subscriptions"]["presence"]["total"].as_u64().expect("a number")
}
