//! Work that no caller waits for: timers, posts, recovery, steps run again.
//!
//! Invariant: all background work of one partition is done by one thread, in order, so posts
//! from one partition to another arrive in order.

use crate::message::Outgoing;
use crate::outbox::OutboxEntry;
use crate::runner::Shared;
use crate::step::input::Input;
use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use rollcall_storage::PartitionKey;
use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// Timers that one partition fires before others have their turn.
const TIMERS_AT_ONCE: usize = 64;

/// First and longest pause before something that failed is tried again, in milliseconds.
const RETRY_MS: (u64, u64) = (1_000, 60_000);

/// Longest sleep of the timer thread.
const DOZE: Duration = Duration::from_millis(500);

/// One piece of work.
pub(crate) enum Task {
    /// Timers of a partition are due.
    Fire(PartitionKey),
    /// A post waits in the outbox of `from`.
    Deliver { from: PartitionKey, sequence: u64, to: PartitionKey },
    /// A post whose step has failed after its delivery: it goes before all others.
    Redeliver { from: PartitionKey, sequence: u64, to: PartitionKey },
    /// A mailbox that waited after a failure.
    Retry(PartitionKey),
    /// A post from this partition has been dealt with at the other one.
    Settle { from: PartitionKey, sequence: u64 },
    /// The host has started and this partition may have something in its outbox.
    Outbox(PartitionKey),
    /// The host has started and these requests were not answered before.
    Resend { from: PartitionKey, sends: Vec<(u64, Bytes, Outgoing)> },
    /// The host has started after a stop without order.
    Recover(PartitionKey),
    /// Timers of a partition that failed before are due again.
    Resume(PartitionKey),
    /// A step is run again, or a request goes on that had to wait for a commit.
    Again(Arc<Input>, u32),
}

impl Task {
    fn partition(&self) -> Option<&PartitionKey> {
        match self {
            Task::Fire(partition)
            | Task::Resume(partition)
            | Task::Retry(partition)
            | Task::Outbox(partition)
            | Task::Recover(partition)
            | Task::Settle { from: partition, .. }
            | Task::Resend { from: partition, .. }
            | Task::Redeliver { to: partition, .. }
            | Task::Deliver { to: partition, .. } => Some(partition),
            Task::Again(input, _) => input.partition(),
        }
    }
}

#[derive(Default)]
struct Lane {
    tasks: Mutex<VecDeque<Task>>,
    wake: Condvar,
}

#[derive(Default)]
struct Agenda {
    /// When partitions want to be woken for their timers.
    wakes: BTreeSet<(u64, PartitionKey)>,
    /// Tasks put off; the second number keeps equal instants apart.
    later: BTreeMap<(u64, u64), Task>,
}

impl Agenda {
    fn next(&self) -> Option<u64> {
        let wake = self.wakes.first().map(|(due, _)| *due);
        let later = self.later.first_key_value().map(|((due, _), _)| *due);
        [wake, later].into_iter().flatten().min()
    }
}

/// The queues of all background work.
pub(crate) struct Background {
    lanes: Vec<Lane>,
    hasher: RandomState,
    agenda: Mutex<Agenda>,
    alarm: Condvar,
    numbers: AtomicU64,
    queued: AtomicUsize,
    stopping: AtomicBool,
    /// Partitions with timers that have failed and are put off.
    paused: Mutex<HashSet<PartitionKey>>,
    /// Partitions whose work is tried again and again, and the number of the generation that failed in it first.
    failing: Mutex<HashMap<PartitionKey, u64>>,
    /// Times that all pauses were ended.
    hastened: AtomicU64,
}

impl Background {
    pub fn new(workers: usize) -> Background {
        Background {
            lanes: (0..workers.max(1)).map(|_| Lane::default()).collect(),
            hasher: RandomState::new(),
            agenda: Mutex::default(),
            alarm: Condvar::new(),
            numbers: AtomicU64::new(0),
            queued: AtomicUsize::new(0),
            stopping: AtomicBool::new(false),
            paused: Mutex::default(),
            failing: Mutex::default(),
            hastened: AtomicU64::new(0),
        }
    }

