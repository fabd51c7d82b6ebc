//! What a watcherinfo document says.

use super::*;

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
