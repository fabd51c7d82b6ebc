//! What a start takes up: what the last stop has left in the store.
//!
//! Invariant: what an orderly stop wrote down is told once, and after a stop without order every
//! partition with records is told.

use crate::background::Task;
use crate::runner::Shared;
use rollcall_storage::{Engine as Storage, PartitionKey};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// Name of the store's note on what an orderly stop left open.
pub(crate) const META_STOP: &str = "orderly-stop";

/// Partitions read from the store at once.
const PAGE: usize = 1000;

/// Recovery tasks that may wait at once: recovery must not crowd out traffic.
const RECOVERY_AHEAD: usize = 200;

/// What an orderly stop writes down for the next start.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct StopNote {
    /// Partitions with requests whose outcome was open.
    pub unsettled: Vec<String>,
    /// Records by kind, if they were counted.
    pub counts: Option<Vec<(u8, i64)>>,
}

/// Partitions with something in the outbox.
pub(crate) fn pending(storage: &dyn Storage) -> Result<HashSet<PartitionKey>, rollcall_storage::Error> {
    let mut pending = HashSet::new();
    let mut after = None;
    loop {
        let page = storage.pending(after.as_ref(), PAGE)?;
        let Some(last) = page.last().cloned() else { return Ok(pending) };
        pending.extend(page);
        after = Some(last);
    }
}

/// Takes up what the last stop left: outboxes, open outcomes, lost relaxed writes. True if it was
/// not stopped before the end.
pub(crate) fn resume(shared: &Arc<Shared>, note: Option<StopNote>, counted: bool) -> bool {
    let opened = shared.storage.opened();
    let unsettled = note.iter().flat_map(|note| &note.unsettled);
    let unsettled: Vec<PartitionKey> = unsettled.filter_map(|name| PartitionKey::new(name).ok()).collect();
    // All at once: a stop before they have been told must write them down again.
    shared.recovering.lock().extend(unsettled.iter().cloned());
    for partition in shared.registry.unresumed() {
        if !room(shared) {
            return counted;
        }
        shared.background.push(Task::Outbox(partition));
    }
    for partition in unsettled {
        if !room(shared) {
            return counted;
        }
        shared.background.push(Task::Recover(partition));
    }
    if counted && opened.clean {
        return true;
    }
    let complete = each_partition(
        shared,
        |after| shared.storage.partitions(after, PAGE),
        |partition| {
            match shared.registry.hold(&partition, shared.clock.now_ms()) {
                Ok(mut live) => shared.registry.count_partition(&mut live),
                Err(error) => tracing::error!(%partition, %error, "a partition cannot be read"),
            }
            if !opened.clean {
                shared.recover(partition);
            }
        },
    );
    if complete {
        shared.registry.end_counting();
        tracing::info!(epoch = opened.epoch, "recovery has looked at every partition");
    }
    complete
}

/// Waits until there is little background work; false if the engine stops.
fn room(shared: &Shared) -> bool {
    while shared.background.queued() > RECOVERY_AHEAD && !shared.background.stopped() {
        std::thread::sleep(Duration::from_millis(1));
    }
    !shared.background.stopped()
}

/// Walks over pages of partitions, not faster than background work gets done. True if it came to
/// the end.
fn each_partition(
    shared: &Arc<Shared>,
    page: impl Fn(Option<&PartitionKey>) -> Result<Vec<PartitionKey>, rollcall_storage::Error>,
    mut visit: impl FnMut(PartitionKey),
) -> bool {
    let mut after = None;
    loop {
        let partitions = match page(after.as_ref()) {
            Ok(partitions) => partitions,
            Err(error) => {
                tracing::error!(%error, "the store cannot be listed");
                return false;
            }
        };
        let Some(last) = partitions.last().cloned() else { return true };
        for partition in partitions {
            if !room(shared) {
                return false;
            }
            visit(partition);
        }
        shared.registry.evict(shared.committer.durable());
        after = Some(last);
    }
}
