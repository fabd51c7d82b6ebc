//! Tables: built by the component, published whole or not at all.

use crate::host::{Host, Tables, quiet};
use parking_lot::Mutex;
use rollcall_engine::{ComponentError, HostClock, StartError, TableSource};
use rollcall_storage::Memory;
use rollcall_test_guests::{Edition, GUEST};
use std::sync::Arc;

#[derive(Default)]
struct Rows(Mutex<Option<Vec<String>>>);

impl Rows {
    fn set(&self, rows: &[&str]) {
        *self.0.lock() = Some(rows.iter().map(|row| (*row).to_owned()).collect());
    }
}

impl TableSource for Rows {
    fn rows(&self) -> std::io::Result<Vec<String>> {
        self.0.lock().clone().ok_or_else(|| std::io::Error::other("the file is gone"))
    }
}

fn start(rows: &Arc<Rows>) -> Result<Host, StartError> {
    let tables: Tables = vec![("numbers".into(), rows.clone()), ("unwanted".into(), rows.clone())];
    Host::start(GUEST, Arc::new(HostClock::new()), quiet(), tables, Memory::new())
}

#[test]
fn a_table_is_built_reloaded_and_kept_when_it_does_not_fit() {
    let rows = Arc::new(Rows::default());
    rows.set(&["one=1", "two=2"]);
    let host = start(&rows).unwrap();
    let look =
        || host.print("lookup numbers one\nlookup numbers three\nlookup unwanted one\nlookup none one");
    assert_eq!(look(), "1\n-\n-\n-");
    rows.set(&["one=eins", "three=3", "four=4"]);
    assert_eq!(look(), "1\n-\n-\n-");
    assert_eq!(host.engine.reload_table("numbers").unwrap(), 3);
    assert_eq!(look(), "eins\n3\n-\n-");
    rows.set(&["one=uno", "bad", "worse"]);
    match host.engine.reload_table("numbers") {
        Err(ComponentError::Table { table, problems }) => {
            assert_eq!(table, "numbers");
            assert_eq!(problems, [(2, "no value".into()), (3, "no value".into())]);
        }
        other => panic!("{other:?}"),
    }
    rows.set(&["trap"]);
    assert!(matches!(host.engine.reload_table("numbers"), Err(ComponentError::Trapped { .. })));
    *rows.0.lock() = None;
    assert!(matches!(host.engine.reload_table("numbers"), Err(ComponentError::Table { .. })));
    assert_eq!(look(), "eins\n3\n-\n-");
}

#[test]
fn problems_of_all_chunks_are_told_with_their_lines() {
    let rows = Arc::new(Rows::default());
    let many: Vec<String> =
        (1..=2500).map(|n| if n % 1200 == 0 { "bad".into() } else { format!("{n}=x") }).collect();
    *rows.0.lock() = Some(many);
    match start(&rows).map(|_| ()) {
        Err(StartError::Component(ComponentError::Table { problems, .. })) => {
            assert_eq!(problems.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1200, 2400]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_swap_builds_its_tables_anew_or_is_refused() {
    let rows = Arc::new(Rows::default());
    rows.set(&["one=1"]);
    let host = start(&rows).unwrap();
    rows.set(&["bad"]);
    assert!(matches!(host.engine.swap(&Edition::Second.component()), Err(ComponentError::Table { .. })));
    assert_eq!(host.print("lookup numbers one"), "1");
    rows.set(&["one=2"]);
    host.engine.swap(&Edition::Second.component()).unwrap();
    assert_eq!(host.print("lookup numbers one"), "2");
}
