//! Compiled components on disk, by digest of their bytes.
//!
//! Invariant: a file is written whole or not at all, and one that this build of wasmtime did
//! not write is not used.

// Deserialising trusts the file: the folder must be writable by the server's user only, as the
// program itself.
#![allow(unsafe_code)]

use sha2::{Digest as _, Sha256};
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};
use wasmtime::component::Component;

/// Compiled components that are kept: those that were used last.
const KEPT: usize = 16;

/// Nobody writes a file for so long.
const ABANDONED: Duration = Duration::from_secs(3600);

/// SHA-256 of a component.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Digest {
        Digest(Sha256::digest(bytes).into())
    }

    /// The digest itself.
    pub(crate) fn bytes(self) -> [u8; 32] {
        self.0
    }
}

impl From<[u8; 32]> for Digest {
    fn from(digest: [u8; 32]) -> Digest {
        Digest(digest)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The component in compiled form: from the folder if it is there, else compiled and put there.
pub(crate) fn component(
    engine: &wasmtime::Engine,
    bytes: &[u8],
    digest: Digest,
    folder: Option<&Path>,
) -> wasmtime::Result<Component> {
    let Some(folder) = folder else { return Component::new(engine, bytes) };
    let file = folder.join(format!("{digest}.cwasm"));
    if file.is_file() {
        // SAFETY: the folder holds only what `serialize` below wrote (see above); wasmtime refuses
        // files of another version or configuration of itself.
        match unsafe { Component::deserialize_file(engine, &file) } {
            Ok(component) => {
                touch(&file);
                return Ok(component);
            }
            Err(error) => tracing::debug!(%error, file = %file.display(), "compiled component not usable"),
        }
    }
    let component = Component::new(engine, bytes)?;
    if let Err(error) = keep(&component, folder, &file) {
        tracing::warn!(%error, folder = %folder.display(), "compiled component cannot be kept");
    }
    Ok(component)
}

fn keep(component: &Component, folder: &Path, file: &Path) -> wasmtime::Result<()> {
    std::fs::create_dir_all(folder)?;
    // A name of its own: two engines may compile the same component at the same time, and one must
    // not write into what the other has put in place and mapped.
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let partial = file.with_extension(format!("{}.{number}.partial", std::process::id()));
    std::fs::write(&partial, component.serialize()?)?;
    std::fs::rename(&partial, file)?;
    prune(folder, SystemTime::now())?;
    Ok(())
}

/// Notes that a file has been used.
fn touch(file: &Path) {
    // Without that it is taken for older than it is, and compiled anew one day.
    let opened = std::fs::File::options().append(true).open(file);
    let _ = opened.and_then(|opened| opened.set_modified(SystemTime::now()));
}

/// Removes all but those that were used last, and what writing that was broken off has left. One that is in
/// use stays mapped.
fn prune(folder: &Path, now: SystemTime) -> std::io::Result<()> {
    let mut kept = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let file = entry?.path();
        // It may have been removed or renamed meanwhile, here and below.
        let Ok(used) = std::fs::metadata(&file).and_then(|metadata| metadata.modified()) else { continue };
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("cwasm") => kept.push((used, file)),
            Some("partial") if now.duration_since(used).is_ok_and(|age| age > ABANDONED) => {
                let _ = std::fs::remove_file(file);
            }
            _ => {}
        }
    }
    kept.sort();
    let surplus = kept.len().saturating_sub(KEPT);
    for (_, file) in kept.drain(..surplus) {
        let _ = std::fs::remove_file(file);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_used_lately_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        let put = |name: &str, age: u64| {
            let file = std::fs::File::create(folder.path().join(name)).unwrap();
            file.set_modified(now - Duration::from_secs(age)).unwrap();
        };
        for number in 0..KEPT as u64 + 3 {
            put(&format!("{number}.cwasm"), 10 + number);
        }
        put("old.1.0.partial", 2 * ABANDONED.as_secs());
        put("new.1.1.partial", 1);
        put("note", 1_000_000);
        touch(&folder.path().join(format!("{}.cwasm", KEPT + 2)));
        prune(folder.path(), now).unwrap();
        let has = |name: &str| folder.path().join(name).exists();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), KEPT + 2);
        assert!(has("0.cwasm") && has(&format!("{}.cwasm", KEPT + 2)), "the last one used");
        assert!(!has(&format!("{}.cwasm", KEPT + 1)) && !has(&format!("{}.cwasm", KEPT - 1)));
        assert!(has("new.1.1.partial") && has("note") && !has("old.1.0.partial"));
    }
}
