//! Requests that the plugin sends (`wit/plugin.wit`, interface sip).

use crate::host::Host;
use rollcall_storage::conformance::Durable;
use rollcall_storage::testing::Disk;

#[test]
fn kept_requests_are_sent_again_after_a_crash_and_volatile_ones_are_not() {
    let disk = Disk::default();
    let host = Host::on(disk.open());
    host.print("enter p\nput x 1\nsend VOLATILE outcome k\nkeep ONE outcome k\nkeep TWO outcome k");
    assert_eq!(host.edge.wait_for_sends(3).len(), 3);
    drop(host);
    for _ in 0..2 {
        let host = Host::on(disk.open());
        let sent = host.edge.wait_for_sends(2);
        let methods: Vec<&str> = sent.iter().map(|(_, request)| request.method.as_str()).collect();
        assert_eq!(methods, ["ONE", "TWO"]);
        assert_eq!(sent[0].1.headers, b"Subject: test\r\n");
        drop(host);
    }
    let host = Host::on(disk.open());
    let sent = host.edge.wait_for_sends(2);
    host.fail(sent[0].0);
    host.wait_for("p", "k", "timeout");
    host.settle();
    drop(host);
    let host = Host::on(disk.open());
    let sent = host.edge.wait_for_sends(1);
    assert_eq!(sent[0].1.method, "TWO", "one with an outcome was sent again");
    host.fail(sent[0].0);
    host.wait_for("p", "k", "timeout,timeout");
    host.settle();
    host.stop();
    drop(host);
    let host = Host::on(disk.open());
    host.settle();
    host.get("p", "k");
    assert!(host.edge.sends().is_empty());
}

#[test]
fn a_request_kept_since_the_start_is_not_taken_for_an_old_one() {
    let disk = Disk::default();
    let host = Host::on(disk.open());
    host.print("enter p\nput x 1\nkeep OLD outcome k");
    drop(host);
    for _ in 0..20 {
        let host = Host::on(disk.open());
        let id = {
            host.print("enter p\nput x 1\nkeep NEW outcome k");
            let sent = host.edge.wait_for_sends(2);
            host.settle();
            assert_eq!(host.edge.sends().len(), 2);
            sent.into_iter().find(|(_, request)| request.method == "NEW").unwrap().0
        };
        let before = host.print("enter p\nget k").matches("timeout").count();
        host.fail(id);
        host.wait_until("outcome", || host.get("p", "k").matches("timeout").count() == before + 1);
    }
}

#[test]
fn an_outcome_whose_step_fails_leads_to_a_recovery() {
    let host = Host::new();
    host.print("enter p\nput on-recovery add recovered 1\nsend TEST traps");
    let (id, _) = host.edge.wait_for_sends(1).remove(0);
    host.fail(id);
    host.wait_until("trap", || host.engine.metrics().traps.get() == 1);
    host.wait_until("recovery", || {
        host.clock.advance(5_000);
        host.get("p", "recovered") == "1"
    });
}

#[test]
fn the_outbox_is_counted_until_it_is_answered() {
    let host = Host::new();
    host.print("enter p\nput k 1\nkeep TEST outcome sent\nkeep TEST outcome sent");
    host.edge.wait_for_sends(2);
    assert_eq!(host.engine.gauges().outbox, 2);
    for id in host.edge.sends().into_iter().map(|(id, _)| id) {
        host.engine.outcome(id, rollcall_engine::Outcome::Failed(rollcall_engine::Failure::Timeout));
    }
    host.wait_until("the outbox is empty", || host.engine.gauges().outbox == 0);
}
