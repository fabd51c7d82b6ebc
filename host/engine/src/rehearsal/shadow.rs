//! A shadow: a component that runs the steps of another beside it, without effects.
//!
//! Invariant: a step never waits for the shadow. It runs on a thread of its own after the step has ended, with
//! what that step has read; what comes too fast is left out and counted. Whatever it does, it ends within the
//! limits of a step, and one that takes its full time pauses so long that it takes little of the processor.

use super::difference::{RecordKinds, compare};
use super::queue::{Inlet, Outlet, queue};
use super::recorded::Own;
use super::report::{Groups, Report};
use super::rerun::rerun;
use super::tap::{Share, Subject, Tap};
use super::trace::{End, Trace};
use crate::compiled::Digest;
use crate::fit::ComponentError;
use crate::generation::{Compiled, Description, Generation};
use crate::metrics::{Metrics, ShadowCounts};
use crate::runner::Shared;
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Most steps that wait for the shadow.
const QUEUE: usize = 1024;
/// Most bytes of the steps that wait, about.
const QUEUE_BYTES: usize = 16 << 20;
/// Longest time until the end is noticed.
const LOOK: Duration = Duration::from_millis(50);
/// After a step that has failed, how often the time that it took the shadow pauses.
const PAUSE: u32 = 10;

/// What there is to know of a shadow.
#[derive(Clone, Debug)]
pub struct ShadowStatus {
    /// What the component says of itself.
    pub description: Description,
    /// SHA-256 of the component.
    pub digest: Digest,
    /// Share of the partitions whose steps it runs, from 0 to 1.
    pub share: f64,
    /// When it began, in milliseconds since 1970.
    pub since: u64,
    /// Steps that came too fast for it.
    pub skipped: u64,
    /// Processor time that it took.
    pub cpu: Duration,
    /// What it does otherwise than the running component.
    pub report: Report,
}

/// Why a shadow does not take over.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PromoteError {
    /// There is no shadow.
    #[error("there is no shadow")]
    NoShadow,
    /// It cannot take over; it goes on as a shadow.
    #[error(transparent)]
    Component(#[from] ComponentError),
}

/// A component beside the running one.
pub(crate) struct Shadow {
    pub compiled: Compiled,
    generation: Generation,
    share: f64,
    chosen: Share,
    since: u64,
    own: ArcSwap<Own>,
    queue: Inlet,
    skipped: AtomicU64,
    /// In nanoseconds.
    cpu: AtomicU64,
    groups: Mutex<Groups>,
    counts: Arc<ShadowCounts>,
    ended: AtomicBool,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Tap for Shadow {
    fn wants(&self, subject: Subject) -> bool {
        self.chosen.has(subject)
    }

    fn take(&self, trace: &Arc<Trace>, generation: &Arc<Generation>) {
        if !self.queue.put(trace, generation) {
            self.skipped.fetch_add(1, Ordering::Relaxed);
            self.counts.skipped.add(1);
        }
    }
}

impl Shadow {
    /// Checks a component as for a swap and has it run beside the current one.
    fn begin(shared: &Arc<Shared>, component: &[u8], share: f64) -> Result<Arc<Shadow>, ComponentError> {
        let compiled = shared.compile(component)?;
        let generation = shared.prepare_beside(&compiled)?;
        let own = own(&generation, &shared.current.load());
        let (queue, steps) = queue(QUEUE, QUEUE_BYTES);
        let shadow = Arc::new(Shadow {
            compiled,
            generation,
            share,
            chosen: Share::new(share),
            since: shared.clock.now_ms(),
            own: ArcSwap::from_pointee(own),
            queue,
            skipped: AtomicU64::new(0),
            cpu: AtomicU64::new(0),
            groups: Mutex::default(),
            counts: shared.metrics.shadow.clone(),
            ended: AtomicBool::new(false),
            thread: Mutex::default(),
        });
        let (running, weak) = (shadow.clone(), Arc::downgrade(shared));
        let thread = std::thread::Builder::new()
            .name("rollcall-shadow".into())
            .spawn(move || running.run(&weak, &steps))
            .map_err(|error| ComponentError::Invalid(format!("no thread for it: {error}")))?;
        *shadow.thread.lock() = Some(thread);
        shared.taps.add(shadow.clone());
        Ok(shadow)
    }

    pub fn status(&self) -> ShadowStatus {
        ShadowStatus {
            description: self.generation.description.clone(),
            digest: self.generation.digest,
            share: self.share,
            since: self.since,
            skipped: self.skipped.load(Ordering::Relaxed),
            cpu: Duration::from_nanos(self.cpu.load(Ordering::Relaxed)),
            report: self.groups.lock().report(),
        }
    }

    /// Tables have been reloaded, or another generation is in force.
    fn renew(&self, shared: &Shared) {
        match shared.fill(&self.generation, &shared.current.load()) {
            Ok(_) => self.own.store(Arc::new(own(&self.generation, &shared.current.load()))),
            Err(error) => tracing::warn!(%error, "the tables of the shadow stay as they were"),
        }
    }

    /// Ends it and waits for its thread.
    fn end(self: &Arc<Self>, shared: &Shared) {
        let tap: Arc<dyn Tap> = self.clone();
        shared.taps.remove(&tap);
        self.ended.store(true, Ordering::Release);
        if let Some(thread) = self.thread.lock().take() {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!("the thread of the shadow panicked");
            }
        }
    }

