//! The files behind the component's tables, as the engine reads them.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use rollcall_engine::{RowSink, TableSource};
use rollcall_sources::{Problem, Row, read_file, version};

use crate::configuration::{TableFile, TableRefusal, line_number, line_place};

/// Problems of a table that are kept where no engine counts them.
const KEPT: usize = 100;

/// The files of one table, one after another; at least one.
struct Files(Vec<TableFile>);

impl Files {
    /// Hands over what is in the files until nothing more is wanted: rows, and the numbers of lines with what is wrong
    /// with them.
    fn each(&self, mut take: impl FnMut(u32, Result<&[&str], String>) -> ControlFlow<()>) {
        let mut flow = ControlFlow::Continue(());
        for (index, file) in self.0.iter().enumerate() {
            read_file(&file.file, file.format, &mut |found| {
                flow = match found {
                    Ok(Row { line, fields }) => {
                        let line = line_number(&self.0, index, line);
                        match &file.label {
                            None => take(line, Ok(fields)),
                            Some(label) => take(line, Ok(&[&[label.as_str()], fields].concat())),
                        }
                    }
                    Err(Problem { line, message }) => {
                        take(line_number(&self.0, index, line.unwrap_or(0)), Err(message))
                    }
                };
                flow
            });
            if flow.is_break() {
                return;
            }
        }
    }
}

impl TableSource for Files {
    fn read(&self, rows: &mut dyn RowSink) -> io::Result<()> {
        self.each(|line, found| match found {
            Ok(fields) => rows.row(line, fields),
            Err(message) => {
                rows.problem(line, message);
                ControlFlow::Continue(())
            }
        });
        Ok(())
    }

    fn version(&self) -> Option<String> {
        let versions: Option<Vec<String>> = self.0.iter().map(|file| version(&file.file)).collect();
        versions.map(|versions| versions.join(" "))
    }

    fn place(&self, line: u32) -> String {
        let files: Vec<&TableFile> = self.0.iter().collect();
        match line_place(&files, line) {
            Some((file, line)) if files.len() > 1 => format!("{}:{line}", file.file.display()),
            _ => format!("line {line}"),
        }
    }
}

/// The tables with their files.
fn files(tables: &[TableFile]) -> impl Iterator<Item = (&'static str, Files)> {
    let of = |files: &[TableFile]| Some((files.first()?.table, Files(files.to_vec())));
    tables.chunk_by(|one, next| one.table == next.table).filter_map(of)
}

/// The source of each table, by its name.
pub(super) fn sources(tables: &[TableFile]) -> Vec<(String, Arc<dyn TableSource>)> {
    let source = |(table, files): (&str, Files)| -> (String, Arc<dyn TableSource>) {
        (table.to_owned(), Arc::new(files))
    };
    files(tables).map(source).collect()
}

/// What is wrong with the files, as far as that can be told without the component.
pub(super) fn broken(tables: &[TableFile]) -> Vec<TableRefusal> {
    let look = |(table, files): (&str, Files)| {
        let mut refusal = TableRefusal { table: table.to_owned(), first: Vec::new(), total: 0 };
        files.each(|line, found| {
            if let Err(problem) = found {
                refusal.total += 1;
                if refusal.first.len() < KEPT {
                    refusal.first.push((line, problem));
                }
            }
            ControlFlow::Continue(())
        });
        (refusal.total > 0).then_some(refusal)
    };
    files(tables).filter_map(look).collect()
}
