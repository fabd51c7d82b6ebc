//! The event loop.

use super::dialog::{Presentity, Slot, Stand};
use super::process::{cpu, resident};
use super::stats::Times;
use super::wire::{self, between, document, header, ok, state_of};
use super::{Plan, Report, Scenario};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{setsockopt, sockopt};
use std::collections::{HashMap, HashSet, VecDeque};
use std::net::UdpSocket;
use std::os::fd::AsFd as _;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// A request without final response for so long has failed.
const GIVE_UP: Duration = Duration::from_secs(8);
/// Longest wait for what is still to come when the time is over.
const DRAIN: Duration = Duration::from_secs(20);
const RECEIVE_BUFFER: usize = 64 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Publish,
    Begin,
    Refresh,
    End,
}

/// A request without final response.
struct Operation {
    kind: Kind,
    /// Index of the presentity or of the slot.
    index: usize,
    first: Instant,
    again: Instant,
    interval: Duration,
    bytes: String,
}

#[derive(Default)]
struct Counters {
    operations: u64,
    notifies: u64,
    skipped: u64,
    failed: u64,
    retransmitted: u64,
    notifies_retransmitted: u64,
    answered_twice: u64,
    gaps: u64,
    doubled: u64,
    stale: u64,
    out_of_order: u64,
    to_response: Times,
    to_notify: Times,
    to_last_notify: Times,
}

struct Engine<'a> {
    plan: &'a Plan,
    run: u64,
    socket: UdpSocket,
    /// Own address.
    own: String,
    presentities: Vec<Presentity>,
    slots: Vec<Slot>,
    operations: HashMap<u64, Operation>,
    /// Those that were sent more than once, so that they may be answered more than once.
    repeated: HashSet<u64>,
    /// Numbers of operations in the order in which they may have to be sent again.
    order: VecDeque<u64>,
    next: u64,
    idle: VecDeque<usize>,
    counters: Counters,
    /// What the first refusal said.
    refusal: Option<String>,
    body: String,
    out: String,
}

/// Carries a plan out. Prepares publications and subscriptions first.
#[must_use]
pub fn run(plan: &Plan) -> Report {
    run_from(plan, || {})
}

/// As [`run`]; `prepared` is called between the preparation and the load.
#[must_use]
pub fn run_from(plan: &Plan, prepared: impl FnOnce()) -> Report {
    let mut engine = Engine::new(plan);
    let resident_before = plan.pid.map(resident);
    engine.prepare();
    prepared();
    let measured = engine.measure();
    engine.drain();
    engine.report(measured, resident_before)
}

/// Time and CPU time between two moments.
struct Measured {
    time: Duration,
    cpu: Option<Duration>,
    counters: Counters,
    /// Failures of the preparation.
    refused_before: u64,
}

