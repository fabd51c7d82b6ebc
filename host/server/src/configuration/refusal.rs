//! What is wrong with what the component is given: found by it or in the files, told in the form of all
//! other problems.

use rollcall_engine::BrokenTable;

use super::plugin::Given;
use super::problem::{Problem, ProblemKind, Problems};
use super::source::Positions;

/// Everything that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusals {
    /// Key and message for each problem of the component's sections.
    pub keys: Vec<(String, String)>,
    /// Files that give no table.
    pub tables: Vec<TableRefusal>,
}

/// A file that gives no table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableRefusal {
    /// Name of the table.
    pub table: String,
    /// Line and message of the first problems; line 0 for the whole file.
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
            Problem::new(positions.file(), positions.line(key), key, ProblemKind::Refused(message))
        };
        let mut problems: Vec<Problem> =
            self.keys.iter().map(|(key, message)| at_key(key, message.clone())).collect();
        for refusal in &self.tables {
            let Some(table) = given.tables.iter().find(|table| table.table == refusal.table) else {
                let message = refusal.first.iter().map(|(_, message)| message.as_str());
                problems
                    .push(at_key("", format!("table {}: {}", refusal.table, message.collect::<String>())));
                continue;
            };
            for (line, message) in &refusal.first {
                problems.push(match usize::try_from(*line) {
                    Ok(line) if line > 0 => {
                        Problem::new(&table.file, Some(line), "", ProblemKind::Refused(message.clone()))
                    }
                    _ => at_key(table.key, format!("{}: {message}", table.file.display())),
                });
            }
            if refusal.further() > 0 {
                let message = format!("{}: {} more problems", table.file.display(), refusal.further());
                problems.push(at_key(table.key, message));
            }
        }
        let mut problems = Problems(problems);
        problems.sort(positions.file());
        problems
    }
}
