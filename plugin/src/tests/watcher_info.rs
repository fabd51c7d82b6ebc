//! Watcher information (RFC 3857, RFC 3858).

use super::moving::{CAROL, DESK, Phone};
use super::scene::{ALICE, Answer, OPEN, Scene};
use super::watchers::{Table, WatcherInfo};
use crate::handler::Presence;
use crate::keys::{LEDGER, UNDECIDED, WINFO_POSITION, WINFO_SUBSCRIPTION};

/// Watchers have to wait for a decision.
const CONFIRM: &str =
    r#"{"presence":{"domains":["example.com"]},"identity":{"map":true},"rules":{"enabled":true}}"#;
const BLOCK: &str = r#"{"presence":{"domains":["example.com"]},"rules":{"enabled":true,"default":"block"}}"#;
const POLITE: &str =
    r#"{"presence":{"domains":["example.com"]},"rules":{"enabled":true,"default":"polite-block"}}"#;
const WINFO: &str = "Event: presence.winfo\n";
const WINFO_OF_WINFO: &str = "Event: presence.winfo.winfo\n";
const DAY: u64 = 86_400_000;

impl Scene {
    /// Answers all NOTIFYs, and gives the watcher information of those to alice.
    fn told(&mut self) -> Vec<WatcherInfo> {
        let mut told = Vec::new();
        while let Some(notify) = self.notifies().first() {
            if notify.uri.contains("alice") && !notify.body.is_empty() {
                assert_eq!(notify.header("Content-Type"), Some("application/watcherinfo+xml"));
                told.push(WatcherInfo::read(&notify.body));
            }
            self.answer(notify, 200);
        }
        told
    }

    fn told_once(&mut self) -> WatcherInfo {
        let mut told = self.told();
        assert_eq!(told.len(), 1, "{told:#?}");
        told.remove(0)
    }

    /// Alice subscribes to her watcher information; gives our tag.
    fn alice_looks(&mut self) -> String {
        let answer = self.subscribe("alice", WINFO);
        assert_eq!(answer.status, 200);
        answer.reply.to_tag.unwrap()
    }

    /// What alice gets from a fetch.
    fn alice_fetches(&mut self) -> WatcherInfo {
        assert_eq!(self.subscribe("alice", &format!("{WINFO}Expires: 0\n")).status, 200);
        let told = self.told_once();
        assert!(told.full && told.version == 0);
        told
    }

    fn configure(&mut self, json: &str) {
        self.presence = Presence::configure(json).unwrap();
    }
}

/// WIN-01, WIN-04: the packages served; deeper ones are refused.
#[test]
fn templates_are_served_two_deep() {
    let mut scene = Scene::new(OPEN);
    assert_eq!(scene.subscribe("alice", WINFO).status, 200);
    assert_eq!(scene.subscribe("alice", WINFO_OF_WINFO).status, 200);
    let headers: Vec<_> =
        scene.notifies().iter().map(|notify| notify.header("Event").unwrap().to_owned()).collect();
    assert_eq!(headers, ["presence.winfo", "presence.winfo.winfo"]);
    assert_eq!(scene.subscribe("alice", "Event: presence.winfo.winfo.winfo\n").status, 403);
    for event in ["dialog.winfo", "presence.list", "presence.list.winfo", "presence.Winfo", "winfo"] {
        let answer = scene.subscribe("alice", &format!("Event: {event}\n"));
        // Templates are not listed (RFC 6665 4.4.4).
        assert_eq!((answer.status, answer.header("Allow-Events")), (489, Some("presence")), "{event}");
    }
    assert_eq!(crate::describe().event_packages, ["presence", "presence.winfo", "presence.winfo.winfo"]);
}

/// WIN-02: an hour by default; the type, and 406 for who does not take it.
#[test]
fn lifetime_and_accept() {
    let mut scene = Scene::new(OPEN);
    for accept in ["application/pidf+xml", "application/watcherinfo+xml;q=0", ""] {
        let answer = scene.subscribe("alice", &format!("{WINFO}Accept: {accept}\n"));
        assert_eq!(answer.status, 406, "{accept}");
    }
    for accept in ["application/watcherinfo+xml", "text/plain, application/*", "*/*"] {
        let answer = scene.subscribe("alice", &format!("{WINFO}Accept: {accept}\n"));
        assert_eq!((answer.status, answer.header("Expires")), (200, Some("3600")), "{accept}");
    }
    assert_eq!(scene.subscribe("alice", &format!("{WINFO}Expires: 7\n")).status, 423);
}