impl<'a> Engine<'a> {
    fn new(plan: &'a Plan) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.connect(plan.server).expect("the server's address");
        socket.set_nonblocking(true).expect("a socket option");
        if setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER).is_err() {
            let _ = setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER);
        }
        let run = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |d| d.as_secs() * 1000 + u64::from(d.subsec_millis()));
        let own = socket.local_addr().expect("an address");
        // Two that begin at the same time are two: a server takes equal Call-IDs for one request.
        let run = run << 16 | u64::from(own.port());
        let own = own.to_string();
        let names = plan.names.clone().unwrap_or_else(|| format!("p{run:x}-"));
        let presentities = (0..plan.presentities)
            .map(|n| Presentity { uri: format!("sip:{names}{n}@{}", plan.domain), ..Default::default() });
        let slots = (0..plan.presentities * plan.watchers)
            .map(|n| Slot { presentity: n % plan.presentities, ..Default::default() });
        Self {
            plan,
            run,
            own,
            presentities: presentities.collect(),
            slots: slots.collect(),
            socket,
            operations: HashMap::new(),
            repeated: HashSet::new(),
            order: VecDeque::new(),
            next: 1,
            idle: VecDeque::new(),
            counters: Counters::default(),
            refusal: None,
            body: String::new(),
            out: String::new(),
        }
    }

    /// Publishes for each presentity and sets the subscriptions up, a window at a time. What a
    /// server refuses (it may say that it is busy) is tried again a few times.
    fn prepare(&mut self) {
        let half = self.plan.scenario == Scenario::Subscribe;
        for _ in 0..5 {
            let unpublished = (0..self.presentities.len()).filter(|n| self.presentities[*n].etag.is_empty());
            let lasting = self.plan.scenario != Scenario::Expire;
            let publishes: Vec<_> =
                unpublished.filter(|_| lasting).map(|index| (Kind::Publish, index)).collect();
            let off = |n: &usize| (!half || n.is_multiple_of(2)) && self.slots[*n].stand == Stand::Off;
            let begins: Vec<_> =
                (0..self.slots.len()).filter(off).map(|index| (Kind::Begin, index)).collect();
            if publishes.is_empty() && begins.is_empty() {
                return;
            }
            self.all(publishes);
            self.all(begins);
        }
        panic!("the preparation failed: {} requests were refused", self.counters.failed);
    }

    fn all(&mut self, work: Vec<(Kind, usize)>) {
        for (kind, index) in work {
            while self.under_way() >= self.plan.window {
                self.turn(Duration::from_millis(10));
            }
            self.send(kind, index);
            self.receive(8);
        }
        while self.under_way() > 0 {
            self.turn(Duration::from_millis(10));
        }
    }

    /// Requests without response and SUBSCRIBEs without NOTIFY.
    fn under_way(&self) -> usize {
        self.operations.len()
    }

    /// Does the work at the rate that was asked for.
    fn measure(&mut self) -> Measured {
        self.settle(Duration::from_secs(5));
        let refused_before = self.counters.failed;
        self.idle = match self.plan.scenario {
            Scenario::Publish | Scenario::FanOut | Scenario::Expire => (0..self.presentities.len()).collect(),
            Scenario::Subscribe | Scenario::Refresh => (0..self.slots.len()).collect(),
        };
        let start = Instant::now();
        let from = start + self.plan.warm_up;
        let end = from + self.plan.time;
        let mut begun: Option<(Instant, Option<Duration>)> = None;
        let mut count = 0u64;
        loop {
            let now = Instant::now();
            if now >= end || self.plan.stop.as_ref().is_some_and(|stop| stop.load(Ordering::Relaxed)) {
                break;
            }
            if now >= from && begun.is_none() {
                self.counters = Counters::default();
                begun = Some((now, self.plan.pid.map(cpu)));
            }
            #[allow(clippy::cast_precision_loss)]
            let due = start + Duration::from_secs_f64(count as f64 / self.plan.rate);
            if due <= now {
                count += 1;
                self.do_one();
                self.receive(16);
                continue;
            }
            self.turn((due - now).min(Duration::from_millis(20)));
        }
        let (began, cpu_before) = begun.unwrap_or((start, None));
        let cpu_now = self.plan.pid.map(cpu);
        Measured {
            time: began.elapsed(),
            cpu: cpu_now.zip(cpu_before).map(|(after, before)| after.saturating_sub(before)),
            counters: std::mem::take(&mut self.counters),
            refused_before,
        }
    }

    fn do_one(&mut self) {
        let Some(index) = self.idle.pop_front() else {
            self.counters.skipped += 1;
            return;
        };
        let kind = match self.plan.scenario {
            Scenario::Publish | Scenario::FanOut | Scenario::Expire => Kind::Publish,
            Scenario::Refresh => Kind::Refresh,
            Scenario::Subscribe if self.slots[index].stand == Stand::On => Kind::End,
            Scenario::Subscribe => Kind::Begin,
        };
        self.send(kind, index);
    }

    /// Lets everything that is under way come to its end.
    fn drain(&mut self) {
        self.settle(DRAIN);
    }

    fn settle(&mut self, limit: Duration) {
        let start = Instant::now();
        while start.elapsed() < limit
            && (self.under_way() > 0
                || self.slots.iter().any(|s| s.notify_due.is_some())
                || self.presentities.iter().any(|p| p.ends > 0)
                || self.unseen() > 0)
        {
            self.turn(Duration::from_millis(10));
        }
    }

    /// Standing subscriptions that have not seen the last acknowledged state.
    fn unseen(&self) -> u64 {
        let behind = |s: &&Slot| {
            s.stand == Stand::On && s.is_idle() && s.seen < self.presentities[s.presentity].acknowledged
        };
        self.slots.iter().filter(behind).count() as u64
    }

    /// Waits for input, at most so long, takes it, and sends again what is overdue.
    fn turn(&mut self, wait: Duration) {
        // Below a millisecond, looking is cheaper than waiting too long.
        let milliseconds = u16::try_from(wait.as_millis()).unwrap_or(20);
        if milliseconds > 0 {
            let mut descriptors = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
            let _ = poll(&mut descriptors, PollTimeout::from(milliseconds));
        } else {
            std::thread::sleep(Duration::from_micros(30));
        }
        self.receive(256);
        self.send_again();
    }

    fn send_again(&mut self) {
        let now = Instant::now();
        while let Some(number) = self.order.front().copied() {
            let Some(operation) = self.operations.get_mut(&number) else {
                self.order.pop_front();
                continue;
            };
            if operation.again > now {
                return;
            }
            self.order.pop_front();
            if operation.first.elapsed() > GIVE_UP {
                let (kind, index) = (operation.kind, operation.index);
                self.operations.remove(&number);
                self.finish(kind, index, None);
                continue;
            }
            let _ = self.socket.send(operation.bytes.as_bytes());
            operation.interval *= 2;
            operation.again = now + operation.interval;
            self.counters.retransmitted += 1;
            self.repeated.insert(number);
            self.order.push_back(number);
        }
    }

    fn send(&mut self, kind: Kind, index: usize) {
        let number = self.next;
        self.next += 1;
        let mut bytes = String::with_capacity(1024);
        self.write(&mut bytes, kind, index, number);
        let now = Instant::now();
        match kind {
            Kind::Publish => {
                let watching = self.plan.watchers;
                let presentity = &mut self.presentities[index];
                presentity.at = Some(now);
                presentity.unseen = watching;
            }
            Kind::Begin | Kind::Refresh | Kind::End => {
                let slot = &mut self.slots[index];
                slot.notify_due = Some(now);
                slot.unanswered = true;
            }
        }
        let _ = self.socket.send(bytes.as_bytes());
        let interval = Duration::from_millis(500);
        let operation = Operation { kind, index, first: now, again: now + interval, interval, bytes };
        self.operations.insert(number, operation);
        self.order.push_back(number);
    }

    fn write(&mut self, out: &mut String, kind: Kind, index: usize, number: u64) {
        let run = self.run;
        if kind == Kind::Publish {
            let presentity = &mut self.presentities[index];
            presentity.sent += 1;
            document(&mut self.body, &presentity.uri, presentity.sent, self.plan.body);
            let expires = if self.plan.scenario == Scenario::Expire { 1 } else { 3600 };
            return wire::publish(out, &self.own, run, number, presentity, expires, &self.body);
        }
        let slot = &mut self.slots[index];
        if kind == Kind::Begin {
            slot.generation += 1;
            (slot.cseq, slot.notified, slot.seen) = (0, 0, 0);
            slot.target.clone_from(&self.presentities[slot.presentity].uri);
            slot.to = format!("<{}>", slot.target);
        }
        slot.cseq += 1;
        let expires = if kind == Kind::End { 0 } else { 3600 };
        let watcher = format!("w{index}");
        wire::subscribe(out, &self.own, run, number, slot, &watcher, &self.plan.domain, expires);
    }

    /// Takes up to so many messages.
    fn receive(&mut self, most: usize) {
        let mut buffer = [0; 8192];
        for _ in 0..most {
            // An error other than "nothing there" tells that the server is gone: operations fail.
            let Ok(length) = self.socket.recv(&mut buffer) else { return };
            let Ok(text) = std::str::from_utf8(&buffer[..length]) else { continue };
            if let Some(rest) = text.strip_prefix("SIP/2.0 ") {
                let status = rest.get(..3).and_then(|s| s.parse().ok()).unwrap_or(0);
                self.response(status, text);
            } else if text.starts_with("NOTIFY ") {
                self.notify(text);
            }
        }
    }

    fn response(&mut self, status: u16, text: &str) {
        let mark = format!("branch=z9hG4bK{:x}.", self.run);
        let number = between(text, &mark, &[';', ',', '\r', ' ']).and_then(|n| n.parse::<u64>().ok());
        let Some(number) = number.filter(|_| status >= 200) else { return };
        let Some(operation) = self.operations.remove(&number) else {
            if number < self.next && !self.repeated.contains(&number) {
                self.counters.answered_twice += 1;
            }
            return;
        };
        if status >= 300 {
            self.refusal.get_or_insert_with(|| text.lines().next().unwrap_or_default().to_owned());
            return self.finish(operation.kind, operation.index, None);
        }
        self.counters.to_response.add(operation.first.elapsed());
        match operation.kind {
            Kind::Publish => {
                let presentity = &mut self.presentities[operation.index];
                presentity.etag.clear();
                presentity.etag.push_str(header(text, "SIP-ETag").unwrap_or_default());
                presentity.acknowledged = presentity.sent;
            }
            Kind::Begin => {
                let slot = &mut self.slots[operation.index];
                header(text, "To").unwrap_or_default().clone_into(&mut slot.to);
                let contact = header(text, "Contact").unwrap_or_default();
                between(contact, "<", &['>']).unwrap_or(contact).clone_into(&mut slot.target);
                slot.stand = Stand::On;
            }
            Kind::End => self.slots[operation.index].stand = Stand::Off,
            Kind::Refresh => {}
        }
        self.finish(operation.kind, operation.index, Some(status));
    }

    /// A request has its outcome; what it was done with is free again once all of it is over.
    fn finish(&mut self, kind: Kind, index: usize, status: Option<u16>) {
        if status.is_none() {
            self.counters.failed += 1;
        } else {
            self.counters.operations += 1;
        }
        match kind {
            Kind::Publish => {
                let presentity = &mut self.presentities[index];
                let waits = match self.plan.scenario {
                    Scenario::FanOut => presentity.unseen > 0,
                    // Its end is to be seen by all.
                    Scenario::Expire => {
                        presentity.etag.clear();
                        presentity.ends = if status.is_some() { self.plan.watchers } else { 0 };
                        true
                    }
                    _ => false,
                };
                if !waits || status.is_none() {
                    self.idle.push_back(index);
                }
            }
            Kind::Begin | Kind::Refresh | Kind::End => {
                let slot = &mut self.slots[index];
                slot.unanswered = false;
                if status.is_none() {
                    slot.notify_due = None;
                }
                if slot.is_idle() {
                    self.idle.push_back(index);
                }
            }
        }
    }

    fn notify(&mut self, text: &str) {
        ok(&mut self.out, text);
        let _ = self.socket.send(self.out.as_bytes());
        let call_id = header(text, "Call-ID").unwrap_or_default();
        let mut parts = call_id.strip_prefix('w').unwrap_or_default().split('.');
        let index = parts.next().and_then(|n| n.parse::<usize>().ok());
        let generation = parts.next().and_then(|n| n.parse::<u64>().ok());
        let Some(slot) = index.and_then(|index| self.slots.get_mut(index)) else { return };
        if generation != Some(slot.generation) {
            return;
        }
        let cseq = header(text, "CSeq").and_then(|c| c.split(' ').next()?.parse::<u32>().ok()).unwrap_or(0);
        let branch = between(text, "branch=", &[';', ',', '\r', ' ']).unwrap_or_default();
        if cseq == slot.notified {
            // In another transaction it is another NOTIFY.
            if branch == slot.branch {
                self.counters.notifies_retransmitted += 1;
            } else {
                self.counters.doubled += 1;
            }
            return;
        }
        branch.clone_into(&mut slot.branch);
        if cseq < slot.notified {
            self.counters.out_of_order += 1;
            return;
        }
        if slot.notified > 0 {
            self.counters.gaps += u64::from(cseq - slot.notified - 1);
        }
        slot.notified = cseq;
        self.counters.notifies += 1;
        let state = text.split_once("\r\n\r\n").and_then(|(_, body)| state_of(body));
        let presentity = &mut self.presentities[slot.presentity];
        if let Some(state) = state {
            if state < slot.seen {
                self.counters.stale += 1;
            }
            if state > slot.seen && state == presentity.sent {
                presentity.unseen = presentity.unseen.saturating_sub(1);
                if self.plan.scenario == Scenario::FanOut
                    && let Some(at) = presentity.at
                {
                    self.counters.to_notify.add(at.elapsed());
                    if presentity.unseen == 0 {
                        self.counters.to_last_notify.add(at.elapsed());
                        if presentity.acknowledged == presentity.sent {
                            self.idle.push_back(slot.presentity);
                        }
                    }
                }
            }
            slot.seen = slot.seen.max(state);
        } else if self.plan.scenario == Scenario::Expire && slot.seen > 0 && slot.seen == presentity.sent {
            presentity.ends = presentity.ends.saturating_sub(1);
            if presentity.ends == 0 {
                self.idle.push_back(slot.presentity);
            }
        }
        if let Some(due) = slot.notify_due.take() {
            if !matches!(self.plan.scenario, Scenario::FanOut | Scenario::Expire) {
                self.counters.to_notify.add(due.elapsed());
            }
            if slot.is_idle() {
                self.idle.extend(index);
            }
        }
    }

    fn report(self, measured: Measured, resident_before: Option<u64>) -> Report {
        let (plan, seconds) = (self.plan, measured.time.as_secs_f64());
        let counters = measured.counters;
        #[allow(clippy::cast_precision_loss)]
        let per = |count: u64| {
            let cpu = measured.cpu?.as_secs_f64() * 1e6;
            (count > 0).then_some(cpu / count as f64)
        };
        let dangling = self.slots.iter().filter(|s| s.notify_due.is_some()).count() as u64;
        let ends = self.presentities.iter().map(|p| p.ends as u64).sum::<u64>();
        #[allow(clippy::cast_precision_loss)]
        let rate = counters.operations as f64 / seconds;
        Report {
            scenario: plan.scenario,
            presentities: plan.presentities,
            watchers: plan.watchers,
            rate_asked: plan.rate,
            rate,
            seconds,
            operations: counters.operations,
            notifies: counters.notifies,
            skipped: counters.skipped,
            failed: counters.failed + self.counters.failed,
            refused_before: measured.refused_before,
            refusal: self.refusal.clone(),
            retransmitted: counters.retransmitted,
            notifies_retransmitted: counters.notifies_retransmitted + self.counters.notifies_retransmitted,
            answered_twice: counters.answered_twice + self.counters.answered_twice,
            gaps: counters.gaps + self.counters.gaps,
            doubled: counters.doubled + self.counters.doubled,
            lost: self.unseen() + dangling + ends,
            stale: counters.stale + self.counters.stale,
            out_of_order: counters.out_of_order + self.counters.out_of_order,
            cpu_us_per_operation: per(counters.operations),
            cpu_us_per_notify: per(counters.notifies),
            to_response: counters.to_response.percentiles(),
            to_notify: counters.to_notify.percentiles(),
            to_last_notify: counters.to_last_notify.percentiles(),
            subscriptions: self.slots.iter().filter(|s| s.stand == Stand::On).count(),
            resident_before,
            resident_after: plan.pid.map(resident),
        }
    }
}