    /// Queues a task.
    pub fn push(&self, task: Task) {
        let lane = task.partition().map_or(0, |partition| {
            let hash = self.hasher.hash_one(partition.as_str());
            hash as usize % self.lanes.len()
        });
        let lane = &self.lanes[lane];
        self.queued.fetch_add(1, Ordering::Relaxed);
        let mut tasks = lane.tasks.lock();
        tasks.push_back(task);
        if tasks.len() == 1 {
            lane.wake.notify_one();
        }
    }

    /// Queues a task for an instant.
    pub fn push_at(&self, due: u64, task: Task) {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        self.agenda.lock().later.insert((due, number), task);
        self.alarm.notify_one();
    }

    /// Moves the wake-up instant of a partition.
    pub fn set_wake(&self, partition: &PartitionKey, before: Option<u64>, after: Option<u64>) {
        let mut agenda = self.agenda.lock();
        if let Some(before) = before {
            agenda.wakes.remove(&(before, partition.clone()));
        }
        let Some(after) = after else { return };
        let earliest = agenda.next().is_none_or(|next| after < next);
        agenda.wakes.insert((after, partition.clone()));
        drop(agenda);
        if earliest {
            self.alarm.notify_one();
        }
    }

    /// Ends all pauses after failures: another component may do better, and whatever fails again
    /// waits the shortest time first.
    pub fn hasten(&self) {
        self.hastened.fetch_add(1, Ordering::SeqCst);
        self.end_pauses();
    }

    /// Notes that a generation has failed in the work of a partition. False if it only follows another one in that.
    pub fn note_failing(&self, partition: &PartitionKey, generation: u64) -> bool {
        *self.failing.lock().entry(partition.clone()).or_insert(generation) == generation
    }

    fn end_pauses(&self) {
        let later = std::mem::take(&mut self.agenda.lock().later);
        later.into_values().for_each(|task| self.push(task));
        let paused = std::mem::take(&mut *self.paused.lock());
        paused.into_iter().for_each(|partition| self.push(Task::Resume(partition)));
    }

    /// Partitions that wait for a timer.
    pub fn waiting(&self) -> usize {
        self.agenda.lock().wakes.len()
    }

    /// Tasks that wait for a thread.
    pub fn queued(&self) -> usize {
        self.queued.load(Ordering::Relaxed)
    }

    /// Looks at the time again: it has jumped.
    pub fn time_jumped(&self) {
        drop(self.agenda.lock());
        self.alarm.notify_one();
    }

