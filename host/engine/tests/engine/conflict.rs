//! Another writer has changed the partition: the step is run again on what is there now.

use crate::host::Host;
use rollcall_engine::Answer;
use rollcall_storage::testing::{Fault, Faulty};
use rollcall_storage::{Commit, Engine as _, Memory, Op, PartitionKey, Record};
use std::time::Duration;

/// Writes a record behind the engine's back.
fn write_elsewhere(store: &Faulty<Memory>, key: &str, value: &str) {
    let partition = PartitionKey::new("p").unwrap();
    let expected = store.inner().version(&partition).unwrap();
    let record = Record { value: value.as_bytes().to_vec().into(), expires: None };
    let ops = vec![Op::PutRecord { key: key.into(), record }];
    let commit = Commit { partition, expected, ops, wake: None };
    assert!(store.inner().apply(vec![commit], true).unwrap()[0].is_ok());
}

#[test]
fn a_step_is_run_again_and_takes_effect_once() {
    let store = Faulty::new(Memory::new());
    let host = Host::on(store.clone());
    host.print("enter p\nput k 1");
    write_elsewhere(&store, "k", "10");
    let answer = host.print("enter p\nadd k 1\nsend TEST outcome got\npost q add k 1\npost p add own 1");
    assert_eq!(answer, "11");
    host.wait_for("q", "k", "1");
    host.wait_for("p", "own", "1");
    host.settle();
    assert_eq!(host.edge.sends().len(), 1);
    assert_eq!(host.engine.gauges().sends_in_flight, 1);
    assert!(host.engine.metrics().conflicts.get() >= 1);
    assert_eq!(host.print("enter p\nget k"), "11");
}

#[test]
fn retries_are_bounded_and_leave_nothing() {
    let store = Faulty::new(Memory::new());
    let host = Host::on(store.clone());
    host.print("enter p\nput k 1");
    store.next_apply([Fault::Conflict; 9]);
    assert_eq!(host.run("enter p\nadd k 1\nsend TEST outcome got"), Answer::Failed);
    assert_eq!(host.engine.metrics().conflicts.get(), 9, "the first run and eight more");
    assert_eq!(host.print("enter p\nget k"), "1");
    assert!(host.edge.sends().is_empty());
    assert_eq!(host.engine.gauges().sends_in_flight, 0);
}

#[test]
fn what_followed_in_the_partition_is_run_again_too() {
    let store = Faulty::new(Memory::new());
    let host = Host::on(store.clone());
    host.print("enter p\nput k 0");
    let hold = store.hold();
    store.next_apply([Fault::Conflict]);
    let tickets: Vec<u64> = (0..5).map(|_| host.ask("enter p\nadd k 1")).collect();
    assert!(hold.wait_for(1, crate::host::PATIENCE));
    drop(hold);
    for ticket in tickets {
        assert!(matches!(host.edge.answer_to(ticket), Answer::Reply(_)));
    }
    assert_eq!(host.get("p", "k"), "5");
}

#[test]
fn a_timer_that_a_lost_step_had_cancelled_still_fires() {
    let store = Faulty::new(Memory::new());
    let host = Host::on(store.clone());
    host.print("enter p\nput k 1\ntimer t 1000 note fired x");
    write_elsewhere(&store, "stop", "yes");
    // Run again, it sees another state and fails.
    store.next_apply([Fault::Conflict; 9]);
    assert_eq!(host.run("enter p\ncancel t\nput k 2"), Answer::Failed);
    host.settle();
    host.clock.advance(1000);
    host.wait_for("p", "fired", "x");
}

#[test]
fn a_timer_and_a_post_whose_step_met_conflicts_come_again() {
    let store = Faulty::new(Memory::new());
    let host = Host::on(store.clone());
    host.print("enter p\nput k 1");
    host.print("enter q\nput k 1");
    store.next_apply([Fault::Conflict; 2]);
    host.print("enter p\nrelax x 1\npost q add posted 1");
    host.wait_for("q", "posted", "1");
    host.settle();
    host.print("enter p\nput x 1\ntimer t 3600000 add fired 1");
    store.next_apply([Fault::Conflict; 2]);
    host.clock.advance(3_600_000);
    host.wait_for("p", "fired", "1");
    host.clock.advance(600_000);
    host.settle();
    assert_eq!((host.get("p", "fired"), host.get("q", "posted")), ("1".into(), "1".into()));
}

#[test]
fn a_post_that_met_too_many_conflicts_is_delivered_later_and_in_order() {
    let store = Faulty::new(Memory::new());
    let host = Host::on(store.clone());
    store.next_apply([Fault::Conflict; 9]);
    host.print("enter p\nrelax x 1\npost q note k 1");
    host.wait_until("conflicts", || host.engine.metrics().conflicts.get() == 9);
    host.settle();
    host.print("enter p\nrelax x 1\npost q note k 2");
    assert_eq!(host.get("q", "k"), "-");
    host.wait_until("delivery", || {
        host.clock.advance(2_000);
        host.get("q", "k") == "1,2"
    });
}

#[test]
fn relaxed_writes_lost_to_another_writer_are_told() {
    let store = Faulty::new(Memory::new());
    let host = Host::on(store.clone());
    host.print("enter p\nput on-recovery add recovered 1");
    host.print("enter p\nrelax r 1");
    write_elsewhere(&store, "k", "10");
    assert_eq!(host.print("enter p\nadd k 1"), "11");
    host.wait_for("p", "recovered", "1");
    assert_eq!(host.print("enter p\nget r\nepoch"), "-\n1");
    assert!(host.engine.stop(Duration::ZERO).is_err(), "such a stop is not orderly");
}
