//! Watcher information when subscriptions move (WPS-34), and winfo subscriptions that move.

use super::moving::{CAROL, DESK, Phone};
use super::scene::{ALICE, Notify, Scene};
use super::watchers::{Table, WatcherInfo};
use crate::keys::{LEDGER, WINFO_POSITION, WINFO_SUBSCRIPTION};

/// Everybody may watch, and identities are mapped.
const MAPPED: &str = r#"{"presence":{"domains":["example.com"],"notify_interval":0},"identity":{"map":true},
    "rules":{"enabled":true,"default":"allow"}}"#;
const WINFO: &str = "Event: presence.winfo\n";

fn info(notify: &Notify) -> WatcherInfo {
    assert_eq!(notify.header("Event"), Some("presence.winfo"));
    WatcherInfo::read(&notify.body)
}

/// Answers every NOTIFY, and gives what watcher information there was, by its subscriber.
fn told(scene: &mut Scene, subscriber: &str) -> Vec<WatcherInfo> {
    let mut told = Vec::new();
    scene.pass(5_000);
    while let Some(notify) = scene.notifies().first().cloned() {
        if notify.header("Call-ID") == Some(&format!("c-{subscriber}")) {
            told.push(info(&notify));
        }
        scene.answer(&notify, 200);
        scene.settle();
    }
    told
}

/// WPS-34: "the winfo notifications are also generated if necessary": the watcher leaves the list of the old
/// presentity and enters that of the new one.
#[test]
fn a_watcher_leaves_one_list_and_enters_another() {
    let mut scene = Scene::new(MAPPED);
    scene.map(&[(DESK, ALICE)]);
    let mut bob = Phone::watch(&mut scene, "bob", DESK);
    let _alice = Phone::call(&mut scene, "alice", ALICE, WINFO);
    let _carol = Phone::call(&mut scene, "carol", CAROL, WINFO);
    assert_eq!(told(&mut scene, "alice")[0].told(), ["sip:bob@example.com active subscribe"]);
    scene.map(&[(DESK, CAROL)]);
    scene.pass(60_000);
    assert!(scene.notifies().is_empty(), "the map alone moves nobody");
    assert_eq!(bob.subscribe(&mut scene, "").status, 200);
    scene.settle();
    let mut lists: Vec<_> =
        scene.notifies().iter().filter(|one| one.header("Event") != Some("presence")).map(info).collect();
    lists.sort_by(|one, other| one.resource.cmp(&other.resource));
    assert_eq!(lists.len(), 2);
    assert_eq!((lists[0].resource.as_str(), lists[0].full), (ALICE, false));
    assert_eq!(lists[0].told(), ["sip:bob@example.com terminated deactivated"]);
    assert_eq!((lists[1].resource.as_str(), lists[1].full), (CAROL, false));
    assert_eq!(lists[1].told(), ["sip:bob@example.com active subscribe"]);
    scene.answer_all();

    // A move that ends it is told to the old list only.
    scene.map(&[(DESK, ALICE)]);
    assert_eq!(bob.subscribe(&mut scene, "Expires: 0\n").status, 200);
    let about = told(&mut scene, "carol");
    assert_eq!(
        about.iter().flat_map(WatcherInfo::told).collect::<Vec<_>>(),
        ["sip:bob@example.com terminated deactivated"]
    );
    assert_eq!(told(&mut scene, "alice"), []);
}

/// WPS-33, WPS-45 for watcher information: a winfo subscription moves with its next SUBSCRIBE, is sent the
/// full list of the new presentity, and counts its documents on (RFC 3858 4).
#[test]
fn a_winfo_subscription_moves() {
    for in_flight in [false, true] {
        let mut scene = Scene::new(MAPPED);
        scene.map(&[(DESK, ALICE)]);
        Phone::watch(&mut scene, "bob", ALICE);
        Phone::watch(&mut scene, "dan", CAROL);
        let mut desk = Phone::call(&mut scene, "desk", DESK, WINFO);
        let mut table = Table::default();
        for document in told(&mut scene, "desk") {
            table.take(&document, false);
        }
        assert_eq!(table.everybody(), ["sip:bob@example.com active"]);
        let mut open = None;
        if in_flight {
            Phone::call(&mut scene, "eve", ALICE, "");
            scene.settle();
            open = scene.notifies().into_iter().find(|one| one.header("Call-ID") == Some("c-desk"));
            assert!(open.is_some());
        }
        scene.map(&[(DESK, CAROL)]);
        assert_eq!(desk.subscribe(&mut scene, WINFO).status, 200);
        scene.settle();
        if let Some(notify) = open {
            let all = scene.notifies();
            assert_eq!(all.iter().filter(|one| one.header("Call-ID") == Some("c-desk")).count(), 1);
            table.take(&info(&notify), false);
            scene.answer(&notify, 200);
            scene.settle();
        }
        let documents = told(&mut scene, "desk");
        assert_eq!(documents.len(), 1);
        assert!(documents[0].full && documents[0].resource == DESK);
        table.take(&documents[0], false);
        assert_eq!(table.everybody(), ["sip:dan@example.com active"]);
        for (kind, name) in [(WINFO_SUBSCRIPTION, "subscription"), (WINFO_POSITION, "position")] {
            assert_eq!((scene.has(ALICE, kind), scene.has(CAROL, kind)), (0, 1), "{name}");
        }
        assert_eq!(scene.has(ALICE, LEDGER), 0, "nobody looks there any more");

        Phone::watch(&mut scene, "fay", CAROL);
        Phone::watch(&mut scene, "gus", ALICE);
        for document in told(&mut scene, "desk") {
            table.take(&document, false);
        }
        // Fay's came while Phone::watch answered everything, if the interval had passed.
        assert_eq!(desk.subscribe(&mut scene, &format!("{WINFO}Expires: 0\n")).status, 200);
        assert_eq!(scene.forwards, 0);
        let last = told(&mut scene, "desk").remove(0);
        assert!(last.full);
        assert_eq!(
            last.told(),
            ["sip:dan@example.com active subscribe", "sip:fay@example.com active subscribe"]
        );
        assert_eq!(desk.subscribe(&mut scene, WINFO).status, 481);
    }
}

/// The SUBSCRIBE that ends a winfo subscription and would move it: the last NOTIFY shows the new presentity.
#[test]
fn a_winfo_subscription_ends_at_the_new_presentity() {
    let mut scene = Scene::new(MAPPED);
    scene.map(&[(DESK, ALICE)]);
    Phone::watch(&mut scene, "bob", ALICE);
    Phone::watch(&mut scene, "dan", CAROL);
    let mut desk = Phone::call(&mut scene, "desk", DESK, WINFO);
    told(&mut scene, "desk");
    scene.map(&[(DESK, CAROL)]);
    assert_eq!(desk.subscribe(&mut scene, &format!("{WINFO}Expires: 0\n")).status, 200);
    scene.settle();
    let notify = scene.only_notify();
    assert_eq!(notify.state(), "terminated;reason=timeout");
    assert_eq!(info(&notify).told(), ["sip:dan@example.com active subscribe"]);
    scene.answer_all();
    for partition in [ALICE, CAROL] {
        assert_eq!((scene.has(partition, WINFO_SUBSCRIPTION), scene.has(partition, LEDGER)), (0, 0));
    }
}
