//! Server transactions and the checks of a UAS, over real sockets and a clock that the test moves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Peer, Server, header, request};
use rollcall_sip::Response;
use rollcall_sip::wire::Kind;

#[test]
fn a_retransmission_is_answered_from_the_stored_response() {
    let server = Server::start(|_| {});
    let peer = Peer::new();
    let publish = request("PUBLISH", "r1", peer.addr(), "");
    peer.send(server.udp(), &publish);
    let first = peer.receive();
    assert!(first.starts_with("SIP/2.0 200 OK\r\n"), "{first}");
    assert_eq!(header(&first, "Contact"), format!("<sip:me@{}>", server.udp()));
    for _ in 0..3 {
        peer.send(server.udp(), &publish);
        assert_eq!(peer.receive(), first, "SIP-01, SIP-10: same response, same To tag");
    }
    assert_eq!(server.requests(), 1, "SIP-01: the core sees it once");
    assert_eq!(server.stack.metrics().retransmissions_received.get(), 3);
}

#[test]
fn timer_j_ends_the_memory_of_a_response() {
    let server = Server::start(|_| {});
    let peer = Peer::new();
    let publish = request("PUBLISH", "j1", peer.addr(), "");
    peer.send(server.udp(), &publish);
    peer.receive();
    server.clock.advance(31_999);
    peer.send(server.udp(), &publish);
    peer.receive();
    assert_eq!(server.requests(), 1);
    server.clock.advance(1);
    while server.stack.metrics().server_transactions.get() > 0 {
        std::thread::yield_now();
    }
    peer.send(server.udp(), &publish);
    peer.receive();
    assert_eq!(server.requests(), 2, "RFC 3261 17.2.2: 64 T1 after the response");
}

#[test]
fn a_request_in_hand_gets_100_when_timer_e_is_at_t2_and_never_408() {
    let server = Server::holding(|_| {});
    let peer = Peer::new();
    let publish = request("PUBLISH", "h1", peer.addr(), "");
    peer.send(server.udp(), &publish);
    server.arrival();
    server.clock.advance(3_499);
    peer.send(server.udp(), &publish);
    // A merged copy is answered at once: what comes first shows that nothing was sent before.
    let probe = publish.replace("z9hG4bKh1", "z9hG4bKother");
    peer.send(server.udp(), &probe);
    assert!(peer.receive().starts_with("SIP/2.0 482 "), "RFC 4320 4.1: no 100 yet");
    server.clock.advance(1);
    let trying = peer.receive();
    assert!(trying.starts_with("SIP/2.0 100 Trying\r\n"), "SIP-03: {trying}");
    assert_eq!(header(&trying, "To"), "<sip:alice@example.com>", "no tag in a 100");
    peer.send(server.udp(), &publish);
    assert_eq!(peer.receive(), trying, "RFC 3261 17.2.2: the last provisional again");
    server.clock.advance(32_000);
    while server.stack.metrics().server_pending.get() > 0 {
        std::thread::yield_now();
    }
    // Too late now: nothing may be sent any more (RFC 4320 4.2).
    let late = server.core.held.lock().pop().unwrap();
    server.stack.respond(late, Response::new(200, "OK"));
    peer.send(server.udp(), "BAD sip:x SIP/2.0\r\nVia: SIP/2.0/UDP x;rport\r\n\r\n");
    assert!(peer.receive().starts_with("SIP/2.0 400 "), "SIP-04: nothing was sent in between");
}

#[test]
fn the_same_request_on_another_way_is_merged() {
    let server = Server::start(|_| {});
    let peer = Peer::new();
    let first = request("SUBSCRIBE", "m1", peer.addr(), "");
    peer.send(server.udp(), &first);
    assert!(peer.receive().starts_with("SIP/2.0 200 "));
    let second = first.replace("z9hG4bKm1", "z9hG4bKm2");
    peer.send(server.udp(), &second);
    let merged = peer.receive();
    assert!(merged.starts_with("SIP/2.0 482 Loop Detected\r\n"), "SIP-07: {merged}");
    peer.send(server.udp(), &second);
    assert_eq!(peer.receive(), merged, "a retransmission of the merged request");
    let in_dialog =
        second.replace("z9hG4bKm2", "z9hG4bKm3").replace("alice@example.com>", "alice@example.com>;tag=x");
    peer.send(server.udp(), in_dialog);
    assert!(peer.receive().starts_with("SIP/2.0 200 "), "RFC 3261 8.2.2.2: only without To tag");
    assert_eq!(server.requests(), 2);
}

