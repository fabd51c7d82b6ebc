//! Reloading tables while the server runs: when a file is due, and when somebody asks; then the site's own
//! identity rules, too.
//!
//! One thread does it, one reload at a time; requests of peers go on with the tables in force. What is asked
//! for while a reload is under way is done by one more after it.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use rollcall_engine::{Clock, Digest, Engine, HostClock, TableOutcome, TableReport};
use tracing::{debug, info, warn};

use super::{component, sources};
use crate::admin::{Reload, Reloaded, RulesReload, TableReload};
use crate::configuration::{Given, IdentityRules, TableFile, TableRefusal, line_place, names};

/// What the thread is told.
enum Ask {
    /// Look at all files; whoever waits is told what came of it.
    All(Option<Sender<Reload>>),
    /// Time has jumped ahead.
    Look,
    /// End.
    Stop,
}

/// The thread that reloads; it ends after the reload under way when this is dropped.
pub(super) struct Reloader {
    asks: Sender<Ask>,
}

impl Reloader {
    /// Starts the thread. The tables have just been loaded.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(given: Given, engine: Arc<Engine>, clock: &Arc<HostClock>) -> io::Result<Self> {
        let (asks, asked) = channel();
        let waker = asks.clone();
        // The thread may be gone, here and below: then nothing is to be reloaded any more.
        clock.on_jump(Box::new(move || drop(waker.send(Ask::Look))));
        let schedule = Schedule::new(&given.tables, clock.now_ms());
        let clock = Arc::clone(clock);
        let mut thread = Thread { schedule, given, engine, clock, warned: BTreeMap::new() };
        std::thread::Builder::new().name("reload".into()).spawn(move || thread.run(&asked))?;
        Ok(Self { asks })
    }

    /// Has all files looked at, and does not wait for it.
    pub fn ask(&self) {
        let _ = self.asks.send(Ask::All(None));
    }

    /// Has all files looked at. None if the server stops.
    pub fn reload(&self) -> Option<Reload> {
        let (told, report) = channel();
        self.asks.send(Ask::All(Some(told))).ok()?;
        report.recv().ok()
    }
}

impl Drop for Reloader {
    fn drop(&mut self) {
        let _ = self.asks.send(Ask::Stop);
    }
}

/// When each table is due, in milliseconds of the server's clock.
struct Schedule(Vec<Turn>);

struct Turn {
    table: &'static str,
    interval: u64,
    due: u64,
}

impl Schedule {
    fn new(tables: &[TableFile], now: u64) -> Self {
        let turn = |files: &[TableFile]| {
            let first = files.first()?;
            let interval = u64::try_from(first.reload?.as_millis()).unwrap_or(u64::MAX);
            Some(Turn { table: first.table, interval, due: now.saturating_add(interval) })
        };
        Self(tables.chunk_by(|one, next| one.table == next.table).filter_map(turn).collect())
    }

    /// Tables that are due, which they will be again after their intervals.
    fn take(&mut self, now: u64) -> Vec<&'static str> {
        let due = self.0.iter_mut().filter(|turn| turn.due <= now);
        due.map(|turn| {
            turn.due = now.saturating_add(turn.interval);
            turn.table
        })
        .collect()
    }

    /// All begin to wait anew.
    fn restart(&mut self, now: u64) {
        self.0.iter_mut().for_each(|turn| turn.due = now.saturating_add(turn.interval));
    }

    /// Time until the next is due; none if there is none.
    fn wait(&self, now: u64) -> Option<Duration> {
        let next = self.0.iter().map(|turn| turn.due).min()?;
        Some(Duration::from_millis(next.saturating_sub(now)))
    }
}

struct Thread {
    schedule: Schedule,
    given: Given,
    engine: Arc<Engine>,
    clock: Arc<HostClock>,
    /// What was last said of each table that could not be reloaded.
    warned: BTreeMap<String, Vec<String>>,
}

