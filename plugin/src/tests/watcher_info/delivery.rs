//! Who gets which change, and when.

use super::*;

/// WIN-23: one notification of changes in 5 s to each subscriber; merged changes give one version
/// step; each subscriber has its own clock and gets every change.
#[test]
fn changes_are_merged_for_each_subscriber() {
    let mut scene = Scene::new(OPEN);
    scene.alice_looks();
    scene.told();
    scene.watch_quietly("w1");
    assert_eq!(scene.told_once().version, 1);
    scene.pass(3_000);
    scene.alice_looks();
    assert_eq!(scene.told_once().watchers.len(), 1);
    let w2 = scene.subscribe("w2", "").reply.to_tag.unwrap();
    // The second one has not been sent a change yet.
    let told = scene.told_once();
    assert_eq!((told.version, told.told()), (1, vec!["sip:w2@example.com active subscribe".to_owned()]));
    scene.watch_quietly("w3");
    scene.resubscribe("w2", &w2, 2, "Expires: 0\n");
    assert!(scene.told().is_empty());
    scene.pass(2_000);
    let told = scene.told_once();
    let merged = ["sip:w2@example.com terminated timeout", "sip:w3@example.com active subscribe"];
    assert_eq!((told.version, told.told()), (2, merged.map(str::to_owned).to_vec()));
    scene.pass(3_000);
    let told = scene.told_once();
    assert_eq!((told.version, told.told()), (2, merged.map(str::to_owned).to_vec()));
    scene.pass(60_000);
    assert!(scene.told().is_empty());
}

/// WIN-24 for full state: who ended since the last document is still told in it, once.
#[test]
fn an_end_is_not_lost_in_full_state() {
    let mut scene = Scene::new(OPEN);
    let tag = scene.alice_looks();
    scene.told();
    let bob = scene.subscribe("bob", "").reply.to_tag.unwrap();
    scene.told();
    scene.resubscribe("bob", &bob, 2, "Expires: 0\n");
    assert!(scene.told().is_empty(), "throttled");
    scene.resubscribe("alice", &tag, 2, WINFO);
    let told = scene.told_once();
    assert_eq!((told.full, told.told()), (true, vec!["sip:bob@example.com terminated timeout".to_owned()]));
    scene.pass(10_000);
    assert!(scene.told().is_empty());
}

/// SUB-26: a watcher that has gone is removed, and the presentity learns of it.
#[test]
fn a_watcher_that_has_gone_is_told() {
    let mut scene = Scene::new(OPEN);
    scene.subscribe("bob", "");
    scene.subscribe("alice", WINFO);
    let notifies = scene.notifies();
    scene.answer(&notifies[1], 200);
    scene.answer(&notifies[0], 481);
    assert_eq!(scene.told_once().told(), ["sip:bob@example.com terminated deactivated"]);
}

/// Nothing is written, and one record looked for, while nobody subscribes to it.
#[test]
fn it_costs_nothing_while_nobody_looks() {
    let mut scene = Scene::new(OPEN);
    scene.subscribe("bob", "");
    let alone = scene.cost;
    assert_eq!(scene.count(LEDGER), 0);
    // The subscription and where it stands.
    assert_eq!((alone.durable_writes, alone.relaxed_writes), (2, 0));
    scene.told();
    scene.alice_looks();
    scene.told();
    scene.subscribe("carol", "");
    // The change and where the winfo subscription stands.
    assert_eq!((scene.cost.durable_writes, scene.cost.relaxed_writes), (2, 2));
}

