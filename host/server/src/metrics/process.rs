//! The process itself.

use std::fmt;
use std::time::Instant;

use super::{Page, Source};

/// The process: its age and its memory.
#[derive(Clone, Copy, Debug)]
pub struct Process {
    /// When it started to serve.
    pub started: Instant,
}

impl Source for Process {
    fn tell(&self, page: &mut Page<'_>) -> fmt::Result {
        page.gauge("uptime_seconds", "Seconds since the start", self.started.elapsed().as_secs())?;
        match resident() {
            Some(bytes) => page.gauge("resident_memory_bytes", "Memory of the process in RAM", bytes),
            None => Ok(()),
        }
    }
}

/// Resident memory in bytes; none where the system does not tell.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}
