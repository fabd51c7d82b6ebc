//! A configuration file: its text and where its keys stand.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Where the keys of a configuration file stand. Outlives the text, so that problems which the
/// component finds later can be told with their lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Positions {
    file: PathBuf,
    lines: BTreeMap<String, usize>,
}

impl Positions {
    pub(super) fn new(file: &Path, text: &str, document: &DeTable<'_>) -> Self {
        let mut positions = Self { file: file.to_owned(), lines: BTreeMap::new() };
        positions.table("", document, &Lines::new(text));
        positions
    }

    /// The file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The line of a key; if the key is not there, that of the nearest table or array around it.
    pub fn line(&self, key: &str) -> Option<usize> {
        let mut key = key;
        loop {
            if let Some(line) = self.lines.get(key) {
                return Some(*line);
            }
            key = &key[..key.rfind(['.', '['])?];
        }
    }

    /// A key in the form of this file, where somebody else calls the elements of arrays `.0`, `.1` and so on.
    pub fn spelled(&self, key: &str) -> String {
        let mut path = String::with_capacity(key.len());
        for part in key.split('.') {
            let element = element_path(&path, part);
            if !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_digit())
                && self.lines.contains_key(&element)
            {
                path = element;
            } else {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(part);
            }
        }
        path
    }

    fn table(&mut self, path: &str, table: &DeTable<'_>, lines: &Lines) {
        for (key, value) in table.iter() {
            let path = joined(path, key.get_ref());
            self.lines.insert(path.clone(), lines.of(key.span().start));
            self.inner(&path, value, lines);
        }
    }

    fn inner(&mut self, path: &str, value: &Spanned<DeValue<'_>>, lines: &Lines) {
        match value.get_ref() {
            DeValue::Table(table) => self.table(path, table, lines),
            DeValue::Array(array) => {
                for (index, element) in array.iter().enumerate() {
                    let path = element_path(path, index);
                    self.lines.insert(path.clone(), lines.of(element.span().start));
                    self.inner(&path, element, lines);
                }
            }
            _ => {}
        }
    }
}

/// The dotted path of a key in the table at `path`. A key that is not bare is quoted.
pub(super) fn joined(path: &str, key: &str) -> String {
    let bare = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    match (path.is_empty(), bare) {
        (true, true) => key.to_owned(),
        (true, false) => format!("{key:?}"),
        (false, true) => format!("{path}.{key}"),
        (false, false) => format!("{path}.{key:?}"),
    }
}

/// The path of an element of the array at `path`.
pub(super) fn element_path(path: &str, index: impl Display) -> String {
    format!("{path}[{index}]")
}

/// Turns byte offsets into line numbers.
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub(super) fn new(text: &str) -> Self {
        Self(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at).collect())
    }

    /// The line of an offset, from 1.
    pub(super) fn of(&self, offset: usize) -> usize {
        self.0.partition_point(|end| *end < offset) + 1
    }
}
