//! Communities that ask each other for the same person (EXT-21).

use std::time::Duration;

use rollcall_tests::phone::PIDF;
use rollcall_tests::server::free_port;
use rollcall_tests::{Config, Phone, Server, Source};

use super::*;

/// A Rollcall for `domain` that asks another one, which is its community.
fn server(domain: &str, port: u16, map: &str, other: (&str, u16)) -> Server {
    let (other_domain, other_port) = other;
    let mut source = Table::new();
    source.insert("name".to_owned(), other_domain.into());
    source.insert("target".to_owned(), format!("sip:127.0.0.1:{other_port}").into());
    source.insert("identities".to_owned(), "map.json".into());
    source.insert("asks_as".to_owned(), format!("sip:presence@{other_domain}").into());
    let config = Config::new()
        .set("presence.domains", vec![domain])
        .set("sip.listen", vec![format!("udp:127.0.0.1:{port}"), format!("tcp:127.0.0.1:{port}")])
        .set("external.super_user", format!("sip:presence@{domain}"))
        .source("community", source);
    Server::start_with(&[("map.json", map)], config)
}

fn notifies(server: &Server) -> f64 {
    server.admin().metrics().sum("rollcall_sip_requests_total", &["method=\"NOTIFY\""]).unwrap_or(0.0)
}

/// EXT-21: two servers ask each other for the same person. Each shows its watchers what is published at both; nothing
/// echoes: once all is said, nothing more goes between them, and what has ended at one side is gone at both.
#[test]
fn two_servers_that_ask_each_other_do_not_echo() {
    let (one, two) = ("one.example", "two.example");
    let (at_one, at_two) = (free_port(), free_port());
    let map = |here: &str, there: &str| format!("{{\"sip:alice@{here}\": \"sip:alice@{there}\"}}");
    let first = server(one, at_one, &map(one, two), (two, at_two));
    let second = server(two, at_two, &map(two, one), (one, at_one));
    let (alice_one, alice_two) = ("sip:alice@one.example", "sip:alice@two.example");
    let (phone_one, phone_two) = (Phone::udp(&first, alice_one), Phone::udp(&second, alice_two));
    let mut publication = phone_one.publish(&noted(alice_one, "from-one"));
    let _stays = phone_two.publish(&noted(alice_two, "from-two"));
    let watcher_one = Phone::udp(&first, "sip:bob@one.example");
    let watcher_two = Phone::udp(&second, "sip:carol@two.example");
    let (mut at_first, mut at_second) = (watcher_one.subscribe(alice_one), watcher_two.subscribe(alice_two));
    let both = ["from-one", "from-two"];
    shown(&mut at_first, |document| notes(document) == both);
    shown(&mut at_second, |document| notes(document) == both);
    publication.modify(&noted(alice_one, "changed"));
    shown(&mut at_first, |document| notes(document) == ["changed", "from-two"]);
    shown(&mut at_second, |document| notes(document) == ["changed", "from-two"]);
    // An answer is counted when it leaves, which may be a little after what it stands for is seen.
    std::thread::sleep(Duration::from_millis(100));
    let before = (notifies(&first), notifies(&second));
    publication.remove();
    shown(&mut at_first, |document| notes(document) == ["from-two"]);
    shown(&mut at_second, |document| notes(document) == ["from-two"]);
    // One NOTIFY from the first to the second told the end. Any echo would show within a moment, and count.
    std::thread::sleep(Duration::from_millis(300));
    assert!(notifies(&second) - before.1 <= 1.0, "NOTIFYs to the second");
    assert!(notifies(&first) - before.0 <= 0.0, "NOTIFYs to the first");
    assert_eq!((at_first.arrived().len(), at_second.arrived().len()), (0, 0));
}

/// EXT-21: who asks in the name of a community of ours gets what is known here, nothing that communities said, and is no
/// reason to ask them.
#[test]
fn a_community_that_asks_gets_nothing_from_communities() {
    let registrar = Source::registrar();
    registrar.knows(
        ALICE,
        rollcall_tests::reginfo::REGINFO,
        &rollcall_tests::Reginfo::registered(ALICE, DEVICE),
    );
    let partner = Source::community();
    partner.knows(AL, PIDF, &noted(AL, "partner"));
    let asks_as = "sip:presence@partner.example";
    let config = Config::new()
        .source("registrar", scscf(&registrar))
        .source("community", with(community(&partner, "partner", "partner.json"), "asks_as", asks_as));
    let server = Server::start_with(&[("partner.json", PARTNER)], config);
    let phone = Phone::udp(&server, ALICE);
    let mut publication = phone.publish(&noted(ALICE, "phone"));
    let peer = Phone::udp(&server, asks_as);
    let mut asking = peer.subscribe(ALICE);
    assert_eq!(notes(&asking.notify().document()), ["phone"]);
    partner.assert_quiet();
    let watcher = Phone::udp(&server, BOB);
    let mut watching = watcher.subscribe(ALICE);
    shown(&mut watching, |document| notes(document) == ["partner", "phone"] && is_open(document, ALICE));
    partner.tells(AL, PIDF, &noted(AL, "partner-2"));
    shown(&mut watching, |document| notes(document) == ["partner-2", "phone"]);
    publication.modify(&noted(ALICE, "phone-2"));
    shown(&mut watching, |document| notes(document) == ["partner-2", "phone-2"]);
    // Whatever it is told has to do with what is known here.
    let document = shown(&mut asking, |document| notes(document) == ["phone-2"]);
    assert!(!document.text().contains("partner"), "{}", document.text());
    asking.refresh(3600);
    assert_eq!(notes(&asking.notify().document()), ["phone-2"]);
}
