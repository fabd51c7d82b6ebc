//! What is published and watched under the identities of one person.

use super::{AL, BOB, CAROL, PHONE, etag, publish, scene, scene_of, subscribe, with};
use crate::keys::{PUBLICATION, SUBSCRIPTION};
use crate::tests::scene::{ALICE, Scene, pidf_of};

/// "With identity mapping, presence information from different IDs for the same user are presented as a
/// single aggregated presence document" (WPS-15, WPS-16, WPS-26).
#[test]
fn presence_under_all_identities_of_a_person_is_one_document() {
    let mut scene = scene(&[&[CAROL]], &[]);
    for (identity, note) in [(ALICE, "at the desk"), (AL, "on the train"), (PHONE, "on the phone")] {
        assert_eq!(publish(&mut scene, identity, identity, "", note).status, 200);
    }
    assert_eq!(scene.host.partitions(), [ALICE]);
    subscribe(&mut scene, CAROL, ALICE, None);
    let body = scene.only_notify().body;
    for note in ["at the desk", "on the train", "on the phone"] {
        assert!(body.contains(note), "{body}");
    }
}

/// "When a subscriber subscribes to any one of these identities, the subscriber receives the aggregated
/// document" (WPS-17, WPS-27): under the name that was asked for, and kept up to date.
#[test]
fn a_watcher_of_any_identity_receives_everything() {
    let mut scene = scene(&[&[CAROL]], &[]);
    publish(&mut scene, ALICE, ALICE, "", "at the desk");
    for presentity in [ALICE, AL, PHONE, "sip:AL@example.com", "sip:al@EXAMPLE.com:5060"] {
        assert_eq!(subscribe(&mut scene, CAROL, presentity, None).status, 200, "{presentity}");
        let notify = scene.only_notify();
        // Users are compared with case, so sip:AL is nobody in the map.
        let known = presentity != "sip:AL@example.com";
        assert_eq!(notify.body.contains("at the desk"), known, "{presentity}");
        assert!(notify.body.contains(&format!("entity=\"{presentity}\"")), "{}", notify.body);
        scene.answer(&notify, 200);
    }
    publish(&mut scene, PHONE, PHONE, "", "on the phone");
    let told: Vec<String> = scene.notifies().into_iter().map(|notify| notify.body).collect();
    assert_eq!(told.len(), 4);
    assert!(told.iter().all(|body| body.contains("at the desk") && body.contains("on the phone")));
}

/// "Presence Server verifies that the publisher is publishing his or her own presence document (unless the
/// publisher in the white list)" (WPS-22). A peer lets anyone publish for anyone.
#[test]
fn publishers_publish_their_own_document_unless_they_are_in_the_white_list() {
    let mut scene = scene(&[&[BOB]], &[]);
    assert_eq!(publish(&mut scene, CAROL, ALICE, "", "").status, 403);
    assert_eq!(publish(&mut scene, BOB, ALICE, "", "").status, 200);
    // Even then the document is one of the presentity's, under whichever identity.
    let answer = scene.publish_as(BOB, ALICE, "", &pidf_of(PHONE, "open", ""));
    assert_eq!(answer.status, 200);
    for entity in [BOB, CAROL] {
        let answer = scene.publish_as(BOB, ALICE, "", &pidf_of(entity, "open", ""));
        assert_eq!((answer.status, answer.reply.reason.as_str()), (400, "Entity Is Not the Presentity"));
    }
    assert_eq!(scene.host.partitions(), [ALICE]);
}

/// "The identity comparison is based on the UIDNormalizer method … without referring to their fundamental
/// identity" (WPS-23).
#[test]
fn the_own_document_is_one_under_the_same_identity() {
    let mut scene = scene(&[], &[]);
    for (sender, presentity) in [(ALICE, AL), (AL, ALICE), (PHONE, ALICE), (ALICE, PHONE)] {
        assert_eq!(publish(&mut scene, sender, presentity, "", "").status, 403, "{sender} {presentity}");
    }
    // A peer compares hosts with case.
    for presentity in ["sip:alice@EXAMPLE.com", "sip:%61lice@example.com:5060", "pres:alice@example.com"] {
        assert_eq!(publish(&mut scene, ALICE, presentity, "", "").status, 200, "{presentity}");
    }
    assert_eq!(publish(&mut scene, "sip:Alice@example.com", ALICE, "", "").status, 403, "another user");
}

/// "The comparison is applied for the sender identity as taken from … the p-asserted-identity header for the
/// To header and for the entity attribute" (WPS-24): not for From, not for the Request-URI.
#[test]
fn the_asserted_identity_is_compared_with_to_and_entity() {
    let mut scene = scene(&[], &[]);
    let text = |uri: &str, from: &str, to: &str, asserted: &str, entity: &str| {
        format!(
            "PUBLISH {uri} SIP/2.0\nTo: <{to}>\nFrom: <{from}>;tag=1\nCall-ID: a\nCSeq: 1 PUBLISH\nEvent: presence\n\
             P-Asserted-Identity: <{asserted}>\nContent-Type: application/pidf+xml\n\n{}",
            pidf_of(entity, "open", "")
        )
    };
    for (uri, from, to, asserted, entity, status) in [
        (CAROL, BOB, ALICE, ALICE, ALICE, 200),
        (ALICE, ALICE, ALICE, BOB, ALICE, 403),
        (ALICE, ALICE, ALICE, ALICE, BOB, 403),
        (ALICE, ALICE, BOB, ALICE, ALICE, 403),
        // The entity is compared without fundamental identities as well.
        (ALICE, ALICE, ALICE, ALICE, PHONE, 403),
    ] {
        let answer = scene.request(&text(uri, from, to, asserted, entity)).unwrap();
        assert_eq!(answer.status, status, "{uri} {from} {to} {asserted} {entity}");
    }
}

