//! Sources of tables that a test changes.

use crate::host::{PATIENCE, Tables};
use parking_lot::Mutex;
use rollcall_engine::{RowSink, TableSource};
use std::collections::VecDeque;
use std::io::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

type Lines = Vec<Vec<String>>;

/// Rows that a test sets; lines count from 1.
#[derive(Default)]
pub struct Rows {
    state: Mutex<State>,
    reads: AtomicU64,
}

#[derive(Default)]
struct State {
    /// None if the file is gone.
    now: Option<Lines>,
    /// What a vanished file held.
    before: Option<Lines>,
    /// What takes the place of the rows after they have been read, one after the other.
    next: VecDeque<Lines>,
    problems: Vec<(u32, String)>,
    /// Counts the changes, if the version is told.
    version: Option<u64>,
    gate: Option<Gate>,
}

/// Where a reading waits.
struct Gate {
    entered: SyncSender<()>,
    open: Receiver<()>,
}

fn single(lines: &[&str]) -> Lines {
    lines.iter().map(|line| vec![(*line).to_owned()]).collect()
}

impl Rows {
    pub fn of(lines: &[&str]) -> Arc<Rows> {
        let rows = Arc::<Rows>::default();
        rows.set(lines);
        rows
    }

    pub fn lines(lines: Vec<String>) -> Arc<Rows> {
        let rows = Arc::<Rows>::default();
        rows.put(Some(lines.into_iter().map(|line| vec![line]).collect()));
        rows
    }

    fn put(&self, rows: Option<Lines>) {
        let mut state = self.state.lock();
        state.before = std::mem::replace(&mut state.now, rows);
        state.version = state.version.map(|version| version + 1);
    }

    /// Rows of one field.
    pub fn set(&self, lines: &[&str]) {
        self.put(Some(single(lines)));
    }

    pub fn set_fields(&self, rows: &[&[&str]]) {
        let owned = |row: &&[&str]| row.iter().map(|field| (*field).to_owned()).collect();
        self.put(Some(rows.iter().map(owned).collect()));
    }

    /// After the next reading the rows are these.
    pub fn then(&self, lines: &[&str]) {
        self.state.lock().next.push_back(single(lines));
    }

    /// The source finds something itself.
    pub fn also_wrong(&self, line: u32, message: &str) {
        self.state.lock().problems.push((line, message.into()));
    }

    /// The file is gone.
    pub fn vanish(&self) {
        self.put(None);
    }

    /// The file is back, with the version that it had.
    pub fn return_unchanged(&self) {
        let mut state = self.state.lock();
        state.now = state.before.take();
        state.version = state.version.map(|version| version - 1);
    }

    /// From now on the source tells its version.
    pub fn tell_version(&self) {
        self.state.lock().version = Some(0);
    }

    /// Readings so far.
    pub fn reads(&self) -> u64 {
        self.reads.load(Ordering::SeqCst)
    }

    /// Lets the next reading wait.
    pub fn gate(&self) -> Open {
        let (entered, waits) = sync_channel(1);
        let (opens, open) = sync_channel(1);
        self.state.lock().gate = Some(Gate { entered, open });
        Open { waits, opens }
    }
}

/// Opens a gate.
pub struct Open {
    waits: Receiver<()>,
    opens: SyncSender<()>,
}

impl Open {
    /// Waits until a reading has come to the gate.
    pub fn wait(&self) {
        self.waits.recv_timeout(PATIENCE).unwrap();
    }

    pub fn open(self) {
        self.opens.send(()).unwrap();
    }
}

impl TableSource for Rows {
    fn read(&self, sink: &mut dyn RowSink) -> std::io::Result<()> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        let gate = self.state.lock().gate.take();
        if let Some(Gate { entered, open }) = gate {
            entered.send(()).unwrap();
            open.recv_timeout(PATIENCE).unwrap();
        }
        let (rows, problems) = {
            let mut state = self.state.lock();
            let rows = state.now.clone().ok_or_else(|| Error::other("the file is gone"))?;
            if let Some(next) = state.next.pop_front() {
                state.now = Some(next);
            }
            (rows, state.problems.clone())
        };
        problems.into_iter().for_each(|(line, message)| sink.problem(line, message));
        for (line, fields) in (1..).zip(rows) {
            let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
            if sink.row(line, &fields).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn version(&self) -> Option<String> {
        let state = self.state.lock();
        state.now.as_ref().and(state.version).map(|version| version.to_string())
    }
}

pub fn sources<const N: usize>(rows: [(&str, &Arc<Rows>); N]) -> Tables {
    rows.into_iter().map(|(name, rows)| (name.to_owned(), rows.clone() as _)).collect()
}