/// WIN-03, WPS-44, "a winfo of anyone is readable by anyone": nobody but the presentity may,
/// whatever the rules on presence say.
#[test]
fn others_may_not_look() {
    let mut scene = Scene::new(OPEN);
    for event in [WINFO, WINFO_OF_WINFO] {
        assert_eq!(scene.subscribe("bob", event).status, 403);
        assert_eq!(scene.subscribe("bob", &format!("{event}Expires: 0\n")).status, 403);
    }
    let text = |asserted: &str| {
        format!(
            "SUBSCRIBE {ALICE} SIP/2.0\nTo: <{ALICE}>\nFrom: <{ALICE}>;tag=1\nCall-ID: a\nCSeq: 1 SUBSCRIBE\n\
             {asserted}Event: presence.winfo\nContact: <sip:alice@b>\n\n"
        )
    };
    assert_eq!(scene.request(&text("")).unwrap().status, 403, "From proves nothing");
    assert!(scene.notifies().is_empty() && scene.host.records(ALICE, b"").is_empty());
    // Compared after normalization.
    assert_eq!(scene.request(&text("P-Asserted-Identity: <sip:alice@EXAMPLE.com>\n")).unwrap().status, 200);
}

/// WIN-05, WIN-06, WIN-07, WIN-09, WIN-10, WIN-14, WIN-24: full state first and after a
/// SUBSCRIBE, changes between, versions without gap, the end of a watcher told once.
#[test]
fn full_state_first_then_changes() {
    let mut scene = Scene::new(OPEN);
    let tag = scene.alice_looks();
    let first = scene.told_once();
    assert_eq!((first.version, first.full, first.resource.as_str()), (0, true, ALICE));
    assert_eq!((first.package.as_str(), first.watchers.len()), ("presence", 0));

    let bob = scene.subscribe("bob", "").reply.to_tag.unwrap();
    let second = scene.told_once();
    assert_eq!((second.version, second.full), (1, false));
    assert_eq!(second.told(), ["sip:bob@example.com active subscribe"]);
    let id = second.watchers[0].id.clone();

    scene.pass(5_000);
    scene.watch_quietly("carol");
    assert_eq!(scene.told_once().told(), ["sip:carol@example.com active subscribe"]);

    // A refresh of a watcher is no change.
    scene.pass(5_000);
    assert_eq!(scene.resubscribe("bob", &bob, 2, "").status, 200);
    assert!(scene.told().is_empty());

    assert_eq!(scene.resubscribe("alice", &tag, 2, WINFO).status, 200);
    let third = scene.told_once();
    assert_eq!((third.version, third.full, third.watchers.len()), (3, true, 2));
    assert!(third.watchers.iter().any(|watcher| watcher.id == id));

    scene.pass(5_000);
    assert_eq!(scene.resubscribe("bob", &bob, 3, "Expires: 0\n").status, 200);
    let fourth = scene.told_once();
    assert_eq!((fourth.version, fourth.full), (4, false));
    assert_eq!(fourth.told(), ["sip:bob@example.com terminated timeout"]);
    assert_eq!(fourth.watchers[0].id, id);

    scene.pass(5_000);
    assert!(scene.told().is_empty());
    assert_eq!(scene.resubscribe("alice", &tag, 3, WINFO).status, 200);
    let last = scene.told_once();
    assert_eq!((last.version, last.told()), (5, vec!["sip:carol@example.com active subscribe".to_owned()]));
}

/// WIN-08: a fetch shows everybody, and leaves nothing behind.
#[test]
fn a_fetch_shows_everybody() {
    let mut scene = Scene::new(OPEN);
    assert!(scene.alice_fetches().watchers.is_empty());
    scene.watch("bob");
    scene.watch("carol");
    let before = scene.host.records(ALICE, b"");
    let told = scene.alice_fetches();
    let expected = ["sip:bob@example.com active subscribe", "sip:carol@example.com active subscribe"];
    assert_eq!(told.told(), expected);
    assert_eq!(scene.host.records(ALICE, b""), before);
}

