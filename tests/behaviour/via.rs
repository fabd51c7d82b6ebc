//! Via: what is added to it, what is copied, where responses go (RFC 3261 18.2, RFC 3581).

use rollcall_tests::message::parameter;
use rollcall_tests::rng::unique;
use rollcall_tests::server::user;
use rollcall_tests::{Phone, Pidf, Server};

/// RFC 3581 4, RFC 3261 18.2.1 (SIP-16): `rport` is filled in, `received` is added always, and
/// the response goes back to where the request came from, whatever sent-by says.
#[test]
fn rport_brings_the_response_back() {
    let server = Server::shared();
    let alice = user("alice");
    let phone = Phone::udp(&server, &alice);
    for sent_by in
        ["192.0.2.1:5070".to_owned(), phone.address().to_string(), "unreachable.invalid".to_owned()]
    {
        let via = format!("SIP/2.0/UDP {sent_by};rport;branch={}", unique("z9hG4bK"));
        let request = phone.publish_request(&Pidf::basic(&alice, "open")).with("Via", via);
        let answer = phone.send(&request).expect(200);
        let via = answer.header("Via").expect("Via");
        assert_eq!(parameter(via, "rport"), Some(phone.address().port().to_string()), "{via}");
        assert_eq!(parameter(via, "received").as_deref(), Some("127.0.0.1"), "{via}");
        assert!(via.contains(&sent_by), "sent-by stays: {via}");
    }
}

/// RFC 3261 18.2.1 and 18.2.2 (SIP-16, SIP-17): without `rport`, `received` is added where sent-by
/// is not the source address, and the response goes there, to the port of sent-by.
#[test]
fn received_is_added_where_sent_by_differs() {
    let server = Server::shared();
    let alice = user("alice");
    let phone = Phone::udp(&server, &alice);
    let port = phone.address().port();
    let via = format!("SIP/2.0/UDP unreachable.invalid:{port};branch={}", unique("z9hG4bK"));
    let request = phone.publish_request(&Pidf::basic(&alice, "open")).with("Via", via);
    let answer = phone.send(&request).expect(200);
    let via = answer.header("Via").expect("Via");
    assert_eq!(parameter(via, "received").as_deref(), Some("127.0.0.1"), "{via}");
    assert_eq!(parameter(via, "rport"), None, "{via}");
    // Where it is the source address, nothing needs to be added.
    let request = phone.publish_request(&Pidf::basic(&alice, "open"));
    let answer = phone.send(&request).expect(200);
    let received = parameter(answer.header("Via").expect("Via"), "received");
    assert!(received.is_none_or(|r| r == "127.0.0.1"));
}

/// RFC 3261 18.2.2 (SIP-17): the response goes to the port of sent-by, not to the source port.
#[test]
fn without_rport_the_port_of_sent_by_counts() {
    let server = Server::shared();
    let alice = user("alice");
    let (sender, receiver) = (Phone::udp(&server, &alice), Phone::udp(&server, &alice));
    let request = receiver.publish_request(&Pidf::basic(&alice, "open"));
    let responses = receiver.endpoint().wait_for(&request.branch(), "PUBLISH");
    sender.send_raw(&request.encode());
    let answer = responses.recv_timeout(rollcall_tests::LIMIT).expect("a response at sent-by").message;
    let _ = answer.expect(200);
}

/// RFC 3261 8.2.6.2 (SIP-10): all Vias are copied in order, joined or not, as are From, Call-ID
/// and CSeq; To gets a tag.
#[test]
fn the_response_copies_what_it_must() {
    let server = Server::shared();
    let alice = user("alice");
    let phone = Phone::udp(&server, &alice);
    let others =
        ["SIP/2.0/TCP p1.example.com;branch=z9hG4bKp1", "SIP/2.0/UDP p2.example.com:5080;branch=z9hG4bKp2;x"];
    let joined = phone.publish_request(&Pidf::basic(&alice, "open")).and("Via", others.join(", "));
    let separate =
        phone.publish_request(&Pidf::basic(&alice, "open")).and("Via", others[0]).and("v", others[1]);
    for request in [joined, separate] {
        let request = request.with("From", format!("\"A; \\\"l\\\", ice\" <{alice}>;tag=1;x=y"));
        let answer = phone.send(&request).expect(200);
        let vias = answer.values("Via");
        assert_eq!(vias.len(), 3, "{vias:?}");
        assert_eq!(vias[1..], others);
        for name in ["From", "Call-ID", "CSeq"] {
            assert_eq!(answer.header(name), request.header(name));
        }
        let to = answer.header("To").expect("To");
        assert!(to.starts_with(request.header("To").expect("To")), "{to}");
        assert!(parameter(to, "tag").is_some_and(|tag| tag.len() >= 4), "{to}");
    }
}
