//! Everything that is known of somebody in one document (WPS-01 to WPS-05, WPS-08, WPS-13).

use rollcall_tests::endpoint::Transport;
use rollcall_tests::phone::PIDF;
use rollcall_tests::reginfo::REGINFO;
use rollcall_tests::{Config, Phone, Pidf, Reginfo, Server, Source};

use super::*;

/// WPS-13 and its figure, WPS-08, WPS-04: what the S-CSCF, two communities and the user's own phone say is in a
/// single document; each community is asked for the identity that the user has there, and told no other. EXT-17: their
/// elements come under ids of their own, about the local entity.
#[test]
fn registrar_communities_and_publication_make_one_document() {
    let registrar = Source::registrar();
    registrar.knows(ALICE, REGINFO, &Reginfo::registered(ALICE, DEVICE));
    let (partner, club) = (Source::community(), Source::community());
    let alice_s = "sip:alice.s@club.example";
    partner.knows(AL, PIDF, &noted(AL, "partner"));
    club.knows(alice_s, PIDF, &noted(alice_s, "club"));
    let config = Config::new()
        .source("registrar", scscf(&registrar))
        .source("community", community(&partner, "partner", "partner.json"))
        .source("community", community(&club, "club", "club.csv"));
    let files = [
        ("partner.json", PARTNER),
        ("club.csv", "# here, there\nsip:alice@example.com,sip:alice.s@club.example\n"),
    ];
    let server = Server::start_with(&files, config);
    let phone = Phone::udp(&server, ALICE);
    let mut publication = phone.publish(&noted(ALICE, "phone"));
    let watcher = Phone::udp(&server, BOB);
    let mut subscription = watcher.subscribe(ALICE);
    let complete =
        |document: &Document| notes(document) == ["club", "partner", "phone"] && is_open(document, ALICE);
    let document = shown(&mut subscription, complete);
    assert_eq!(document.entity(), ALICE);
    for (source, resource) in [(&partner, AL), (&club, alice_s)] {
        let subscribe = source.subscribe().expect_initial(resource, 200).message;
        assert!(!subscribe.to_string().contains("alice@example.com"), "{subscribe}");
        assert_eq!(subscribe.header("Event"), Some("presence"));
    }
    registrar.subscribe().expect_initial(ALICE, 200);
    // Each goes its own way.
    partner.tells(AL, PIDF, &noted(AL, "partner-2"));
    shown(&mut subscription, |document| notes(document) == ["club", "partner-2", "phone"]);
    publication.remove();
    shown(&mut subscription, |document| notes(document) == ["club", "partner-2"]);
    club.tells(alice_s, PIDF, &Pidf::of(alice_s).text());
    let document = shown(&mut subscription, |document| notes(document) == ["partner-2"]);
    assert!(is_open(&document, ALICE), "{}", document.text());
}

/// EXT-17: a document of another community that cannot be taken is refused, and what it said before stays.
#[test]
fn a_body_that_cannot_be_taken_is_refused() {
    let partner = Source::community();
    partner.knows(AL, PIDF, &noted(AL, "before"));
    let config = Config::new().source("community", community(&partner, "partner", "partner.json"));
    let server = Server::start_with(&[("partner.json", PARTNER)], config);
    let watcher = Phone::udp(&server, BOB);
    let mut subscription = watcher.subscribe(ALICE);
    shown(&mut subscription, |document| notes(document) == ["before"]);
    for (kind, body, status) in [
        ("text/plain", "gone", 415),
        (REGINFO, "<reginfo/>", 415),
        (PIDF, "<presence", 400),
        (
            PIDF,
            "<!DOCTYPE a [<!ENTITY b 'c'>]><presence xmlns='urn:ietf:params:xml:ns:pidf' entity='sip:a'>&b;</presence>",
            400,
        ),
    ] {
        let answer = partner.send(&partner.notification(AL, None).body(kind, body)).expect(status);
        assert_eq!(answer.header("Accept").is_some(), status == 415, "{answer}");
    }
    partner.tells(AL, PIDF, &noted(AL, "after"));
    shown(&mut subscription, |document| notes(document) == ["after"]);
}

/// RFC 3261 18.1.1: what is too large for a datagram comes over TCP, in a dialog that was made over UDP as in one over TCP.
#[test]
fn large_documents_come_over_tcp() {
    let (partner, club) = (Source::community(), Source::community());
    let alice_s = "sip:alice.s@club.example";
    let large =
        |entity: &str, note: &str| Pidf::of(entity).tuple("a", "open").note(&note.repeat(3000)).text();
    club.knows(alice_s, PIDF, &large(alice_s, "c"));
    let club_entry = community(&club, "club", "club.csv");
    let config = Config::new()
        .source("community", community(&partner, "partner", "partner.json"))
        .source("community", with(club_entry, "target", format!("{};transport=tcp", club.uri())));
    let files = [("partner.json", PARTNER), ("club.csv", "sip:alice@example.com,sip:alice.s@club.example\n")];
    let server = Server::start_with(&files, config);
    let watcher = Phone::udp(&server, BOB);
    let mut subscription = watcher.subscribe(ALICE);
    let notify = subscription.notify_until(|notify| notify.document().notes() == ["c".repeat(3000)]);
    assert!(notify.over_tcp());
    let contact = club.subscribe().message.header("Contact").unwrap_or_default().to_owned();
    assert!(contact.contains("transport=tcp"), "{contact}");
    let contact = partner.subscribe().message.header("Contact").unwrap_or_default().to_owned();
    assert!(!contact.contains("transport=tcp"), "{contact}");
    let over_tcp = partner.phone().toward(server.tcp(), Transport::Tcp);
    let notify = partner.notification(AL, None).with("Via", over_tcp.via()).body(PIDF, large(AL, "p"));
    let _ = over_tcp.send(&notify).expect(200);
    subscription.notify_until(|notify| notify.document().notes().len() == 2);
}
