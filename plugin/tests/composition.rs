//! What is made of several publications (RFC 4479 section 3.5, design of composition), and that
//! the outcome is valid.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use rollcall_plugin::composition::{Policy, Rule, Source, compose};
use rollcall_plugin::pidf::StoredDocument;
use support::{compose_at, contribution, presence, validate};

const DEFAULT: Policy = Policy::DEFAULT;
/// 2026-01-02T12:00:00Z.
const NOON: u64 = 1_767_355_200_000;

fn all(rule: Rule) -> Policy {
    Policy { tuples: rule, persons: rule, devices: rule }
}

/// Publications with these contents, the first one published first, composed at noon.
fn composed(policy: &Policy, contents: &[&str]) -> String {
    let bodies: Vec<String> = contents.iter().map(|content| presence(content)).collect();
    let numbered: Vec<(u64, &[u8])> = (1..).zip(bodies.iter().map(String::as_bytes)).collect();
    let text = compose_at(&numbered, policy, NOON);
    validate(&[&text]);
    text
}

fn tuple(status: &str, extensions: &str, contact: &str, rest: &str) -> String {
    format!("<tuple id='t'><status>{status}</status>{extensions}<contact{contact}</contact>{rest}</tuple>")
}

fn count(text: &str, piece: &str) -> usize {
    text.matches(piece).count()
}

const OPEN: &str = "<basic>open</basic>";
const CLOSED: &str = "<basic>closed</basic>";
const DESK: &str = ">sip:alice@desk.example.com";

/// PIDF-13, design 7: one service from what two publications know of it.
#[test]
fn tuples_of_one_contact_and_priority_are_merged_where_they_do_not_contradict() {
    let one = tuple(OPEN, "<r:class>work</r:class>", DESK, "<note>a</note>");
    let two = tuple(
        OPEN,
        "<r:user-input>idle</r:user-input><dm:deviceID>urn:x:1</dm:deviceID>",
        DESK,
        "<note>b</note>",
    );
    let text = composed(&DEFAULT, &[&one, &two]);
    let start = text.find("<tuple").unwrap();
    let rest = text[start..].split_once('>').unwrap().1;
    assert_eq!(
        rest,
        "<status><basic>open</basic></status><rpid:class>work</rpid:class><rpid:user-input>idle</rpid:user-input>\
         <dm:deviceID>urn:x:1</dm:deviceID><contact>sip:alice@desk.example.com</contact>\
         <note>a</note><note>b</note></tuple></presence>"
    );
    // The other kept nothing but its notes apart.
    let text = composed(&DEFAULT, &[&one, &tuple("", "", DESK, "<note xml:lang='fr'>a</note>")]);
    assert_eq!((count(&text, "<tuple"), count(&text, "<note")), (1, 2));
}

/// WPS-30: contacts compare as strings, character by character.
#[test]
fn wps_30_contacts_compare_as_case_sensitive_strings() {
    let with = |contact: &str| tuple(OPEN, "", contact, "");
    let first = with(">sip:alice@example.com");
    for other in [
        ">sip:Alice@example.com",
        ">sip:alice@EXAMPLE.com",
        ">sip:alice@example.com:5060",
        ">sip:alice@example.com;transport=udp",
        ">sip:%61lice@example.com",
        ">SIP:alice@example.com",
        " priority='0.5'>sip:alice@example.com",
    ] {
        let text = composed(&all(Rule::MergeNewest), &[&first, &with(other)]);
        assert_eq!(count(&text, "<tuple"), 2, "{other}");
    }
    let spaced = with("> sip:alice@example.com\n");
    assert_eq!(count(&composed(&DEFAULT, &[&first, &spaced]), "<tuple"), 1, "white space is no part of it");
    let half = with(" priority='0.5'>sip:a");
    assert_eq!(count(&composed(&DEFAULT, &[&half, &with(" priority='0.500'>sip:a")]), "<tuple"), 1);
    // PIDF-06: out of range is as if absent.
    assert_eq!(count(&composed(&DEFAULT, &[&with(">sip:a"), &with(" priority='7'>sip:a")]), "<tuple"), 1);
    let without = "<tuple id='t'><status><basic>open</basic></status></tuple>";
    assert_eq!(count(&composed(&DEFAULT, &[without, without]), "<tuple"), 2, "nothing says what these are");
}

