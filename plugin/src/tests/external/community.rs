//! What other communities say, read and composed.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;

use super::stage::{SOURCES, contribute, document, person, say, silence, tell, tuple};
use crate::composition::{self, Policy};
use crate::configuration::Configuration;
use crate::external::community::{Community, fuzzing};
use crate::external::kind::{Intake, Kind, Refused, Shows, Taken};
use crate::pidf::{self, StoredDocument};
use crate::pidf_diff::{self, Difference};
use crate::tests::scene::{Scene, pidf};

const PIDF: &str = "application/pidf+xml";
const DIFF: &str = "application/pidf-diff+xml";

/// A body from a community, with what was kept before.
fn take(kept: &[u8], media: &str, body: &str) -> Result<Taken, Refused> {
    let configuration = Configuration::parse(SOURCES).unwrap();
    Community.take(&Intake {
        configuration: &configuration,
        now: 1_700_000_000_000,
        presentity: "sip:alice@example.com",
        resource: "sip:al@elsewhere.example",
        kept: Some(kept).filter(|kept| !kept.is_empty()),
        shown: None,
        media,
        body: body.as_bytes(),
    })
}

/// A partial document with this number.
fn partial(root: &str, version: &str, inner: &str) -> String {
    format!(
        "<d:{root} xmlns='urn:ietf:params:xml:ns:pidf' xmlns:d='urn:ietf:params:xml:ns:pidf-diff' \
         entity='sip:{version}@elsewhere.example' version='{version}'>{inner}</d:{root}>"
    )
}

fn replace(note: &str) -> String {
    format!("<d:replace sel='*/tuple/note/text()'>{note}</d:replace>")
}

fn text(taken: &Taken) -> String {
    match &taken.shows {
        Shows::Document(document) => document
            .components()
            .map(|component| String::from_utf8_lossy(component.xml).into_owned())
            .collect(),
        other => format!("{other:?}"),
    }
}

/// EXT-17 (RFC 3863 section 4.1, RFC 4479 section 5): everything that can be said comes in; whose document it is over
/// there makes no difference.
#[test]
fn ext_17_tuples_persons_and_devices_come_in_whoever_the_entity_is() {
    let inner = tuple("t", "here")
        + "<note>all</note>"
        + &person("meeting", "2099-01-01T00:00:00Z")
        + "<dm:device id='d'><dm:deviceID>urn:device:1</dm:deviceID></dm:device><x xmlns='urn:x'/>";
    let taken = take(b"", "Application/PIDF+xml;charset=UTF-8", &document(&inner)).unwrap();
    let text = text(&taken);
    for expected in ["here", "<note>all", "rpid:meeting", "urn:device:1", "urn:x"] {
        assert!(text.contains(expected), "{expected} in {text}");
    }
    // RFC 3863 section 4.1.7: when that was so is for the community to say.
    assert!(text.contains("2099-01-01T00:00:00Z") && !text.contains("elsewhere"), "{text}");
    assert_eq!((taken.kept.as_slice(), taken.refresh, taken.identities.len()), (&b""[..], false, 0));
}

/// A document without content contributes nothing, and is no error (RFC 3856 section 6.11.1).
#[test]
fn an_empty_document_contributes_nothing() {
    assert_eq!(take(b"", PIDF, &document("")).unwrap().shows, Shows::Nothing);
    let taken = take(b"", DIFF, &partial("pidf-full", "1", "")).unwrap();
    assert_eq!(taken.shows, Shows::Nothing);
    let taken = take(
        &taken.kept,
        DIFF,
        &partial("pidf-diff", "2", &format!("<d:add sel='*'>{}</d:add>", tuple("t", "new"))),
    );
    assert!(text(&taken.unwrap()).contains("new"));
}

