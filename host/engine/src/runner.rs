//! Runs inputs as steps, commits them, lets their effects go.
//!
//! Invariant: every input from outside is answered exactly once, and an effect leaves only
//! after everything that its step has seen of its partition is on disk.

use crate::background::{Background, Task};
use crate::clock::Clock;
use crate::commit::{Committer, Effects, Work};
use crate::failures::{self, Failures};
use crate::fault::{Cause, Fault};
use crate::figures::Figures;
use crate::flush::Flusher;
use crate::generation::{Generation, Runtime};
use crate::in_flight::{InFlight, Waiting};
use crate::inspection::{self, InspectError};
use crate::limits::EngineConfig;
use crate::message::{Answer, Edge, Outgoing, SendId};
use crate::metrics::Metrics;
use crate::registry::{Held, Registry};
use crate::rehearsal::{self, Ended, Recorder, ShadowPlace, Taps};
use crate::retrace::Retraced;
use crate::step::current::Step;
use crate::step::imports::StepError;
use crate::step::input::{Input, Kind, Returned};
use crate::step::stage::Stage;
use crate::succession::Succession;
use crate::tables::{Ledger, TableSource};
use arc_swap::ArcSwap;
use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use rollcall_storage::{Engine as Storage, PartitionKey};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Pause before a partition makes good what a failed step left undone, in milliseconds.
const PAUSE_MS: u64 = 5_000;

/// A step failed and left nothing behind; the log has said why.
#[derive(Debug)]
pub(crate) struct Failed;

/// A step under way: of which generation, with which input, under which number.
#[derive(Clone, Copy)]
pub(crate) struct Occasion<'a> {
    pub generation: &'a Arc<Generation>,
    pub input: &'a Arc<Input>,
    pub number: u64,
}

/// What all threads of the engine share.
pub(crate) struct Shared {
    pub config: EngineConfig,
    pub storage: Arc<dyn Storage>,
    pub edge: Arc<dyn Edge>,
    pub clock: Arc<dyn Clock>,
    pub runtime: Runtime,
    pub registry: Registry,
    pub committer: Committer,
    pub background: Arc<Background>,
    pub flusher: Flusher,
    pub in_flight: InFlight,
    pub metrics: Metrics,
    /// What the component has counted.
    pub figures: Figures,
    /// Who is handed the traces of steps.
    pub taps: Taps,
    /// The recording under way.
    pub recorder: Mutex<Option<Arc<Recorder>>>,
    pub shadow: ShadowPlace,
    pub current: ArcSwap<Generation>,
    pub succession: Succession,
    pub failures: Failures,
    pub sources: Vec<(String, Arc<dyn TableSource>)>,
    pub ledger: Ledger,
    /// Requests are refused: the engine stops.
    pub stopping: AtomicBool,
    /// Held by steps from outside; true once none may begin any more.
    pub closed: RwLock<bool>,
    /// Partitions whose `on-recovery` has yet to succeed.
    pub recovering: Mutex<HashSet<PartitionKey>>,
    pub steps: AtomicU64,
    pub epoch: AtomicU64,
    /// Relaxed writes were lost while running: the stop does not count as orderly.
    pub lost: AtomicBool,
}

