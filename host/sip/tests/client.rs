//! Client transactions and the choice of a transport.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};

use common::{PATIENCE, Peer, Server, answer, header};
use rollcall_sip::{Failure, Outcome, Request, Transport};

fn notify(to: SocketAddr, body: usize) -> Request {
    let headers = "To: <sip:bob@example.com>;tag=2\r\nFrom: <sip:alice@example.com>;tag=1\r\nCall-ID: n\r\n\
                   CSeq: 7 NOTIFY\r\nEvent: presence\r\n";
    Request {
        method: "NOTIFY".into(),
        uri: format!("sip:bob@{to}"),
        headers: headers.into(),
        body: vec![b'x'; body].into(),
        contact: Some("alice".into()),
    }
}

fn status(outcome: &Outcome) -> u16 {
    match outcome {
        Outcome::Response { message, .. } => message.status().unwrap(),
        Outcome::Failed(failure) => panic!("{failure}"),
    }
}

#[test]
fn a_request_is_written_as_asked_and_its_response_comes_back() {
    let server = Server::start(|_| {});
    let peer = Peer::new();
    server.stack.send(42, notify(peer.addr(), 3));
    let (sent, from) = peer.receive_from();
    assert_eq!(from, server.udp());
    assert!(sent.starts_with(&format!(
        "NOTIFY sip:bob@{} SIP/2.0\r\nVia: SIP/2.0/UDP {};",
        peer.addr(),
        from
    )));
    assert!(header(&sent, "Via").ends_with(";rport"));
    assert_eq!(header(&sent, "Max-Forwards"), "70");
    assert_eq!(header(&sent, "Contact"), format!("<sip:alice@{from}>"));
    assert!(sent.ends_with("Content-Length: 3\r\n\r\nxxx"));
    peer.send(from, answer(&sent, "481 Gone", ""));
    let (token, outcome) = server.outcome();
    assert_eq!((token, status(&outcome)), (42, 481));
}

#[test]
fn a_strict_router_is_sent_its_own_uri() {
    let server = Server::start(|_| {});
    let peer = Peer::new();
    let mut request = notify("192.0.2.9:5060".parse().unwrap(), 0);
    let route = format!("Route: <sip:{};x=1>, <sip:p2;lr>\r\n", peer.addr());
    request.headers = [route.as_bytes(), &request.headers].concat().into();
    server.stack.send(1, request);
    let sent = peer.receive();
    let line = format!("NOTIFY sip:{};x=1 SIP/2.0\r\n", peer.addr());
    assert!(sent.starts_with(&line), "SIP-13, RFC 3261 12.2.1.1: {sent}");
    assert_eq!(header(&sent, "Route"), "<sip:p2;lr>, <sip:bob@192.0.2.9:5060>");
    assert_eq!(sent.matches("Route: ").count(), 1, "{sent}");
}

#[test]
fn timer_e_doubles_up_to_t2_and_timer_f_ends_it() {
    let server = Server::start(|_| {});
    let peer = Peer::new();
    server.stack.send(1, notify(peer.addr(), 0));
    let first = peer.receive();
    let mut sent = 1;
    for (n, interval) in [500, 1_000, 2_000, 4_000, 4_000].into_iter().enumerate() {
        server.clock.advance(interval - 1);
        peer.nothing_before_probe(&server, &n.to_string());
        server.clock.advance(1);
        assert_eq!(peer.receive(), first, "SIP-01, RFC 3261 17.1.2.2: the same bytes after {interval} ms");
        sent += 1;
    }
    server.clock.advance(32_000 - 11_500 - 1);
    assert_eq!(peer.receive(), first);
    assert!(server.outcomes.try_recv().is_err());
    server.clock.advance(1);
    let (token, outcome) = server.outcome();
    assert_eq!(token, 1);
    assert!(matches!(outcome, Outcome::Failed(Failure::Timeout)), "Timer F at 64 T1: {outcome:?}");
    assert_eq!(server.stack.metrics().client_transactions.get(), 0);
    assert_eq!(server.stack.metrics().retransmissions_sent.get(), sent);
    peer.send(server.udp(), answer(&first, "200 OK", ""));
    peer.nothing_before_probe(&server, "late");
    assert!(server.outcomes.try_recv().is_err(), "one outcome for each request");
}

#[test]
fn a_provisional_response_slows_timer_e_and_is_not_the_outcome() {
    let server = Server::start(|_| {});
    let peer = Peer::new();
    server.stack.send(1, notify(peer.addr(), 0));
    let first = peer.receive();
    peer.send(server.udp(), answer(&first, "100 Trying", ""));
    peer.nothing_before_probe(&server, "a");
    server.clock.advance(500);
    assert_eq!(peer.receive(), first);
    server.clock.advance(3_999);
    peer.nothing_before_probe(&server, "b");
    server.clock.advance(1);
    assert_eq!(peer.receive(), first, "RFC 3261 17.1.2.2: T2 in Proceeding");
    assert!(server.outcomes.try_recv().is_err());
}

