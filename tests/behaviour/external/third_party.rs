//! Third-party REGISTERs as the reason to ask the registrar (3GPP TS 24.141 A.7; RFC 3261 10.2).

use std::time::Duration;

use rollcall_tests::message::Message;
use rollcall_tests::{Config, Phone, Server, Source};

use super::*;

fn server(registrar: &Source) -> Server {
    registrar.knows(
        ALICE,
        rollcall_tests::reginfo::REGINFO,
        &rollcall_tests::Reginfo::registered(ALICE, DEVICE),
    );
    let config = Config::new()
        .clock()
        .set("sip.trusted", vec!["127.0.0.1"])
        .source("registrar", with(scscf(registrar), "third_party", true));
    Server::start(config)
}

/// As the S-CSCF sends it: in its own name, for somebody.
fn register(phone: &Phone, server: &Server, expires: u32) -> Message {
    phone
        .request("REGISTER", ALICE)
        .at(&format!("sip:{}", server.udp()))
        .with("From", format!("<sip:scscf.example.com>;tag={}", rollcall_tests::rng::unique("f")))
        .with("Contact", phone.contact())
        .with("Expires", expires.to_string())
        .without("P-Asserted-Identity")
}

/// The S-CSCF tells that somebody has registered: it is asked for more from then on, whether anybody watches or not, until
/// it tells the end, or tells nothing more.
#[test]
fn a_third_party_register_starts_the_subscription() {
    let registrar = Source::registrar();
    let server = server(&registrar);
    let own = registrar.phone().toward(server.udp(), rollcall_tests::endpoint::Transport::Udp);
    let answer = own.send(&register(&own, &server, 7200)).expect(200);
    assert!(answer.expires().is_some_and(|seconds| (1..=7200).contains(&seconds)), "{answer}");
    let begun = registrar.subscribe().expect_initial(ALICE, 200);
    let watcher = Phone::udp(&server, BOB);
    let mut fetch = watcher.subscribe_with(watcher.subscribe_request(ALICE).with("Expires", "0"));
    assert!(is_open(&fetch.notify().document(), ALICE), "it was there before anybody asked");
    Source::advance(&server, &[&registrar], Duration::from_secs(300));
    registrar.assert_quiet();
    let _ = own.send(&register(&own, &server, 0)).expect(200);
    wait_until("the end of the subscription", || {
        Source::advance(&server, &[&registrar], Duration::from_secs(30));
        registrar.subscriptions() == 0
    });
    registrar.subscribe().expect_next_after(&begun);
    // Told again, and then nothing more.
    let _ = own.send(&register(&own, &server, 600)).expect(200);
    registrar.subscribe().expect_initial(ALICE, 200);
    wait_until("the end of the subscription", || {
        Source::advance(&server, &[&registrar], Duration::from_secs(60));
        registrar.subscriptions() == 0
    });
}

/// Somebody's own REGISTER, one from a stranger, and one for somebody of another domain are none of the server's business.
#[test]
fn other_registers_are_not_taken() {
    let registrar = Source::registrar();
    let server = server(&registrar);
    let own = registrar.phone().toward(server.udp(), rollcall_tests::endpoint::Transport::Udp);
    let stranger = Phone::from(&server, std::net::Ipv4Addr::new(127, 0, 0, 2).into(), ALICE);
    let first_party = register(&own, &server, 600).with("From", format!("<{ALICE}>;tag=a"));
    let elsewhere = register(&own, &server, 600).with("To", "<sip:alice@elsewhere.example>");
    for (phone, request) in
        [(&own, first_party), (&own, elsewhere), (&stranger, register(&stranger, &server, 600))]
    {
        let answer = phone.send(&request).expect(405);
        assert!(!answer.values("Allow").contains(&"REGISTER".to_owned()), "{answer}");
    }
    registrar.assert_quiet();
}