impl Shared {
    /// Number of times that relaxed writes may have been lost.
    pub fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Relaxed)
    }

    /// Runs an input: one step, and those of the partitions that its request is forwarded to. `attempt`
    /// counts from 0.
    pub fn step(self: &Arc<Self>, input: &Arc<Input>, attempt: u32) -> Result<(), Failed> {
        let mut next = self.one_step(input, attempt)?;
        // Each step has given its instance and its partition back before the next one takes its own.
        while let Some(forwarded) = next {
            next = self.one_step(&forwarded, 0)?;
        }
        Ok(())
    }

    /// Runs one step; gives the request if it goes on in another partition now.
    fn one_step(self: &Arc<Self>, input: &Arc<Input>, attempt: u32) -> Result<Option<Arc<Input>>, Failed> {
        if self.committer.failed() {
            return Err(Failed);
        }
        let started = Instant::now();
        let number = self.steps.fetch_add(1, Ordering::Relaxed) + 1;
        let done = self.run(input, attempt, number);
        self.metrics.step_time.observe_time(started.elapsed());
        match &done {
            Ok(_) => self.metrics.steps.add(input.kind()),
            Err(Failed) => self.metrics.failed_steps.add(input.kind()),
        }
        done
    }

    fn run(
        self: &Arc<Self>,
        input: &Arc<Input>,
        attempt: u32,
        number: u64,
    ) -> Result<Option<Arc<Input>>, Failed> {
        let generation = self.current.load_full();
        let occasion = Occasion { generation: &generation, input, number };
        // The instance first, then the partition, in every step: who waits for an instance must not
        // keep the partition that its holder waits for.
        let mut instance = generation
            .take(&self.runtime, &self.metrics)
            .map_err(|error| self.failed(&occasion, &Fault::new(Cause::Instance, error), None))?;
        let now = input.hop().map_or_else(|| self.clock.now_ms(), |hop| hop.now);
        let mut step = Step::new(self.clone(), generation.tables.load_full(), number, now);
        let timer = match self.begin(&mut step, input) {
            Ok(Some(timer)) => timer,
            nothing => {
                drop(step);
                generation.give(instance);
                return nothing
                    .map(|_| None)
                    .map_err(|error| self.failed(&occasion, &Fault::of_begin(&error), None));
            }
        };
        instance.store.data_mut().step = Some(step);
        let spent = input.hop().map_or(Duration::ZERO, |hop| hop.spent);
        instance.arm_rest(&self.runtime, spent);
        let started = Instant::now();
        let called = input.call(&instance.plugin, &mut instance.store, timer.as_ref());
        let took = started.elapsed();
        let step = instance.store.data_mut().step.take();
        let captured = |step: &mut Step, end: Result<&Returned, rehearsal::Fault>| {
            let Some(capture) = step.captured() else { return };
            let (partition, timer) = (step.live().map(|live| &live.key), timer.as_ref());
            let (now, epoch) = (step.now, self.epoch());
            let end = end.map(|returned| (&step.stage, returned));
            capture.end(Ended { number, partition, input, timer, now, took, epoch, end }, &generation);
        };
        match (called, step) {
            (Ok(returned), Some(mut step)) => {
                let breach = returned.breach(&step.stage);
                captured(&mut step, breach.as_ref().map_or(Ok(&returned), |fault| Err(fault.in_trace())));
                generation.give(instance);
                match breach {
                    Some(fault) => Err(self.failed(&occasion, &fault, Some(step))),
                    None => self.commit(&occasion, attempt, returned, step, spent + took),
                }
            }
            (called, mut step) => {
                let memory = instance.store.data().memory.refused;
                drop(instance);
                generation.lose();
                let error = called.err().unwrap_or_else(|| StepError::NoStep.into());
                let fault = Fault::of_call(&error, memory);
                if let Some(step) = &mut step {
                    captured(step, Err(fault.in_trace()));
                }
                Err(self.failed(&occasion, &fault, step))
            }
        }
    }

    /// Binds a step to its partition and stages what its input consumes. Gives the timer that
    /// fires, if that is the input; nothing if there is nothing to do any more.
    pub fn begin(
        &self,
        step: &mut Step,
        input: &Input,
    ) -> Result<Option<Option<rollcall_storage::Timer>>, StepError> {
        if input.kind() == Kind::Inspect {
            step.look();
        }
        let Some(partition) = input.partition() else { return Ok(Some(None)) };
        step.enter(partition)?;
        let now = step.now;
        let live = step.live().ok_or(StepError::NoPartition)?;
        match input {
            Input::Timer { name, .. } => {
                let Some(timer) = live.timer(name).filter(|timer| timer.due <= now).cloned() else {
                    return Ok(None);
                };
                step.stage.timers.insert(name.clone(), None);
                Ok(Some(Some(timer)))
            }
            Input::Post { to, from, sequence, .. } if to == from => {
                if live.outbox_entry(*sequence).is_none() {
                    return Ok(None);
                }
                step.stage.consumed = Some(*sequence);
                Ok(Some(None))
            }
            Input::Post { .. } => {
                // The other partition's outbox forgets the post only when this is on disk.
                step.stage.force_durable = true;
                Ok(Some(None))
            }
            Input::Outcome { outbox, .. } => {
                step.stage.consumed = *outbox;
                Ok(Some(None))
            }
            _ => Ok(Some(None)),
        }
    }

    /// Counts, tells and keeps a failed step. Its partition is free when this returns.
    fn failed(self: &Arc<Self>, occasion: &Occasion<'_>, fault: &Fault, step: Option<Step>) -> Failed {
        let Occasion { generation, input, number } = *occasion;
        match fault.cause {
            Cause::Deadline => self.metrics.deadlines.add(1),
            Cause::Memory | Cause::Limit => self.metrics.limits.add(1),
            Cause::Trap | Cause::Instance => self.metrics.traps.add(1),
            Cause::Verdict => self.metrics.verdicts.add(1),
            Cause::Store => {}
        }
        let live = step.as_ref().and_then(Step::live);
        let entered = live.map(|live| live.key.clone());
        let partition = entered.as_ref().or(input.partition()).map(PartitionKey::as_str);
        let place = fault.place();
        tracing::error!(step = number, kind = input.kind().name(), partition, place, error = %fault, "a step failed");
        let now = self.clock.now_ms();
        // What has failed under the former generation, and is tried again, says nothing of this one.
        let tried_again = matches!(input.kind(), Kind::Timer | Kind::Post | Kind::Recovery);
        let inherited = tried_again
            && input.partition().is_some_and(|key| !self.background.note_failing(key, generation.number));
        if fault.cause != Cause::Store && !inherited {
            self.succession.note_failure(generation.number, now);
        }
        let noted = failures::Occasion {
            step: number,
            kind: input.kind(),
            partition,
            summary: &|| input.summary(),
            log: step.as_ref().map(|step| step.errors.clone()).unwrap_or_default(),
            now,
        };
        let worth_recording = self.failures.note(generation, fault, noted);
        if let (Some(id), Some(step)) = (worth_recording, step)
            && let Some(Retraced { trace, again }) = self.retrace(occasion, fault, step)
        {
            self.failures.record(id, rehearsal::one(&trace, generation).into(), again);
        }
        Failed
    }

    /// Commits a step whose handler has returned, and lets its effects go when they may. `spent` is the
    /// time that the component has taken for its input.
    fn commit(
        self: &Arc<Self>,
        occasion: &Occasion<'_>,
        attempt: u32,
        returned: Returned,
        step: Step,
        spent: Duration,
    ) -> Result<Option<Arc<Input>>, Failed> {
        let input = occasion.input;
        let mut effects = Effects::default();
        match returned {
            Returned::Forward(to) => match input.forwarded(to, step.now, spent) {
                Some(next) => effects.forwarded = Some(Arc::new(next)),
                None => {
                    let fault = Fault::new(Cause::Limit, "the request is forwarded too often");
                    return Err(self.failed(occasion, &fault, Some(step)));
                }
            },
            returned => effects.returned = Some(returned),
        }
        let (held, mut stage, now) = step.finish();
        effects.figures = std::mem::take(&mut stage.figures);
        if let Input::Post { to, from, sequence, .. } = &**input
            && to != from
        {
            effects.settles = Some((from.clone(), *sequence));
        }
        let Some(mut live) = held else {
            let next = effects.forwarded.take();
            self.effect(input, None, effects, &mut Vec::new());
            return Ok(next);
        };
        live.last_now = now.max(live.last_now);
        let partition = live.key.clone();
        let commit = self.apply(&mut live, &mut stage, &mut effects);
        let kept_back = commit.is_some() || live.submitted > self.committer.durable();
        if kept_back {
            let work = Work::Step { effects, input: input.clone(), attempt };
            live.submitted = self.committer.submit(partition, live.incarnation, commit, work);
            Ok(None)
        } else {
            // Under the lock: posts of two steps must not overtake each other.
            self.deliver(&partition, std::mem::take(&mut effects.posts));
            drop(live);
            let next = effects.forwarded.take();
            let mut sends = Vec::new();
            self.effect(input, Some(&partition), effects, &mut sends);
            self.send(sends);
            Ok(next)
        }
    }

    /// Applies a stage to the live partition and fills in what leaves; gives the durable part.
    fn apply(
        &self,
        live: &mut Held,
        stage: &mut Stage,
        effects: &mut Effects,
    ) -> Option<rollcall_storage::Commit> {
        if !stage.writes() && !stage.durable() && stage.sends.is_empty() {
            return None;
        }
        let before = live.size();
        let applied = live.apply(stage, |kind, change| self.registry.count(kind, change));
        self.registry.resized(before, live.size());
        let posts = std::mem::take(&mut stage.posts).into_iter().map(|post| post.to);
        effects.posts = applied.posts.into_iter().zip(posts).collect();
        for (send, outbox) in std::mem::take(&mut stage.sends).into_iter().zip(applied.sends) {
            let partition = live.key.clone();
            let id = self.in_flight.add(Waiting { partition, token: send.token, outbox });
            effects.sends.push((id, send.request));
        }
        let wake = live.next_wake();
        if !live.firing && wake != live.wake {
            self.background.set_wake(&live.key, live.wake, wake);
            live.wake = wake;
        }
        if live.is_dirty() && !live.queued_for_flush {
            live.queued_for_flush = true;
            self.flusher.add(live.key.clone());
        }
        applied.commit
    }

    /// Lets the effects of a committed step go; called by the group commit.
    pub fn release(
        self: &Arc<Self>,
        input: &Input,
        partition: &PartitionKey,
        effects: Effects,
        sends: &mut Vec<(SendId, Outgoing)>,
    ) {
        self.effect(input, Some(partition), effects, sends);
    }

    fn effect(
        &self,
        input: &Input,
        partition: Option<&PartitionKey>,
        effects: Effects,
        sends: &mut Vec<(SendId, Outgoing)>,
    ) {
        match (effects.returned, input) {
            (
                Some(Returned::Answer(answer)),
                Input::Request { ticket, .. } | Input::Forwarded { ticket, .. },
            ) => self.edge.answer(*ticket, answer),
            (Some(Returned::Inspected(answer)), Input::Inspect { done, .. }) => {
                inspection::tell(done, answer.map_err(InspectError::Refused));
            }
            (Some(Returned::Document(taken)), Input::Document { done, .. }) => {
                if let Some(done) = done.lock().take() {
                    done(taken);
                }
            }
            _ => {}
        }
        if let Some(next) = effects.forwarded {
            // Not here, on the thread of the group commit.
            self.background.push(Task::Again(next, 0));
        }
        self.figures.add(effects.figures);
        sends.extend(effects.sends);
        if let Some(from) = partition {
            self.deliver(from, effects.posts);
        }
        if let Some((from, sequence)) = effects.settles {
            // Not here: a step may hold that partition, and the group commit must not wait for it.
            self.background.push(Task::Settle { from, sequence });
        }
    }

    fn deliver(&self, from: &PartitionKey, posts: Vec<(u64, PartitionKey)>) {
        for (sequence, to) in posts {
            self.background.push(Task::Deliver { from: from.clone(), sequence, to });
        }
    }

    /// Nobody waits any more for what a step wanted sent.
    pub fn forget(&self, effects: &Effects) {
        for (id, _) in &effects.sends {
            self.in_flight.take(*id);
        }
    }

    /// Hands requests to the SIP stack.
    pub fn send(&self, sends: Vec<(SendId, Outgoing)>) {
        if !sends.is_empty() {
            self.metrics.sent.add(sends.len() as u64);
            self.edge.send(sends);
        }
    }

    /// Prepares a kept request to be sent again after a start.
    pub fn resend(
        &self,
        partition: &PartitionKey,
        sequence: u64,
        token: Bytes,
        request: Outgoing,
    ) -> (SendId, Outgoing) {
        let waiting = Waiting { partition: partition.clone(), token, outbox: Some(sequence) };
        (self.in_flight.add(waiting), request)
    }

    /// A post to another partition has been dealt with there.
    pub fn settle(&self, from: &PartitionKey, sequence: u64) -> Result<(), rollcall_storage::Error> {
        let mut live = self.registry.hold(from, self.clock.now_ms())?;
        let before = live.size();
        live.settle(sequence);
        self.registry.resized(before, live.size());
        if live.is_dirty() && !live.queued_for_flush {
            live.queued_for_flush = true;
            self.flusher.add(from.clone());
        }
        Ok(())
    }

    /// Has a partition told of a recovery.
    pub fn recover(&self, partition: PartitionKey) {
        self.recovering.lock().insert(partition.clone());
        self.background.push(Task::Recover(partition));
    }

    fn recover_later(&self, partition: &PartitionKey) {
        self.recovering.lock().insert(partition.clone());
        self.background.push_at(self.clock.now_ms() + PAUSE_MS, Task::Recover(partition.clone()));
    }

    /// Runs a step again after a conflict.
    pub fn again(&self, input: Arc<Input>, attempt: u32) {
        if attempt >= self.config.conflict_retries {
            tracing::error!(kind = input.kind().name(), "a step met a conflict too often");
            self.refuse(&input);
        } else if self.background.stopped() {
            self.refuse(&input);
        } else {
            self.background.push(Task::Again(input, attempt + 1));
        }
    }

    /// Ends an input whose step has failed for good.
    pub fn refuse(&self, input: &Input) {
        match input {
            Input::Request { ticket, .. } | Input::Forwarded { ticket, .. } => {
                self.edge.answer(*ticket, Answer::Failed);
            }
            Input::Inspect { done, .. } => inspection::tell(done, Err(InspectError::Failed)),
            Input::Document { done, .. } => {
                if let Some(done) = done.lock().take() {
                    done(Err("the step failed".into()));
                }
            }
            // Timers and posts stay in the store and are tried again; for the rest the plugin makes
            // good when it is told of a recovery.
            Input::Timer { partition, .. } => {
                self.background.push_at(self.clock.now_ms() + PAUSE_MS, Task::Fire(partition.clone()));
            }
            Input::Outcome { partition, .. } | Input::Recovery { partition } => self.recover_later(partition),
            Input::Post { from, sequence, to, .. } => {
                let (from, sequence, to) = (from.clone(), *sequence, to.clone());
                self.background.push(Task::Redeliver { from, sequence, to });
            }
        }
    }

    /// Relaxed changes could not be written because the partition has changed underneath.
    pub fn lost_relaxed(&self, partition: &PartitionKey) {
        tracing::warn!(%partition, "relaxed changes were lost to another writer");
        if !self.lost.swap(true, Ordering::Relaxed) {
            self.epoch.fetch_add(1, Ordering::Relaxed);
        }
        self.recover(partition.clone());
    }

    /// Runs an input that came from outside; answers it whatever happens.
    pub fn take(self: &Arc<Self>, input: Arc<Input>) {
        // Recursive: the edge may hand in something while it is given an answer.
        let closed = self.closed.read_recursive();
        if *closed {
            match &*input {
                Input::Request { ticket, .. } => self.edge.answer(*ticket, Answer::Busy),
                Input::Inspect { done, .. } => inspection::tell(done, Err(InspectError::Unavailable)),
                other => self.refuse(other),
            }
            return;
        }
        let busy = matches!(input.kind(), Kind::Request)
            && (self.stopping.load(Ordering::Relaxed)
                || self.committer.failed()
                || self.committer.pending() > self.config.pending_commits as u64);
        if busy && let Input::Request { ticket, .. } = &*input {
            self.metrics.busy.add(1);
            self.edge.answer(*ticket, Answer::Busy);
            return;
        }
        if self.step(&input, 0).is_err() {
            self.refuse(&input);
        }
    }
}
