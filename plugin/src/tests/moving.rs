//! Subscriptions whose presentity maps to another fundamental identity (WPS-31 to WPS-34).

use super::scene::{ALICE, Answer, Notify, Scene, pidf_of};
use crate::handler::Presence;
use crate::keys::{POSITION, SUBSCRIPTION};

pub const CAROL: &str = "sip:carol@example.com";
pub const DAVE: &str = "sip:dave@example.com";
pub const DESK: &str = "sip:desk@example.com";

/// Everybody may watch, without a throttle, and identities are mapped.
const MAPPED: &str = r#"{"presence":{"domains":["example.com"],"notify_interval":0},"identity":{"map":true},
    "rules":{"enabled":true,"default":"allow"}}"#;

impl Scene {
    /// An operator's reload: the whole new map.
    pub fn map(&mut self, entries: &[(&str, &str)]) {
        let row =
            |(public, fundamental): &(&str, &str)| vec![(*fundamental).to_owned(), (*public).to_owned()];
        let sources = [("identities", entries.iter().map(row).collect())].into();
        self.host.load(&self.presence, &sources).unwrap();
    }

    /// A publication of somebody's own document.
    pub fn publish_note(&mut self, presentity: &str, note: &str) {
        let answer = self.publish_as(presentity, presentity, "", &pidf_of(presentity, "open", note));
        assert_eq!(answer.status, 200);
    }

    pub fn has(&self, partition: &str, kind: u8) -> usize {
        self.host.records(partition, &[kind]).len()
    }

    /// Repeats a post, as a host may that stopped before it noted the delivery.
    pub fn post(&mut self, partition: &str, payload: &[u8]) {
        self.host.begin(Some(partition));
        self.presence.on_post(&mut self.host, partition, payload);
        self.cost = self.host.commit();
    }
}

/// A watcher with its dialog.
pub struct Phone {
    pub name: String,
    pub target: String,
    pub tag: String,
    pub cseq: u32,
}

impl Phone {
    /// A SUBSCRIBE out of dialog; the NOTIFY is not answered.
    pub fn call(scene: &mut Scene, name: &str, target: &str, lines: &str) -> Self {
        let mut phone =
            Self { name: name.to_owned(), target: target.to_owned(), tag: String::new(), cseq: 0 };
        let answer = phone.subscribe(scene, lines);
        assert_eq!(answer.status, 200);
        phone.tag = answer.reply.to_tag.unwrap();
        phone
    }

    /// Subscribes and answers the first NOTIFY.
    pub fn watch(scene: &mut Scene, name: &str, target: &str) -> Self {
        let phone = Self::call(scene, name, target, "");
        scene.settle();
        scene.answer_all();
        phone
    }

    /// The next SUBSCRIBE of the dialog.
    pub fn subscribe(&mut self, scene: &mut Scene, lines: &str) -> Answer {
        self.cseq += 1;
        let tag = if self.tag.is_empty() { String::new() } else { format!(";tag={}", self.tag) };
        self.subscribe_as(scene, &tag, lines)
    }

    fn subscribe_as(&self, scene: &mut Scene, tag: &str, lines: &str) -> Answer {
        let Self { name, target, cseq, .. } = self;
        let event = if lines.contains("Event:") { "" } else { "Event: presence\n" };
        let uri = if tag.is_empty() { target.as_str() } else { "sip:192.0.2.9:5060" };
        let text = format!(
            "SUBSCRIBE {uri} SIP/2.0\nTo: <{target}>{tag}\nFrom: <sip:{name}@example.com>;tag=w-{name}\n\
             Call-ID: c-{name}\nCSeq: {cseq} SUBSCRIBE\nContact: <sip:{name}@192.0.2.1:5070>\n\
             P-Asserted-Identity: <sip:{name}@example.com>\n{event}{lines}\n"
        );
        scene.request(&text).unwrap()
    }

    /// A refresh that is granted, and the NOTIFY that follows it.
    fn refresh(&mut self, scene: &mut Scene) -> Notify {
        assert_eq!(self.subscribe(scene, "").status, 200);
        scene.settle();
        let notify = scene.only_notify();
        scene.answer(&notify, 200);
        notify
    }
}