#[test]
fn timer_k_absorbs_the_response_again() {
    let server = Server::start(|_| {});
    let peer = Peer::new();
    server.stack.send(1, notify(peer.addr(), 0));
    let sent = peer.receive();
    let ok = answer(&sent, "200 OK", "");
    peer.send(server.udp(), &ok);
    server.outcome();
    peer.send(server.udp(), &ok);
    peer.nothing_before_probe(&server, "k");
    assert!(server.outcomes.try_recv().is_err());
    assert_eq!(server.stack.metrics().client_transactions.get(), 1);
    server.clock.advance(5_000);
    while server.stack.metrics().client_transactions.get() > 0 {
        std::thread::yield_now();
    }
}

#[test]
fn stray_responses_are_dropped() {
    let server = Server::start(|_| {});
    let peer = Peer::new();
    server.stack.send(1, notify(peer.addr(), 0));
    let sent = peer.receive();
    let ok = answer(&sent, "200 OK", "");
    let via = header(&sent, "Via");
    for wrong in [
        ok.replace("z9hG4bK", "z9hG4bKx"),
        ok.replace("7 NOTIFY", "7 PUBLISH"),
        ok.replace(via, &format!("{via}, SIP/2.0/UDP 192.0.2.1")),
    ] {
        peer.send(server.udp(), wrong);
    }
    peer.nothing_before_probe(&server, "s");
    assert!(server.outcomes.try_recv().is_err(), "SIP-02, RFC 3261 17.1.3, 8.1.3.3");
    peer.send(server.udp(), ok);
    assert_eq!(status(&server.outcome().1), 200);
}

#[test]
fn a_pause_that_a_peer_asks_for_is_kept() {
    let server = Server::start(|_| {});
    let peer = Peer::new();
    server.stack.send(1, notify(peer.addr(), 0));
    let sent = peer.receive();
    peer.send(server.udp(), answer(&sent, "503 Service Unavailable", "Retry-After: 9 (soon);duration=3\r\n"));
    assert_eq!(status(&server.outcome().1), 503);
    server.clock.advance(8_000);
    server.stack.send(2, notify(peer.addr(), 0));
    let (token, outcome) = server.outcome();
    assert_eq!(token, 2);
    assert!(matches!(outcome, Outcome::Failed(Failure::Paused(1_000))), "SIP-33: {outcome:?}");
    server.clock.advance(1_000);
    server.stack.send(3, notify(peer.addr(), 0));
    assert!(peer.receive().starts_with("NOTIFY "), "and no longer than that");
}

/// A UDP socket and a TCP listener at the same port.
fn both() -> (Peer, TcpListener) {
    loop {
        let peer = Peer::new();
        if let Ok(listener) = TcpListener::bind(peer.addr()) {
            return (peer, listener);
        }
    }
}

