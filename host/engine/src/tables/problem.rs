//! What is wrong with the source of a table.

use std::fmt;

/// Problems that are kept; all are counted.
const KEPT: usize = 100;

/// Longest text of a problem, in characters.
const MESSAGE: usize = 500;

/// One problem of a source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TableProblem {
    /// The line, from 1; 0 for the whole source.
    pub line: u32,
    /// What was found and what was expected.
    pub message: String,
}

/// All problems of a source: the first hundred, and how many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    first: Vec<TableProblem>,
    total: u64,
}

impl Problems {
    /// The first hundred at most, in the order of their lines.
    pub fn first(&self) -> &[TableProblem] {
        &self.first
    }

    /// The number of all.
    pub fn total(&self) -> u64 {
        self.total
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.total == 0
    }

    pub(crate) fn is_full(&self) -> bool {
        self.first.len() >= KEPT
    }

    pub(crate) fn add(&mut self, line: u32, message: String) {
        self.total += 1;
        self.tell(line, message);
    }

    /// Counts problems that [`Problems::tell`] may tell of later.
    pub(crate) fn count(&mut self, more: u64) {
        self.total += more;
    }

    /// Keeps a problem that has been counted.
    pub(crate) fn tell(&mut self, line: u32, message: String) {
        if !self.is_full() {
            self.first.push(TableProblem { line, message: shorten(&message, MESSAGE) });
        }
    }

    pub(crate) fn sort(&mut self) {
        self.first.sort();
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 20;
        for (n, TableProblem { line, message }) in self.first.iter().take(SHOWN).enumerate() {
            let comma = if n == 0 { "" } else { "; " };
            match line {
                0 => write!(f, "{comma}{message}")?,
                _ => write!(f, "{comma}line {line}: {message}")?,
            }
        }
        match self.total.saturating_sub(self.first.len().min(SHOWN) as u64) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

/// A table that cannot be built, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenTable {
    /// Its name.
    pub table: String,
    /// What is wrong with its source.
    pub problems: Problems,
}

impl fmt::Display for BrokenTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "table {}: {}", self.table, self.problems)
    }
}

/// The text, or its beginning if it is long.
pub(crate) fn shorten(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
