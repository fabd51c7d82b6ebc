//! Watchers whom nobody has decided on: pending, waiting, given up.

use super::*;

/// WIN-13, WIN-14, SUB-33: pending, then approved; also for one that is blocked politely, which
/// looks active.
#[test]
fn approval_is_told() {
    for decided in [OPEN, POLITE] {
        let mut scene = Scene::new(CONFIRM);
        scene.alice_looks();
        scene.told();
        let bob = scene.subscribe("bob", "").reply.to_tag.unwrap();
        assert_eq!(scene.told_once().told(), ["sip:bob@example.com pending subscribe"]);
        scene.pass(5_000);
        scene.configure(decided);
        assert_eq!(scene.resubscribe("bob", &bob, 2, "").status, 200);
        assert_eq!(scene.only_bob_state(), "active;expires=3600");
        let told = scene.told_once();
        assert_eq!((told.full, told.told()), (false, vec!["sip:bob@example.com active approved".to_owned()]));
        // The event of the last transition stays in full documents.
        scene.pass(5_000);
        assert_eq!(scene.alice_fetches().told(), ["sip:bob@example.com active approved"]);
        assert_eq!(scene.count(UNDECIDED), 0);
    }
}

/// WIN-20, SUB-33: a decision against it ends a subscription, with its reason on both sides.
#[test]
fn rejection_is_told() {
    for before in [CONFIRM, OPEN] {
        let mut scene = Scene::new(before);
        scene.alice_looks();
        scene.told();
        let bob = scene.subscribe("bob", "").reply.to_tag.unwrap();
        scene.told();
        scene.pass(5_000);
        scene.configure(BLOCK);
        assert_eq!(scene.resubscribe("bob", &bob, 2, "").status, 403);
        assert_eq!(scene.only_bob_state(), "terminated;reason=rejected");
        assert_eq!(scene.told_once().told(), ["sip:bob@example.com terminated rejected"]);
        assert!(scene.alice_fetches().watchers.is_empty());
        assert_eq!(scene.count(UNDECIDED), 0);
    }
}

/// An active watcher that has to wait for a decision again is told as one that has just come.
#[test]
fn a_decision_can_be_taken_back() {
    let mut scene = Scene::new(OPEN);
    scene.alice_looks();
    scene.told();
    let bob = scene.subscribe("bob", "").reply.to_tag.unwrap();
    scene.told();
    scene.pass(5_000);
    scene.configure(CONFIRM);
    assert_eq!(scene.resubscribe("bob", &bob, 2, "").status, 200);
    assert_eq!(scene.told_once().told(), ["sip:bob@example.com pending subscribe"]);
    assert_eq!(scene.count(UNDECIDED), 1);
}

/// WIN-15: a pending subscription that ends by itself waits, under its id and without
/// `expiration`; whether it expires or its watcher ends it.
#[test]
fn a_pending_subscription_that_ends_waits() {
    for unsubscribes in [false, true] {
        let mut scene = Scene::new(CONFIRM);
        scene.alice_looks();
        scene.told();
        let bob = scene.subscribe("bob", "Expires: 60\n").reply.to_tag.unwrap();
        let pending = scene.told_once();
        if unsubscribes {
            scene.pass(5_000);
            scene.resubscribe("bob", &bob, 2, "Expires: 0\n");
        } else {
            scene.pass(60_000);
        }
        let waiting = scene.told_once();
        assert_eq!(waiting.told(), ["sip:bob@example.com waiting timeout"]);
        assert_eq!(waiting.watchers[0].id, pending.watchers[0].id);
        assert_eq!(waiting.watchers[0].expiration, None);
        scene.pass(3_000_000);
        assert_eq!(scene.alice_fetches().told(), ["sip:bob@example.com waiting timeout"]);
    }
}

/// WIN-15: the presentity learns of it when it comes back, though nobody looked then.
#[test]
fn who_came_while_nobody_looked_is_there_later() {
    let mut scene = Scene::new(CONFIRM);
    scene.subscribe("bob", "Expires: 60\n");
    scene.told();
    scene.pass(60_000);
    scene.told();
    assert_eq!(scene.alice_fetches().told(), ["sip:bob@example.com waiting timeout"]);
}

/// WIN-16, WIN-21: a fetch that nobody has decided on waits; one that is authorized is not told.
#[test]
fn only_undecided_fetches_are_told() {
    let mut scene = Scene::new(OPEN);
    scene.alice_looks();
    scene.told();
    scene.subscribe("bob", "Expires: 0\n");
    assert!(scene.told().is_empty());
    scene.configure(CONFIRM);
    scene.subscribe("bob", "Expires: 0\n");
    assert_eq!(scene.told_once().told(), ["sip:bob@example.com waiting timeout"]);
    // The same again takes its place.
    scene.pass(5_000);
    scene.subscribe("bob", "Expires: 0\n");
    let expected = ["sip:bob@example.com terminated giveup", "sip:bob@example.com waiting timeout"];
    assert_eq!(scene.told_once().told(), expected);
    assert_eq!(scene.count(UNDECIDED), 1);
}

