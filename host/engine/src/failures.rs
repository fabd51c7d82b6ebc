//! Failed steps, kept for the operator: why, where, and the step itself.
//!
//! Invariant: bounded, whatever fails and however often. Failures with the same cause in the same
//! place are one entry that counts.

use crate::fault::{Cause, Fault};
use crate::generation::Generation;
use crate::step::input::Kind;
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::VecDeque;

/// Generations of which failures are kept.
const GENERATIONS: usize = 4;

/// Entries kept of a generation; the one that was seen longest ago leaves first.
const ENTRIES: usize = 16;

/// Bytes of recorded steps kept in all.
const RECORDED: usize = 32 << 20;

/// Times that a step of an entry is run once more to be recorded.
const TRIES: u32 = 3;

/// Steps of one generation that failed for the same cause in the same place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedStep {
    /// Names it; counts from 1 at the start of the engine.
    pub id: u64,
    /// Number of the generation.
    pub generation: u64,
    /// Version that the component gives itself.
    pub version: String,
    /// The kind of failure.
    pub cause: Cause,
    /// What happened, in words; that of the first of them, as all below.
    pub message: String,
    /// Functions of the component under way, the innermost first, by their names in the source.
    pub backtrace: Vec<String>,
    /// What the component has logged as errors in the step: the words of a panic, for example.
    pub log: Vec<String>,
    /// Number of the step, which its log lines have too.
    pub step: u64,
    /// What called.
    pub kind: Kind,
    /// Its partition, if it had entered one.
    pub partition: Option<String>,
    /// Its input, in short.
    pub summary: String,
    /// When the first of them failed, in milliseconds since 1970.
    pub first: u64,
    /// When the last of them failed.
    pub last: u64,
    /// How many they are.
    pub count: u64,
    /// Whether one of them can be had as a recording.
    pub recorded: bool,
    /// Whether that one failed again when it ran once more for the recording. If not, the failure hangs on
    /// what an instance remembered, or on how busy the machine was.
    pub repeats: Option<bool>,
}

/// One failure, as it is noted.
pub(crate) struct Occasion<'a> {
    pub step: u64,
    pub kind: Kind,
    pub partition: Option<&'a str>,
    pub summary: &'a dyn Fn() -> String,
    pub log: Vec<String>,
    pub now: u64,
}

/// What is kept.
#[derive(Default)]
pub(crate) struct Failures {
    /// Held while a step runs once more.
    pub retracing: Mutex<()>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    count: u64,
    /// By generation, the newest last.
    generations: VecDeque<(u64, Vec<Entry>)>,
}

struct Entry {
    told: FailedStep,
    /// Times that its step was to be recorded.
    tries: u32,
    recording: Option<Bytes>,
}

impl Failures {
    /// Notes a failure. Gives the id of its entry if the step is worth recording.
    pub fn note(&self, generation: &Generation, fault: &Fault, occasion: Occasion<'_>) -> Option<u64> {
        let mut kept = self.kept.lock();
        let id = kept.count + 1;
        let entries = kept.of(generation.number);
        if let Some(known) = entries.iter_mut().find(|entry| entry.is_like(fault, occasion.kind)) {
            known.told.count += 1;
            known.told.last = occasion.now;
            let once_more = known.recording.is_none() && known.tries < TRIES;
            known.tries += u32::from(once_more);
            return once_more.then_some(known.told.id);
        }
        if entries.len() == ENTRIES
            && let Some(oldest) = (0..ENTRIES).min_by_key(|at| entries[*at].told.last)
        {
            entries.remove(oldest);
        }
        let told = FailedStep {
            id,
            generation: generation.number,
            version: generation.description.version.clone(),
            cause: fault.cause,
            message: fault.message.clone(),
            backtrace: fault.backtrace.clone(),
            log: occasion.log,
            step: occasion.step,
            kind: occasion.kind,
            partition: occasion.partition.map(str::to_owned),
            summary: (occasion.summary)(),
            first: occasion.now,
            last: occasion.now,
            count: 1,
            recorded: false,
            repeats: None,
        };
        entries.push(Entry { told, tries: 1, recording: None });
        kept.count = id;
        Some(id)
    }

    /// Keeps the recording of an entry's step.
    pub fn record(&self, id: u64, recording: Bytes, repeats: bool) {
        let mut kept = self.kept.lock();
        let room = RECORDED.saturating_sub(recording.len());
        if recording.len() > RECORDED {
            return;
        }
        while kept.recorded() > room {
            let Some(oldest) = kept.entries().filter(|e| e.recording.is_some()).min_by_key(|e| e.told.id)
            else {
                break;
            };
            oldest.recording = None;
            oldest.told.recorded = false;
        }
        if let Some(entry) = kept.entries().find(|entry| entry.told.id == id) {
            entry.recording = Some(recording);
            entry.told.recorded = true;
            entry.told.repeats = Some(repeats);
        }
    }

    /// All entries, the latest failure first.
    pub fn all(&self) -> Vec<FailedStep> {
        let mut all: Vec<FailedStep> = self.kept.lock().entries().map(|entry| entry.told.clone()).collect();
        all.sort_by_key(|told| (std::cmp::Reverse(told.last), std::cmp::Reverse(told.id)));
        all
    }

    /// The recording of an entry's step.
    pub fn recording(&self, id: u64) -> Option<Bytes> {
        self.kept.lock().entries().find(|entry| entry.told.id == id)?.recording.clone()
    }
}

impl Kept {
    fn of(&mut self, generation: u64) -> &mut Vec<Entry> {
        let at = match self.generations.iter().position(|(number, _)| *number == generation) {
            Some(at) => at,
            None => {
                if self.generations.len() == GENERATIONS {
                    self.generations.pop_front();
                }
                self.generations.push_back((generation, Vec::new()));
                self.generations.len() - 1
            }
        };
        &mut self.generations[at].1
    }

    fn entries(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.generations.iter_mut().flat_map(|(_, entries)| entries)
    }

    fn recorded(&mut self) -> usize {
        self.entries().filter_map(|entry| entry.recording.as_ref()).map(Bytes::len).sum()
    }
}

impl Entry {
    fn is_like(&self, fault: &Fault, kind: Kind) -> bool {
        let told = &self.told;
        // A deadline meets a loop anywhere.
        let place = fault.cause == Cause::Deadline || told.backtrace == fault.backtrace;
        let words = !fault.backtrace.is_empty() || told.message == fault.message;
        told.cause == fault.cause && told.kind == kind && place && words
    }
}
