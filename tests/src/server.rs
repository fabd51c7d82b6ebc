//! The server under test: a real process, started, watched, stopped, killed, started again.

use crate::process::{Process, Ready, signal};
use crate::{Admin, Config, LIMIT};
use nix::sys::signal::Signal;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a server may take to get ready, and to stop in order.
const START_LIMIT: Duration = Duration::from_secs(60);
/// From here on a jump of time is near to what SIP takes for silence (32 s, RFC 3261 17.1.2.2).
const LARGE: Duration = Duration::from_secs(15);
/// Longest wait for what may not come to an end.
const HANGS: Duration = Duration::from_millis(500);

/// A server process with a folder of its own.
pub struct Server {
    folder: TempDir,
    ready: Ready,
    process: Option<Process>,
    log: Arc<Mutex<Vec<String>>>,
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
                Ok((ready, process, log)) => {
                    return Self { folder, ready, process: Some(process), log };
                }
                Err(refusal) if attempt < 3 && refusal.output.to_lowercase().contains("in use") => {}
                Err(refusal) => panic!("the server did not start ({}):\n{}", refusal.status, refusal.output),
            }
        }
        unreachable!()
    }

    /// As [`Self::start`], with these files (name and text) in its folder.
    #[track_caller]
    #[must_use]
    pub fn start_with(files: &[(&str, &str)], config: Config) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).expect("write a file");
        }
        Self::start_in(folder, config)
    }

    /// Replaces a file in the folder as an operator should: by renaming a new one over it.
    #[track_caller]
    pub fn replace(&self, name: &str, text: &str) {
        let new = self.folder().join("new");
        std::fs::write(&new, text).expect("write a file");
        std::fs::rename(new, self.folder().join(name)).expect("rename a file");
    }

    /// Has the server read its maps and lists again; fails the test if one of them is broken.
    #[track_caller]
    pub fn reload(&self) {
        let (status, report) = self.admin().call("POST", "/reload");
        assert_eq!(status, 200, "{report}");
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
    pub fn shared() -> Shared {
        static SHARED: OnceLock<Server> = OnceLock::new();
        Shared(SHARED.get_or_init(|| Self::start(Config::new())))
    }

    /// Address of the UDP listener.
    #[must_use]
    pub fn udp(&self) -> SocketAddr {
        self.ready.udp
    }

    /// Address of the TCP listener.
    #[must_use]
    pub fn tcp(&self) -> SocketAddr {
        self.ready.tcp
    }

    /// The admin address.
    #[must_use]
    pub fn admin(&self) -> Admin {
        Admin(self.ready.admin)
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
        self.process.as_ref().expect("a running server").id()
    }

    /// True while the process runs.
    pub fn is_alive(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| process.ended().is_none())
    }

    /// Moves the virtual clock on. Whatever became due has fired when this returns, or does so
    /// shortly after. Before a large jump what is under way arrives: it would count as silence.
    #[track_caller]
    pub fn advance(&self, by: Duration) {
        if by >= LARGE {
            self.settle(0, || false);
        }
        self.move_clock(by);
    }

    #[track_caller]
    pub(crate) fn move_clock(&self, by: Duration) {
        let (status, body) = self.admin().call("POST", &format!("/clock/advance?ms={}", by.as_millis()));
        assert_eq!(status, 200, "POST /clock/advance: {body}");
    }

    /// Waits until nothing is under way between the server and its peers but `hanging` requests and nobody is busy,
    /// or something hangs for long.
    pub(crate) fn settle(&self, hanging: u32, busy: impl Fn() -> bool) {
        let begun = Instant::now();
        while begun.elapsed() < HANGS {
            let metrics = self.admin().metrics();
            let most = |name: &str, most: u32| metrics.sum(name, &[]).unwrap_or(0.0) <= f64::from(most);
            if !busy() && most("rollcall_outbox_depth", 0) && most("rollcall_sends_in_flight", hanging) {
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
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
        signal(process.id(), Signal::SIGTERM);
        let start = Instant::now();
        loop {
            if let Some(status) = process.ended() {
                assert!(status.success(), "SIGTERM ended the server with {status}:\n{}", self.log());
                return;
            }
            assert!(start.elapsed() < START_LIMIT, "the server does not stop:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Changes the configuration for the next start.
    pub fn reconfigure(&self, change: impl FnOnce(Config) -> Config) {
        let file = self.folder.path().join("rollcall.toml");
        std::fs::write(&file, change(Config::read(&file)).text()).expect("write the configuration");
    }

    /// Starts the process again: same configuration, data and addresses.
    #[track_caller]
    pub fn restart(&mut self) {
        assert!(self.process.is_none(), "stop or kill the server first");
        match launch(self.folder.path()) {
            Ok((ready, process, log)) => {
                self.ready = ready;
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

    /// Shows the end of the log where a test has failed.
    fn report(&self) {
        if std::thread::panicking() {
            let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
            let skipped = log.len().saturating_sub(60);
            eprintln!("---- last lines of the server's log ----\n{}", log[skipped..].join("\n"));
        }
    }

    /// Everything that the process has written so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.report();
    }
}

/// The shared server in the hands of one test. It goes on when the test is over.
pub struct Shared(&'static Server);

impl std::ops::Deref for Shared {
    type Target = Server;

    fn deref(&self) -> &Server {
        self.0
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.0.report();
    }
}

/// A presentity that no other test uses: `sip:NAME-N@example.com`.
#[must_use]
pub fn user(name: &str) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    format!("sip:{name}-{}@example.com", NEXT.fetch_add(1, Ordering::Relaxed))
}

type Started = (Ready, Process, Arc<Mutex<Vec<String>>>);

fn launch(folder: &Path) -> Result<Started, Refusal> {
    let mut process = Process::serve(&crate::process::binary(), &folder.join("rollcall.toml"), folder);
    let log = Arc::new(Mutex::new(Vec::new()));
    let copy = Arc::clone(&log);
    let ready = process.read_output(move |line| {
        copy.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    });
    let output = || log.lock().unwrap_or_else(PoisonError::into_inner).join("\n");
    let start = Instant::now();
    loop {
        if let Ok(ready) = ready.recv_timeout(Duration::from_millis(20)) {
            return Ok((ready, process, log));
        }
        if let Some(status) = process.ended() {
            // Its last words may still be on the way through the pipes.
            std::thread::sleep(Duration::from_millis(50));
            return Err(Refusal { status, output: output() });
        }
        assert!(
            start.elapsed() < START_LIMIT,
            "the server is not ready after {START_LIMIT:?}:\n{}",
            output()
        );
    }
}

/// A port that is free for UDP and TCP, below the range from which the system takes ports for
/// sockets that do not ask for one, so that no phone of a test gets it first.
#[must_use]
pub fn free_port() -> u16 {
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
