//! What comes in is for those who may see it, and nothing goes out of who watches (WPS-09 to WPS-12, EXT-18, EXT-19).

use super::stage::{Peer, SOURCES, contribute, say, tell, tuple};
use crate::keys::{BACKEND, CONTRIBUTION};
use crate::tests::scene::{ALICE, Notify, Scene, pidf_of};

/// Everybody for whom the rules say so, and bob in the white list, who may see everything.
fn ruled(decision: &str) -> Scene {
    let rules =
        format!("\"lists\":{{\"white\":\"file\"}},\"rules\":{{\"enabled\":true,\"default\":\"{decision}\"}}");
    let mut scene =
        Scene::new(&SOURCES.replace("\"rules\":{\"enabled\":true,\"default\":\"allow\"}", &rules));
    let white = vec![vec!["sip:bob@example.com".to_owned()]];
    scene.host.load(&scene.presence, &[("white", white)].into()).unwrap();
    scene
}

fn speak(scene: &mut Scene, what: &str) {
    contribute(scene, "scscf", &tuple("t", &format!("registered {what}")));
    tell(scene, "east", &tuple("t", &format!("over there {what}")));
}

/// The NOTIFYs to a watcher, answered.
fn told(scene: &mut Scene, watcher: &str) -> Vec<Notify> {
    let own = format!("sip:{watcher}@192.0.2.1:5070");
    let all: Vec<Notify> = scene.notifies().into_iter().filter(|notify| notify.uri == own).collect();
    all.iter().for_each(|notify| scene.answer(notify, 200));
    all
}

fn sees(scene: &mut Scene, watcher: &str) -> bool {
    let all = told(scene, watcher);
    let body = all.last().map_or("", |notify| notify.body.as_str());
    let seen = [body.contains("registered"), body.contains("over there")];
    assert_eq!(seen[0], seen[1], "{body}");
    seen[0]
}

/// WPS-09, WPS-12, EXT-19: "individual subscribers receive data according to presence authorization rules", of
/// which the source knows nothing: to the one everything, to the other nothing, in whichever order they come.
#[test]
fn wps_09_each_watcher_gets_external_data_by_the_local_rules() {
    for decision in ["confirm", "polite-block", "block"] {
        for bob_first in [true, false] {
            let mut scene = ruled(decision);
            speak(&mut scene, "early");
            let order = if bob_first { ["bob", "carol"] } else { ["carol", "bob"] };
            for watcher in order {
                let answer = scene.subscribe(watcher, "");
                let refused = watcher == "carol" && decision == "block";
                assert_eq!(answer.status, if refused { 403 } else { 200 }, "{watcher} {decision}");
                assert_eq!(sees(&mut scene, watcher), watcher == "bob", "{watcher} {decision}");
            }
            // It changes for the one, and the other does not even learn that.
            speak(&mut scene, "late");
            assert!(sees(&mut scene, "bob"));
            assert_eq!(told(&mut scene, "carol"), []);
        }
    }
}

