//! Recovery (`handler.on-recovery`): once for each partition after an unclean start.

use crate::host::Host;
use rollcall_storage::conformance::Durable;
use rollcall_storage::testing::Disk;
use std::time::Duration;

fn filled(disk: &Disk, partitions: usize) -> Host {
    let host = Host::on(disk.open());
    for p in 0..partitions {
        host.print(&format!("enter p{p}\nput on-recovery add recovered 1"));
    }
    host
}

#[test]
fn every_partition_is_told_once_after_a_crash_and_not_after_a_stop() {
    let disk = Disk::default();
    drop(filled(&disk, 50));
    let host = Host::on(disk.open());
    for p in 0..50 {
        host.wait_for(&format!("p{p}"), "recovered", "1");
    }
    host.settle();
    host.stop();
    drop(host);
    let host = Host::on(disk.open());
    host.settle();
    for p in 0..50 {
        assert_eq!(host.get(&format!("p{p}"), "recovered"), "1");
    }
}

#[test]
fn a_failing_recovery_is_tried_again_also_after_an_orderly_stop() {
    let disk = Disk::default();
    let host = Host::on(disk.open());
    host.print("enter p\nput on-recovery need key;add recovered 1");
    drop(host);
    let host = Host::on(disk.open());
    host.wait_until("failure", || host.engine.metrics().traps.get() >= 1);
    host.wait_until("walk", || host.engine.gauges().tasks == 0);
    std::thread::sleep(Duration::from_millis(20));
    host.stop();
    drop(host);
    let host = Host::on(disk.open());
    host.print("enter p\nput key 1");
    host.wait_until("recovery", || {
        host.clock.advance(1_000);
        host.get("p", "recovered") == "1"
    });
}

#[test]
fn a_stop_amid_the_recovery_does_not_end_it() {
    let disk = Disk::default();
    drop(filled(&disk, 600));
    let host = Host::on(disk.open());
    host.stop();
    drop(host);
    let host = Host::on(disk.open());
    for p in 0..600 {
        host.wait_until("recovery", || host.get(&format!("p{p}"), "recovered") != "-");
    }
}

#[test]
fn partitions_with_open_requests_are_told_after_an_orderly_stop() {
    let disk = Disk::default();
    let host = filled(&disk, 5);
    host.print("enter p3\nrelax x 1\nsend TEST outcome k");
    let (id, _) = host.edge.wait_for_sends(1).remove(0);
    host.stop();
    // Too late: it counts as open.
    host.fail(id);
    drop(host);
    let host = Host::on(disk.open());
    host.wait_for("p3", "recovered", "1");
    host.settle();
    for p in [0, 1, 2, 4] {
        assert_eq!(host.get(&format!("p{p}"), "recovered"), "-");
    }
    assert_eq!(host.print("epoch"), "0");
}
