//! `[storage]`: where records are kept and how.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::resolved;
use super::section::Section;
use super::value::{duration, memory, one_of, text};

/// `[storage]`. What is absent is left to the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storage {
    /// What keeps the records.
    pub engine: StorageEngine,
    /// How long a commit waits for others to share its fsync.
    pub commit_interval: Option<Duration>,
    /// After how long relaxed writes reach the engine, at the latest.
    pub flush_interval: Option<Duration>,
    /// Memory for live partitions, in bytes; the least recently used go first.
    pub live_memory: Option<usize>,
}

/// What keeps the records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StorageEngine {
    /// The embedded engine, in a folder.
    Fjall {
        /// The folder; made if it is not there.
        path: PathBuf,
    },
    /// Nothing: all is gone when the server stops. `path` is not used.
    Memory,
}

impl Storage {
    pub(super) fn read(mut section: Section<'_>, folder: &Path) -> Option<Self> {
        #[derive(Clone, Copy)]
        enum Kind {
            Fjall,
            Memory,
        }
        let kinds = [("fjall", Kind::Fjall), ("memory", Kind::Memory)];
        let kind = section.value("engine", one_of(&kinds)).unwrap_or(Kind::Fjall);
        if matches!(kind, Kind::Fjall) {
            section.require("path", "the folder to keep the records in");
        }
        let path = section.value("path", text).map(|path| resolved(folder, path));
        let engine = match kind {
            Kind::Fjall => path.map(|path| StorageEngine::Fjall { path }),
            Kind::Memory => Some(StorageEngine::Memory),
        };
        let commit_interval =
            section.value("commit_interval", duration(Duration::ZERO..=Duration::from_millis(100)));
        let flush_interval =
            section.value("flush_interval", duration(Duration::from_millis(10)..=Duration::from_secs(1)));
        let live_memory = section.value("live_memory", memory(1 << 20..=1 << 40));
        section.finish();
        Some(Self { engine: engine?, commit_interval, flush_interval, live_memory })
    }
}
