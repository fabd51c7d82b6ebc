//! The server under test: a real process, started, watched, stopped, killed, started again.

use crate::{Admin, Config, LIMIT};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead as _, BufReader, Read};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a server may take to get ready, and to stop in order.
const START_LIMIT: Duration = Duration::from_secs(60);

/// A server process with a folder of its own.
pub struct Server {
    folder: TempDir,
    addresses: Addresses,
    process: Option<Process>,
    log: Arc<Mutex<Vec<String>>>,
}

#[derive(Clone, Copy, Debug)]
struct Addresses {
    udp: SocketAddr,
    tcp: SocketAddr,
    admin: SocketAddr,
}

/// The child and its guard: a shell that kills the child when this process goes away in any
/// manner, since destructors do not run then.
struct Process {
    child: Child,
    guard: Option<(Child, ChildStdin)>,
}

impl Process {
    fn start(mut child: Child) -> (Self, Box<dyn Read + Send>, Box<dyn Read + Send>) {
        let stdout = child.stdout.take().expect("stdout");
        let stderr = child.stderr.take().expect("stderr");
        let guard = Command::new("sh")
            .arg("-c")
            .arg(format!("read line || kill -9 {} 2>/dev/null", child.id()))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()
            .and_then(|mut guard| guard.stdin.take().map(|stdin| (guard, stdin)));
        (Self { child, guard }, Box::new(stdout), Box::new(stderr))
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

/// What a server that did not start has left behind.
#[derive(Debug)]
pub struct Refusal {
    /// How the process ended.
    pub status: ExitStatus,
    /// Everything it wrote.
    pub output: String,
}

impl Server {
    /// Starts a server and waits until it is ready. Fails the test if that does not happen.
    #[track_caller]
    #[must_use]
    pub fn start(config: Config) -> Self {
        Self::start_in(tempfile::tempdir().expect("a temporary folder"), config)
    }

    /// As [`Self::start`], with files that the test has put into a folder. The configuration is
    /// written there as `rollcall.toml`.
    #[track_caller]
    #[must_use]
    pub fn start_in(folder: TempDir, config: Config) -> Self {
        // Another process may take a port between its choice and its use: choose again.
        for attempt in 0.. {
            match Self::try_start(&folder, config.clone()) {
                Ok((addresses, process, log)) => {
                    return Self { folder, addresses, process: Some(process), log };
                }
                Err(refusal) if attempt < 3 && refusal.output.to_lowercase().contains("in use") => {}
                Err(refusal) => panic!("the server did not start ({}):\n{}", refusal.status, refusal.output),
            }
        }
        unreachable!()
    }

    /// Starts a server that is expected to refuse its configuration; fails the test if it gets
    /// ready.
    #[track_caller]
    #[must_use]
    pub fn refused(folder: &TempDir, config: Config) -> Refusal {
        match Self::try_start(folder, config) {
            Ok(_) => panic!("the server took a configuration that it has to refuse"),
            Err(refusal) => refusal,
        }
    }

    fn try_start(folder: &TempDir, config: Config) -> Result<Started, Refusal> {
        let (sip, admin) = (free_port(), free_port());
        let default = |config: Config, key: &str, value: toml::Value| match config.get(key) {
            Some(_) => config,
            None => config.set(key, value),
        };
        let listen = vec![format!("udp:127.0.0.1:{sip}"), format!("tcp:127.0.0.1:{sip}")];
        let config = default(config, "sip.listen", listen.into());
        let config = default(config, "admin.listen", format!("127.0.0.1:{admin}").into());
        let data = folder.path().join("data");
        let config = default(config, "storage.path", data.to_str().expect("a path in UTF-8").into());
        std::fs::write(folder.path().join("rollcall.toml"), config.text()).expect("write the configuration");
        launch(folder.path())
    }

    /// A server that many tests share, with the default configuration: for tests that use
    /// presentities of their own ([`user`]) and no virtual clock.
    #[must_use]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(Config::new()))
    }

    /// Address of the UDP listener.
    #[must_use]
    pub fn udp(&self) -> SocketAddr {
        self.addresses.udp
    }

    /// Address of the TCP listener.
    #[must_use]
    pub fn tcp(&self) -> SocketAddr {
        self.addresses.tcp
    }

    /// The admin address.
    #[must_use]
    pub fn admin(&self) -> Admin {
        Admin(self.addresses.admin)
    }

    /// The folder with configuration and data.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Process id.
    #[track_caller]
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("a running server").child.id()
    }

    /// True while the process runs.
    pub fn is_alive(&mut self) -> bool {
        self.process.as_mut().is_some_and(|p| p.child.try_wait().ok().flatten().is_none())
    }

    /// Moves the virtual clock on. Whatever became due has fired when this returns, or does so
    /// shortly after.
    #[track_caller]
    pub fn advance(&self, by: Duration) {
        let (status, body) = self.admin().call("POST", &format!("/clock/advance?ms={}", by.as_millis()));
        assert_eq!(status, 200, "POST /clock/advance: {body}");
    }

