//! The public face: starting, feeding, swapping and stopping.

use crate::Digest;
use crate::background::{Background, Task};
use crate::clock::Clock;
use crate::commit::Committer;
use crate::flush::Flusher;
use crate::generation::{ComponentError, Description, Fit, Generation, Runtime};
use crate::in_flight::InFlight;
use crate::limits::EngineConfig;
use crate::message::{Document, Edge, Outcome, Request, SendId};
use crate::metrics::{Gauges, Metrics};
use crate::registry::Registry;
use crate::runner::Shared;
use crate::step::input::Input;
use crate::tables::TableSource;
use arc_swap::ArcSwap;
use parking_lot::{Mutex, RwLock};
use rollcall_storage::{Engine as Storage, PartitionKey};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Name of the store's note on the schemas of its records.
const META_SCHEMAS: &str = "record-schemas";

/// Name of the store's note on what an orderly stop left open.
const META_STOP: &str = "orderly-stop";

/// Partitions read from the store at once.
const PAGE: usize = 1000;

/// Recovery tasks that may wait at once: recovery must not crowd out traffic.
const RECOVERY_AHEAD: usize = 200;

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

/// What an orderly stop writes down for the next start.
#[derive(Default, Serialize, Deserialize)]
struct StopNote {
    /// Partitions with requests whose outcome was open.
    unsettled: Vec<String>,
    /// Records by kind; none if they had not all been counted.
    counts: Option<Vec<(u8, i64)>>,
}

/// A running plugin.
pub struct Engine {
    shared: Arc<Shared>,
    /// Threads that make work for the group commit.
    workers: Mutex<Vec<JoinHandle<()>>>,
    /// The group commit, and what has to outlive the workers.
    last: Mutex<Vec<JoinHandle<()>>>,
    /// One swap, roll back or table reload at a time.
    changing: Mutex<Option<Arc<Generation>>>,
    ended: Arc<AtomicBool>,
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
        let schemas = read_schemas(&*storage)?;
        let fit = Fit { configuration: &config.plugin_configuration, schemas: &schemas, sources: &tables };
        let generation = Generation::prepare(&runtime, &config, component, &fit)?;
        note_schema(&*storage, &generation.description)?;
        let opened = storage.opened();
        let shared = Arc::new(Shared {
            registry: Registry::new(storage.clone(), config.live_bytes),
            committer: Committer::default(),
            background: Background::new(config.workers),
            flusher: Flusher::default(),
            in_flight: InFlight::default(),
            metrics: Metrics::new(),
            current: ArcSwap::from_pointee(generation),
            sources: Mutex::new(tables),
            stopping: AtomicBool::new(false),
            closed: RwLock::new(false),
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
        let count = counts.is_none() && !fresh;
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
            workers: Mutex::default(),
            last: Mutex::default(),
            changing: Mutex::new(None),
            ended: Arc::default(),
        };
        engine.spawn_threads()?;
        let weak = Arc::downgrade(&shared);
        shared.clock.on_jump(Box::new(move || {
            if let Some(shared) = weak.upgrade() {
                shared.background.time_jumped();
            }
        }));
        let unsettled = note.map(|note| note.unsettled).unwrap_or_default();
        engine.work("rollcall-resume", move |shared| resume(shared, &unsettled, count))?;
        Ok(engine)
    }

    fn spawn(
        &self,
        name: &str,
        body: impl FnOnce(&Arc<Shared>) + Send + 'static,
    ) -> Result<JoinHandle<()>, std::io::Error> {
        let shared = self.shared.clone();
        std::thread::Builder::new().name(name.into()).spawn(move || body(&shared))
    }

    fn work(
        &self,
        name: &str,
        body: impl FnOnce(&Arc<Shared>) + Send + 'static,
    ) -> Result<(), std::io::Error> {
        let thread = self.spawn(name, body)?;
        self.workers.lock().push(thread);
        Ok(())
    }

