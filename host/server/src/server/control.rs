//! What the admin interface asks of the server.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use rollcall_engine::{Clock, ComponentError, Digest, Engine, HostClock, InspectError};

use super::component;
use super::edge::Joint;
use super::generations;
use super::rehearsal::Rehearsals;
use super::reload::Reloader;
use super::remembered::Remembered;
use crate::admin::rehearsal::Rehearsal;
use crate::admin::{Candidate, Control, Failure, Generation, Health, Reload, Unanswered, Withheld};
use crate::configuration::Configuration;
use crate::metrics::Metrics;

pub(super) struct ServerControl {
    pub started: Instant,
    pub configuration: Configuration,
    pub joint: Arc<Joint>,
    pub engine: Arc<Engine>,
    pub reloader: Arc<Reloader>,
    pub rehearsals: Arc<Rehearsals>,
    pub remembered: Arc<Remembered>,
    pub clock: Arc<HostClock>,
    pub metrics: Metrics,
}

impl ServerControl {
    fn problems(&self, error: ComponentError) -> Vec<String> {
        component::problems(&self.configuration, error)
    }

    fn running(&self) -> Result<Generation, Vec<String>> {
        generations::known(&self.engine).into_iter().next().ok_or_else(Vec::new)
    }
}

fn unanswered(error: InspectError) -> Unanswered {
    let message = error.to_string();
    match error {
        InspectError::Unknown { .. } => Unanswered::Unknown(message),
        InspectError::Refused(_) => Unanswered::Refused(message),
        InspectError::Unavailable => Unanswered::Unavailable(message),
        _ => Unanswered::Failed(message),
    }
}

impl Control for ServerControl {
    fn health(&self) -> Health {
        Health {
            ok: !self.joint.is_stopping() && !self.engine.gauges().store_failed,
            uptime: self.started.elapsed().as_secs(),
            generation: generations::running(&self.engine),
        }
    }

    fn metrics(&self, text: &mut String) {
        self.metrics.write(text);
    }

    fn generations(&self) -> Vec<Generation> {
        generations::known(&self.engine)
    }

    fn swap(&self, component: Vec<u8>) -> Result<Generation, Vec<String>> {
        self.engine.swap(&component).map_err(|error| self.problems(error))?;
        self.running()
    }

    fn check(&self, component: Vec<u8>) -> Result<Candidate, Vec<String>> {
        let description = self.engine.check(&component).map_err(|error| self.problems(error))?;
        Ok(generations::candidate(&self.engine, description, Digest::of(&component)))
    }

    fn roll_back(&self) -> Result<Generation, Vec<String>> {
        match self.engine.roll_back() {
            Ok(Some(_)) => self.running(),
            Ok(None) => Err(generations::nothing_earlier(&self.engine)),
            Err(error) => Err(self.problems(error)),
        }
    }

    fn withheld(&self) -> Vec<Withheld> {
        self.remembered.withheld()
    }

    fn failures(&self) -> Vec<Failure> {
        generations::failures(&self.engine)
    }

    fn failure(&self, id: u64) -> Option<Bytes> {
        self.engine.failed_step(id)
    }

    fn reload(&self) -> Option<Reload> {
        self.reloader.reload()
    }

    fn rehearsal(&self) -> &dyn Rehearsal {
        &*self.rehearsals
    }

    fn inspect(&self, question: &str, argument: &str) -> Result<String, Unanswered> {
        self.engine.inspect(question, argument).map_err(unanswered)
    }

    fn partitions(&self, after: Option<&str>, limit: usize) -> Result<Vec<String>, Unanswered> {
        self.engine.partitions(after, limit).map_err(unanswered)
    }

    fn advance(&self, milliseconds: u64) -> Option<u64> {
        self.configuration.testing.clock.then(|| {
            self.clock.advance(milliseconds);
            self.clock.now_ms()
        })
    }
}
