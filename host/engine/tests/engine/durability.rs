//! Nothing of a step leaves before all that it has seen is on disk (`wit/plugin.wit`, storage).

use crate::host::{Host, PATIENCE, quiet};
use rollcall_engine::Answer;
use rollcall_storage::conformance::Durable;
use rollcall_storage::testing::{Disk, Faulty};
use rollcall_storage::{Engine as _, Memory, PartitionKey};
use std::time::Duration;

#[test]
fn a_durable_step_answers_and_sends_after_its_commit() {
    let store = Faulty::new(Memory::new());
    let host = Host::on(store.clone());
    let hold = store.hold();
    let ticket = host.ask("enter p\nput k v\nsend TEST outcome x\npost q put k posted");
    assert!(hold.wait_for(1, PATIENCE), "no commit was begun");
    assert!(host.edge.events().is_empty(), "something left before the commit");
    assert_eq!(host.print("enter q\nget k"), "-", "a post was delivered before the commit");
    drop(hold);
    assert!(matches!(host.edge.answer_to(ticket), Answer::Reply(_)));
    host.edge.wait_for_sends(1);
    host.wait_for("q", "k", "posted");
}

#[test]
fn what_was_read_of_an_open_commit_does_not_leave_either() {
    let store = Faulty::new(Memory::new());
    let host = Host::on(store.clone());
    let hold = store.hold();
    let first = host.ask("enter p\nput k v");
    assert!(hold.wait_for(1, PATIENCE));
    let reader = host.ask("enter p\nget k");
    let relaxed = host.ask("enter p\nrelax r v\nsend TEST outcome x");
    let elsewhere = host.ask("enter q\nrelax r v");
    assert!(matches!(host.edge.answer_to(elsewhere), Answer::Reply(_)), "another partition need not wait");
    assert_eq!(host.edge.events().len(), 1);
    drop(hold);
    for ticket in [first, reader, relaxed] {
        assert!(matches!(host.edge.answer_to(ticket), Answer::Reply(_)));
    }
    host.edge.wait_for_sends(1);
}

#[test]
fn relaxed_writes_cost_no_commit_and_are_flushed_within_the_interval() {
    let store = Faulty::new(Memory::new());
    let mut config = quiet();
    config.flush_interval = Duration::from_millis(50);
    let host = Host::with(config, store.clone());
    for _ in 0..20 {
        host.print("enter p\nrelaxed_add k 1");
    }
    let key = PartitionKey::new("p").unwrap();
    let stored = || store.inner().get(&key, b"k", 0).unwrap().map(|record| record.value);
    host.wait_until("flush", || stored().is_some_and(|value| &value[..] == b"20"));
    assert!(store.groups() < 20, "relaxed writes were not coalesced");
    assert_eq!(host.engine.metrics().commits.get(), 0);
}

#[test]
fn an_orderly_stop_keeps_relaxed_writes_and_a_crash_takes_them_back() {
    let disk = Disk::default();
    let host = Host::on(disk.open());
    host.print("enter p\nput d 1\nrelax r 1");
    host.print("enter p\nrelax r 2\ntimer t 3600000 note fired x");
    host.stop();
    drop(host);
    let host = Host::on(disk.open());
    assert_eq!(host.print("enter p\nget d\nget r\nepoch"), "1\n2\n0");
    assert_eq!(host.engine.gauges().timers, 1);
    host.print("enter p\nrelax r 3\ncancel t");
    host.print("enter p\nput d 2");
    drop(host);
    let host = Host::on(disk.open());
    assert_eq!(host.print("enter p\nget d\nget r\nepoch"), "2\n2\n1", "back to an earlier value");
    host.clock.advance(3_600_000);
    host.wait_for("p", "fired", "x");
    drop(host);
    assert_eq!(Host::on(disk.open()).print("epoch"), "2");
}

#[test]
fn what_was_acknowledged_survives_a_crash() {
    let disk = Disk::default();
    for round in 0..10 {
        let host = Host::on(disk.open());
        assert_eq!(host.print("enter p\nadd k 1"), (round + 1).to_string());
    }
}