    /// Lets all threads end; tasks that wait are dropped, the store has what they need.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        drop(self.agenda.lock());
        self.alarm.notify_all();
        for lane in &self.lanes {
            drop(lane.tasks.lock());
            lane.wake.notify_all();
        }
    }

    /// Whether the threads have been told to end.
    pub fn stopped(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// Takes out what the threads have left; they must have ended.
    pub fn leftovers(&self) -> Vec<Task> {
        self.lanes.iter().flat_map(|lane| std::mem::take(&mut *lane.tasks.lock())).collect()
    }

    /// The timer thread: wakes partitions when they are due.
    pub fn run_timers(&self, shared: &Arc<Shared>) {
        let mut agenda = self.agenda.lock();
        while !self.stopping.load(Ordering::SeqCst) {
            let now = shared.clock.now_ms();
            let mut due = Vec::new();
            while agenda.wakes.first().is_some_and(|(due, _)| *due <= now) {
                due.extend(agenda.wakes.pop_first().map(|(_, partition)| Task::Fire(partition)));
            }
            while agenda.later.first_key_value().is_some_and(|((due, _), _)| *due <= now) {
                due.extend(agenda.later.pop_first().map(|(_, task)| task));
            }
            if due.is_empty() {
                let pause = agenda.next().map_or(DOZE, |next| Duration::from_millis(next - now)).min(DOZE);
                self.alarm.wait_for(&mut agenda, pause);
            } else {
                parking_lot::MutexGuard::unlocked(&mut agenda, || {
                    for task in due {
                        self.push(task);
                    }
                });
            }
        }
    }

    /// A worker thread.
    pub fn run_lane(&self, shared: &Arc<Shared>, lane: usize) {
        let mut worker = Worker { shared, mailboxes: HashMap::new(), failures: HashMap::new(), hastened: 0 };
        let lane = &self.lanes[lane];
        loop {
            let task = {
                let mut tasks = lane.tasks.lock();
                loop {
                    if self.stopping.load(Ordering::SeqCst) {
                        return;
                    }
                    if let Some(task) = tasks.pop_front() {
                        break task;
                    }
                    lane.wake.wait(&mut tasks);
                }
            };
            worker.work(task);
            self.queued.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Posts that wait for one partition.
#[derive(Default)]
struct Mailbox {
    /// Posts whose steps were undone by a conflict and then failed.
    again: VecDeque<(PartitionKey, u64)>,
    posts: VecDeque<(PartitionKey, u64)>,
    /// The first one failed and is tried again later.
    blocked: bool,
}

impl Mailbox {
    fn front(&self) -> Option<&(PartitionKey, u64)> {
        self.again.front().or(self.posts.front())
    }

    fn pop_front(&mut self) {
        if self.again.pop_front().is_none() {
            self.posts.pop_front();
        }
    }
}

struct Worker<'a> {
    shared: &'a Arc<Shared>,
    mailboxes: HashMap<PartitionKey, Mailbox>,
    /// Failures in a row, by partition.
    failures: HashMap<PartitionKey, u32>,
    /// Times that all pauses had been ended when these failures began.
    hastened: u64,
}

impl Worker<'_> {
    fn work(&mut self, task: Task) {
        match task {
            Task::Fire(partition) => self.fire(&partition),
            Task::Resume(partition) => self.resume(&partition),
            Task::Deliver { from, sequence, to } => {
                let mailbox = self.mailboxes.entry(to.clone()).or_default();
                mailbox.posts.push_back((from, sequence));
                if !mailbox.blocked {
                    self.deliver(&to);
                }
            }
            Task::Retry(to) => {
                if let Some(mailbox) = self.mailboxes.get_mut(&to) {
                    mailbox.blocked = false;
                }
                self.deliver(&to);
            }
            Task::Redeliver { from, sequence, to } => self.put_off((from, sequence), to),
            Task::Settle { from, sequence } => {
                if let Err(error) = self.shared.settle(&from, sequence) {
                    tracing::error!(partition = %from, %error, "a post cannot be taken off the outbox");
                    self.retry(Task::Settle { from, sequence });
                }
            }
            Task::Outbox(partition) => {
                // Loading it does what is to be done.
                if let Err(error) = self.shared.registry.hold(&partition, self.shared.clock.now_ms()) {
                    tracing::error!(%partition, %error, "an outbox cannot be read");
                    self.retry(Task::Outbox(partition));
                }
            }
            Task::Resend { from, sends } => {
                let again = |(sequence, token, request)| self.shared.resend(&from, sequence, token, request);
                self.shared.send(sends.into_iter().map(again).collect());
            }
            Task::Recover(partition) => {
                let input = Arc::new(Input::Recovery { partition: partition.clone() });
                if self.shared.step(&input, 0).is_err() {
                    self.retry(Task::Recover(partition));
                } else {
                    self.succeeded(&partition);
                    self.shared.recovering.lock().remove(&partition);
                }
            }
            Task::Again(input, attempt) => self.again(&input, attempt),
        }
    }

    /// Runs a step again that a conflict has undone.
    fn again(&mut self, input: &Arc<Input>, attempt: u32) {
        if let Input::Post { from, sequence, to, .. } = &**input
            && self.mailboxes.get(to).is_some_and(|mailbox| mailbox.blocked)
        {
            // One before it is put off: so is this.
            self.put_off((from.clone(), *sequence), to.clone());
        } else if self.shared.step(input, attempt).is_err() {
            self.shared.refuse(input);
        }
    }

    /// Puts a post back that had left its mailbox already, and blocks the mailbox for a while.
    fn put_off(&mut self, post: (PartitionKey, u64), to: PartitionKey) {
        let mailbox = self.mailboxes.entry(to.clone()).or_default();
        mailbox.again.push_back(post);
        if !std::mem::replace(&mut mailbox.blocked, true) {
            self.retry(Task::Retry(to));
        }
    }

    /// Nothing of what waits for a partition fails any more.
    fn succeeded(&mut self, partition: &PartitionKey) {
        self.failures.remove(partition);
        self.shared.background.failing.lock().remove(partition);
    }

    /// Tries again later what has just failed.
    fn retry(&mut self, task: Task) {
        let Some(partition) = task.partition().cloned() else { return };
        let due = self.next_try(&partition);
        self.shared.background.push_at(due, task);
        self.paused_in_time();
    }

    /// What was put off while all pauses were ended must not wait either.
    fn paused_in_time(&self) {
        let background = &self.shared.background;
        if background.hastened.load(Ordering::SeqCst) != self.hastened {
            background.end_pauses();
        }
    }

    /// When to try again what has just failed.
    fn next_try(&mut self, partition: &PartitionKey) -> u64 {
        let hastened = self.shared.background.hastened.load(Ordering::SeqCst);
        if std::mem::replace(&mut self.hastened, hastened) != hastened {
            self.failures.clear();
        }
        let failures = self.failures.entry(partition.clone()).or_default();
        let pause = RETRY_MS.0.saturating_mul(1 << (*failures).min(10)).min(RETRY_MS.1);
        *failures += 1;
        self.shared.clock.now_ms() + pause
    }

    /// Fires timers that were put off.
    fn resume(&mut self, partition: &PartitionKey) {
        // What keeps it from being held is told, and tried again, when they are fired.
        if let Ok(mut live) = self.shared.registry.hold(partition, self.shared.clock.now_ms()) {
            live.resume();
        }
        self.fire(partition);
    }

    fn fire(&mut self, partition: &PartitionKey) {
        let now = self.shared.clock.now_ms();
        let names = match self.shared.registry.hold(partition, now) {
            Ok(mut live) => {
                live.firing = true;
                live.due(now, TIMERS_AT_ONCE)
            }
            Err(error) => {
                tracing::error!(%partition, %error, "timers cannot be read");
                self.retry(Task::Fire(partition.clone()));
                return;
            }
        };
        let mut failed = Vec::new();
        for name in names {
            let input = Arc::new(Input::Timer { partition: partition.clone(), name: name.clone() });
            if self.shared.step(&input, 0).is_err() {
                failed.push(name);
            }
        }
        let retry = if failed.is_empty() {
            self.succeeded(partition);
            0
        } else {
            let retry = self.next_try(partition);
            self.shared.background.paused.lock().insert(partition.clone());
            self.paused_in_time();
            retry
        };
        match self.shared.registry.hold(partition, now) {
            Ok(mut live) => {
                failed.iter().for_each(|name| live.pause(name, retry));
                live.firing = false;
                let wake = live.next_wake();
                self.shared.background.set_wake(partition, live.wake, wake);
                live.wake = wake;
            }
            Err(error) => {
                tracing::error!(%partition, %error, "timers cannot be read");
                self.retry(Task::Fire(partition.clone()));
            }
        }
    }

    /// Delivers what waits for a partition, until one fails.
    fn deliver(&mut self, to: &PartitionKey) {
        loop {
            let front = self.mailboxes.get(to).and_then(Mailbox::front).cloned();
            let Some((from, sequence)) = front else {
                self.mailboxes.remove(to);
                return;
            };
            let entry = self
                .shared
                .registry
                .hold(&from, self.shared.clock.now_ms())
                .map(|live| live.outbox_entry(sequence).and_then(|payload| OutboxEntry::decode(payload)));
            let done = match entry {
                Ok(Some(OutboxEntry::Post { payload, .. })) => {
                    let (to, from) = (to.clone(), from.clone());
                    let input = Arc::new(Input::Post { to, from, sequence, payload: payload.into() });
                    self.shared.step(&input, 0).is_ok()
                }
                // Delivered already, or written by a version of the engine that is unknown here.
                Ok(_) => true,
                Err(error) => {
                    tracing::error!(partition = %from, %error, "a post cannot be read");
                    false
                }
            };
            if !done {
                if let Some(mailbox) = self.mailboxes.get_mut(to) {
                    mailbox.blocked = true;
                }
                self.retry(Task::Retry(to.clone()));
                return;
            }
            self.succeeded(to);
            if let Some(mailbox) = self.mailboxes.get_mut(to) {
                mailbox.pop_front();
            }
        }
    }
}