    /// Waits until a look at the metrics satisfies; for effects that no message shows.
    #[track_caller]
    pub fn wait_metrics(&self, what: &str, fits: impl Fn(&crate::admin::Metrics) -> bool) {
        let start = Instant::now();
        loop {
            let metrics = self.admin().metrics();
            if fits(&metrics) {
                return;
            }
            assert!(start.elapsed() < LIMIT, "{what}: not seen in the metrics:\n{}", metrics.text());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Kills the process (SIGKILL).
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Stops the process in order (SIGTERM); fails the test if it does not end well.
    #[track_caller]
    pub fn stop(&mut self) {
        let mut process = self.process.take().expect("a running server");
        signal(process.child.id(), Signal::SIGTERM);
        let start = Instant::now();
        loop {
            if let Some(status) = process.child.try_wait().expect("the state of the server") {
                assert!(status.success(), "SIGTERM ended the server with {status}:\n{}", self.log());
                return;
            }
            assert!(start.elapsed() < START_LIMIT, "the server does not stop:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Starts the process again: same configuration, data and addresses.
    #[track_caller]
    pub fn restart(&mut self) {
        assert!(self.process.is_none(), "stop or kill the server first");
        match launch(self.folder.path()) {
            Ok((addresses, process, log)) => {
                self.addresses = addresses;
                self.process = Some(process);
                let mut all = std::mem::take(&mut *self.log.lock().unwrap_or_else(PoisonError::into_inner));
                let mut new = log.lock().unwrap_or_else(PoisonError::into_inner);
                all.push("---- restarted ----".into());
                new.splice(0..0, all);
                drop(new);
                self.log = log;
            }
            Err(refusal) => {
                panic!(
                    "the server did not start again ({}):\n{}\n{}",
                    refusal.status,
                    refusal.output,
                    self.log()
                )
            }
        }
    }

    /// Sends the process a signal.
    pub fn signal(&self, which: Signal) {
        signal(self.pid(), which);
    }

    /// Everything that the process has written so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
            let skipped = log.len().saturating_sub(60);
            eprintln!("---- last lines of the server's log ----\n{}", log[skipped..].join("\n"));
        }
    }
}

/// A presentity that no other test uses: `sip:NAME-N@example.com`.
#[must_use]
pub fn user(name: &str) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    format!("sip:{name}-{}@example.com", NEXT.fetch_add(1, Ordering::Relaxed))
}

type Started = (Addresses, Process, Arc<Mutex<Vec<String>>>);

fn launch(folder: &Path) -> Result<Started, Refusal> {
    let binary = binary();
    let child = Command::new(&binary)
        .args(["serve", "--config"])
        .arg(folder.join("rollcall.toml"))
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let child = match child {
        Ok(child) => child,
        Err(why) => panic!("cannot run {}: {why} (ROLLCALL_BIN names the binary)", binary.display()),
    };
    let (mut process, stdout, stderr) = Process::start(child);
    let log = Arc::new(Mutex::new(Vec::new()));
    let (sender, lines) = channel();
    collect(stdout, Arc::clone(&log), Some(sender));
    collect(stderr, Arc::clone(&log), None);
    let start = Instant::now();
    loop {
        match wait_ready(&lines) {
            Some(addresses) => return Ok((addresses, process, log)),
            None => {
                if let Some(status) = process.child.try_wait().expect("the state of the server") {
                    // Its last words may still be on the way through the pipes.
                    std::thread::sleep(Duration::from_millis(50));
                    let output = log.lock().unwrap_or_else(PoisonError::into_inner).join("\n");
                    return Err(Refusal { status, output });
                }
                assert!(
                    start.elapsed() < START_LIMIT,
                    "the server is not ready after {START_LIMIT:?}:\n{}",
                    log.lock().unwrap_or_else(PoisonError::into_inner).join("\n")
                );
            }
        }
    }
}

/// Reads the line `rollcall: ready sip=udp:A:P,tcp:A:P admin=A:P`.
fn wait_ready(lines: &Receiver<String>) -> Option<Addresses> {
    while let Ok(line) = lines.recv_timeout(Duration::from_millis(50)) {
        let Some(rest) = line.strip_prefix("rollcall: ready ") else { continue };
        let word = |key: &str| rest.split(' ').find_map(|w| w.strip_prefix(key)?.strip_prefix('='));
        let listener = |kind: &str| {
            word("sip")?.split(',').find_map(|l| l.strip_prefix(kind)?.strip_prefix(':')?.parse().ok())
        };
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
        return Some(Addresses {
            udp: listener("udp").unwrap_or(nowhere),
            tcp: listener("tcp").unwrap_or(nowhere),
            admin: word("admin").and_then(|a| a.parse().ok()).unwrap_or(nowhere),
        });
    }
    None
}

fn collect(pipe: Box<dyn Read + Send>, log: Arc<Mutex<Vec<String>>>, copy: Option<Sender<String>>) {
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            if let Some(copy) = &copy {
                let _ = copy.send(line.clone());
            }
            log.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        }
    });
}

fn signal(pid: u32, which: Signal) {
    if let Ok(pid) = i32::try_from(pid) {
        let _ = kill(Pid::from_raw(pid), which);
    }
}

/// The binary: `ROLLCALL_BIN`, else `rollcall` beside or above the running executable, else in
/// the release folder of the same target directory.
#[must_use]
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("ROLLCALL_BIN") {
        return path.into();
    }
    let own = std::env::current_exe().expect("the path of this executable");
    let near = own.ancestors().skip(1).take(3).map(|folder| folder.join("rollcall"));
    let release = own.ancestors().skip(1).take(4).map(|folder| folder.join("release/rollcall"));
    near.chain(release).find(|path| path.is_file()).unwrap_or_else(|| "rollcall".into())
}

/// A port that is free for UDP and TCP, below the range from which the system takes ports for
/// sockets that do not ask for one, so that no phone of a test gets it first.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let base = u16::try_from(std::process::id() % 1000).unwrap_or(0) * 12;
    for _ in 0..12000 {
        let port = 20000 + (base + NEXT.fetch_add(1, Ordering::Relaxed)) % 12000;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if UdpSocket::bind(address).is_ok() && TcpListener::bind(address).is_ok() {
            return port;
        }
    }
    panic!("no free port");
}
