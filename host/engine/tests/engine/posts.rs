//! Posts: to the own partition exactly once, to another at least once and in order.

use crate::host::Host;
use rollcall_storage::conformance::Durable;
use rollcall_storage::testing::Disk;

#[test]
fn posts_arrive_in_order() {
    let host = Host::new();
    let mut expected = Vec::new();
    for round in 0..30 {
        let mut script = String::from("enter p\nrelax x 1");
        for n in 0..5 {
            script.push_str(&format!("\npost q note k {round}.{n}"));
            expected.push(format!("{round}.{n}"));
        }
        host.print(&script);
    }
    host.wait_for("q", "k", &expected.join(","));
}

#[test]
fn posts_of_steps_on_several_threads_arrive_in_the_order_of_the_steps() {
    let host = Host::new();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..100 {
                    // The step numbers itself; what it posts tells the number.
                    host.print("enter p\nrelaxed_add n 1\npost q relaxed_add n 1;relaxed_note k x");
                }
            });
        }
    });
    host.wait_for("q", "n", "400");
}

#[test]
fn a_chain_of_posts_to_itself_runs_to_its_end() {
    let host = Host::new();
    host.print("enter p\nput k v\npost p add n 1;post p add n 1|post p add n 1");
    host.wait_for("p", "n", "3");
}

#[test]
fn a_failing_post_blocks_its_own_mailbox_only_and_is_tried_again() {
    let host = Host::new();
    host.print("enter p\nput x 1\npost q need key;note k first\npost q note k second\npost r note k other");
    host.wait_for("r", "k", "other");
    host.wait_until("failure", || host.engine.metrics().traps.get() >= 1);
    assert_eq!(host.get("q", "k"), "-");
    host.print("enter q\nput key 1");
    host.wait_until("delivery", || {
        host.clock.advance(1_000);
        host.get("q", "k") == "first,second"
    });
    host.settle();
}

#[test]
fn posts_survive_a_crash() {
    let disk = Disk::default();
    let host = Host::on(disk.open());
    host.print(
        "enter p\nput x 1\npost p need key;add own 1\npost q need key;note k first\npost q note k second",
    );
    host.wait_until("failures", || host.engine.metrics().traps.get() >= 2);
    drop(host);
    let host = Host::on(disk.open());
    // New posts go behind the old ones.
    host.print("enter p\nput key 1\npost q note k third");
    host.print("enter q\nput key 1");
    host.wait_until("delivery", || {
        host.clock.advance(1_000);
        host.get("q", "k") == "first,second,third" && host.get("p", "own") == "1"
    });
    host.settle();
    host.stop();
    drop(host);
    let host = Host::on(disk.open());
    host.settle();
    assert_eq!(host.get("q", "k"), "first,second,third", "delivered again after an orderly stop");
    assert_eq!(host.get("p", "own"), "1");
}

#[test]
fn a_post_to_itself_is_exactly_once_over_many_crashes() {
    let disk = Disk::default();
    for round in 0..15_u64 {
        let host = Host::on(disk.open());
        let before: u64 = host.print("enter p\nadd rounds 1").parse().unwrap();
        assert_eq!(before, round + 1);
        host.print("enter p\nput x 1\npost p add done 1\npost p add done 1");
        if round % 3 == 0 {
            // The crash comes at once: maybe before, maybe after, maybe between the deliveries.
            drop(host);
            continue;
        }
        host.wait_for("p", "done", &((round + 1) * 2).to_string());
    }
    let host = Host::on(disk.open());
    host.wait_for("p", "done", "30");
    host.settle();
    assert_eq!(host.get("p", "done"), "30");
}
