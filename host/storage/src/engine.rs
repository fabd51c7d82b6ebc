//! The contract of a storage engine.

use bytes::Bytes;

use crate::{Commit, Entry, Image, PartitionKey, Record};

/// A database that keeps partitions.
///
/// # Contract
///
/// * **Atomic.** A commit is visible whole or not at all, to every reader and after every crash.
/// * **Versions.** A version belongs to one partition and never goes down while the engine is open; each applied
///   commit makes it exactly one more than [`Commit::expected`]. A commit applies only if the version is still the
///   expected one. So a state once read is either still current or its version is refused, also when the partition
///   became empty in between. A partition never heard of usually has version 0, but that is not promised; nor does
///   0 mean that it is empty. Versions must not be kept beyond the life of the engine value: an engine that has
///   its database to itself may begin anew at the next start. An engine may refuse a commit although nothing
///   changed (it may have forgotten the version); the caller loads again and repeats its work.
/// * **Order.** Commits of a group apply in their order, and a later commit of the group may expect what an
///   earlier one produces. Groups given by several threads at once apply in some order.
/// * **Durable.** When [`apply`](Engine::apply) with `sync` returns, everything that was applied before (also
///   without `sync`) survives a crash. What was applied without `sync` may be lost in a crash, but never a part of
///   a commit, and of two commits of one partition never the earlier one alone.
/// * **Expiry.** A record that has expired at the `now` of a call is not returned by it.
/// * **Failure.** Corrupt data and failing disks give an [`Error`], never a panic. After an error of `apply` it
///   is unknown which commits of the group are there, though each is there whole or not at all.
///
/// Calls block. All instants are milliseconds since 1970.
pub trait Engine: Send + Sync + 'static {
    /// The whole partition, without records that have expired at `now`. Nothing there: an empty image.
    fn load(&self, partition: &PartitionKey, now: u64) -> Result<Image, Error>;

    /// The version alone. Read it *before* the records that a commit is computed from.
    fn version(&self, partition: &PartitionKey) -> Result<u64, Error>;

    /// One record, if it is there and has not expired at `now`.
    fn get(&self, partition: &PartitionKey, key: &[u8], now: u64) -> Result<Option<Record>, Error>;

    /// Up to `limit` records whose keys start with `prefix`, in order of their keys, beginning after the key
    /// `after` where one is given, without those that have expired at `now`.
    fn scan(
        &self,
        partition: &PartitionKey,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
        now: u64,
    ) -> Result<Vec<Entry>, Error>;

    /// Applies a group of commits, each by itself, and tells for each its new version or that it was refused.
    /// With `sync`, all of it is durable on return. A commit beyond the limits fails the whole group with
    /// [`Error::TooLarge`] before anything is changed.
    fn apply(&self, group: Vec<Commit>, sync: bool) -> Result<Vec<Applied>, Error>;

    /// Up to `limit` partitions whose wake-up instant is `until` or earlier, with it, earliest first.
    fn due(&self, until: u64, limit: usize) -> Result<Vec<(u64, PartitionKey)>, Error>;

    /// The earliest wake-up instant of all partitions.
    fn next_due(&self) -> Result<Option<u64>, Error>;

    /// Partitions that hold anything, a page at a time, in an order of the engine's choice. A partition that holds
    /// something the whole time is listed exactly once; one that only holds expired records may be listed.
    fn partitions(&self, after: Option<&PartitionKey>, limit: usize) -> Result<Page, Error>;

    /// Partitions with something in the outbox, like [`partitions`](Engine::partitions).
    fn pending(&self, after: Option<&PartitionKey>, limit: usize) -> Result<Page, Error>;

    /// Frees the space of records that have expired at `now`, which must not be later than the `now` of any call
    /// to come. Looks at about `limit` records, beginning in the partition after `after`; gives the partition to
    /// go on after, or none at the end. Changes no version.
    fn sweep(
        &self,
        after: Option<&PartitionKey>,
        limit: usize,
        now: u64,
    ) -> Result<Option<PartitionKey>, Error>;

    /// How the store was found when this value was opened.
    fn opened(&self) -> Opened;

    /// Makes everything durable and marks the stop as orderly. Afterwards `apply`, `put_meta` and `sweep` give
    /// [`Error::Closed`]. Calling it again does nothing.
    fn close(&self) -> Result<(), Error>;

    /// A small value about the whole store, by name.
    fn get_meta(&self, name: &str) -> Result<Option<Bytes>, Error>;

    /// Writes a small value about the whole store; durable on return.
    fn put_meta(&self, name: &str, value: &[u8]) -> Result<(), Error>;
}

/// What became of a commit: the new version of its partition, or a refusal.
pub type Applied = Result<u64, Conflict>;

/// Some partitions; fewer than the limit asked for means that there are no more.
pub type Page = Vec<PartitionKey>;

/// The partition had another version than the commit expected; nothing of the commit was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the partition has version {current} by now")]
pub struct Conflict {
    /// The version that the partition has.
    pub current: u64,
}

/// How a store was found when it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    /// Number of times that the store was opened after a stop without order, over its whole life.
    pub epoch: u64,
    /// Whether the stop before this start was orderly. True for a new store.
    pub clean: bool,
}

/// Why a call of an engine failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database failed: the disk, the network, the engine itself.
    #[error("the database failed")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database holds something that no version of this engine wrote.
    #[error("the database is corrupt: {0}")]
    Corrupt(&'static str),
    /// A write failed earlier, so that it is unknown what is on the disk. Open the store again.
    #[error("an earlier write failed; the store has to be opened again")]
    Failed,
    /// The engine was closed.
    #[error("the store is closed")]
    Closed,
    /// A commit with a key or value beyond the limits. Nothing was changed.
    #[error("a commit of partition {partition} exceeds the limits")]
    TooLarge {
        /// The partition of the commit.
        partition: PartitionKey,
    },
}
