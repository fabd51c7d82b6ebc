//! Timers: durable, fired once as a step, by the clock that the host was given.

use crate::host::{Host, quiet};
use rollcall_engine::HostClock;
use rollcall_storage::Memory;
use rollcall_storage::conformance::Durable;
use rollcall_storage::testing::Disk;
use std::sync::Arc;

#[test]
fn a_timer_fires_when_it_is_due_and_not_before() {
    let host = Host::new();
    let now: u64 =
        host.print("enter p\nput x 1\ntimer t 3600000 outcome due;note order late\nnow").parse().unwrap();
    host.print("enter p\ntimer u 1800000 note order early\nput x 1");
    host.clock.advance(1_700_000);
    assert_eq!(host.get("p", "order"), "-");
    host.clock.advance(100_000);
    host.wait_for("p", "order", "early");
    host.clock.advance(1_800_000);
    host.wait_for("p", "order", "early,late");
    assert_eq!(host.get("p", "due"), (now + 3_600_000).to_string());
    host.settle();
    assert_eq!(host.engine.gauges().timers, 0);
}

#[test]
fn replaced_and_cancelled_timers_do_not_fire() {
    let host = Host::new();
    host.print("enter p\nput x 1\ntimer a 1000 note k a1\ntimer b 1000 note k b\ntimer c 1000 note k c");
    host.print("enter p\nput x 1\ntimer a 5000 note k a2\ncancel b\ncancel none");
    host.clock.advance(2000);
    host.wait_for("p", "k", "c");
    host.settle();
    host.clock.advance(3000);
    host.wait_for("p", "k", "c,a2");
    host.print("enter p\ntimer d 0 note k d\ncancel d\nput x 2");
    host.settle();
    assert_eq!(host.get("p", "k"), "c,a2");
}

#[test]
fn a_timer_may_set_itself_anew() {
    let host = Host::new();
    host.print("enter p\nput x 1\ntimer t 1000 add n 1;timer t 1000 add n 1|timer t 1000 add n 1");
    for n in 1..=3 {
        host.clock.advance(1000);
        host.wait_for("p", "n", &n.to_string());
    }
}

#[test]
fn many_timers_of_many_partitions_fire_once_each() {
    let host = Host::new();
    for p in 0..20 {
        let mut script = format!("enter p{p}\nput x 1");
        for t in 0..100 {
            script.push_str(&format!("\ntimer t{t} {} add n 1", 1000 + t));
        }
        host.print(&script);
    }
    assert_eq!(host.engine.gauges().timers, 20);
    host.clock.advance(2000);
    for p in 0..20 {
        host.wait_for(&format!("p{p}"), "n", "100");
    }
    host.settle();
    assert_eq!(host.print("enter p7\nget n"), "100");
}

#[test]
fn a_failing_timer_is_tried_again_and_holds_up_no_other() {
    let host = Host::new();
    host.print("enter p\nput x 1\ntimer bad 1000 need key;note k bad\ntimer good 1000 note k good");
    host.clock.advance(1000);
    host.wait_for("p", "k", "good");
    host.wait_until("failure", || host.engine.metrics().traps.get() == 1);
    // A pause comes first, whatever else happens in the partition.
    for _ in 0..5 {
        host.print("enter p\nput x 1\ntimer later 0 add later 1");
    }
    host.wait_until("others", || host.get("p", "later") != "-");
    host.settle();
    assert_eq!(host.engine.metrics().traps.get(), 1, "tried again without a pause");
    host.print("enter p\nput key 1");
    host.clock.advance(60_000);
    host.wait_for("p", "k", "good,bad");
}

#[test]
fn timers_survive_stops_and_crashes() {
    let disk = Disk::default();
    let clock = Arc::new(HostClock::new());
    let start = || Host::at(clock.clone(), quiet(), disk.open());
    let host = start();
    host.print("enter p\nput x 1\ntimer a 1000 note k a\ntimer b 2000 note k b\ntimer c 3000 note k c");
    host.print("enter p\ncancel b\nput x 2");
    drop(host);
    let host = start();
    assert_eq!(host.engine.gauges().timers, 1, "one partition waits");
    host.stop();
    drop(host);
    // Due while the host is down.
    clock.advance(1500);
    let host = start();
    host.wait_for("p", "k", "a");
    clock.advance(10_000);
    host.wait_for("p", "k", "a,c");
    drop(host);
    let host = start();
    host.settle();
    assert_eq!(host.get("p", "k"), "a,c", "a timer fired twice");
}

#[test]
fn a_relaxed_cancellation_that_a_crash_takes_back_leaves_a_timer_that_fires() {
    let disk = Disk::default();
    let clock = Arc::new(HostClock::new());
    let host = Host::at(clock.clone(), quiet(), disk.open());
    host.print("enter p\nput x 1\ntimer t 1000 note k fired");
    host.print("enter p\ncancel t");
    host.print("enter p\nput y 1");
    drop(host);
    let host = Host::at(clock.clone(), quiet(), disk.open());
    host.settle();
    clock.advance(1000);
    host.wait_for("p", "k", "fired");
}

#[test]
fn without_a_pushed_clock_timers_follow_the_machine() {
    let host = Host::on(Memory::new());
    host.print("enter p\nput x 1\ntimer t 30 note k fired");
    host.wait_for("p", "k", "fired");
}
