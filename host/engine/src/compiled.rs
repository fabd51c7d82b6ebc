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
use wasmtime::component::Component;

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
            Ok(component) => return Ok(component),
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
    Ok(())
}
