//! TCP: framing, and NOTIFYs that are too large for a datagram (RFC 3261 18).

use rollcall_tests::server::user;
use rollcall_tests::{Phone, Pidf, Server};

/// A document of more than 1300 bytes.
fn large(entity: &str) -> String {
    (0..12)
        .fold(Pidf::of(entity), |pidf, n| {
            pidf.reachable(
                &format!("t{n}"),
                "open",
                &format!("sip:a-rather-long-contact-{n}@host{n}.example.com"),
            )
        })
        .text()
}

/// RFC 3261 18.1.1 (SIP-15): a NOTIFY over 1300 bytes goes over TCP though the Contact says nothing
/// of it.
#[test]
fn a_large_notify_goes_over_tcp() {
    let server = Server::shared();
    let (alice, bob) = (user("alice"), user("bob"));
    let (phone, watcher) = (Phone::tcp(&server, &alice), Phone::udp(&server, &bob));
    let mut subscription = watcher.subscribe(&alice);
    assert!(!subscription.notify().over_tcp(), "a small one goes over UDP");
    let mut publication = phone.publish(&large(&alice));
    let notify = subscription.notify();
    assert!(notify.message().encode().len() > 1300);
    assert!(notify.over_tcp(), "{}", notify.message());
    assert!(notify.message().header("Via").is_some_and(|v| v.starts_with("SIP/2.0/TCP")));
    assert_eq!(notify.document().tuples().len(), 12);
    publication.modify(&Pidf::basic(&alice, "closed"));
    assert_eq!(subscription.notify().document().basics(), ["closed"]);
}

/// RFC 3261 18.1.1 (SIP-15): where TCP is refused, the large NOTIFY goes over UDP after all.
#[test]
fn a_large_notify_falls_back_to_udp() {
    let server = Server::shared();
    let (alice, bob) = (user("alice"), user("bob"));
    let (phone, watcher) = (Phone::tcp(&server, &alice), Phone::udp_only(&server, &bob));
    let mut subscription = watcher.subscribe(&alice);
    subscription.notify();
    let _publication = phone.publish(&large(&alice));
    let notify = subscription.notify();
    assert!(!notify.over_tcp());
    assert!(notify.message().header("Via").is_some_and(|v| v.starts_with("SIP/2.0/UDP")));
    assert_eq!(notify.document().tuples().len(), 12);
}

/// RFC 3261 18.3 (SIP-18): a stream is cut by Content-Length, however the bytes arrive; several
/// requests may share a segment, and CRLFs between messages are skipped (7.5).
#[test]
fn a_stream_is_cut_by_content_length() {
    let server = Server::shared();
    let (alice, bob) = (user("alice"), user("bob"));
    let (phone, watcher) = (Phone::tcp(&server, &alice), Phone::udp(&server, &bob));
    let requests: Vec<_> = (0..5)
        .map(|n| phone.publish_request(&Pidf::of(&alice).tuple("t", "open").note(&format!("n{n}")).text()))
        .collect();
    let responses: Vec<_> =
        requests.iter().map(|r| phone.endpoint().wait_for(&r.branch(), "PUBLISH")).collect();
    // The first three at once, with keep-alives between; the others in small pieces.
    let mut bytes = b"\r\n\r\n".to_vec();
    for request in &requests[..3] {
        bytes.extend(request.encode());
        bytes.extend(b"\r\n");
    }
    phone.send_raw(&bytes);
    for request in &requests[3..] {
        for piece in request.encode().chunks(7) {
            phone.send_raw(piece);
        }
    }
    for response in responses {
        let _ = response.recv_timeout(rollcall_tests::LIMIT).expect("a response").message.expect(200);
    }
    let mut fetch = watcher.subscribe_with(watcher.subscribe_request(&alice).with("Expires", "0"));
    assert_eq!(fetch.notify().document().tuples().len(), 5);
}

/// RFC 3261 18.3 (SIP-18): over UDP, what follows the body is dropped, and a body that is shorter
/// than Content-Length says is 400.
#[test]
fn a_datagram_is_measured_by_content_length() {
    let server = Server::shared();
    let alice = user("alice");
    let phone = Phone::udp(&server, &alice);
    let long = phone.publish_request(&Pidf::basic(&alice, "open"));
    let responses = phone.endpoint().wait_for(&long.branch(), "PUBLISH");
    let mut bytes = long.encode();
    bytes.extend(b"<this is not part of the document>");
    phone.send_raw(&bytes);
    let _ = responses.recv_timeout(rollcall_tests::LIMIT).expect("a response").message.expect(200);
    let short = phone.publish_request(&Pidf::basic(&alice, "open"));
    let short = short.clone().with("Content-Length", (short.body.len() + 1).to_string());
    let _ = phone.send(&short).expect(400);
}

/// RFC 3261 18.2.2 (SIP-17), 18.3: over TCP the responses come on the connection of the request,
/// and NOTIFYs reach a Contact that asks for TCP.
#[test]
fn everything_works_over_tcp() {
    let server = Server::shared();
    let (alice, bob) = (user("alice"), user("bob"));
    let (phone, watcher) = (Phone::tcp(&server, &alice), Phone::tcp(&server, &bob));
    let mut subscription = watcher.subscribe(&alice);
    assert!(subscription.notify().over_tcp());
    let mut publication = phone.publish(&Pidf::basic(&alice, "open"));
    let notify = subscription.notify();
    assert!(notify.over_tcp());
    assert_eq!(notify.document().basics(), ["open"]);
    // A lost connection is opened again, by either side.
    watcher.endpoint().disconnect();
    publication.modify(&Pidf::basic(&alice, "closed"));
    assert_eq!(subscription.notify().document().basics(), ["closed"]);
    subscription.unsubscribe();
    subscription.notify().expect_end("timeout");
}
