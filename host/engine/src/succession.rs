//! Which component runs, which one did before, and the ways from one to another.
//!
//! Invariant: one change at a time, each between two steps; a component that was refused leaves
//! everything as it was.

use crate::compiled::Digest;
use crate::fit::{self, ComponentError};
use crate::generation::{Compiled, Description, Fit, Generation};
use crate::identity_rules::Rules;
use crate::runner::Shared;
use crate::schemas;
use crate::tables::{Former, Renewal, TableOutcome, TableReport, Tables};
use crate::trial::{RollBack, Trial};
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Withdrawn generations that are remembered.
const WITHDRAWN: usize = 8;

/// Longest sleep of the thread that watches trials.
const DOZE: Duration = Duration::from_millis(500);

/// What an operator is told of a generation: a component as it was put in force once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenerationInfo {
    /// Counts from 1 at the start of the engine.
    pub number: u64,
    /// Name that the component gives itself.
    pub name: String,
    /// Version that the component gives itself.
    pub version: String,
    /// Digest of the component.
    pub digest: Digest,
    /// Digest of the site's own identity rules, if it has any.
    pub identity_rules: Option<Digest>,
    /// What has become of it.
    pub state: GenerationState,
}

/// What has become of a generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GenerationState {
    /// It runs.
    Running {
        /// End of its trial, if it is on trial, in milliseconds since 1970.
        trial: Option<u64>,
        /// Whether the previous one reads what this one writes; none if there is no previous one.
        way_back: Option<bool>,
    },
    /// A roll back goes to it.
    Previous,
    /// If the running one loses its trial, the engine goes back to it.
    Fallback,
    /// The engine has gone back from it by itself.
    Withdrawn {
        /// When, in milliseconds since 1970.
        at: u64,
        /// Why.
        why: String,
    },
}

/// How another generation has come into force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GenerationChange {
    /// Another component was swapped in, or other identity rules were.
    Swapped,
    /// The engine was told to go back.
    RolledBack {
        /// What it went back from.
        from: GenerationInfo,
    },
    /// The engine went back by itself.
    Withdrawn {
        /// What it went back from, and why.
        from: GenerationInfo,
    },
}

/// Whom to tell of it.
pub(crate) type Told = dyn Fn(&GenerationChange) + Send + Sync;

impl GenerationInfo {
    fn of(generation: &Generation, state: GenerationState) -> GenerationInfo {
        GenerationInfo {
            number: generation.number,
            name: generation.description.name.clone(),
            version: generation.description.version.clone(),
            digest: generation.digest,
            identity_rules: generation.rules_digest(),
            state,
        }
    }
}

/// The order of generations.
#[derive(Default)]
pub(crate) struct Succession {
    /// Held while something changes, which may take seconds.
    changing: Mutex<()>,
    /// Held for moments only.
    lineage: Mutex<Lineage>,
    alarm: Condvar,
    /// Whom to tell that another generation is in force.
    told: Mutex<Option<Arc<Told>>>,
}

#[derive(Default)]
struct Lineage {
    previous: Option<Arc<Generation>>,
    trial: Option<Trial>,
    withdrawn: VecDeque<GenerationInfo>,
    count: u64,
    ended: bool,
}

impl Succession {
    /// For an engine that starts with this generation.
    pub fn begin(first: &mut Generation) -> Succession {
        first.number = 1;
        let lineage = Lineage { count: 1, ..Lineage::default() };
        Succession { lineage: Mutex::new(lineage), ..Succession::default() }
    }

    /// Notes that a step of a generation has failed through its own fault.
    pub fn note_failure(&self, generation: u64, now: u64) {
        let mut lineage = self.lineage.lock();
        if lineage.trial.as_mut().is_some_and(|trial| trial.note(generation, now)) {
            self.alarm.notify_one();
        }
    }

    /// See [`Engine::on_change`](crate::Engine::on_change).
    pub fn on_change(&self, told: Arc<Told>) {
        *self.told.lock() = Some(told);
    }

    /// Lets the thread that watches trials end.
    pub fn stop(&self) {
        self.lineage.lock().ended = true;
        self.alarm.notify_one();
    }
}

impl Shared {
    /// Compiles and checks a component, as far as that goes beside what changes meanwhile.
    pub fn compile(&self, component: &[u8]) -> Result<Compiled, ComponentError> {
        Compiled::new(&self.runtime, &self.config, component)
    }

