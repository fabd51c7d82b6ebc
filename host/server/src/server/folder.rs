//! Watching a folder for components: what is put there is swapped in.
//!
//! The folder says what is to run next, not what runs: files that are taken away change nothing. What is
//! withheld ([`Remembered`]) is passed over, whenever it was put there.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, SystemTime};
use std::{fs, io};

use rollcall_engine::{Clock, Digest, Engine, HostClock};
use tracing::{info, warn};

use super::component;
use super::remembered::Remembered;
use crate::admin::{Withheld, WithheldFor};
use crate::configuration::Configuration;
use crate::readable::date;
use crate::withheld_report::became;

/// Time between two looks, by the server's clock.
const INTERVAL: Duration = Duration::from_secs(1);
/// Files of the folder that are looked at.
const FILES: usize = 1000;
/// Largest component, in bytes.
const LARGEST: u64 = 64 << 20;
/// A file that was last changed so long ago is complete at the first look.
const SETTLED: Duration = Duration::from_secs(2);
/// Most files that are tried one after the other, until one fits.
const TRIED: usize = 8;

/// What tells one state of a file from another.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Print {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl Print {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

/// A file as it was seen last.
struct Seen {
    print: Print,
    /// Tried, or passed over for one that came later; it rests until it changes.
    done: bool,
}

/// A file that is ready to be tried.
struct Ready {
    file: PathBuf,
    /// When it was put there, or last changed.
    put: (i64, i64),
}

/// What was seen of a folder.
#[derive(Default)]
struct Folder {
    path: PathBuf,
    seen: BTreeMap<PathBuf, Seen>,
    /// The folder could not be read at the last look.
    broken: bool,
}

impl Folder {
    /// Files that have come or changed and are complete, the one that was put there last behind the others.
    fn look(&mut self, now: SystemTime) -> Vec<Ready> {
        let entries = match self.entries() {
            Ok(entries) => entries,
            Err(error) => {
                if !std::mem::replace(&mut self.broken, true) {
                    warn!(folder = %self.path.display(), %error, "the folder of components cannot be read");
                }
                return Vec::new();
            }
        };
        self.broken = false;
        self.seen.retain(|file, _| entries.contains_key(file));
        let mut ready = Vec::new();
        for (file, metadata) in entries {
            let print = Print::of(&metadata);
            let settled =
                metadata.modified().is_ok_and(|at| now.duration_since(at).is_ok_and(|age| age >= SETTLED));
            let known = self.seen.get(&file);
            let (same, done) = known.map_or((false, false), |seen| (seen.print == print, seen.done));
            let complete = same || settled;
            let try_it = complete && !(same && done);
            if try_it {
                let put = (metadata.ctime(), metadata.ctime_nsec());
                ready.push(Ready { file: file.clone(), put });
            }
            self.seen.insert(file, Seen { print, done: try_it || (same && done) });
        }
        ready.sort_by(|one, other| (one.put, &one.file).cmp(&(other.put, &other.file)));
        ready
    }

    /// Regular files whose names end in `.wasm` and do not begin with a point.
    fn entries(&self) -> io::Result<BTreeMap<PathBuf, Metadata>> {
        let mut found = BTreeMap::new();
        for entry in fs::read_dir(&self.path)?.take(FILES) {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            // One that has gone meanwhile is none.
            let Ok(metadata) = entry.metadata() else { continue };
            if name.ends_with(".wasm") && !name.starts_with('.') && metadata.is_file() {
                found.insert(entry.path(), metadata);
            }
        }
        Ok(found)
    }
}

/// What the thread is told.
enum Ask {
    /// Time has jumped ahead.
    Look,
    /// End.
    Stop,
}

/// The thread that watches; it ends after the swap under way when this is dropped.
pub(super) struct Watch {
    asks: Sender<Ask>,
}

impl Watch {
    /// Swaps in what lies in the folder already, and starts the thread.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        path: &Path,
        configuration: Configuration,
        engine: Arc<Engine>,
        remembered: Arc<Remembered>,
        clock: &Arc<HostClock>,
    ) -> io::Result<Self> {
        let (asks, asked) = channel();
        let waker = asks.clone();
        // The thread may be gone: then nothing is watched any more.
        clock.on_jump(Box::new(move || drop(waker.send(Ask::Look))));
        let folder = Folder { path: path.to_owned(), ..Folder::default() };
        let mut thread = Thread { folder, configuration, engine, remembered, clock: Arc::clone(clock) };
        thread.look();
        std::thread::Builder::new().name("components".into()).spawn(move || thread.run(&asked))?;
        Ok(Self { asks })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.asks.send(Ask::Stop);
    }
}

struct Thread {
    folder: Folder,
    configuration: Configuration,
    engine: Arc<Engine>,
    remembered: Arc<Remembered>,
    clock: Arc<HostClock>,
}