/// SUB-31 with WPS-12: what a politely blocked watcher sees does not depend on what sources say.
#[test]
fn wps_12_the_neutral_document_is_the_same_with_and_without_sources() {
    let neutral = |speaks: bool| {
        let mut scene = ruled("polite-block");
        if speaks {
            speak(&mut scene, "early");
        }
        scene.subscribe("carol", "");
        let first = told(&mut scene, "carol").remove(0);
        if speaks {
            speak(&mut scene, "late");
        }
        scene.subscribe("carol", "Expires: 0\n");
        let second = told(&mut scene, "carol").remove(0);
        assert_eq!((&first.body, first.header("SIP-ETag")), (&second.body, second.header("SIP-ETag")));
        // The secret behind its identifier is drawn for each presentity.
        let id = first.body.split("id=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
        first.body.replace(id, "ID")
    };
    assert_eq!(neutral(true), neutral(false));
}

/// WPS-10 (trap: rules applied on intake): what is received is kept whole, whoever watches at that time.
#[test]
fn wps_10_the_intake_is_not_filtered() {
    let mut scene = ruled("block");
    assert_eq!(scene.subscribe("carol", "").status, 403);
    speak(&mut scene, "to nobody");
    assert_eq!(scene.host.records(ALICE, &[CONTRIBUTION]).len(), 2);
    scene.subscribe("bob", "");
    assert!(sees(&mut scene, "bob"));
}

/// EXT-20, WPS-11: those who are shown nothing are no reason to ask a source; what a source is asked is the same, whoever
/// is.
#[test]
fn wps_11_who_is_shown_nothing_starts_no_subscription() {
    for decision in ["confirm", "polite-block", "block"] {
        let mut scene = ruled(decision);
        scene.subscribe("carol", "");
        told(&mut scene, "carol");
        scene.settle();
        assert_eq!(scene.host.records(ALICE, &[BACKEND]).len(), 0, "{decision}");
        scene.subscribe("bob", "");
        assert_eq!(scene.host.records(ALICE, &[BACKEND]).len(), 3, "{decision}");
    }
}

/// WPS-11, EXT-18: "subscriptions to the external sources are based on a super user identity rather than on the
/// identity of the original subscriber". Nothing of who watches goes out, nor who the presentity is here.
#[test]
fn ext_18_nothing_of_watcher_and_presentity_goes_out() {
    let listed = SOURCES.replace("\"domain\":\"example.com\"", "\"identities\":\"file.json\"");
    let mut asked = Vec::new();
    for watcher in ["bob", "carol"] {
        let mut scene = Scene::new(&listed);
        let row =
            |source: &str| vec![source.to_owned(), ALICE.to_owned(), "sip:a.li@elsewhere.example".to_owned()];
        let rows = ["scscf", "east", "west"].map(row).to_vec();
        scene.host.load(&scene.presence, &[("external", rows)].into()).unwrap();
        assert_eq!(scene.publish("", &pidf_of(ALICE, "open", "at the desk")).status, 200);
        scene.subscribe(watcher, "Subject: hello\nUser-Agent: phone\nPriority: urgent\n");
        told(&mut scene, watcher);
        scene.settle();
        let subscribes: Vec<String> = scene
            .host
            .sent
            .iter()
            .filter(|sent| sent.request.method == "SUBSCRIBE")
            .map(|sent| {
                let headers = String::from_utf8(sent.request.headers.clone()).unwrap();
                assert_eq!(sent.request.body, b"");
                format!("{}\n{headers}\n{:?}", sent.request.uri, sent.request.contact)
            })
            .collect();
        assert_eq!(subscribes.len(), 3);
        for text in &subscribes {
            for inside in [watcher, "alice", "192.0.2.1:5070", "desk", "hello", "phone", "urgent"] {
                assert!(!text.contains(inside), "{inside} in {text}");
            }
            for needed in [
                "From: <sip:presence@example.com>",
                "P-Asserted-Identity: <sip:presence@example.com>",
                "To: <sip:a.li@elsewhere.example>",
            ] {
                assert!(text.contains(needed), "{needed} not in {text}");
            }
        }
        asked.push(subscribes);
    }
    // What is drawn at random is the same for both scenes, so all is.
    assert_eq!(asked[0].len(), asked[1].len());
    let without = |text: &String| {
        let drawn = |line: &&str| !line.starts_with("Call-ID") && !line.starts_with("From");
        text.lines().filter(drawn).collect::<Vec<_>>().join("\n")
    };
    assert!(asked[0].iter().map(without).eq(asked[1].iter().map(without)));
}

/// WPS-11: as whom the server asks, and whom, is nothing that watchers learn.
#[test]
fn wps_11_watchers_do_not_see_the_super_user_or_the_sources() {
    let mut scene = Scene::new(SOURCES);
    speak(&mut scene, "now");
    scene.watch("bob");
    let text = format!(
        "SUBSCRIBE {ALICE} SIP/2.0\nTo: <{ALICE}>\nFrom: <{ALICE}>;tag=f\nCall-ID: winfo\nCSeq: 1 SUBSCRIBE\n\
         P-Asserted-Identity: <{ALICE}>\nEvent: presence.winfo\nContact: <sip:alice@192.0.2.1>\n\n"
    );
    assert_eq!(scene.request(&text).unwrap().status, 200);
    speak(&mut scene, "later");
    let mut notifies = Vec::new();
    while let Some(notify) = scene.notifies().first().cloned() {
        scene.answer(&notify, 200);
        notifies.push(notify);
    }
    assert!(notifies.iter().any(|notify| notify.body.contains("watcherinfo")));
    assert!(notifies.iter().any(|notify| notify.body.contains("over there later")));
    for notify in notifies {
        for hidden in
            ["presence@example.com", "192.0.2.20", "192.0.2.10", "scscf", "elsewhere", "presence@east"]
        {
            let shown = format!("{}\n{}", notify.headers, notify.body);
            assert!(!shown.contains(hidden), "{hidden} in {shown}");
        }
    }
}

/// WIN-11: another community is a watcher of ours, and the presentity sees that it watches.
#[test]
fn another_community_is_seen_in_watcher_information() {
    let mut scene = Scene::new(SOURCES);
    let _east = Peer::watch(&mut scene, "east");
    let text = format!(
        "SUBSCRIBE {ALICE} SIP/2.0\nTo: <{ALICE}>\nFrom: <{ALICE}>;tag=f\nCall-ID: winfo\nCSeq: 1 SUBSCRIBE\n\
         P-Asserted-Identity: <{ALICE}>\nEvent: presence.winfo\nExpires: 0\nContact: <sip:alice@192.0.2.1>\n\n"
    );
    assert_eq!(scene.request(&text).unwrap().status, 200);
    let body = scene.notifies().remove(0).body;
    assert!(body.contains("sip:presence@east.example") && body.contains("status=\"active\""), "{body}");
}

/// WPS-12: a body that claims to be about somebody else is about the one who was asked for, and shown as theirs.
#[test]
fn wps_12_a_source_speaks_of_nobody_else() {
    let mut scene = Scene::new(SOURCES);
    let body = pidf_of("sip:carol@example.com", "open", "hers");
    say(&mut scene, "east", "application/pidf+xml", &body).unwrap();
    assert_eq!(scene.host.partitions().iter().filter(|name| name.contains("carol")).count(), 0);
    scene.subscribe("bob", "");
    let body = scene.notifies().remove(0).body;
    assert!(body.contains("hers") && !body.contains("carol"), "{body}");
}
