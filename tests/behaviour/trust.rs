//! Whose word about identities is taken: the trust domain (RFC 3325).

use rollcall_tests::server::user;
use rollcall_tests::{Config, Phone, Pidf, Server};

/// RFC 3325 5 and 8 (SIP-31, SUB-04, PUB-20): P-Asserted-Identity of a peer outside of the trust
/// domain counts for nothing.
#[test]
fn an_assertion_from_outside_counts_for_nothing() {
    let server = Server::start(Config::new().set("sip.trusted", Vec::<String>::new()));
    let alice = user("alice");
    for phone in [Phone::udp(&server, &alice), Phone::tcp(&server, &alice)] {
        let _ = phone.send(&phone.publish_request(&Pidf::basic(&alice, "open"))).expect(403);
        let _ = phone.send(&phone.subscribe_request(&alice)).expect(403);
    }
}

/// RFC 3325 9.1 (SIP-31): two values, one SIP and one tel, in one header or in two, are both the
/// sender's.
#[test]
fn a_sip_and_a_tel_identity_may_be_asserted() {
    let server = Server::shared();
    let alice = user("alice");
    let phone = Phone::udp(&server, &alice);
    let good = || phone.publish_request(&Pidf::basic(&alice, "open"));
    let joined = good().with("P-Asserted-Identity", format!("\"Alice\" <{alice}>, <tel:+15550100>"));
    let _ = phone.send(&joined).expect(200);
    let repeated = good().with("P-Asserted-Identity", "<tel:+15550100>");
    let _ = phone.send(&repeated.and("P-Asserted-Identity", format!("<{alice}>"))).expect(200);
    // From is no identity (RFC 3325 4, AUTH-05).
    let other = good().with("P-Asserted-Identity", format!("<{}>", user("mallory")));
    let _ = phone.send(&other).expect(403);
}