    /// Makes a component ready to follow the current one, with its tables, of which the reports tell.
    fn prepare(&self, compiled: &Compiled) -> Result<(Generation, Vec<TableReport>), ComponentError> {
        let stored = schemas::read(&*self.storage)?;
        let current = self.current.load_full();
        let had = &current.description.tables;
        let sources = self.sources.iter().map(|(table, _)| table);
        let tables: Vec<&str> = sources.filter(|t| had.contains(t)).map(String::as_str).collect();
        let fit = Fit {
            configuration: &self.config.plugin_configuration,
            schemas: &stored,
            tables: &tables,
            rules: current.rules.clone(),
        };
        let generation = Generation::prepare(&self.runtime, &self.config, compiled, &fit)?;
        let reports = self.fill(&generation, &current)?;
        Ok((generation, reports))
    }

    /// Makes a component ready as if it were to follow the current one now.
    pub fn prepare_beside(&self, compiled: &Compiled) -> Result<Generation, ComponentError> {
        let _one_at_a_time = self.succession.changing.lock();
        Ok(self.prepare(compiled)?.0)
    }

    /// See [`Engine::check`](crate::Engine::check).
    pub fn check(&self, component: &[u8]) -> Result<Description, ComponentError> {
        Ok(self.prepare_beside(&self.compile(component)?)?.description)
    }

    /// See [`Engine::swap`](crate::Engine::swap).
    pub fn swap(&self, component: &[u8]) -> Result<Description, ComponentError> {
        let compiled = self.compile(component)?;
        self.swap_compiled(&compiled, true)
    }

    /// See [`Engine::resume`](crate::Engine::resume).
    pub fn resume(&self, component: &[u8]) -> Result<Description, ComponentError> {
        let compiled = self.compile(component)?;
        self.swap_compiled(&compiled, false)
    }

    /// Puts a compiled component in force, on trial if there are any.
    pub fn swap_compiled(&self, compiled: &Compiled, on_trial: bool) -> Result<Description, ComponentError> {
        let _one_at_a_time = self.succession.changing.lock();
        let (generation, tables) = self.prepare(compiled)?;
        let description = generation.description.clone();
        let running = self.current.load_full();
        let once_more = generation.is_like(&running);
        generation.warm(&self.runtime, &running);
        schemas::note(&*self.storage, &description)?;
        if !running.description.reads_schemas.contains(&description.writes_schema) {
            tracing::warn!(
                from = running.description.version,
                to = description.version,
                "there is no way back: the former component does not read what this one writes"
            );
        }
        tracing::info!(name = description.name, version = description.version,
            digest = %generation.digest, "component swapped");
        self.put_in_force(generation, &tables, |trial, rule, number, former, now| {
            if once_more {
                return trial.map(|trial| trial.pass_on(number));
            }
            // One that is on trial itself has not shown yet that it is worth going back to.
            let former = trial.filter(|trial| now < trial.until).map_or(former, |trial| trial.former);
            rule.filter(|_| on_trial).map(|rule| Trial::begin(number, former, rule, now))
        });
        Ok(description)
    }

    /// See [`Engine::swap_identity_rules`](crate::Engine::swap_identity_rules).
    pub fn swap_identity_rules(&self, rules: Option<&[u8]>) -> Result<Option<Digest>, ComponentError> {
        let _one_at_a_time = self.succession.changing.lock();
        let current = self.current.load_full();
        let digest = rules.map(Digest::of);
        if digest == current.rules_digest() {
            return Ok(digest);
        }
        let rules = match rules {
            Some(rules) => Some(Arc::new(Rules::prepare(rules, &self.config, &self.metrics)?)),
            None => None,
        };
        let generation = current.with_rules(&self.runtime, rules)?;
        let tables = self.fill(&generation, &current)?;
        generation.warm(&self.runtime, &current);
        match &digest {
            Some(digest) => tracing::info!(%digest, "identity rules swapped"),
            None => tracing::info!("identity rules taken away"),
        }
        // The component is the same, and so is its trial.
        self.put_in_force(generation, &tables, |trial, _, number, _, _| {
            trial.map(|trial| trial.pass_on(number))
        });
        Ok(digest)
    }

