//! What the admin interface asks of the server.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use rollcall_engine::{Clock, ComponentError, Engine, HostClock, InspectError};

use super::component;
use super::edge::Joint;
use super::generations::Generations;
use super::reload::Reloader;
use crate::admin::{Control, Generation, Health, Reload, Unanswered};
use crate::configuration::Configuration;
use crate::metrics::Metrics;

pub(super) struct ServerControl {
    pub started: Instant,
    pub configuration: Configuration,
    pub joint: Arc<Joint>,
    pub engine: Arc<Engine>,
    pub reloader: Arc<Reloader>,
    /// Locked for moments only: the engine swaps outside of it.
    pub generations: Mutex<Generations>,
    pub clock: Arc<HostClock>,
    pub metrics: Metrics,
}

impl ServerControl {
    fn problems(&self, error: ComponentError) -> Vec<String> {
        match component::refusals(error, &self.configuration.plugin.given) {
            Ok(refusals) => self.configuration.refused(&refusals).0.iter().map(ToString::to_string).collect(),
            Err(other) => vec![other.to_string()],
        }
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
            generation: self.generations.lock().running().number,
        }
    }

    fn metrics(&self, text: &mut String) {
        self.metrics.write(text);
    }

    fn generations(&self) -> Vec<Generation> {
        self.generations.lock().kept()
    }

    fn swap(&self, component: Vec<u8>) -> Result<Generation, Vec<String>> {
        self.engine.swap(&component).map_err(|error| self.problems(error))?;
        Ok(self.generations.lock().swapped(&self.engine))
    }

    fn roll_back(&self) -> Result<Generation, Vec<String>> {
        match self.engine.roll_back() {
            Ok(Some(_)) => Ok(self.generations.lock().rolled_back()),
            Ok(None) => Err(vec!["there is no earlier generation".to_owned()]),
            Err(error) => Err(self.problems(error)),
        }
    }

    fn reload(&self) -> Option<Reload> {
        self.reloader.reload()
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
