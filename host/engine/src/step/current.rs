//! The step under way: what it reads, and from where.
//!
//! Invariant: what a step reads is what its partition and the tables held when it began, and what it has
//! staged itself; or, where it runs again, what the trace of the first run says that they held.

use crate::bindings::rollcall::plugin as wit;
use crate::bindings::rollcall::plugin::identity::Failure;
use crate::identity_rules::{Question, Rules};
use crate::partition::Live;
use crate::registry::Held;
use crate::rehearsal::{Capture, Recorded};
use crate::runner::Shared;
use crate::step::imports::StepError;
use crate::step::stage::Stage;
use crate::tables::Tables;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rollcall_storage::{PartitionKey, Record};
use std::ops::Bound;
use std::sync::Arc;

/// Records that a step begins with.
pub(crate) trait Base {
    /// The record under a key.
    fn get(&self, key: &[u8], now: u64) -> Option<&Record>;

    /// Records from `start` on whose keys start with `prefix`, expired ones too.
    fn range<'a>(
        &'a self,
        start: Bound<&[u8]>,
        prefix: &'a [u8],
    ) -> impl Iterator<Item = (&'a [u8], &'a Record)>;
}

impl Base for Live {
    fn get(&self, key: &[u8], now: u64) -> Option<&Record> {
        Live::get(self, key, now)
    }

    fn range<'a>(
        &'a self,
        start: Bound<&[u8]>,
        prefix: &'a [u8],
    ) -> impl Iterator<Item = (&'a [u8], &'a Record)> {
        Live::range(self, start, prefix)
    }
}

/// A step under way.
pub(crate) struct Step {
    pub stage: Stage,
    pub now: u64,
    pub host_calls: u64,
    pub log_lines: u32,
    /// What it has logged as errors, the first lines.
    pub errors: Vec<String>,
    /// Identifies the step in the log.
    pub number: u64,
    ground: Ground,
}

/// Where a step reads.
#[expect(clippy::large_enum_variant, reason = "a box would cost every step an allocation")]
enum Ground {
    Live(Running),
    Recorded(Box<Recorded>),
}

/// What a step reads that runs in earnest.
struct Running {
    shared: Arc<Shared>,
    tables: Arc<Tables>,
    /// Whether the component has seen the step's time, so that it may not change any more.
    now_seen: bool,
    /// Drawn when the step first asks for randomness: what began it, and where it stands.
    seed: Option<[u8; 32]>,
    rng: Option<StdRng>,
    /// Notes what is read, if somebody wants to know.
    capture: Option<Box<Capture>>,
    held: Option<Held>,
    /// The partition that the step has not entered yet, but did when it ran before; for one that runs once
    /// more.
    kept: Option<Held>,
    /// Whether it runs once more.
    once_more: bool,
    /// Whether the step only looks, so that its partition need not be kept in memory.
    looks: bool,
}

impl Step {
    /// A step that runs in earnest.
    pub fn new(shared: Arc<Shared>, tables: Arc<Tables>, number: u64, now: u64) -> Step {
        let capture = shared.taps.begin();
        let running = Running {
            shared,
            tables,
            now_seen: false,
            seed: None,
            rng: None,
            capture,
            held: None,
            kept: None,
            once_more: false,
            looks: false,
        };
        Step::on(Ground::Live(running), number, now)
    }

    /// The same step from its beginning, in the partition that is not let go meanwhile, with the same time
    /// and randomness, to note what it reads.
    pub fn once_more(self, capture: Box<Capture>) -> Option<Step> {
        let Ground::Live(before) = self.ground else { return None };
        let running = Running {
            now_seen: false,
            rng: None,
            capture: Some(capture),
            held: None,
            kept: before.held,
            once_more: true,
            ..before
        };
        Some(Step::on(Ground::Live(running), self.number, self.now))
    }

    /// A step that runs again.
    pub fn again(recorded: Box<Recorded>) -> Step {
        let (number, now) = (recorded.trace().number(), recorded.trace().now);
        Step::on(Ground::Recorded(recorded), number, now)
    }

    fn on(ground: Ground, number: u64, now: u64) -> Step {
        Step { stage: Stage::default(), now, host_calls: 0, log_lines: 0, errors: Vec::new(), number, ground }
    }

    /// The step will only look at its partition.
    pub fn look(&mut self) {
        if let Ground::Live(running) = &mut self.ground {
            running.looks = true;
        }
    }

