//! What can be wrong with a configuration, and how it is said.

use std::fmt;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why a configuration cannot be used.
#[derive(Debug, Error)]
pub enum ConfigurationError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {cause}", file.display())]
    Unreadable {
        /// The file as it was named.
        file: PathBuf,
        /// What the operating system says.
        cause: std::io::Error,
    },
    /// The file holds problems: all of them, in the order of their lines.
    #[error("{0}")]
    Invalid(Problems),
}

/// Every problem of one configuration; never empty in a [`ConfigurationError`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// Those of the configuration file first; within a file by line.
    pub(super) fn sort(&mut self, first: &Path) {
        self.0.sort_by(|a, b| {
            let elsewhere = |problem: &Problem| problem.file != first;
            (elsewhere(a), &a.file, a.line).cmp(&(elsewhere(b), &b.file, b.line))
        });
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.0 {
            writeln!(f, "{problem}")?;
        }
        match self.0.len() {
            1 => write!(f, "1 problem; nothing was started"),
            count => write!(f, "{count} problems; nothing was started"),
        }
    }
}

/// One problem: where it is and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The configuration file, or a file that it names.
    pub file: PathBuf,
    /// Line in the file, from 1; none if the problem has no place in it.
    pub line: Option<usize>,
    /// The key, dotted, with `[n]` for the elements of arrays; empty for the whole file.
    pub key: String,
    /// What is wrong.
    pub kind: ProblemKind,
}

impl Problem {
    pub(super) fn new(file: &Path, line: Option<usize>, key: impl Into<String>, kind: ProblemKind) -> Self {
        Self { file: file.to_owned(), line, key: key.into(), kind }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}", self.kind)
    }
}

/// Kinds of problems.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProblemKind {
    /// The file is not TOML.
    #[error("not TOML: {0}")]
    Syntax(String),
    /// There is no such key.
    #[error("unknown key{}", suggested(.suggestion.as_deref()))]
    Unknown {
        /// A known key that is written almost like it.
        suggestion: Option<String>,
    },
    /// The key belongs to a feature that this version does not have.
    #[error("not supported by this version")]
    Unsupported,
    /// The value does not fit.
    #[error("found {found}, expected {expected}")]
    Mismatch {
        /// The value as written, shortened.
        found: String,
        /// What would fit.
        expected: String,
    },
    /// A key without which nothing works is not there.
    #[error("missing, expected {expected}")]
    Missing {
        /// What would fit.
        expected: String,
    },
    /// What the component says of its part of the configuration, or what is wrong with a file.
    #[error("{0}")]
    Refused(String),
}

fn suggested(suggestion: Option<&str>) -> String {
    suggestion.map(|key| format!(", did you mean {key:?}?")).unwrap_or_default()
}
