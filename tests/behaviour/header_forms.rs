//! The ways in which a header may be written (RFC 3261 7.3, SIP-19).

use rollcall_tests::phone::PIDF;
use rollcall_tests::server::user;
use rollcall_tests::{Message, Phone, Pidf, Server};

fn sent_raw(phone: &Phone, request: &Message, bytes: &[u8]) -> Message {
    let responses = phone.endpoint().wait_for(&request.branch(), request.method());
    phone.send_raw(bytes);
    responses.recv_timeout(rollcall_tests::LIMIT).expect("a response").message
}

/// RFC 3261 7.3.3 and 7.3.1 (SIP-19): compact forms, names in any case, white space before the
/// colon and folded lines mean the same.
#[test]
fn every_form_of_a_header_is_understood() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let plain = phone.publish_request(&Pidf::basic(&alice, "open")).with("Expires", "600");
    let compact: [(&str, &str); 9] = [
        ("Via: ", "v: "),
        ("From: ", "F : "),
        ("To: ", "t:"),
        ("Call-ID: ", "i:\t"),
        ("CSeq: 1 ", "cSEQ:   1\r\n "),
        ("Event: ", "o: "),
        ("Content-Type: ", "c:\r\n\t "),
        ("Content-Length: ", "L : "),
        ("Expires: ", "EXPIRES :\r\n   "),
    ];
    let mut text = String::from_utf8(plain.encode()).expect("text");
    for (long, other) in compact {
        assert!(text.contains(long), "{long} in {text}");
        text = text.replacen(long, other, 1);
    }
    let answer = sent_raw(&phone, &plain, text.as_bytes()).expect(200);
    assert_eq!(answer.expires(), Some(600));
    let mut fetch = watcher.subscribe_with(watcher.subscribe_request(&alice).with("Expires", "0"));
    assert_eq!(fetch.notify().document().basics(), ["open"]);
}

/// RFC 3261 7.3.1 (SIP-19): a list may stand in one line, with commas, or in several, and means
/// the same; a folded line does not end it.
#[test]
fn lists_may_be_joined_or_repeated() {
    let server = Server::shared();
    let (alice, bob) = (user("alice"), user("bob"));
    let watcher = Phone::udp(&server, &bob);
    let plain = watcher.subscribe_request(&alice);
    let line = format!("Accept: {PIDF}\r\n");
    for accept in [
        format!("Accept: text/plain,\r\n  {PIDF} ,text/html\r\n"),
        format!("Accept: text/plain\r\nACCEPT: text/html\r\naccept: {PIDF}\r\n"),
        format!("Accept:\r\n text/plain ;q=0.3\r\n ,\r\n {PIDF};q=0.1\r\n"),
    ] {
        let request = plain.clone().again().with("Call-ID", rollcall_tests::rng::unique("c"));
        let text = String::from_utf8(request.encode()).expect("text").replace(&line, &accept);
        assert!(text.contains(&accept));
        let notifies = watcher.endpoint().watch(request.call_id(), Box::new(|_| rollcall_tests::Answer::Ok));
        let _ = sent_raw(&watcher, &request, text.as_bytes()).expect(200);
        notifies.recv_timeout(rollcall_tests::LIMIT).expect("a NOTIFY");
    }
    let unsupported = format!("{line}Require: one,\r\n two\r\nrequire: three\r\n");
    let request = plain.again().with("Call-ID", rollcall_tests::rng::unique("c"));
    let text = String::from_utf8(request.encode()).expect("text").replace(&line, &unsupported);
    let mut tags = sent_raw(&watcher, &request, text.as_bytes()).expect(420).values("Unsupported");
    tags.sort();
    assert_eq!(tags, ["one", "three", "two"]);
}

/// RFC 3261 20.10 and 25.1: quoted names, escapes, name-addr and addr-spec, and parameters inside
/// and outside of the brackets are told apart.
#[test]
fn addresses_are_read_in_every_form() {
    let server = Server::shared();
    let alice = user("alice");
    let phone = Phone::udp(&server, &alice);
    for (from, to) in [
        (format!("{alice};tag=a1"), alice.clone()),
        (format!("\"<sip:x@y>;tag=z\" <{alice}>;tag=a2"), format!("Alice of Example <{alice}>;x=y")),
        (format!("\"quote \\\" and , comma\"<{alice}> ; TAG=a3"), format!("\"\" <{alice}>")),
    ] {
        let request = phone.publish_request(&Pidf::basic(&alice, "open")).with("From", from).with("To", to);
        let _ = phone.send(&request).expect(200);
    }
}
