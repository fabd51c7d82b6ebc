//! Files of identities and lists, read as rows.
//!
//! | format | text | rows |
//! |---|---|---|
//! | JSON | `{"sip:a@x": ["tel:+1", "sip:b@x"]}` | `a`, then `a, tel:+1`, then `a, sip:b@x` |
//! | JSON | `{"sip:a@x": "tel:+1"}` | `a`, then `a, tel:+1` |
//! | CSV | `sip:a@x,tel:+1,sip:b@x` | the values of the line |
//! | list | `sip:a@x` | the line |
//!
//! Whatever the length of a file, reading it takes the memory of its longest value. Every row and every
//! problem has its line. What the rows mean is not known here.
//!
//! A file has to be replaced by renaming a whole new one over it. One that changes in place while it is read
//! is refused, but nobody can see that a writer has only paused.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod csv;
mod file;
mod json;
mod lines;
mod list;

use std::io::{BufRead, Cursor, Read};
use std::ops::ControlFlow;

pub use file::{read_file, version};

/// Longest line of a list or of comma-separated values, and longest value in JSON, in bytes.
pub const LONGEST: usize = 64 << 10;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// An object whose members are arrays of strings; a string stands for an array of one. A name that comes twice counts with both arrays.
    Json,
    /// Comma-separated values (RFC 4180), a row a line. Values are stripped of blanks around them and left
    /// out where they are empty. Blank lines, lines that begin with `#` and a first line whose first value
    /// is `fundamental` are no rows.
    Csv,
    /// A value a line, stripped of blanks around it. `#` at the beginning or after a blank begins a comment.
    List,
}

/// A row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// Line in the file, from 1.
    pub line: u32,
    /// The values; at least one.
    pub fields: &'a [&'a str],
}

/// Something that is wrong with a file. Its rows must not be used then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Line in the file, from 1; none if it is about the whole file.
    pub line: Option<u32>,
    /// What was found and what was expected.
    pub message: String,
}

impl Problem {
    fn at(line: u32, message: impl Into<String>) -> Self {
        Self { line: Some(line), message: message.into() }
    }

    fn whole(message: impl Into<String>) -> Self {
        Self { line: None, message: message.into() }
    }
}

/// Takes rows and problems as they come, in the order of their lines, and may end the reading.
pub type Take<'a> = dyn FnMut(Result<Row<'_>, Problem>) -> ControlFlow<()> + 'a;

/// Reads a text as rows. Breaks if `take` did.
pub fn read(text: impl BufRead, format: Format, take: &mut Take<'_>) -> ControlFlow<()> {
    match format {
        Format::Json => json::read(text, take),
        Format::Csv => csv::read(text, take),
        Format::List => list::read(text, take),
    }
}

/// A text without the mark that some editors put at the beginning of UTF-8.
fn without_mark(mut text: impl BufRead) -> std::io::Result<impl BufRead> {
    const MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];
    let mut start = Vec::with_capacity(MARK.len());
    (&mut text).take(MARK.len() as u64).read_to_end(&mut start)?;
    if start == MARK {
        start.clear();
    }
    Ok(Cursor::new(start).chain(text))
}