#[test]
fn the_key_is_branch_sent_by_and_method() {
    let server = Server::start(|_| {});
    let peer = Peer::new();
    let one = request("PUBLISH", "k1", peer.addr(), "");
    let variants = [
        one.clone(),
        one.replace("PUBLISH", "OPTIONS"),
        one.replace("Call-ID: k1", "Call-ID: k2")
            .replace(&peer.addr().to_string(), &format!("localhost:{}", peer.addr().port())),
    ];
    for variant in &variants {
        peer.send(server.udp(), variant);
        assert!(peer.receive().starts_with("SIP/2.0 200 "), "SIP-02: {variant}");
    }
    assert_eq!(server.requests(), 3);
    // Without the cookie, RFC 2543: Request-URI, tags, Call-ID, CSeq and the whole top Via.
    let old = one.replace("z9hG4bKk1", "1").replace("Call-ID: k1", "Call-ID: k3");
    for (message, seen) in [(old.clone(), 4), (old.clone(), 4), (old.replace("CSeq: 1", "CSeq: 2"), 5)] {
        peer.send(server.udp(), message);
        assert!(peer.receive().starts_with("SIP/2.0 200 "));
        assert_eq!(server.requests(), seen, "SIP-02: RFC 3261 17.2.3");
    }
}

#[test]
fn cancel_changes_nothing() {
    let server = Server::holding(|_| {});
    let peer = Peer::new();
    let subscribe = request("SUBSCRIBE", "c1", peer.addr(), "");
    peer.send(server.udp(), &subscribe);
    server.arrival();
    peer.send(server.udp(), subscribe.replace("SUBSCRIBE", "CANCEL"));
    assert!(peer.receive().starts_with("SIP/2.0 200 "), "SIP-22");
    peer.send(server.udp(), request("CANCEL", "c2", peer.addr(), ""));
    assert!(peer.receive().starts_with("SIP/2.0 481 "), "SIP-22: nothing to cancel");
    let held = server.core.held.lock().pop().unwrap();
    server.stack.respond(held, Response::new(202, "Accepted"));
    assert!(
        peer.receive().starts_with("SIP/2.0 202 Accepted\r\n"),
        "the request is answered as if nothing was"
    );
    assert_eq!(server.requests(), 1);
}

#[test]
fn invite_is_the_cores_and_its_ack_is_swallowed() {
    let server = Server::holding(|_| {});
    let peer = Peer::new();
    let invite = request("INVITE", "i1", peer.addr(), "");
    peer.send(server.udp(), &invite);
    server.arrival();
    let held = server.core.held.lock().pop().unwrap();
    server.stack.respond(held, Response::new(405, "Method Not Allowed"));
    let refused = peer.receive();
    peer.send(server.udp(), &invite);
    assert_eq!(peer.receive(), refused);
    peer.send(server.udp(), invite.replace("INVITE", "ACK"));
    peer.send(server.udp(), &invite);
    assert_eq!(peer.receive(), refused, "nothing came for the ACK");
    assert_eq!(server.requests(), 1);
}

#[test]
fn responses_go_where_via_says() {
    let server = Server::start(|_| {});
    let (peer, other) = (Peer::new(), Peer::new());
    // rport: back to the source, whatever sent-by says (SIP-16, RFC 3581 4).
    let message = request("OPTIONS", "v1", other.addr(), "").replace(";branch=", ";rport;branch=");
    peer.send(server.udp(), message);
    let (answer, from) = peer.receive_from();
    assert_eq!(from, server.udp(), "from the port that the request came to");
    let expected = format!(
        "SIP/2.0/UDP {};branch=z9hG4bKv1;received=127.0.0.1;rport={}",
        other.addr(),
        peer.addr().port()
    );
    assert_eq!(header(&answer, "Via"), expected);
    // No rport: source address, port of sent-by; received only if sent-by differs.
    let message = request("OPTIONS", "v2", other.addr(), "").replace("127.0.0.1", "host.example.com");
    peer.send(server.udp(), message);
    let answer = other.receive();
    assert!(
        header(&answer, "Via").ends_with(";branch=z9hG4bKv2;received=127.0.0.1"),
        "RFC 3261 18.2.1: {answer}"
    );
    peer.send(server.udp(), request("OPTIONS", "v3", other.addr(), ""));
    assert!(header(&other.receive(), "Via").ends_with(";branch=z9hG4bKv3"));
    // maddr (SIP-17), and what a client put into received is not believed.
    let message = request("OPTIONS", "v4", other.addr(), "")
        .replace(";branch=", ";received=192.0.2.1;maddr=127.0.0.1;branch=")
        .replace("UDP 127.0.0.1", "UDP host.example.com");
    peer.send(server.udp(), message);
    let via = header(&other.receive(), "Via").to_owned();
    assert!(via.ends_with(";maddr=127.0.0.1;branch=z9hG4bKv4;received=127.0.0.1"), "{via}");
}

#[test]
fn every_via_comes_back_in_order() {
    let server = Server::start(|_| {});
    let peer = Peer::new();
    let more = "v: SIP/2.0/TCP b;branch=z9hG4bK2, SIP/2.0/UDP c\r\nVia: SIP/2.0/UDP d;x=\"a, b\"\r\n";
    peer.send(server.udp(), request("OPTIONS", "o1", peer.addr(), more));
    let answer = peer.receive();
    let vias: Vec<&str> = answer.lines().filter_map(|line| line.strip_prefix("Via: ")).collect();
    assert_eq!(
        vias[1..],
        ["SIP/2.0/TCP b;branch=z9hG4bK2, SIP/2.0/UDP c", "SIP/2.0/UDP d;x=\"a, b\""],
        "SIP-10"
    );
    assert_eq!(header(&answer, "From"), "<sip:bob@example.com>;tag=fo1");
}

