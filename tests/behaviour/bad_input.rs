//! Input that means harm or is beyond all limits (RFC 3863 6, PIDF-26): refused, nothing changed,
//! the server alive.

use rollcall_tests::phone::PIDF;
use rollcall_tests::rng::unique;
use rollcall_tests::server::user;
use rollcall_tests::{Config, LIMIT, Phone, Pidf, Server};

/// PIDF-26: no document type, no entities; bounded depth, attributes and size: 400 or
/// 413, and 513 for a message that is too large as such (RFC 3261 21.5.7).
#[test]
fn hostile_documents_are_refused() {
    let mut server = Server::start(Config::new());
    let (alice, bob) = (user("alice"), user("bob"));
    let (phone, watcher) = (Phone::tcp(&server, &alice), Phone::udp(&server, &bob));
    let mut publication = phone.publish(&Pidf::basic(&alice, "open"));
    let mut subscription = watcher.subscribe(&alice);
    subscription.notify();
    let plain = Pidf::basic(&alice, "closed");
    let (declaration, rest) = plain.split_once('\n').expect("a declaration");
    let typed = |internal: &str| format!("{declaration}<!DOCTYPE presence [{internal}]>{rest}");
    let inside = |xml: &str| plain.replace("</presence>", &format!("{xml}</presence>"));
    let many = |n: usize, one: &dyn Fn(usize) -> String| (0..n).map(one).collect::<String>();
    let hostile = [
        typed(""),
        typed("<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">").replace("closed", "&b;"),
        typed("<!ENTITY x SYSTEM \"file:///etc/passwd\">").replace("closed", "&x;"),
        format!("{declaration}<!DOCTYPE presence SYSTEM \"http://192.0.2.1/x.dtd\">{rest}"),
        inside(&format!("<d xmlns=\"urn:example:d\">{}{}</d>", "<d>".repeat(5_000), "</d>".repeat(5_000))),
        inside(&format!("<d xmlns=\"urn:example:d\"{}/>", many(4_000, &|n| format!(" a{n}=\"\"")))),
        inside(&format!("<note>{}</note>", "x".repeat(3 << 20))),
    ];
    for document in &hostile {
        for request in [publication.request().body(PIDF, document.as_str()), phone.publish_request(document)]
        {
            let answer = phone.begin(&request).try_wait(LIMIT / 4);
            let shown = &document[..document.len().min(300)];
            // A message beyond the largest one taken may also end its connection.
            match answer {
                Some(answer) => {
                    assert!([400, 413, 513].contains(&answer.status()), "for {shown}: {answer}");
                    assert_eq!(answer.header("SIP-ETag"), None);
                }
                None => assert!(document.len() > 1 << 20, "no answer to {shown}"),
            }
        }
        assert!(server.is_alive());
    }
    phone.endpoint().disconnect();
    publication.modify(&Pidf::of(&alice).tuple("t1", "open").note("unharmed").text());
    assert_eq!(subscription.notify().document().notes(), ["unharmed"]);
}

/// RFC 3261 8.2, 21.4.1: requests that lack what every request has, or say it wrongly, are refused
/// with a 4xx or dropped; what follows is served.
#[test]
fn malformed_requests_do_no_harm() {
    let mut server = Server::start(Config::new());
    let alice = user("alice");
    let phone = Phone::udp(&server, &alice);
    // A socket of its own: responses to such requests repeat what is wrong in them.
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_nonblocking(true).expect("a socket option");
    let good = || {
        let via = format!("SIP/2.0/UDP {};branch={}", socket.local_addr().unwrap(), unique("z9hG4bK"));
        phone.publish_request(&Pidf::basic(&alice, "open")).with("Via", via)
    };
    let lacking = ["Via", "From", "To", "Call-ID", "CSeq"].map(|name| good().without(name));
    let wrong = [
        ("CSeq", "one PUBLISH"),
        ("CSeq", "4294967296 PUBLISH"),
        ("CSeq", "1 SUBSCRIBE"),
        ("Expires", "soon"),
        ("Expires", "-1"),
        ("Content-Length", "minus"),
        ("Content-Type", "nonsense"),
        ("SIP-If-Match", "two words"),
        ("To", "<sip:alice@example.com"),
        ("From", "no address"),
    ];
    let wrong = wrong.map(|(name, value)| good().with(name, value));
    let garbage: [&[u8]; 6] = [
        b"\0\0\0\0\0\0\0\0",
        b"PUBLISH",
        b"\r\n\r\n\r\n\r\n",
        b"PUBLISH sip:a@example.com SIP/2.0\r\n\r\n",
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKx\r\n\r\n",
        &[0xff; 2000],
    ];
    let requests = lacking.iter().chain(&wrong).map(rollcall_tests::Message::encode);
    for bytes in requests.chain(garbage.map(<[u8]>::to_vec)) {
        socket.send_to(&bytes, server.udp()).expect("sent");
        phone.round_trip();
        let mut buffer = [0; 65536];
        while let Ok(length) = socket.recv(&mut buffer) {
            let answer = String::from_utf8_lossy(&buffer[..length]);
            assert!(answer.starts_with("SIP/2.0 4"), "{}\ngave\n{answer}", String::from_utf8_lossy(&bytes));
        }
        assert!(server.is_alive());
    }
    let _ = phone.publish(&Pidf::basic(&alice, "open"));
}

/// RFC 3261 21.5.1, RFC 3903 6 step 5 (PUB-18): a step that goes beyond its limits is 500 with
/// Retry-After; nothing is changed and there is no tag.
#[test]
fn a_step_beyond_its_limits_changes_nothing() {
    let server = Server::start(Config::new().set("plugin.limits.effect_bytes", "64KiB"));
    let (alice, bob) = (user("alice"), user("bob"));
    let (phone, watcher) = (Phone::tcp(&server, &alice), Phone::tcp(&server, &bob));
    let mut publication = phone.publish(&Pidf::basic(&alice, "open"));
    let mut subscription = watcher.subscribe(&alice);
    subscription.notify();
    // The publication and the document that it becomes are each within the limit, together beyond.
    let large = Pidf::of(&alice).tuple("t1", "closed").note(&"x".repeat(45_000)).text();
    let answer = phone.send(&publication.request().body(PIDF, large.as_str())).expect(500);
    assert!(answer.header("Retry-After").is_some(), "{answer}");
    assert_eq!(answer.header("SIP-ETag"), None);
    publication.modify(&Pidf::of(&alice).tuple("t1", "open").note("as it was").text());
    assert_eq!(subscription.notify().document().notes(), ["as it was"]);
}
