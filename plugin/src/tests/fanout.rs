//! A change to many watchers.

use std::collections::BTreeMap;

use super::scene::{ALICE, HASTY, Scene, pidf_of};
use crate::keys::FANOUT;

fn crowd(size: usize) -> Scene {
    let mut scene = Scene::new(HASTY);
    for number in 0..size {
        scene.watch(&format!("w{number}"));
    }
    scene
}

fn publish(scene: &mut Scene, note: &str) {
    assert_eq!(scene.publish("", &pidf_of(ALICE, "open", note)).status, 200);
}

/// NOTIFYs in flight by watcher; there must be one each.
fn by_watcher(scene: &Scene) -> BTreeMap<String, String> {
    let all = scene.notifies();
    let map: BTreeMap<_, _> =
        all.iter().map(|notify| (notify.header("To").unwrap().to_owned(), notify.body.clone())).collect();
    assert_eq!(map.len(), all.len(), "two NOTIFYs to one watcher");
    map
}

/// Design section 5: some watchers in the step of the change, the others in chunks that write nothing durably.
#[test]
fn a_fanout_goes_in_chunks_of_relaxed_steps() {
    let mut scene = crowd(250);
    publish(&mut scene, "one");
    assert_eq!(scene.notifies().len(), 32);
    let mut steps = 0;
    while scene.run_one() {
        steps += 1;
        assert_eq!(scene.cost.durable_writes, 0);
        assert!(scene.cost.sends <= 100);
        assert!(scene.cost.storage_calls <= scene.cost.sends + 6, "{:?}", scene.cost);
    }
    assert_eq!(steps, 3);
    assert_eq!(by_watcher(&scene).len(), 250);
    assert!(scene.host.records(ALICE, FANOUT).is_empty());
    scene.answer_all();
    assert!(scene.notifies().is_empty());
}

/// A change on the way starts no second sweep; everybody ends with the newest document.
#[test]
fn a_change_during_a_fanout_reaches_everybody_once() {
    let mut scene = crowd(250);
    publish(&mut scene, "one");
    for notify in scene.notifies() {
        scene.answer(&notify, 200);
    }
    assert!(scene.run_one());
    publish(&mut scene, "two");
    let before = scene.notifies().len();
    assert_eq!(before, 100, "the change itself notified nobody");
    let mut steps = 0;
    while scene.run_one() {
        steps += 1;
    }
    assert!(steps <= 5, "{steps} steps");
    let bodies = by_watcher(&scene);
    assert_eq!(bodies.len(), 250);
    assert_eq!(bodies.values().filter(|body| body.contains("two")).count(), 150);
    for notify in scene.notifies() {
        scene.answer(&notify, 200);
    }
    let rest = by_watcher(&scene);
    assert_eq!(rest.len(), 100, "those that had the older document in flight");
    assert!(rest.values().all(|body| body.contains("two")));
    scene.answer_all();
    scene.settle();
    assert!(scene.notifies().is_empty());
}

/// A second change while the first pass has wrapped around covers those after the mark again.
#[test]
fn changes_in_both_passes_reach_everybody() {
    let mut scene = crowd(150);
    publish(&mut scene, "one");
    publish(&mut scene, "two");
    assert!(scene.run_one());
    publish(&mut scene, "three");
    while scene.run_one() {
        scene.answer_all();
    }
    scene.answer_all();
    scene.pass(1);
    scene.answer_all();
    // Whoever asks now gets nothing new: fetch every position's version by another change.
    publish(&mut scene, "four");
    scene.settle();
    assert_eq!(by_watcher(&scene).len(), 150);
    scene.answer_all();
    scene.settle();
    assert!(scene.notifies().is_empty());
}

/// An end of a block of CSeq numbers is the only durable write of a fan-out.
#[test]
fn cseq_numbers_are_reserved_in_blocks() {
    let mut scene = crowd(1);
    let mut durable = 0;
    for round in 0..600 {
        publish_again(&mut scene, round);
        durable += scene.cost.durable_writes - 2;
        scene.answer_all();
    }
    assert!((2..=3).contains(&durable), "{durable}");
}

fn publish_again(scene: &mut Scene, round: u32) {
    // One publication that replaces itself: remove the old one by letting only one live.
    let note = format!("n{round}");
    let tag = scene.host.records(ALICE, b"p").first().map(|(key, record)| {
        let publication: crate::records::Publication = crate::records::decode(record).unwrap();
        let id = crate::keys::Id::of_key(key).unwrap();
        crate::compositor::entity_tag::EntityTag { id, nonce: publication.nonce }.text()
    });
    let lines = tag.map(|tag| format!("SIP-If-Match: {tag}\n")).unwrap_or_default();
    assert_eq!(scene.publish(&lines, &pidf_of(ALICE, "open", &note)).status, 200);
}

/// One timer serves all whose turn has not come: the earliest sets it, and the others do not starve.
#[test]
fn the_earliest_turn_sets_the_timer() {
    let mut scene = Scene::new(super::scene::OPEN);
    scene.watch("bob");
    scene.watch("carol");
    publish(&mut scene, "one");
    for notify in scene.notifies() {
        let busy = notify.header("Call-ID") == Some("c-bob");
        let text = if busy { "SIP/2.0 503 Busy\nRetry-After: 20\n\n" } else { "SIP/2.0 200 OK\n\n" };
        scene.answer_with(&notify, text);
    }
    publish(&mut scene, "two");
    scene.pass(5_000);
    assert_eq!(scene.only_notify().header("Call-ID"), Some("c-carol"));
    scene.answer_all();
    scene.pass(15_000);
    assert_eq!(scene.only_notify().header("Call-ID"), Some("c-bob"));
}

/// Positions without a subscription do not hide those of others.
#[test]
fn a_stray_position_confuses_nobody() {
    use crate::ports::{Durability, Host};
    let mut scene = crowd(40);
    scene.host.begin(Some(ALICE));
    for number in 0..30u64 {
        let mut key = vec![crate::keys::POSITION];
        key.extend_from_slice(&number.to_be_bytes());
        scene.host.put(&key, b"", Durability::Durable, None);
    }
    scene.host.commit();
    publish(&mut scene, "one");
    scene.settle();
    assert_eq!(by_watcher(&scene).len(), 40);
    assert!(scene.notifies().iter().all(|notify| notify.cseq() == 2));
}