impl Thread {
    fn run(&mut self, asked: &Receiver<Ask>) {
        let interval = u64::try_from(INTERVAL.as_millis()).unwrap_or(u64::MAX);
        let mut due = self.clock.now_ms().saturating_add(interval);
        loop {
            let wait = due.saturating_sub(self.clock.now_ms());
            if wait == 0 {
                self.look();
                // Not before: the configured component runs until the folder has been looked at.
                self.remembered.note_standing(&self.engine);
                due = self.clock.now_ms().saturating_add(interval);
                continue;
            }
            match asked.recv_timeout(Duration::from_millis(wait)) {
                Ok(Ask::Look) | Err(RecvTimeoutError::Timeout) => {}
                Ok(Ask::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Tries what is ready, what was put there last first, until one runs.
    fn look(&mut self) {
        let ready = self.folder.look(SystemTime::now());
        let mut runs = false;
        for (tried, Ready { file, .. }) in ready.iter().rev().enumerate() {
            if runs || tried >= TRIED {
                info!(file = %file.display(), "passed over for a component that was put there later");
            } else {
                runs = self.take(file);
            }
        }
    }

    /// True if what is in the file runs now.
    fn take(&self, file: &Path) -> bool {
        let component = match read(file) {
            Ok(component) => component,
            Err(error) => {
                warn!(file = %file.display(), problem = %error, "not swapped in");
                return false;
            }
        };
        let digest = Digest::of(&component);
        if digest == self.engine.digest() {
            return true;
        }
        if let Some(Withheld { what, withheld, at, why, .. }) = self.remembered.find(digest) {
            warn!(file = %file.display(), component = what, when = date(at), why,
                "not taken from the folder: it {}; `rollcall swap` takes it all the same", became(withheld));
            return false;
        }
        // At a start, above all.
        let stood = self.remembered.has_stood(digest);
        let taken = if stood { self.engine.resume(&component) } else { self.engine.swap(&component) };
        // The engine tells of one that it takes.
        let Err(error) = taken else { return true };
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let lasting = Remembered::is_lasting(&error);
        let problems = component::problems(&self.configuration, error);
        for problem in &problems {
            warn!(file = %file.display(), problem, "not swapped in");
        }
        if lasting {
            self.remembered.refused(digest, &name, self.clock.now_ms(), &problems);
        }
        false
    }
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    if fs::metadata(file)?.len() > LARGEST {
        return Err(io::Error::other("larger than 64 MiB"));
    }
    fs::read(file)
}

/// Components of the folder to start on, where the configured one cannot read the store, in the order in which
/// they are to be tried: what was put there last first, but what the server went back from behind all others. What
/// was refused is not among them.
pub(super) fn to_start_on(path: &Path, remembered: &Remembered) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Folder { path: path.to_owned(), ..Folder::default() };
    let put = |metadata: &Metadata| (metadata.ctime(), metadata.ctime_nsec());
    let mut files: Vec<_> = folder.entries().unwrap_or_default().into_iter().collect();
    files.sort_by_key(|(file, metadata)| Reverse((put(metadata), file.clone())));
    let (mut first, mut behind) = (Vec::new(), Vec::new());
    for (file, _) in files {
        let Ok(component) = read(&file) else { continue };
        match remembered.find(Digest::of(&component)).map(|known| known.withheld) {
            None => first.push((file, component)),
            Some(WithheldFor::Refused) => {}
            Some(WithheldFor::Withdrawn | WithheldFor::RolledBack) => behind.push((file, component)),
        }
        if first.len() + behind.len() >= TRIED {
            break;
        }
    }
    first.append(&mut behind);
    first
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::Given;

    fn names(ready: &[Ready]) -> Vec<String> {
        ready.iter().map(|ready| ready.file.file_name().unwrap().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn a_file_is_taken_once_when_it_is_complete() {
        let place = tempfile::tempdir().unwrap();
        let mut folder = Folder { path: place.path().to_owned(), ..Folder::default() };
        let now = SystemTime::now();
        assert!(folder.look(now).is_empty());
        let put = |name: &str, text: &str| fs::write(place.path().join(name), text).unwrap();
        put("a.wasm", "one");
        assert!(folder.look(now).is_empty(), "it may be growing");
        put("a.wasm", "one, longer");
        assert!(folder.look(now).is_empty(), "it has grown");
        assert_eq!(names(&folder.look(now)), ["a.wasm"]);
        assert!(folder.look(now).is_empty(), "once");
        put("a.wasm", "two");
        assert!(folder.look(now).is_empty());
        assert_eq!(names(&folder.look(now)), ["a.wasm"], "again when it has changed");
        fs::remove_file(place.path().join("a.wasm")).unwrap();
        assert!(folder.look(now).is_empty(), "what goes changes nothing");
        put("new", "three");
        fs::rename(place.path().join("new"), place.path().join("a.wasm")).unwrap();
        let later = now + Duration::from_secs(60);
        assert_eq!(names(&folder.look(later)), ["a.wasm"], "at once if it has been complete for long");
    }

    #[test]
    fn the_last_one_put_there_is_the_last_and_others_are_none() {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        for name in ["b.wasm", "c.wasm", ".hidden.wasm", "d.wasm.part", "later"] {
            fs::write(path(name), name).unwrap();
        }
        fs::create_dir(path("folder.wasm")).unwrap();
        std::os::unix::fs::symlink(path("b.wasm"), path("link.wasm")).unwrap();
        // The kernel's time of a change moves in steps of some milliseconds.
        std::thread::sleep(Duration::from_millis(30));
        fs::rename(path("later"), path("a.wasm")).unwrap();
        let mut folder = Folder { path: place.path().to_owned(), ..Folder::default() };
        let ready = folder.look(SystemTime::now() + Duration::from_secs(60));
        assert_eq!(names(&ready), ["b.wasm", "c.wasm", "a.wasm"]);
        let remembered = Remembered::open(Arc::new(rollcall_storage::Memory::new()), &Given::default());
        let names = |files: Vec<(PathBuf, Vec<u8>)>| {
            files.into_iter().map(|(_, text)| String::from_utf8(text).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(names(to_start_on(place.path(), &remembered)), ["later", "c.wasm", "b.wasm"]);
        remembered.refused(Digest::of(b"later"), "a.wasm", 1, &[]);
        assert_eq!(names(to_start_on(place.path(), &remembered)), ["c.wasm", "b.wasm"]);
        assert!(to_start_on(&path("none"), &remembered).is_empty());
    }
}
