//! The public face: starting, feeding, swapping and stopping.

use crate::Digest;
use crate::background::{Background, Task};
use crate::clock::Clock;
use crate::commit::Committer;
use crate::failures::{FailedStep, Failures};
use crate::figures::{Figures, Series};
use crate::fit::ComponentError;
use crate::flush::Flusher;
use crate::generation::{Compiled, Description, Fit, Generation, Runtime};
use crate::identity_rules::Rules;
use crate::in_flight::InFlight;
use crate::inspection::InspectError;
use crate::limits::EngineConfig;
use crate::message::{Document, Edge, Outcome, Request, SendId};
use crate::metrics::{Gauges, Metrics};
use crate::registry::Registry;
use crate::rehearsal::{ShadowPlace, Taps};
use crate::resume::{META_STOP, StopNote, pending, resume};
use crate::runner::Shared;
use crate::schemas;
use crate::step::input::Input;
use crate::succession::{GenerationChange, GenerationInfo, Succession};
use crate::tables::{Former, Ledger, Renewal, TableReport, TableSource, Tables};
use arc_swap::ArcSwap;
use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use rollcall_storage::{Engine as Storage, PartitionKey};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Why an engine does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The component cannot be used.
    #[error(transparent)]
    Component(#[from] ComponentError),
    /// The store failed.
    #[error("the store: {0}")]
    Store(#[from] rollcall_storage::Error),
    /// wasmtime refuses its settings.
    #[error("wasmtime: {0}")]
    Runtime(String),
    /// The system gives no thread.
    #[error("no thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// Threads by what they do: each group may need those after it until it has ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Duty {
    Work,
    Flush,
    Commit,
}

/// A running plugin. Dropped without [`Engine::stop`], it ends as in a crash: relaxed writes of
/// the last moments are lost, and the next start recovers.
pub struct Engine {
    pub(crate) shared: Arc<Shared>,
    threads: Mutex<Vec<(Duty, JoinHandle<()>)>>,
    ended: Arc<AtomicBool>,
    stopped: Mutex<bool>,
    /// Every partition has been counted and, if need be, put down for recovery.
    walked: Arc<AtomicBool>,
}

impl Engine {
    /// Starts a component on a store. Tables are built before this returns. Timers, posts and
    /// recovery begin at once, so the edge must be ready to send.
    ///
    /// # Errors
    /// If the component cannot be used with this configuration and store, or the store fails.
    pub fn start(
        config: EngineConfig,
        component: &[u8],
        tables: Vec<(String, Arc<dyn TableSource>)>,
        storage: Arc<dyn Storage>,
        edge: Arc<dyn Edge>,
        clock: Arc<dyn Clock>,
    ) -> Result<Engine, StartError> {
        let runtime = Runtime::new(&config).map_err(|error| StartError::Runtime(format!("{error:#}")))?;
        let metrics = Metrics::new();
        let rules = match &config.identity_rules {
            Some(rules) => Some(Arc::new(Rules::prepare(rules, &config, &metrics)?)),
            None => None,
        };
        let stored = schemas::read(&*storage)?;
        let fit = Fit { configuration: &config.plugin_configuration, schemas: &stored, tables: &[], rules };
        let none = Former { own: &Tables::default(), others: &Tables::default() };
        let (mut generation, renewal) = runtime.ticking(|| {
            let compiled = Compiled::new(&runtime, &config, component)?;
            let generation = Generation::prepare(&runtime, &config, &compiled, &fit)?;
            let renewal = Renewal::new(&runtime, &generation, &tables, &none, &|_| true).complete()?;
            Ok::<_, ComponentError>((generation, renewal))
        })?;
        let ledger = Ledger::default();
        ledger.note(&renewal.reports, clock.now_ms());
        generation.tables.store(Arc::new(renewal.tables));
        schemas::note(&*storage, &generation.description)?;
        let opened = storage.opened();
        let background = Arc::new(Background::new(config.workers));
        let unresumed = pending(&*storage)?;
        let shared = Arc::new(Shared {
            registry: Registry::new(storage.clone(), config.live_bytes, unresumed, background.clone()),
            committer: Committer::default(),
            background,
            flusher: Flusher::default(),
            in_flight: InFlight::default(),
            metrics,
            succession: Succession::begin(&mut generation),
            figures: Figures::default(),
            taps: Taps::default(),
            recorder: Mutex::default(),
            shadow: ShadowPlace::default(),
            current: ArcSwap::from_pointee(generation),
            failures: Failures::default(),
            sources: tables,
            ledger,
            stopping: AtomicBool::new(false),
            closed: RwLock::new(false),
            recovering: Mutex::default(),
            steps: AtomicU64::new(0),
            epoch: AtomicU64::new(opened.epoch),
            lost: AtomicBool::new(false),
            config,
            storage,
            edge,
            clock,
            runtime,
        });
        let note: Option<StopNote> = match shared.storage.get_meta(META_STOP)? {
            Some(bytes) if opened.clean => postcard::from_bytes(&bytes).ok(),
            _ => None,
        };
        let fresh = shared.storage.partitions(None, 1)?.is_empty();
        let counts = note.as_ref().and_then(|note| note.counts.as_ref());
        let counted = fresh || counts.is_some();
        match counts {
            Some(counts) => counts.iter().for_each(|(kind, n)| shared.registry.count(*kind, *n)),
            None if fresh => {}
            None => shared.registry.begin_counting(),
        }
        for (due, partition) in shared.storage.due(u64::MAX, usize::MAX)? {
            shared.background.set_wake(&partition, None, Some(due));
        }
        let engine = Engine {
            shared: shared.clone(),
            threads: Mutex::default(),
            ended: Arc::default(),
            stopped: Mutex::new(false),
            walked: Arc::default(),
        };
        engine.spawn_threads()?;
        let weak = Arc::downgrade(&shared);
        shared.clock.on_jump(Box::new(move || {
            if let Some(shared) = weak.upgrade() {
                shared.background.time_jumped();
            }
        }));
        let walked = engine.walked.clone();
        engine.spawn(Duty::Work, "rollcall-resume", move |shared| {
            walked.store(resume(shared, note, counted), Ordering::SeqCst);
        })?;
        Ok(engine)
    }

    fn spawn(
        &self,
        duty: Duty,
        name: &str,
        body: impl FnOnce(&Arc<Shared>) + Send + 'static,
    ) -> Result<(), std::io::Error> {
        let shared = self.shared.clone();
        let thread = std::thread::Builder::new().name(name.into()).spawn(move || body(&shared))?;
        self.threads.lock().push((duty, thread));
        Ok(())
    }

    fn spawn_threads(&self) -> Result<(), std::io::Error> {
        self.spawn(Duty::Commit, "rollcall-commit", |shared| shared.committer.run(shared))?;
        self.spawn(Duty::Flush, "rollcall-flush", |shared| shared.flusher.run(shared))?;
        self.spawn(Duty::Work, "rollcall-timers", |shared| shared.background.run_timers(shared))?;
        for lane in 0..self.shared.config.workers.max(1) {
            self.spawn(Duty::Work, &format!("rollcall-work-{lane}"), move |shared| {
                shared.background.run_lane(shared, lane);
            })?;
        }
        self.spawn(Duty::Work, "rollcall-trial", |shared| shared.watch_trials())?;
        let ended = self.ended.clone();
        self.spawn(Duty::Commit, "rollcall-epoch", move |shared| {
            while !ended.load(Ordering::Relaxed) {
                // Woken when the engine ends.
                std::thread::park_timeout(shared.runtime.tick());
                shared.runtime.advance();
            }
        })
    }

    /// Hands a request in. Its answer comes to [`Edge::answer`] with this ticket, maybe before
    /// this returns.
    pub fn request(&self, request: Request, ticket: u64) {
        self.shared.take(Arc::new(Input::Request { ticket, request }));
    }

    /// Hands in what became of a request that the engine had sent. An outcome that is not
    /// awaited is ignored; one that comes after the stop counts as open.
    pub fn outcome(&self, id: SendId, outcome: Outcome) {
        let closed = self.shared.closed.read_recursive();
        if *closed {
            return;
        }
        if let Some(waiting) = self.shared.in_flight.take(id) {
            let (partition, token, outbox) = (waiting.partition, waiting.token, waiting.outbox);
            self.shared.take(Arc::new(Input::Outcome { partition, token, outcome, outbox }));
        }
    }

    /// Hands a document in; `done` is told whether the plugin took it, once that is durable.
    pub fn document(&self, document: Document, done: impl FnOnce(Result<(), String>) + Send + 'static) {
        let done = Mutex::new(Some(Box::new(done) as _));
        self.shared.take(Arc::new(Input::Document { document, done }));
    }

    /// Asks the component a question (`wit/plugin.wit`, `handler.on-inspect`); the answer is JSON in a form
    /// of the component's. Waits for it: for an instance, for the step before in the partition, for the disk.
    /// So an [`Edge`] must not ask from within its calls.
    ///
    /// # Errors
    /// If the component knows no such question, says what is wrong with it, or fails.
    pub fn inspect(&self, question: &str, argument: &str) -> Result<String, InspectError> {
        self.shared.inspect(question, argument)
    }

    /// Up to `limit` partitions that hold records, timers or posts, beginning after the partition `after`
    /// where one is given (it need not be there any more), in an order of the store's choice that does not
    /// change. An empty page is the end. One that holds something the whole time is listed exactly once; one
    /// whose records have all expired may be listed. Relaxed writes are flushed first, so partitions that
    /// only hold such are there.
    ///
    /// # Errors
    /// If `after` is no name of a partition, or the store fails.
    pub fn partitions(&self, after: Option<&str>, limit: usize) -> Result<Vec<String>, InspectError> {
        self.shared.partitions(after, limit)
    }

    /// Replaces the component between two steps. Steps under way end on the old one, which is
    /// kept for [`Engine::roll_back`]. The new one is on trial if [`EngineConfig::roll_back`] says so. The running
    /// component once more is a new generation, too, but neither begins a trial nor is there to go back to.
    ///
    /// # Errors
    /// If the component cannot be used; the running one goes on.
    pub fn swap(&self, component: &[u8]) -> Result<Description, ComponentError> {
        self.shared.swap(component)
    }

    /// As [`Engine::swap`], for a component that has stood its trial on this store before, as after a restart: it
    /// is not on trial again.
    ///
    /// # Errors
    /// As there.
    pub fn resume(&self, component: &[u8]) -> Result<Description, ComponentError> {
        self.shared.resume(component)
    }

    /// Whether a component could be swapped in now: all that [`Engine::swap`] does but the swap.
    ///
    /// # Errors
    /// If it cannot be used.
    pub fn check(&self, component: &[u8]) -> Result<Description, ComponentError> {
        self.shared.check(component)
    }

    /// Replaces the site's own identity rules, or takes them away, between two steps: the tables are built
    /// anew with them and come into force together with them. Steps under way end with what they began
    /// with. [`Engine::roll_back`] undoes this as it does a swap. Rules that are in force already change
    /// nothing. Gives the digest of the rules.
    ///
    /// A component may go by its configuration when it asks for rules: this does not change it.
    ///
    /// # Errors
    /// If they cannot be used, or a table cannot be built with them; all stays as it was.
    pub fn swap_identity_rules(&self, rules: Option<&[u8]>) -> Result<Option<Digest>, ComponentError> {
        self.shared.swap_identity_rules(rules)
    }

    /// Digest of the site's own identity rules, if there are any.
    pub fn identity_rules(&self) -> Option<Digest> {
        self.shared.current.load().rules_digest()
    }

    /// Goes back to the component before the last swap; none if there was no swap, or if the engine has gone
    /// back by itself since. Its tables are built anew first; one whose source is broken stays as that component
    /// had it. Once more undoes that. Neither begins a trial.
    ///
    /// # Errors
    /// If the store holds records that the earlier component cannot read.
    pub fn roll_back(&self) -> Result<Option<Description>, ComponentError> {
        self.shared.roll_back()
    }

    /// Has a function called whenever another generation is in force: after a swap of the component or of the
    /// identity rules, a roll back, or when the engine goes back by itself. Before the next change is possible, so
    /// it must not make one; it may hand in documents. One function at a time.
    pub fn on_change(&self, told: impl Fn(&GenerationChange) + Send + Sync + 'static) {
        self.shared.succession.on_change(Arc::new(told));
    }

    /// Reads the sources of all tables and puts the new tables in force, all at once. A table whose source
    /// is broken or gone keeps its content; the report tells of each table in the order of the component.
    /// Steps under way end with the tables that they began with.
    ///
    /// Takes as long as the sources are large; no step waits for it, but swaps and other reloads do.
    pub fn reload_tables(&self) -> Vec<TableReport> {
        self.reload_some_tables(|_| true)
    }

    /// As [`Engine::reload_tables`], for the tables that are wanted by name and those whose building looks
    /// into one that is replaced.
    pub fn reload_some_tables(&self, wanted: impl Fn(&str) -> bool) -> Vec<TableReport> {
        self.shared.reload_tables(&wanted)
    }

    /// The generations that are kept, the running one first, and the last ones that the engine has gone back
    /// from by itself.
    pub fn generations(&self) -> Vec<GenerationInfo> {
        self.shared.generations()
    }

    /// Steps that failed lately, of the last generations, the latest first: those that failed for the same
    /// cause in the same place are one.
    pub fn failures(&self) -> Vec<FailedStep> {
        self.shared.failures.all()
    }

    /// The recording of the first of these steps.
    pub fn failed_step(&self, id: u64) -> Option<Bytes> {
        self.shared.failures.recording(id)
    }

    /// What the running component is.
    pub fn description(&self) -> Description {
        self.shared.current.load().description.clone()
    }

    /// Digest of the running component.
    pub fn digest(&self) -> Digest {
        self.shared.current.load().digest
    }

    /// Counters since the start.
    pub fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    /// What the component has counted since the start.
    pub fn figures(&self) -> Vec<Series> {
        self.shared.figures.all()
    }

    /// What the engine holds now.
    pub fn gauges(&self) -> Gauges {
        let shared = &self.shared;
        let generation = shared.current.load();
        let (live_partitions, live_bytes) = shared.registry.size();
        let kinds = &generation.description.record_kinds;
        Gauges {
            live_partitions,
            live_bytes,
            records: kinds
                .iter()
                .map(|kind| (kind.name.clone(), shared.registry.counted(kind.prefix)))
                .collect(),
            timers: shared.background.waiting(),
            outbox: shared.registry.outbox(),
            tasks: shared.background.queued(),
            sends_in_flight: shared.in_flight.len(),
            pending_commits: shared.committer.pending() as usize,
            idle_instances: generation.idle(),
            tables: shared.ledger.gauges(&generation.tables.load()),
            store_failed: shared.committer.failed(),
        }
    }

    /// Stops in order: new requests are answered [`Answer::Busy`](crate::Answer::Busy), open
    /// outcomes are awaited for up to `patience`, then everything is written and the store is
    /// marked as stopped in order. The embedder keeps handing in outcomes meanwhile. Calling it
    /// again does nothing.
    ///
    /// # Errors
    /// If the store fails; the next start then counts as one after a crash.
    pub fn stop(&self, patience: Duration) -> Result<(), rollcall_storage::Error> {
        let shared = &self.shared;
        // One at a time; a second call finds it done.
        let mut stopped = self.stopped.lock();
        if std::mem::replace(&mut *stopped, true) {
            return Ok(());
        }
        shared.stopping.store(true, Ordering::SeqCst);
        let until = Instant::now() + patience;
        while (shared.in_flight.len() > 0 || shared.background.queued() > 0) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        // Whoever might still write has to be done before the last flush.
        shared.background.stop();
        shared.succession.stop();
        self.join(Duty::Work);
        *shared.closed.write() = true;
        shared.flusher.stop();
        self.join(Duty::Flush);
        shared.committer.wait();
        for task in shared.background.leftovers() {
            match task {
                Task::Again(input, _) => shared.refuse(&input),
                // Otherwise the post would be delivered again after the next start.
                Task::Settle { from, sequence } => shared.settle(&from, sequence)?,
                // The store has what the others need.
                _ => {}
            }
        }
        shared.flusher.flush(shared);
        self.end();
        if shared.committer.failed() || shared.lost.load(Ordering::Relaxed) {
            return Err(rollcall_storage::Error::Failed);
        }
        let walked = self.walked.load(Ordering::SeqCst);
        if !walked && !shared.storage.opened().clean {
            tracing::warn!("stopped before the recovery was complete: the next start begins it anew");
            return Ok(());
        }
        let mut unsettled: HashSet<PartitionKey> = shared.in_flight.partitions().into_iter().collect();
        unsettled.extend(shared.recovering.lock().drain());
        let note = StopNote {
            unsettled: unsettled.iter().map(|partition| partition.as_str().to_owned()).collect(),
            counts: walked.then(|| shared.registry.counts()),
        };
        shared.storage.put_meta(META_STOP, &postcard::to_extend(&note, Vec::new()).unwrap_or_default())?;
        shared.storage.close()
    }

    /// Waits until the threads with a duty have ended.
    fn join(&self, duty: Duty) {
        let (ended, others) = self.threads.lock().drain(..).partition(|(own, _)| *own == duty);
        *self.threads.lock() = others;
        for (_, thread) in ended {
            thread.thread().unpark();
            // The edge may have dropped the engine from within a call.
            if thread.thread().id() != std::thread::current().id() && thread.join().is_err() {
                tracing::error!("a thread of the engine panicked");
            }
        }
    }

    /// Ends all threads.
    fn end(&self) {
        // Its thread ends by itself: nobody waits for whoever reads the recording.
        if let Some(recorder) = &*self.shared.recorder.lock() {
            recorder.end(true);
        }
        self.shared.end_shadow();
        self.shared.background.stop();
        self.shared.succession.stop();
        self.join(Duty::Work);
        self.shared.flusher.stop();
        self.join(Duty::Flush);
        self.shared.committer.stop();
        self.ended.store(true, Ordering::SeqCst);
        self.join(Duty::Commit);
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        self.end();
    }
}
