//! What a registrar says, read, kept and made presence of (RFC 3680).

use std::collections::BTreeMap;
use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;

use super::stage::{self, SOURCES};
use crate::configuration::Configuration;
use crate::external::kind::{Intake, Kind, Refused, Shows, Taken};
use crate::external::registrar::{Registrar, fuzzing};
use crate::pidf::StoredDocument;
use crate::tests::scene::Scene;

const REGINFO: &str = "application/reginfo+xml";
const ALICE: &str = "sip:alice@example.com";
/// 2023-11-14T22:13:20Z.
const START: u64 = 1_700_000_000_000;

static CONFIGURATION: LazyLock<Configuration> = LazyLock::new(|| Configuration::parse(SOURCES).unwrap());

/// A subscription at the registrar, as far as this kind goes.
#[derive(Clone)]
struct Observer {
    now: u64,
    kept: Option<Vec<u8>>,
    shown: Option<StoredDocument>,
}

impl Observer {
    fn new() -> Self {
        Self { now: START, kept: None, shown: None }
    }

    fn offer(&self, media: &str, body: &[u8]) -> Result<Taken, Refused> {
        Registrar.take(&Intake {
            configuration: &CONFIGURATION,
            now: self.now,
            presentity: ALICE,
            resource: ALICE,
            kept: self.kept.as_deref(),
            shown: self.shown.as_ref(),
            media,
            body,
        })
    }

    /// Takes a document, which has to be one that is taken.
    fn take(&mut self, body: &str) -> Taken {
        let taken = self.offer(REGINFO, body.as_bytes()).unwrap();
        match &taken.shows {
            Shows::Same => {}
            Shows::Document(document) => self.shown = Some((**document).clone()),
            Shows::Nothing => self.shown = None,
        }
        self.kept = Some(taken.kept.clone());
        taken
    }

    /// As [`Self::take`]; true if what is shown has changed.
    fn changes(&mut self, body: &str) -> bool {
        self.take(body).shows != Shows::Same
    }

    /// The subscription ended and there is a new one.
    fn resubscribe(&mut self) {
        self.kept = None;
    }

    fn text(&self) -> String {
        let Some(shown) = &self.shown else { return String::new() };
        shown.components().map(|part| String::from_utf8(part.xml.to_vec()).unwrap()).collect()
    }

    /// Contacts, status and priority of the tuples.
    fn services(&self) -> BTreeMap<String, (String, Option<String>)> {
        let text = format!("<x xmlns:caps='urn:caps'>{}</x>", self.text());
        let document = roxmltree::Document::parse(&text).unwrap();
        let child = |node: roxmltree::Node<'_, '_>, name: &str| {
            node.descendants().find(|child| child.has_tag_name(name)).map(|child| child.id())
        };
        let tuples = document.root_element().children();
        tuples
            .map(|tuple| {
                let contact = document.get_node(child(tuple, "contact").unwrap()).unwrap();
                let basic = document.get_node(child(tuple, "basic").unwrap()).unwrap();
                let priority = contact.attribute("priority").map(str::to_owned);
                (contact.text().unwrap().to_owned(), (basic.text().unwrap().to_owned(), priority))
            })
            .collect()
    }

    fn open(&self) -> Vec<String> {
        let open = self.services().into_iter().filter(|(_, (basic, _))| basic == "open");
        open.map(|(contact, _)| contact).collect()
    }
}

fn reginfo(version: u32, state: &str, registrations: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" \
         xmlns:gr=\"urn:ietf:params:xml:ns:gruuinfo\" version=\"{version}\" state=\"{state}\">\n{registrations}</reginfo>"
    )
}

fn registration(aor: &str, id: &str, state: &str, contacts: &str) -> String {
    format!("<registration aor=\"{aor}\" id=\"{id}\" state=\"{state}\">{contacts}</registration>\n")
}

fn contact(id: &str, event: &str, attributes: &str, inside: &str) -> String {
    let state = match event {
        "registered" | "created" | "refreshed" | "shortened" => "active",
        _ => "terminated",
    };
    format!(
        "<contact id=\"{id}\" state=\"{state}\" event=\"{event}\" {attributes}>\
         <uri>sip:{id}@192.0.2.77:5062;transport=tcp</uri>{inside}</contact>"
    )
}

/// Alice is registered with one phone.
fn phone(version: u32, event: &str, attributes: &str) -> String {
    let contact = contact("c1", event, attributes, "");
    reginfo(version, "partial", &registration(ALICE, "r1", "active", &contact))
}

