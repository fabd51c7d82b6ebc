//! Who begins to watch does not wait behind those that have to be subscribed to again.

use super::stage::subscribes;
use crate::handler::{Failure, Outcome};
use crate::sip::message::Peer;
use crate::tests::scene::Scene;

const REGISTRAR: &str = r#"{"presence":{"domains":["example.com"],"notify_interval":0},
    "rules":{"enabled":true,"default":"allow"},
    "external":{"super_user":"sip:presence@example.com",
        "registrar":[{"name":"scscf","domain":"example.com","target":"sip:192.0.2.10","rate":5,
            "third_party":true,"peers":["192.0.2.0/24"]}]}}"#;

const SECOND: u64 = 1_000;

fn name(number: usize) -> String {
    format!("sip:u{number}@example.com")
}

fn watch(scene: &mut Scene, number: usize) {
    let name = name(number);
    let subscribe = format!(
        "SUBSCRIBE {name} SIP/2.0\nTo: <{name}>\nFrom: <sip:bob@example.com>;tag=b\nCall-ID: b{number}\n\
         CSeq: 1 SUBSCRIBE\nEvent: presence\nP-Asserted-Identity: <sip:bob@example.com>\n\
         Contact: <sip:192.0.2.1>\n\n"
    );
    assert_eq!(scene.request(&subscribe).unwrap().status, 200);
}

/// The registrar tells that somebody has registered.
fn register(scene: &mut Scene, number: usize) {
    let name = name(number);
    let register = format!(
        "REGISTER sip:example.com SIP/2.0\nTo: <{name}>\nFrom: <sip:scscf@example.com>;tag=r\nCall-ID: r{number}\n\
         CSeq: 1 REGISTER\nContact: <sip:192.0.2.10>\nExpires: 3600\n\n"
    );
    let peer = Peer { address: "192.0.2.10:5060", trusted: true };
    assert_eq!(scene.request_from(&register, peer).unwrap().status, 200);
}

/// The registrar is gone: nothing that is sent to it arrives. Tells for whom it was asked.
fn refuse(scene: &mut Scene) -> Vec<String> {
    let asked = subscribes(scene).into_iter().map(|sent| sent.uri).collect();
    let sent: Vec<_> =
        scene.host.sent.iter().filter(|sent| sent.request.method == "SUBSCRIBE").cloned().collect();
    scene.host.sent.retain(|sent| sent.request.method != "SUBSCRIBE");
    for sent in sent {
        scene.host.begin(Some(&sent.partition));
        let outcome = Outcome::Failed(Failure::Unreachable("refused"));
        scene.presence.on_response(&mut scene.host, &sent.partition, &sent.token, &outcome);
        scene.host.commit();
    }
    asked
}

/// How many seconds it takes until the registrar is asked for somebody.
fn until_asked(scene: &mut Scene, number: usize) -> u64 {
    for second in 0..200 {
        scene.settle();
        if refuse(scene).contains(&name(number)) {
            return second;
        }
        scene.pass(SECOND);
    }
    panic!("not asked for {number}");
}

/// The registrar was gone, and a hundred users wait for their turn to be subscribed to again, half a minute at five a
/// second.
fn after_an_outage() -> Scene {
    let mut scene = Scene::new(REGISTRAR);
    for user in 0..100 {
        watch(&mut scene, user);
    }
    until_asked(&mut scene, 99);
    // Longer than any pause after a failure: all of them are over.
    scene.host.advance(700 * SECOND);
    scene.settle();
    scene
}

/// How many are waiting at the registrar.
fn waiting(scene: &mut Scene) -> u64 {
    scene.host.begin(None);
    let answer = scene.presence.on_inspect(&mut scene.host, "source", "scscf").unwrap();
    scene.host.commit();
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    answer["waiting"].as_u64().unwrap()
}

/// Issue, "re-subscription is paced": somebody who begins to watch passes the queue, and so does one who has just
/// registered, while no second has more SUBSCRIBEs than the source takes.
#[test]
fn a_watcher_and_a_registration_pass_the_queue() {
    let mut scene = after_an_outage();
    assert!(waiting(&mut scene) >= 90, "{}", waiting(&mut scene));
    watch(&mut scene, 200);
    assert!(until_asked(&mut scene, 200) <= 2);
    register(&mut scene, 201);
    assert!(until_asked(&mut scene, 201) <= 2);
    assert!(waiting(&mut scene) >= 70, "{}", waiting(&mut scene));
}

/// Newcomers do not push the others aside: with one every second, more than a lane takes, the queue still goes on at
/// three quarters of the rate.
#[test]
fn the_queue_goes_on_meanwhile() {
    let mut scene = after_an_outage();
    let mut again = Vec::new();
    for second in 0..40 {
        watch(&mut scene, 200 + 2 * second);
        watch(&mut scene, 201 + 2 * second);
        scene.settle();
        let asked = refuse(&mut scene);
        assert!(asked.len() <= 6, "{asked:?}");
        again.extend(asked.into_iter().filter(|uri| uri.len() < name(200).len()));
        scene.pass(SECOND);
    }
    again.sort_unstable();
    again.dedup();
    assert_eq!(again.len(), 100);
}
