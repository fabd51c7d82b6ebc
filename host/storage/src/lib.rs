//! Storage of the Rollcall host: what an engine must do ([`Engine`]), the engine on disk ([`Fjall`]), one in memory
//! ([`Memory`]), the suite that every engine passes ([`conformance`]) and engines for tests of what lies above
//! ([`testing`]).
//!
//! All state of the server lies in *partitions*. A partition holds records (ordered by key), timers and an
//! outbox; a [`Commit`] changes one partition, whole or not at all, and only if nobody else changed it since the
//! state that the commit was computed from. Nothing ever spans two partitions, so that an engine for a cluster
//! may keep each one wherever it likes (in Valkey or Redis Cluster: one hash slot a partition).
//!
//! The cache of live partitions, the coalescing of relaxed writes and the queue that collects commits into groups
//! lie above an engine; the engine sees groups.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod conformance;
mod due;
mod engine;
#[cfg(feature = "fjall")]
mod fjall;
mod memory;
mod model;
mod partition;
pub mod testing;
mod versions;

pub use engine::{Applied, Conflict, Engine, Error, Opened, Page};
#[cfg(feature = "fjall")]
pub use fjall::{Fjall, FjallOptions};
pub use memory::Memory;
pub use model::{Commit, Entry, Image, MAX_KEY, MAX_VALUE, Op, Record, Timer};
pub use partition::{InvalidPartition, MAX_PARTITION, PartitionKey};