/// RFC 3680 sections 5.3 and 6, as they stand there.
mod rfc3680 {
    pub(super) const SECTION_5_3: &str = r#"<?xml version="1.0"?>
<reginfo xmlns="urn:ietf:params:xml:ns:reginfo"
    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
             version="0" state="full">
  <registration aor="sip:user@example.com" id="as9"
                state="active">
    <contact id="76" state="active" event="registered"
             duration-registered="7322"
             q="0.8">
             <uri>sip:user@pc887.example.com</uri>
    </contact>
    <contact id="77" state="terminated" event="expired"
             duration-registered="3600"
             q="0.5">
             <uri>sip:user@university.edu</uri>
    </contact>
  </registration>
</reginfo>"#;
    pub(super) const SECTION_6_FIRST: &str = r#"<?xml version="1.0"?>
<reginfo xmlns="urn:ietf:params:xml:ns:reginfo"
             version="0" state="full">
  <registration aor="sip:joe@example.com" id="a7" state="init" />
</reginfo>"#;
    pub(super) const SECTION_6_SECOND: &str = r#"<?xml version="1.0"?>
<reginfo xmlns="urn:ietf:params:xml:ns:reginfo"
          version="1" state="partial">
  <registration aor="sip:joe@example.com" id="a7" state="active">
    <contact id="76" state="active" event="registered"
          duration-registered="0">
       <uri>sip:joe@pc34.example.com</uri>
    </contact>
  </registration>
</reginfo>"#;
}

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