/// RFC 6665 4.4.1: the last NOTIFY to somebody who unsubscribes shows everything once more.
#[test]
fn unsubscribing_shows_everybody_and_closes_the_ledger() {
    let mut scene = Scene::new(OPEN);
    let tag = scene.alice_looks();
    scene.told();
    scene.watch_quietly("bob");
    scene.told();
    assert_eq!(scene.count(LEDGER), 1);
    assert_eq!(scene.resubscribe("alice", &tag, 2, &format!("{WINFO}Expires: 0\n")).status, 200);
    assert_eq!(scene.only_notify().state(), "terminated;reason=timeout");
    let told = scene.told_once();
    assert_eq!((told.version, told.full, told.watchers.len()), (2, true, 1));
    for kind in [LEDGER, WINFO_SUBSCRIPTION, WINFO_POSITION] {
        assert_eq!(scene.count(kind), 0);
    }
}

/// WIN-11: the watcher is who the trust domain says, not From or Contact.
#[test]
fn watchers_are_named_by_their_authenticated_identity() {
    let mut scene = Scene::new(OPEN);
    let text = format!(
        "SUBSCRIBE {ALICE} SIP/2.0\nTo: <{ALICE}>\nFrom: \"Mum\" <sip:mum@example.com>;tag=1\nCall-ID: a@b\"c\n\
         CSeq: 1 SUBSCRIBE\nP-Asserted-Identity: <tel:+15550100>\nP-Asserted-Identity: <sip:o'b&c@example.com>\nEvent: presence\nContact: <sip:mum@192.0.2.1>\n\n"
    );
    assert_eq!(scene.request(&text).unwrap().status, 200);
    scene.told();
    let told = scene.alice_fetches();
    assert_eq!(told.watchers.len(), 1);
    assert_eq!(told.watchers[0].uri, "sip:o'b&c@example.com");
    assert!(told.watchers[0].id.bytes().all(|byte| byte.is_ascii_hexdigit()));
}

/// WIN-12: times are right when the document is sent, for refreshed subscriptions and put-off documents.
#[test]
fn times_are_those_of_sending() {
    let mut scene = Scene::new(OPEN);
    scene.alice_looks();
    scene.told();
    scene.watch_quietly("bob");
    scene.told();
    scene.host.advance(1_000);
    let carol = scene.subscribe("carol", "Expires: 600\n").reply.to_tag.unwrap();
    assert!(scene.told().is_empty());
    scene.host.advance(2_000);
    assert_eq!(scene.resubscribe("carol", &carol, 2, "Expires: 900\n").status, 200);
    scene.pass(2_000);
    let told = scene.told_once();
    assert_eq!((told.watchers[0].expiration, told.watchers[0].subscribed), (Some(898), Some(4)));
    let told = scene.alice_fetches();
    let bob = told.watchers.iter().find(|watcher| watcher.uri.contains("bob")).unwrap();
    assert_eq!((bob.expiration, bob.subscribed), (Some(3_595), Some(5)));
}

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

/// "A watcher that subscribes on any of its public identities receives the document with aggregated
/// watchers for all presentities relating to the same fundamental identity" (WPS-45), under the URI
/// that the subscriber asked for; changes, too.
#[test]
fn watchers_of_all_identities_are_in_one_list() {
    let mut scene = Scene::new(&mapped(OPEN));
    scene.map(&[(DESK, ALICE)]);
    Phone::call(&mut scene, "bob", DESK, "");
    Phone::call(&mut scene, "carol", ALICE, "");
    scene.settle();
    scene.answer_all();
    Phone::call(&mut scene, "desk", DESK, WINFO);
    Phone::call(&mut scene, "alice", ALICE, WINFO);
    scene.settle();
    let both = ["sip:bob@example.com active subscribe", "sip:carol@example.com active subscribe"];
    for (notify, resource) in scene.notifies().iter().zip([DESK, ALICE]) {
        let told = WatcherInfo::read(&notify.body);
        assert_eq!((told.resource.as_str(), told.told()), (resource, both.map(str::to_owned).to_vec()));
    }
    scene.answer_all();
    Phone::call(&mut scene, "dave", "pres:desk@example.com", "");
    let told: Vec<WatcherInfo> = scene
        .notifies()
        .iter()
        .filter(|notify| notify.body.contains("watcherinfo"))
        .map(|notify| WatcherInfo::read(&notify.body))
        .collect();
    assert_eq!(told.len(), 2);
    for one in told {
        assert_eq!((one.full, one.told()), (false, vec!["sip:dave@example.com active subscribe".to_owned()]));
    }
}