/// WIN-17: a new attempt like the one that waits takes its place; one with another `id` does not.
#[test]
fn a_new_attempt_takes_the_place_of_the_old_one() {
    let mut scene = Scene::new(CONFIRM);
    scene.subscribe("bob", "Event: presence;id=a\nExpires: 60\n");
    scene.told();
    scene.pass(60_000);
    scene.told();
    scene.alice_looks();
    assert_eq!(scene.told_once().told(), ["sip:bob@example.com waiting timeout"]);
    scene.subscribe("bob", "Event: presence;id=b\n");
    assert_eq!(scene.told_once().told(), ["sip:bob@example.com pending subscribe"]);
    scene.pass(5_000);
    scene.subscribe("bob", "Event: presence;id=a\n");
    let expected = ["sip:bob@example.com pending subscribe", "sip:bob@example.com terminated giveup"];
    assert_eq!(scene.told_once().told(), expected);
    scene.pass(5_000);
    let all = scene.alice_fetches();
    assert_eq!(all.told(), ["sip:bob@example.com pending subscribe"; 2]);
    assert_eq!(scene.count(UNDECIDED), 2);
}

/// WIN-18: a decision ends the waiting; the watcher hears nothing, there is no dialog left.
#[test]
fn a_decision_ends_the_waiting() {
    for (decided, seconds, told) in [
        (
            OPEN,
            "3600",
            vec!["sip:bob@example.com active subscribe", "sip:bob@example.com terminated approved"],
        ),
        (OPEN, "0", vec!["sip:bob@example.com terminated approved"]),
        (POLITE, "0", vec!["sip:bob@example.com terminated approved"]),
        (BLOCK, "3600", vec!["sip:bob@example.com terminated rejected"]),
        (BLOCK, "0", vec!["sip:bob@example.com terminated rejected"]),
    ] {
        let mut scene = Scene::new(CONFIRM);
        scene.subscribe("bob", "Expires: 0\n");
        scene.told();
        scene.alice_looks();
        scene.told();
        scene.configure(decided);
        let answer: Answer = scene.subscribe("bob", &format!("Event: presence;id=x\nExpires: {seconds}\n"));
        assert_eq!(answer.status, if decided == BLOCK { 403 } else { 200 });
        assert_eq!(scene.told_once().told(), told);
        assert_eq!(scene.count(UNDECIDED), 0);
        scene.pass(4 * DAY);
        assert!(scene.told().iter().all(|told| !told.told().join(" ").contains("giveup")));
    }
}

/// WIN-19, SUB-34: what nobody decides on is given up, pending (the watcher is told the reason)
/// as well as waiting.
#[test]
fn what_nobody_decides_on_is_given_up() {
    let json = r#"{"presence":{"domains":["example.com"],"winfo":{"giveup":600},"expires":{"default":3600}},
        "rules":{"enabled":true}}"#;
    let mut scene = Scene::new(json);
    scene.alice_looks();
    scene.told();
    let bob = scene.subscribe("bob", "Expires: 400\n").reply.to_tag.unwrap();
    scene.subscribe("carol", "Expires: 0\n");
    scene.told();
    scene.pass(300_000);
    scene.told();
    assert_eq!(scene.resubscribe("bob", &bob, 2, "Expires: 400\n").status, 200);
    scene.told();
    scene.pass(299_000);
    assert!(scene.told().is_empty());
    scene.pass(1_000);
    assert_eq!(scene.only_bob_state(), "terminated;reason=giveup");
    let mut table: Vec<String> = Vec::new();
    table.extend(scene.told().iter().flat_map(WatcherInfo::told));
    scene.pass(5_000);
    table.extend(scene.told().iter().flat_map(WatcherInfo::told));
    table.sort();
    let expected = ["sip:bob@example.com terminated giveup", "sip:carol@example.com terminated giveup"];
    assert_eq!(table, expected);
    assert!(scene.alice_fetches().watchers.is_empty());
    assert_eq!(scene.count(UNDECIDED), 0);
}

/// WIN-19: a watcher cannot have more than so many that are pending or waiting, nor a presentity;
/// those who have only waited make room, the oldest first.
#[test]
fn pending_and_waiting_are_bounded() {
    let json = r#"{"presence":{"domains":["example.com"]},"rules":{"enabled":true},
        "limits":{"pending":3,"pending_per_watcher":2}}"#;
    let mut scene = Scene::new(json);
    assert_eq!(scene.subscribe("bob", "").status, 200);
    assert_eq!(scene.subscribe("bob", "").status, 200);
    assert_eq!(scene.subscribe("bob", "").status, 403);
    assert_eq!(scene.subscribe("bob", "Expires: 0\n").status, 403);
    assert_eq!(scene.subscribe("carol", "Expires: 0\n").status, 200);
    assert_eq!(scene.count(UNDECIDED), 3);
    scene.told();
    scene.alice_looks();
    scene.told();
    assert_eq!(scene.subscribe("dave", "").status, 200);
    let mut told = scene.told();
    scene.pass(5_000);
    told.extend(scene.told());
    let told: Vec<String> = told.iter().flat_map(WatcherInfo::told).collect();
    assert_eq!(told, ["sip:carol@example.com terminated giveup", "sip:dave@example.com pending subscribe"]);
    assert_eq!(scene.subscribe("erin", "").status, 503);
    assert_eq!(scene.count(UNDECIDED), 3);
    // Who is authorized is not bounded by it.
    scene.configure(&json.replace(r#""enabled":true"#, r#""enabled":true,"default":"allow""#));
    assert_eq!(scene.subscribe("erin", "").status, 200);
}
