//! A store that fails: nothing leaves, and nobody is told that it was done.

use crate::host::{Host, PATIENCE, quiet};
use rollcall_engine::Answer;
use rollcall_storage::Memory;
use rollcall_storage::testing::{Fault, Faulty};

#[test]
fn after_a_failed_write_nothing_is_acknowledged() {
    for fault in [Fault::Lost, Fault::Kept] {
        let store = Faulty::new(Memory::new());
        let host = Host::on(store.clone());
        host.print("enter p\nput k v");
        store.next_apply([fault]);
        assert_eq!(host.run("enter p\nput k w\nsend TEST outcome x\npost q put k v"), Answer::Failed);
        assert!(host.edge.sends().is_empty());
        assert!(host.engine.gauges().store_failed);
        assert_eq!(host.engine.gauges().sends_in_flight, 0);
        assert_eq!(host.run("enter p\nget k"), Answer::Busy);
        assert!(host.document("enter p\nput k v").is_err());
        assert!(host.engine.stop(std::time::Duration::ZERO).is_err(), "the stop was not orderly");
    }
}

#[test]
fn what_depends_on_a_failed_write_is_refused_too() {
    let store = Faulty::new(Memory::new());
    let host = Host::on(store.clone());
    let hold = store.hold();
    store.next_apply([Fault::Lost]);
    let first = host.ask("enter p\nput k v");
    assert!(hold.wait_for(1, PATIENCE));
    let relaxed = host.ask("enter p\nrelax r v");
    let reader = host.ask("enter p\nget k");
    let elsewhere = host.ask("enter q\nput k v");
    drop(hold);
    for ticket in [first, relaxed, reader, elsewhere] {
        assert_eq!(host.edge.answer_to(ticket), Answer::Failed);
    }
}

#[test]
fn a_partition_that_cannot_be_read_fails_its_step_only() {
    let store = Faulty::new(Memory::new());
    let host = Host::on(store.clone());
    store.fail_reads(1);
    assert_eq!(host.run("enter p\nput k v"), Answer::Failed);
    assert_eq!(host.print("enter p\nget k"), "-");
    assert!(!host.engine.gauges().store_failed);
}

#[test]
fn too_many_open_commits_make_requests_wait_outside() {
    let store = Faulty::new(Memory::new());
    let mut config = quiet();
    config.pending_commits = 3;
    let host = Host::with(config, store.clone());
    let hold = store.hold();
    let taken: Vec<u64> = (0..4).map(|n| host.ask(&format!("enter p{n}\nput k v"))).collect();
    assert_eq!(host.run("enter p\nput k v"), Answer::Busy);
    assert_eq!(host.engine.metrics().busy.get(), 1);
    drop(hold);
    for ticket in taken {
        assert!(matches!(host.edge.answer_to(ticket), Answer::Reply(_)));
    }
    host.settle();
    host.print("enter p\nput k v");
}