/// A document is bounded; those who wait for a decision come first, and the operator is told.
#[test]
fn a_document_is_bounded() {
    let json = r#"{"presence":{"domains":["example.com"]},"rules":{"enabled":true,"default":"allow"},
        "limits":{"winfo_watchers":20}}"#;
    let mut scene = Scene::new(json);
    for number in 0..30 {
        scene.watch(&format!("w{number}"));
    }
    scene.configure(&json.replace("allow", "confirm"));
    scene.watch("bob");
    scene.configure(json);
    let told = scene.alice_fetches();
    assert_eq!(told.watchers.len(), 20);
    assert_eq!(told.watchers[0].told(), "sip:bob@example.com pending subscribe");
    assert!(
        scene
            .host
            .lines
            .iter()
            .any(|line| line.starts_with("Warn: more watchers") && line.contains("shown=20"))
    );
}

/// Who lags by more than is kept is sent full state.
#[test]
fn who_misses_too_much_gets_full_state() {
    let mut scene = Scene::new(OPEN);
    scene.alice_looks();
    scene.told();
    scene.watch_quietly("first");
    scene.told();
    for number in 0..70 {
        scene.subscribe(&format!("w{number}"), "");
    }
    scene.told();
    scene.pass(5_000);
    let told = scene.told_once();
    assert_eq!((told.version, told.full, told.watchers.len()), (2, true, 71));
    scene.subscribe("last", "");
    scene.told();
    scene.pass(5_000);
    let told = scene.told_once();
    assert_eq!((told.version, told.full, told.watchers.len()), (3, false, 1));
}

/// The number of winfo subscriptions is bounded; more of them than are served in one step
/// all get what happened.
#[test]
fn winfo_subscriptions_are_bounded_and_all_served() {
    let json = OPEN.replace(r#""rules""#, r#""limits":{"winfo_subscriptions":9},"rules""#);
    let mut scene = Scene::new(&json);
    for _ in 0..9 {
        scene.alice_looks();
    }
    assert_eq!(scene.subscribe("alice", WINFO).status, 503);
    assert_eq!(scene.told().len(), 9);
    scene.subscribe("bob", "");
    scene.settle();
    let told = scene.told();
    assert_eq!(told.len(), 9);
    assert!(told.iter().all(|one| one.version == 1 && one.watchers.len() == 1));
}

/// A NOTIFY that failed is followed by full state, with the next version.
#[test]
fn a_failed_notify_is_made_good() {
    let mut scene = Scene::new(OPEN);
    scene.alice_looks();
    scene.told();
    scene.watch_quietly("bob");
    let notify = scene.notifies().into_iter().find(|notify| notify.uri.contains("alice")).unwrap();
    scene.answer_with(&notify, "SIP/2.0 503 Later\nRetry-After: 20\n\n");
    scene.pass(20_000);
    let told = scene.told_once();
    assert_eq!((told.version, told.full, told.watchers.len()), (2, true, 1));
}

/// After a crash every winfo subscriber gets full state, with a version that never goes back.
#[test]
fn full_state_follows_a_crash() {
    for lucky in [false, true] {
        let mut scene = Scene::new(CONFIRM);
        scene.alice_looks();
        scene.told();
        scene.host.flush();
        let mut table = Table::default();
        scene.subscribe("bob", "Expires: 60\n");
        let before = scene.told_once();
        assert_eq!(before.version, 1);
        scene.pass(60_000);
        scene.told();
        scene.crash(|_| lucky);
        scene.settle();
        let mut told = scene.told();
        assert!(told[0].full && told[0].version > 2, "{told:?}");
        scene.pass(5_000);
        told.extend(scene.told());
        for document in &told {
            table.take(document, true);
        }
        assert_eq!(table.everybody(), ["sip:bob@example.com waiting"]);
    }
}

/// An orderly stop takes nothing back: nobody is bothered, versions go on.
#[test]
fn nothing_is_told_twice_after_an_orderly_stop() {
    let mut scene = Scene::new(OPEN);
    scene.alice_looks();
    scene.told();
    scene.watch_quietly("bob");
    scene.told();
    scene.host.advance(6_000);
    scene.recover();
    scene.settle();
    assert!(scene.told().is_empty());
    scene.watch_quietly("carol");
    assert_eq!(scene.told_once().version, 2);
}
