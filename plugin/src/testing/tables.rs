//! Tables of the host in memory, and a site's own identity rules.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::handler::Presence;
use crate::ports::{Entry, RuleFailure};
use crate::tables::{Row, RowProblem, TABLES};

/// Rows that are built in one call; more than one chunk even for small tables.
const CHUNK: usize = 3;

/// The sources of tables: their rows by name. A table without source is not there.
pub type Sources = BTreeMap<&'static str, Vec<Vec<String>>>;

/// Tables by name.
#[derive(Clone, Debug, Default)]
pub struct Tables(BTreeMap<String, BTreeMap<Vec<u8>, Vec<u8>>>);

impl Tables {
    /// The value under a key.
    #[must_use]
    pub fn lookup(&self, table: &str, key: &[u8]) -> Option<Vec<u8>> {
        self.0.get(table)?.get(key).cloned()
    }

    /// A number that stands for the content of a table; 0 if it is not there.
    #[must_use]
    pub fn version(&self, table: &str) -> u64 {
        let Some(entries) = self.0.get(table) else { return 0 };
        let mut hasher = DefaultHasher::new();
        entries.hash(&mut hasher);
        hasher.finish() | 1
    }

    /// Entries of a table in the order of their keys, no more than two at a time, and where the next begin.
    #[must_use]
    pub fn entries(&self, table: &str, at: u64, limit: u32) -> (Vec<Entry>, Option<u64>) {
        let Some(entries) = self.0.get(table) else { return (Vec::new(), None) };
        let limit = u64::from(limit.min(2));
        let taken = entries.iter().skip(at as usize).take(limit as usize);
        let taken: Vec<Entry> = taken.map(|(key, value)| (key.clone(), value.clone())).collect();
        let next = at + taken.len() as u64;
        (taken, (next < entries.len() as u64).then_some(next))
    }

    /// Number of entries of a table.
    #[must_use]
    pub fn count(&self, table: &str) -> usize {
        self.0.get(table).map_or(0, BTreeMap::len)
    }

    fn insert(&mut self, table: &str, key: Vec<u8>, value: Vec<u8>) -> Result<(), String> {
        let entries = self.0.entry(table.to_owned()).or_default();
        match entries.get(&key) {
            Some(known) if *known != value => {
                Err(format!("{} has two values", String::from_utf8_lossy(&key)))
            }
            _ => {
                entries.insert(key, value);
                Ok(())
            }
        }
    }
}

/// A site's own identity rules, as another component would have them.
#[derive(Clone, Copy, Debug)]
pub struct SiteRules {
    /// From the URI and its built-in form to the normalized one.
    pub normalize: fn(&str, &str) -> Result<String, RuleFailure>,
    /// From the normalized identity and the mapped one to the fundamental one.
    pub fundamental: fn(&str, &str) -> Result<String, RuleFailure>,
}

impl super::MemoryHost {
    /// Reads all sources anew, in the order that the component wants: all tables are replaced, or,
    /// where a row does not fit or a key has two values, none.
    ///
    /// # Errors
    /// The first table with problems, and those.
    pub fn load(
        &mut self,
        presence: &Presence,
        sources: &Sources,
    ) -> Result<(), (&'static str, Vec<RowProblem>)> {
        let before = std::mem::take(&mut self.tables);
        for table in TABLES {
            let Some(rows) = sources.get(table) else { continue };
            if let Err(problems) = self.load_table(presence, table, rows) {
                self.tables = before;
                return Err((table, problems));
            }
        }
        Ok(())
    }

    fn load_table(
        &mut self,
        presence: &Presence,
        table: &str,
        rows: &[Vec<String>],
    ) -> Result<(), Vec<RowProblem>> {
        let mut problems = Vec::new();
        let mut line = 0;
        for chunk in rows.chunks(CHUNK) {
            let first = line + 1;
            let numbered = chunk.iter().map(|fields| {
                line += 1;
                Row { line, fields }
            });
            match presence.build_table(self, table, numbered) {
                Ok(entries) => {
                    for (key, value) in entries {
                        if let Err(why) = self.tables.insert(table, key, value) {
                            problems.push((first, why));
                        }
                    }
                }
                Err(more) => problems.extend(more),
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }
}
