//! A source that is not configured any more takes what it contributed with it.

use super::backend::{Far, ONE};
use crate::external::source::Source;
use crate::handler::Presence;
use crate::keys;
use crate::tests::scene::{ALICE, Scene};

/// The same with the source switched off, and without it.
fn without() -> [String; 2] {
    let (begin, end) = (ONE.find("[{").unwrap(), ONE.rfind("}]").unwrap());
    [
        ONE.replace("\"name\":\"east\"", "\"enabled\":false,\"name\":\"east\""),
        [&ONE[..=begin], &ONE[end + 1..]].concat(),
    ]
}

/// A start or a reload with another configuration.
fn reload(scene: &mut Scene, configuration: &str) {
    scene.presence = Presence::configure(configuration).unwrap();
    let names: Vec<String> =
        scene.presence.configuration().external.iter().map(|source| source.name.clone()).collect();
    for name in names {
        announce(scene, &name);
    }
}

fn announce(scene: &mut Scene, name: &str) {
    scene.host.begin(None);
    let taken = scene.presence.on_document(&mut scene.host, "rollcall.sources", None, name, Some(b"enabled"));
    assert_eq!(taken, Ok(()));
    scene.host.commit();
}

fn users(scene: &mut Scene) -> u64 {
    scene.host.begin(None);
    let answer = scene.presence.on_inspect(&mut scene.host, "source", "east").unwrap();
    scene.host.commit();
    serde_json::from_str::<serde_json::Value>(&answer).unwrap()["users"].as_u64().unwrap()
}

/// Records and timers about the source that a presentity has.
fn left(scene: &Scene, presentity: &str) -> usize {
    let id = Source::id_of("east");
    let kinds = [keys::BACKEND, keys::CONTRIBUTION, keys::REPORTED, keys::DEMAND];
    kinds.iter().map(|kind| scene.host.records(presentity, &id.key(*kind)).len()).sum()
}

/// Issue, "its contribution ages out": it does not have to where the source itself has gone. Within the ten seconds of
/// its pulse, watchers are notified of a document without it, though nothing else happens.
#[test]
fn what_a_source_said_goes_with_it() {
    for gone in without() {
        let (mut far, _) = Far::live(ONE);
        announce(&mut far.scene, "east");
        assert_eq!((left(&far.scene, ALICE) > 0, users(&mut far.scene)), (true, 1));
        reload(&mut far.scene, &gone);
        assert_eq!(far.shown(), "one");
        let before = far.scene.host.time();
        while far.scene.notifies().is_empty() {
            far.scene.settle();
            far.scene.pass(500);
            assert!(far.scene.host.time() < before + 11_000);
        }
        assert!(!far.scene.only_notify().body.contains("one"));
        far.settle();
        assert_eq!((far.shown().as_str(), left(&far.scene, ALICE)), ("", 0));
        far.pass(1);
        assert_eq!(far.scene.host.timer_count("source:east"), 0);
        // It comes back, and is subscribed to with the next word of a watcher.
        reload(&mut far.scene, ONE);
        assert_eq!(users(&mut far.scene), 0);
        far.scene.watch("carol");
        far.settle();
        let ask = far.only_ask();
        far.accept(&ask, 3_600);
        assert_eq!(far.tell(&ask, 1, "active;expires=3600", "again"), 200);
        assert_eq!((far.shown().as_str(), users(&mut far.scene)), ("again", 1));
    }
}

/// A stop without order at any point of it changes nothing.
#[test]
fn a_crash_does_not_keep_it() {
    for gone in without() {
        for survives in [false, true] {
            let (mut far, _) = Far::live(ONE);
            announce(&mut far.scene, "east");
            far.scene.presence = Presence::configure(&gone).unwrap();
            far.scene.crash(|_| survives);
            far.pass(11);
            assert_eq!((far.shown().as_str(), left(&far.scene, ALICE)), ("", 0));
        }
    }
}

/// Very many users: some at a time, and all of them; who is still covered by a source that comes back in the middle
/// stays on the roll, so that it works once more.
#[test]
fn very_many_are_told_some_at_a_time() {
    let many = ONE.replace("\"domain\":\"example.com\"", "\"rate\":100000,\"domain\":\"example.com\"");
    for comes_back in [false, true] {
        let mut far = Far::on(Scene::new(&many));
        announce(&mut far.scene, "east");
        for user in 0..600 {
            assert_eq!(far.watch_other(user), 200);
        }
        far.settle();
        far.pass(1);
        for ask in far.asks() {
            far.scene.host.sent.retain(|sent| *sent != ask.sent);
        }
        assert_eq!(users(&mut far.scene), 600);
        let [off, _] = without();
        reload(&mut far.scene, &off);
        let covered = |scene: &Scene| {
            (0..600).filter(|user| left(scene, &format!("sip:user{user}@example.com")) > 0).count()
        };
        while covered(&far.scene) == 600 {
            far.scene.pass(100);
        }
        assert_eq!(covered(&far.scene), 600 - 256);
        if comes_back {
            // The next ones are struck off and hear of it when it is there again.
            while far.scene.host.posts().is_empty() {
                far.scene.host.advance(50);
                far.scene.run_one();
            }
            reload(&mut far.scene, &many);
            far.settle();
            assert_eq!((covered(&far.scene), users(&mut far.scene)), (600 - 256, 600 - 256));
            reload(&mut far.scene, &off);
        }
        for _ in 0..48 {
            far.scene.pass(250);
        }
        assert_eq!(covered(&far.scene), 0);
        assert_eq!(far.scene.host.records("source:east", b"qm").len(), 0);
        reload(&mut far.scene, &many);
        assert_eq!(users(&mut far.scene), 0);
    }
}
