//! Rows on their way from a source to the component, so many at once as one call takes.

use super::problem::Problems;
use super::source::RowSink;
use crate::bindings::exports::rollcall::plugin::lifecycle as wit;
use std::ops::ControlFlow;

/// Rows, fields, and bytes of fields from which on a chunk is full: little enough for the deadline of a
/// call on a machine that has other things to do.
const ROWS: usize = 500;
const FIELDS: usize = 2000;
const BYTES: usize = 64 << 10;

/// Most bytes of all fields of one row.
const ROW_BYTES: usize = 64 << 10;

/// Most fields of one row.
const ROW_FIELDS: usize = 2000;

/// Consecutive rows, in few allocations.
#[derive(Default)]
pub(super) struct Chunk {
    text: String,
    /// Where each field ends in the text.
    fields: Vec<usize>,
    /// Line of each row, and where it ends among the fields.
    rows: Vec<(u32, usize)>,
}

impl Chunk {
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn is_full(&self) -> bool {
        self.rows.len() >= ROWS || self.text.len() >= BYTES || self.fields.len() >= FIELDS
    }

    fn push(&mut self, line: u32, fields: &[&str]) {
        for field in fields {
            self.text.push_str(field);
            self.fields.push(self.text.len());
        }
        self.rows.push((line, self.fields.len()));
    }

    fn clear(&mut self) {
        self.text.clear();
        self.fields.clear();
        self.rows.clear();
    }

    /// Line of the first row.
    pub fn line(&self) -> u32 {
        self.rows.first().map_or(0, |(line, _)| *line)
    }

    pub fn fields(&self) -> Vec<&str> {
        let mut start = 0;
        let field = |end: &usize| {
            let field = self.text.get(start..*end).unwrap_or_default();
            start = *end;
            field
        };
        self.fields.iter().map(field).collect()
    }

    /// The rows over these fields.
    pub fn rows<'a>(&self, fields: &'a [&'a str]) -> Vec<wit::Row<'a>> {
        let mut start = 0;
        let row = |(line, end): &(u32, usize)| {
            let fields = fields.get(start..*end).unwrap_or_default();
            start = *end;
            wit::Row { line: *line, fields }
        };
        self.rows.iter().map(row).collect()
    }
}

/// Cuts rows into chunks and hands each on.
pub(super) struct Chunks<F> {
    chunk: Chunk,
    problems: Problems,
    ended: bool,
    take: F,
}

impl<F: FnMut(&Chunk, &mut Problems) -> ControlFlow<()>> Chunks<F> {
    /// `take` is handed each chunk; on [`ControlFlow::Break`] it gets no more.
    pub fn new(take: F) -> Chunks<F> {
        Chunks { chunk: Chunk::default(), problems: Problems::default(), ended: false, take }
    }

    /// Hands the last chunk on and gives the problems of all.
    pub fn finish(mut self) -> Problems {
        self.hand_on();
        self.problems
    }

    fn hand_on(&mut self) {
        if !self.ended && !self.chunk.is_empty() {
            self.ended = (self.take)(&self.chunk, &mut self.problems).is_break();
        }
        self.chunk.clear();
    }
}

impl<F: FnMut(&Chunk, &mut Problems) -> ControlFlow<()>> RowSink for Chunks<F> {
    fn row(&mut self, line: u32, fields: &[&str]) -> ControlFlow<()> {
        let bytes: usize = fields.iter().map(|field| field.len()).sum();
        if bytes > ROW_BYTES || fields.len() > ROW_FIELDS {
            let found = format!("a row of {} fields and {bytes} bytes", fields.len());
            self.problem(line, format!("{found}; at most {ROW_FIELDS} and {ROW_BYTES} are taken"));
        } else if !self.ended {
            self.chunk.push(line, fields);
            if self.chunk.is_full() {
                self.hand_on();
            }
        }
        if self.ended { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn problem(&mut self, line: u32, message: String) {
        self.problems.add(line, message);
    }
}
