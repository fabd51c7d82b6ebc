//! Recordings on their way to whoever asked for them, and the shadow.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use rollcall_engine::{
    ComponentError, Engine, EngineConfig, PromoteError, RecordOptions, ShadowStatus, TableSource,
};

use super::{component, generations, settings, tables};
use crate::admin::Generation;
use crate::admin::rehearsal::{Piece, RecordWish, Rehearsal, Shadow};
use crate::configuration::Configuration;

/// Bytes that wait to be fetched; more than that and the recording leaves steps out.
const WAITING: usize = 8 << 20;
/// A recording that nobody fetches for so long ends.
const FORGOTTEN: Duration = Duration::from_secs(15);
/// Most bytes that are fetched at once.
const PIECE: usize = 4 << 20;
/// Pause between two looks at whether it was fetched, when the server stops.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// Pause between two looks at whether it is forgotten.
const LOOK: Duration = Duration::from_millis(500);

pub(super) struct Rehearsals {
    pub engine: Arc<Engine>,
    pub configuration: Configuration,
    pipe: Mutex<Option<Arc<Pipe>>>,
    count: AtomicU64,
}

impl Rehearsals {
    pub fn new(engine: Arc<Engine>, configuration: Configuration) -> Self {
        Self { engine, configuration, pipe: Mutex::default(), count: AtomicU64::new(0) }
    }

    fn pipe(&self, id: u64) -> Option<Arc<Pipe>> {
        self.pipe.lock().as_ref().filter(|pipe| pipe.id == id).cloned()
    }

    /// Waits until a recording that has ended, or is about to, has been fetched.
    pub fn wait_for_fetch(&self, patience: Duration) {
        let until = Instant::now() + patience;
        while self.pipe.lock().as_ref().is_some_and(|pipe| pipe.is_wanted()) && Instant::now() < until {
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    fn problems(&self, error: ComponentError) -> Vec<String> {
        component::problems(&self.configuration, error)
    }
}

impl Rehearsal for Rehearsals {
    fn record(&self, wish: RecordWish) -> Result<u64, String> {
        let id = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        let pipe = Arc::new(Pipe::new(id));
        let options =
            RecordOptions { share: wish.share, limit: wish.limit, time: Duration::from_secs(wish.seconds) };
        let mut current = self.pipe.lock();
        self.engine
            .record(&options, Box::new(Inlet(Arc::clone(&pipe))))
            .map_err(|error| error.to_string())?;
        *current = Some(pipe);
        Ok(id)
    }

    fn next(&self, id: u64) -> Option<Piece> {
        let piece = self.pipe(id)?.fetch();
        if piece == Piece::End {
            self.pipe.lock().take_if(|pipe| pipe.id == id);
        }
        Some(piece)
    }

    fn end_recording(&self, id: u64) -> bool {
        let known = self.pipe(id).is_some();
        if known {
            self.engine.end_recording();
        }
        known
    }

    fn shadow(&self, component: &[u8], share: f64) -> Result<Shadow, Vec<String>> {
        self.engine.shadow(component, share).map_err(|error| self.problems(error))?;
        self.shadow_status().ok_or_else(|| vec!["the shadow has ended already".to_owned()])
    }

    fn shadow_status(&self) -> Option<Shadow> {
        self.engine.shadow_status().map(told)
    }

    fn end_shadow(&self) -> Option<Shadow> {
        self.engine.end_shadow().map(told)
    }

    fn promote(&self) -> Result<Generation, Vec<String>> {
        match self.engine.promote() {
            Ok(_) => generations::known(&self.engine).into_iter().next().ok_or_else(Vec::new),
            Err(PromoteError::Component(error)) => Err(self.problems(error)),
            Err(error) => Err(vec![error.to_string()]),
        }
    }
}

/// Settings and tables for a component, taken from its configuration.
pub type Chosen = (String, Vec<(String, Arc<dyn TableSource>)>);

/// What a recording is replayed with, if a configuration says so.
///
/// # Errors
/// The file of the site's own identity rules cannot be read.
pub fn replayed_with(configuration: &Configuration) -> Result<(EngineConfig, Option<Chosen>), String> {
    let given = &configuration.plugin.given;
    let rules = given.identity_rules.as_ref().map(component::rules).transpose()?;
    let chosen = (given.settings.clone(), tables::sources(&given.tables));
    Ok((settings::engine(configuration, rules, None), Some(chosen)))
}

fn told(status: ShadowStatus) -> Shadow {
    Shadow {
        name: status.description.name,
        version: status.description.version,
        digest: status.digest.to_string(),
        share: status.share,
        since: status.since,
        skipped: status.skipped,
        cpu_seconds: status.cpu.as_secs_f64(),
        report: status.report,
    }
}

/// A recording between the engine, which writes it, and the admin interface, which hands it on.
struct Pipe {
    id: u64,
    state: Mutex<State>,
    fetched: Condvar,
}

struct State {
    waiting: Vec<u8>,
    ended: bool,
    last_fetch: Instant,
}

impl Pipe {
    fn new(id: u64) -> Self {
        let state = State { waiting: Vec::new(), ended: false, last_fetch: Instant::now() };
        Self { id, state: Mutex::new(state), fetched: Condvar::new() }
    }

    fn fetch(&self) -> Piece {
        let mut state = self.state.lock();
        state.last_fetch = Instant::now();
        self.fetched.notify_all();
        if state.waiting.is_empty() && state.ended {
            return Piece::End;
        }
        let most = PIECE.min(state.waiting.len());
        let rest = state.waiting.split_off(most);
        Piece::Bytes(Bytes::from(std::mem::replace(&mut state.waiting, rest)))
    }

    /// Whether somebody still fetches it.
    fn is_wanted(&self) -> bool {
        self.state.lock().wanted().is_ok()
    }
}

impl State {
    fn wanted(&self) -> io::Result<()> {
        if self.last_fetch.elapsed() < FORGOTTEN {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::BrokenPipe, "nobody fetches the recording"))
    }
}

/// The end that the engine writes to.
struct Inlet(Arc<Pipe>);

impl Write for Inlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.0.state.lock();
        while state.waiting.len() >= WAITING {
            state.wanted()?;
            self.0.fetched.wait_for(&mut state, LOOK);
        }
        state.waiting.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.state.lock().wanted()
    }
}

