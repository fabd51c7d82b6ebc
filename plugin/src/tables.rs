//! Tables: what is loaded in bulk, from rows of a source to entries for look-up.

use crate::configuration::Configuration;
use crate::external::directory;
use crate::identity::map;
use crate::lists::{self, List};
use crate::ports::{Entry, Host};

/// Names of the tables, in the order in which they are built: the lists are made of mapped identities.
pub const TABLES: &[&str] = &[map::TABLE, "white", "black", directory::TABLE];

/// A row of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// Its line, from 1.
    pub line: u32,
    /// Its values.
    pub fields: &'a [String],
}

/// A row that does not fit: its line and what is wrong with it.
pub type RowProblem = (u32, String);

/// Turns a chunk of rows into entries.
///
/// # Errors
/// Every problem of the chunk.
pub fn build<'r>(
    host: &mut dyn Host,
    configuration: &Configuration,
    table: &str,
    rows: impl Iterator<Item = Row<'r>>,
) -> Result<Vec<Entry>, Vec<RowProblem>> {
    if table == map::TABLE {
        return map::build(host, configuration, rows);
    }
    if table == directory::TABLE {
        return directory::build(host, configuration, rows);
    }
    if List::of_table(table).is_some() {
        return lists::build(host, configuration, rows);
    }
    let line = rows.map(|row| row.line).next().unwrap_or_default();
    Err(vec![(line, format!("no table is called {table:?}"))])
}
