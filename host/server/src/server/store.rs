//! The store of the server: opening it, and leaving no trace of a start that failed.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rollcall_storage::{Engine, Fjall, FjallOptions, Memory};
use tracing::warn;

use super::ServeError;
use crate::configuration::StorageEngine;

/// An open store.
pub(super) struct Store {
    pub storage: Arc<dyn Engine>,
    /// Where compiled components are kept.
    pub compiled: Option<PathBuf>,
    /// The folder, if it was not there before.
    made: Option<PathBuf>,
}

impl Store {
    /// Opens the store, or makes it.
    pub fn open(engine: &StorageEngine) -> Result<Self, ServeError> {
        let path = match engine {
            StorageEngine::Memory => {
                return Ok(Self { storage: Arc::new(Memory::new()), compiled: None, made: None });
            }
            StorageEngine::Fjall { path } => path,
        };
        let made = (!path.exists()).then(|| path.clone());
        make_private(path).map_err(|cause| ServeError::StorageFolder { folder: path.clone(), cause })?;
        let storage =
            Fjall::open(path.join("records"), FjallOptions::default()).map_err(ServeError::Storage)?;
        Ok(Self { storage: Arc::new(storage), compiled: Some(path.join("compiled")), made })
    }

    /// Closes the store of a server that did not start. A store that was made for it goes away
    /// again: a configuration that is refused starts nothing.
    pub fn abandon(self) {
        if let Err(error) = self.storage.close() {
            warn!(%error, "the store was not closed in order");
        }
        drop(self.storage);
        if let Some(folder) = self.made
            && let Err(error) = std::fs::remove_dir_all(&folder)
        {
            warn!(%error, folder = %folder.display(), "the new store cannot be removed");
        }
    }
}

/// Makes a folder that nobody else may look into: it holds who watches whom, and code that is run.
fn make_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}
