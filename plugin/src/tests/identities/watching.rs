//! Who may watch, and who may see the watchers.

use super::{AL, BOB, CAROL, PHONE, ROBERT, principal, scene, scene_of, subscribe, with};
use crate::authorization;
use crate::configuration::Decision;
use crate::identity::Tested;
use crate::sip::Identity;
use crate::tests::scene::{ALICE, Scene};

/// "If presence rules are disabled and the subscriber is not in the white or black lists, Presence Server
/// verifies … by comparing the sender … with the presentity in the To header, without regard to fundamental
/// identity" (WPS-36).
#[test]
fn with_rules_off_people_watch_themselves_under_the_same_identity() {
    let mut scene = scene(&[&[ROBERT]], &[&["sip:mallory@example.com"]]);
    for (sender, presentity, status) in [
        (ALICE, ALICE, 200),
        (ALICE, "sip:alice@Example.Com.", 200),
        (PHONE, PHONE, 200),
        (ALICE, AL, 403),
        (PHONE, ALICE, 403),
        (CAROL, ALICE, 403),
        // In the white list by another identity; in the black list.
        (BOB, ALICE, 200),
        ("sip:mallory@example.com", "sip:mallory@example.com", 403),
    ] {
        assert_eq!(subscribe(&mut scene, sender, presentity, None).status, status, "{sender} {presentity}");
    }
}

fn tested(scene: &mut Scene, asserted: &str) -> Vec<(String, Option<String>)> {
    let principal = principal(scene, asserted);
    let own = |Tested { identity, domain }: Tested<'_>| (identity.to_owned(), domain.map(str::to_owned));
    principal.for_rules(scene.presence.configuration()).map(own).collect()
}

fn pair(identity: &str, domain: Option<&str>) -> (String, Option<String>) {
    (identity.to_owned(), domain.map(str::to_owned))
}

/// "By default Presence Server does not use identity mapping for testing identity conditions … The domain of the
/// original subscriber public identity is used" (WPS-37 to WPS-40).
#[test]
fn identity_conditions_are_tested_with_the_original_identity() {
    let mut scene = scene_of(
        &with(r#""identity":{"map":true},"lists":{"white":true},"rules":{"enabled":true}"#),
        &[],
        &[],
    );
    let found = tested(&mut scene, "<sip:robert@EXAMPLE.org:5060>, <tel:+1-555-0100>");
    assert_eq!(found, [pair(ROBERT, Some("example.org")), pair(PHONE, None)]);
}

/// "With this option, Presence Server considers fundamental subscriber identity … The domain of the subscriber
/// fundamental identity is used" (WPS-41 to WPS-43).
#[test]
fn identity_conditions_are_tested_with_the_fundamental_identity_by_option() {
    let json = with(r#""identity":{"map":true},"rules":{"enabled":true,"map_identities":true}"#);
    let mut scene = scene_of(&json, &[], &[]);
    let found = tested(&mut scene, &format!("<{ROBERT}>, <{PHONE}>"));
    assert_eq!(found, [pair(BOB, Some("example.com")), pair(ALICE, Some("example.com"))]);
    assert_eq!(tested(&mut scene, &format!("<{CAROL}>")), [pair(CAROL, Some("example.com"))]);
}

/// "For a winfo subscription, if the subscriber is not in the white or black list, Presence Server verifies …
/// without regard to fundamental identity" (WPS-44), rules or not. A peer shows a winfo of anyone to anyone.
#[test]
fn watchers_are_shown_to_the_presentity_itself() {
    for rules in [r#"{"enabled":false}"#, r#"{"enabled":true,"default":"allow"}"#] {
        let json = with(&format!(
            r#""identity":{{"map":true}},"lists":{{"white":true,"black":true}},"rules":{rules}"#
        ));
        let mut scene = scene_of(&json, &[&[ROBERT], &["sip:mallory@example.com"]], &[&["@evil.example"]]);
        for (sender, presentity, decision) in [
            (ALICE, ALICE, Decision::Allow),
            (AL, ALICE, Decision::Block),
            (PHONE, ALICE, Decision::Block),
            (CAROL, ALICE, Decision::Block),
            (BOB, ALICE, Decision::Allow),
            ("sip:m@evil.example", "sip:m@evil.example", Decision::Block),
        ] {
            let principal = principal(&mut scene, &format!("<{sender}>"));
            let configuration = scene.presence.configuration().clone();
            let presentity = Identity::from_canonical(presentity.to_owned());
            let found = authorization::watch_winfo(&mut scene.host, &configuration, &principal, &presentity);
            assert_eq!(found, decision, "{sender} {presentity}");
        }
    }
}
