//! Starting, killing and stopping the host under test, by the commands that the driver was given.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// How long a host may take to end.
const LIMIT: Duration = Duration::from_secs(60);

/// The host's process, if the driver may start it.
pub struct Control {
    start: Option<String>,
    running: Mutex<Option<Child>>,
}

impl Control {
    /// A host that `start`, a command of the shell, starts and keeps in the foreground; none for one that runs
    /// already and goes on.
    pub fn new(start: Option<String>) -> Self {
        Self { start, running: Mutex::new(None) }
    }

    /// Whether the host can be killed and started again.
    pub fn can_restart(&self) -> bool {
        self.start.is_some()
    }

    fn child(&self) -> std::sync::MutexGuard<'_, Option<Child>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts it, in a process group of its own, so that a kill reaches all that the command has started.
    pub fn start(&self) -> Result<(), String> {
        let Some(start) = &self.start else { return Ok(()) };
        let mut command = Command::new("sh");
        command.args(["-c", start]).stdin(Stdio::null()).stdout(Stdio::null()).process_group(0);
        let child = command.spawn().map_err(|error| format!("cannot run {start:?}: {error}"))?;
        *self.child() = Some(child);
        Ok(())
    }

    /// SIGKILL: as if the power were gone.
    pub fn kill(&self) -> Result<(), String> {
        self.end(Signal::SIGKILL)
    }

    /// SIGTERM, and waits for the end.
    pub fn stop(&self) -> Result<(), String> {
        self.end(Signal::SIGTERM)
    }

    fn end(&self, signal: Signal) -> Result<(), String> {
        let Some(mut child) = self.child().take() else { return Ok(()) };
        let group = Pid::from_raw(child.id().cast_signed());
        // It may have ended by itself: that shows below.
        let _ = killpg(group, signal);
        let end = Instant::now() + LIMIT;
        // The shell may be gone before the host that it has started: the group is what counts.
        loop {
            let shell = child.try_wait().map_err(|error| error.to_string())?;
            if shell.is_some() && killpg(group, None).is_err() {
                return Ok(());
            }
            if Instant::now() > end {
                let _ = killpg(group, Signal::SIGKILL);
                return Err(format!("the host has not ended {LIMIT:?} after {signal}"));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

/// Runs a command of the shell to its good end.
pub fn run(command: &str) -> Result<(), String> {
    let output = Command::new("sh").args(["-c", command]).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("cannot run {command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?} ended with {}: {}", output.status, said.trim()))
}