/// PIDF-12, PIDF-23: what contradicts each other is shown side by side, dated.
#[test]
fn contradicting_tuples_are_both_kept() {
    let open = tuple(OPEN, "", DESK, "<timestamp>2026-01-02T10:00:00Z</timestamp>");
    let closed = tuple(CLOSED, "", DESK, "");
    let text = composed(&DEFAULT, &[&open, &closed]);
    assert_eq!((count(&text, "<tuple"), count(&text, OPEN), count(&text, CLOSED)), (2, 1, 1));
    assert!(text.contains("<timestamp>2026-01-02T10:00:00Z</timestamp>"));
    assert!(
        text.contains("<timestamp>1970-01-01T00:00:00.002Z</timestamp>"),
        "when it was published: {text}"
    );
    // Elements that nobody here understands may tell two services apart.
    let foreign = |value: &str| tuple(OPEN, &format!("<x:app xmlns:x='urn:x'>{value}</x:app>"), DESK, "");
    assert_eq!(count(&composed(&DEFAULT, &[&foreign("1"), &foreign("2")]), "<tuple"), 2);
    assert_eq!(count(&composed(&DEFAULT, &[&foreign("1"), &foreign("1")]), "<tuple"), 1);
    // A third that goes with one of them goes there.
    let text = composed(&DEFAULT, &[&open, &closed, &tuple(CLOSED, "", DESK, "<note>third</note>")]);
    assert_eq!(count(&text, "<tuple"), 2);
    let with_note = text.split("<tuple").find(|tuple| tuple.contains("third")).unwrap();
    assert!(with_note.contains(CLOSED));
    // RFC 3863 section 4.1.2: one publication may tell of one contact in several tuples.
    let both = open.replace("id='t'", "id='u'") + &closed;
    for rule in [Rule::All, Rule::Newest, Rule::Merge, Rule::MergeNewest] {
        assert_eq!(count(&composed(&all(rule), &[&both]), "<tuple"), 2, "{rule:?}");
    }
}

/// The policies that an operator can choose among, and what is the newest.
#[test]
fn the_newer_one_wins_where_that_is_the_policy() {
    let at = |time: &str| format!("<note>{time}</note><timestamp>2026-01-02T{time}Z</timestamp>");
    let open = tuple(OPEN, "<r:class>a</r:class>", DESK, &at("11:00:00"));
    let closed = tuple(CLOSED, "<r:user-input>idle</r:user-input>", DESK, &at("10:00:00"));
    let undated = tuple(CLOSED, "", DESK, "");

    let newest = composed(&all(Rule::Newest), &[&open, &closed]);
    assert!(
        newest.contains(OPEN) && !newest.contains("10:00:00") && !newest.contains("user-input"),
        "{newest}"
    );
    let merged = composed(&all(Rule::MergeNewest), &[&open, &closed]);
    assert_eq!(count(&merged, "<tuple"), 1);
    assert!(merged.contains(OPEN) && merged.contains("class") && merged.contains("user-input"), "{merged}");
    assert!(count(&merged, "<note>") == 2 && merged.contains("<timestamp>2026-01-02T11:00:00Z<"), "{merged}");
    // Without a timestamp it is as old as its publication.
    let merged = composed(&all(Rule::MergeNewest), &[&tuple(OPEN, "", DESK, ""), &undated]);
    assert!(merged.contains(CLOSED) && !merged.contains(OPEN), "{merged}");
    let merged = composed(&all(Rule::MergeNewest), &[&open, &undated]);
    assert!(merged.contains(OPEN), "published in 1970: {merged}");
    let everything = composed(&all(Rule::All), &[&open, &closed, &undated]);
    assert_eq!(count(&everything, "<tuple"), 3);
}

