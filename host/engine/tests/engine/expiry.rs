//! Records with an end (`storage.put`, `expires`).

use crate::host::{Host, quiet};
use rollcall_storage::{Engine as _, Memory, PartitionKey, testing::Faulty};
use std::time::Duration;

#[test]
fn an_expired_record_is_as_good_as_deleted() {
    let host = Host::new();
    host.print("enter p\nexpire short 1000 v\nexpire long 100000 v\nput ever v");
    assert_eq!(host.print("enter p\nget short\nscan 10 "), "v\never\nlong\nshort");
    host.clock.advance(1000);
    assert_eq!(host.print("enter p\nget short\nscan 10 "), "-\never\nlong");
    assert_eq!(host.print("enter p\nput short new\nget short"), "new");
    host.clock.advance(1_000_000);
    assert_eq!(host.print("enter p\nscan 10 "), "ever\nshort");
}

#[test]
fn the_space_of_expired_records_is_freed() {
    let store = Faulty::new(Memory::new());
    let mut config = quiet();
    config.flush_interval = Duration::from_millis(10);
    let host = Host::with(config, store.clone());
    host.print("enter p\nexpire short 1000 v");
    let key = PartitionKey::new("p").unwrap();
    assert_eq!(store.inner().scan(&key, b"", None, 10, 0).unwrap().len(), 1);
    host.clock.advance(3_600_000);
    host.wait_until("sweep", || store.inner().scan(&key, b"", None, 10, 0).unwrap().is_empty());
}
