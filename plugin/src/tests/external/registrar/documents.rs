//! Documents of a registrar: which are taken, and what is kept of them.

use super::{ALICE, Observer, REGINFO, contact, phone, reginfo, registration};
use crate::external::kind::{Refused, Shows};

/// EXT-07: each event of a contact.
#[test]
fn ext_07_events_bind_and_unbind() {
    for event in ["registered", "created", "refreshed", "shortened"] {
        let mut observer = Observer::new();
        observer.take(&reginfo(0, "full", &registration(ALICE, "r1", "init", "")));
        observer.take(&phone(1, event, ""));
        assert_eq!(observer.open(), [ALICE], "{event}");
        for gone in ["expired", "deactivated", "probation", "unregistered", "rejected"] {
            let mut observer = observer.clone();
            observer.take(&phone(2, gone, ""));
            assert_eq!(observer.services()[ALICE].0, "closed", "{gone}");
        }
    }
}

/// EXT-08: `shortened` without expires and `probation` without retry-after are taken all the same; values that
/// are no numbers count as none.
#[test]
fn ext_08_missing_and_mistaken_values_are_tolerated() {
    let mut observer = Observer::new();
    observer.take(&reginfo(
        0,
        "full",
        &registration(
            ALICE,
            "r1",
            "active",
            &[
                contact("a", "shortened", "expires=\"soon\" duration-registered=\"-1\" q=\"2\"", ""),
                contact("b", "probation", "retry-after=\"\"", ""),
            ]
            .concat(),
        ),
    ));
    assert_eq!(observer.services()[ALICE], ("open".to_owned(), None));
}

/// EXT-07, EXT-08: an event that nobody knows leaves it to the state; without either nothing is known of the contact.
#[test]
fn ext_08_the_state_decides_on_unknown_events() {
    let body = |contact: &str| reginfo(0, "full", &registration(ALICE, "r1", "active", contact));
    for (attributes, open) in [
        ("state='active' event='revived'", true),
        ("state='terminated' event='revived'", false),
        ("state='active'", true),
        ("event='created'", true),
        ("event='revived'", false),
        ("state='active' event='expired'", false),
        ("state='terminated' event='refreshed'", false),
    ] {
        let mut observer = Observer::new();
        observer.take(&body(&format!("<contact id='1' {attributes}><uri>sip:x@192.0.2.1</uri></contact>")));
        assert_eq!(!observer.open().is_empty(), open, "{attributes}");
    }
}

/// EXT-03 (RFC 3680 5.2): +1 applies, a gap applies and asks for full state, lower is discarded, as is
/// partial state that comes again.
#[test]
fn ext_03_versions_order_the_documents() {
    let mut observer = Observer::new();
    observer.take(&reginfo(41, "full", &registration(ALICE, "r1", "init", "")));
    assert!(!observer.take(&phone(42, "registered", "")).refresh);
    assert_eq!(observer.open(), [ALICE]);
    for late in [42, 41, 0] {
        let before = observer.clone();
        let taken = observer.take(&phone(late, "unregistered", ""));
        assert_eq!((taken.shows, taken.refresh), (Shows::Same, false), "version {late}");
        assert_eq!(taken.identities, [ALICE]);
        assert_eq!(observer.kept, before.kept);
    }
    let full = |version| reginfo(version, "full", &registration(ALICE, "r1", "terminated", ""));
    assert_eq!(observer.take(&full(41)).shows, Shows::Same, "nor does an old full one count");
    assert!(observer.take(&phone(44, "unregistered", "")).refresh, "43 is missing");
    assert!(observer.open().is_empty(), "it is applied nevertheless");
    assert!(!observer.take(&phone(45, "registered", "")).refresh, "44 is what counts now");
    assert!(!observer.take(&full(50)).refresh, "nothing is missing after full state");
    assert!(observer.open().is_empty());
}

/// EXT-03: registrars that never count send full state only, which replaces everything (Kamailio's says 0 always).
#[test]
fn ext_03_full_state_counts_without_a_new_version() {
    let mut observer = Observer::new();
    let full = |state, contacts: &str| reginfo(0, "full", &registration(ALICE, "r1", state, contacts));
    observer.take(&full("init", ""));
    assert!(observer.open().is_empty());
    let bound = contact("c1", "created", "", "");
    assert!(!observer.take(&full("active", &bound)).refresh);
    assert_eq!(observer.open(), [ALICE]);
    assert_eq!(observer.take(&full("active", &contact("c1", "refreshed", "", ""))).shows, Shows::Same);
    observer.take(&full("terminated", ""));
    assert!(observer.open().is_empty());
}