    fn spawn_threads(&self) -> Result<(), std::io::Error> {
        let commit = self.spawn("rollcall-commit", |shared| shared.committer.run(shared))?;
        self.last.lock().push(commit);
        let ended = self.ended.clone();
        let epoch = self.spawn("rollcall-epoch", move |shared| {
            while !ended.load(Ordering::Relaxed) {
                std::thread::sleep(shared.runtime.tick());
                shared.runtime.advance();
            }
        })?;
        self.last.lock().push(epoch);
        self.work("rollcall-flush", |shared| shared.flusher.run(shared))?;
        self.work("rollcall-timers", |shared| shared.background.run_timers(shared))?;
        for lane in 0..self.shared.config.workers.max(1) {
            self.work(&format!("rollcall-work-{lane}"), move |shared| {
                shared.background.run_lane(shared, lane);
            })?;
        }
        Ok(())
    }

    /// Hands a request in. Its answer comes to [`Edge::answer`] with this ticket, maybe before
    /// this returns.
    pub fn request(&self, request: Request, ticket: u64) {
        let _open = self.shared.closed.read();
        self.shared.take(Arc::new(Input::Request { ticket, request }));
    }

    /// Hands in what became of a request that the engine had sent. An outcome that is not
    /// awaited is ignored.
    pub fn outcome(&self, id: SendId, outcome: Outcome) {
        let closed = self.shared.closed.read();
        // Not taken once the engine is closed: the next start makes it good.
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
        let _open = self.shared.closed.read();
        self.shared.take(Arc::new(Input::Document { document, done }));
    }

    /// Replaces the component between two steps. Steps under way end on the old one, which is
    /// kept for [`Engine::roll_back`].
    ///
    /// # Errors
    /// If the component cannot be used; the running one goes on.
    pub fn swap(&self, component: &[u8]) -> Result<Description, ComponentError> {
        let mut previous = self.changing.lock();
        let shared = &self.shared;
        let schemas = read_schemas(&*shared.storage)?;
        let sources = shared.sources.lock().clone();
        let fit =
            Fit { configuration: &shared.config.plugin_configuration, schemas: &schemas, sources: &sources };
        let generation = Generation::prepare(&shared.runtime, &shared.config, component, &fit)?;
        let description = generation.description.clone();
        note_schema(&*shared.storage, &description)?;
        tracing::info!(name = description.name, version = description.version,
            digest = %generation.digest, "component swapped");
        *previous = Some(shared.current.swap(Arc::new(generation)));
        Ok(description)
    }

    /// Goes back to the component before the last swap; none if there was no swap.
    ///
    /// # Errors
    /// If the store holds records that the earlier component cannot read.
    pub fn roll_back(&self) -> Result<Option<Description>, ComponentError> {
        let mut previous = self.changing.lock();
        let Some(earlier) = previous.take() else { return Ok(None) };
        let schemas = read_schemas(&*self.shared.storage)?;
        let reads = &earlier.description.reads_schemas;
        if let Some(stored) = schemas.iter().find(|stored| !reads.contains(stored)) {
            let error = ComponentError::Schema { stored: *stored, reads: reads.clone() };
            *previous = Some(earlier);
            return Err(error);
        }
        note_schema(&*self.shared.storage, &earlier.description)?;
        let description = earlier.description.clone();
        tracing::info!(name = description.name, version = description.version,
            digest = %earlier.digest, "component rolled back");
        *previous = Some(self.shared.current.swap(earlier));
        Ok(Some(description))
    }

    /// Builds a table anew from its source and puts it in force; gives the number of entries.
    ///
    /// # Errors
    /// If the source cannot be read or a row does not fit; the table in force stays.
    pub fn reload_table(&self, name: &str) -> Result<usize, ComponentError> {
        let _one_at_a_time = self.changing.lock();
        self.shared.reload_table(name)
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
            outbox: shared.background.queued(),
            sends_in_flight: shared.in_flight.len(),
            pending_commits: shared.committer.pending() as usize,
            idle_instances: generation.idle(),
            store_failed: shared.committer.failed(),
        }
    }

    /// Stops in order: new requests are answered [`Answer::Busy`](crate::Answer::Busy), open
    /// outcomes are awaited for up to `patience`, then everything is written and the store is
    /// marked as stopped in order. The embedder keeps handing in outcomes meanwhile.
    ///
    /// # Errors
    /// If the store fails; the next start then counts as one after a crash.
    pub fn stop(&self, patience: Duration) -> Result<(), rollcall_storage::Error> {
        let shared = &self.shared;
        shared.stopping.store(true, Ordering::SeqCst);
        let until = Instant::now() + patience;
        while (shared.in_flight.len() > 0 || shared.background.queued() > 0) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        shared.background.stop();
        shared.flusher.stop();
        join(&self.workers);
        // Waits for the steps under way; from here on nobody makes work but this thread.
        *shared.closed.write() = true;
        shared.flusher.flush(shared);
        shared.committer.stop();
        self.ended.store(true, Ordering::SeqCst);
        join(&self.last);
        if shared.committer.failed() || shared.lost.load(Ordering::Relaxed) {
            return Err(rollcall_storage::Error::Failed);
        }
        let unsettled = shared.in_flight.partitions();
        let note = StopNote {
            unsettled: unsettled.iter().map(|partition| partition.as_str().to_owned()).collect(),
            counts: shared.registry.counts(),
        };
        shared.storage.put_meta(META_STOP, &postcard::to_extend(&note, Vec::new()).unwrap_or_default())?;
        shared.storage.close()
    }
}

