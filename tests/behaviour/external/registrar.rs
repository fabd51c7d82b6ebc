//! A registrar (S-CSCF) as source (WPS-05 to WPS-07; RFC 3680).

use rollcall_tests::message::{address, parameter};
use rollcall_tests::reginfo::{REGINFO, contact_element};
use rollcall_tests::{Config, Phone, Reginfo};

use super::*;

/// WPS-06, WPS-07, EXT-10: "monitoring simple client applications that register with the IMS network but do not
/// publish presence documents": who registers is seen, and who no longer does is not; EXT-12: without the
/// address of the device.
#[test]
fn who_registers_and_never_publishes_has_a_document() {
    let (server, registrar) = registered(Config::new());
    let watcher = Phone::udp(&server, BOB);
    let mut subscription = watcher.subscribe(ALICE);
    let document = shown(&mut subscription, |document| is_open(document, ALICE));
    assert_eq!(document.entity(), ALICE);
    assert!(!document.text().contains("192.0.2.7"), "{}", document.text());
    registrar.tells(ALICE, REGINFO, &Reginfo::unregistered(ALICE));
    shown(&mut subscription, |document| !document.basics().contains(&"open".to_owned()));
    registrar.tells(ALICE, REGINFO, &Reginfo::registered(ALICE, DEVICE));
    shown(&mut subscription, |document| is_open(document, ALICE));
}

/// EXT-01, EXT-02, EXT-18, WPS-11: the SUBSCRIBE is for the reg event, in the name of the server itself, for
/// 3761 seconds, sent to the target through a loose route; nothing of the watcher goes out.
#[test]
fn the_subscribe_is_the_servers_own() {
    let (server, registrar) = registered(Config::new());
    let watcher = Phone::udp(&server, "sip:nosy.watcher@elsewhere.example");
    let mut subscription = watcher.subscribe(ALICE);
    subscription.notify();
    let subscribe = registrar.subscribe().expect_initial(ALICE, 200).message;
    let value = |name: &str| subscribe.header(name).unwrap_or_else(|| panic!("{name} in {subscribe}"));
    assert_eq!(value("Event"), "reg");
    assert_eq!(subscribe.expires(), Some(3761));
    assert_eq!(address(value("From")), rollcall_tests::source::SUPER_USER);
    assert_eq!(address(value("P-Asserted-Identity")), rollcall_tests::source::SUPER_USER);
    assert_eq!(address(value("To")), ALICE);
    let route = value("Route");
    assert!(address(route).starts_with(&registrar.uri()) && route.contains(";lr"), "{route}");
    assert!(address(value("Contact")).ends_with(&format!("@{}", server.udp())), "{}", value("Contact"));
    assert!(!subscribe.to_string().contains("nosy"), "{subscribe}");
}

/// EXT-11: a registration that is only refreshed or shortened changes nothing, so nobody is notified.
#[test]
fn registering_again_is_no_news() {
    let (server, registrar) = registered(Config::new());
    let watcher = Phone::udp(&server, BOB);
    let mut subscription = watcher.subscribe(ALICE);
    let before = shown(&mut subscription, |document| is_open(document, ALICE));
    for event in ["refreshed", "shortened", "refreshed"] {
        let contact = contact_element("c1", event, DEVICE, "");
        registrar.tells(ALICE, REGINFO, &Reginfo::partial().registration(ALICE, "r1", &contact).text());
    }
    // The next NOTIFY that comes has the next CSeq, which the harness sees to: none came before it.
    subscription.refresh(3600);
    assert_eq!(subscription.notify().document().tuples(), before.tuples());
    assert_eq!(subscription.arrived().len(), 0);
}

/// EXT-05: each registration of an implicit set shows under its own address of record; EXT-13: a public GRUU stands for
/// the device, a temporary one is never shown.
#[test]
fn an_implicit_set_shows_its_public_identities() {
    let (server, registrar) = registered(Config::new());
    let gruu = "sip:alice@example.com;gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
    let more = format!(
        "<gr:pub-gruu uri=\"{gruu}\"/><gr:temp-gruu uri=\"sip:tgruu.7hs@example.com;gr\" first-cseq=\"54301\"/>"
    );
    let text = Reginfo::full()
        .registration(ALICE, "r1", &contact_element("c1", "registered", DEVICE, &more))
        .registration("sip:al.work@example.com", "r2", &contact_element("c1", "created", DEVICE, ""))
        .registration("tel:+15550100", "r3", &contact_element("c1", "created", DEVICE, ""))
        .text();
    registrar.knows(ALICE, REGINFO, &text);
    let watcher = Phone::udp(&server, BOB);
    let mut subscription = watcher.subscribe(ALICE);
    let document = shown(&mut subscription, |document| is_open(document, "sip:al.work@example.com"));
    assert!(is_open(&document, gruu), "{}", document.text());
    assert!(is_open(&document, "tel:+15550100"), "{}", document.text());
    for hidden in ["192.0.2.7", "tgruu"] {
        assert!(!document.text().contains(hidden), "{}", document.text());
    }
}

/// EXT-03, EXT-04: a document that does not follow the last one is taken, and full state is asked for in the dialog; what
/// is not in a document of changes stays as it was, and what was said before is not said again.
#[test]
fn a_gap_asks_for_full_state() {
    let (server, registrar) = registered(Config::new());
    let watcher = Phone::udp(&server, BOB);
    let mut subscription = watcher.subscribe(ALICE);
    shown(&mut subscription, |document| is_open(document, ALICE));
    let first = registrar.subscribe();
    let other = "sip:al.work@example.com";
    let partial = |aor: &str, event: &str| {
        let contact = contact_element("c1", event, DEVICE, "");
        Reginfo::partial()
            .registration(aor, "r2", &contact)
            .text()
            .replace(rollcall_tests::source::VERSION, "7")
    };
    // What it knows when it is asked again.
    let all = Reginfo::full()
        .registration(ALICE, "r1", &contact_element("c1", "registered", DEVICE, ""))
        .registration(other, "r2", &contact_element("c1", "registered", DEVICE, ""));
    registrar.knows(ALICE, REGINFO, &all.text().replace(rollcall_tests::source::VERSION, "8"));
    let notify = registrar.notification(ALICE, None).body(REGINFO, partial(other, "created"));
    let _ = registrar.send(&notify).expect(200);
    let document = shown(&mut subscription, |document| is_open(document, other));
    assert!(is_open(&document, ALICE), "the rest stays: {}", document.text());
    let again = registrar.subscribe().expect_next_after(&first);
    assert!(again.message.expires().is_some_and(|seconds| seconds > 0), "{}", again.message);
    // An old version is not taken.
    let old = registrar.notification(ALICE, None).body(REGINFO, partial(other, "unregistered"));
    let _ = registrar.send(&old).expect(200);
    subscription.refresh(3600);
    assert!(is_open(&subscription.notify().document(), other), "version 7 after 8");
    assert_eq!(parameter(first.message.header("Event").unwrap_or_default(), "id"), None);
}