/// A stage with notes of alice, carol and dave, and the desk mapped to alice.
fn stage() -> Scene {
    let mut scene = Scene::new(MAPPED);
    scene.map(&[(DESK, ALICE)]);
    for (presentity, note) in [(ALICE, "of alice"), (CAROL, "of carol"), (DAVE, "of dave")] {
        scene.publish_note(presentity, note);
    }
    scene
}

/// WPS-31, WPS-32, WPS-33: "Upon re-subscribing, the presentity is mapped again to its fundamental
/// identity, and if the mapping has changed … a full notification is sent with the presence
/// information for the new presentity": in the same dialog, about the URI that was asked for.
#[test]
fn a_refresh_after_a_new_map_shows_the_new_presentity() {
    let mut scene = stage();
    let mut bob = Phone::call(&mut scene, "bob", DESK, "");
    scene.settle();
    let first = scene.only_notify();
    assert!(first.body.contains("of alice") && first.body.contains(&format!("entity=\"{DESK}\"")));
    scene.answer(&first, 200);
    scene.map(&[(DESK, CAROL)]);

    let second = bob.refresh(&mut scene);
    assert!(second.body.contains("of carol") && second.body.contains(&format!("entity=\"{DESK}\"")));
    assert!(!second.body.contains("of alice"));
    assert_eq!(second.cseq(), first.cseq() + 1);
    for name in ["From", "To", "Call-ID", "Event"] {
        assert_eq!(second.header(name), first.header(name));
    }
    assert_eq!(second.state(), "active;expires=3600");
    assert_eq!((scene.has(ALICE, SUBSCRIPTION), scene.has(CAROL, SUBSCRIPTION)), (0, 1));
    assert_eq!((scene.has(ALICE, POSITION), scene.has(CAROL, POSITION)), (0, 1));

    scene.publish_note(ALICE, "news of alice");
    assert!(scene.notifies().is_empty());
    scene.publish_note(CAROL, "news of carol");
    let third = scene.only_notify();
    assert!(third.body.contains("news of carol"));
    scene.answer(&third, 200);
    let fourth = bob.refresh(&mut scene);
    assert_eq!((scene.forwards, fourth.cseq()), (0, 4));
}

/// WPS-32: an operator's reload alone moves nothing; the watcher hears of the old presentity until it refreshes.
#[test]
fn a_new_map_alone_moves_nothing() {
    let mut scene = stage();
    Phone::watch(&mut scene, "bob", DESK);
    scene.map(&[(DESK, CAROL)]);
    scene.pass(60_000);
    assert!(scene.notifies().is_empty());
    scene.publish_note(ALICE, "news of alice");
    assert!(scene.only_notify().body.contains("news of alice"));
    scene.publish_note(CAROL, "news of carol");
    assert_eq!(scene.notifies().len(), 1);
}

/// WPS-32: an identity that was its own fundamental one gets another, and the other way round.
#[test]
fn mappings_come_and_go() {
    let mut scene = stage();
    scene.map(&[]);
    let mut bob = Phone::watch(&mut scene, "bob", DESK);
    assert_eq!(scene.has(DESK, SUBSCRIPTION), 1);
    scene.map(&[(DESK, ALICE)]);
    assert!(bob.refresh(&mut scene).body.contains("of alice"));
    assert_eq!(scene.forwards, 1, "to the desk itself");
    scene.map(&[]);
    assert!(!bob.refresh(&mut scene).body.contains("<tuple"));
    assert_eq!((scene.has(ALICE, SUBSCRIPTION), scene.has(DESK, SUBSCRIPTION)), (0, 1));
}