/// RFC 5263 section 4.5: all, then what changed, each applied to the outcome of the one before. That each has
/// another `entity` is no matter (EXT-17).
#[test]
fn rfc5263_4_5_changes_apply_in_their_order() {
    let taken = take(b"", DIFF, &partial("pidf-full", "7", &tuple("t", "one"))).unwrap();
    assert!(text(&taken).contains("one"));
    let taken = take(&taken.kept, DIFF, &partial("pidf-diff", "8", &replace("two"))).unwrap();
    assert!(text(&taken).contains("two") && !taken.refresh);
    let taken = take(&taken.kept, DIFF, &partial("pidf-diff", "9", &replace("three"))).unwrap();
    assert!(text(&taken).contains("three") && !taken.refresh);
}

/// RFC 5263 section 4.5: a gap, and changes that do not fit, call for full state; what is shown stays until it comes.
#[test]
fn rfc5263_4_5_what_is_missed_is_asked_for() {
    let first = take(b"", DIFF, &partial("pidf-full", "7", &tuple("t", "one"))).unwrap();
    let nowhere = "<d:remove sel='*/tuple[@id=\"none\"]'/>".to_owned();
    let bodies = [
        partial("pidf-diff", "9", &replace("lost")),
        partial("pidf-diff", "8", &nowhere),
        partial("pidf-diff", "", &replace("without a number")),
        partial("pidf-diff", "eight", &replace("without a number")),
    ];
    for body in bodies {
        let missed = take(&first.kept, DIFF, &body).unwrap();
        assert_eq!(
            (&missed.shows, missed.refresh, &missed.kept),
            (&Shows::Same, true, &first.kept),
            "{body}"
        );
        let full = take(&missed.kept, DIFF, &partial("pidf-full", "10", &tuple("t", "ten"))).unwrap();
        assert!(text(&full).contains("ten") && !full.refresh);
        let next = take(&full.kept, DIFF, &partial("pidf-diff", "11", &replace("eleven"))).unwrap();
        assert!(text(&next).contains("eleven"));
    }
    let changes_first = take(b"", DIFF, &partial("pidf-diff", "1", &replace("one"))).unwrap();
    assert_eq!((changes_first.shows, changes_first.refresh), (Shows::Same, true));
}

/// RFC 5263 section 4.5: a number that is not higher is a failure of the notifier, its document discarded. As it has
/// lost count, the whole that it is asked for begins a new one.
#[test]
fn rfc5263_4_5_a_number_that_is_not_higher_is_discarded() {
    for (root, version) in [("pidf-diff", "7"), ("pidf-full", "7"), ("pidf-full", "1")] {
        let first = take(b"", DIFF, &partial("pidf-full", "7", &tuple("t", "one"))).unwrap();
        let old = take(&first.kept, DIFF, &partial(root, version, &tuple("t", "old"))).unwrap();
        assert_eq!((&old.shows, old.refresh), (&Shows::Same, true));
        let full = take(&old.kept, DIFF, &partial("pidf-full", "1", &tuple("t", "anew"))).unwrap();
        assert!(text(&full).contains("anew"), "{full:?}");
        let next = take(&full.kept, DIFF, &partial("pidf-diff", "2", &replace("two"))).unwrap();
        assert!(text(&next).contains("two"));
    }
}

/// RFC 5263 section 4.5: a document of the other type makes the copy void, but not the count.
#[test]
fn rfc5263_4_5_the_count_goes_on_over_a_change_of_type() {
    let first = take(b"", DIFF, &partial("pidf-full", "7", &tuple("t", "one"))).unwrap();
    let whole = take(&first.kept, PIDF, &document(&tuple("t", "whole"))).unwrap();
    assert!(text(&whole).contains("whole"));
    let changes = take(&whole.kept, DIFF, &partial("pidf-diff", "8", &replace("eight"))).unwrap();
    assert_eq!((&changes.shows, changes.refresh), (&Shows::Same, true));
    assert_eq!(take(&whole.kept, DIFF, &partial("pidf-full", "7", "")).unwrap().shows, Shows::Same);
    let full = take(&whole.kept, DIFF, &partial("pidf-full", "8", &tuple("t", "eight"))).unwrap();
    assert!(text(&full).contains("eight"));
}

