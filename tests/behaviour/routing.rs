//! Where the NOTIFYs of a dialog go (RFC 3261 12.2.1.1, RFC 6665 4.1.2).

use rollcall_tests::server::user;
use rollcall_tests::{Answer, Phone, Pidf, Server};

/// RFC 3261 12.2.1.1 (SIP-13): loose routing: the Request-URI is the remote target, Route is the
/// Record-Route of the SUBSCRIBE, and the request goes to its first hop.
#[test]
fn a_loose_route_is_followed() {
    let server = Server::shared();
    let (alice, bob) = (user("alice"), user("bob"));
    // The phone plays the edge proxy: the first hop of the route is its address.
    let (phone, proxy) = (Phone::udp(&server, &alice), Phone::udp(&server, &bob));
    let route = format!("<sip:edge@{};lr;x=1>", proxy.address());
    let far = "<sip:p2.example.com;lr>";
    let request = proxy
        .subscribe_request(&alice)
        .with("Contact", "<sip:bob@192.0.2.7:5070>")
        .and("Record-Route", format!("{route}, {far}"));
    let mut subscription = proxy.subscribe_with(request);
    for _ in 0..2 {
        let notify = subscription.notify();
        assert_eq!(notify.message().uri(), "sip:bob@192.0.2.7:5070");
        assert_eq!(notify.message().values("Route"), [route.as_str(), far]);
        let _publication = phone.publish(&Pidf::basic(&alice, "open"));
    }
}

/// RFC 3261 12.2.1.1 (SIP-13): strict routing: without `lr` the first route is the Request-URI, and
/// the remote target ends the Route.
#[test]
fn a_strict_route_is_followed() {
    let server = Server::shared();
    let (alice, bob) = (user("alice"), user("bob"));
    let proxy = Phone::udp(&server, &bob);
    let strict = format!("sip:edge@{}", proxy.address());
    let request = proxy
        .subscribe_request(&alice)
        .with("Contact", "<sip:bob@192.0.2.7:5070>")
        .and("Record-Route", format!("<{strict}>"))
        .and("Record-Route", "<sip:p2.example.com;lr>");
    let mut subscription = proxy.subscribe_with(request);
    let notify = subscription.notify();
    assert_eq!(notify.message().uri(), strict);
    assert_eq!(notify.message().values("Route"), ["<sip:p2.example.com;lr>", "<sip:bob@192.0.2.7:5070>"]);
}

/// RFC 3261 12.2.1.1: the route set is fixed when the dialog is made; a Record-Route in a refresh
/// does not change it.
#[test]
fn the_route_set_does_not_change() {
    let server = Server::shared();
    let (alice, bob) = (user("alice"), user("bob"));
    let proxy = Phone::udp(&server, &bob);
    let route = format!("<sip:{};lr>", proxy.address());
    let request = proxy.subscribe_request(&alice).and("Record-Route", route.as_str());
    let mut subscription = proxy.subscribe_with(request);
    assert_eq!(subscription.notify().message().values("Route"), [route.as_str()]);
    subscription.send(&subscription.request(3600).with("Record-Route", "<sip:192.0.2.9;lr>"));
    assert_eq!(subscription.notify().message().values("Route"), [route.as_str()]);
}

/// RFC 6665 4.1.2, RFC 3261 12.2.1.2 (SIP-14): a new Contact in a refresh is the new remote target.
#[test]
fn a_refresh_moves_the_target() {
    let server = Server::shared();
    let (alice, bob) = (user("alice"), user("bob"));
    let (phone, old, new) =
        (Phone::udp(&server, &alice), Phone::udp(&server, &bob), Phone::udp(&server, &bob));
    let request = old.subscribe_request(&alice);
    let there = new.endpoint().watch(request.call_id(), Box::new(|_| Answer::Ok));
    let mut subscription = old.subscribe_with(request);
    subscription.notify();
    let first = subscription.last_cseq().expect("a NOTIFY");
    subscription.send(&subscription.request(3600).with("Contact", new.contact()));
    let notify = there.recv_timeout(rollcall_tests::LIMIT).expect("a NOTIFY at the new Contact").message;
    assert_eq!(notify.cseq(), first + 1);
    assert_eq!(format!("<{}>", notify.uri()), new.contact());
    let _publication = phone.publish(&Pidf::basic(&alice, "open"));
    let notify = there.recv_timeout(rollcall_tests::LIMIT).expect("a NOTIFY at the new Contact").message;
    assert_eq!(notify.cseq(), first + 2);
    assert!(subscription.arrived().is_empty(), "nothing goes to the old Contact");
}

/// RFC 6665 4.1.2, RFC 3261 12.2.1.2 (SIP-14): so is a Contact in the 2xx to a NOTIFY.
#[test]
fn an_answer_to_notify_moves_the_target() {
    let server = Server::shared();
    let (alice, bob) = (user("alice"), user("bob"));
    let (phone, old, new) =
        (Phone::udp(&server, &alice), Phone::udp(&server, &bob), Phone::udp(&server, &bob));
    let request = old.subscribe_request(&alice);
    let there = new.endpoint().watch(request.call_id(), Box::new(|_| Answer::Ok));
    let moved = vec![("Contact".to_owned(), new.contact())];
    let script = Box::new(move |_: &rollcall_tests::Message| Answer::Status(200, "OK", moved.clone()));
    let mut subscription = old.subscribe_scripted(request, script);
    subscription.notify();
    let _publication = phone.publish(&Pidf::basic(&alice, "open"));
    let notify = there.recv_timeout(rollcall_tests::LIMIT).expect("a NOTIFY at the new Contact").message;
    assert_eq!(format!("<{}>", notify.uri()), new.contact());
    assert!(subscription.arrived().is_empty(), "nothing goes to the old Contact");
}

/// RFC 3261 12.2.1.1, 8.1.1.8: the Contact of a NOTIFY is where the dialog's requests are taken.
#[test]
fn the_contact_of_a_notify_leads_back() {
    let server = Server::shared();
    let (alice, bob) = (user("alice"), user("bob"));
    let watcher = Phone::udp(&server, &bob);
    let mut subscription = watcher.subscribe(&alice);
    let notify = subscription.notify();
    let contact = notify.message().header("Contact").expect("a Contact");
    let target = rollcall_tests::message::address(contact).to_owned();
    subscription.send(&subscription.request(3600).at(&target));
    subscription.notify();
}
