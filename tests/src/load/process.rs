//! What a server and its child processes use.

use nix::unistd::{SysconfVar, sysconf};
use std::time::Duration;

/// A process and all its descendants.
fn family(root: u32) -> Vec<u32> {
    let mut parents = Vec::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse::<u32>().ok()) else { continue };
        if let Some(parent) = stat(pid).and_then(|fields| fields.get(1)?.parse::<u32>().ok()) {
            parents.push((pid, parent));
        }
    }
    let mut all = vec![root];
    let mut next = 0;
    while let Some(parent) = all.get(next).copied() {
        all.extend(parents.iter().filter(|(_, p)| *p == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    all
}

/// Fields of `/proc/PID/stat` after the name: state, parent, …
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(") ")?;
    Some(rest.split(' ').map(str::to_owned).collect())
}

/// CPU time (user and system) that a process and its descendants have used.
#[must_use]
pub fn cpu(pid: u32) -> Duration {
    let ticks: u64 = family(pid)
        .into_iter()
        .filter_map(stat)
        .map(|f| [11, 12].iter().filter_map(|i| f.get(*i)?.parse::<u64>().ok()).sum::<u64>())
        .sum();
    let a_second =
        sysconf(SysconfVar::CLK_TCK).ok().flatten().and_then(|t| u64::try_from(t).ok()).unwrap_or(100);
    Duration::from_micros(ticks * 1_000_000 / a_second.max(1))
}

/// Memory of a process and its descendants that is in use, in bytes; what several share is
/// counted once (PSS).
#[must_use]
pub fn resident(pid: u32) -> u64 {
    family(pid)
        .into_iter()
        .filter_map(|pid| {
            let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
            let line = text.lines().find_map(|l| l.strip_prefix("Pss:"))?;
            line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
        })
        .sum::<u64>()
        * 1024
}
