//! The files behind the component's tables, as the engine reads them.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use rollcall_engine::{RowSink, TableSource};
use rollcall_sources::{read_file, version};

use crate::configuration::{TableFile, TableRefusal};

/// Problems of a file that are kept where no engine counts them.
const KEPT: usize = 100;

struct FileSource(TableFile);

impl TableSource for FileSource {
    fn read(&self, rows: &mut dyn RowSink) -> io::Result<()> {
        read_file(&self.0.file, self.0.format, &mut |found| match found {
            Ok(row) => rows.row(row.line, row.fields),
            Err(problem) => {
                rows.problem(problem.line.unwrap_or(0), problem.message);
                ControlFlow::Continue(())
            }
        });
        Ok(())
    }

    fn version(&self) -> Option<String> {
        version(&self.0.file)
    }
}

/// The source of each table, by its name.
pub(super) fn sources(tables: &[TableFile]) -> Vec<(String, Arc<dyn TableSource>)> {
    let source = |table: &TableFile| -> (String, Arc<dyn TableSource>) {
        (table.table.to_owned(), Arc::new(FileSource(table.clone())))
    };
    tables.iter().map(source).collect()
}

/// What is wrong with the files, as far as that can be told without the component.
pub(super) fn broken(tables: &[TableFile]) -> Vec<TableRefusal> {
    let look = |table: &TableFile| {
        let mut refusal = TableRefusal { table: table.table.to_owned(), first: Vec::new(), total: 0 };
        read_file(&table.file, table.format, &mut |found| {
            if let Err(problem) = found {
                refusal.total += 1;
                if refusal.first.len() < KEPT {
                    refusal.first.push((problem.line.unwrap_or(0), problem.message));
                }
            }
            ControlFlow::Continue(())
        });
        (refusal.total > 0).then_some(refusal)
    };
    tables.iter().filter_map(look).collect()
}
