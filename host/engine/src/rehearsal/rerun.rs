//! Running a step again, on a component of choice and without effects.
//!
//! Invariant: nothing leaves and nothing is written; whatever the component does, the run ends within the
//! limits of a step and costs at most the instance that it ran in.

use super::blob::Blob;
use super::recorded::{NewRead, Own, Recorded};
use super::trace::{self, Call, Effects, End, Fault, FaultKind, Part, Trace};
use crate::generation::{Generation, Runtime};
use crate::message::{Document, Failure, Header, Outcome, Peer, Request, Response, Span, Transport};
use crate::metrics::Metrics;
use crate::step::current::Step;
use crate::step::imports::StepError;
use crate::step::input::{Hop, Input, Returned};
use parking_lot::Mutex;
use rollcall_storage::{InvalidPartition, PartitionKey, Timer};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a step did when it ran again.
pub(crate) struct Rerun {
    pub partition: Option<String>,
    pub effects: Effects,
    pub end: End,
    /// What it read and had not read the first time.
    pub new_reads: BTreeSet<NewRead>,
    pub took: Duration,
}

/// Runs a step again.
///
/// # Errors
/// The trace names a partition that cannot be.
pub(crate) fn rerun(
    runtime: &Runtime,
    metrics: &Metrics,
    generation: &Generation,
    trace: &Arc<Trace>,
    own: &Own,
) -> Result<Rerun, InvalidPartition> {
    let (input, timer) = trace.call.input(trace.partition(), trace.now)?;
    let started = Instant::now();
    let nowhere = |fault: Fault| Rerun {
        partition: None,
        effects: Effects::default(),
        end: End::Failed(fault),
        new_reads: BTreeSet::new(),
        took: started.elapsed(),
    };
    let mut instance = match generation.take(runtime, metrics) {
        Ok(instance) => instance,
        Err(error) => return Ok(nowhere(Fault { kind: FaultKind::Trap, text: error.to_string() })),
    };
    let mut step = Step::again(Box::new(Recorded::new(trace.clone(), own.clone())));
    if let Some(partition) = input.partition()
        && let Err(error) = step.enter(partition)
    {
        generation.give(instance);
        return Ok(nowhere(Fault { kind: FaultKind::Limit, text: error.to_string() }));
    }
    if let Input::Timer { name, .. } = &input {
        step.stage.timers.insert(name.clone(), None);
    }
    instance.store.data_mut().step = Some(step);
    instance.arm(runtime);
    let started = Instant::now();
    let called = input.call(&instance.plugin, &mut instance.store, timer.as_ref());
    let took = started.elapsed();
    let step = instance.store.data_mut().step.take().and_then(Step::finish_again);
    let breach = |returned: &Returned| step.as_ref().and_then(|(_, stage)| returned.breach(stage));
    let end = match &called {
        Ok(returned) => {
            breach(returned).map_or_else(|| End::of(returned), |fault| End::Failed(fault.in_trace()))
        }
        Err(error) => {
            End::Failed(crate::fault::Fault::of_call(error, instance.store.data().memory.refused).in_trace())
        }
    };
    if called.is_ok() {
        generation.give(instance);
    } else {
        drop(instance);
        generation.lose();
    }
    let Some((recorded, stage)) = step else {
        return Ok(nowhere(Fault { kind: FaultKind::Trap, text: StepError::NoStep.to_string() }));
    };
    let partition = recorded.entered().map(|partition| partition.as_str().to_owned());
    let effects = if !matches!(end, End::Failed(_)) { Effects::of(&stage) } else { Effects::default() };
    Ok(Rerun { partition, effects, end, new_reads: recorded.new_reads(), took })
}

impl Call {
    /// The input that calls so, and the timer that fires.
    fn input(&self, partition: Option<&str>, now: u64) -> Result<(Input, Option<Timer>), InvalidPartition> {
        let partition = || PartitionKey::new(partition.unwrap_or_default());
        let outcome = |token: &Blob, outcome| {
            Ok::<_, InvalidPartition>(Input::Outcome {
                partition: partition()?,
                token: token.0.clone(),
                outcome,
                outbox: None,
            })
        };
        Ok(match self {
            Call::Request { request } => (Input::Request { ticket: 0, request: request.into() }, None),
            Call::Forwarded { request, payload } => {
                let payload = payload.to_vec();
                let hop = Hop { partition: partition()?, payload, number: 1, now, spent: Duration::ZERO };
                (Input::Forwarded { ticket: 0, request: request.into(), hop }, None)
            }
            Call::Response { token, response, status } => {
                let response = Response { status: *status, ..response.into() };
                (outcome(token, Outcome::Response(response))?, None)
            }
            Call::Failed { token, failure } => {
                let failure = match failure {
                    trace::Failure::Timeout => Failure::Timeout,
                    trace::Failure::Unreachable(why) => Failure::Unreachable(why.clone()),
                    trace::Failure::Paused(ms) => Failure::Paused(*ms),
                };
                (outcome(token, Outcome::Failed(failure))?, None)
            }
            Call::Timer { name, due, payload } => {
                let timer = Timer { due: *due, payload: payload.0.clone() };
                (Input::Timer { partition: partition()?, name: name.to_vec() }, Some(timer))
            }
            Call::Post { from, payload } => {
                let (to, from) = (partition()?, PartitionKey::new(from)?);
                (Input::Post { to, from, sequence: 0, payload: payload.0.clone() }, None)
            }
            Call::Document { auid, owner, path, content } => {
                let content = content.as_ref().map(|content| content.to_vec());
                let (auid, owner, path) = (auid.clone(), owner.clone(), path.clone());
                let document = Document { auid, owner, path, content };
                (Input::Document { document, done: Mutex::new(None) }, None)
            }
            Call::Inspect { question, argument } => {
                let (question, argument) = (question.clone(), argument.clone());
                (Input::Inspect { question, argument, done: Mutex::new(None) }, None)
            }
            Call::Recovery => (Input::Recovery { partition: partition()? }, None),
        })
    }
}

fn span((start, end): Part) -> Span {
    Span { start, end }
}

fn headers(message: &trace::Message) -> Vec<Header> {
    let header = |(name, value): &(Part, Part)| Header { name: span(*name), value: span(*value) };
    message.headers.iter().map(header).collect()
}

impl From<&trace::Message> for Request {
    fn from(message: &trace::Message) -> Request {
        Request {
            message: message.bytes.0.clone(),
            method: span(message.method),
            uri: span(message.uri),
            headers: headers(message),
            body: span(message.body),
            peer: message.into(),
        }
    }
}

impl From<&trace::Message> for Response {
    fn from(message: &trace::Message) -> Response {
        Response {
            message: message.bytes.0.clone(),
            status: 0,
            headers: headers(message),
            body: span(message.body),
            peer: message.into(),
        }
    }
}

impl From<&trace::Message> for Peer {
    fn from(message: &trace::Message) -> Peer {
        let transport = match message.transport {
            trace::Transport::Udp => Transport::Udp,
            trace::Transport::Tcp => Transport::Tcp,
            trace::Transport::Tls => Transport::Tls,
            trace::Transport::Ws => Transport::Ws,
            trace::Transport::Wss => Transport::Wss,
        };
        Peer { transport, address: message.address, trusted: message.trusted }
    }
}