#[test]
fn a_large_request_goes_over_tcp() {
    let server = Server::start(|_| {});
    let (peer, listener) = both();
    for (token, body) in [(1, 900), (2, 2_000), (3, 3_000)] {
        server.stack.send(token, notify(peer.addr(), body));
    }
    assert!(header(&peer.receive(), "Via").starts_with("SIP/2.0/UDP "), "below 1300 bytes");
    let (mut stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut text = String::new();
    let mut buffer = [0; 4096];
    while text.matches('x').count() < 5_000 {
        let n = stream.read(&mut buffer).unwrap();
        assert!(n > 0);
        text.push_str(std::str::from_utf8(&buffer[..n]).unwrap());
    }
    assert_eq!(text.matches("NOTIFY sip:").count(), 2, "SIP-15: both over one connection");
    assert!(header(&text, "Via").starts_with(&format!("SIP/2.0/TCP {};", server.tcp())));
    assert_eq!(
        header(&text, "Contact"),
        format!("<sip:alice@{}>", server.udp()),
        "the dialog stays where it was"
    );
    let second =
        text.find("NOTIFY sip:").map(|at| text[at + 1..].find("NOTIFY sip:").unwrap() + at + 1).unwrap();
    let answers = [answer(&text[..second], "200 OK", ""), answer(&text[second..], "200 OK", "")].concat();
    stream.write_all(answers.as_bytes()).unwrap();
    let mut tokens = [server.outcome().0, server.outcome().0];
    tokens.sort_unstable();
    assert_eq!(tokens, [2, 3]);
    assert_eq!(server.stack.metrics().client_transactions.get(), 1, "Timer K is zero on TCP");
}

#[test]
fn a_large_request_falls_back_to_udp_when_tcp_is_refused() {
    let server = Server::start(|_| {});
    let (peer, listener) = both();
    drop(listener);
    server.stack.send(1, notify(peer.addr(), 2_000));
    let sent = peer.receive();
    assert!(header(&sent, "Via").starts_with(&format!("SIP/2.0/UDP {};", server.udp())), "SIP-15: {sent}");
    server.clock.advance(500);
    assert_eq!(peer.receive(), sent, "Timer E runs");
    peer.send(server.udp(), answer(&sent, "200 OK", ""));
    assert_eq!(status(&server.outcome().1), 200);
    let errors = server.stack.metrics().send_errors.get();
    server.stack.send(2, notify(peer.addr(), 2_000));
    assert!(header(&peer.receive(), "Via").starts_with("SIP/2.0/UDP "));
    assert_eq!(server.stack.metrics().send_errors.get(), errors, "the refusal is remembered");
}

#[test]
fn what_cannot_be_sent_is_reported() {
    let server = Server::start(|_| {});
    let (peer, listener) = both();
    drop(listener);
    let to = peer.addr();
    let with = |uri: String| Request { uri, ..notify(to, 0) };
    server.stack.send(1, with(format!("sip:bob@{to};transport=tcp")));
    assert!(matches!(server.outcome(), (1, Outcome::Failed(Failure::Unreachable(_)))));
    server.stack.send(2, with("tel:+15550100".into()));
    assert!(matches!(server.outcome(), (2, Outcome::Failed(Failure::Unresolved(_)))));
    server.stack.send(3, with("sip:bob@[2001:db8::1];transport=udp".into()));
    assert!(matches!(server.outcome(), (3, Outcome::Failed(Failure::Unreachable(_)))));
    server.stack.send(4, with(format!("sip:bob@{to} SIP/2.0\r\nX: y")));
    assert!(matches!(server.outcome(), (4, Outcome::Failed(Failure::Malformed(_)))));
    server.stack.send(5, Request { headers: "To: x\r\n\r\n".into(), ..notify(to, 0) });
    assert!(matches!(server.outcome(), (5, Outcome::Failed(Failure::Malformed(_)))));
    peer.nothing_before_probe(&server, "end");
}

#[test]
fn a_name_is_looked_up() {
    let server = Server::start(|_| {});
    let peer = Peer::new();
    for token in 0..3 {
        let uri = format!("sip:bob@localhost:{}", peer.addr().port());
        server.stack.send(token, Request { uri, ..notify(peer.addr(), 0) });
        let sent = peer.receive();
        peer.send(server.udp(), answer(&sent, "200 OK", ""));
        let (got, outcome) = server.outcome();
        assert_eq!((got, status(&outcome)), (token, 200), "RFC 3263 4.2: a port, so no SRV");
    }
}

#[test]
fn a_batch_arrives_whole_and_in_order() {
    let server = Server::start(|_| {});
    let peer = Peer::new();
    let batch = (0..100).map(|token| {
        let headers =
            format!("To: <sip:b@b>\r\nFrom: <sip:a@a>;tag=1\r\nCall-ID: {token}\r\nCSeq: 1 NOTIFY\r\n");
        (token, Request { headers: headers.into(), ..notify(peer.addr(), 0) })
    });
    server.stack.send_all(batch.collect());
    for token in 0..100u64 {
        let sent = peer.receive();
        assert_eq!(header(&sent, "Call-ID"), token.to_string());
        peer.send(server.udp(), answer(&sent, "200 OK", ""));
        assert_eq!(server.outcome().0, token);
    }
}

#[test]
fn a_stop_reports_what_is_left() {
    let server = Server::start(|_| {});
    let peer = Peer::new();
    server.stack.send(9, notify(peer.addr(), 0));
    peer.receive();
    server.stack.stop();
    assert!(matches!(server.outcome(), (9, Outcome::Failed(Failure::Stopped))));
}

#[test]
fn the_advertised_name_is_used() {
    let server = Server::start(|config| {
        config.listen.retain(|(transport, _)| *transport == Transport::Udp);
        config.advertise = Some("presence.example.com".into());
    });
    let peer = Peer::new();
    server.stack.send(1, notify(peer.addr(), 0));
    let sent = peer.receive();
    let name = format!("presence.example.com:{}", server.udp().port());
    assert!(header(&sent, "Via").starts_with(&format!("SIP/2.0/UDP {name};")));
    assert_eq!(header(&sent, "Contact"), format!("<sip:alice@{name}>"));
}
