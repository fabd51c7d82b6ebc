//! The server's process: started, read, signalled, and never left behind.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock};

/// Where a server serves, as it says itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    /// First UDP listener; port 9 if there is none.
    pub udp: SocketAddr,
    /// First TCP listener; port 9 if there is none.
    pub tcp: SocketAddr,
    /// The admin address; port 9 if there is none.
    pub admin: SocketAddr,
}

impl Ready {
    /// Reads the line `rollcall: ready sip=udp:A:P,tcp:A:P admin=A:P`.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let rest = line.strip_prefix("rollcall: ready ")?;
        let word = |key: &str| rest.split(' ').find_map(|w| w.strip_prefix(key)?.strip_prefix('='));
        let listener = |kind: &str| {
            word("sip")?.split(',').find_map(|l| l.strip_prefix(kind)?.strip_prefix(':')?.parse().ok())
        };
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
        Some(Self {
            udp: listener("udp").unwrap_or(nowhere),
            tcp: listener("tcp").unwrap_or(nowhere),
            admin: word("admin").and_then(|a| a.parse().ok()).unwrap_or(nowhere),
        })
    }
}

/// A child and its guard: a shell that ends the child when this process goes away in any manner,
/// since destructors do not run then.
pub struct Process {
    child: Child,
    guard: Option<(Child, ChildStdin)>,
}

impl Process {
    /// Runs `rollcall serve --config FILE` in a folder.
    #[track_caller]
    #[must_use]
    pub fn serve(binary: &Path, config: &Path, folder: &Path) -> Self {
        let mut command = Command::new(binary);
        command.args(["serve", "--config"]).arg(config).current_dir(folder);
        Self::start(command)
    }

    /// Runs a command.
    #[track_caller]
    #[must_use]
    pub fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Ctrl-C goes to everyone in the terminal's group; the server shall get one signal only, ours.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let child = match command.spawn() {
            Ok(child) => child,
            Err(why) => panic!("cannot run {}: {why}", command.get_program().display()),
        };
        let guard = Command::new("sh")
            .arg("-c")
            .arg(format!(
                "trap '' INT TERM; read line || {{ kill {0}; sleep 3; kill -9 {0}; }} 2>/dev/null",
                child.id()
            ))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()
            .and_then(|mut guard| guard.stdin.take().map(|stdin| (guard, stdin)));
        Self { child, guard }
    }

    /// Process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    #[must_use]
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the state of the process")
    }

    /// Waits for its end.
    #[must_use]
    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("the state of the process")
    }

    /// Hands every line it writes, on either pipe, to a function, and tells when the process is
    /// ready. To be called once.
    #[must_use]
    pub fn read_output(&mut self, line: impl Fn(String) + Send + Sync + 'static) -> Receiver<Ready> {
        let (sender, ready) = channel();
        let line = Arc::new(line);
        collect(self.child.stdout.take().expect("stdout"), Arc::clone(&line), Some(sender));
        collect(self.child.stderr.take().expect("stderr"), line, None);
        ready
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some((mut guard, stdin)) = self.guard.take() {
            let _ = guard.kill();
            let _ = guard.wait();
            drop(stdin);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn collect<P, F>(pipe: P, take: Arc<F>, ready: Option<Sender<Ready>>)
where
    P: Read + Send + 'static,
    F: Fn(String) + Send + Sync + 'static,
{
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            let serves = Ready::parse(&line);
            take(line);
            if let (Some(sender), Some(serves)) = (&ready, serves) {
                // Nobody may be waiting any more.
                let _ = sender.send(serves);
            }
        }
    });
}

/// Sends a signal to a process.
pub fn signal(pid: u32, which: Signal) {
    if let Ok(pid) = i32::try_from(pid) {
        let _ = kill(Pid::from_raw(pid), which);
    }
}

static BINARY: OnceLock<PathBuf> = OnceLock::new();

/// Sets the server's binary for this process, once.
pub fn set_binary(path: PathBuf) {
    // A second call would be a mistake that shows at once.
    let _ = BINARY.set(path);
}

/// The server's binary: as it was set, else `ROLLCALL_BIN`, else `rollcall` beside or above the running executable,
/// else in the release folder of the same target directory.
#[must_use]
pub fn binary() -> PathBuf {
    if let Some(path) = BINARY.get() {
        return path.clone();
    }
    if let Some(path) = std::env::var_os("ROLLCALL_BIN") {
        return path.into();
    }
    let own = std::env::current_exe().expect("the path of this executable");
    let near = own.ancestors().skip(1).take(3).map(|folder| folder.join("rollcall"));
    let release = own.ancestors().skip(1).take(4).map(|folder| folder.join("release/rollcall"));
    near.chain(release).find(|path| path.is_file()).unwrap_or_else(|| "rollcall".into())
}