/// What is kept of one user has a bound, however little comes at a time.
#[test]
fn a_registrar_cannot_fill_the_memory() {
    let mut observer = Observer::new();
    observer.take(&reginfo(0, "full", ""));
    for version in 1..1_000 {
        let contact = contact(&format!("c{version}"), "registered", "", "");
        let body = reginfo(version, "partial", &registration(ALICE, "r", "active", &contact));
        if observer.offer(REGINFO, body.as_bytes()) == Err(Refused::TooLarge) {
            assert!(observer.kept.unwrap().len() < 10_000);
            return;
        }
        observer.take(&body);
    }
    panic!("no bound");
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

const AORS: [&str; 3] = [ALICE, "sip:al@example.com", "tel:+15550100"];

/// What happens at the registrar.
#[derive(Clone, Debug)]
enum Event {
    /// A contact of an address-of-record is bound, with such a preference, with a GRUU or without.
    Bind {
        aor: usize,
        contact: u8,
        q: Option<u16>,
        gruu: bool,
    },
    Unbind {
        aor: usize,
        contact: u8,
    },
    Refresh,
    /// All contacts of an address-of-record go at once.
    Terminate {
        aor: usize,
    },
}

fn event() -> impl Strategy<Value = Event> {
    let bind = (0..3_usize, 0..4_u8, proptest::option::of(0..=10_u16), any::<bool>());
    prop_oneof![
        4 => bind.prop_map(|(aor, contact, q, gruu)| Event::Bind { aor, contact, q, gruu }),
        2 => (0..3_usize, 0..4_u8).prop_map(|(aor, contact)| Event::Unbind { aor, contact }),
        2 => Just(Event::Refresh),
        1 => (0..3_usize).prop_map(|aor| Event::Terminate { aor }),
    ]
}

/// The registrar: contacts with preference and GRUU of each address-of-record that it has heard of.
#[derive(Clone, Debug, Default)]
struct Model {
    registrations: BTreeMap<usize, BTreeMap<u8, (Option<u16>, bool)>>,
    version: u32,
    /// Seconds that the time has gone on.
    age: u64,
}

impl Model {
    fn gruu(aor: usize, contact: u8) -> String {
        format!("{};gr=g{contact}", AORS[aor])
    }

    fn contact(&self, aor: usize, id: u8, event: &str, q: Option<u16>, gruu: bool) -> String {
        let q = q.map(|q| format!("q=\"{}.{}\"", q / 10, q % 10)).unwrap_or_default();
        let gruu =
            if gruu { format!("<gr:pub-gruu uri=\"{}\"/>", Self::gruu(aor, id)) } else { String::new() };
        contact(
            &format!("c{id}"),
            event,
            &format!("{q} duration-registered=\"{}\"", u64::from(id) * 7 + self.age),
            &gruu,
        )
    }

    fn one(&self, aor: usize, contacts: &str) -> String {
        let known = self.registrations.get(&aor);
        let state = match known {
            None => "init",
            Some(contacts) if contacts.is_empty() => "terminated",
            Some(_) => "active",
        };
        registration(AORS[aor], &format!("r{aor}"), state, contacts)
    }

    /// Applies an event; gives the partial document that tells of it.
    fn apply(&mut self, event: &Event) -> String {
        self.version += 1;
        let changed = match event {
            Event::Bind { aor, contact, q, gruu } => {
                self.registrations.entry(*aor).or_default().insert(*contact, (*q, *gruu));
                self.one(*aor, &self.contact(*aor, *contact, "created", *q, *gruu))
            }
            Event::Unbind { aor, contact } => {
                self.registrations.entry(*aor).or_default().remove(contact);
                self.one(*aor, &self.contact(*aor, *contact, "expired", None, false))
            }
            Event::Refresh => self.all("refreshed"),
            Event::Terminate { aor } => {
                let gone = std::mem::take(self.registrations.entry(*aor).or_default());
                let contacts =
                    gone.iter().map(|(id, (q, gruu))| self.contact(*aor, *id, "deactivated", *q, *gruu));
                let contacts: String = contacts.collect();
                self.one(*aor, &contacts)
            }
        };
        reginfo(self.version, "partial", &changed)
    }

    fn all(&self, event: &str) -> String {
        let each = |(aor, contacts): (&usize, &BTreeMap<u8, (Option<u16>, bool)>)| {
            let contacts: String =
                contacts.iter().map(|(id, (q, gruu))| self.contact(*aor, *id, event, *q, *gruu)).collect();
            self.one(*aor, &contacts)
        };
        self.registrations.iter().map(each).collect()
    }

    fn full(&mut self) -> String {
        self.version += 1;
        reginfo(self.version, "full", &self.all("registered"))
    }

    fn services(&self) -> BTreeMap<String, (String, Option<String>)> {
        let mut services: BTreeMap<String, Option<Option<u16>>> = BTreeMap::new();
        for (aor, contacts) in &self.registrations {
            if contacts.is_empty() {
                services.insert(AORS[*aor].to_owned(), None);
            }
            for (contact, (q, gruu)) in contacts {
                let uri = if *gruu { Self::gruu(*aor, *contact) } else { AORS[*aor].to_owned() };
                let best = services.entry(uri).or_insert(Some(None));
                *best = Some(best.flatten().max(*q));
            }
        }
        let tenths = |q: u16| match q {
            10 => "1".to_owned(),
            0 => "0".to_owned(),
            q => format!("0.{q}"),
        };
        let each = |(uri, best): (String, Option<Option<u16>>)| match best {
            None => (uri, ("closed".to_owned(), None)),
            Some(q) => (uri, ("open".to_owned(), q.map(tenths))),
        };
        services.into_iter().map(each).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// EXT-03, EXT-04: full and partial documents put together are what the registrar has, whatever was lost or
    /// came twice, once the full state that was asked for has come.
    #[test]
    fn ext_04_documents_put_together_are_the_truth(
        events in vec((event(), 0..8_u8), 1..40),
    ) {
        let (mut model, mut observer) = (Model::default(), Observer::new());
        observer.take(&model.full());
        let mut earlier = Vec::new();
        let mut sound = true;
        for (event, fate) in &events {
            observer.now += 1_500;
            let document = model.apply(event);
            if *fate == 0 {
                // Lost; the next one tells.
                sound = false;
                continue;
            }
            let taken = observer.take(&document);
            prop_assert_eq!(taken.refresh, !sound);
            if taken.refresh {
                prop_assert!(!observer.take(&model.full()).refresh);
                sound = true;
            }
            if *fate == 1 {
                let late: &String = earlier.last().unwrap_or(&document);
                prop_assert_eq!(observer.take(late).shows, Shows::Same);
            }
            if *fate == 2 {
                observer.resubscribe();
                model.version = 0;
                observer.take(&model.full());
                earlier.clear();
            } else {
                earlier.push(document);
            }
            prop_assert_eq!(observer.services(), model.services());
        }
    }

    /// EXT-11: refreshes alone never change what is shown, in partial or full state, in this subscription or the next.
    #[test]
    fn ext_11_refreshes_change_nothing(
        events in vec(event(), 0..12),
        refreshes in vec((0..4_u8, 0..4_000_u64), 1..20),
    ) {
        let (mut model, mut observer) = (Model::default(), Observer::new());
        observer.take(&model.full());
        for event in &events {
            observer.now += 1_000;
            observer.take(&model.apply(event));
        }
        for (how, seconds) in refreshes {
            observer.now += seconds * 1_000;
            model.age = (observer.now - START) / 1_000;
            let document = match how {
                0 => model.apply(&Event::Refresh),
                1 => model.apply(&Event::Refresh).replace("refreshed", "shortened"),
                2 => model.full(),
                _ => {
                    observer.resubscribe();
                    model.version = 0;
                    model.full()
                }
            };
            prop_assert!(!observer.changes(&document), "{document}\n{}", observer.text());
        }
    }

    #[test]
    fn any_bytes_are_survived(bytes in vec(any::<u8>(), 0..300)) {
        fuzzing::documents(&bytes);
    }

    /// Documents of the right words in the wrong places.
    #[test]
    fn odd_documents_are_survived(
        pieces in vec(
            prop_oneof![
                Just("<reginfo xmlns='urn:ietf:params:xml:ns:reginfo' version='0' state='full'>"),
                Just("<reginfo xmlns='urn:ietf:params:xml:ns:reginfo' version='1' state='partial'>"),
                Just("<registration aor='sip:a@b' id='1' state='active'>"),
                Just("<registration aor='tel:+1&amp;&lt;' state='x'>"),
                Just("<contact id='&#x1F600;' state='active' event='created' q='0.0'>"),
                Just("<contact state='active'><uri>sip:x</uri>"),
                Just("<unknown-param name='class'>\"&lt;![CDATA[\",!,a</unknown-param>"),
                Just("<g:pub-gruu xmlns:g='urn:ietf:params:xml:ns:gruuinfo' uri='sip:a;gr=&quot;'/>"),
                Just("</contact>"),
                Just("</registration>"),
                Just("</reginfo>"),
                Just("\0"),
            ],
            0..24,
        )
    ) {
        fuzzing::documents(pieces.concat().as_bytes());
    }
}