/// PIDF-11, PIDF-17, PIDF-18, PIDF-22: one person, of which nothing is lost that can stay.
#[test]
fn persons_are_merged_into_one() {
    let one = "<dm:person id='p'><r:activities><r:note>busy</r:note><r:away/><r:other>gardening</r:other></r:activities>\
               <r:mood><r:sad/></r:mood><dm:note>one</dm:note></dm:person>";
    let two = "<dm:person id='p'><r:activities><r:on-the-phone/><r:away/><x:y xmlns:x='urn:x'/></r:activities>\
               <r:mood><r:happy/></r:mood><r:sphere><r:work/></r:sphere><dm:note>two</dm:note></dm:person>";
    let unknown =
        "<dm:person id='q'><r:activities><r:unknown/></r:activities><dm:note>three</dm:note></dm:person>";
    let text = composed(&DEFAULT, &[one, two, unknown]);
    assert_eq!(
        (count(&text, "<dm:person"), count(&text, "<rpid:activities"), count(&text, "<rpid:mood")),
        (1, 1, 1)
    );
    assert!(
        text.contains(
            "<rpid:activities><rpid:note>busy</rpid:note><rpid:away/><rpid:other>gardening</rpid:other>\
             <rpid:on-the-phone/><n0:y xmlns:n0=\"urn:x\"/></rpid:activities>"
        ),
        "{text}"
    );
    assert!(text.contains("happy") && !text.contains("sad") && text.contains("<rpid:work/>"), "{text}");
    assert_eq!(count(&text, "<dm:note>"), 3);
    assert!(composed(&DEFAULT, &[unknown]).contains("<rpid:activities><rpid:unknown/></rpid:activities>"));
    // Two in one publication are one person, too.
    let text = composed(&DEFAULT, &[&(one.to_owned() + unknown)]);
    assert_eq!((count(&text, "<dm:person"), count(&text, "<dm:note>"), count(&text, "unknown")), (1, 2, 0));
    // Where nothing is to be lost they stay apart.
    assert_eq!(count(&composed(&all(Rule::Merge), &[one, two]), "<dm:person"), 2);
    assert_eq!(count(&composed(&all(Rule::All), &[one, two, unknown]), "<dm:person"), 3);
    assert_eq!(count(&composed(&all(Rule::Newest), &[one, two]), "sad"), 0);
}

/// RFC 4480 section 5 (PIDF-17): also what a single publication says twice is sent once.
#[test]
fn elements_without_a_time_range_occur_once() {
    let text = composed(
        &DEFAULT,
        &[
            "<dm:person id='p'><r:mood><r:sad/></r:mood><r:activities><r:away/></r:activities><r:mood><r:happy/></r:mood>\
           <r:activities><r:meal/></r:activities>\
           <r:mood from='2027-01-01T00:00:00Z'><r:calm/></r:mood></dm:person>",
        ],
    );
    assert!(
        text.contains(
            "<rpid:mood><rpid:sad/></rpid:mood><rpid:activities><rpid:away/><rpid:meal/></rpid:activities>"
        ),
        "{text}"
    );
    assert!(
        text.contains("calm") && !text.contains("happy"),
        "those with a time range may follow each other: {text}"
    );
}

/// PIDF-14: devices go by their deviceID.
#[test]
fn devices_of_one_id_are_merged() {
    let device = |id: &str, content: &str| {
        format!("<dm:device id='d'>{content}<dm:deviceID>{id}</dm:deviceID></dm:device>")
    };
    let one = device("urn:uuid:1", "<r:user-input>active</r:user-input>");
    let two = device(
        "urn:uuid:1",
        "<r:user-input>idle</r:user-input><c:devcaps xmlns:c='urn:ietf:params:xml:ns:pidf:caps'/>",
    );
    let other = device("urn:uuid:2", "");
    let text = composed(&DEFAULT, &[&one, &two, &other, &device("URN:uuid:1", "")]);
    assert_eq!(count(&text, "<dm:device "), 3);
    let merged = text.split("<dm:device ").nth(1).unwrap();
    assert!(
        merged.contains("idle") && merged.contains("caps:devcaps") && !merged.contains("active"),
        "{text}"
    );
    // Its state is not that of a service (RFC 4479 section 3.4).
    assert!(!text.contains("basic"));
}

