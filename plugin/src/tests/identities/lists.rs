//! The white and the black list.

use super::{AL, BOB, CAROL, MAP, PHONE, publish, scene, scene_of, sources, subscribe, with};
use crate::keys::SUBSCRIPTION;
use crate::tests::scene::{ALICE, Scene};

/// "If public identity mapping is enabled for the white or black lists, Presence Server maps each identity to
/// its fundamental identity" (WPS-19), by a switch of its own.
#[test]
fn listed_identities_are_mapped_where_that_is_enabled() {
    for (map, status) in [(true, 403), (false, 200)] {
        let json = with(&format!(r#""identity":{{"map":true}},"lists":{{"black":true,"map":{map}}}"#));
        let mut scene = scene_of(&json, &[], &[&["tel:+1(555)0100"]]);
        assert_eq!(publish(&mut scene, ALICE, ALICE, "", "").status, status, "map = {map}");
        assert_eq!(subscribe(&mut scene, ALICE, ALICE, None).status, status, "map = {map}");
        // As listed it is listed in any case.
        assert_eq!(publish(&mut scene, PHONE, PHONE, "", "").status, 403);
    }
}

/// "For incoming PUBLISH and SUBSCRIBE requests, the publisher/subscriber identity is mapped and the fundamental
/// identity is compared to the identities in the white or black list" (WPS-20).
#[test]
fn the_sender_is_mapped_before_it_is_looked_up() {
    let mut black = scene(&[], &[&[ALICE]]);
    for identity in [ALICE, AL, PHONE] {
        assert_eq!(publish(&mut black, identity, identity, "", "").status, 403, "{identity}");
        assert_eq!(subscribe(&mut black, identity, identity, None).status, 403, "{identity}");
    }
    assert_eq!(publish(&mut black, CAROL, CAROL, "", "").status, 200);

    let mut white = scene(&[&[ALICE]], &[]);
    for identity in [ALICE, AL, PHONE] {
        assert_eq!(publish(&mut white, identity, CAROL, "", "").status, 200, "{identity}");
        assert_eq!(subscribe(&mut white, identity, CAROL, None).status, 200, "{identity}");
    }
}

/// "When the lists are updated … the identities are mapped again" (WPS-21): a new map reaches them.
#[test]
fn lists_are_mapped_again_when_they_are_read_again() {
    let mut scene = scene(&[], &[&[AL]]);
    assert_eq!(publish(&mut scene, PHONE, PHONE, "", "").status, 403);
    // al@ is somebody else's address from now on.
    let moved: &[&[&str]] = &[&[ALICE, PHONE], &[BOB, AL]];
    let renewed = sources(&[("identities", moved), ("black", &[&[AL]])]);
    scene.host.load(&scene.presence, &renewed).unwrap();
    assert_eq!(publish(&mut scene, PHONE, PHONE, "", "").status, 200);
    assert_eq!(publish(&mut scene, BOB, BOB, "", "").status, 403);
}

/// WPS-47: the black list beats the white one, the white one beats the rules.
#[test]
fn the_black_list_beats_the_white_one_and_both_beat_the_rules() {
    for default in ["allow", "confirm", "block", "polite-block"] {
        let json = with(&format!(
            r#""identity":{{"map":true}},"lists":{{"white":true,"black":true}},
               "rules":{{"enabled":true,"default":"{default}"}}"#
        ));
        let mut scene = scene_of(&json, &[&[AL], &[CAROL]], &[&[CAROL]]);
        publish(&mut scene, BOB, BOB, "", "here");
        assert_eq!(subscribe(&mut scene, CAROL, BOB, None).status, 403, "{default}");
        assert_eq!(publish(&mut scene, CAROL, BOB, "", "").status, 403, "{default}");
        assert_eq!(publish(&mut scene, CAROL, CAROL, "", "").status, 403, "{default}");
        assert_eq!(subscribe(&mut scene, PHONE, BOB, None).status, 200, "{default}");
        let notify = scene.only_notify();
        assert!(notify.state().starts_with("active") && notify.body.contains("here"), "{default}");
    }
}

/// Of two asserted identities each counts (RFC 3325 9.1), for good and ill.
#[test]
fn any_asserted_identity_may_be_listed() {
    let text = |asserted: &str| {
        format!(
            "SUBSCRIBE {ALICE} SIP/2.0\nTo: <{ALICE}>\nFrom: <{ALICE}>;tag=w\nCall-ID: c\nCSeq: 1 SUBSCRIBE\n\
             P-Asserted-Identity: {asserted}\nEvent: presence\nContact: <sip:w@192.0.2.1:5070>\n\n"
        )
    };
    let both = format!("<{CAROL}>, <tel:+15550199>");
    for (white, black, status) in [
        (&[][..], &[][..], 403),
        (&[&["tel:+15550199"][..]][..], &[][..], 200),
        (&[&[CAROL][..]][..], &[&["tel:+15550199"][..]][..], 403),
    ] {
        assert_eq!(scene(white, black).request(&text(&both)).unwrap().status, status);
    }
}

/// An entry for a domain counts for the domain of the fundamental identity, or, where lists are not mapped, for
/// that of the sender's own; for no domain below it, and for no telephone number.
#[test]
fn whole_domains_are_listed() {
    let watched = |map: bool, entry: &str, sender: &str| {
        let json = with(&format!(r#""identity":{{"map":true}},"lists":{{"black":true,"map":{map}}}"#));
        let mut scene = scene_of(&json, &[], &[&[entry]]);
        subscribe(&mut scene, sender, sender, None).status
    };
    for entry in ["@xn--bcher-kva.example", "*@B\u{fc}cher.example.", "@b%C3%BCcher.example"] {
        let json = with(r#""lists":{"white":true}"#);
        let mut scene = Scene::new(&json);
        scene.host.load(&scene.presence, &sources(&[("white", &[&[entry]])])).unwrap();
        for (sender, status) in [
            ("sip:m@XN--BCHER-KVA.example", 200),
            ("sips:m@xn--bcher-kva.example:5070;transport=tcp", 200),
            ("sip:xn--bcher-kva.example", 200),
            ("sip:m@sub.xn--bcher-kva.example", 403),
            ("sip:m@kva.example", 403),
            ("tel:+1", 403),
        ] {
            assert_eq!(subscribe(&mut scene, sender, ALICE, None).status, status, "{entry} {sender}");
        }
    }
    // Alice's number is one of example.com when it is mapped.
    assert_eq!(watched(true, "@example.com", PHONE), 403);
    assert_eq!(watched(false, "@example.com", PHONE), 200);
    assert_eq!(watched(false, "@example.com", ALICE), 403);
}

/// Who comes into the black list loses a subscription at the next refresh, and is told (SUB-33).
#[test]
fn a_watcher_who_is_blacklisted_meanwhile_is_rejected_at_the_next_refresh() {
    let mut scene = scene(&[&[CAROL]], &[]);
    publish(&mut scene, ALICE, ALICE, "", "here");
    let tag = subscribe(&mut scene, CAROL, ALICE, None).reply.to_tag.unwrap();
    scene.answer_all();
    let lists = sources(&[("identities", MAP), ("white", &[&[CAROL]]), ("black", &[&[CAROL]])]);
    scene.host.load(&scene.presence, &lists).unwrap();
    assert!(scene.notifies().is_empty(), "a reload alone ends nothing");
    assert_eq!(subscribe(&mut scene, CAROL, ALICE, Some((&tag, 2))).status, 403);
    let notify = scene.only_notify();
    assert_eq!((notify.state(), notify.body.as_str()), ("terminated;reason=rejected", ""));
    scene.answer(&notify, 200);
    assert_eq!(scene.count(SUBSCRIPTION), 0);
    // So does who is no longer in the white list.
    let tag = subscribe(&mut scene, BOB, BOB, None).reply.to_tag.unwrap();
    scene.answer_all();
    let lists = sources(&[("identities", MAP), ("white", &[]), ("black", &[&["*@example.com"]])]);
    scene.host.load(&scene.presence, &lists).unwrap();
    assert_eq!(subscribe(&mut scene, BOB, BOB, Some((&tag, 2))).status, 403);
}