/// WPS-33 for a chain of moves, with one back to where the subscription was before.
#[test]
fn a_subscription_moves_as_often_as_the_map_changes() {
    let mut scene = stage();
    let mut bob = Phone::watch(&mut scene, "bob", DESK);
    let way =
        [(CAROL, "carol"), (DAVE, "dave"), (ALICE, "alice"), (DAVE, "dave"), (DESK, ""), (CAROL, "carol")];
    let mut cseq = 1;
    for (fundamental, name) in way {
        scene.map(&[(DESK, fundamental)]);
        let notify = bob.refresh(&mut scene);
        assert_eq!(notify.body.contains("<tuple"), !name.is_empty());
        assert!(notify.body.contains(&format!("of {name}")) || name.is_empty(), "{name} {}", notify.body);
        cseq += 1;
        assert_eq!(notify.cseq(), cseq);
        let live: usize = [ALICE, CAROL, DAVE, DESK].iter().map(|one| scene.has(one, SUBSCRIPTION)).sum();
        assert_eq!((live, scene.has(fundamental, SUBSCRIPTION)), (1, 1));
    }
}

/// A subscription is found by its first refresh even though the map changed several times since.
#[test]
fn maps_may_change_often_between_refreshes() {
    let mut scene = stage();
    let mut bob = Phone::watch(&mut scene, "bob", DESK);
    let mut others: Vec<Phone> = Vec::new();
    for (number, fundamental) in [CAROL, DAVE, "sip:e@example.com", "sip:f@example.com"].iter().enumerate() {
        scene.map(&[(DESK, fundamental)]);
        others.push(Phone::watch(&mut scene, &format!("w{number}"), DESK));
    }
    scene.map(&[(DESK, "sip:g@example.com")]);
    bob.refresh(&mut scene);
    assert_eq!(scene.forwards, 6, "the desk, then the newest claim first");
    for phone in &mut others {
        phone.refresh(&mut scene);
    }
    assert_eq!(scene.has("sip:g@example.com", SUBSCRIPTION), 5);
}

/// SUB-27 over a move: the NOTIFY in flight has its outcome before another partition sends the next.
#[test]
fn a_notify_in_flight_is_waited_for() {
    for outcome in ["SIP/2.0 200 OK\n\n", "SIP/2.0 500 Error\n\n", "SIP/2.0 503 Later\nRetry-After: 30\n\n"] {
        let mut scene = stage();
        let mut bob = Phone::watch(&mut scene, "bob", DESK);
        scene.publish_note(ALICE, "news of alice");
        let late = scene.only_notify();
        scene.map(&[(DESK, CAROL)]);
        assert_eq!(bob.subscribe(&mut scene, "Expires: 600\n").header("Expires"), Some("600"));
        scene.settle();
        assert_eq!(scene.only_notify(), late);
        assert_eq!(scene.has(ALICE, SUBSCRIPTION), 1);
        // Served where it still is.
        assert_eq!(bob.subscribe(&mut scene, "Expires: 900\n").header("Expires"), Some("900"));
        scene.publish_note(ALICE, "more of alice");
        scene.publish_note(CAROL, "news of carol");
        assert_eq!(scene.only_notify(), late);
        scene.answer_with(&late, outcome);
        scene.settle();
        let notify = scene.only_notify();
        assert!(notify.body.contains("news of carol") && !notify.body.contains("of alice"));
        assert_eq!((notify.cseq(), notify.state()), (late.cseq() + 1, "active;expires=900"));
        assert_eq!((scene.has(ALICE, SUBSCRIPTION), scene.has(CAROL, SUBSCRIPTION)), (0, 1));
    }
}

/// A map that changes back while the subscription waits to leave keeps it where it is.
#[test]
fn who_waits_to_leave_may_stay() {
    let mut scene = stage();
    let mut bob = Phone::watch(&mut scene, "bob", DESK);
    scene.publish_note(ALICE, "news of alice");
    let late = scene.only_notify();
    scene.map(&[(DESK, CAROL)]);
    assert_eq!(bob.subscribe(&mut scene, "").status, 200);
    scene.map(&[(DESK, ALICE)]);
    assert_eq!(bob.subscribe(&mut scene, "").status, 200);
    scene.answer(&late, 200);
    scene.settle();
    assert!(scene.only_notify().body.contains("news of alice"));
    assert_eq!((scene.has(ALICE, SUBSCRIPTION), scene.has(CAROL, SUBSCRIPTION)), (1, 0));
}

