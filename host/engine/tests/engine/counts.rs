//! Records by kind, as operators see them.

use crate::host::Host;
use rollcall_storage::conformance::Durable;
use rollcall_storage::testing::{Disk, Fault, Faulty};

fn counts(host: &Host) -> (i64, i64) {
    let records = host.engine.gauges().records;
    let of = |kind: &str| records.iter().find(|(name, _)| name == kind).unwrap().1;
    (of("apple"), of("banana"))
}

#[test]
fn records_are_counted_by_kind_over_every_way_to_start() {
    let disk = Disk::default();
    let host = Host::on(disk.open());
    assert_eq!(counts(&host), (0, 0));
    for p in 0..30 {
        host.print(&format!("enter p{p}\nput a1 x\nput a2 x\nput b1 x\nput c x"));
    }
    host.print("enter p0\ndelete a1\nput a2 y\nrelax b2 x\nrelaxed_delete none");
    assert_eq!(host.run("enter p1\ndelete a1\ndelete b1\ntraps"), rollcall_engine::Answer::Failed);
    assert_eq!(counts(&host), (59, 31));
    host.stop();
    drop(host);
    let host = Host::on(disk.open());
    assert_eq!(counts(&host), (59, 31), "right after an orderly stop");
    host.print("enter p5\ndelete b1");
    drop(host);
    let host = Host::on(disk.open());
    // Changed while the count goes on.
    host.print("enter p7\ndelete b1");
    host.print("enter new\nput a x");
    host.wait_until("count", || counts(&host) == (60, 29));
    host.settle();
    assert_eq!(counts(&host), (60, 29));
}

#[test]
fn a_conflict_does_not_count_twice() {
    let disk = Disk::default();
    let store = Faulty::new(disk.open());
    let host = Host::on(store.clone());
    host.print("enter p\nput a1 x");
    store.next_apply([Fault::Conflict; 3]);
    host.print("enter p\nput a2 x\ndelete a1\nput b x");
    assert_eq!(counts(&host), (1, 1));
}