impl Drop for Inlet {
    fn drop(&mut self) {
        self.0.state.lock().ended = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_fetched_once_and_then_the_end() {
        let pipe = Arc::new(Pipe::new(1));
        let mut inlet = Inlet(Arc::clone(&pipe));
        assert_eq!(pipe.fetch(), Piece::Bytes(Bytes::new()));
        inlet.write_all(b"ab").unwrap();
        inlet.write_all(b"c").unwrap();
        inlet.flush().unwrap();
        assert_eq!(pipe.fetch(), Piece::Bytes(Bytes::from_static(b"abc")));
        inlet.write_all(b"d").unwrap();
        drop(inlet);
        assert_eq!(pipe.fetch(), Piece::Bytes(Bytes::from_static(b"d")));
        assert_eq!(pipe.fetch(), Piece::End);
    }

    #[test]
    fn a_giant_step_is_fetched_in_pieces() {
        let pipe = Arc::new(Pipe::new(1));
        let mut inlet = Inlet(Arc::clone(&pipe));
        let step: Vec<u8> = (0..3 * WAITING).map(|at| at as u8).collect();
        inlet.write_all(&step).unwrap();
        let mut fetched = Vec::new();
        while fetched.len() < step.len() {
            let Piece::Bytes(piece) = pipe.fetch() else { panic!("it has not ended") };
            assert!((1..=PIECE).contains(&piece.len()));
            fetched.extend_from_slice(&piece);
        }
        assert!(fetched == step);
    }

    #[test]
    fn a_recording_that_nobody_fetches_is_told_so() {
        let pipe = Arc::new(Pipe::new(1));
        let mut inlet = Inlet(Arc::clone(&pipe));
        pipe.state.lock().last_fetch = Instant::now().checked_sub(FORGOTTEN).unwrap();
        assert!(inlet.flush().is_err());
        inlet.write_all(&vec![0; WAITING]).unwrap();
        assert!(inlet.write(b"x").is_err());
    }
}
