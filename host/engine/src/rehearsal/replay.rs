//! Running the steps of a recording on another component.

use super::difference::{RecordKinds, compare};
use super::recorded::Own;
use super::recording::{Ending, Item, RecordedComponent, Recording, RecordingError};
use super::report::{Groups, Report};
use super::rerun::rerun;
use super::trace::{End, Trace};
use crate::fit::ComponentError;
use crate::generation::{Compiled, Fit, Generation, Runtime};
use crate::identity_rules::Rules;
use crate::limits::EngineConfig;
use crate::metrics::Metrics;
use crate::tables::{Former, Renewal, TableSource, Tables};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::sync::Arc;

/// What a recording is replayed with.
pub struct ReplayOptions<'a> {
    /// The component.
    pub component: &'a [u8],
    /// Limits of a step, and where compiled components are kept.
    pub config: EngineConfig,
    /// What the component is configured with, and its tables; the identity rules are those of `config`. None:
    /// what the recording says of them.
    pub chosen: Option<Chosen>,
}

/// A configuration, as JSON, and the sources of tables by their names.
pub type Chosen = (String, Vec<(String, Arc<dyn TableSource>)>);

/// Why a recording cannot be replayed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// It cannot be read.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// The component cannot be used.
    #[error(transparent)]
    Component(#[from] ComponentError),
    /// wasmtime refuses its settings.
    #[error("wasmtime: {0}")]
    Runtime(String),
}

/// What came of a replay.
#[derive(Clone, Debug)]
pub struct Replay {
    /// What differs.
    pub report: Report,
    /// How the recording ends; none if it was cut off.
    pub ending: Option<Ending>,
}

/// What is in a recording.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    /// Components that the steps have run on, in the order in which they came.
    pub components: Vec<RecordedComponent>,
    /// Steps by what called them: how many, how many of them failed, and the time of their components in
    /// microseconds.
    pub steps: BTreeMap<String, (u64, u64, u64)>,
    /// Partitions.
    pub partitions: u64,
    /// Time of the host at the first and at the last step.
    pub time: Option<(u64, u64)>,
    /// How it ends; none if it was cut off.
    pub ending: Option<Ending>,
}

/// Tells what is in a recording.
///
/// # Errors
/// It cannot be read.
pub fn contents<R: Read>(recording: &mut Recording<R>) -> Result<Contents, RecordingError> {
    let mut contents = Contents::default();
    let mut partitions = BTreeSet::new();
    while let Some(item) = recording.next_item()? {
        match item {
            Item::Component(component) => contents.components.push(component),
            Item::Step(trace) => {
                let (count, failed, took) =
                    contents.steps.entry(super::difference::name(&trace)).or_default();
                *count += 1;
                *failed += u64::from(trace.failed());
                *took = took.saturating_add(trace.took);
                partitions.extend(trace.partition.clone());
                let (first, last) = contents.time.unwrap_or((trace.now, trace.now));
                contents.time = Some((first.min(trace.now), last.max(trace.now)));
            }
            Item::Ending(ending) => {
                contents.ending = Some(ending);
                break;
            }
        }
    }
    contents.partitions = partitions.len() as u64;
    Ok(contents)
}

/// Runs every step of a recording on a component and compares what it does. Nothing leaves and nothing is
/// kept. `progress` is told the number of steps so far, now and then.
///
/// # Errors
/// It cannot be read, or the component cannot be used.
pub fn replay<R: Read>(
    recording: &mut Recording<R>,
    options: &ReplayOptions<'_>,
    progress: &mut dyn FnMut(u64),
) -> Result<Replay, ReplayError> {
    let runtime =
        Runtime::new(&options.config).map_err(|error| ReplayError::Runtime(format!("{error:#}")))?;
    runtime.ticking(|| Stage::new(&runtime, options)?.play(recording, progress))
}

/// How often progress is told, in steps.
const TOLD: u64 = 1000;

/// What a replay needs.
struct Stage<'a> {
    runtime: &'a Runtime,
    metrics: Metrics,
    options: &'a ReplayOptions<'a>,
    compiled: Compiled,
    own: Own,
    candidate: Option<Candidate>,
}

/// The component, ready for the steps that follow.
struct Candidate {
    generation: Generation,
    kinds: RecordKinds,
}

impl<'a> Stage<'a> {
    fn new(runtime: &'a Runtime, options: &'a ReplayOptions<'a>) -> Result<Stage<'a>, ReplayError> {
        let metrics = Metrics::new();
        let compiled = Compiled::new(runtime, &options.config, options.component)?;
        let mut stage = Stage { runtime, metrics, options, compiled, own: Own::default(), candidate: None };
        if let Some((configuration, sources)) = &options.chosen {
            let generation = stage.prepare(configuration)?;
            let none = Former { own: &Tables::default(), others: &Tables::default() };
            let renewal = Renewal::new(runtime, &generation, sources, &none, &|_| true).complete()?;
            stage.own = Own { tables: Arc::new(renewal.tables), instead: true, ..Own::default() };
            stage.candidate = Some(Candidate { generation, kinds: RecordKinds::default() });
        }
        Ok(stage)
    }

    fn prepare(&self, configuration: &str) -> Result<Generation, ReplayError> {
        let config = &self.options.config;
        let rules = match &config.identity_rules {
            Some(rules) if self.options.chosen.is_some() => {
                Some(Arc::new(Rules::prepare(rules, config, &self.metrics)?))
            }
            _ => None,
        };
        let fit = Fit { configuration, schemas: &[], tables: &[], rules };
        Ok(Generation::prepare(self.runtime, config, &self.compiled, &fit)?)
    }

    fn play<R: Read>(
        mut self,
        recording: &mut Recording<R>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Replay, ReplayError> {
        let mut groups = Groups::default();
        let mut steps = 0;
        while let Some(item) = recording.next_item()? {
            match item {
                Item::Component(component) => self.follows(&component)?,
                Item::Step(trace) => {
                    self.step(&trace, &mut groups, steps)?;
                    steps += 1;
                    if steps % TOLD == 0 {
                        progress(steps);
                    }
                }
                Item::Ending(ending) => {
                    return Ok(Replay { report: groups.report(), ending: Some(ending) });
                }
            }
        }
        Ok(Replay { report: groups.report(), ending: None })
    }

    /// The steps that follow have run on this component.
    fn follows(&mut self, recorded: &RecordedComponent) -> Result<(), ReplayError> {
        let candidate = match self.candidate.take() {
            Some(candidate)
                if self.options.chosen.is_some()
                    || candidate.generation.configuration() == recorded.configuration =>
            {
                candidate
            }
            _ => {
                let generation = self.prepare(&recorded.configuration)?;
                Candidate { generation, kinds: RecordKinds::default() }
            }
        };
        let own = RecordKinds::listed(&candidate.generation.description);
        let kinds = RecordKinds::of([&own[..], &recorded.record_kinds[..]]);
        self.candidate = Some(Candidate { kinds, ..candidate });
        Ok(())
    }

    fn step(&self, trace: &Arc<Trace>, groups: &mut Groups, steps: u64) -> Result<(), ReplayError> {
        let damaged = || RecordingError::Damaged { steps };
        let candidate = self.candidate.as_ref().ok_or_else(damaged)?;
        let rerun = rerun(self.runtime, &self.metrics, &candidate.generation, trace, &self.own);
        let rerun = rerun.map_err(|_| damaged())?;
        let fails = matches!(rerun.end, End::Failed(_)) && !trace.failed();
        groups.add(trace, compare(trace, &rerun, &candidate.kinds), fails);
        Ok(())
    }
}