/// SUB-23: a watcher that says meanwhile that it is gone does not move.
#[test]
fn who_is_gone_does_not_move() {
    let mut scene = stage();
    let mut bob = Phone::watch(&mut scene, "bob", DESK);
    scene.publish_note(ALICE, "news of alice");
    let late = scene.only_notify();
    scene.map(&[(DESK, CAROL)]);
    assert_eq!(bob.subscribe(&mut scene, "").status, 200);
    scene.answer(&late, 481);
    scene.settle();
    assert!(scene.notifies().is_empty());
    assert_eq!((scene.has(ALICE, SUBSCRIPTION), scene.has(CAROL, SUBSCRIPTION)), (0, 0));
    assert_eq!(bob.subscribe(&mut scene, "").status, 481);
}

/// A refresh that comes while the subscription is on its way is told to come again, never that there is none.
#[test]
fn on_its_way_a_subscription_is_not_lost() {
    let mut scene = stage();
    let mut bob = Phone::watch(&mut scene, "bob", DESK);
    scene.map(&[(DESK, CAROL)]);
    assert_eq!(bob.subscribe(&mut scene, "").status, 200);
    for fundamental in [CAROL, DAVE, ALICE, DESK] {
        scene.map(&[(DESK, fundamental)]);
        let answer = bob.subscribe(&mut scene, "");
        assert_eq!((answer.status, answer.header("Retry-After")), (500, Some("1")), "{fundamental}");
    }
    scene.map(&[(DESK, CAROL)]);
    scene.settle();
    assert!(scene.only_notify().body.contains("of carol"));
    scene.answer_all();
    bob.refresh(&mut scene);
}

/// What has ended in its new place is over, whatever the old place remembers.
#[test]
fn what_ended_after_a_move_is_481() {
    let mut scene = stage();
    let mut bob = Phone::watch(&mut scene, "bob", DESK);
    scene.map(&[(DESK, CAROL)]);
    bob.refresh(&mut scene);
    assert_eq!(bob.subscribe(&mut scene, "Expires: 0\n").status, 200);
    assert_eq!(scene.only_notify().state(), "terminated;reason=timeout");
    scene.answer_all();
    for fundamental in [CAROL, DAVE, ALICE, DESK] {
        scene.map(&[(DESK, fundamental)]);
        assert_eq!(bob.subscribe(&mut scene, "").status, 481, "{fundamental}");
    }
}

/// WPS-33 for the SUBSCRIBE that ends it: the last NOTIFY shows the new presentity, nothing stays.
#[test]
fn the_last_notify_shows_the_new_presentity() {
    for in_flight in [false, true] {
        let mut scene = stage();
        let mut bob = Phone::watch(&mut scene, "bob", DESK);
        if in_flight {
            scene.publish_note(ALICE, "news of alice");
        }
        scene.map(&[(DESK, CAROL)]);
        assert_eq!(bob.subscribe(&mut scene, "Expires: 0\n").header("Expires"), Some("0"));
        if in_flight {
            scene.answer_all();
        }
        scene.settle();
        let notify = scene.only_notify();
        assert_eq!(notify.state(), "terminated;reason=timeout");
        assert!(notify.body.contains("of carol"));
        scene.answer_all();
        scene.settle();
        assert!(scene.notifies().is_empty());
        assert_eq!((scene.has(ALICE, SUBSCRIPTION), scene.has(CAROL, SUBSCRIPTION)), (0, 0));
        assert_eq!(bob.subscribe(&mut scene, "").status, 481);
    }
}

fn deciding(decision: &str) -> Presence {
    let json = format!(
        r#"{{"presence":{{"domains":["example.com"]}},"identity":{{"map":true}},
            "rules":{{"enabled":true,"default":"{decision}"}}}}"#
    );
    Scene::new(&json).presence
}

/// SUB-33: the watcher is authorized anew for the new presentity.
#[test]
fn the_new_presentity_decides_anew() {
    for (decision, state, shown) in [
        ("block", "terminated;reason=rejected", false),
        ("confirm", "pending;expires=3600", false),
        ("polite-block", "active;expires=3600", false),
        ("allow", "active;expires=3600", true),
    ] {
        let mut scene = stage();
        let mut bob = Phone::watch(&mut scene, "bob", DESK);
        scene.map(&[(DESK, CAROL)]);
        scene.presence = deciding(decision);
        assert_eq!(bob.subscribe(&mut scene, "").status, 200);
        scene.settle();
        let notify = scene.only_notify();
        assert_eq!((notify.state(), notify.body.contains("of carol")), (state, shown));
        scene.answer_all();
        assert_eq!(scene.has(CAROL, SUBSCRIPTION), usize::from(decision != "block"));
        assert_eq!(scene.has(ALICE, SUBSCRIPTION), 0);
    }
}