/// EXT-03: partial state as the first document of a subscription is taken, and full state asked for.
#[test]
fn ext_03_partial_state_at_first_asks_for_the_rest() {
    let mut observer = Observer::new();
    assert!(observer.take(&phone(7, "registered", "")).refresh);
    assert_eq!(observer.open(), [ALICE]);
}

/// EXT-03: versions are of a subscription; a new one begins anew, and what full state repeats is no change.
#[test]
fn ext_03_a_new_subscription_begins_anew() {
    let mut observer = Observer::new();
    let full = |version, age: u64| {
        let contact = contact("c1", "registered", &format!("duration-registered=\"{age}\""), "");
        reginfo(version, "full", &registration(ALICE, "r1", "active", &contact))
    };
    observer.take(&full(9, 100));
    observer.now += 3_000_400;
    observer.resubscribe();
    // Rounding and the way here make a few seconds.
    assert!(!observer.changes(&full(0, 3_098)));
    observer.now += 600_000;
    observer.resubscribe();
    assert!(observer.changes(&full(0, 5)), "a registration of its own");
    assert!(observer.text().contains("<timestamp>2023-11-14T23:13:15Z</timestamp>"), "{}", observer.text());
    let without =
        reginfo(0, "full", &registration(ALICE, "r1", "active", &contact("c1", "registered", "", "")));
    observer.resubscribe();
    assert!(!observer.changes(&without), "no duration is no news");
}

/// EXT-04: partial state leaves alone what it does not name, full state replaces everything.
#[test]
fn ext_04_full_replaces_and_partial_updates() {
    let (office, tel) = ("sip:office@example.com", "tel:+15551234");
    let mut observer = Observer::new();
    let two =
        [contact("a", "registered", "q=\"0.3\"", ""), contact("b", "created", "q=\"0.125\"", "")].concat();
    let all = registration(ALICE, "r1", "active", &two) + &registration(office, "r2", "active", &two);
    observer.take(&reginfo(0, "full", &all));
    let gone = registration(ALICE, "r1", "active", &contact("a", "expired", "", ""));
    observer.take(&reginfo(1, "partial", &gone));
    assert_eq!(observer.services()[ALICE], ("open".to_owned(), Some("0.125".to_owned())));
    assert_eq!(observer.services()[office], ("open".to_owned(), Some("0.3".to_owned())));
    let new = registration(tel, "r3", "active", &contact("t", "registered", "q=\"1.0\"", ""));
    observer.take(&reginfo(2, "partial", &new));
    assert_eq!(observer.open(), [ALICE, office, tel]);
    assert_eq!(observer.services()[tel].1.as_deref(), Some("1"));
    observer.take(&reginfo(3, "partial", &registration(office, "r2", "terminated", "")));
    assert_eq!(observer.services()[office].0, "closed");
    observer.take(&reginfo(4, "full", &registration(tel, "r3", "active", &two)));
    assert_eq!(observer.open(), [tel]);
    assert_eq!(observer.services().len(), 1, "what full state leaves out is not there");
    let taken = observer.take(&reginfo(5, "full", ""));
    assert_eq!((taken.shows, taken.identities), (Shows::Nothing, vec![]));
    assert_eq!(observer.take(&reginfo(6, "full", "")).shows, Shows::Same);
}

