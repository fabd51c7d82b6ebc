//! Making a new set of tables from the sources, and what is told about it.

use super::build::{build_table, tell_disputed};
use super::problem::{BrokenTable, Problems};
use super::source::TableSource;
use super::table::Table;
use super::{Building, Built, Seen, Sources, Tables};
use crate::fit::ComponentError;
use crate::generation::{Generation, Runtime};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a reload has made of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableOutcome {
    /// The source says what it said before.
    Unchanged,
    /// The table has a new content.
    Replaced,
    /// The source is broken or gone: the former content stays in force.
    Kept(Problems),
}

/// What became of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableReport {
    /// Its name.
    pub table: String,
    /// What the reload has made of it.
    pub outcome: TableOutcome,
    /// Entries now in force.
    pub entries: usize,
    /// Time spent on it.
    pub took: Duration,
}

/// What is known of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableGauges {
    /// Its name.
    pub table: String,
    /// Entries in force.
    pub entries: usize,
    /// Memory that they take, in bytes.
    pub bytes: usize,
    /// When the source was last found in order, in milliseconds since 1970 by the engine's clock.
    pub last_success: u64,
    /// Attempts that found the source broken, since the start.
    pub failures: u64,
    /// Time of the last attempt.
    pub took: Duration,
}

/// A new set of tables, not in force yet.
pub(crate) struct Renewal {
    pub tables: Tables,
    pub reports: Vec<TableReport>,
}

/// What a renewal has to do with tables that there are.
pub(crate) struct Former<'a> {
    /// The generation's own: what has not changed since is not built anew, what cannot be built is kept.
    pub own: &'a Tables,
    /// Those of another generation: equal ones are shared.
    pub others: &'a Tables,
}

impl Renewal {
    /// Builds the wanted tables of a generation, and those that depend on them, in the order that the
    /// component asks for. A table sees those before it as they will be.
    pub fn new(
        runtime: &Runtime,
        generation: &Generation,
        sources: &Sources,
        former: &Former<'_>,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Renewal {
        let mut renewal = Renewal { tables: Tables::default(), reports: Vec::new() };
        for name in &generation.description.tables {
            let source = sources.iter().find(|(known, _)| known == name);
            let Some((_, source)) = source.filter(|_| renewal.tables.get(name).is_none()) else { continue };
            let own = former.own.get(name);
            let fits = own.filter(|own| renewal.tables.has(&own.seen));
            if let Some(fits) = fits.filter(|_| !wanted(name)) {
                renewal.tables.tables.push(fits.clone());
                continue;
            }
            let started = Instant::now();
            let version = source.version();
            let same = fits.filter(|fits| version.is_some() && fits.version == version);
            let (built, outcome) = match same {
                Some(same) => (Some(same.clone()), TableOutcome::Unchanged),
                None => match renewal.build(runtime, generation, name, &**source) {
                    Ok((table, seen)) => {
                        let (content, outcome) = settle(table, own, former.others.get(name));
                        let seen = Arc::new(seen);
                        (Some(Built { name: name.as_str().into(), content, version, seen }), outcome)
                    }
                    Err(problems) => (own.cloned(), TableOutcome::Kept(problems)),
                },
            };
            renewal.reports.push(TableReport {
                table: name.clone(),
                outcome,
                entries: built.as_ref().map_or(0, |built| built.content.len()),
                took: started.elapsed(),
            });
            renewal.tables.tables.extend(built);
        }
        renewal
    }

    fn build(
        &self,
        runtime: &Runtime,
        generation: &Generation,
        name: &str,
        source: &dyn TableSource,
    ) -> Result<(Table, Seen), Problems> {
        let instance = || {
            generation.builder(runtime, Building::new(self.tables.clone())).map_err(|error| {
                let mut problems = Problems::default();
                problems.add(0, error.to_string());
                problems
            })
        };
        let mut builder = instance()?;
        let failed = match build_table(runtime, &mut builder, name, source) {
            Ok(table) => {
                let seen = builder.store.data_mut().building.take().map(|building| building.seen);
                return Ok((table, seen.unwrap_or_default()));
            }
            Err(failed) => failed,
        };
        drop(builder);
        let mut problems = match failed.disputed.is_empty() {
            true => failed.problems,
            false => tell_disputed(runtime, &mut instance()?, name, source, failed),
        };
        problems.sort();
        Err(problems)
    }

    /// This, if every table could be built.
    ///
    /// # Errors
    /// All that could not.
    pub fn complete(self) -> Result<Renewal, ComponentError> {
        let broken: Vec<BrokenTable> = self
            .reports
            .iter()
            .filter_map(|report| match &report.outcome {
                TableOutcome::Kept(problems) => {
                    Some(BrokenTable { table: report.table.clone(), problems: problems.clone() })
                }
                _ => None,
            })
            .collect();
        if broken.is_empty() { Ok(self) } else { Err(ComponentError::Tables(broken)) }
    }
}

/// The content of a table just built: one that is there already with these entries, if there is.
fn settle(table: Table, own: Option<&Built>, other: Option<&Built>) -> (Arc<Table>, TableOutcome) {
    let same = |built: &&Built| *built.content == table;
    if let Some(own) = own.filter(same) {
        return (own.content.clone(), TableOutcome::Unchanged);
    }
    let content = other.filter(same).map(|other| other.content.clone());
    (content.unwrap_or_else(|| Arc::new(table)), TableOutcome::Replaced)
}

/// What has become of the tables since the start, by name.
#[derive(Default)]
pub(crate) struct Ledger {
    accounts: Mutex<BTreeMap<String, Account>>,
}

#[derive(Clone, Default)]
struct Account {
    last_success: u64,
    failures: u64,
    took: Duration,
}

impl Ledger {
    /// Notes what a renewal has found.
    pub fn note(&self, reports: &[TableReport], now_ms: u64) {
        let mut accounts = self.accounts.lock();
        for report in reports {
            let account = accounts.entry(report.table.clone()).or_default();
            account.took = report.took;
            match report.outcome {
                TableOutcome::Kept(_) => account.failures += 1,
                TableOutcome::Unchanged | TableOutcome::Replaced => account.last_success = now_ms,
            }
        }
    }

    /// The gauges of a set of tables.
    pub fn gauges(&self, tables: &Tables) -> Vec<TableGauges> {
        let accounts = self.accounts.lock();
        let gauges = |built: &Built| {
            let account = accounts.get(&*built.name).cloned().unwrap_or_default();
            TableGauges {
                table: built.name.to_string(),
                entries: built.content.len(),
                bytes: built.content.bytes(),
                last_success: account.last_success,
                failures: account.failures,
                took: account.took,
            }
        };
        tables.tables.iter().map(gauges).collect()
    }
}