/// What cannot be taken is told by status; see `Refused`.
#[test]
fn what_cannot_be_taken_is_refused() {
    let related = "--b\r\n\r\n--b--";
    for (media, body) in
        [("multipart/related;boundary=b", related), ("text/plain", "x"), ("application/xml", "<x/>")]
    {
        assert_eq!(take(b"", media, body), Err(Refused::Type), "{media}");
    }
    let entity_bomb =
        "<!DOCTYPE p [<!ENTITY a 'b'>]><presence xmlns='urn:ietf:params:xml:ns:pidf' entity='a'/>";
    for (media, body) in [
        ("pidf", "x"),
        (PIDF, "not XML"),
        (PIDF, "<presence/>"),
        (PIDF, "<presence xmlns='urn:ietf:params:xml:ns:pidf'/>"),
        (PIDF, entity_bomb),
        (DIFF, entity_bomb),
        (DIFF, "<x"),
        (DIFF, &document("")),
        (DIFF, &partial("pidf-whole", "1", "")),
    ] {
        assert!(matches!(take(b"", media, body), Err(Refused::Malformed(_))), "{media} {body}");
    }
    let many: String = (0..257).map(|number| tuple(&format!("t{number}"), "")).collect();
    let long = document(&format!("<note>{}</note>", "n".repeat(65_536)));
    for (media, body) in
        [(PIDF, &document(&many)), (PIDF, &long), (DIFF, &long), (DIFF, &partial("pidf-full", "1", &many))]
    {
        assert_eq!(take(b"", media, body), Err(Refused::TooLarge), "{media}");
    }
    // Changes that make a document too large are refused, and what is kept is as it was.
    let full = take(b"", DIFF, &partial("pidf-full", "1", &tuple("t", &"n".repeat(60_000)))).unwrap();
    let more =
        partial("pidf-diff", "2", &format!("<d:add sel='*'><note>{}</note></d:add>", "n".repeat(10_000)));
    assert_eq!(take(&full.kept, DIFF, &more), Err(Refused::TooLarge));
    assert!(take(&full.kept, DIFF, &partial("pidf-diff", "2", &replace("short"))).is_ok());
}