/// EXT-09, EXT-13: other namespaces are ignored wherever they stand, also where they use the names of this one.
#[test]
fn ext_09_unknown_namespaces_are_ignored() {
    let body = r#"<r:reginfo xmlns:r='urn:ietf:params:xml:ns:reginfo' xmlns:x='urn:3gpp:ns:extRegInfo:1.0'
        version='0' state='full' x:version='9'>
        <x:registration aor='sip:evil@example.com' id='e' state='active'/>
        <r:registration aor='sip:alice@example.com' id='1' state='active' x:state='terminated'>
          <r:contact id='c' state='active' event='registered'><r:uri>sip:a@192.0.2.1</r:uri>
            <x:unknown-param name='audio'/><pub-gruu uri='sip:evil@example.com'/>
            <r:unknown-param name='video'/></r:contact>
          <x:registrationType><x:emergency/></x:registrationType>
        </r:registration><x:more><r:registration aor='sip:evil@example.com' id='e' state='active'/></x:more></r:reginfo>"#;
    let mut observer = Observer::new();
    assert_eq!(observer.take(body).identities, [ALICE]);
    let text = observer.text();
    assert!(text.contains("<caps:video>true</caps:video>") && !text.contains("audio"), "{text}");
    assert!(!text.contains("evil"), "{text}");
}

/// Hostile and mistaken bodies are refused, and what was kept goes on.
#[test]
fn bodies_that_cannot_be_taken_are_refused() {
    let mut observer = Observer::new();
    observer.take(&reginfo(0, "full", &registration(ALICE, "r1", "init", "")));
    let refused = |media: &str, body: &str| observer.offer(media, body.as_bytes()).unwrap_err();
    let good = phone(1, "registered", "");
    assert_eq!(refused("application/pidf+xml", &good), Refused::Type);
    assert_eq!(refused("", &good), Refused::Type);
    assert!(observer.offer("Application/RegInfo+XML;charset=utf-8", good.as_bytes()).is_ok());
    let bomb = format!("<!DOCTYPE r [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]>{}", &good[21..]);
    for malformed in [
        "x",
        &bomb,
        &good.replace("</reginfo>", ""),
        &good.replace("ns:reginfo", "ns:other"),
        &good.replace("version=\"1\"", ""),
        &good.replace("<reginfo ", "<reginfo version=\"4294967296\" ").replace("version=\"1\"", "x=\"1\""),
        &good.replace("state=\"partial\"", "state=\"some\""),
        &good.replace("sip:alice", "&bomb;"),
    ] {
        assert!(matches!(refused(REGINFO, malformed), Refused::Malformed(_)), "{malformed}");
    }
    let deep = good.replace("</reginfo>", &("<a>".repeat(99) + &"</a>".repeat(99) + "</reginfo>"));
    assert_eq!(refused(REGINFO, &deep), Refused::TooLarge);
    let long = good.replace("</reginfo>", &(" ".repeat(70_000) + "</reginfo>"));
    assert_eq!(refused(REGINFO, &long), Refused::TooLarge);
}

/// What is kept of one user has a bound, however little comes at a time, and however much each contact says.
#[test]
fn a_registrar_cannot_fill_the_memory() {
    let wordy: String = ["description", "type", "class", "methods", "language", "schemes", "events"]
        .map(|name| format!("<unknown-param name='{name}'>{}</unknown-param>", "x".repeat(500)))
        .concat();
    for (inside, least, most) in [("", 250, 10_000), (wordy.as_str(), 10, 65_536)] {
        let mut observer = Observer::new();
        observer.take(&reginfo(0, "full", ""));
        let mut version = 1;
        loop {
            let contact = contact(&format!("c{version}"), "registered", "", inside);
            let body = reginfo(version, "partial", &registration(ALICE, "r", "active", &contact));
            if observer.offer(REGINFO, body.as_bytes()) == Err(Refused::TooLarge) {
                break;
            }
            observer.take(&body);
            version += 1;
        }
        let kept = observer.kept.unwrap().len();
        assert!(version >= least && kept <= most, "{kept} bytes after {version}");
    }
}

/// A user with a phone costs little: there may be 100,000.
#[test]
fn what_is_kept_is_small() {
    let mut observer = Observer::new();
    let inside = "<unknown-param name=\"audio\"/><unknown-param name=\"methods\">\"INVITE,ACK,BYE,CANCEL,OPTIONS,\
                  MESSAGE,NOTIFY\"</unknown-param><gr:pub-gruu uri=\"sip:alice@example.com;gr=urn:uuid:f81d4fae\"/>";
    let contact = contact("7f3a9c", "registered", "duration-registered=\"9\" q=\"0.5\"", inside);
    observer.take(&reginfo(0, "full", &registration(ALICE, "r1", "active", &contact)));
    assert!(observer.kept.as_ref().unwrap().len() < 160, "{}", observer.kept.unwrap().len());
}
