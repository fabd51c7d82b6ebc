//! The imports of a component: each call reads or fills the step's stage.
//!
//! Invariant: a call that the host cannot honour returns an error, which ends the step.

use crate::bindings::rollcall::plugin as wit;
use crate::bindings::rollcall::plugin::identity::Failure;
use crate::figures::{BadFigure, Figure, Value};
use crate::identity_rules::{Question, Rules};
use crate::limits::StepLimits;
use crate::memory::Memory;
use crate::partition::Live;
use crate::registry::Held;
use crate::rehearsal::Capture;
use crate::runner::Shared;
use crate::step::stage::{LimitError, Post, Send, Stage, Write};
use crate::step::wellformed::{self, Malformed};
use crate::tables::{Building, Tables};
use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rollcall_storage::{PartitionKey, Record, Timer};
use std::sync::Arc;
use wasmtime::Result;

/// Most bytes that one call of `random.bytes` gives.
const RANDOM_BYTES: u32 = 4096;

/// Most bytes of one log line, message and fields together.
const LOG_BYTES: usize = 4096;

/// Log lines kept with a step that fails.
const KEPT_ERRORS: usize = 4;
/// Most figures that one step may say.
const FIGURES: usize = 256;

/// Why the host ended a step.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StepError {
    #[error("import used outside a step")]
    NoStep,
    #[error("the step has not entered a partition")]
    NoPartition,
    #[error("the step is in partition {current} and wants to enter {wanted}")]
    SecondPartition { current: String, wanted: String },
    #[error("bad partition name: {0}")]
    PartitionName(#[from] rollcall_storage::InvalidPartition),
    #[error(transparent)]
    Limit(#[from] LimitError),
    #[error("the step made more than {0} host calls")]
    HostCalls(u64),
    #[error("random bytes asked for: {0}, at most {RANDOM_BYTES} are given")]
    Random(u32),
    #[error("the step said more than {FIGURES} figures")]
    Figures,
    #[error(transparent)]
    Figure(#[from] BadFigure),
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("a scan found more than {0} bytes")]
    Scan(usize),
    #[error("the store failed: {0}")]
    Store(#[from] rollcall_storage::Error),
}

/// What a component instance's store holds.
pub(crate) struct StepState {
    pub limits: Arc<StepLimits>,
    pub memory: Memory,
    /// The step under way.
    pub step: Option<Step>,
    /// The site's own identity rules, if it has any.
    pub rules: Option<Arc<Rules>>,
    /// What may be looked up while a table is built.
    pub building: Option<Building>,
    /// Log lines written outside of steps.
    pub lifecycle_lines: u32,
}

/// A step under way.
pub(crate) struct Step {
    pub shared: Arc<Shared>,
    pub tables: Arc<Tables>,
    pub stage: Stage,
    pub now: u64,
    /// Whether the component has seen `now`, so that it may not change any more.
    pub now_seen: bool,
    /// Drawn when the step first asks for randomness.
    pub rng: Option<StdRng>,
    pub host_calls: u64,
    pub log_lines: u32,
    /// What it has logged as errors, the first lines.
    pub errors: Vec<String>,
    /// Identifies the step in the log.
    pub number: u64,
    /// Notes what is read, if somebody wants to know.
    pub capture: Option<Box<Capture>>,
    held: Option<Held>,
    /// Whether the step only looks, so that its partition need not be kept in memory.
    looks: bool,
}

impl Step {
    pub fn new(shared: Arc<Shared>, tables: Arc<Tables>, number: u64, now: u64) -> Step {
        Step {
            shared,
            tables,
            stage: Stage::default(),
            now,
            now_seen: false,
            rng: None,
            host_calls: 0,
            log_lines: 0,
            errors: Vec::new(),
            number,
            capture: None,
            held: None,
            looks: false,
        }
    }

    /// The step will only look at its partition.
    pub fn look(&mut self) {
        self.looks = true;
    }

    /// The partition, once it is entered.
    pub fn live(&self) -> Option<&Live> {
        self.held.as_deref()
    }

    /// Ends the step's hold of its partition and gives both.
    pub fn finish(self) -> (Option<Held>, Stage, u64) {
        (self.held, self.stage, self.now)
    }

    /// Binds the step to a partition: waits for other steps of it, loads it if need be.
    pub fn enter(&mut self, partition: &PartitionKey) -> Result<(), StepError> {
        if let Some(held) = &self.held {
            return if held.key == *partition {
                Ok(())
            } else {
                Err(StepError::SecondPartition {
                    current: held.key.to_string(),
                    wanted: partition.to_string(),
                })
            };
        }
        let registry = &self.shared.registry;
        let held = if self.looks {
            registry.look(partition, self.now)?
        } else {
            registry.hold(partition, self.now)?
        };
        if !self.now_seen {
            self.now = self.now.max(held.last_now);
        }
        self.capture.take_if(|capture| !capture.enter(partition));
        self.held = Some(held);
        Ok(())
    }

    /// Notes something that was read of the partition.
    fn note(&mut self, note: impl FnOnce(&mut Capture, &Live, u64)) {
        if let (Some(capture), Some(live)) = (&mut self.capture, self.held.as_deref()) {
            note(capture, live, self.now);
        }
    }

    fn held(&self) -> Result<&Live, StepError> {
        self.live().ok_or(StepError::NoPartition)
    }
}

impl StepState {
    /// Counts one host call and gives the step.
    fn step(&mut self) -> Result<(&mut Step, &StepLimits), StepError> {
        let limits = &*self.limits;
        let step = self.step.as_mut().ok_or(StepError::NoStep)?;
        step.host_calls += 1;
        if step.host_calls > limits.host_calls {
            return Err(StepError::HostCalls(limits.host_calls));
        }
        Ok((step, limits))
    }

    fn say(&mut self, name: String, labels: Vec<(String, String)>, value: Value) -> Result<(), StepError> {
        let (step, _) = self.step()?;
        if step.stage.figures.len() >= FIGURES {
            return Err(StepError::Figures);
        }
        step.stage.figures.push(Figure::new(name, labels, value)?);
        Ok(())
    }

    /// Asks the site's own rules: in a step, or while a table is built.
    fn ask(&mut self, question: Question<'_>) -> Result<Result<String, Failure>> {
        if self.building.is_none() {
            self.step()?;
        }
        let none = || Err(Failure::Broken("no such component".into()));
        let answer = self.rules.as_ref().map_or_else(none, |rules| rules.ask(question));
        if let Some(capture) = self.step.as_mut().and_then(|step| step.capture.as_mut()) {
            capture.identity(&question, &answer);
        }
        Ok(answer)
    }
}

impl wit::types::Host for StepState {}

impl wit::storage::Host for StepState {
    fn enter(&mut self, partition: String) -> Result<()> {
        let (step, _) = self.step()?;
        let partition = PartitionKey::new(&partition).map_err(StepError::from)?;
        Ok(step.enter(&partition)?)
    }

    fn epoch(&mut self) -> Result<u64> {
        let (step, _) = self.step()?;
        Ok(step.shared.epoch())
    }

    fn get(&mut self, key: Vec<u8>) -> Result<Option<Vec<u8>>> {
        let (step, _) = self.step()?;
        let live = step.live().ok_or(StepError::NoPartition)?;
        let record = step.stage.get(live, &key, step.now).map(|record| record.value.to_vec());
        if step.capture.is_some() && !step.stage.records.contains_key(&key) {
            step.note(|capture, live, now| capture.get(&key, live.get(&key, now)));
        }
        Ok(record)
    }

    fn scan(
        &mut self,
        prefix: Vec<u8>,
        after: Option<Vec<u8>>,
        limit: u32,
    ) -> Result<Vec<wit::storage::Entry>> {
        let (step, limits) = self.step()?;
        let limit = limit.min(limits.scan) as usize;
        let mut entries = Vec::with_capacity(limit.min(128));
        let (mut room, mut too_much) = (limits.memory, false);
        step.stage.scan(step.held()?, &prefix, after.as_deref(), limit, step.now, |key, record| {
            // What would not fit into the instance is not copied for it.
            let size = key.len() + record.value.len();
            if let Some(left) = room.checked_sub(size) {
                room = left;
                entries.push(wit::storage::Entry { key: key.to_vec(), value: record.value.to_vec() });
                true
            } else {
                room = 0;
                too_much = true;
                false
            }
        });
        if limit > 0 && step.capture.is_some() {
            let last = entries.last().filter(|_| entries.len() == limit).map(|entry| &entry.key[..]);
            let start = Stage::start(&prefix, after.as_deref());
            step.note(|capture, live, now| capture.scan(live, start, &prefix, last, now));
        }
        if too_much {
            return Err(StepError::Scan(limits.memory).into());
        }
        Ok(entries)
    }

    fn put(
        &mut self,
        key: Vec<u8>,
        value: Vec<u8>,
        durability: wit::storage::Durability,
        expires: Option<u64>,
    ) -> Result<()> {
        let (step, limits) = self.step()?;
        step.held()?;
        step.stage.charge(limits, key.len(), value.len()).map_err(StepError::from)?;
        let record = Some(Record { value: Bytes::from(value), expires });
        let durable = durability == wit::storage::Durability::Durable;
        step.stage.records.insert(key, Write { record, durable });
        Ok(())
    }

    fn delete(&mut self, key: Vec<u8>, durability: wit::storage::Durability) -> Result<()> {
        let (step, limits) = self.step()?;
        step.held()?;
        step.stage.charge(limits, key.len(), 0).map_err(StepError::from)?;
        let durable = durability == wit::storage::Durability::Durable;
        step.stage.records.insert(key, Write { record: None, durable });
        Ok(())
    }
}

impl wit::timers::Host for StepState {
    fn set(&mut self, name: Vec<u8>, due: u64, payload: Vec<u8>) -> Result<()> {
        let (step, limits) = self.step()?;
        step.held()?;
        step.stage.charge(limits, name.len(), payload.len()).map_err(StepError::from)?;
        step.stage.timers.insert(name, Some(Timer { due, payload: Bytes::from(payload) }));
        Ok(())
    }

    fn cancel(&mut self, name: Vec<u8>) -> Result<()> {
        let (step, limits) = self.step()?;
        let known = step.held()?.timer(&name).is_some();
        step.note(|capture, _, _| capture.timer(&name, known));
        step.stage.charge(limits, name.len(), 0).map_err(StepError::from)?;
        if known {
            step.stage.timers.insert(name, None);
        } else {
            step.stage.timers.remove(&name);
        }
        Ok(())
    }
}

impl wit::sip::Host for StepState {
    fn send(
        &mut self,
        request: wit::sip::Outgoing,
        token: Vec<u8>,
        delivery: wit::sip::Delivery,
    ) -> Result<()> {
        let (step, limits) = self.step()?;
        step.held()?;
        wellformed::request(&request).map_err(StepError::from)?;
        let contact = request.contact.as_ref().map_or(0, String::len);
        let line = request.method.len() + request.uri.len() + contact;
        let size = line + request.headers.len() + request.body.len();
        step.stage.charge(limits, token.len(), size).map_err(StepError::from)?;
        let kept = delivery == wit::sip::Delivery::Kept;
        if kept {
            Stage::fits_outbox(size + token.len()).map_err(StepError::from)?;
        }
        step.stage.sends.push(Send { request: request.into(), token: Bytes::from(token), kept });
        Ok(())
    }
}

impl wit::posts::Host for StepState {
    fn post(&mut self, partition: String, payload: Vec<u8>) -> Result<()> {
        let (step, limits) = self.step()?;
        step.held()?;
        let size = partition.len() + payload.len();
        step.stage.charge(limits, 0, size).map_err(StepError::from)?;
        Stage::fits_outbox(size).map_err(StepError::from)?;
        let to = PartitionKey::new(&partition).map_err(StepError::from)?;
        step.stage.posts.push(Post { to, payload: Bytes::from(payload) });
        Ok(())
    }
}

impl wit::tables::Host for StepState {
    fn lookup(&mut self, table: String, key: Vec<u8>) -> Result<Option<Vec<u8>>> {
        if let Some(building) = &mut self.building {
            return Ok(building.lookup(&table, &key).map(<[u8]>::to_vec));
        }
        let (step, _) = self.step()?;
        let value = step.tables.lookup(&table, &key);
        if let Some(capture) = &mut step.capture {
            capture.lookup(&table, &key, value);
        }
        Ok(value.map(<[u8]>::to_vec))
    }

    fn version(&mut self, table: String) -> Result<u64> {
        let (step, _) = self.step()?;
        let version = step.tables.version(&table);
        if let Some(capture) = &mut step.capture {
            capture.version(&table, version);
        }
        Ok(version)
    }

    fn entries(&mut self, table: String, at: u64, limit: u32) -> Result<wit::tables::Page> {
        let (step, limits) = self.step()?;
        let part = step.tables.entries(&table, at, limit.min(limits.scan) as usize);
        if let Some(capture) = &mut step.capture {
            capture.page(&table, at, limit, &part.entries, part.next);
        }
        let copied =
            |(key, value): (&[u8], &[u8])| wit::tables::Entry { key: key.into(), value: value.into() };
        Ok(wit::tables::Page { entries: part.entries.into_iter().map(copied).collect(), next: part.next })
    }
}

impl wit::metrics::Host for StepState {
    fn count(&mut self, name: String, labels: Vec<(String, String)>, more: u64) -> Result<()> {
        Ok(self.say(name, labels, Value::Counter(more))?)
    }

    fn gauge(&mut self, name: String, labels: Vec<(String, String)>, value: f64) -> Result<()> {
        Ok(self.say(name, labels, Value::Gauge(value))?)
    }
}

impl wit::identity::Host for StepState {
    fn normalize(&mut self, uri: String, normalized: String) -> Result<Result<String, Failure>> {
        self.ask(Question::Normalize { uri: &uri, normalized: &normalized })
    }

    fn fundamental(&mut self, identity: String, mapped: String) -> Result<Result<String, Failure>> {
        self.ask(Question::Fundamental { identity: &identity, mapped: &mapped })
    }
}

impl wit::clock::Host for StepState {
    fn now(&mut self) -> Result<u64> {
        let (step, _) = self.step()?;
        step.now_seen = true;
        Ok(step.now)
    }
}

impl wit::random::Host for StepState {
    fn bytes(&mut self, length: u32) -> Result<Vec<u8>> {
        let (step, _) = self.step()?;
        if length > RANDOM_BYTES {
            return Err(StepError::Random(length).into());
        }
        let rng = step.rng.get_or_insert_with(|| StdRng::from_rng(&mut rand::rng()));
        let mut bytes = vec![0; length as usize];
        rng.fill_bytes(&mut bytes);
        if let Some(capture) = &mut step.capture {
            capture.random(&bytes);
        }
        Ok(bytes)
    }
}

impl wit::log::Host for StepState {
    fn enabled(&mut self, level: wit::log::Level) -> Result<bool> {
        Ok(log_enabled(level))
    }

    fn write(
        &mut self,
        level: wit::log::Level,
        message: String,
        fields: Vec<(String, String)>,
    ) -> Result<()> {
        let mut errors = None;
        let (number, lines) = match &mut self.step {
            Some(step) => {
                step.host_calls += 1;
                if step.host_calls > self.limits.host_calls {
                    return Err(StepError::HostCalls(self.limits.host_calls).into());
                }
                if level == wit::log::Level::Error && step.errors.len() < KEPT_ERRORS {
                    errors = Some(&mut step.errors);
                }
                (step.number, &mut step.log_lines)
            }
            None => (0, &mut self.lifecycle_lines),
        };
        if !log_enabled(level) && errors.is_none() {
            return Ok(());
        }
        *lines = lines.saturating_add(1);
        if *lines > self.limits.log_lines {
            return Ok(());
        }
        let mut text = String::new();
        for (name, value) in &fields {
            if text.len() + name.len() + value.len() > LOG_BYTES {
                break;
            }
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(name);
            text.push('=');
            text.push_str(value);
        }
        let message: String = message.chars().take(LOG_BYTES).collect();
        if let Some(errors) = errors {
            errors.push(format!("{message} {text}").trim_end().to_owned());
        }
        match level {
            wit::log::Level::Error => tracing::error!(target: "plugin", step = number, "{message} {text}"),
            wit::log::Level::Warn => tracing::warn!(target: "plugin", step = number, "{message} {text}"),
            wit::log::Level::Info => tracing::info!(target: "plugin", step = number, "{message} {text}"),
            wit::log::Level::Debug => tracing::debug!(target: "plugin", step = number, "{message} {text}"),
            wit::log::Level::Trace => tracing::trace!(target: "plugin", step = number, "{message} {text}"),
        }
        Ok(())
    }
}

fn log_enabled(level: wit::log::Level) -> bool {
    match level {
        wit::log::Level::Error => tracing::enabled!(target: "plugin", tracing::Level::ERROR),
        wit::log::Level::Warn => tracing::enabled!(target: "plugin", tracing::Level::WARN),
        wit::log::Level::Info => tracing::enabled!(target: "plugin", tracing::Level::INFO),
        wit::log::Level::Debug => tracing::enabled!(target: "plugin", tracing::Level::DEBUG),
        wit::log::Level::Trace => tracing::enabled!(target: "plugin", tracing::Level::TRACE),
    }
}