fn join(threads: &Mutex<Vec<JoinHandle<()>>>) {
    let threads = std::mem::take(&mut *threads.lock());
    for thread in threads {
        if thread.join().is_err() {
            tracing::error!("a thread of the engine panicked");
        }
    }
}

/// Takes up what the last stop left: outboxes, open outcomes, lost relaxed writes. Counts the
/// records if nobody has.
fn resume(shared: &Arc<Shared>, unsettled: &[String], count: bool) {
    let opened = shared.storage.opened();
    each_partition(
        shared,
        |after| shared.storage.pending(after, PAGE),
        |partition| {
            shared.background.push(Task::Outbox(partition));
        },
    );
    for partition in unsettled {
        if let Ok(partition) = PartitionKey::new(partition) {
            shared.background.push(Task::Recover(partition));
        }
    }
    if opened.clean && !count {
        return;
    }
    let all = each_partition(
        shared,
        |after| shared.storage.partitions(after, PAGE),
        |partition| {
            match shared.registry.hold(&partition, shared.clock.now_ms()) {
                Ok(mut live) => shared.registry.count_partition(&mut live),
                Err(error) => tracing::error!(%partition, %error, "a partition cannot be read"),
            }
            if !opened.clean {
                shared.background.push(Task::Recover(partition));
            }
        },
    );
    if all {
        shared.registry.end_counting();
        tracing::info!(epoch = opened.epoch, "every partition has been looked at");
    }
}

/// Walks over pages of partitions, not faster than background work gets done. False if it was cut off.
fn each_partition(
    shared: &Arc<Shared>,
    page: impl Fn(Option<&PartitionKey>) -> Result<Vec<PartitionKey>, rollcall_storage::Error>,
    mut visit: impl FnMut(PartitionKey),
) -> bool {
    let mut after = None;
    loop {
        let partitions = match page(after.as_ref()) {
            Ok(partitions) => partitions,
            Err(error) => {
                tracing::error!(%error, "the store cannot be listed");
                return false;
            }
        };
        let Some(last) = partitions.last().cloned() else { return true };
        for partition in partitions {
            if shared.stopping.load(Ordering::Relaxed) {
                return false;
            }
            while shared.background.queued() > RECOVERY_AHEAD && !shared.stopping.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(1));
            }
            visit(partition);
        }
        shared.registry.evict(shared.committer.durable());
        after = Some(last);
    }
}

fn read_schemas(storage: &dyn Storage) -> Result<Vec<u32>, rollcall_storage::Error> {
    let stored = storage.get_meta(META_SCHEMAS)?;
    let corrupt = || rollcall_storage::Error::Corrupt("the note on record schemas");
    stored.map_or(Ok(Vec::new()), |bytes| postcard::from_bytes(&bytes).map_err(|_| corrupt()))
}

/// Notes, before the component's first step, that the store may hold records of its schema.
fn note_schema(storage: &dyn Storage, description: &Description) -> Result<(), rollcall_storage::Error> {
    let mut schemas = read_schemas(storage)?;
    if !schemas.contains(&description.writes_schema) {
        schemas.push(description.writes_schema);
        storage.put_meta(META_SCHEMAS, &postcard::to_extend(&schemas, Vec::new()).unwrap_or_default())?;
    }
    Ok(())
}
