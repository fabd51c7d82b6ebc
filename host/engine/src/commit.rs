//! Group commit: one thread writes what all steps have committed since the last time, with
//! one sync for the group, and lets their effects go.
//!
//! Invariant: effects leave in the order of their tickets, each after everything that its
//! step has seen of its partition is on disk.

use crate::background::Task;
use crate::figures::Figure;
use crate::message::{Outgoing, SendId};
use crate::runner::Shared;
use crate::step::input::{Input, Returned};
use parking_lot::{Condvar, Mutex};
use rollcall_storage::{Commit, PartitionKey};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Most commits of a group.
const GROUP: usize = 1000;

/// What leaves the engine once a step is committed.
#[derive(Default)]
pub(crate) struct Effects {
    pub returned: Option<Returned>,
    /// The request of this step, to go on in another partition.
    pub forwarded: Option<Arc<Input>>,
    pub sends: Vec<(SendId, Outgoing)>,
    /// Outbox entries of the step's partition to deliver: number and target.
    pub posts: Vec<(u64, PartitionKey)>,
    /// Outbox entry of another partition that this step has dealt with.
    pub settles: Option<(PartitionKey, u64)>,
    /// What the step has said for the operator.
    pub figures: Vec<Figure>,
}

/// Why something waits for the group commit.
#[expect(clippy::large_enum_variant, reason = "a box would cost every step an allocation")]
pub(crate) enum Work {
    /// A step: its effects, and its input to run it again after a conflict.
    Step { effects: Effects, input: Arc<Input>, attempt: u32 },
    /// Relaxed changes.
    Flush,
}

/// Something that waits for the group commit.
struct Pending {
    partition: PartitionKey,
    incarnation: u64,
    /// None: effects that only wait for commits before them.
    commit: Option<Commit>,
    work: Work,
    since: Instant,
}

#[derive(Default)]
struct Queue {
    pending: VecDeque<Pending>,
    stopping: bool,
}

/// The queue before the group commit.
#[derive(Default)]
pub(crate) struct Committer {
    queue: Mutex<Queue>,
    wake: Condvar,
    /// Signalled when a group is done.
    done: Condvar,
    /// Ticket of the last pending work ever queued; tickets count from 1.
    submitted: AtomicU64,
    /// Ticket up to which everything is on disk and its effects have left.
    durable: AtomicU64,
    failed: AtomicBool,
}

impl Committer {
    /// Queues work and gives its ticket.
    pub fn submit(
        &self,
        partition: PartitionKey,
        incarnation: u64,
        commit: Option<Commit>,
        work: Work,
    ) -> u64 {
        let mut queue = self.queue.lock();
        let ticket = self.submitted.fetch_add(1, Ordering::Relaxed) + 1;
        let first = queue.pending.is_empty();
        queue.pending.push_back(Pending { partition, incarnation, commit, work, since: Instant::now() });
        drop(queue);
        if first {
            self.wake.notify_one();
        }
        ticket
    }

    /// Ticket up to which everything is on disk.
    pub fn durable(&self) -> u64 {
        self.durable.load(Ordering::Acquire)
    }

    /// Work that waits.
    pub fn pending(&self) -> u64 {
        self.submitted.load(Ordering::Relaxed).saturating_sub(self.durable())
    }

    /// Whether the store has failed.
    pub fn failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// Waits until everything queued so far is done.
    pub fn wait(&self) {
        let ticket = self.submitted.load(Ordering::Relaxed);
        let mut queue = self.queue.lock();
        while self.durable() < ticket && !self.failed() {
            self.done.wait_for(&mut queue, Duration::from_millis(100));
        }
    }

    /// Lets the thread end once the queue is empty.
    pub fn stop(&self) {
        self.queue.lock().stopping = true;
        self.wake.notify_one();
    }

