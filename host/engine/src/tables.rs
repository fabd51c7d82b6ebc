//! Tables: loaded in bulk, looked up by key, the same for all instances of a generation.
//!
//! Invariant: a set of tables is immutable. A new one replaces it whole.

use std::collections::HashMap;
use std::sync::Arc;

/// One table.
pub(crate) type Table = HashMap<Box<[u8]>, Box<[u8]>>;

/// Where the rows of a table come from; read again at each reload and for each generation.
pub trait TableSource: Send + Sync + 'static {
    /// The rows in order, without line ends.
    ///
    /// # Errors
    /// When the source cannot be read; the table in force stays.
    fn rows(&self) -> std::io::Result<Vec<String>>;
}

/// All tables of a generation.
#[derive(Default, Clone)]
pub(crate) struct Tables {
    tables: HashMap<String, Arc<Table>>,
}

impl Tables {
    pub fn lookup(&self, table: &str, key: &[u8]) -> Option<&[u8]> {
        self.tables.get(table)?.get(key).map(|value| &value[..])
    }

    /// These tables with one replaced.
    pub fn with(&self, name: &str, table: Table) -> Tables {
        let mut tables = self.tables.clone();
        tables.insert(name.to_owned(), Arc::new(table));
        Tables { tables }
    }
}
