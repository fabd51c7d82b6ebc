//! The imports of a component: each call reads or fills the step's stage.
//!
//! Invariant: a call that the host cannot honour returns an error, which ends the step.

use crate::bindings::rollcall::plugin as wit;
use crate::bindings::rollcall::plugin::identity::Failure;
use crate::figures::{BadFigure, Figure, Value};
use crate::identity_rules::{Question, Rules};
use crate::limits::StepLimits;
use crate::memory::Memory;
use crate::step::current::Step;
use crate::step::stage::{LimitError, Post, Send, Stage, Write};
use crate::step::wellformed::{self, Malformed};
use crate::tables::Building;
use bytes::Bytes;
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
        if self.building.is_some() {
            return Ok(Rules::ask_any(self.rules.as_deref(), question));
        }
        self.step()?;
        let rules = self.rules.as_deref();
        let step = self.step.as_mut().ok_or(StepError::NoStep)?;
        Ok(step.ask(rules, question))
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
        Ok(step.epoch())
    }

    fn get(&mut self, key: Vec<u8>) -> Result<Option<Vec<u8>>> {
        let (step, _) = self.step()?;
        Ok(step.get(&key)?)
    }

    fn scan(
        &mut self,
        prefix: Vec<u8>,
        after: Option<Vec<u8>>,
        limit: u32,
    ) -> Result<Vec<wit::storage::Entry>> {
        let (step, limits) = self.step()?;
        let limit = limit.min(limits.scan) as usize;
        Ok(step.scan(&prefix, after.as_deref(), limit, limits.memory)?)
    }

    fn put(
        &mut self,
        key: Vec<u8>,
        value: Vec<u8>,
        durability: wit::storage::Durability,
        expires: Option<u64>,
    ) -> Result<()> {
        let (step, limits) = self.step()?;
        step.inside()?;
        step.stage.charge(limits, key.len(), value.len()).map_err(StepError::from)?;
        let record = Some(Record { value: Bytes::from(value), expires });
        let durable = durability == wit::storage::Durability::Durable;
        step.stage.records.insert(key, Write { record, durable });
        Ok(())
    }

    fn delete(&mut self, key: Vec<u8>, durability: wit::storage::Durability) -> Result<()> {
        let (step, limits) = self.step()?;
        step.inside()?;
        step.stage.charge(limits, key.len(), 0).map_err(StepError::from)?;
        let durable = durability == wit::storage::Durability::Durable;
        step.stage.records.insert(key, Write { record: None, durable });
        Ok(())
    }
}

impl wit::timers::Host for StepState {
    fn set(&mut self, name: Vec<u8>, due: u64, payload: Vec<u8>) -> Result<()> {
        let (step, limits) = self.step()?;
        step.inside()?;
        step.stage.charge(limits, name.len(), payload.len()).map_err(StepError::from)?;
        step.stage.timers.insert(name, Some(Timer { due, payload: Bytes::from(payload) }));
        Ok(())
    }

    fn cancel(&mut self, name: Vec<u8>) -> Result<()> {
        let (step, limits) = self.step()?;
        let known = step.has_timer(&name)?;
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
        step.inside()?;
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
        step.inside()?;
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
        Ok(step.lookup(&table, &key))
    }

    fn version(&mut self, table: String) -> Result<u64> {
        let (step, _) = self.step()?;
        Ok(step.table_version(&table))
    }

    fn entries(&mut self, table: String, at: u64, limit: u32) -> Result<wit::tables::Page> {
        let (step, limits) = self.step()?;
        Ok(step.table_entries(&table, at, limit.min(limits.scan)))
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
        Ok(step.now())
    }
}

impl wit::random::Host for StepState {
    fn bytes(&mut self, length: u32) -> Result<Vec<u8>> {
        let (step, _) = self.step()?;
        if length > RANDOM_BYTES {
            return Err(StepError::Random(length).into());
        }
        Ok(step.random(length as usize))
    }
}

impl wit::log::Host for StepState {
    fn enabled(&mut self, level: wit::log::Level) -> Result<bool> {
        let rehearses = self.step.as_ref().is_some_and(Step::rehearses);
        Ok(!rehearses && log_enabled(level))
    }

    fn write(
        &mut self,
        level: wit::log::Level,
        message: String,
        fields: Vec<(String, String)>,
    ) -> Result<()> {
        let mut errors = None;
        let rehearses = self.step.as_ref().is_some_and(Step::rehearses);
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
        if rehearses || (!log_enabled(level) && errors.is_none()) {
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