    /// Has a generation follow the current one, with these reports of its tables. `trial` makes its trial: of the
    /// one under way, the rule, its number, the current generation and the time.
    fn put_in_force(
        &self,
        mut generation: Generation,
        tables: &[TableReport],
        trial: impl FnOnce(Option<Trial>, Option<RollBack>, u64, Arc<Generation>, u64) -> Option<Trial>,
    ) {
        let mut lineage = self.succession.lineage.lock();
        lineage.count += 1;
        generation.number = lineage.count;
        let number = generation.number;
        let once_more = generation.is_like(&self.current.load());
        let former = self.current.swap(Arc::new(generation));
        let rule = self.config.roll_back.clone();
        let now = self.clock.now_ms();
        lineage.trial = trial(lineage.trial.take(), rule, number, former.clone(), now);
        if !once_more {
            lineage.previous = Some(former.clone());
        }
        drop(lineage);
        // Whoever waits for a trial to begin has to see its end, too.
        self.succession.alarm.notify_one();
        self.ledger.note(tables, now);
        self.changed(&former, &GenerationChange::Swapped);
    }

    /// See [`Engine::roll_back`](crate::Engine::roll_back).
    pub fn roll_back(&self) -> Result<Option<Description>, ComponentError> {
        let _one_at_a_time = self.succession.changing.lock();
        let Some(earlier) = self.succession.lineage.lock().previous.clone() else { return Ok(None) };
        self.make_ready(&earlier)?;
        let description = earlier.description.clone();
        tracing::info!(name = description.name, version = description.version,
            digest = %earlier.digest, "component rolled back");
        self.metrics.roll_backs.add(1);
        let mut lineage = self.succession.lineage.lock();
        lineage.trial = None;
        let replaced = self.current.swap(earlier);
        lineage.previous = Some(replaced.clone());
        drop(lineage);
        let from = GenerationInfo::of(&replaced, GenerationState::Previous);
        self.changed(&replaced, &GenerationChange::RolledBack { from });
        Ok(Some(description))
    }

    /// The thread that goes back from a component that has lost its trial.
    pub fn watch_trials(self: &Arc<Self>) {
        loop {
            let mut lineage = self.succession.lineage.lock();
            let lost = loop {
                if lineage.ended {
                    return;
                }
                match &lineage.trial {
                    Some(trial) if trial.lost => break trial.generation,
                    Some(trial) if self.clock.now_ms() >= trial.until => {
                        tracing::info!(generation = trial.generation, "the component has stood its trial");
                        lineage.trial = None;
                    }
                    Some(_) => drop(self.succession.alarm.wait_for(&mut lineage, DOZE)),
                    None => self.succession.alarm.wait(&mut lineage),
                }
            };
            drop(lineage);
            self.withdraw(lost);
        }
    }

    /// Goes back from a generation that has lost its trial.
    fn withdraw(&self, number: u64) {
        let _one_at_a_time = self.succession.changing.lock();
        let trial = {
            let mut lineage = self.succession.lineage.lock();
            // It may have been replaced while this waited.
            match lineage.trial.take_if(|trial| trial.lost && trial.generation == number) {
                Some(trial) => trial,
                None => return,
            }
        };
        let (former, why) = (self.with_current_rules(&trial.former), trial.verdict());
        if let Err(error) = self.make_ready(&former) {
            self.metrics.roll_backs_refused.add(1);
            tracing::error!(generation = number, why, %error,
                "a component has lost its trial, and there is no way back: it goes on");
            return;
        }
        self.metrics.withdrawals.add(1);
        let mut lineage = self.succession.lineage.lock();
        let bad = self.current.swap(former.clone());
        // A roll back by command must not bring it back unawares.
        lineage.previous = None;
        lineage.withdrawn.truncate(WITHDRAWN - 1);
        let state = GenerationState::Withdrawn { at: self.clock.now_ms(), why: why.clone() };
        let from = GenerationInfo::of(&bad, state);
        lineage.withdrawn.push_front(from.clone());
        drop(lineage);
        tracing::error!(generation = number, version = bad.description.version, digest = %bad.digest,
            why, back_to = former.number, "a component has lost its trial: went back to the one before");
        self.changed(&bad, &GenerationChange::Withdrawn { from });
    }

