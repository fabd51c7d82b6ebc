//! Whose watchers are shown, and to whom.

use super::*;

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
