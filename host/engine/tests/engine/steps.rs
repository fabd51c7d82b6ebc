//! What a step is: atomic, bound to one partition, with a time and randomness of its own.

use crate::host::{Event, Host, quiet, status};
use rollcall_engine::Answer;

#[test]
fn a_step_reads_its_own_writes_and_the_next_one_sees_them() {
    let host = Host::new();
    assert_eq!(host.print("enter p\nput k one\nget k\nput k two\nget k\ndelete k\nget k"), "one\ntwo\n-");
    host.print("enter p\nput a 1\nrelax b 2\nput c 3\nput ca 4\nput d 5");
    assert_eq!(host.print("enter p\nget a\nget b"), "1\n2");
    assert_eq!(host.print("enter p\nput cb 6\ndelete c\nscan 10 c"), "ca\ncb", "own writes are in a scan");
    assert_eq!(host.print("enter p\nscan 10 c ca"), "cb");
    assert_eq!(host.print("enter p\nscan 2 "), "a\nb");
    assert_eq!(host.print("enter other\nget a"), "-", "partitions do not see each other");
    assert_eq!(host.print("enter p\nenter p\nget a"), "1", "entering again does nothing");
}

#[test]
fn a_step_that_traps_leaves_nothing() {
    let host = Host::new();
    host.print("enter p\nput k old\ntimer t 3600000 note fired kept");
    let failed = host.run(
        "enter p\nput k new\nrelax r new\ntimer t 0 note fired changed\ntimer u 0 note fired new\n\
         send TEST outcome sent\nkeep TEST outcome sent\npost q note k posted\npost p note k posted\ntraps",
    );
    assert_eq!(failed, Answer::Failed);
    host.settle();
    assert_eq!(host.print("enter p\nget k\nget r\nget fired"), "old\n-\n-");
    assert_eq!(host.get("q", "k"), "-");
    assert!(host.edge.sends().is_empty());
    let gauges = host.engine.gauges();
    assert_eq!((gauges.timers, gauges.sends_in_flight), (1, 0));
    host.clock.advance(3_600_000);
    host.wait_for("p", "fired", "kept");
}

#[test]
fn a_trap_costs_the_instance_and_a_good_step_does_not() {
    let host = Host::new();
    assert_eq!(host.print("memory"), "1");
    assert_eq!(host.print("memory"), "2");
    let instances = host.engine.metrics().instances.get();
    assert_eq!(host.run("memory\ntraps"), Answer::Failed);
    assert_eq!(host.print("memory"), "1", "a poisoned instance was used again");
    assert_eq!(host.engine.metrics().instances.get(), instances + 1);
    assert_eq!(host.engine.metrics().traps.get(), 1);
}

#[test]
fn effects_leave_in_order() {
    let host = Host::new();
    let ticket = host.ask("enter p\nput k v\nsend A outcome x\nsend B outcome x\nkeep C outcome x");
    host.edge.wait_for_sends(3);
    let order: Vec<String> = host
        .edge
        .events()
        .into_iter()
        .map(|event| match event {
            Event::Answer(to, _) => format!("answer {to}"),
            Event::Send(_, request) => request.method,
        })
        .collect();
    assert_eq!(order, [format!("answer {ticket}"), "A".into(), "B".into(), "C".into()]);
}

#[test]
fn time_and_randomness_are_fixed_for_a_step() {
    let host = Host::new();
    let printed = host.print("enter p\nnow\nnow\nrandom 16\nrandom 16");
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines[0], lines[1]);
    assert_ne!(lines[2], lines[3]);
    assert_eq!(lines[2].len(), 32);
    let next: u64 = host.print("enter p\nnow").parse().unwrap();
    assert!(next >= lines[0].parse().unwrap());
    assert_eq!(host.print("random 0"), "");
}

#[test]
fn a_request_may_be_passed_answered_or_refused() {
    let host = Host::new();
    assert_eq!(host.run("pass"), Answer::Pass);
    assert_eq!(status(&host.run("reply 489")), 489);
    assert_eq!(host.run("no such word"), Answer::Failed);
}

#[test]
fn a_document_is_a_step() {
    let host = Host::new();
    assert_eq!(host.document("enter p\nput k document"), Ok(()));
    assert_eq!(host.get("p", "k"), "document");
    assert_eq!(host.document("refuse too old"), Err("too old".into()));
    assert!(host.document("enter p\nput k lost\ntraps").is_err());
    assert_eq!(host.get("p", "k"), "document");
}

#[test]
fn the_outcome_of_a_request_comes_back_once_with_its_token() {
    let host = Host::new();
    host.print("enter p\nput k v\nsend TEST outcome got;add times 1");
    let (id, request) = host.edge.wait_for_sends(1).remove(0);
    assert_eq!(request.headers, b"Subject: test\r\n");
    host.fail(id);
    host.fail(id);
    host.wait_for("p", "got", "timeout");
    assert_eq!(host.get("p", "times"), "1");
}

#[test]
fn one_instance_is_enough_for_timers_posts_and_requests_of_one_partition() {
    let mut config = quiet();
    config.instances = 1;
    let host = Host::with(config, rollcall_storage::Memory::new());
    std::thread::scope(|scope| {
        for _ in 0..3 {
            let host = &host;
            scope.spawn(move || {
                for n in 0..50 {
                    host.print(&format!(
                        "enter p\nadd k 1\npost p relaxed_add k 1\ntimer t{n} 0 note fired {n}"
                    ));
                }
            });
        }
    });
    host.wait_for("p", "k", "300");
}
