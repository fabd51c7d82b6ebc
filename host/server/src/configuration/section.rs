//! Reading a table key by key, with every problem noted and none of them ending the reading.

use std::borrow::Cow;
use std::cell::RefCell;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Problem, ProblemKind, Problems};
use super::source::{Positions, element_path, joined};
use super::value::{Expected, shown};

/// Collects the problems of one file.
pub(super) struct Findings<'a> {
    positions: &'a Positions,
    problems: RefCell<Vec<Problem>>,
}

impl<'a> Findings<'a> {
    pub(super) fn new(positions: &'a Positions) -> Self {
        Self { positions, problems: RefCell::default() }
    }

    pub(super) fn note(&self, key: &str, kind: ProblemKind) {
        let problem = Problem::new(self.positions.file(), self.positions.line(key), key, kind);
        self.problems.borrow_mut().push(problem);
    }

    fn mismatch(&self, key: &str, value: &DeValue<'_>, expected: Expected) {
        self.note(key, ProblemKind::Mismatch { found: shown(value), expected: expected.into_owned() });
    }

    pub(super) fn into_problems(self) -> Problems {
        let mut problems = Problems(self.problems.into_inner());
        problems.sort(self.positions.file());
        problems
    }
}

/// One table of the file. It learns its keys from what is asked of it; [`Section::finish`] then
/// notes all others as unknown.
pub(super) struct Section<'a> {
    findings: &'a Findings<'a>,
    path: String,
    table: Option<&'a DeTable<'a>>,
    asked: Vec<&'static str>,
}

impl<'a> Section<'a> {
    /// The file itself.
    pub(super) fn root(findings: &'a Findings<'a>, table: &'a DeTable<'a>) -> Self {
        Self { findings, path: String::new(), table: Some(table), asked: Vec::new() }
    }

    /// The table under a key. One that is not there reads as empty.
    pub(super) fn section(&mut self, key: &'static str) -> Section<'a> {
        let path = joined(&self.path, key);
        let table = self.ask(key).and_then(|value| match value.get_ref() {
            DeValue::Table(table) => Some(table),
            other => {
                self.findings.mismatch(&path, other, Cow::Borrowed("a table"));
                None
            }
        });
        Section { findings: self.findings, path, table, asked: Vec::new() }
    }

    /// True if the table is in the file.
    pub(super) fn is_there(&self) -> bool {
        self.table.is_some()
    }

    /// The value under a key, or none if it is not there or does not fit.
    pub(super) fn value<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&DeValue<'_>) -> Result<T, Expected>,
    ) -> Option<T> {
        let value = self.ask(key)?.get_ref();
        read(value).map_err(|expected| self.findings.mismatch(&joined(&self.path, key), value, expected)).ok()
    }

    /// The elements of an array, each read on its own. None if any of them does not fit.
    pub(super) fn list<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&DeValue<'_>) -> Result<T, Expected>,
    ) -> Option<Vec<T>> {
        let path = joined(&self.path, key);
        let value = self.ask(key)?.get_ref();
        let Some(array) = value.as_array() else {
            self.findings.mismatch(&path, value, Cow::Borrowed("an array"));
            return None;
        };
        let read_one = |(index, element): (usize, &Spanned<DeValue<'_>>)| {
            let element = element.get_ref();
            read(element)
                .map_err(|expected| self.findings.mismatch(&element_path(&path, index), element, expected))
                .ok()
        };
        let elements: Vec<Option<T>> = array.iter().enumerate().map(read_one).collect();
        elements.into_iter().collect()
    }

    /// The tables in all arrays of tables, each with the key of its array and its place there, from 0.
    pub(super) fn entries(&self) -> Vec<(&'a str, usize, Section<'a>)> {
        let mut entries = Vec::new();
        for (key, value) in self.table.into_iter().flat_map(DeTable::iter) {
            let key = key.get_ref().as_ref();
            let elements = value.get_ref().as_array().into_iter().flat_map(|array| array.iter());
            for (index, element) in elements.enumerate() {
                if let Some(table) = element.get_ref().as_table() {
                    let path = element_path(&joined(&self.path, key), index);
                    let section =
                        Section { findings: self.findings, path, table: Some(table), asked: Vec::new() };
                    entries.push((key, index, section));
                }
            }
        }
        entries
    }

    /// A key of this table, dotted.
    pub(super) fn dotted(&self, key: &str) -> String {
        joined(&self.path, key)
    }

    /// Notes a problem of a key.
    pub(super) fn note(&self, key: &str, kind: ProblemKind) {
        self.findings.note(&self.dotted(key), kind);
    }

    /// Notes that a key has to be there.
    pub(super) fn require(&mut self, key: &'static str, expected: &'static str) {
        if self.ask(key).is_none() {
            let kind = ProblemKind::Missing { expected: expected.to_owned() };
            self.findings.note(&joined(&self.path, key), kind);
        }
    }

    /// Notes a problem of the value under a key.
    pub(super) fn refuse(&mut self, key: &'static str, expected: &str) {
        if let Some(value) = self.ask(key) {
            self.findings.mismatch(
                &joined(&self.path, key),
                value.get_ref(),
                Cow::Owned(expected.to_owned()),
            );
        }
    }

    /// Notes a key as one of a feature that is not there yet.
    pub(super) fn unsupported(&mut self, key: &'static str) {
        if self.ask(key).is_some() {
            self.findings.note(&joined(&self.path, key), ProblemKind::Unsupported);
        }
    }

    /// The value under a key as it stands in the file.
    pub(super) fn ask(&mut self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        if !self.asked.contains(&key) {
            self.asked.push(key);
        }
        self.table?.get(key)
    }

    /// Notes every key that nothing asked for.
    pub(super) fn finish(self) {
        let keys = self.table.into_iter().flat_map(DeTable::keys);
        for key in keys.map(Spanned::get_ref) {
            if !self.asked.contains(&key.as_ref()) {
                let suggestion = closest(key, &self.asked);
                self.findings.note(&joined(&self.path, key), ProblemKind::Unknown { suggestion });
            }
        }
    }
}

/// The known key that is written almost like `key`: at most a third of it differs.
fn closest(key: &str, known: &[&'static str]) -> Option<String> {
    let (distance, name) = known.iter().map(|name| (distance(key, name), *name)).min()?;
    (distance * 3 <= key.chars().count().min(64)).then(|| name.to_owned())
}

/// Number of characters to insert, delete, replace or swap with their neighbour. Long words are
/// not compared at all.
fn distance(left: &str, right: &str) -> usize {
    let [left, right] = [left, right].map(|word| word.chars().take(64).collect::<Vec<char>>());
    let mut before_last = vec![0; right.len() + 1];
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let replaced = last[j] + usize::from(a != b);
            let mut least = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == right[j - 1] && left[i - 1] == *b {
                least = least.min(before_last[j - 1] + 1);
            }
            row.push(least);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[right.len()]
}