/// WPS-04, WPS-08, WPS-13, EXT-17: two communities and a publication with the same identifiers make one document, in
/// which each has its own and the entity is the watcher's.
#[test]
fn wps_08_several_communities_and_a_publication_make_one_document() {
    let mut scene = Scene::new(SOURCES);
    scene.publish_open();
    tell(&mut scene, "east", &(tuple("t1", "from the east") + "<note>east</note>"));
    tell(&mut scene, "west", &tuple("t1", "from the west"));
    scene.watch("bob");
    scene.subscribe("carol", "");
    let body = scene.only_notify().body;
    assert!(
        body.contains("from the east")
            && body.contains("from the west")
            && body.contains("entity=\"sip:alice@example.com\"")
    );
    let ids: Vec<&str> =
        body.split("<tuple id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!((ids.len(), ids.iter().collect::<BTreeSet<_>>().len()), (3, 3), "{body}");
    assert!(ids.iter().all(|id| id.starts_with("t1-")) && !body.contains("elsewhere"), "{body}");
    scene.answer_all();

    // What one says anew concerns its part alone, and its identifiers stay.
    tell(&mut scene, "east", &tuple("t1", "still there"));
    let changed = scene.notifies().first().unwrap().body.clone();
    assert!(
        changed.contains("still there")
            && changed.contains("from the west")
            && !changed.contains("<note>east")
    );
    assert!(ids.iter().all(|id| changed.contains(*id)), "{changed}");
    scene.answer_all();
    silence(&mut scene, "west");
    let left = scene.notifies().first().unwrap().body.clone();
    assert!(left.contains("still there") && !left.contains("from the west"), "{left}");
}

/// WPS-13, WPS-03 (the seed's figure): a registrar, a community and a phone, one document; each goes by itself.
#[test]
fn wps_13_a_registrar_and_a_community_end_in_one_document() {
    let mut scene = Scene::new(SOURCES);
    let tag = scene.publish_open();
    contribute(&mut scene, "scscf", &tuple("t1", "registered"));
    tell(&mut scene, "east", &tuple("t1", "over there"));
    scene.watch("bob");
    scene.host.flush();
    scene.crash(|_| false);
    scene.settle();
    for (gone, tuples, over_there) in [("", 3, true), ("phone", 2, true), ("community", 1, false)] {
        match gone {
            "phone" => {
                assert_eq!(scene.publish(&format!("SIP-If-Match: {tag}\nExpires: 0\n"), "").status, 200);
            }
            "community" => silence(&mut scene, "east"),
            _ => {}
        }
        scene.answer_all();
        scene.subscribe("carol", "Expires: 0\n");
        let body = scene.only_notify().body;
        assert_eq!(body.matches("<tuple").count(), tuples, "{body}");
        assert!(body.contains("registered") && body.contains("over there") == over_there, "{body}");
    }
}

/// WPS-07 (trap): without a publication there is a document all the same.
#[test]
fn wps_04_a_community_alone_makes_a_document() {
    let mut scene = Scene::new(SOURCES);
    scene.watch("bob");
    tell(&mut scene, "east", &tuple("t", "over there"));
    assert!(scene.only_notify().body.contains("over there"));
    scene.answer_all();
    // The same again is no news (PUB-10).
    tell(&mut scene, "east", &tuple("t", "over there"));
    assert!(scene.notifies().is_empty());
    assert!(say(&mut scene, "east", PIDF, &document("")).is_ok());
    assert!(!scene.only_notify().body.contains("tuple"));
}

/// RFC 3863 section 4.1.7: a community that tells no times is as new as what it says.
#[test]
fn a_person_without_a_time_is_as_new_as_what_was_said() {
    let mut scene = Scene::new(SOURCES);
    let own = pidf("open").replace("</presence>", "") + &person("meeting", "") + "</presence>";
    let own = own.replace("<presence ", "<presence xmlns:dm='urn:ietf:params:xml:ns:pidf:data-model' xmlns:rpid='urn:ietf:params:xml:ns:pidf:rpid' ");
    assert_eq!(scene.publish("", &own).status, 200);
    scene.host.advance(1_000);
    tell(&mut scene, "east", "<dm:person id='p'><rpid:mood><rpid:happy/></rpid:mood></dm:person>");
    scene.subscribe("bob", "");
    let body = scene.only_notify().body;
    // RFC 4479: one person, of whom both have something to say.
    assert_eq!(body.matches("<dm:person").count(), 1, "{body}");
    assert!(body.contains("rpid:meeting") && body.contains("rpid:happy"), "{body}");
}

/// A notifier as RFC 5263 section 4.4 has it, over documents in the form in which this server sends them.
struct Notifier {
    document: Vec<u8>,
    sent: Option<Vec<u8>>,
    version: u32,
}

impl Notifier {
    fn new() -> Self {
        Self { document: composed(&[]), sent: None, version: 0 }
    }

    fn full(&mut self) -> (&'static str, Vec<u8>) {
        self.version += 1;
        self.sent = Some(self.document.clone());
        (DIFF, pidf_diff::full(&self.document, "sip:al@elsewhere.example", self.version))
    }

    fn notify(&mut self) -> (&'static str, Vec<u8>) {
        let sent = self.sent.as_ref().and_then(|sent| Difference::between(sent, &self.document));
        let Some(changes) = sent else { return self.full() };
        self.version += 1;
        self.sent = Some(self.document.clone());
        (DIFF, changes.render("sip:al@elsewhere.example", self.version))
    }

    fn whole(&mut self) -> (&'static str, Vec<u8>) {
        self.sent = None;
        (PIDF, composition::render(&self.document, "sip:al@elsewhere.example"))
    }
}

fn composed(notes: &[u8]) -> Vec<u8> {
    let tuples: String =
        notes.iter().map(|note| tuple(&format!("t{note}"), &format!("note {note}"))).collect();
    let stored = read(document(&tuples).as_bytes());
    let source = composition::Source { id: 1, order: 1, published: 1, document: &stored };
    composition::compose(&[source], &Policy::DEFAULT, 1).into_bytes()
}

fn read(body: &[u8]) -> StoredDocument {
    pidf::read(body, &pidf::Limits::DEFAULT).unwrap().content
}

#[derive(Clone, Debug)]
enum Event {
    /// The state is another one, and the watcher is told what changed.
    Changes(Vec<u8>),
    /// It is told, and does not hear it.
    Lost(Vec<u8>),
    /// It is told all.
    Full(Vec<u8>),
    /// It is told all, in the other type.
    Whole(Vec<u8>),
}

fn event() -> impl Strategy<Value = Event> {
    let notes = || {
        vec(0_u8..6, 0..5).prop_map(|mut notes| {
            notes.sort_unstable();
            notes.dedup();
            notes
        })
    };
    prop_oneof![
        4 => notes().prop_map(Event::Changes),
        2 => notes().prop_map(Event::Lost),
        1 => notes().prop_map(Event::Full),
        1 => notes().prop_map(Event::Whole),
    ]
}

proptest! {
    /// Whatever is lost: what is shown is the truth, or full state is asked for; and then it is the truth.
    #[test]
    fn what_is_shown_is_true_or_asked_for(events in vec(event(), 1..20)) {
        let mut notifier = Notifier::new();
        let (mut kept, mut shown) = (Vec::new(), None::<StoredDocument>);
        for event in events {
            let (Event::Changes(notes) | Event::Lost(notes) | Event::Full(notes) | Event::Whole(notes)) = &event;
            notifier.document = composed(notes);
            let body = match &event {
                Event::Changes(_) => notifier.notify(),
                Event::Lost(_) => { notifier.notify(); continue; }
                Event::Full(_) => notifier.full(),
                Event::Whole(_) => notifier.whole(),
            };
            let mut asked = false;
            for (media, body) in [Some(body), None] .into_iter().map(|body| body.unwrap_or_else(|| notifier.full())) {
                let taken = take(&kept, media, std::str::from_utf8(&body).unwrap()).unwrap();
                prop_assert!(!(asked && taken.refresh), "full state that was asked for does not do");
                kept = taken.kept;
                match taken.shows {
                    Shows::Same => {}
                    Shows::Document(document) => shown = Some(*document),
                    Shows::Nothing => shown = None,
                }
                if !taken.refresh {
                    break;
                }
                asked = true;
            }
            let truth = read(&composition::render(&notifier.document, "sip:al@elsewhere.example"));
            prop_assert_eq!(shown.clone().unwrap_or_default(), truth);
        }
    }

    /// Bodies of the right words in the wrong places.
    #[test]
    fn odd_bodies_are_survived(
        pieces in vec(
            prop_oneof![
                Just("\u{0}0"),
                Just("\u{0}1"),
                Just("<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='sip:a@b'>"),
                Just("<d:pidf-full xmlns='urn:ietf:params:xml:ns:pidf' xmlns:d='urn:ietf:params:xml:ns:pidf-diff' version='1'>"),
                Just("<d:pidf-diff xmlns='urn:ietf:params:xml:ns:pidf' xmlns:d='urn:ietf:params:xml:ns:pidf-diff' version='2'>"),
                Just("<tuple id='t'><status><basic>open</basic></status></tuple>"),
                Just("<note>&amp;"),
                Just("</note>"),
                Just("<d:add sel='*'><note>x</note></d:add>"),
                Just("<d:remove sel='*/tuple[1]'/>"),
                Just("</presence>"),
                Just("</d:pidf-full>"),
                Just("</d:pidf-diff>"),
            ],
            0..24,
        )
    ) {
        fuzzing::documents(pieces.concat().as_bytes());
    }
}
