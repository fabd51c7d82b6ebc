//! Sources that are asked for everybody at all times, and the pace at which that is done.

use super::stage::{accept, source, subscribes};
use crate::keys;
use crate::ports::Instant;
use crate::tests::scene::Scene;

const ALWAYS: &str = r#"{"presence":{"domains":["example.com"],"notify_interval":0},
    "rules":{"enabled":true,"default":"allow"},
    "external":{"super_user":"sip:presence@example.com",
        "registrar":[{"name":"scscf","domain":"example.com","target":"sip:192.0.2.10","rate":10}],
        "community":[{"name":"east","target":"sip:192.0.2.20","identities":"east.json","start":"always","rate":10}]}}"#;

const SECOND: u64 = 1_000;

fn name(number: usize) -> String {
    format!("sip:u{number}@example.com")
}

/// An operator's reload: these users are known to the community.
fn list(scene: &mut Scene, users: std::ops::Range<usize>) {
    let row = |number| vec!["east".to_owned(), name(number), format!("sip:x{number}@east.example")];
    let sources = [("external", users.map(row).collect())].into();
    scene.host.load(&scene.presence, &sources).unwrap();
}

fn announce(scene: &mut Scene) {
    scene.host.begin(None);
    let taken =
        scene.presence.on_document(&mut scene.host, "rollcall.sources", None, "east", Some(b"enabled"));
    assert_eq!(taken, Ok(()));
    scene.host.commit();
}

/// How many of the first hundred users the community is asked for.
fn covered(scene: &Scene) -> usize {
    let key = source(scene, "east").key(keys::BACKEND);
    (0..100).filter(|number| !scene.host.records(&name(*number), &key).is_empty()).count()
}

/// Lets time go on to an instant, timer by timer; tells when SUBSCRIBEs left.
fn play(scene: &mut Scene, until: Instant) -> Vec<Instant> {
    let mut left = Vec::new();
    loop {
        scene.settle();
        let now = scene.host.time();
        let accepted = accept(scene);
        left.extend(std::iter::repeat_n(now, accepted));
        match scene.host.next_timer().filter(|due| *due <= until) {
            Some(due) => scene.host.advance(due.saturating_sub(now)),
            None => {
                scene.host.advance(until.saturating_sub(now));
                return left;
            }
        }
    }
}

/// The most that left in any second.
fn busiest(left: &[Instant]) -> usize {
    let within = |first: usize| left[first..].partition_point(|other| *other < left[first] + SECOND);
    (0..left.len()).map(within).max().unwrap_or_default()
}

/// Issue: "on demand with the first watcher or always"; re-subscription is paced. Everybody who is listed is asked
/// for though nobody watches, no more of them a second than the source takes.
#[test]
fn everybody_who_is_listed_is_asked_for_at_the_configured_pace() {
    let mut scene = Scene::new(ALWAYS);
    list(&mut scene, 0..50);
    let begin = scene.host.time();
    announce(&mut scene);
    let left = play(&mut scene, begin + 6 * SECOND);
    assert_eq!((left.len(), covered(&scene)), (50, 50));
    assert!(busiest(&left) <= 11, "{left:?}");
    assert!(left.iter().all(|at| *at <= begin + 5 * SECOND), "slower than it may be: {left:?}");
    // All is done, but for the pulse.
    assert_eq!(scene.host.timer_count("source:east"), 1);
}

/// Who begins to watch while very many are waiting does not wait behind all of them: the walk waits for the queue to
/// become short.
#[test]
fn a_watcher_does_not_wait_behind_everybody() {
    let mut scene = Scene::new(&ALWAYS.replace("\"rate\":10}]}}", "\"rate\":1}]}}"));
    list(&mut scene, 0..100);
    announce(&mut scene);
    let begin = scene.host.time();
    play(&mut scene, begin + 5 * SECOND);
    assert!(covered(&scene) < 20, "asked for {} at once", covered(&scene));
    let last = name(99);
    let subscribe = format!(
        "SUBSCRIBE {last} SIP/2.0\nTo: <{last}>\nFrom: <sip:bob@example.com>;tag=b\nCall-ID: b\nCSeq: 1 SUBSCRIBE\n\
         Event: presence\nP-Asserted-Identity: <sip:bob@example.com>\nContact: <sip:192.0.2.1>\n\n"
    );
    assert_eq!(scene.request(&subscribe).unwrap().status, 200);
    let now = scene.host.time();
    let mut found = None;
    for second in 1..10 {
        scene.settle();
        let asks = |uri: &str| uri == "sip:x99@east.example";
        if subscribes(&scene).iter().any(|sent| asks(&sent.uri)) {
            found = Some(second);
            break;
        }
        accept(&mut scene);
        scene.pass(SECOND);
    }
    assert!(found.is_some(), "not within {} s", (scene.host.time() - now) / SECOND);
}