    /// Whether the step only runs to see what it would do.
    pub fn rehearses(&self) -> bool {
        match &self.ground {
            Ground::Live(running) => running.once_more,
            Ground::Recorded(_) => true,
        }
    }

    /// The partition in memory, once it is entered in earnest.
    pub fn live(&self) -> Option<&Live> {
        match &self.ground {
            Ground::Live(running) => running.held.as_deref(),
            Ground::Recorded(_) => None,
        }
    }

    /// What has noted the step's reads. From now on nothing is noted.
    pub fn captured(&mut self) -> Option<Box<Capture>> {
        match &mut self.ground {
            Ground::Live(running) => running.capture.take(),
            Ground::Recorded(_) => None,
        }
    }

    /// Ends the step's hold of its partition and gives both.
    pub fn finish(self) -> (Option<Held>, Stage, u64) {
        let held = match self.ground {
            Ground::Live(running) => running.held,
            Ground::Recorded(_) => None,
        };
        (held, self.stage, self.now)
    }

    /// Ends a step that ran again.
    pub fn finish_again(self) -> Option<(Box<Recorded>, Stage)> {
        match self.ground {
            Ground::Live(_) => None,
            Ground::Recorded(recorded) => Some((recorded, self.stage)),
        }
    }

    /// Binds the step to a partition: waits for other steps of it, loads it if need be.
    pub fn enter(&mut self, partition: &PartitionKey) -> Result<(), StepError> {
        let entered = match &self.ground {
            Ground::Live(running) => running.held.as_deref().map(|live| &live.key),
            Ground::Recorded(recorded) => recorded.entered(),
        };
        if let Some(entered) = entered {
            return if entered == partition {
                Ok(())
            } else {
                Err(StepError::SecondPartition {
                    current: entered.to_string(),
                    wanted: partition.to_string(),
                })
            };
        }
        match &mut self.ground {
            Ground::Live(running) => {
                let registry = &running.shared.registry;
                let held = match running.kept.take_if(|kept| kept.key == *partition) {
                    Some(kept) => kept,
                    None if running.once_more => return Err(StepError::NoPartition),
                    None if running.looks => registry.look(partition, self.now)?,
                    None => registry.hold(partition, self.now)?,
                };
                if !running.now_seen {
                    self.now = self.now.max(held.last_now);
                }
                running.capture.take_if(|capture| !capture.enter(partition));
                running.held = Some(held);
            }
            Ground::Recorded(recorded) => recorded.enter(partition),
        }
        Ok(())
    }

    /// Whether the step has entered a partition.
    pub fn inside(&self) -> Result<(), StepError> {
        let inside = match &self.ground {
            Ground::Live(running) => running.held.is_some(),
            Ground::Recorded(recorded) => recorded.entered().is_some(),
        };
        if inside { Ok(()) } else { Err(StepError::NoPartition) }
    }

    /// The time, which does not change from now on.
    pub fn now(&mut self) -> u64 {
        if let Ground::Live(running) = &mut self.ground {
            running.now_seen = true;
        }
        self.now
    }

    pub fn epoch(&self) -> u64 {
        match &self.ground {
            Ground::Live(running) => running.shared.epoch(),
            Ground::Recorded(recorded) => recorded.trace().reads.epoch,
        }
    }

