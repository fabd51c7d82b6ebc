//! From the core module to the component, and where it is put.

use std::path::{Path, PathBuf};

use crate::Error;

/// A built component.
#[derive(Clone, Debug)]
pub struct Component {
    /// The component, in the binary format.
    pub bytes: Vec<u8>,
    /// Files that it was built from, for the build script to watch: sources of the package and
    /// of its path dependencies, manifests, the lock file.
    pub sources: Vec<PathBuf>,
}

/// Wraps a core module as the component that its wit-bindgen metadata describes.
pub(crate) fn componentize(module: &Path) -> Result<Vec<u8>, Error> {
    let core = std::fs::read(module).map_err(|error| Error::file(module, error))?;
    wit_component::ComponentEncoder::default()
        .validate(true)
        .module(&core)
        .and_then(|encoder| encoder.encode())
        .map_err(|error| Error::Componentize { module: module.to_owned(), reason: format!("{error:#}") })
}

/// Keeps other builds in this target folder waiting for as long as the file is open.
pub(crate) fn lock(target_dir: &Path) -> Result<std::fs::File, Error> {
    let path = target_dir.join("guest.lock");
    std::fs::create_dir_all(target_dir)
        .and_then(|()| std::fs::File::create(&path))
        .and_then(|file| file.lock().map(|()| file))
        .map_err(|error| Error::file(&path, error))
}

/// Writes a file as a whole or not at all, and not when it is the same already: two builds may
/// write one file, and a new time stamp would make cargo build what depends on it again.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    if std::fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}", std::process::id()));
    let new = path.with_file_name(name);
    std::fs::write(&new, bytes)
        .and_then(|()| std::fs::rename(&new, path))
        .map_err(|error| Error::file(path, error))
}

/// The target folder of the cargo that runs this build script. Cargo marks it for backup
/// programs; how deep `OUT_DIR` lies in it differs (cross compilation).
pub(crate) fn target_dir(out_dir: &Path) -> PathBuf {
    let marked = out_dir.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    marked.unwrap_or(out_dir).to_owned()
}