/// WPS-44, WIN-04, design 7: those in the white list read anyone's watchers, though not who watches
/// them; those in the black list read nothing, not even their own. Mapping makes nobody the presentity.
#[test]
fn lists_come_before_the_presentity() {
    let json =
        OPEN.replace(r#""rules""#, r#""identity":{"map":true},"lists":{"white":true,"black":true},"rules""#);
    let mut scene = Scene::new(&json);
    let rows = |rows: &[&[&str]]| {
        rows.iter().map(|row| row.iter().map(|field| (*field).to_owned()).collect()).collect()
    };
    let sources = [
        ("identities", rows(&[&[ALICE, DESK]])),
        ("white", rows(&[&["sip:bob@example.com"]])),
        ("black", rows(&[&[CAROL]])),
    ];
    scene.host.load(&scene.presence, &sources.into()).unwrap();
    for (name, target, event, status) in [
        ("bob", ALICE, WINFO, 200),
        ("bob", ALICE, WINFO_OF_WINFO, 403),
        ("carol", CAROL, WINFO, 403),
        ("carol", CAROL, WINFO_OF_WINFO, 403),
        ("desk", ALICE, WINFO, 403),
        ("alice", DESK, WINFO, 403),
        ("alice", ALICE, WINFO_OF_WINFO, 200),
    ] {
        let text = format!(
            "SUBSCRIBE {target} SIP/2.0\nTo: <{target}>\nFrom: <sip:x@example.com>;tag=1\nCall-ID: {name}\nCSeq: 1 SUBSCRIBE\nP-Asserted-Identity: <sip:{name}@example.com>\n{event}Contact: <sip:x@192.0.2.1>\n\n"
        );
        assert_eq!(scene.request(&text).unwrap().status, status, "{name} {target} {event}");
    }
}

/// With an identity map.
fn mapped(json: &str) -> String {
    json.replace(r#""rules""#, r#""identity":{"map":true},"rules""#)
}

/// RFC 3857 4.1: who watches the watchers.
#[test]
fn winfo_subscribers_are_watchers_too() {
    let mut scene = Scene::new(OPEN);
    scene.watch("bob");
    let answer = scene.subscribe("alice", WINFO_OF_WINFO);
    let deep = answer.reply.to_tag.unwrap();
    let first = scene.told_once();
    assert_eq!((first.package.as_str(), first.watchers.len()), ("presence.winfo", 0));
    let tag = scene.alice_looks();
    let told = scene.told();
    assert_eq!(told.len(), 2);
    let about = told.iter().find(|one| one.package == "presence.winfo").unwrap();
    assert_eq!((about.full, about.told()), (false, vec![format!("{ALICE} active subscribe")]));
    scene.pass(5_000);
    scene.resubscribe("alice", &tag, 2, &format!("{WINFO}Expires: 0\n"));
    let told = scene.told();
    let about = told.iter().find(|one| one.package == "presence.winfo").unwrap();
    assert_eq!(about.told(), [format!("{ALICE} terminated timeout")]);
    scene.resubscribe("alice", &deep, 2, &format!("{WINFO_OF_WINFO}Expires: 0\n"));
    scene.told();
    assert_eq!(scene.count(LEDGER), 0);
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

impl Scene {
    /// Subscribes without looking at the NOTIFYs.
    fn watch_quietly(&mut self, watcher: &str) {
        assert_eq!(self.subscribe(watcher, "").status, 200);
    }

    /// Subscription-State of the one NOTIFY to bob.
    fn only_bob_state(&self) -> String {
        let notifies = self.notifies();
        let states: Vec<&str> =
            notifies.iter().filter(|one| one.uri.contains("bob")).map(|one| one.state()).collect();
        assert_eq!(states.len(), 1);
        states[0].to_owned()
    }
}

/// WPS-34: "and the winfo notifications are also generated if necessary": a watcher that moves with
/// its presentity has left the old one and come to the new one.
#[test]
fn a_watcher_that_moves_is_told_on_both_sides() {
    for decided in [OPEN, CONFIRM] {
        let mut scene = Scene::new(&mapped(decided));
        scene.map(&[(DESK, ALICE)]);
        Phone::watch(&mut scene, "alice", ALICE);
        Phone::call(&mut scene, "alice", ALICE, WINFO);
        Phone::call(&mut scene, "carol", CAROL, WINFO);
        scene.told();
        let mut bob = Phone::call(&mut scene, "bob", DESK, "");
        let status = if decided == OPEN { "active" } else { "pending" };
        assert_eq!(scene.told_once().told(), [format!("sip:bob@example.com {status} subscribe")]);
        scene.settle();
        scene.pass(5_000);
        scene.map(&[(DESK, CAROL)]);
        assert_eq!(bob.subscribe(&mut scene, "").status, 200);
        scene.settle();
        let (to_alice, to_carol) = scene.told_both();
        assert_eq!(to_alice, ["sip:bob@example.com terminated deactivated"]);
        assert_eq!(to_carol, [format!("sip:bob@example.com {status} subscribe")]);
        assert_eq!(scene.has(ALICE, UNDECIDED), usize::from(decided == CONFIRM));
        assert_eq!(scene.has(CAROL, UNDECIDED), usize::from(decided == CONFIRM));
    }
}

/// WPS-31, WPS-34, WPS-45: a winfo subscription moves, too: full state about the new presentity, in
/// the same dialog and with the next version.
#[test]
fn a_winfo_subscription_moves() {
    let mut scene = Scene::new(&mapped(OPEN));
    scene.map(&[(DESK, ALICE)]);
    Phone::watch(&mut scene, "bob", ALICE);
    Phone::watch(&mut scene, "dave", CAROL);
    let mut desk = Phone::call(&mut scene, "desk", DESK, WINFO);
    let first = WatcherInfo::read(&scene.only_notify().body);
    assert_eq!(first.told(), ["sip:bob@example.com active subscribe"]);
    scene.settle();
    scene.told();
    scene.map(&[(DESK, CAROL)]);
    assert_eq!(desk.subscribe(&mut scene, WINFO).status, 200);
    scene.settle();
    let notify = scene.only_notify();
    let second = WatcherInfo::read(&notify.body);
    assert_eq!((second.version, second.full, second.resource.as_str()), (1, true, DESK));
    assert_eq!(second.told(), ["sip:dave@example.com active subscribe"]);
    scene.answer(&notify, 200);
    assert_eq!((scene.has(ALICE, LEDGER), scene.has(CAROL, LEDGER)), (0, 1));
    scene.pass(5_000);
    Phone::call(&mut scene, "erin", CAROL, "");
    let desk = scene.notifies().into_iter().find(|notify| notify.uri.contains("desk")).unwrap();
    let third = WatcherInfo::read(&desk.body);
    assert_eq!((third.version, third.full), (2, false));
    assert_eq!(third.told(), ["sip:erin@example.com active subscribe"]);
}

impl Scene {
    /// Answers all NOTIFYs; what alice and carol are told of their watchers.
    fn told_both(&mut self) -> (Vec<String>, Vec<String>) {
        let mut told = (Vec::new(), Vec::new());
        while let Some(notify) = self.notifies().first() {
            if notify.body.contains("watcherinfo") {
                let document = WatcherInfo::read(&notify.body);
                let list = if notify.uri.contains("alice") { &mut told.0 } else { &mut told.1 };
                list.extend(document.told());
            }
            self.answer(notify, 200);
            self.settle();
        }
        told
    }
}