    pub fn get(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, StepError> {
        self.inside()?;
        let staged = self.stage.records.contains_key(key);
        let record = match &mut self.ground {
            Ground::Live(running) => {
                let live = running.held.as_deref().ok_or(StepError::NoPartition)?;
                if !staged && let Some(capture) = &mut running.capture {
                    capture.get(key, live.get(key, self.now));
                }
                self.stage.get(live, key, self.now)
            }
            Ground::Recorded(recorded) => {
                if !staged {
                    recorded.get(key);
                }
                self.stage.get(recorded.base(), key, self.now)
            }
        };
        Ok(record.map(|record| record.value.to_vec()))
    }

    /// `room`: most bytes of the keys and values together.
    pub fn scan(
        &mut self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
        room: usize,
    ) -> Result<Vec<wit::storage::Entry>, StepError> {
        self.inside()?;
        if limit == 0 {
            return Ok(Vec::new());
        }
        let mut entries = Vec::with_capacity(limit.min(128));
        let (mut left, mut too_much) = (room, false);
        let take = |key: &[u8], record: &Record| {
            // What would not fit into the instance is not copied for it.
            let size = key.len() + record.value.len();
            if let Some(rest) = left.checked_sub(size) {
                left = rest;
                entries.push(wit::storage::Entry { key: key.to_vec(), value: record.value.to_vec() });
                true
            } else {
                left = 0;
                too_much = true;
                false
            }
        };
        match &mut self.ground {
            Ground::Live(running) => {
                let live = running.held.as_deref().ok_or(StepError::NoPartition)?;
                self.stage.scan(live, prefix, after, limit, self.now, take);
                if let Some(capture) = &mut running.capture {
                    let last = seen(&entries, limit);
                    capture.scan(live, Stage::start(prefix, after), prefix, last, self.now);
                }
            }
            Ground::Recorded(recorded) => {
                self.stage.scan(recorded.base(), prefix, after, limit, self.now, take);
                recorded.scan(Stage::start(prefix, after), prefix, seen(&entries, limit));
            }
        }
        if too_much { Err(StepError::Scan(room)) } else { Ok(entries) }
    }

    /// Whether the partition has a timer of this name.
    pub fn has_timer(&mut self, name: &[u8]) -> Result<bool, StepError> {
        self.inside()?;
        match &mut self.ground {
            Ground::Live(running) => {
                let live = running.held.as_deref().ok_or(StepError::NoPartition)?;
                let known = live.timer(name).is_some();
                if let Some(capture) = &mut running.capture {
                    capture.timer(name, known);
                }
                Ok(known)
            }
            Ground::Recorded(recorded) => Ok(recorded.has_timer(name)),
        }
    }

    pub fn lookup(&mut self, table: &str, key: &[u8]) -> Option<Vec<u8>> {
        match &mut self.ground {
            Ground::Live(running) => {
                let value = running.tables.lookup(table, key);
                if let Some(capture) = &mut running.capture {
                    capture.lookup(table, key, value);
                }
                value.map(<[u8]>::to_vec)
            }
            Ground::Recorded(recorded) => recorded.lookup(table, key),
        }
    }

    pub fn table_version(&mut self, table: &str) -> u64 {
        match &mut self.ground {
            Ground::Live(running) => {
                let version = running.tables.version(table);
                if let Some(capture) = &mut running.capture {
                    capture.version(table, version);
                }
                version
            }
            Ground::Recorded(recorded) => recorded.version(table),
        }
    }

    pub fn table_entries(&mut self, table: &str, at: u64, limit: u32) -> wit::tables::Page {
        let copied =
            |(key, value): (&[u8], &[u8])| wit::tables::Entry { key: key.into(), value: value.into() };
        match &mut self.ground {
            Ground::Live(running) => {
                let part = running.tables.entries(table, at, limit as usize);
                if let Some(capture) = &mut running.capture {
                    capture.page(table, at, limit, &part.entries, part.next);
                }
                wit::tables::Page { entries: part.entries.into_iter().map(copied).collect(), next: part.next }
            }
            Ground::Recorded(recorded) => {
                let page = recorded.page(table, at, limit);
                let entries = page.entries.iter().map(|(key, value)| copied((key, value))).collect();
                wit::tables::Page { entries, next: page.next }
            }
        }
    }

    /// Asks the site's own identity rules.
    pub fn ask(&mut self, rules: Option<&Rules>, question: Question<'_>) -> Result<String, Failure> {
        match &mut self.ground {
            Ground::Live(running) => {
                let answer = Rules::ask_any(rules, question);
                if let Some(capture) = &mut running.capture {
                    capture.identity(&question, &answer);
                }
                answer
            }
            Ground::Recorded(recorded) => recorded.ask(rules, question),
        }
    }

    pub fn random(&mut self, length: usize) -> Vec<u8> {
        match &mut self.ground {
            Ground::Live(running) => {
                let seed = running.seed.get_or_insert_with(rand::random);
                let rng = running.rng.get_or_insert_with(|| StdRng::from_seed(*seed));
                let mut bytes = vec![0; length];
                rng.fill_bytes(&mut bytes);
                if let Some(capture) = &mut running.capture {
                    capture.random(&bytes);
                }
                bytes
            }
            Ground::Recorded(recorded) => recorded.random(length),
        }
    }
}

/// The last key that a scan has looked at, if its limit has ended it.
fn seen(entries: &[wit::storage::Entry], limit: usize) -> Option<&[u8]> {
    entries.last().filter(|_| entries.len() == limit).map(|entry| &entry.key[..])
}