impl Thread {
    fn run(&mut self, asked: &Receiver<Ask>) {
        loop {
            let due = self.schedule.take(self.clock.now_ms());
            if !due.is_empty() {
                let reports = self.engine.reload_some_tables(|table| due.contains(&table));
                self.tell(&reports, false);
                sources::announce(&self.engine, &self.given.sources);
            }
            let first = match self.schedule.wait(self.clock.now_ms()) {
                Some(wait) => asked.recv_timeout(wait),
                None => asked.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            let first = match first {
                Ok(first) => first,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let (mut all, mut waiting) = (false, Vec::new());
            // One reload for everybody who has asked by now.
            for ask in std::iter::once(first).chain(asked.try_iter()) {
                match ask {
                    Ask::Stop => return,
                    Ask::Look => {}
                    Ask::All(told) => {
                        all = true;
                        waiting.extend(told);
                    }
                }
            }
            if all {
                let reload = self.reload_all();
                for told in waiting {
                    // Nobody has to wait to the end.
                    let _ = told.send(reload.clone());
                }
            }
        }
    }

    fn reload_all(&mut self) -> Reload {
        // First, since the tables are built with them.
        let identity_rules = self.given.identity_rules.as_ref().map(|rules| self.reload_rules(rules));
        let reports = self.engine.reload_tables();
        self.schedule.restart(self.clock.now_ms());
        let tables = self.tell(&reports, true);
        sources::announce(&self.engine, &self.given.sources);
        let kept = identity_rules.iter().any(|rules| rules.state == Reloaded::Kept)
            || tables.iter().any(|table| table.state == Reloaded::Kept);
        Reload { ok: !kept, identity_rules, tables }
    }

    fn reload_rules(&self, rules: &IdentityRules) -> RulesReload {
        let file = rules.component.display().to_string();
        let swapped = component::rules(rules).and_then(|bytes| {
            if Some(Digest::of(&bytes)) == self.engine.identity_rules() {
                return Ok(false);
            }
            self.engine
                .swap_identity_rules(Some(&bytes))
                .map(|_| true)
                .map_err(|error| format!("{file}: {error}"))
        });
        let (state, problems) = match swapped {
            Ok(true) => (Reloaded::Replaced, Vec::new()),
            Ok(false) => (Reloaded::Unchanged, Vec::new()),
            Err(problem) => {
                warn!(problem, "identity rules not reloaded, the former ones stay");
                (Reloaded::Kept, vec![problem])
            }
        };
        RulesReload { file, state, problems }
    }

    /// Logs what came of a reload: always if somebody asked for it, else only what is new.
    fn tell(&mut self, reports: &[TableReport], asked: bool) -> Vec<TableReload> {
        let tables: Vec<TableReload> =
            reports.iter().map(|report| told(report, &self.given.tables)).collect();
        for TableReload { table, state, entries, milliseconds, problems, further, .. } in &tables {
            let former = self.warned.remove(table);
            match state {
                Reloaded::Replaced => info!(table, entries, milliseconds, "table replaced"),
                Reloaded::Unchanged if former.is_some() => info!(table, entries, "table in order again"),
                Reloaded::Unchanged => debug!(table, entries, "table unchanged"),
                Reloaded::Kept => {
                    let again = former.as_ref() == Some(problems) && !asked;
                    self.warned.insert(table.clone(), problems.clone());
                    let further = further + problems.len().saturating_sub(1) as u64;
                    let problem = problems.first().map(String::as_str).unwrap_or_default();
                    if again {
                        debug!(table, problem, further, "table still not reloaded");
                    } else {
                        warn!(table, problem, further, entries, "table not reloaded, the former one stays");
                    }
                }
            }
        }
        tables
    }
}

/// A report with the names of files.
fn told(report: &TableReport, tables: &[TableFile]) -> TableReload {
    let files: Vec<&TableFile> = tables.iter().filter(|table| table.table == report.table).collect();
    let all = names(&files);
    let (state, refusal) = match &report.outcome {
        TableOutcome::Unchanged => (Reloaded::Unchanged, None),
        TableOutcome::Replaced => (Reloaded::Replaced, None),
        TableOutcome::Kept(problems) => {
            let broken =
                rollcall_engine::BrokenTable { table: report.table.clone(), problems: problems.clone() };
            (Reloaded::Kept, Some(TableRefusal::from(&broken)))
        }
    };
    let problems =
        refusal.iter().flat_map(|refusal| &refusal.first).map(|(number, message)| {
            match line_place(&files, *number) {
                None => format!("{all}: {message}"),
                Some((file, 0)) => format!("{}: {message}", file.file.display()),
                Some((file, line)) => format!("{}:{line}: {message}", file.file.display()),
            }
        });
    TableReload {
        problems: problems.collect(),
        further: refusal.as_ref().map_or(0, TableRefusal::further),
        table: report.table.clone(),
        file: all,
        state,
        entries: report.entries as u64,
        milliseconds: u64::try_from(report.took.as_millis()).unwrap_or(u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollcall_sources::Format;

    fn file(table: &'static str, seconds: u64) -> TableFile {
        let reload = (seconds > 0).then(|| Duration::from_secs(seconds));
        let (key, file, label) = (String::new(), "f".into(), None);
        TableFile { table, key, file, format: Format::List, label, reload }
    }

    #[test]
    fn each_table_is_due_after_its_own_interval() {
        let mut schedule = Schedule::new(&[file("identities", 0), file("white", 10), file("black", 3)], 1000);
        assert_eq!(schedule.take(1000), [""; 0]);
        assert_eq!(schedule.wait(1000), Some(Duration::from_secs(3)));
        assert_eq!(schedule.take(4000), ["black"]);
        assert_eq!(schedule.wait(4500), Some(Duration::from_millis(2500)));
        // A jump over several intervals is one reload.
        assert_eq!(schedule.take(60_000), ["white", "black"]);
        assert_eq!(schedule.wait(60_000), Some(Duration::from_secs(3)));
        schedule.restart(61_000);
        assert_eq!(schedule.wait(61_000), Some(Duration::from_secs(3)));
        assert_eq!(schedule.wait(99_000), Some(Duration::ZERO));
        assert_eq!(Schedule::new(&[file("identities", 0)], 0).wait(5), None);
        // One table, whatever the number of its files.
        let mut schedule = Schedule::new(&[file("external", 5), file("external", 5)], 0);
        assert_eq!(schedule.take(5000), ["external"]);
    }
}
