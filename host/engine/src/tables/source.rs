//! Where the rows of a table come from.

use std::ops::ControlFlow;

/// The source of a table: read at the start, at a reload, and for each generation. It may be read more
/// than once for one build.
pub trait TableSource: Send + Sync + 'static {
    /// Hands over all rows in order. What is wrong with single lines goes to [`RowSink::problem`], so that
    /// one reading finds everything; a source with a problem gives no table.
    ///
    /// # Errors
    /// If the source cannot be read to its end: it gives no table.
    fn read(&self, rows: &mut dyn RowSink) -> std::io::Result<()>;

    /// A text that is another one whenever the content may be another: then a reload need not read what has
    /// not changed. Asked before the source is read. None if that cannot be told cheaply, or if the source
    /// is not there.
    fn version(&self) -> Option<String> {
        None
    }

    /// How a line of this source is called in the problem of another line.
    fn place(&self, line: u32) -> String {
        format!("line {line}")
    }
}

/// What takes the rows of a source.
pub trait RowSink {
    /// One row: its line, from 1, and its fields. On [`ControlFlow::Break`] nothing more is wanted, and the
    /// source returns.
    fn row(&mut self, line: u32, fields: &[&str]) -> ControlFlow<()>;

    /// Something is wrong with a line (0 for the whole source).
    fn problem(&mut self, line: u32, message: String);
}
