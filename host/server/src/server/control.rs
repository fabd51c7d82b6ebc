//! What the admin interface asks of the server.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use rollcall_engine::{Clock, Engine, HostClock, InspectError, StartError};

use super::component;
use super::edge::Joint;
use super::generations::Generations;
use super::reload::Reloader;
use super::sources;
use crate::admin::{Control, Generation, Health, Reload, Unanswered};
use crate::configuration::{Configuration, Refusals};
use crate::metrics::Metrics;

pub(super) struct ServerControl {
    pub started: Instant,
    pub configuration: Configuration,
    pub joint: Arc<Joint>,
    pub engine: Arc<Engine>,
    pub reloader: Arc<Reloader>,
    pub generations: Arc<Generations>,
    /// Where compiled components are kept.
    pub compiled: Option<PathBuf>,
    pub clock: Arc<HostClock>,
    pub metrics: Metrics,
}

impl ServerControl {
    fn problems(&self, error: StartError) -> Vec<String> {
        match component::refusals(error, &self.configuration.plugin.given) {
            Ok(refusals) => self.told(&refusals),
            Err(error) => vec![error.to_string()],
        }
    }

    /// What has to be done after a change of generation.
    fn changed(&self) {
        sources::announce(&self.engine, &self.configuration.plugin.given.sources);
    }

    fn told(&self, refusals: &Refusals) -> Vec<String> {
        self.configuration.refused(refusals).0.iter().map(ToString::to_string).collect()
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
            generation: self.generations.running().number,
        }
    }

    fn metrics(&self, text: &mut String) {
        self.metrics.write(text);
    }

    fn generations(&self) -> Vec<Generation> {
        self.generations.kept()
    }

    fn swap(&self, component: Vec<u8>) -> Result<Generation, Vec<String>> {
        let given = &self.configuration.plugin.given;
        let keys = component::tables_without_effect(&component, given, self.compiled.clone())
            .map_err(|error| self.problems(error))?;
        if !keys.is_empty() {
            return Err(self.told(&Refusals { keys, tables: Vec::new() }));
        }
        self.generations
            .swap(&self.engine, |engine| engine.swap(&component).map(drop))
            .inspect(|_| self.changed())
            .map_err(|error| self.problems(error.into()))
    }

    fn roll_back(&self) -> Result<Generation, Vec<String>> {
        match self.generations.roll_back(|| self.engine.roll_back().map(|earlier| earlier.is_some())) {
            Ok(Some(generation)) => {
                self.changed();
                Ok(generation)
            }
            Ok(None) => Err(vec!["there is no earlier generation".to_owned()]),
            Err(error) => Err(self.problems(error.into())),
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
