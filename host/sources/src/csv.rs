//! Comma-separated values.
//!
//! Each line is taken apart on its own, so that its number is right and a quote that is not closed costs
//! one line: no identity holds a line break.

use std::io::BufRead;
use std::ops::ControlFlow;

use csv_core::{ReadRecordResult, Reader};

use crate::{Problem, Row, Take, lines};

/// The first value of a line that names the columns.
const HEADER: &str = "fundamental";

pub(crate) fn read(text: impl BufRead, take: &mut Take<'_>) -> ControlFlow<()> {
    // A default reader is not ready for use.
    let mut splitter = Splitter { reader: Reader::new(), input: vec![], output: vec![], ends: vec![] };
    let mut first = true;
    lines::each(text, take, |line, text, take| {
        if text.starts_with('#') {
            return ControlFlow::Continue(());
        }
        let may_be_header = std::mem::replace(&mut first, false);
        let Some(fields) = splitter.split(text) else {
            return take(Err(Problem::at(line, "a quote is not closed on its line")));
        };
        if may_be_header && fields.first().is_some_and(|field| field.eq_ignore_ascii_case(HEADER)) {
            return ControlFlow::Continue(());
        }
        match fields.split_first() {
            Some((&"", rest)) if rest.iter().any(|field| !field.is_empty()) => {
                take(Err(Problem::at(line, "the first value is empty, expected the fundamental identity")))
            }
            _ => {
                let fields: Vec<&str> = fields.into_iter().filter(|field| !field.is_empty()).collect();
                if fields.is_empty() {
                    return ControlFlow::Continue(());
                }
                take(Ok(Row { line, fields: &fields }))
            }
        }
    })
}

/// Takes lines apart.
struct Splitter {
    reader: Reader,
    input: Vec<u8>,
    output: Vec<u8>,
    ends: Vec<usize>,
}

impl Splitter {
    /// The values of a line that is not blank; none if a quote is not closed.
    fn split(&mut self, line: &str) -> Option<Vec<&str>> {
        self.input.clear();
        self.input.extend_from_slice(line.as_bytes());
        // Ends the record, unless it stands within quotes.
        self.input.push(b'\n');
        self.output.resize(self.input.len(), 0);
        self.ends.resize(self.input.len(), 0);
        self.reader.reset();
        let (result, _, _, count) = self.reader.read_record(&self.input, &mut self.output, &mut self.ends);
        if !matches!(result, ReadRecordResult::Record) {
            return None;
        }
        let mut start = 0;
        let fields = self.ends[..count].iter().map(|end| {
            let field = &self.output[start..*end];
            start = *end;
            // Cut at ASCII characters only, so always in UTF-8.
            std::str::from_utf8(field).map(str::trim).unwrap_or_default()
        });
        Some(fields.collect())
    }
}
