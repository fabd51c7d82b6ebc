//! The local rules for each watcher, over everything (WPS-09 to WPS-12, EXT-19).

use rollcall_tests::phone::PIDF;
use rollcall_tests::{Config, Phone, Server, Source};

use super::*;

/// WPS-09, WPS-12, EXT-19: each subscriber gets what the rules allow him, of what comes from outside as well. WPS-10,
/// WPS-11: the source is asked once, by the server itself, and all of it is taken in.
#[test]
fn each_watcher_gets_what_the_rules_allow() {
    let partner = Source::community();
    partner.knows(AL, PIDF, &noted(AL, "partner"));
    let config = Config::new()
        .rules("polite-block")
        .set("lists.white", "white.txt")
        .source("community", community(&partner, "partner", "partner.json"));
    let files = [("partner.json", PARTNER), ("white.txt", "sip:carol@example.com\nsip:dave@example.com\n")];
    let server = Server::start_with(&files, config);
    let (bob, carol, dave) =
        (Phone::udp(&server, BOB), Phone::udp(&server, CAROL), Phone::tcp(&server, "sip:dave@example.com"));
    let mut blocked = bob.subscribe(ALICE);
    assert!(blocked.notify().document().is_neutral());
    partner.assert_quiet();
    let mut first = carol.subscribe(ALICE);
    shown(&mut first, |document| notes(document) == ["partner"]);
    partner.subscribe().expect_initial(AL, 200);
    let mut second = dave.subscribe(ALICE);
    assert_eq!(notes(&second.notify().document()), ["partner"], "it is there at once for the next one");
    partner.tells(AL, PIDF, &noted(AL, "more"));
    shown(&mut first, |document| notes(document) == ["more"]);
    shown(&mut second, |document| notes(document) == ["more"]);
    // Who is politely blocked learns nothing, and nothing of the times at which something happens.
    assert_eq!(blocked.arrived().len(), 0);
    blocked.refresh(3600);
    assert!(blocked.notify().document().is_neutral());
    partner.assert_quiet();
}

/// WPS-12, RFC 3856 6.6.2: who waits for the presentity's consent sees nothing from outside, and is no reason to ask
/// there; who is blocked neither.
#[test]
fn who_has_no_consent_sees_nothing_from_outside() {
    let (server, registrar) = registered(Config::new().rules("confirm"));
    let watcher = Phone::udp(&server, BOB);
    let mut subscription = watcher.subscribe(ALICE);
    let notify = subscription.notify().expect("pending");
    assert!(notify.message().body.is_empty() || notify.document().is_neutral(), "{}", notify.message());
    registrar.assert_quiet();
}
