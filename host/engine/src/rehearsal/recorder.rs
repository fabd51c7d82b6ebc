//! Recording the steps of a running engine.
//!
//! Invariant: a step never waits for the recording. What does not fit into the queue is left out whole and
//! counted, in the recording's end too.

use super::queue::{Inlet, Outlet, queue};
use super::recording::{Ending, Why, Writer};
use super::tap::{Share, Subject, Tap};
use super::trace::Trace;
use crate::generation::Generation;
use crate::runner::Shared;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// Most steps that wait to be written.
const QUEUE: usize = 4096;
/// Most bytes of the steps that wait, about.
const QUEUE_BYTES: usize = 32 << 20;
/// Bytes that are handed on at once.
const CHUNK: usize = 64 << 10;
/// Longest time until a step is handed on, and until the end is noticed.
const LOOK: Duration = Duration::from_millis(50);

/// What to record.
#[derive(Clone, Debug)]
pub struct RecordOptions {
    /// Share of the partitions whose steps are recorded, from 0 to 1. All steps of a partition are in or out.
    pub share: f64,
    /// Largest size in bytes; about, since a step and the end are written whole.
    pub limit: u64,
    /// How long it lasts at most.
    pub time: Duration,
}

/// Why a recording cannot begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// One at a time.
    #[error("a recording is under way")]
    UnderWay,
    /// The engine has stopped.
    #[error("the engine has stopped")]
    Stopped,
    /// The system gives no thread.
    #[error("no thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// A recording under way.
pub(crate) struct Recorder {
    share: Share,
    queue: Inlet,
    left_out: AtomicUsize,
    /// Whether it has been asked to end, and whether that is because the engine stops.
    asked: AtomicBool,
    stopped: AtomicBool,
}

impl Tap for Recorder {
    fn wants(&self, subject: Subject) -> bool {
        self.share.has(subject)
    }

    fn take(&self, trace: &Arc<Trace>, generation: &Arc<Generation>) {
        if !self.queue.put(trace, generation) {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Recorder {
    /// Begins to record all steps from now on.
    pub fn begin(
        shared: &Arc<Shared>,
        options: &RecordOptions,
        out: Box<dyn Write + Send>,
    ) -> Result<(), RecordError> {
        let mut current = shared.recorder.lock();
        if current.is_some() {
            return Err(RecordError::UnderWay);
        }
        if shared.stopping.load(Ordering::SeqCst) {
            return Err(RecordError::Stopped);
        }
        let (queue, steps) = queue(QUEUE, QUEUE_BYTES);
        let recorder = Arc::new(Recorder {
            share: Share::new(options.share),
            queue,
            left_out: AtomicUsize::new(0),
            asked: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
        });
        let (own, weak, options) = (recorder.clone(), Arc::downgrade(shared), options.clone());
        let at = shared.clock.now_ms();
        std::thread::Builder::new()
            .name("rollcall-record".into())
            .spawn(move || own.write(&weak, &steps, &options, at, out))?;
        shared.taps.add(recorder.clone());
        *current = Some(recorder);
        Ok(())
    }

    /// Has it end.
    pub fn end(&self, stopped: bool) {
        self.stopped.store(stopped, Ordering::Relaxed);
        self.asked.store(true, Ordering::Release);
    }

    /// Writes until the end, and takes the recording out of the engine.
    fn write(
        self: Arc<Self>,
        shared: &Weak<Shared>,
        steps: &Outlet,
        options: &RecordOptions,
        at: u64,
        out: Box<dyn Write + Send>,
    ) {
        let until = Instant::now() + options.time;
        let mut sink = Sink { out, bytes: Vec::with_capacity(2 * CHUNK), written: 0, steps: 0 };
        let mut writer = Writer::new(&mut sink.bytes, at, options.share);
        let done = self.write_steps(steps, &mut writer, &mut sink, (until, options.limit));
        // Whoever still has it as a tap is not heard any more.
        if let Some(shared) = shared.upgrade() {
            self.leave(&shared);
        }
        let left_out = self.left_out.load(Ordering::Relaxed) as u64;
        let done = done.and_then(|why| {
            writer.end(&mut sink.bytes, Ending { why, steps: sink.steps, left_out });
            sink.hand_on().map(|()| why)
        });
        let (count, bytes) = (sink.steps, sink.written);
        match done {
            Ok(why) => tracing::info!(steps = count, left_out, bytes, ?why, "recording ended"),
            Err(error) => tracing::info!(steps = count, left_out, bytes, %error, "recording broken off"),
        }
        if let Some(shared) = shared.upgrade() {
            let counts = &shared.metrics.recording;
            counts.written.add(count);
            counts.left_out.add(left_out);
            counts.bytes.add(bytes);
            *shared.recorder.lock() = None;
        }
    }

    /// Writes steps until there is a reason to end.
    fn write_steps(
        &self,
        steps: &Outlet,
        writer: &mut Writer,
        sink: &mut Sink,
        (until, limit): (Instant, u64),
    ) -> std::io::Result<Why> {
        let mut step = |sink: &mut Sink, (trace, generation): (Arc<Trace>, Arc<Generation>)| {
            writer.step(&mut sink.bytes, &trace, &generation);
            sink.steps += 1;
        };
        let mut handed_on = Instant::now();
        let why = loop {
            if let Some(waiting) = steps.next(LOOK) {
                step(sink, waiting);
            }
            if sink.bytes.len() >= CHUNK || handed_on.elapsed() >= LOOK {
                sink.hand_on()?;
                handed_on = Instant::now();
            }
            if sink.size() >= limit {
                return Ok(Why::Limit);
            }
            if self.asked.load(Ordering::Acquire) {
                break if self.stopped.load(Ordering::Relaxed) { Why::Stopped } else { Why::Asked };
            }
            if Instant::now() >= until {
                break Why::Time;
            }
        };
        // What was in the queue by then belongs to it.
        for waiting in std::iter::from_fn(|| steps.next(Duration::ZERO)).take(QUEUE) {
            step(sink, waiting);
            if sink.size() >= limit {
                return Ok(Why::Limit);
            }
            if sink.bytes.len() >= CHUNK {
                sink.hand_on()?;
            }
        }
        Ok(why)
    }

    fn leave(self: &Arc<Self>, shared: &Shared) {
        let tap: Arc<dyn Tap> = self.clone();
        shared.taps.remove(&tap);
    }
}

/// Where a recording goes.
struct Sink {
    out: Box<dyn Write + Send>,
    /// Not handed on yet.
    bytes: Vec<u8>,
    written: u64,
    steps: u64,
}

impl Sink {
    fn size(&self) -> u64 {
        self.written + self.bytes.len() as u64
    }

    /// Also tells, with nothing to hand on, whether there is still somebody.
    fn hand_on(&mut self) -> std::io::Result<()> {
        self.out.write_all(&self.bytes)?;
        self.written += self.bytes.len() as u64;
        self.bytes.clear();
        self.out.flush()
    }
}
