//! Registrations as presence: tuples, capabilities, and what watchers see.

use super::{ALICE, Observer, REGINFO, contact, phone, reginfo, registration, rfc3680};
use crate::tests::external::stage::{self, SOURCES};
use crate::tests::scene::Scene;

/// RFC 3680 5.3: one bound contact, one gone; EXT-10, EXT-11, EXT-12: the address-of-record with the
/// contact's preference and since when, and no device.
#[test]
fn ext_10_a_registration_is_a_tuple_with_the_address_of_record() {
    let mut observer = Observer::new();
    observer.take(rfc3680::SECTION_5_3);
    let text = observer.text();
    assert!(text.contains("<basic>open</basic>"), "{text}");
    assert!(text.contains("<contact priority=\"0.8\">sip:user@example.com</contact>"), "{text}");
    assert!(text.contains("<timestamp>2023-11-14T20:11:18Z</timestamp>"), "{text}");
    assert!(!text.contains("pc887") && !text.contains("university"), "{text}");
}

/// RFC 3680 section 6; EXT-06: `init` is an answer, and what it says is that nobody can be reached.
#[test]
fn ext_06_who_is_not_registered_is_closed_until_a_contact_comes() {
    let mut observer = Observer::new();
    let taken = observer.take(rfc3680::SECTION_6_FIRST);
    assert_eq!((taken.refresh, taken.identities), (false, vec![]));
    assert_eq!(observer.services()["sip:joe@example.com"].0, "closed");
    assert!(!observer.text().contains("timestamp"), "nobody knows since when");
    let taken = observer.take(rfc3680::SECTION_6_SECOND);
    assert_eq!(taken.identities, ["sip:joe@example.com"]);
    assert!(!taken.refresh);
    assert_eq!(observer.open(), ["sip:joe@example.com"]);
    assert!(observer.text().contains("<timestamp>2023-11-14T22:13:20Z</timestamp>"));
}

