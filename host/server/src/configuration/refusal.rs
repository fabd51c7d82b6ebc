//! What is wrong with what the component is given: found by it or in the files, told in the form of all
//! other problems.

use rollcall_engine::BrokenTable;

use super::plugin::Given;
use super::problem::{Problem, ProblemKind, Problems};
use super::source::Positions;
use super::table::{TableFile, line_place, names};

/// Everything that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusals {
    /// Key and message for each problem of the component's sections.
    pub keys: Vec<(String, String)>,
    /// Tables that cannot be made of their files.
    pub tables: Vec<TableRefusal>,
}

/// A table that cannot be made of its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableRefusal {
    /// Name of the table.
    pub table: String,
    /// Line and message of the first problems; line 0 for the whole file. Where the table is made of several files,
    /// the number of [`line_number`](super::line_number).
    pub first: Vec<(u32, String)>,
    /// The number of all problems.
    pub total: u64,
}

impl TableRefusal {
    /// How many problems are not among the first.
    pub fn further(&self) -> u64 {
        self.total.saturating_sub(self.first.len() as u64)
    }
}

impl From<&BrokenTable> for TableRefusal {
    fn from(broken: &BrokenTable) -> Self {
        let first = broken.problems.first().iter().map(|problem| (problem.line, problem.message.clone()));
        Self { table: broken.table.clone(), first: first.collect(), total: broken.problems.total() }
    }
}

impl Refusals {
    pub(super) fn problems(&self, positions: &Positions, given: &Given) -> Problems {
        let at_key = |key: &str, message: String| {
            let key = positions.spelled(key);
            Problem::new(positions.file(), positions.line(&key), key, ProblemKind::Refused(message))
        };
        let mut problems: Vec<Problem> =
            self.keys.iter().map(|(key, message)| at_key(key, message.clone())).collect();
        for refusal in &self.tables {
            let files: Vec<&TableFile> =
                given.tables.iter().filter(|table| table.table == refusal.table).collect();
            let Some(first) = files.first() else {
                let message = refusal.first.iter().map(|(_, message)| message.as_str());
                problems
                    .push(at_key("", format!("table {}: {}", refusal.table, message.collect::<String>())));
                continue;
            };
            for (number, message) in &refusal.first {
                let (table, line) = line_place(&files, *number).unwrap_or((*first, 0));
                problems.push(match usize::try_from(line) {
                    Ok(line) if line > 0 => {
                        Problem::new(&table.file, Some(line), "", ProblemKind::Refused(message.clone()))
                    }
                    _ => at_key(&table.key, format!("{}: {message}", table.file.display())),
                });
            }
            if refusal.further() > 0 {
                let message = format!("{}: {} more problems", names(&files), refusal.further());
                problems.push(at_key(&first.key, message));
            }
        }
        let mut problems = Problems(problems);
        problems.sort(positions.file());
        problems
    }
}