    /// The thread.
    pub fn run(&self, shared: &Arc<Shared>) {
        // Incarnations whose state was found not to be the database's, with the last ticket that may
        // have been computed from them.
        let mut dead: HashMap<u64, u64> = HashMap::new();
        let window = shared.config.group_window;
        let mut company = false;
        let mut last = None::<Instant>;
        loop {
            let group = {
                let mut queue = self.queue.lock();
                while queue.pending.is_empty() {
                    if queue.stopping {
                        return;
                    }
                    self.wake.wait(&mut queue);
                }
                // Commits that follow each other closely share a sync; a lone one does not wait.
                let close = last.is_some_and(|last| last.elapsed() < 2 * window);
                if (company || close) && !window.is_zero() && queue.pending.len() < GROUP && !queue.stopping {
                    drop(queue);
                    std::thread::sleep(window);
                    queue = self.queue.lock();
                }
                let size = queue.pending.len().min(GROUP);
                queue.pending.drain(..size).collect::<Vec<_>>()
            };
            // Waiting for company pays only where there was some.
            company = group.iter().filter(|pending| pending.commit.is_some()).count() > 1;
            let size = group.len() as u64;
            if !self.write(shared, group, &mut dead) {
                // Nothing counts as durable any more, so what depends on this group is refused too.
                drop(self.queue.lock());
                self.done.notify_all();
                continue;
            }
            last = Some(Instant::now());
            let durable = self.durable.fetch_add(size, Ordering::Release) + size;
            dead.retain(|_, last| *last > durable);
            // Locked, so that a waiter between its check and its sleep is not missed.
            drop(self.queue.lock());
            self.done.notify_all();
            shared.registry.evict(durable);
        }
    }

    /// Writes a group and lets go what it carries; false if the store has failed.
    fn write(&self, shared: &Arc<Shared>, mut group: Vec<Pending>, dead: &mut HashMap<u64, u64>) -> bool {
        if self.failed() {
            Self::refuse(shared, group);
            return false;
        }
        let mut commits = Vec::with_capacity(group.len());
        for pending in &mut group {
            if dead.contains_key(&pending.incarnation) {
                pending.commit = None;
            }
        }
        let places: Vec<bool> = group.iter().map(|pending| pending.commit.is_some()).collect();
        for pending in &mut group {
            commits.extend(pending.commit.take());
        }
        let written = commits.len() as u64;
        let results = if commits.is_empty() {
            Vec::new()
        } else {
            shared.metrics.group_size.observe(written);
            match shared.storage.apply(commits, true) {
                Ok(results) => results,
                Err(error) => {
                    self.failed.store(true, Ordering::Relaxed);
                    tracing::error!(%error, "the store failed; requests are refused until a restart");
                    Self::refuse(shared, group);
                    return false;
                }
            }
        };
        let mut results = results.into_iter();
        let mut sends = Vec::new();
        for (pending, placed) in group.into_iter().zip(places) {
            let applied = !placed || results.next().is_some_and(|result| result.is_ok());
            if !applied && !dead.contains_key(&pending.incarnation) {
                let now = shared.clock.now_ms();
                let dirty = shared.registry.retire(&pending.partition, pending.incarnation, now);
                dead.insert(pending.incarnation, self.submitted.load(Ordering::Relaxed));
                if dirty {
                    shared.lost_relaxed(&pending.partition);
                }
                // The agenda may have forgotten timers that the dropped state had cancelled.
                shared.background.push(Task::Fire(pending.partition.clone()));
            }
            let stale = dead.contains_key(&pending.incarnation);
            match pending.work {
                Work::Step { effects, input, .. } if !stale => {
                    if placed {
                        shared.metrics.commits.add(1);
                        shared.metrics.commit_time.observe_time(pending.since.elapsed());
                    }
                    shared.release(&input, &pending.partition, effects, &mut sends);
                }
                Work::Step { input, attempt, effects } => {
                    shared.metrics.conflicts.add(1);
                    shared.forget(&effects);
                    shared.again(input, attempt);
                }
                Work::Flush if stale => shared.lost_relaxed(&pending.partition),
                Work::Flush => {}
            }
        }
        shared.send(sends);
        true
    }

    /// The store failed: nobody knows what it has, so nothing leaves, and nothing more is accepted.
    fn refuse(shared: &Arc<Shared>, group: Vec<Pending>) {
        for pending in group {
            if let Work::Step { input, effects, .. } = pending.work {
                shared.forget(&effects);
                shared.refuse(&input);
            }
        }
    }
}