#[test]
fn asserted_identity_is_taken_from_trusted_peers_only() {
    const TWO: &str = "P-Asserted-Identity: <sip:a@example.com>\r\nP-Asserted-Identity: tel:+15550100\r\n";
    const BAD: [&str; 3] = [
        "P-Asserted-Identity: <sip:a@example.com>, <sip:b@example.com>\r\n",
        "P-Asserted-Identity: <sip:a@example.com>, tel:+1, tel:+2\r\n",
        "P-Asserted-Identity: <http://example.com>\r\n",
    ];
    let server = Server::start(|config| config.trusted = vec!["127.0.0.2/32".parse().unwrap()]);
    let (stranger, friend) = (Peer::new(), Peer::at("127.0.0.2:0"));
    let mut n = 0;
    let mut seen = |peer: &Peer, extra: &str| {
        n += 1;
        peer.send(server.udp(), request("OPTIONS", &format!("p{n}"), peer.addr(), extra));
        let incoming = server.arrival();
        assert_eq!(incoming.peer.trusted, peer.addr().ip() == friend.addr().ip());
        incoming.message.values(Kind::AssertedIdentity).count()
    };
    assert_eq!(seen(&stranger, TWO), 0, "SIP-31, RFC 3325 5");
    assert_eq!(seen(&friend, TWO), 2, "SIP-31");
    for bad in BAD {
        assert_eq!(seen(&friend, bad), 0, "RFC 3325 9.1: {bad}");
    }
}

#[test]
fn new_requests_are_turned_away_under_overload() {
    let server = Server::holding(|config| {
        config.overload.pending = 2;
        config.overload.retry_after = 7;
    });
    let peer = Peer::new();
    for id in ["w1", "w2"] {
        peer.send(server.udp(), request("PUBLISH", id, peer.addr(), ""));
        server.arrival();
    }
    let third = request("PUBLISH", "w3", peer.addr(), "");
    peer.send(server.udp(), &third);
    let busy = peer.receive();
    assert!(busy.starts_with("SIP/2.0 503 "), "SIP-33");
    assert_eq!(header(&busy, "Retry-After"), "7");
    // Requests in hand are not concerned, and room made is used.
    let held = server.core.held.lock().remove(0);
    server.stack.respond(held, Response::new(200, "OK"));
    assert!(peer.receive().contains("Call-ID: w1\r\n"));
    peer.send(server.udp(), &third);
    assert!(String::from_utf8_lossy(&server.arrival().message.bytes).contains("Call-ID: w3\r\n"));
    assert_eq!(server.stack.metrics().overloads.get(), 1);
}

#[test]
fn a_message_over_the_limit_gets_513() {
    let server = Server::start(|config| config.max_message = 2_000);
    let peer = Peer::new();
    let large = request("PUBLISH", "l1", peer.addr(), &format!("X: {}\r\n", "x".repeat(3_000)));
    peer.send(server.udp(), large);
    assert!(peer.receive().starts_with("SIP/2.0 513 "), "RFC 3261 21.5.7");
    assert_eq!(server.requests(), 0);
}

#[test]
fn what_the_core_hands_in_cannot_break_the_response_apart() {
    let server = Server::holding(|_| {});
    let peer = Peer::new();
    peer.send(server.udp(), request("PUBLISH", "x1", peer.addr(), ""));
    server.arrival();
    let held = server.core.held.lock().pop().unwrap();
    let response = Response {
        to_tag: Some("a\r\nEvil: 1".into()),
        contact: Some("u>\r\nEvil: 1".into()),
        ..Response::new(200, "OK\r\nEvil: 1")
    };
    server.stack.respond(held, response);
    let answer = peer.receive();
    assert!(!answer.lines().any(|line| line.starts_with("Evil")), "{answer}");
    assert!(answer.starts_with("SIP/2.0 200 "));
}

#[tokio::test]
async fn a_stack_lives_within_an_asynchronous_program() {
    let server = Server::start(|_| {});
    let peer = Peer::new();
    peer.send(server.udp(), request("OPTIONS", "a1", peer.addr(), ""));
    assert!(peer.receive().starts_with("SIP/2.0 200 "));
    let taken = rollcall_sip::StackConfig {
        listen: vec![(rollcall_sip::Transport::Udp, server.udp())],
        ..rollcall_sip::StackConfig::default()
    };
    let error = rollcall_sip::Stack::start(taken, server.clock.clone(), server.core.clone()).unwrap_err();
    assert!(error.to_string().starts_with(&format!("cannot listen on udp:{}: ", server.udp())), "{error}");
}
