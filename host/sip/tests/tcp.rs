//! Streams: framing, connections, slow and hostile peers (SIP-17, SIP-18).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use common::{PATIENCE, Server, header, request};
use rollcall_sip::Response;

struct Client(TcpStream);

impl Client {
    fn connect(server: &Server) -> Client {
        let stream = TcpStream::connect(server.tcp()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client(stream)
    }

    fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).unwrap();
    }

    /// Reads up to and with the next empty line; none of the responses here has a body.
    fn receive(&mut self) -> String {
        let mut text = String::new();
        while !text.ends_with("\r\n\r\n") {
            let mut byte = [0];
            assert_eq!(self.0.read(&mut byte).unwrap(), 1, "closed after {text:?}");
            text.push(char::from(byte[0]));
        }
        text
    }

    fn is_closed(&mut self) -> bool {
        matches!(self.0.read(&mut [0; 1]), Ok(0) | Err(_))
    }

    fn request(&self, id: &str) -> String {
        request("PUBLISH", id, self.0.local_addr().unwrap(), "").replace("/UDP", "/TCP")
    }
}

#[test]
fn messages_are_cut_by_content_length_and_answered_on_the_connection() {
    let server = Server::start(|_| {});
    let mut client = Client::connect(&server);
    let body = client.request("t1").replace("Content-Length: 0\r\n\r\n", "Content-Length: 5\r\n\r\nhello");
    let two = body + &client.request("t2");
    let (head, tail) = two.split_at(100);
    client.send(head);
    client.send(tail);
    let first = client.receive();
    assert_eq!(header(&first, "Call-ID"), "t1", "SIP-18");
    assert_eq!(header(&first, "Contact"), format!("<sip:me@{};transport=tcp>", server.tcp()));
    assert_eq!(header(&client.receive(), "Call-ID"), "t2");
    assert_eq!(server.arrival().message.body(), b"hello");
    assert_eq!(server.stack.metrics().server_transactions.get(), 0, "Timer J is zero on TCP");
}

#[test]
fn a_double_crlf_is_answered_with_one() {
    let server = Server::start(|_| {});
    let mut client = Client::connect(&server);
    client.send("\r\n\r\n");
    let mut pong = [0; 2];
    client.0.read_exact(&mut pong).unwrap();
    assert_eq!(&pong, b"\r\n", "RFC 5626 3.5.1");
    let message = client.request("p1");
    client.send(message);
    assert!(client.receive().starts_with("SIP/2.0 200 "));
}

#[test]
fn an_unknown_length_is_answered_and_the_connection_closed() {
    let server = Server::start(|config| config.max_message = 10_000);
    let cases = [
        ("Content-Length: 0\r\n", "", 400),
        ("Content-Length: 0\r\n", "Content-Length: five\r\n", 400),
        ("Content-Length: 0\r\n", "Content-Length: 10001\r\n", 513),
    ];
    for (n, (from, to, status)) in cases.into_iter().enumerate() {
        let mut client = Client::connect(&server);
        let message = client.request(&format!("u{n}")).replace(from, to);
        client.send(message);
        let answer = client.receive();
        assert!(answer.starts_with(&format!("SIP/2.0 {status} ")), "RFC 4475 3.1.2.3: {answer}");
        assert!(client.is_closed());
    }
    assert_eq!(server.requests(), 0);
}

#[test]
fn a_response_finds_its_way_when_the_connection_is_gone() {
    let server = Server::holding(|_| {});
    let back = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = Client::connect(&server);
    let mine = client.0.local_addr().unwrap().to_string();
    let message = client.request("g1").replace(&mine, &back.local_addr().unwrap().to_string());
    client.send(message);
    server.arrival();
    drop(client);
    while server.stack.metrics().tcp_connections.get() > 0 {
        std::thread::yield_now();
    }
    let held = server.core.held.lock().pop().unwrap();
    server.stack.respond(held, Response::new(200, "OK"));
    let (stream, _) = back.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(header(&Client(stream).receive(), "Call-ID"), "g1", "SIP-17, RFC 3261 18.2.2");
}

#[test]
fn slow_and_surplus_connections_are_closed() {
    let server = Server::start(|config| {
        config.tcp.connections = 2;
        config.tcp.message = 50;
        config.tcp.idle = 300;
    });
    let mut slow = Client::connect(&server);
    slow.send("PUBLISH sip:alice@example.com SIP/2.0\r\n");
    let mut idle = Client::connect(&server);
    while server.stack.metrics().tcp_connections.get() < 2 {
        std::thread::yield_now();
    }
    let mut surplus = Client::connect(&server);
    assert!(surplus.is_closed(), "the limit of connections");
    assert!(slow.is_closed(), "an unfinished message");
    assert!(idle.is_closed(), "an idle connection");
    assert_eq!(server.requests(), 0);
}

#[test]
fn one_address_cannot_take_all_connections() {
    let server = Server::start(|config| config.tcp.per_address = 1);
    let mut first = Client::connect(&server);
    let message = first.request("a1");
    first.send(message);
    assert!(first.receive().starts_with("SIP/2.0 200 "));
    assert!(Client::connect(&server).is_closed());
    drop(first);
    while server.stack.metrics().tcp_connections.get() > 0 {
        std::thread::yield_now();
    }
    let mut next = Client::connect(&server);
    let message = next.request("a2");
    next.send(message);
    assert!(next.receive().starts_with("SIP/2.0 200 "), "the place is free again");
}

#[test]
fn a_peer_that_does_not_read_is_cut_off_and_others_are_served() {
    let server = Server::start(|config| config.tcp.write_queue = 64 * 1024);
    let mut deaf = Client::connect(&server);
    deaf.0.set_write_timeout(Some(PATIENCE)).unwrap();
    let long = "x".repeat(4_000);
    let mut n = 0;
    // Until the server gives the connection up. The answers repeat the long id three times.
    while n < 100_000 {
        let message = deaf.request(&format!("{long}{n}"));
        if deaf.0.write_all(message.as_bytes()).is_err() {
            break;
        }
        n += 1;
        if n % 100 == 0 {
            let mut other = Client::connect(&server);
            let message = other.request(&format!("o{n}"));
            other.send(message);
            assert!(other.receive().starts_with("SIP/2.0 200 "));
        }
    }
    assert!(n < 100_000, "the deaf peer was never cut off");
}