/// EXT-05, EXT-13 (RFC 5628 section 8.2): the implicit registration set of the example, each by its own `aor`,
/// with the public GRUU and without the temporary one.
#[test]
fn ext_05_an_implicit_registration_set_is_mapped_by_aor() {
    let each = |aor: &str, id: &str, event: &str, gr: &str, temporary: &str| {
        format!(
            "<registration aor=\"{aor}\" id=\"{id}\" state=\"active\">\
             <contact id=\"9{id}\" state=\"active\" event=\"{event}\" duration-registered=\"1\" expires=\"3599\" \
             callid=\"faif9a@ua.example.com\" cseq=\"23001\"><uri>sip:ua.example.com</uri>\
             <unknown-param name=\"+sip.instance\">\"&lt;urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6&gt;\"</unknown-param>\
             <gr:pub-gruu uri=\"{aor};gr={gr}\"/>\
             <gr:temp-gruu uri=\"sip:{temporary}@example.net;gr\" first-cseq=\"54301\"/></contact></registration>"
        )
    };
    let (one, two) = ("sip:user_aor_1@example.net", "sip:user_aor_2@example.net");
    let three = "sip:+358504821437@example.net;user=phone";
    let body = reginfo(
        1,
        "full",
        &[
            each(one, "a7", "registered", "hha9s8d-999a", "8ffkas08af7fasklzi9"),
            each(two, "a8", "created", "hha9s8d-999b", "07hcovy36vp6vngvbia"),
            each(three, "a9", "created", "hha9s8d-999c", "h99egjbv17fe8ibvlka"),
        ]
        .concat(),
    );
    let mut observer = Observer::new();
    let taken = observer.take(&body);
    assert_eq!(taken.identities, [one, two, three]);
    let gruu = |aor: &str, letter: char| format!("{aor};gr=hha9s8d-999{letter}");
    let mut expected = vec![gruu(one, 'a'), gruu(two, 'b'), gruu(three, 'c')];
    expected.sort();
    assert_eq!(observer.open(), expected);
    let text = observer.text();
    for secret in
        ["8ffkas08af7fasklzi9", "07hcovy36vp6vngvbia", "h99egjbv17fe8ibvlka", "f81d4fae", "ua.example"]
    {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

/// EXT-11 (RFC 5196): feature tags of all contacts together, in the schema's order.
#[test]
fn ext_11_feature_tags_are_shown_as_capabilities() {
    let param = |name: &str, value: &str| format!("<unknown-param name=\"{name}\">{value}</unknown-param>");
    let one = contact(
        "a",
        "registered",
        "",
        &[param("video", ""), param("methods", "\"INVITE,MESSAGE\""), param("+g.3gpp.smsip", "")].concat(),
    );
    let two = contact("b", "registered", "", &[param("audio", "\"TRUE\""), param("video", "FALSE")].concat());
    let mut observer = Observer::new();
    observer.take(&reginfo(0, "full", &registration(ALICE, "r", "active", &(one + &two))));
    assert!(
        observer.text().contains(
            "<caps:servcaps><caps:audio>true</caps:audio><caps:methods><caps:supported><caps:INVITE/>\
             <caps:MESSAGE/></caps:supported></caps:methods><caps:video>true</caps:video></caps:servcaps>"
        ),
        "{}",
        observer.text()
    );
}

/// EXT-12: nothing of a device is shown, not even as an id.
#[test]
fn ext_12_no_contact_address_leaks() {
    let mut observer = Observer::new();
    let inside = "<display-name>Alice at 192.0.2.77</display-name>\
                  <unknown-param name=\"+sip.instance\">\"&lt;urn:imei:1234&gt;\"</unknown-param>";
    let contact = contact("dev192", "registered", "callid=\"x@192.0.2.77\"", inside);
    observer.take(&reginfo(0, "full", &registration(ALICE, "secret-id", "active", &contact)));
    let text = observer.text();
    for part in ["192", "5062", "tcp", "imei", "dev", "secret"] {
        assert!(!text.contains(part), "{part} in {text}");
    }
}

/// A tuple keeps its id and its time while the user can be reached by it, whichever contact comes or goes; what
/// changes about it has a time of its own (RFC 3863 section 4.1.7).
#[test]
fn a_tuple_stays_the_same_while_its_binding_lives() {
    let mut observer = Observer::new();
    let with =
        |version, contacts: &str| reginfo(version, "partial", &registration(ALICE, "r", "active", contacts));
    observer.take(&reginfo(0, "full", &registration(ALICE, "r", "init", "")));
    let closed = observer.text();
    let id = closed.split('"').nth(1).unwrap().to_owned();
    observer.now += 60_000;
    observer.take(&with(1, &contact("a", "registered", "duration-registered=\"0\"", "")));
    let open = observer.text();
    assert!(open.contains(&id) && open.contains("22:14:20Z"), "{open}");
    observer.now += 60_000;
    assert!(!observer.changes(&with(2, &contact("b", "registered", "duration-registered=\"0\"", ""))));
    observer.now += 60_000;
    assert!(!observer.changes(&with(3, &contact("a", "expired", "", ""))), "{}", observer.text());
    assert_eq!(observer.text(), open);
    assert!(observer.changes(&with(4, &contact("b", "refreshed", "q=\"0.5\"", ""))));
    assert!(observer.text().contains("22:16:20Z"), "{}", observer.text());
    observer.now += 60_000;
    observer.take(&with(5, &contact("b", "unregistered", "", "")));
    assert!(observer.text().contains("<basic>closed</basic>") && observer.text().contains("22:17:20Z"));
    assert!(observer.text().contains(&id));
}

/// WPS-06, WPS-07, EXT-10: who registers and never publishes is shown; EXT-11: to register again sends no NOTIFY.
#[test]
fn wps_07_a_phone_that_never_publishes_is_shown_to_watchers() {
    // It knows nobody, so that nothing is sent to it.
    let mut scene = Scene::new(&SOURCES.replace(r#""domain":"example.com""#, r#""identities":true"#));
    scene.watch("bob");
    stage::say(&mut scene, "scscf", REGINFO, &reginfo(0, "full", &registration(ALICE, "r1", "init", "")))
        .unwrap();
    assert!(scene.only_notify().body.contains("<basic>closed</basic>"));
    scene.answer_all();
    stage::say(&mut scene, "scscf", REGINFO, &phone(1, "registered", "q=\"0.7\"")).unwrap();
    let notify = scene.only_notify();
    assert!(notify.body.contains("<basic>open</basic>"), "{}", notify.body);
    assert!(notify.body.contains("<contact priority=\"0.7\">sip:alice@example.com</contact>"));
    assert!(notify.body.contains("entity=\"sip:alice@example.com\""));
    scene.answer_all();
    for version in 2..9 {
        scene.host.advance(300_000);
        let again = phone(
            version,
            if version % 3 == 0 { "shortened" } else { "refreshed" },
            "q=\"0.7\" expires=\"9\"",
        );
        stage::say(&mut scene, "scscf", REGINFO, &again).unwrap();
        scene.settle();
        assert_eq!(scene.notifies(), [], "version {version}");
    }
}