    /// A generation that ran before, with the identity rules of the current one: they are the site's, and do not
    /// go with a component.
    fn with_current_rules(&self, earlier: &Arc<Generation>) -> Arc<Generation> {
        let current = self.current.load_full();
        if earlier.rules_digest() == current.rules_digest() {
            return earlier.clone();
        }
        let renewed = earlier.with_rules(&self.runtime, current.rules.clone()).and_then(|mut generation| {
            self.fill(&generation, &current)?;
            let mut lineage = self.succession.lineage.lock();
            lineage.count += 1;
            generation.number = lineage.count;
            Ok(Arc::new(generation))
        });
        renewed.unwrap_or_else(|error| {
            tracing::warn!(%error, "the component before does not go with the identity rules: it has those of then");
            earlier.clone()
        })
    }

    /// Makes sure that the store can be read by a generation that ran before, and brings its tables up to
    /// date.
    fn make_ready(&self, earlier: &Arc<Generation>) -> Result<(), ComponentError> {
        fit::schemas(&earlier.description, &schemas::read(&*self.storage)?)?;
        schemas::note(&*self.storage, &earlier.description)?;
        let (own, others) = (earlier.tables.load_full(), self.current.load().tables.load_full());
        let renewal = self.renew(earlier, &Former { own: &own, others: &others }, &|_| true);
        self.ledger.note(&renewal.reports, self.clock.now_ms());
        for report in &renewal.reports {
            if let TableOutcome::Kept(problems) = &report.outcome {
                tracing::warn!(table = report.table, %problems, "a table stays as it was before the swap");
            }
        }
        earlier.tables.store(Arc::new(renewal.tables));
        earlier.wake();
        earlier.warm(&self.runtime, &self.current.load());
        Ok(())
    }

    /// Another generation is in force than this one: it gives its memory back, and what had failed under
    /// it is tried again at once.
    fn changed(&self, replaced: &Generation, change: &GenerationChange) {
        replaced.rest();
        self.background.hasten();
        let told = self.succession.told.lock().clone();
        if let Some(told) = told {
            told(change);
        }
        // It may take long, and nobody waits for the shadow.
        self.renew_shadow();
    }

    /// See [`Engine::reload_some_tables`](crate::Engine::reload_some_tables).
    pub fn reload_tables(&self, wanted: &dyn Fn(&str) -> bool) -> Vec<TableReport> {
        let _one_at_a_time = self.succession.changing.lock();
        let generation = self.current.load_full();
        let own = generation.tables.load_full();
        let former = Former { own: &own, others: &Tables::default() };
        let renewal = self.renew(&generation, &former, wanted);
        self.ledger.note(&renewal.reports, self.clock.now_ms());
        generation.tables.store(Arc::new(renewal.tables));
        self.renew_shadow();
        renewal.reports
    }

    /// Gives a generation that is not in force its tables, and tells of them.
    pub fn fill(
        &self,
        generation: &Generation,
        current: &Generation,
    ) -> Result<Vec<TableReport>, ComponentError> {
        let others = current.tables.load_full();
        let former = Former { own: &Tables::default(), others: &others };
        let renewal = self.renew(generation, &former, &|_| true).complete()?;
        generation.tables.store(Arc::new(renewal.tables));
        Ok(renewal.reports)
    }

    /// Makes tables for a generation, not in force yet.
    fn renew(&self, generation: &Generation, former: &Former<'_>, wanted: &dyn Fn(&str) -> bool) -> Renewal {
        Renewal::new(&self.runtime, generation, &self.sources, former, wanted)
    }

    /// Those that are kept or remembered, the running one first.
    pub fn generations(&self) -> Vec<GenerationInfo> {
        let lineage = self.succession.lineage.lock();
        let running = self.current.load();
        let trial = lineage.trial.as_ref();
        let until = trial.filter(|trial| self.clock.now_ms() < trial.until).map(|trial| trial.until);
        let writes = &running.description.writes_schema;
        let way_back = lineage.previous.as_ref().map(|p| p.description.reads_schemas.contains(writes));
        let state = GenerationState::Running { trial: until, way_back };
        let mut known = vec![GenerationInfo::of(&running, state)];
        if let Some(previous) = &lineage.previous {
            known.push(GenerationInfo::of(previous, GenerationState::Previous));
        }
        if let Some(trial) = trial
            && known.iter().all(|known| known.number != trial.former.number)
        {
            known.push(GenerationInfo::of(&trial.former, GenerationState::Fallback));
        }
        known.extend(lineage.withdrawn.iter().cloned());
        known
    }
}