/// "The published document is stored in the database based on the presentity's fundamental identity"
/// (WPS-25).
#[test]
fn a_document_is_stored_under_the_fundamental_identity() {
    let mut scene = scene(&[], &[]);
    publish(&mut scene, PHONE, PHONE, "", "");
    publish(&mut scene, CAROL, CAROL, "", "");
    assert_eq!(scene.host.partitions(), [ALICE, CAROL]);
    assert_eq!(scene.count(PUBLICATION), 1);
}

/// "It is possible to perform a modify/unpublish operation with a continued eTag from different public
/// identities that map to the same fundamental ID" (WPS-28).
#[test]
fn another_identity_of_the_person_modifies_and_removes() {
    let mut scene = scene(&[], &[]);
    let tag = etag(&publish(&mut scene, ALICE, ALICE, "", "at the desk"));
    let modified = publish(&mut scene, PHONE, PHONE, &format!("SIP-If-Match: {tag}\n"), "on the phone");
    assert_eq!((modified.status, scene.count(PUBLICATION)), (200, 1));
    let refresh = scene.publish_as(AL, AL, &format!("SIP-If-Match: {}\n", etag(&modified)), "");
    assert_eq!(refresh.status, 200);
    // The own-document check still holds for the identity that asks.
    let foreign = format!("SIP-If-Match: {}\nExpires: 0\n", etag(&refresh));
    assert_eq!(scene.publish_as(AL, ALICE, &foreign, "").status, 403);
    assert_eq!(scene.publish_as(AL, AL, &foreign, "").status, 200);
    assert_eq!(scene.count(PUBLICATION), 0);
}

/// The converse (WPS-29). A peer lets the entity-tag of another user refresh or remove state, and
/// answers an odd one with 500.
#[test]
fn the_tag_of_somebody_else_is_unknown() {
    let mut scene = scene(&[], &[]);
    let tag = etag(&publish(&mut scene, ALICE, ALICE, "", "at the desk"));
    let records = scene.host.records(ALICE, b"");
    for lines in [format!("SIP-If-Match: {tag}\n"), format!("SIP-If-Match: {tag}\nExpires: 0\n")] {
        for sender in [BOB, CAROL] {
            assert_eq!(scene.publish_as(sender, sender, &lines, "").status, 412);
            assert_eq!(publish(&mut scene, sender, sender, &lines, "").status, 412);
        }
    }
    for odd in ["x", "~", "0", "dx200xyz", &"f".repeat(400), &format!("{tag}0"), &tag.to_uppercase()] {
        assert_eq!(
            scene.publish_as(ALICE, ALICE, &format!("SIP-If-Match: {odd}\n"), "").status,
            412,
            "{odd}"
        );
    }
    assert_eq!(scene.host.records(ALICE, b""), records);
    assert_eq!(scene.host.partitions(), [ALICE]);
}

/// "Presence Server manages all incoming subscriptions based on the fundamental identity of the user the
/// subscription is on (as taken from the To header)" (WPS-31), not from the Request-URI.
#[test]
fn subscriptions_are_kept_under_the_fundamental_identity_in_to() {
    let mut scene = scene(&[&[CAROL]], &[]);
    let text = format!(
        "SUBSCRIBE {BOB} SIP/2.0\nTo: <{PHONE}>\nFrom: <{CAROL}>;tag=w\nCall-ID: c\nCSeq: 1 SUBSCRIBE\n\
         P-Asserted-Identity: <{CAROL}>\nEvent: presence\nContact: <sip:w@192.0.2.1:5070>\n\n"
    );
    assert_eq!(scene.request(&text).unwrap().status, 200);
    assert_eq!(scene.host.partitions(), [ALICE]);
    assert_eq!(scene.count(SUBSCRIPTION), 1);
}

/// One look-up an identity, none for what is not configured, and none twice for one text.
#[test]
fn an_own_publication_looks_things_up_once() {
    let mut plain = Scene::new(&with(r#""rules":{"enabled":true}"#));
    publish(&mut plain, ALICE, ALICE, "", "");
    assert_eq!(plain.cost.lookups, 0);
    let mut mapped = scene_of(&with(r#""identity":{"map":true}"#), &[], &[]);
    publish(&mut mapped, ALICE, ALICE, "", "");
    assert_eq!(mapped.cost.lookups, 1);
    let mut listed = scene(&[], &[]);
    publish(&mut listed, ALICE, ALICE, "", "");
    assert_eq!(listed.cost.lookups, 3, "the map, and identity and domain in the black list");
    publish(&mut listed, PHONE, PHONE, "", "");
    assert_eq!(listed.cost.lookups, 3);
}

/// The operator's question who is behind an address.
#[test]
fn an_operator_sees_who_is_behind_an_address() {
    let mut scene = scene(&[&[PHONE]], &[&["@example.org"]]);
    let presence = scene.presence.clone();
    let mut ask = |uri: &str| presence.on_inspect(&mut scene.host, "identity", uri);
    assert_eq!(
        ask("SIP:al@example.com:5060").unwrap(),
        r#"{"uri":"SIP:al@example.com:5060","normalized":"sip:al@example.com","fundamental":"sip:alice@example.com","white":"identity","black":null}"#
    );
    let answer = ask("sip:dave@example.org").unwrap();
    assert!(
        answer.contains(r#""fundamental":"sip:dave@example.org","white":null,"black":"domain""#),
        "{answer}"
    );
    assert_eq!(ask("alice").unwrap_err(), "malformed URI, expected one such as sip:alice@example.com");
    assert!(crate::describe().questions.contains(&"identity"));
}
