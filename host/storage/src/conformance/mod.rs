//! What every engine must pass. The functions panic where an engine breaks the contract of [`Engine`].
//!
//! ```
//! rollcall_storage::conformance::run(rollcall_storage::Memory::new);
//! ```

#![expect(clippy::expect_used, reason = "this is test code that other crates call")]

mod contents;
mod durable;
mod index;
mod model;

use bytes::Bytes;

pub use self::{
    durable::{Durable, run_durable},
    model::{play, play_durable},
};
use crate::{Applied, Commit, Conflict, Engine, Entry, Op, PartitionKey, Record, Timer};

/// Runs everything that does not need the store to be opened again. `make` gives a new, empty store each time.
pub fn run<E: Engine>(make: impl Fn() -> E) {
    let checks: [fn(&E); 13] = [
        contents::unknown_partition_is_empty,
        contents::what_is_written_is_there,
        contents::scans_are_ordered_and_bounded,
        contents::partitions_do_not_bleed,
        contents::large_values_and_limits,
        contents::expired_is_gone,
        contents::stale_commits_are_refused,
        contents::emptied_partition_refuses_old_state,
        contents::group_builds_on_itself,
        contents::writers_race_without_loss,
        index::due_index,
        index::listings,
        index::sweep_and_meta,
    ];
    for check in checks {
        check(&make());
    }
    for seed in 1..=6_u64 {
        let actions: Vec<u64> = (0..150).scan(seed, |state, _| Some(scramble(state))).collect();
        play(&make(), &actions);
    }
}

/// A number that looks random (splitmix64), for tests that must be the same each time.
fn scramble(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn name(name: &str) -> PartitionKey {
    PartitionKey::new(name).expect("a good name")
}

fn record(value: &[u8], expires: Option<u64>) -> Record {
    Record { value: Bytes::copy_from_slice(value), expires }
}

fn put(key: &[u8], value: &[u8]) -> Op {
    Op::PutRecord { key: key.to_vec(), record: record(value, None) }
}

fn delete(key: &[u8]) -> Op {
    Op::DeleteRecord { key: key.to_vec() }
}

fn timer(name: &[u8], due: u64) -> Op {
    let timer = Timer { due, payload: Bytes::copy_from_slice(name) };
    Op::SetTimer { name: name.to_vec(), timer }
}

fn entry(key: &[u8], value: &[u8]) -> Entry {
    Entry { key: key.to_vec(), record: record(value, None) }
}

fn commit(partition: &PartitionKey, expected: u64, ops: Vec<Op>) -> Commit {
    Commit { partition: partition.clone(), expected, ops, wake: None }
}

fn apply_one(engine: &impl Engine, commit: Commit) -> Applied {
    let results = engine.apply(vec![commit], true).expect("the group applies");
    let [result] = results[..] else { unreachable!("one result for one commit") };
    result
}

/// Changes a partition whatever its version; sets its wake-up from its timers.
fn change(engine: &impl Engine, partition: &PartitionKey, ops: Vec<Op>) -> u64 {
    let before = engine.load(partition, 0).expect("the partition loads");
    let mut timers: std::collections::BTreeMap<_, _> =
        before.timers.iter().map(|(name, timer)| (name.clone(), timer.due)).collect();
    for op in &ops {
        match op {
            Op::SetTimer { name, timer } => drop(timers.insert(name.clone(), timer.due)),
            Op::CancelTimer { name } => drop(timers.remove(name)),
            _ => {}
        }
    }
    let wake = timers.into_values().min();
    let wake = (wake != before.wake()).then_some(wake);
    let change = Commit { wake, ..commit(partition, before.version, ops) };
    let version = apply_one(engine, change).expect("the version is current");
    assert_eq!(version, before.version + 1, "a commit makes the version one more");
    version
}

fn refused(result: Applied) -> bool {
    matches!(result, Err(Conflict { .. }))
}
