//! A program of another project, run for a test.

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::io::{BufRead as _, BufReader, Read};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a peer may take for anything; see [`rollcall_tests::LIMIT`]. Phones pause by
/// themselves, so there is more of it.
const LIMIT: Duration = Duration::from_secs(20);

/// What a peer has written so far, without terminal colours.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<String>>);

impl Log {
    /// All of it.
    pub(crate) fn text(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn collect(&self, pipe: impl Read + Send + 'static) {
        let log = self.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
                let line = without_colours(&String::from_utf8_lossy(&line));
                let mut text = log.0.lock().unwrap_or_else(PoisonError::into_inner);
                text.push_str(line.trim_end());
                text.push('\n');
            }
        });
    }
}

/// A running peer in a process group of its own. The group ends when this is dropped, and also when
/// the test process goes away without that.
pub(crate) struct Peer {
    name: &'static str,
    child: Child,
    guard: Option<(Child, ChildStdin)>,
    log: Log,
}

impl Peer {
    /// Starts a program.
    pub(crate) fn start(name: &'static str, command: &mut Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn().unwrap_or_else(|why| panic!("{name}: {why} (run `make peers`)"));
        let log = Log::default();
        log.collect(child.stdout.take().unwrap());
        log.collect(child.stderr.take().unwrap());
        let mut guard = Command::new("sh")
            .args(["-c", &format!("read line || kill -9 -{}", child.id())])
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdin = guard.stdin.take().unwrap();
        Self { name, child, guard: Some((guard, stdin)), log }
    }

    /// What it has written.
    pub(crate) fn log(&self) -> Log {
        self.log.clone()
    }

    /// Sends a signal to all of its processes.
    pub(crate) fn signal(&self, signal: Signal) {
        killpg(self.group(), signal).unwrap();
    }

    fn group(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap())
    }

    /// Waits until something is so; fails the test with the peer's log if it does not become so.
    #[track_caller]
    pub(crate) fn wait(&mut self, what: &str, mut is_so: impl FnMut() -> bool) {
        let start = Instant::now();
        while !is_so() {
            let ended = self.child.try_wait().unwrap();
            assert!(
                ended.is_none(),
                "{} ended ({}) before {what}:\n{}",
                self.name,
                ended.unwrap(),
                self.log.text()
            );
            assert!(
                start.elapsed() < LIMIT,
                "{}: {what}: not within {LIMIT:?}:\n{}",
                self.name,
                self.log.text()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = killpg(self.group(), Signal::SIGKILL);
        let _ = self.child.wait();
        if let Some((mut guard, stdin)) = self.guard.take() {
            let _ = guard.kill();
            let _ = guard.wait();
            drop(stdin);
        }
    }
}

/// Removes the escape sequences that set colours (`ESC [ … m`).
pub(crate) fn without_colours(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |out, part| out + part.split_once('m').map_or(part, |(_, rest)| rest))
}

/// Path of a program: servers lie in folders that are not in everybody's path.
pub(crate) fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin"), PathBuf::from("/usr/bin")]);
    folders
        .map(|folder| folder.join(name))
        .find(|path: &PathBuf| Path::is_file(path))
        .unwrap_or_else(|| panic!("{name} is not installed: run `make peers`"))
}