/// WPS-36 by the identity that was asked for: another To header in the dialog changes neither
/// who is watched nor by what right.
#[test]
fn the_to_header_of_a_refresh_cannot_point_elsewhere() {
    let mut scene =
        Scene::new(r#"{"presence":{"domains":["example.com"],"notify_interval":0},"identity":{"map":true}}"#);
    scene.map(&[(DESK, ALICE)]);
    scene.publish_note(CAROL, "of carol");
    let mut desk = Phone::watch(&mut scene, "desk", DESK);
    // Carol is known to have been kept with alice, so the search leads there.
    scene.map(&[(DESK, ALICE), (CAROL, ALICE)]);
    Phone::watch(&mut scene, "carol", CAROL);
    scene.map(&[(DESK, ALICE)]);
    desk.target = CAROL.to_owned();
    assert_eq!(desk.subscribe(&mut scene, "").status, 200);
    scene.settle();
    let notify = scene.only_notify();
    assert!(notify.body.contains(&format!("entity=\"{DESK}\"")) && !notify.body.contains("of carol"));
    assert_eq!(scene.has(CAROL, SUBSCRIPTION), 0);
}

/// A post may be delivered again at any time: right away, later, when the subscription has
/// moved on, has come back, or has ended.
#[test]
fn a_post_that_comes_again_changes_nothing() {
    let mut scene = stage();
    let mut bob = Phone::watch(&mut scene, "bob", DESK);
    let mut seen: Vec<(String, Vec<u8>)> = Vec::new();
    for fundamental in [CAROL, DAVE, CAROL, ALICE] {
        scene.map(&[(DESK, fundamental)]);
        assert_eq!(bob.subscribe(&mut scene, "").status, 200);
        while !scene.host.posts().is_empty() {
            seen.push(scene.host.posts().remove(0));
            scene.run_one();
            for (partition, payload) in &seen {
                scene.post(partition, payload);
            }
        }
        let notify = scene.only_notify();
        scene.answer(&notify, 200);
        let live: usize = [ALICE, CAROL, DAVE, DESK].iter().map(|one| scene.has(one, SUBSCRIPTION)).sum();
        assert_eq!((live, scene.has(fundamental, SUBSCRIPTION)), (1, 1));
    }
    assert_eq!(seen.len(), 6, "four moves and two claims");
    assert_eq!(bob.subscribe(&mut scene, "Expires: 0\n").status, 200);
    scene.answer_all();
    for (partition, payload) in &seen {
        scene.post(partition, payload);
        assert!(scene.notifies().is_empty());
    }
    let live: usize = [ALICE, CAROL, DAVE, DESK].iter().map(|one| scene.has(one, SUBSCRIPTION)).sum();
    assert_eq!(live, 0);
}

/// SUB-15 on the way: what has run out when it arrives ends there.
#[test]
fn what_runs_out_on_its_way_ends_where_it_arrives() {
    let mut scene = stage();
    let mut bob = Phone::watch(&mut scene, "bob", DESK);
    scene.map(&[(DESK, CAROL)]);
    assert_eq!(bob.subscribe(&mut scene, "Expires: 60\n").status, 200);
    scene.pass(60_000);
    let notify = scene.only_notify();
    assert_eq!((notify.state(), notify.body.as_str()), ("terminated;reason=timeout", ""));
    scene.answer_all();
    assert_eq!(scene.has(CAROL, SUBSCRIPTION), 0);
}

/// A subscription that moved ends in time like any other.
#[test]
fn a_moved_subscription_expires() {
    let mut scene = stage();
    let mut bob = Phone::watch(&mut scene, "bob", DESK);
    scene.map(&[(DESK, CAROL)]);
    bob.refresh(&mut scene);
    scene.pass(3_600_000);
    assert_eq!(scene.only_notify().state(), "terminated;reason=timeout");
    scene.answer_all();
    scene.pass(10 * 86_400_000);
    assert_eq!(scene.host.records(ALICE, b"s"), []);
    for partition in [CAROL, DESK, ALICE] {
        assert_eq!(scene.host.records(partition, b""), [], "{partition}");
    }
}

/// What an identity that is mapped costs: nothing for who is not, one post in two longest lifetimes
/// for who is, and never so late that a subscription could be looked for in vain.
#[test]
fn a_claim_is_made_once_and_renewed_in_time() {
    let mut scene = Scene::new(MAPPED);
    scene.map(&[(DESK, ALICE)]);
    Phone::call(&mut scene, "own", ALICE, "");
    assert_eq!(scene.host.posts(), []);
    Phone::call(&mut scene, "bob", DESK, "Expires: 86400\n");
    assert_eq!(scene.host.posts().len(), 1);
    scene.settle();
    let mut ann = Phone::call(&mut scene, "ann", DESK, "Expires: 86400\n");
    scene.answer_all();
    let mut claims = 0;
    for hour in 0..240 {
        assert_eq!(ann.subscribe(&mut scene, "Expires: 86400\n").status, 200);
        claims += scene.host.posts().len();
        scene.settle();
        scene.answer_all();
        let anchored = scene.host.records(DESK, crate::keys::ANCHOR);
        assert_eq!(anchored.len(), 1, "hour {hour}");
        scene.pass(3_600_000);
    }
    assert!((5..=10).contains(&claims), "{claims} in ten days");
    // After the last refresh it still holds for as long as the subscription lives.
    scene.pass(86_000_000 - 3_600_000);
    scene.map(&[(DESK, CAROL)]);
    assert_eq!(ann.subscribe(&mut scene, "").status, 200);
}

/// Design section 5 at every point of a move: the process stops before or after each step, what
/// was relaxed is lost or not, and the watcher ends with one subscription and the new presentity.
#[test]
fn a_move_survives_a_stop_at_any_point() {
    for point in 0..8 {
        for lucky in [false, true] {
            for in_flight in [false, true] {
                let mut scene = stage();
                let mut bob = Phone::watch(&mut scene, "bob", DESK);
                let mut highest = 1;
                if in_flight {
                    scene.publish_note(ALICE, "news of alice");
                    highest = scene.only_notify().cseq();
                }
                scene.host.flush();
                scene.map(&[(DESK, CAROL)]);
                assert_eq!(bob.subscribe(&mut scene, "").status, 200);
                let mut steps = 0;
                loop {
                    if steps == point {
                        highest = highest.max(scene.notifies().iter().map(Notify::cseq).max().unwrap_or(0));
                        scene.crash(|_| lucky);
                    }
                    steps += 1;
                    if scene.run_one() {
                        continue;
                    }
                    let Some(notify) = scene.notifies().first().cloned() else { break };
                    scene.answer(&notify, 200);
                }
                assert!(steps > 2);
                let case = format!("stop before step {point}, lucky {lucky}, in flight {in_flight}");
                assert_eq!(
                    (scene.has(ALICE, SUBSCRIPTION), scene.has(CAROL, SUBSCRIPTION)),
                    (0, 1),
                    "{case}"
                );
                scene.publish_note(CAROL, "news of carol");
                let notify = scene.only_notify();
                assert!(notify.body.contains("news of carol") && notify.cseq() > highest, "{case}");
            }
        }
    }
}

/// WPS-29: publications do not move; where the map leads elsewhere, the tag is unknown.
#[test]
fn a_publication_stays_where_it_was_made() {
    let mut scene = stage();
    let answer = scene.publish_as(DESK, DESK, "", &pidf_of(DESK, "open", "of the desk"));
    let tag = format!("SIP-If-Match: {}\n", answer.header("SIP-ETag").unwrap());
    scene.map(&[(DESK, CAROL)]);
    assert_eq!(scene.publish_as(DESK, DESK, &tag, "").status, 412);
    scene.map(&[(DESK, ALICE)]);
    assert_eq!(scene.publish_as(DESK, DESK, &tag, "").status, 200);
}
