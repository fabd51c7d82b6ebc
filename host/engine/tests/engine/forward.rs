//! Requests that go on in another partition.

use crate::host::{Host, PATIENCE, quiet, status};
use rollcall_engine::{Answer, Kind};
use rollcall_storage::Memory;
use rollcall_storage::testing::{Fault, Faulty};
use std::time::{Duration, Instant};

/// Writes without waiting, while the store is held up: what follows in the partition waits as well.
fn waits_for_the_disk(host: &Host, script: &str) -> u64 {
    let ticket = host.ask(script);
    host.wait_until("a commit that waits", || host.engine.gauges().pending_commits > 0);
    ticket
}

#[test]
fn a_forwarded_request_runs_in_the_other_partition_with_its_payload() {
    let host = Host::new();
    host.print("enter p\nput k here");
    host.print("enter q\nput k there");
    let script = "enter p\nget k\nforward q told;get k;put m moved;reply 202";
    let answer = host.run(script);
    assert_eq!(status(&answer), 202);
    let Answer::Reply(reply) = answer else { unreachable!() };
    assert_eq!(reply.body, b"q\nthere\n", "the first step's words are not the answer");
    assert_eq!((host.get("q", "m"), host.get("p", "m")), ("moved".into(), "-".into()));
    let steps = &host.engine.metrics().steps;
    assert_eq!(steps.get(Kind::Forwarded), 1);
}

#[test]
fn a_forwarded_request_may_be_passed_and_is_the_same_request() {
    let host = Host::new();
    assert_eq!(host.run("enter p\nforward q pass"), Answer::Pass);
    assert_eq!(host.print("hops 1"), "TEST in hop1");
}

#[test]
fn a_request_may_be_forwarded_without_a_partition_and_to_the_same_one() {
    let host = Host::new();
    assert_eq!(host.print("forward p enter p;add k 1"), "1");
    assert_eq!(host.print("enter p\nforward p add k 1"), "2");
    assert_eq!(host.run("forward p enter q"), Answer::Failed, "a forwarded step is bound to its partition");
}

#[test]
fn eight_hops_are_allowed_and_a_ninth_fails_the_request_once() {
    let host = Host::new();
    assert_eq!(host.print("hops 8"), "TEST in hop1");
    let metrics = host.engine.metrics();
    assert_eq!((metrics.limits.get(), metrics.steps.get(Kind::Forwarded)), (0, 8));
    assert_eq!(host.run("hops 9"), Answer::Failed);
    assert_eq!((metrics.limits.get(), metrics.failed_steps.get(Kind::Forwarded)), (1, 1));
    assert_eq!(host.run("hops 1000000"), Answer::Failed);
}

#[test]
fn what_fails_after_a_hop_leaves_nothing_and_is_answered_once() {
    let host = Host::new();
    assert_eq!(host.run("enter p\nforward q put k v;traps"), Answer::Failed);
    assert_eq!(host.run("enter p\nforward q put k v;forward r put k v"), Answer::Failed);
    assert_eq!((host.get("q", "k"), host.get("r", "k")), ("-".into(), "-".into()));
    assert_eq!(host.engine.metrics().failed_steps.get(Kind::Forwarded), 2);
}

#[test]
fn a_forward_waits_until_what_its_step_has_seen_is_on_disk() {
    let store = Faulty::new(Memory::new());
    let host = Host::on(store.clone());
    host.print("enter q\nput k 0");
    let hold = store.hold();
    let first = waits_for_the_disk(&host, "enter p\nput to q");
    let second = host.ask("enter p\nget to\nforward q add k 1");
    assert!(hold.wait_for(1, PATIENCE));
    assert_eq!(host.engine.metrics().steps.get(Kind::Forwarded), 0, "it went ahead of the disk");
    drop(hold);
    assert_eq!((status(&host.edge.answer_to(first)), status(&host.edge.answer_to(second))), (200, 200));
    assert_eq!(host.get("q", "k"), "1");
}

#[test]
fn a_forward_whose_ground_was_lost_to_a_conflict_begins_anew() {
    let store = Faulty::new(Memory::new());
    let host = Host::on(store.clone());
    let hold = store.hold();
    store.next_apply([Fault::Conflict]);
    let first = waits_for_the_disk(&host, "enter p\nadd k 1");
    let second = host.ask("enter p\nadd seen 0\nget k");
    let third = host.ask("enter p\nforward q add k 1");
    drop(hold);
    for ticket in [first, second, third] {
        assert_eq!(status(&host.edge.answer_to(ticket)), 200);
    }
    assert_eq!((host.get("p", "k"), host.get("q", "k")), ("1".into(), "1".into()));
}

#[test]
fn a_forwarded_step_that_met_a_conflict_runs_again_there() {
    let store = Faulty::new(Memory::new());
    let host = Host::on(store.clone());
    store.next_apply([Fault::Conflict; 3]);
    assert_eq!(host.print("enter p\nforward q add k 1"), "1");
    assert_eq!(host.get("q", "k"), "1");
    assert!(host.engine.metrics().conflicts.get() >= 3);
}

#[test]
fn all_hops_share_the_time_of_one_request() {
    let mut config = quiet();
    config.limits.deadline = Duration::from_millis(300);
    let host = Host::with(config, Memory::new());
    let times = |rounds: u64| {
        let started = Instant::now();
        host.print(&format!("dawdles {rounds} 0"));
        started.elapsed()
    };
    let mut rounds = 1_000_000;
    while times(rounds) < Duration::from_millis(10) {
        rounds *= 2;
    }
    // Rounds that take a step more than half of its time on this machine; what else runs here only makes it
    // look slower.
    let took = (0..5).map(|_| times(rounds)).min().unwrap();
    assert_eq!(host.print(&format!("dawdles {} 8", rounds / 100)), "arrived");
    let rounds = rounds * 200_000 / u64::try_from(took.as_micros()).unwrap();
    assert_eq!(host.run(&format!("dawdles {rounds} 8")), Answer::Failed);
    assert_eq!(host.engine.metrics().deadlines.get(), 1);
}

#[test]
fn requests_that_cross_do_not_wait_for_each_other_for_ever() {
    let mut config = quiet();
    config.instances = 1;
    let host = Host::with(config, Memory::new());
    std::thread::scope(|scope| {
        for (from, to) in [("a", "b"), ("b", "a"), ("a", "a")] {
            let host = &host;
            scope.spawn(move || {
                for _ in 0..200 {
                    host.print(&format!("enter {from}\nget k\nforward {to} add k 1"));
                }
            });
        }
    });
    assert_eq!((host.get("a", "k"), host.get("b", "k")), ("400".into(), "200".into()));
}

#[test]
fn a_request_admitted_before_the_stop_is_answered_wherever_it_goes_on() {
    let store = Faulty::new(Memory::new());
    let host = Host::on(store.clone());
    let hold = store.hold();
    let first = waits_for_the_disk(&host, "enter p\nput to q");
    let second = host.ask("enter p\nforward q add k 1");
    std::thread::scope(|scope| {
        let stopped = scope.spawn(|| host.engine.stop(Duration::ZERO));
        host.wait_until("refusal", || host.run("pass") == Answer::Busy);
        drop(hold);
        stopped.join().unwrap().unwrap();
    });
    assert_eq!(status(&host.edge.answer_to(first)), 200);
    // Either it was still taken up or it was refused: silence is what must not be.
    host.edge.answer_to(second);
}
