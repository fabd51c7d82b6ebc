//! Questions of operators, and which partitions there are.

use crate::host::{Host, PATIENCE};
use rollcall_engine::{InspectError, Kind};
use rollcall_storage::Memory;
use rollcall_storage::conformance::Durable;
use rollcall_storage::testing::{Disk, Fault, Faulty};
use std::time::Duration;

fn ask(host: &Host, script: &str) -> Result<String, InspectError> {
    host.engine.inspect("script", script)
}

#[test]
fn a_question_reads_one_partition_and_is_answered() {
    let host = Host::new();
    host.print("enter p\nput k durable\nrelax r relaxed");
    assert_eq!(ask(&host, "told\nenter p\nget k\nget r").unwrap(), "script\ndurable\nrelaxed\n");
    assert_eq!(ask(&host, "enter nobody\nget k").unwrap(), "-\n");
    assert_eq!(ask(&host, "").unwrap(), "", "no partition at all");
    assert_eq!(host.engine.metrics().steps.get(Kind::Inspect), 3);
}

#[test]
fn what_is_wrong_with_a_question_is_told() {
    let host = Host::new();
    match host.engine.inspect("weather", "") {
        Err(InspectError::Unknown { question, known }) => {
            assert_eq!((question.as_str(), known), ("weather", vec!["script".to_owned()]));
        }
        other => panic!("{other:?}"),
    }
    match ask(&host, "refuse no such person") {
        Err(InspectError::Refused(why)) => assert_eq!(why, "no such person"),
        other => panic!("{other:?}"),
    }
    for hostile in
        ["traps", "enter p\nenter q", "enter p\nput k v", "enter p\nrelax k v", "enter p\nsend TEST x"]
    {
        assert!(matches!(ask(&host, hostile), Err(InspectError::Failed)), "{hostile}");
    }
    assert_eq!(host.get("p", "k"), "-");
    host.settle();
    assert!(host.edge.sends().is_empty());
    assert_eq!(host.engine.metrics().failed_steps.get(Kind::Inspect), 5);
    host.stop();
    assert!(matches!(ask(&host, ""), Err(InspectError::Unavailable)));
}

#[test]
fn a_question_brings_nothing_into_memory_and_sees_what_is_there() {
    let disk = Disk::default();
    let host = Host::on(disk.open());
    host.print("enter p\nput k one\ntimer t 3600000 note k fired");
    host.stop();
    drop(host);
    let host = Host::on(disk.open());
    host.settle();
    let before = host.engine.gauges();
    assert_eq!(ask(&host, "enter p\nget k").unwrap(), "one\n");
    assert_eq!(ask(&host, "enter none\nget k").unwrap(), "-\n");
    assert_eq!(host.engine.gauges(), before);
    // Brought into memory by a request, it is read there.
    host.print("enter p\nrelax k two");
    assert_eq!(ask(&host, "enter p\nget k").unwrap(), "two\n");
}

#[test]
fn an_answer_waits_until_what_it_tells_is_on_disk() {
    let store = Faulty::new(Memory::new());
    let host = Host::on(store.clone());
    let hold = store.hold();
    let ticket = host.ask("enter p\nput k new");
    assert!(hold.wait_for(1, PATIENCE));
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| ask(&host, "enter p\nget k"));
        host.wait_until("the step", || host.engine.metrics().steps.get(Kind::Inspect) == 1);
        std::thread::sleep(Duration::from_millis(20));
        assert!(!asked.is_finished());
        drop(hold);
        assert_eq!(asked.join().unwrap().unwrap(), "new\n");
    });
    host.edge.answer_to(ticket);
}

#[test]
fn a_failed_store_is_told_to_who_asks() {
    let store = Faulty::new(Memory::new());
    let host = Host::on(store.clone());
    store.next_apply([Fault::Lost]);
    host.run("enter p\nput k v");
    assert!(matches!(ask(&host, "enter p\nget k"), Err(InspectError::Unavailable)));
}

#[test]
fn partitions_are_listed_in_pages_with_those_that_were_not_flushed() {
    let host = Host::new();
    for name in ["d", "a", "c"] {
        host.print(&format!("enter {name}\nput k v"));
    }
    host.print("enter b\nrelax k v");
    host.print("enter e\nget k");
    host.print("enter c\ndelete k");
    let all = host.engine.partitions(None, 10).unwrap();
    assert_eq!(all, ["a", "b", "d"]);
    let mut paged = Vec::new();
    while let Some(next) = host.engine.partitions(paged.last().map(String::as_str), 1).unwrap().pop() {
        paged.push(next);
    }
    assert_eq!(paged, all);
    assert_eq!(host.engine.partitions(Some("aa"), 1).unwrap(), ["b"], "after one that is not there");
    assert!(matches!(host.engine.partitions(Some(""), 1), Err(InspectError::Refused(_))));
    assert!(host.engine.partitions(None, 0).unwrap().is_empty());
    host.stop();
    assert_eq!(host.engine.partitions(None, 10).unwrap(), all, "after the stop");
}
