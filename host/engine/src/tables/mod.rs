//! Tables: loaded in bulk, looked up by key, the same for all instances of a generation.
//!
//! Invariant: a set of tables is immutable. A new one replaces it whole, and who has begun with a set
//! goes on with it.

mod build;
mod chunk;
mod problem;
mod reload;
mod source;
mod table;

pub use problem::{BrokenTable, Problems, TableProblem};
pub(crate) use reload::{Former, Ledger, Renewal};
pub use reload::{TableGauges, TableOutcome, TableReport};
pub use source::{RowSink, TableSource};
pub(crate) use table::Part;
pub use table::{Conflict, Table, TableBuilder};

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

/// Sources of tables by name.
pub(crate) type Sources = [(String, Arc<dyn TableSource>)];

/// All tables of a generation, in the order in which they are built. There are few.
#[derive(Default, Clone)]
pub(crate) struct Tables {
    tables: Vec<Built>,
}

/// A table and what it was made from.
#[derive(Clone)]
struct Built {
    name: Arc<str>,
    content: Arc<Table>,
    /// The source's version when it was read.
    version: Option<String>,
    /// The tables that were looked into meanwhile.
    seen: Arc<Seen>,
}

/// Tables by name, none where there was none. What is seen is not kept for that.
type Seen = BTreeMap<String, Option<Weak<Table>>>;

impl Tables {
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// Names of the tables that hold what those of the other set hold.
    pub fn like<'a>(&'a self, other: &Tables) -> impl Iterator<Item = &'a str> {
        let like =
            |built: &&Built| other.get(&built.name).is_some_and(|other| *other.content == *built.content);
        self.tables.iter().filter(like).map(|built| &*built.name)
    }

    pub fn lookup(&self, table: &str, key: &[u8]) -> Option<&[u8]> {
        self.get(table)?.content.get(key)
    }

    /// Tells one content of a table from another; 0 if it is not there.
    pub fn version(&self, table: &str) -> u64 {
        self.get(table).map_or(0, |built| built.content.number())
    }

    /// Up to `limit` entries of a table from a place on, and the next place.
    pub fn entries(&self, table: &str, at: u64, limit: usize) -> Part<'_> {
        self.get(table).map_or_else(Part::default, |built| built.content.part(at, limit))
    }

    fn get(&self, name: &str) -> Option<&Built> {
        self.tables.iter().find(|built| *built.name == *name)
    }

    /// Whether what is in here is what was seen.
    fn has(&self, seen: &Seen) -> bool {
        seen.iter().all(|(name, seen)| match (self.get(name), seen) {
            (Some(built), Some(seen)) => std::ptr::eq(Arc::as_ptr(&built.content), seen.as_ptr()),
            (None, None) => true,
            _ => false,
        })
    }
}

/// What an instance that builds a table may look up: the tables before it in the same set.
pub(crate) struct Building {
    before: Tables,
    seen: Seen,
}

impl Building {
    fn new(before: Tables) -> Building {
        Building { before, seen: Seen::new() }
    }

    pub fn lookup(&mut self, table: &str, key: &[u8]) -> Option<&[u8]> {
        let built = self.before.get(table);
        if !self.seen.contains_key(table) {
            self.seen.insert(table.to_owned(), built.map(|built| Arc::downgrade(&built.content)));
        }
        built?.content.get(key)
    }
}
