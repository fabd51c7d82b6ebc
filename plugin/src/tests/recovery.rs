//! After a stop without order.

use super::scene::{ALICE, HASTY, Scene, pidf_of};

/// Design section 5: a NOTIFY that was committed but not answered is sent again, CSeq goes on
/// after the reserved block, nobody is left with old state.
#[test]
fn a_fanout_cut_short_is_made_good() {
    for lucky in [false, true] {
        let mut scene = Scene::new(HASTY);
        for number in 0..150 {
            scene.watch(&format!("w{number}"));
        }
        scene.host.flush();
        scene.publish("", &pidf_of(ALICE, "open", "new"));
        assert!(scene.run_one());
        scene.crash(|_| lucky);
        assert!(scene.notifies().is_empty(), "recovery itself only posts");
        scene.settle();
        let notifies = scene.notifies();
        assert_eq!(notifies.len(), 150);
        assert!(notifies.iter().all(|notify| notify.body.contains("new") && notify.cseq() > 256));
        scene.answer_all();
        scene.settle();
        assert!(scene.notifies().is_empty());
    }
}

/// SUB-12 over a crash: the NOTIFY after a 200 that had left is not lost.
#[test]
fn the_first_notify_survives_a_crash() {
    let mut scene = Scene::new(HASTY);
    scene.subscribe("bob", "");
    scene.crash(|_| false);
    scene.settle();
    assert_eq!(scene.notifies().len(), 1);
}

/// A fetch has no record that could be recovered: the host keeps its NOTIFY.
#[test]
fn the_notify_of_a_fetch_survives_a_crash() {
    let mut scene = Scene::new(HASTY);
    scene.subscribe("bob", "Expires: 0\n");
    scene.crash(|_| false);
    scene.settle();
    assert_eq!(scene.notifies().len(), 1);
}

/// Watchers that had everything are not bothered after a crash.
#[test]
fn who_is_up_to_date_hears_nothing() {
    let mut scene = Scene::new(HASTY);
    scene.publish_open();
    scene.watch("bob");
    scene.host.flush();
    scene.crash(|_| false);
    scene.settle();
    assert!(scene.notifies().is_empty());
}

/// An orderly stop takes nothing back: CSeq goes on without a gap.
#[test]
fn cseq_has_no_gap_without_a_crash() {
    let mut scene = Scene::new(HASTY);
    scene.watch("bob");
    scene.host.flush();
    scene.publish_open();
    assert_eq!(scene.only_notify().cseq(), 2);
}

/// A publication that was answered is there after a crash, with its entity-tag.
#[test]
fn an_acknowledged_publication_survives() {
    let mut scene = Scene::new(HASTY);
    let tag = scene.publish_open();
    scene.crash(|_| false);
    assert_eq!(scene.publish(&format!("SIP-If-Match: {tag}\n"), "").status, 200);
}

/// SUB-12 over a crash, for a refresh: that it was answered is durable, so its NOTIFY is due, too.
#[test]
fn the_notify_of_a_refresh_survives_a_crash() {
    let mut scene = Scene::new(HASTY);
    let tag = scene.watch("bob");
    scene.host.flush();
    assert_eq!(scene.resubscribe("bob", &tag, 2, "").status, 200);
    scene.crash(|_| false);
    scene.settle();
    assert_eq!(scene.notifies().len(), 1);
}