/// PIDF-22: notes on the whole document are kept, of all publications and in each language.
#[test]
fn notes_of_all_publications_are_kept_at_every_level() {
    let one = "<note>a</note><note xml:lang='fr'>b</note><x:ext xmlns:x='urn:x'/>";
    let text = composed(&DEFAULT, &[one, one, "<note>c</note>"]);
    assert_eq!((count(&text, "<note"), count(&text, "xml:lang=\"fr\""), count(&text, ":ext")), (5, 2, 2));
}

/// PIDF-24: who stays keeps the identifier, merged or not.
#[test]
fn the_oldest_publication_names_what_was_merged() {
    let id = |text: &str| text.split("<tuple id=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let one = tuple(OPEN, "", DESK, "<note>1</note>");
    let two = tuple(OPEN, "", DESK, "<note>2</note>");
    let alone = composed(&DEFAULT, &[&one]);
    assert_eq!(id(&composed(&DEFAULT, &[&one, &two])), id(&alone));
    let contradicted = composed(&DEFAULT, &[&one, &tuple(CLOSED, "", DESK, "")]);
    assert_eq!(id(&contradicted), id(&alone));
}

/// PIDF-16, PIDF-20: what is over is not sent, and what tells of another time does not cover the present.
#[test]
fn elements_end_with_their_time() {
    let mood = |range: &str, mood: &str| format!("<r:mood {range}><r:{mood}/></r:mood>");
    let person = format!(
        "<dm:person id='p'>{}{}{}<dm:note>n</dm:note></dm:person>",
        mood("until='2026-01-02T12:00:00Z'", "sad"),
        mood("until='2026-01-02T13:00:00+01:00'", "angry"),
        mood("from='2026-01-02T12:00:00Z' until='2026-01-02t12:00:00.001z'", "happy")
    );
    let text = composed(&DEFAULT, &[&person]);
    assert!(!text.contains("sad") && !text.contains("angry") && text.contains("happy"), "{text}");
    assert!(text.contains("until=\"2026-01-02T12:00:00.001Z\""), "{text}");
    let timed = |range: &str, basic: &str| {
        format!(
            "<ts:timed-status xmlns:ts='urn:ietf:params:xml:ns:pidf:timed-status' {range}><ts:basic>{basic}</ts:basic></ts:timed-status>"
        )
    };
    let soon = timed("from='2026-01-02T12:00:01Z' until='2026-01-02T14:00:00Z'", "open");
    let overlapping = timed("from='2026-01-02T13:00:00Z' until='2026-01-02T14:00:00Z'", "open");
    let present = timed("from='2026-01-02T11:00:00Z' until='2026-01-02T14:00:00Z'", "closed");
    let endless = timed("from='2026-01-02T11:00:00Z'", "closed");
    let without = timed("", "closed");
    let tuple = tuple(OPEN, &[soon, overlapping, present, endless, without].concat(), DESK, "");
    let text = composed(&all(Rule::All), &[&tuple]);
    assert_eq!((count(&text, "<ts:timed-status"), count(&text, "closed")), (2, 0), "{text}");
}

/// PIDF-15, RFC 4479 section 5: known extensions come out valid, whatever goes in.
#[test]
fn known_extensions_come_out_valid() {
    let text = composed(
        &DEFAULT,
        &["<dm:person id='p'>\
           <r:activities id='x' from='whenever'><r:away>text</r:away><r:lunch/><r:note>late</r:note><r:unknown/></r:activities>\
           <r:mood><r:note>only</r:note></r:mood><r:mood from='2027-01-01T00:00:00Z'/>\
           <r:place-is><r:video><r:ok/><r:dark/></r:video><r:audio><r:silent/></r:audio><r:text/></r:place-is>\
           <r:place-type><r:home/></r:place-type>\
           <r:privacy><r:video/><r:audio/><r:telepathy/></r:privacy>\
           <r:sphere>bowling</r:sphere><r:time-offset description='d'> -60 </r:time-offset><r:time-offset>noon</r:time-offset>\
           <r:status-icon>http://[</r:status-icon><r:class id='c'>a</r:class>\
           <c:display-name xmlns:c='urn:ietf:params:xml:ns:pidf:cipid' xml:lang='en'>A</c:display-name>\
           <x:deep xmlns:x='urn:x'>mixed <r:user-input last-input='?' idle-threshold='0' x:y='1'> idle </r:user-input> text</x:deep>\
           <dm:person id='nested'/></dm:person>\
           <tuple id='t'><status><r:user-input>maybe</r:user-input></status><r:relationship><r:friend/><r:self/></r:relationship>\
           <r:service-class><r:note/><r:courier/></r:service-class>\
           <k:servcaps xmlns:k='urn:ietf:params:xml:ns:pidf:caps'><k:video>true</k:video><k:audio> 1 </k:audio><k:audio>true</k:audio>\
           <k:text>perhaps</k:text><k:methods><k:supported><k:INVITE/><k:BYE/><k:JUMP/></k:supported></k:methods>\
           <k:priority><k:supported><k:range minvalue='1'/><k:equals value='2'/></k:supported></k:priority>\
           <x:more xmlns:x='urn:x'/></k:servcaps><contact>::</contact></tuple>"],
    );
    for piece in [
        "<rpid:activities id=\"x-",
        "><rpid:note>late</rpid:note><rpid:away/><rpid:other>lunch</rpid:other></rpid:activities>",
        "<rpid:mood><rpid:note>only</rpid:note><rpid:unknown/></rpid:mood>",
        "<rpid:place-is><rpid:video><rpid:ok/></rpid:video></rpid:place-is>",
        "<rpid:place-type><rpid:other>home</rpid:other></rpid:place-type>",
        "<rpid:privacy><rpid:audio/><rpid:video/></rpid:privacy>",
        "<rpid:time-offset description=\"d\"> -60 </rpid:time-offset>",
        "<rpid:class>a</rpid:class><cipid:display-name>A</cipid:display-name>",
        ">mixed <rpid:user-input n0:y=\"1\">idle</rpid:user-input> text</n0:deep></dm:person>",
        "<rpid:relationship><rpid:friend/></rpid:relationship>",
        "<rpid:service-class><rpid:note/><rpid:courier/></rpid:service-class>",
        "<caps:servcaps><caps:audio> 1 </caps:audio><caps:methods><caps:supported><caps:BYE/><caps:INVITE/></caps:supported>\
         </caps:methods><caps:priority><caps:supported><caps:equals value=\"2\"/></caps:supported></caps:priority>\
         <caps:video>true</caps:video><n0:more xmlns:n0=\"urn:x\"/></caps:servcaps>",
    ] {
        assert!(text.contains(piece), "{piece} not in {text}");
    }
    for gone in [
        "sphere",
        "status-icon",
        "nested",
        "maybe",
        "contact",
        "whenever",
        "silent",
        "telepathy",
        "JUMP",
        "range",
    ] {
        assert!(!text.contains(gone), "{gone} in {text}");
    }
}

/// Issue: the cost of many publications that contradict each other stays bounded.
#[test]
fn many_contradictions_take_no_time_by_their_square() {
    let documents: Vec<StoredDocument> = (0..400)
        .map(|number| {
            let tuples: Vec<String> = (0..20)
                .map(|place| {
                    tuple(OPEN, &format!("<r:class>{number} {place}</r:class>"), DESK, "")
                        .replace("'t'", &format!("'t{place}'"))
                })
                .collect();
            contribution(&presence(&tuples.concat()))
        })
        .collect();
    let sources: Vec<Source<'_>> =
        (0..).zip(&documents).map(|(id, document)| Source { id, order: 0, published: 0, document }).collect();
    let text = compose(&sources, &DEFAULT, 0).render("sip:alice@example.com");
    assert_eq!(count(&String::from_utf8(text).unwrap(), "<tuple"), 8_000);
}