/// The directory is followed: who is listed from now on is asked for, who is not finds out at the next refresh, and
/// who is known under another name is asked for under that one.
#[test]
fn another_directory_is_followed() {
    let mut scene = Scene::new(ALWAYS);
    list(&mut scene, 0..5);
    announce(&mut scene);
    let begin = scene.host.time();
    play(&mut scene, begin + 2 * SECOND);
    assert_eq!(covered(&scene), 5);
    list(&mut scene, 2..9);
    play(&mut scene, begin + 15 * SECOND);
    assert_eq!(covered(&scene), 9);
    // By then each has had to ask again whether it is wanted.
    play(&mut scene, begin + 7_200 * SECOND);
    assert_eq!(covered(&scene), 7);
}

/// A crash in the middle of a walk, which takes back what it can, leaves nobody out and is no storm.
#[test]
fn a_crash_during_a_walk_leaves_nobody_out() {
    for seed in [0, u64::MAX, 0x5555_5555_5555_5555] {
        let mut scene = Scene::new(ALWAYS);
        list(&mut scene, 0..40);
        announce(&mut scene);
        let begin = scene.host.time();
        let mut left = play(&mut scene, begin + SECOND);
        scene.crash(|number| seed >> (number % 64) & 1 == 1);
        // The host makes the source known at each start.
        announce(&mut scene);
        left.extend(play(&mut scene, begin + 12 * SECOND));
        assert_eq!(covered(&scene), 40);
        assert!(left.len() >= 40 && busiest(&left) <= 11, "{seed:x}: {left:?}");
    }
}

/// `start` is another one now: who is not watched is asked for no longer.
#[test]
fn who_was_asked_for_always_may_be_so_no_longer() {
    let mut scene = Scene::new(ALWAYS);
    list(&mut scene, 0..5);
    announce(&mut scene);
    let begin = scene.host.time();
    play(&mut scene, begin + 2 * SECOND);
    scene.presence = crate::handler::Presence::configure(&ALWAYS.replace("always", "demand")).unwrap();
    announce(&mut scene);
    play(&mut scene, begin + 7_200 * SECOND);
    assert_eq!(covered(&scene), 0);
}

/// Issue, scale: what pacing and the ledger cost for each of very many users.
#[test]
fn a_slot_costs_two_posts_and_little_room() {
    let mut scene = Scene::new(&ALWAYS.replace("\"rate\":10}]}}", "\"rate\":1000}]}}"));
    list(&mut scene, 0..20);
    announce(&mut scene);
    let (mut posts, mut durable) = (0, 0);
    while let Some((to, _)) = scene.host.posts().first().cloned().or_else(|| {
        let now = scene.host.time();
        scene.host.next_timer().filter(|due| *due <= now).map(|_| (String::new(), Vec::new()))
    }) {
        assert!(scene.run_one());
        if to == "source:east" {
            posts += 1;
            durable += scene.cost.durable_writes;
            assert!(scene.cost.storage_calls <= 4 && scene.cost.timers == 0, "{:?}", scene.cost);
        }
    }
    // One to be covered and one for a slot each; slots are reserved once. Who is covered is entered in the roll, too.
    assert_eq!((covered(&scene), posts, durable), (20, 40, 1));
    let size = |partition: &str, key: &[u8]| {
        scene.host.records(partition, key).iter().map(|(key, value)| key.len() + value.len()).sum::<usize>()
    };
    assert!(size("source:east", b"qb") <= 48, "{}", size("source:east", b"qb"));
    assert!(size(&name(0), &[keys::DEMAND]) <= 16, "{}", size(&name(0), &[keys::DEMAND]));
}