    fn run(&self, shared: &Weak<Shared>, steps: &Outlet) {
        // Not those of the engine: its steps are no steps.
        let metrics = Metrics::new();
        let mut kinds: Option<(u64, RecordKinds)> = None;
        let mut meter = Meter::new();
        // The engine may be gone without having ended it.
        while !self.ended.load(Ordering::Acquire) && shared.strong_count() > 0 {
            let Some((trace, generation)) = steps.next(LOOK) else { continue };
            let Some(shared) = shared.upgrade() else { return };
            if kinds.as_ref().is_none_or(|(number, _)| *number != generation.number) {
                let listed = [&generation.description, &self.generation.description].map(RecordKinds::listed);
                kinds = Some((generation.number, RecordKinds::of(listed.iter().map(Vec::as_slice))));
            }
            let Some((_, kinds)) = &kinds else { continue };
            let Ok(rerun) = rerun(&shared.runtime, &metrics, &self.generation, &trace, &self.own.load())
            else {
                continue;
            };
            let failed = matches!(rerun.end, End::Failed(_)) && !trace.failed();
            let differences = compare(&trace, &rerun, kinds);
            let counts = &self.counts;
            match (failed, differences.is_empty()) {
                (true, _) => counts.failed.add(1),
                (false, true) => counts.same.add(1),
                (false, false) => counts.differs.add(1),
            }
            self.groups.lock().add(&trace, differences, failed);
            let spent = meter.spent();
            self.cpu.fetch_add(u64::try_from(spent.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
            counts.cpu.add(u64::try_from(spent.as_nanos()).unwrap_or(u64::MAX));
            drop(shared);
            if matches!(rerun.end, End::Failed(_)) {
                self.pause(rerun.took * PAUSE);
            }
        }
    }

    fn pause(&self, pause: Duration) {
        let until = Instant::now() + pause;
        while !self.ended.load(Ordering::Acquire) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            // Woken at the end.
            std::thread::park_timeout(left);
        }
    }
}

/// The tables that a shadow brings along, and which of them are like those of the current generation.
fn own(generation: &Generation, current: &Generation) -> Own {
    let (tables, current) = (generation.tables.load_full(), current.tables.load_full());
    let same = tables.like(&current).map(str::to_owned).collect();
    Own { tables, same, instead: false }
}

/// Measures the processor time of its thread, or the time where the system does not tell.
struct Meter {
    last: Option<u64>,
    at: Instant,
}

impl Meter {
    fn new() -> Meter {
        Meter { last: Meter::read(), at: Instant::now() }
    }

    /// Nanoseconds on the processor, as Linux tells them.
    fn read() -> Option<u64> {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        text.split(' ').next()?.parse().ok()
    }

    /// Since the last time.
    fn spent(&mut self) -> Duration {
        let (now, elapsed) = (Meter::read(), self.at.elapsed());
        let spent = match (self.last, now) {
            (Some(last), Some(now)) => Duration::from_nanos(now.saturating_sub(last)),
            _ => elapsed,
        };
        (self.last, self.at) = (now, Instant::now());
        spent
    }
}

/// The place of the shadow in an engine: one at a time.
#[derive(Default)]
pub(crate) struct ShadowPlace {
    /// Held while it changes, which may take seconds.
    changing: Mutex<()>,
    /// Held for moments only.
    shadow: Mutex<Option<Arc<Shadow>>>,
}

impl Shared {
    /// See [`Engine::shadow`](crate::Engine::shadow).
    pub fn begin_shadow(
        self: &Arc<Self>,
        component: &[u8],
        share: f64,
    ) -> Result<Description, ComponentError> {
        let _one_at_a_time = self.shadow.changing.lock();
        let shadow = Shadow::begin(self, component, share)?;
        let description = shadow.generation.description.clone();
        tracing::info!(name = description.name, version = description.version,
            digest = %shadow.generation.digest, share, "a shadow runs");
        let former = self.shadow.shadow.lock().replace(shadow);
        if let Some(former) = former {
            former.end(self);
        }
        Ok(description)
    }

    pub fn shadow_status(&self) -> Option<ShadowStatus> {
        let shadow = self.shadow.shadow.lock().clone();
        shadow.map(|shadow| shadow.status())
    }

    /// See [`Engine::end_shadow`](crate::Engine::end_shadow).
    pub fn end_shadow(&self) -> Option<ShadowStatus> {
        let _one_at_a_time = self.shadow.changing.lock();
        let shadow = self.shadow.shadow.lock().take()?;
        shadow.end(self);
        tracing::info!(version = shadow.generation.description.version, "the shadow ends");
        Some(shadow.status())
    }

    /// See [`Engine::promote`](crate::Engine::promote).
    pub fn promote(&self) -> Result<Description, PromoteError> {
        let _one_at_a_time = self.shadow.changing.lock();
        let shadow = self.shadow.shadow.lock().clone().ok_or(PromoteError::NoShadow)?;
        let description = self.swap_compiled(&shadow.compiled, true)?;
        *self.shadow.shadow.lock() = None;
        shadow.end(self);
        Ok(description)
    }

    /// Tells the shadow of other tables; called while nothing else changes.
    pub fn renew_shadow(&self) {
        let shadow = self.shadow.shadow.lock().clone();
        if let Some(shadow) = shadow {
            shadow.renew(self);
        }
    }
}
