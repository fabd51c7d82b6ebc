//! Methods and Request-URIs: what is served and what is not (RFC 3261 8.2, 11.2).

use rollcall_tests::server::user;
use rollcall_tests::{Phone, Server};

/// RFC 3261 8.2.1 (SIP-05): a method that is not supported, known or not, is 405 with Allow.
#[test]
fn an_unsupported_method_is_not_allowed() {
    let server = Server::shared();
    let alice = user("alice");
    for phone in [Phone::udp(&server, &alice), Phone::tcp(&server, &alice)] {
        for method in ["MESSAGE", "REGISTER", "INFO", "NEWMETHOD"] {
            let answer = phone.send(&phone.request(method, &alice)).expect(405);
            let allow = answer.values("Allow");
            for method in ["PUBLISH", "SUBSCRIBE", "OPTIONS"] {
                assert!(allow.contains(&method.to_owned()), "{answer}");
            }
        }
    }
}

/// RFC 3261 11.2, RFC 3903 7, RFC 6665 4.4.4 (SIP-23): OPTIONS tells what is served; template
/// packages are not event packages.
#[test]
fn options_tell_what_is_served() {
    let server = Server::shared();
    let alice = user("alice");
    let phone = Phone::udp(&server, &alice);
    for target in [alice.clone(), format!("sip:{}", server.udp())] {
        let answer = phone.send(&phone.request("OPTIONS", &target)).expect(200);
        let has = |name: &str, value: &str| answer.values(name).iter().any(|v| v == value);
        for method in ["PUBLISH", "SUBSCRIBE", "NOTIFY", "OPTIONS"] {
            assert!(has("Allow", method), "{method} in Allow: {answer}");
        }
        assert!(has("Allow-Events", "presence"), "{answer}");
        assert!(!answer.values("Allow-Events").iter().any(|e| e.contains('.')), "templates: {answer}");
        assert!(has("Accept", "application/pidf+xml"), "{answer}");
        assert!(answer.header("Supported").is_some(), "{answer}");
    }
}

/// RFC 3261 8.2.2.3 (SIP-08): for every method, an unknown extension is 420.
#[test]
fn options_with_an_unknown_extension_is_refused() {
    let server = Server::shared();
    let alice = user("alice");
    let phone = Phone::udp(&server, &alice);
    let answer = phone.send(&phone.request("OPTIONS", &alice).with("Require", "nonesuch")).expect(420);
    assert_eq!(answer.values("Unsupported"), ["nonesuch"]);
}

/// RFC 3261 8.2.2.1 (SIP-06): an unknown scheme is 416; `pres:` and `tel:` are schemes of presence
/// and are not refused as such (RFC 3859, RFC 3966).
#[test]
fn an_unknown_scheme_is_unsupported() {
    let server = Server::shared();
    let alice = user("alice");
    let watcher = Phone::udp(&server, &user("bob"));
    for uri in ["http://example.com/alice", "nobodyKnowsThisScheme:totallyopaquecontent"] {
        let request = watcher.subscribe_request(&alice).at(uri);
        let _ = watcher.send(&request).expect(416);
    }
    let mut presence = watcher.subscribe(&alice.replace("sip:", "pres:"));
    presence.notify();
    let telephone = watcher.send(&watcher.subscribe_request("tel:+15550100"));
    assert!([200, 404].contains(&telephone.status()), "{telephone}");
}

/// RFC 3261 8.2.2.1, RFC 3903 6 step 1 (SIP-06): the Request-URI's domain decides, not To.
#[test]
fn the_request_uri_decides_whether_a_domain_is_served() {
    let server = Server::shared();
    let alice = user("alice");
    let watcher = Phone::udp(&server, &user("bob"));
    let request = watcher.subscribe_request(&alice).at("sip:alice@elsewhere.example");
    let _ = watcher.send(&request).expect(404);
}

/// RFC 6665 4.1.3 (SUB-41): a NOTIFY that belongs to no subscription of the server's is 481, or
/// 489 for a package it does not know.
#[test]
fn a_notify_that_nobody_asked_for_is_refused() {
    let server = Server::shared();
    let alice = user("alice");
    let phone = Phone::udp(&server, &alice);
    let notify = phone
        .request("NOTIFY", &alice)
        .with("To", format!("<{alice}>;tag=none"))
        .with("Contact", phone.contact())
        .with("Event", "presence")
        .with("Subscription-State", "active;expires=60");
    let answer = phone.send(&notify);
    assert!([481, 405].contains(&answer.status()), "{answer}");
}
