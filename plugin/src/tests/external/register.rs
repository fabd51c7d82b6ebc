//! Third-party REGISTER: a registrar tells that somebody is registered (3GPP TS 24.141 A.7).

use proptest::collection::vec;
use proptest::prelude::*;

use super::backend::Far;
use super::demand::{MINUTE, TRUSTED, asked, covered, leave};
use super::stage::{SOURCES, source};
use crate::external::learning;
use crate::keys;
use crate::sip::message::Peer;
use crate::step::Step;
use crate::tests::scene::{ALICE, Answer, Scene};

const AL: &str = "sip:al@example.com";
pub const SCSCF: &str = "sip:scscf.example.com";

/// A registrar that tells by third-party REGISTERs who is registered.
pub fn third_party() -> String {
    SOURCES.replace(r#""name":"scscf","#, r#""name":"scscf","third_party":true,"peers":"192.0.2.128/25","#)
}

pub fn register(scene: &mut Scene, from: &str, to: &str, lines: &str, peer: Peer<'_>) -> Option<Answer> {
    register_as(scene, from, to, "reg", 9, lines, peer)
}

fn register_as(
    scene: &mut Scene,
    from: &str,
    to: &str,
    call: &str,
    cseq: u32,
    lines: &str,
    peer: Peer<'_>,
) -> Option<Answer> {
    let text = format!(
        "REGISTER sip:presence.example.com SIP/2.0\nTo: <{to}>\nFrom: <{from}>;tag=r\nCall-ID: {call}\n\
         CSeq: {cseq} REGISTER\nContact: <sip:scscf.example.com>;expires=77\n{lines}\n"
    );
    scene.request_from(&text, peer)
}

/// The registrar tells for how long somebody is registered; the status of the answer.
fn tell(scene: &mut Scene, to: &str, call: &str, cseq: u32, seconds: u32) -> u16 {
    let lines = format!("Expires: {seconds}\n");
    register_as(scene, SCSCF, to, call, cseq, &lines, TRUSTED).unwrap().status
}

/// Issue, 3GPP TS 24.141 A.7: a third-party REGISTER starts the subscription at the registrar that sends such, though
/// nobody watches, and keeps it while the registration lasts.
#[test]
fn a_third_party_register_starts_the_subscription_at_its_registrar() {
    let mut scene = Scene::new(&third_party());
    let answer = register(&mut scene, SCSCF, ALICE, "Expires: 600\n", TRUSTED).unwrap();
    assert_eq!((answer.status, answer.header("Expires")), (200, Some("600")));
    assert_eq!(asked(&scene), ["scscf"]);
    scene.pass(9 * MINUTE);
    let answer = register(&mut scene, SCSCF, ALICE, "Expires: 600000\n", TRUSTED).unwrap();
    assert_eq!(answer.header("Expires"), Some("86400"));
    scene.pass(60 * MINUTE);
    scene.answer_all();
    assert_eq!(asked(&scene), ["scscf"]);
    // The end of the registration.
    let answer = register(&mut scene, SCSCF, ALICE, "Expires: 0\n", TRUSTED).unwrap();
    assert_eq!((answer.status, answer.header("Expires")), (200, Some("0")));
    assert_eq!(asked(&scene), Vec::<String>::new());
    // It may end without a word, too.
    register(&mut scene, SCSCF, ALICE, "", TRUSTED).unwrap();
    scene.pass(60 * MINUTE - 1);
    assert_eq!(asked(&scene), ["scscf"]);
    scene.pass(1);
    assert_eq!(asked(&scene), Vec::<String>::new());
}

/// RFC 3261 section 10.2: what is no word of a registrar about somebody here is not for us, and nothing comes of it.
#[test]
fn rfc3261_10_2_other_registers_are_passed() {
    let unasked = Scene::new(SOURCES);
    let stranger = Peer { address: "192.0.2.127:5060", trusted: false };
    for (mut scene, from, to, peer) in [
        (unasked, SCSCF, ALICE, TRUSTED),
        (Scene::new(&third_party()), ALICE, ALICE, TRUSTED),
        (Scene::new(&third_party()), "sip:alice@EXAMPLE.com:5060", ALICE, TRUSTED),
        (Scene::new(&third_party()), SCSCF, "sip:alice@elsewhere.example", TRUSTED),
        (Scene::new(&third_party()), SCSCF, "tel:+15550100", TRUSTED),
        (Scene::new(&third_party()), SCSCF, ALICE, stranger),
        (Scene::new(&third_party()), SCSCF, ALICE, Peer::default()),
    ] {
        let answer = register(&mut scene, from, to, "", peer);
        assert!(answer.is_none(), "{from} {to} {peer:?}: {answer:?}");
        assert_eq!(scene.host.partitions(), Vec::<String>::new());
    }
    // The networks of a source are as good as trust.
    for address in ["192.0.2.200:5060", "[::ffff:192.0.2.200]:5060"] {
        let mut scene = Scene::new(&third_party());
        let peer = Peer { address, trusted: false };
        assert_eq!(register(&mut scene, SCSCF, ALICE, "", peer).unwrap().status, 200);
    }
    // RFC 3261 8.2.2.3.
    let mut scene = Scene::new(&third_party());
    let answer = register(&mut scene, SCSCF, ALICE, "Require: wonders\n", TRUSTED).unwrap();
    assert_eq!((answer.status, answer.header("Unsupported")), (420, Some("wonders")));
}

/// RFC 3261 section 10.3 step 6: a lifetime that cannot be read counts as an hour. Bodies are not looked at (3GPP TS 24.141
/// A.7 has the device's REGISTER there).
#[test]
fn rfc3261_10_3_odd_registers_are_taken() {
    for lines in ["Expires: soon\n", "Content-Type: message/sip\n\nREGISTER sip:x SIP/2.0\n", ""] {
        let mut scene = Scene::new(&third_party());
        let answer = register(&mut scene, SCSCF, ALICE, lines, TRUSTED).unwrap();
        assert_eq!((answer.status, answer.header("Expires")), (200, Some("3600")), "{lines}");
    }
}

/// A REGISTER that was answered is not forgotten; a watcher comes and goes without ending what the
/// registration is for.
#[test]
fn a_registration_survives_a_crash_and_outlives_watchers() {
    let mut scene = Scene::new(&third_party());
    register(&mut scene, SCSCF, ALICE, "Expires: 6000\n", TRUSTED).unwrap();
    scene.crash(|_| false);
    scene.settle();
    let bob = scene.watch("bob");
    leave(&mut scene, "bob", &bob, 2);
    scene.pass(99 * MINUTE);
    assert_eq!(asked(&scene), ["scscf"]);
    scene.crash(|_| false);
    scene.pass(MINUTE);
    assert_eq!(asked(&scene), Vec::<String>::new());
}

/// With `identity.learn` a registrar's word about an alias is one about its head.
#[test]
fn a_register_for_an_alias_is_for_its_head() {
    let learning = r#""identity":{"learn":"registrar"},"rules""#;
    let mut scene = Scene::new(&third_party().replace(r#""rules""#, learning));
    let scscf = source(&scene, "scscf").clone();
    let configuration = scene.presence.configuration().clone();
    scene.host.begin(Some(ALICE));
    let mut step = Step::new(&mut scene.host, &configuration, ALICE);
    learning::told(&mut step, &scscf, &[ALICE.to_owned(), AL.to_owned()]);
    scene.host.commit();
    scene.settle();
    let answer = register(&mut scene, SCSCF, AL, "Expires: 600\n", TRUSTED).unwrap();
    assert_eq!((answer.status, scene.forwards), (200, 1));
    assert!(covered(&scene, ALICE, "scscf") && !covered(&scene, AL, "scscf"));
}

/// RFC 3261 section 10.3 step 7: a REGISTER that is older than what was told last changes nothing, also when the
/// registration is over. The same one may come again; another Call-ID begins a new order.
#[test]
fn rfc3261_10_3_an_older_register_changes_nothing() {
    let mut scene = Scene::new(&third_party());
    assert_eq!(tell(&mut scene, ALICE, "a", 3, 600), 200);
    assert_eq!(tell(&mut scene, ALICE, "a", 2, 0), 500);
    assert_eq!(asked(&scene), ["scscf"]);
    assert_eq!(tell(&mut scene, ALICE, "a", 5, 0), 200);
    assert_eq!(asked(&scene), Vec::<String>::new());
    scene.crash(|_| false);
    assert_eq!(tell(&mut scene, ALICE, "a", 4, 600), 500);
    assert_eq!(asked(&scene), Vec::<String>::new());
    assert_eq!(tell(&mut scene, ALICE, "a", 5, 0), 200);
    assert_eq!(tell(&mut scene, ALICE, "b", 1, 600), 200);
    assert_eq!(asked(&scene), ["scscf"]);
    assert_eq!(tell(&mut scene, ALICE, "b", 2, 0), 200);
    // All is forgotten in the end.
    scene.pass(60 * MINUTE);
    assert_eq!(scene.host.records(ALICE, &[keys::REGISTRATIONS]), []);
}

/// What cannot be put in order is refused.
#[test]
fn rfc3261_10_2_a_register_has_call_id_and_cseq() {
    let mut scene = Scene::new(&third_party());
    let text = |head: &str| {
        format!(
            "REGISTER sip:example.com SIP/2.0\nTo: <{ALICE}>\nFrom: <{SCSCF}>;tag=r\n{head}Expires: 60\n\n"
        )
    };
    for head in ["CSeq: 1 REGISTER\n", "Call-ID: a\n", "Call-ID: a\nCSeq: x REGISTER\n"] {
        assert_eq!(scene.request_from(&text(head), TRUSTED).unwrap().status, 400, "{head}");
        assert_eq!(asked(&scene), Vec::<String>::new());
    }
}

/// WPS-16: identities of one presentity are registered each by itself. The end of one is not that of all.
#[test]
fn wps_16_each_identity_is_registered_by_itself() {
    let mapped = third_party().replace(r#""rules""#, r#""identity":{"map":true},"rules""#);
    let mut scene = Scene::new(&mapped);
    scene.map(&[(AL, ALICE)]);
    assert_eq!(tell(&mut scene, ALICE, "a", 1, 600), 200);
    assert_eq!(tell(&mut scene, AL, "b", 1, 1_200), 200);
    assert_eq!(tell(&mut scene, AL, "b", 2, 0), 200);
    scene.pass(5 * MINUTE);
    assert_eq!(asked(&scene), ["scscf"]);
    assert_eq!(tell(&mut scene, AL, "b", 3, 900), 200);
    assert_eq!(tell(&mut scene, ALICE, "a", 2, 0), 200);
    scene.pass(14 * MINUTE);
    assert_eq!(asked(&scene), ["scscf"]);
    scene.pass(MINUTE);
    assert_eq!(asked(&scene), Vec::<String>::new());
}

/// However many identities a registrar tells of, little is remembered.
#[test]
fn few_registrations_are_remembered() {
    let mapped = third_party().replace(r#""rules""#, r#""identity":{"map":true},"rules""#);
    let mut scene = Scene::new(&mapped);
    let others: Vec<String> = (0..100).map(|number| format!("sip:alias{number}@example.com")).collect();
    let map: Vec<(&str, &str)> = others.iter().map(|other| (other.as_str(), ALICE)).collect();
    scene.map(&map);
    for other in &others {
        assert_eq!(tell(&mut scene, other, "a", 1, 600), 200);
    }
    let [(_, record)] = &scene.host.records(ALICE, &[keys::REGISTRATIONS])[..] else { panic!() };
    assert!(record.len() < 2_000, "{} bytes", record.len());
    scene.pass(10 * MINUTE);
    assert_eq!(asked(&scene), Vec::<String>::new());
}

/// WPS-07, EXT-14: who was not there is asked for again once the registrar says that there is a registration, though the
/// same watchers are there as before. What was refused for other reasons has to wait.
#[test]
fn wps_07_a_new_registration_makes_a_source_be_asked_again() {
    let lines = |reason| format!("Subscription-State: terminated;reason={reason}\nEvent: reg\n");
    for (reason, phase) in [("noresource", "subscribing"), ("rejected", "pausing"), ("probation", "pausing")]
    {
        let mut far = Far::on(Scene::new(&third_party()));
        far.scene.watch("bob");
        far.settle();
        assert_eq!(tell(&mut far.scene, ALICE, "a", 1, 600), 200);
        far.settle();
        let ask = far.asks().into_iter().find(|ask| ask.header("Event") == "reg").unwrap();
        far.accept(&ask, 3_600);
        assert_eq!(far.notify_with(&ask, "far", 1, &lines(reason), "192.0.2.200:5060", "", "").status, 200);
        let before = far.phase();
        assert!(matches!(before, "stopped" | "pausing"), "{before}");
        // That it goes on is no news.
        assert_eq!(tell(&mut far.scene, ALICE, "a", 2, 600), 200);
        far.settle();
        assert_eq!(far.phase(), before);
        assert_eq!(tell(&mut far.scene, ALICE, "a", 3, 0), 200);
        far.settle();
        assert_eq!(far.phase(), before, "somebody watches");
        assert_eq!(tell(&mut far.scene, ALICE, "a", 4, 600), 200);
        far.settle();
        assert_eq!(far.phase(), phase, "{reason}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// REGISTERs in any order and more than once, over crashes: the registrar is asked exactly while by the latest
    /// word on one of the identities it is registered.
    #[test]
    fn the_latest_word_on_each_identity_counts(
        events in vec((0..2_usize, 1..12_u32, prop_oneof![Just(0_u64), 0..400_000_u64], any::<bool>()), 1..40),
    ) {
        let mapped = third_party().replace(r#""rules""#, r#""identity":{"map":true},"rules""#);
        let mut scene = Scene::new(&mapped);
        scene.map(&[(AL, ALICE)]);
        // Number, when it came, until when.
        let mut latest = [(0, 0, 0); 2];
        for (who, cseq, time, crash) in events {
            // What a REGISTER says hangs on its number, so that the same one says the same.
            let seconds = if cseq % 3 == 0 { 0 } else { cseq * 60 };
            let status = tell(&mut scene, [ALICE, AL][who], ["a", "b"][who], cseq, seconds);
            let (now, (number, at, until)) = (scene.host.time(), latest[who]);
            let forgotten = now >= until.max(at + 60 * MINUTE);
            prop_assert!(status == 200 || status == 500 && cseq < number, "{status}");
            prop_assert!(status == 500 || cseq >= number || forgotten, "{status}");
            if status == 200 {
                latest[who] = (cseq, now, now + u64::from(seconds) * 1_000);
            }
            if crash {
                scene.crash(|step| (time >> (step % 8)) & 1 == 1);
            }
            scene.pass(time);
            let registered = latest.iter().any(|(.., until)| *until > scene.host.time());
            prop_assert_eq!(covered(&scene, ALICE, "scscf"), registered);
        }
    }
}
