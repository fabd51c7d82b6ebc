//! Partial publication (RFC 5264) and partial notification (RFC 5263).

use proptest::collection::vec;
use proptest::prelude::*;

use super::scene::{ALICE, HASTY, Notify, OPEN, Scene, pidf, pidf_of};
use crate::keys::{DOCUMENT, FORMER, ORIGINAL, PUBLICATION};
use crate::pidf;
use crate::pidf_diff;

const PARTIAL: &str = "Content-Type: application/pidf-diff+xml\n";
const BOTH: &str = "Accept: application/pidf+xml;q=0.3, application/pidf-diff+xml;q=1\n";

/// A partial document of alice's.
fn partial(root: &str, inner: &str) -> String {
    format!(
        "<p:{root} xmlns='urn:ietf:params:xml:ns:pidf' xmlns:p='urn:ietf:params:xml:ns:pidf-diff' entity='{ALICE}'>{inner}</p:{root}>"
    )
}

fn tuple(id: &str, basic: &str, note: &str) -> String {
    format!("<tuple id='{id}'>\n <status><basic>{basic}</basic></status>\n <note>{note}</note>\n</tuple>\n")
}

fn matching(tag: &str) -> String {
    format!("SIP-If-Match: {tag}\n{PARTIAL}")
}

fn tag_of(answer: &super::scene::Answer) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.header("SIP-ETag").unwrap().to_owned()
}

/// A watcher that does with NOTIFYs what RFC 5263 section 4.5 says.
#[derive(Clone, Default)]
pub struct Follower {
    pub document: Option<Vec<u8>>,
    version: u32,
    diffs: usize,
}

impl Follower {
    pub fn take(&mut self, notify: &Notify) {
        if notify.body.is_empty() {
            return;
        }
        let body = notify.body.as_bytes();
        if notify.header("Content-Type") == Some("application/pidf+xml") {
            self.document = Some(body.to_vec());
            return;
        }
        assert_eq!(notify.header("Content-Type"), Some("application/pidf-diff+xml"));
        let version = notify.body.split("version=\"").nth(2).unwrap().split('"').next().unwrap();
        let version: u32 = version.parse().unwrap();
        let held = self.document.clone();
        let taken = pidf_diff::publish(body, || held, &pidf::Limits::DEFAULT).unwrap();
        if taken.full {
            assert!(version > self.version, "{} after {}", version, self.version);
        } else {
            assert_eq!(version, self.version + 1, "a gap before a difference");
            self.diffs += 1;
        }
        self.version = version;
        self.document = Some(taken.presence);
    }

    /// What it shows.
    pub fn shows(&self) -> String {
        let document = self.document.as_ref().expect("a document");
        String::from_utf8(pidf::read(document, &pidf::Limits::DEFAULT).unwrap().content.to_bytes())
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }
}

/// PUB-26, PUB-27, PUB-28 (RFC 5264 section 4.3): first all, then what changed, applied to what was sent.
#[test]
fn rfc5264_4_3_changes_are_applied_to_what_was_published() {
    let mut scene = Scene::new(HASTY);
    scene.watch("bob");
    let whole = partial("pidf-full", &(tuple("a", "open", "one") + &tuple("b", "closed", "two")));
    let tag = tag_of(&scene.publish(PARTIAL, &whole));
    let notify = scene.only_notify();
    assert!(notify.body.contains(">one<") && notify.body.contains(">two<"), "{}", notify.body);
    scene.answer(&notify, 200);
    assert_eq!(scene.count(ORIGINAL), 1);
    // White space between elements is the publisher's, and can be told to go.
    let change = partial(
        "pidf-diff",
        "<p:replace sel=\"presence/tuple[@id='b']/status/basic/text()\">open</p:replace>\
         <p:remove sel=\"*/tuple[@id='a']/note\" ws='before'/><p:add sel='presence'><note>new</note></p:add>",
    );
    let next = tag_of(&scene.publish(&matching(&tag), &change));
    assert_ne!(next, tag);
    let notify = scene.only_notify();
    assert!(!notify.body.contains("closed") && !notify.body.contains(">one<"), "{}", notify.body);
    assert!(notify.body.contains("<note>new</note>") && notify.body.contains(">two<"), "{}", notify.body);
    scene.answer(&notify, 200);
    // The next change applies to the outcome; all of it can be sent again, too.
    let change = partial("pidf-diff", "<p:remove sel='presence/note'/>");
    let tag = tag_of(&scene.publish(&matching(&next), &change));
    let tag = tag_of(&scene.publish(&matching(&tag), &partial("pidf-full", &tuple("c", "open", "three"))));
    scene.answer_all();
    let change = partial("pidf-diff", "<p:replace sel='*/tuple/note'><note>four</note></p:replace>");
    let tag = tag_of(&scene.publish(&matching(&tag), &change));
    let body = scene.only_notify().body;
    assert!(body.contains(">four<") && !body.contains("two") && !body.contains("three"), "{body}");
    // PUB-29: refresh and expiry concern the whole.
    scene.answer_all();
    tag_of(&scene.publish(&format!("SIP-If-Match: {tag}\nExpires: 60\n"), ""));
    scene.pass(61_000);
    assert_eq!((scene.count(PUBLICATION), scene.count(ORIGINAL)), (0, 0));
    assert!(!scene.only_notify().body.contains("tuple"));
}

/// PUB-28 (RFC 5264 section 4.3.2): what cannot be applied changes nothing.
#[test]
fn rfc5264_4_3_2_errors_change_nothing() {
    let mut scene = Scene::new(HASTY);
    let remove = partial("pidf-diff", "<p:remove sel='presence/tuple'/>");
    assert_eq!(scene.publish(PARTIAL, &remove).status, 400, "an initial publication");
    let tag = tag_of(&scene.publish(PARTIAL, &partial("pidf-full", &tuple("a", "open", "one"))));
    let records = |scene: &Scene| scene.host.records(ALICE, b"");
    let before = records(&scene);
    let twice = partial("pidf-diff", "<p:remove sel='presence/tuple'/><p:remove sel='presence/tuple'/>");
    let answer = scene.publish(&matching(&tag), &twice);
    assert_eq!((answer.status, answer.reply.reason.as_str()), (400, "patch operation 2: unlocated-node"));
    // As with whole documents, 403 where the entity is somebody else.
    let entity = partial("pidf-diff", "").replace("alice", "bob");
    let root = partial("pidf-diff", "<p:replace sel='*'><other/></p:replace>");
    let mangled = partial("pidf-diff", "<p:replace sel='*/@entity'>sip:bob@example.com</p:replace>");
    for (body, status) in
        [(entity, 400), (root, 400), (mangled, 403), (pidf("open"), 400), ("<p".to_owned(), 400)]
    {
        assert_eq!(scene.publish(&matching(&tag), &body).status, status, "{body}");
    }
    // Section 4.3.1: what is wrong inside of pidf-full.
    let nobody = partial("pidf-full", "").replace("entity", "whom");
    assert_eq!(scene.publish(&matching(&tag), &nobody).status, 500);
    assert_eq!(scene.publish(&matching("x"), &remove).status, 412);
    assert_eq!(records(&scene), before);
    tag_of(&scene.publish(&matching(&tag), &remove));
}

/// RFC 5264 section 4.2: changes follow a whole document of their own type; others cost nothing.
#[test]
fn rfc5264_4_2_only_publishers_of_partial_documents_have_theirs_kept() {
    let mut scene = Scene::new(HASTY);
    let tag = scene.publish_open();
    assert_eq!(scene.count(ORIGINAL), 0);
    let remove = partial("pidf-diff", "<p:remove sel='presence/tuple'/>");
    assert_eq!(scene.publish(&matching(&tag), &remove).status, 400);
    let tag = tag_of(&scene.publish(&matching(&tag), &partial("pidf-full", &tuple("a", "open", "one"))));
    assert_eq!(scene.count(ORIGINAL), 1);
    let tag = tag_of(&scene.publish(&format!("SIP-If-Match: {tag}\n"), &pidf("closed")));
    assert_eq!(scene.count(ORIGINAL), 0);
    let tag = tag_of(&scene.publish(&matching(&tag), &partial("pidf-full", &tuple("a", "open", "one"))));
    tag_of(&scene.publish(&format!("SIP-If-Match: {tag}\nExpires: 0\n"), ""));
    assert_eq!(scene.count(ORIGINAL), 0);
}

/// FLT-16 (RFC 5263 sections 4.2, 4.3): partial documents for who names their type and likes it as well.
#[test]
fn rfc5263_4_3_the_watcher_chooses_the_type() {
    let (whole, partial) = (Some("application/pidf+xml"), Some("application/pidf-diff+xml"));
    for (accept, media) in [
        ("application/pidf+xml, application/pidf-diff+xml", partial),
        ("application/pidf-diff+xml;q=0.4, application/pidf+xml;q=0.3", partial),
        ("application/pidf-diff+xml", partial),
        ("application/pidf-diff+xml, */*;q=0.1", partial),
        ("application/pidf+xml, application/pidf-diff+xml;q=0.9", whole),
        ("application/pidf+xml, application/pidf-diff+xml;q=0", whole),
        ("*/*", whole),
        ("application/*", whole),
    ] {
        let mut scene = Scene::new(HASTY);
        scene.publish_open();
        assert_eq!(scene.subscribe("bob", &format!("Accept: {accept}\n")).status, 200);
        let notify = scene.only_notify();
        assert_eq!(notify.header("Content-Type"), media, "{accept}");
        assert_eq!(notify.body.contains("pidf-full"), media == partial);
        // So does who only fetches.
        assert_eq!(scene.subscribe("carol", &format!("Accept: {accept}\nExpires: 0\n")).status, 200);
        let fetched = scene.notifies().remove(1);
        assert_eq!(fetched.header("Content-Type"), media);
        assert_eq!(fetched.body.contains("version=\"1\" entity"), media == partial);
    }
    let mut scene = Scene::new(HASTY);
    assert_eq!(scene.subscribe("bob", "Accept: application/pidf-diff+xml;q=0\n").status, 406);
}

/// FLT-17, FLT-18, FLT-19, FLT-22 (RFC 5263 section 4.4): numbers, and when all is sent again.
#[test]
fn rfc5263_4_4_documents_are_numbered_and_whole_when_need_be() {
    let mut scene = Scene::new(HASTY);
    let long = "a note that is long enough to make a difference ".repeat(8);
    let publish = |scene: &mut Scene, tag: &str, basic: &str| {
        let condition = if tag.is_empty() { String::new() } else { format!("SIP-If-Match: {tag}\n") };
        tag_of(&scene.publish(&condition, &pidf_of(ALICE, basic, &long)))
    };
    let tag = publish(&mut scene, "", "open");
    let dialog = scene.subscribe("bob", BOTH).reply.to_tag.unwrap();
    let mut bob = Follower::default();
    let expect = |scene: &mut Scene, bob: &mut Follower, root: &str, version: u32, status: u16| {
        let notify = scene.only_notify();
        assert!(notify.body.contains(&format!("<pd:{root} ")), "{}", notify.body);
        assert!(notify.body.contains(&format!(" version=\"{version}\" ")), "{}", notify.body);
        if status == 200 {
            bob.take(&notify);
        }
        scene.answer(&notify, status);
    };
    expect(&mut scene, &mut bob, "pidf-full", 1, 200);
    let tag = publish(&mut scene, &tag, "closed");
    expect(&mut scene, &mut bob, "pidf-diff", 2, 200);
    assert!(bob.shows().contains("closed"));
    // One that failed: all of it next.
    let tag = publish(&mut scene, &tag, "open");
    expect(&mut scene, &mut bob, "pidf-diff", 3, 500);
    assert!(scene.notifies().is_empty());
    let tag = publish(&mut scene, &tag, "closed");
    expect(&mut scene, &mut bob, "pidf-full", 4, 200);
    // A refresh: all of it.
    scene.resubscribe("bob", &dialog, 2, BOTH);
    expect(&mut scene, &mut bob, "pidf-full", 5, 200);
    // Another type for a while: the numbers go on.
    scene.resubscribe("bob", &dialog, 3, "Accept: application/pidf+xml\n");
    let notify = scene.only_notify();
    assert_eq!(notify.header("Content-Type"), Some("application/pidf+xml"));
    scene.answer(&notify, 200);
    let tag = publish(&mut scene, &tag, "open");
    assert!(scene.only_notify().body.contains("<presence "));
    scene.answer_all();
    scene.resubscribe("bob", &dialog, 4, BOTH);
    expect(&mut scene, &mut bob, "pidf-full", 6, 200);
    // Changes that are made while a NOTIFY is in flight make one difference.
    let tag = publish(&mut scene, &tag, "closed");
    let notify = scene.only_notify();
    bob.take(&notify);
    publish(&mut scene, &tag, "open");
    scene.publish("", &pidf_of(ALICE, "open", "here!"));
    scene.answer(&notify, 200);
    expect(&mut scene, &mut bob, "pidf-diff", 8, 200);
    assert!(bob.shows().contains("open") && bob.shows().contains('!'));
    scene.resubscribe("bob", &dialog, 5, &format!("{BOTH}Expires: 0\n"));
    let last = scene.only_notify();
    assert!(last.body.contains("<pd:pidf-full ") && last.state().starts_with("terminated"), "{}", last.body);
}

/// FLT-22: no difference that is not shorter than the whole.
#[test]
fn rfc5262_4_the_shorter_one_is_sent() {
    let mut scene = Scene::new(HASTY);
    let tag = scene.publish_open();
    scene.subscribe("bob", BOTH);
    scene.answer_all();
    tag_of(&scene.publish(&format!("SIP-If-Match: {tag}\nExpires: 0\n"), ""));
    let notify = scene.only_notify();
    assert!(
        notify.body.contains("<pd:pidf-full ") && notify.body.contains("version=\"2\""),
        "{}",
        notify.body
    );
}

/// FLT-29: changes that were held back make one difference.
#[test]
fn rfc6446_5_5_1_changes_accumulate_while_held_back() {
    let mut scene = Scene::new(OPEN);
    let bodies = |a: &str, b: &str| {
        partial("pidf-full", &(tuple("a", a, &"long ".repeat(60)) + &tuple("b", b, &"wide ".repeat(60))))
    };
    let tag = tag_of(&scene.publish(PARTIAL, &bodies("open", "open")));
    scene.subscribe("bob", BOTH);
    let mut bob = Follower::default();
    bob.take(&scene.only_notify());
    scene.answer_all();
    let tag = tag_of(&scene.publish(&matching(&tag), &bodies("closed", "open")));
    bob.take(&scene.only_notify());
    scene.answer_all();
    let tag = tag_of(&scene.publish(&matching(&tag), &bodies("open", "open")));
    tag_of(&scene.publish(&matching(&tag), &bodies("open", "closed")));
    assert!(scene.notifies().is_empty());
    scene.pass(5_000);
    let notify = scene.only_notify();
    assert_eq!(notify.body.matches("<pd:replace ").count(), 2, "{}", notify.body);
    bob.take(&notify);
    assert_eq!((bob.version, bob.diffs), (3, 2));
}

/// FLT-20: watchers under two URIs, one of them behind: each gets what it lacks.
#[test]
fn rfc5263_4_4_each_watcher_gets_what_it_lacks() {
    let mut scene = Scene::new(HASTY);
    let long = "long ".repeat(100);
    let mut tag = tag_of(&scene.publish("", &pidf_of(ALICE, "open", &long)));
    for watcher in ["bob", "carol"] {
        scene.subscribe(watcher, BOTH);
    }
    let mut followers = [Follower::default(), Follower::default()];
    let of = |notify: &Notify| usize::from(notify.uri.contains("carol"));
    let take = |scene: &mut Scene, followers: &mut [Follower; 2], only: Option<usize>| {
        for notify in scene.notifies() {
            if only.is_none_or(|only| only == of(&notify)) {
                followers[of(&notify)].take(&notify);
                scene.answer(&notify, 200);
            }
        }
    };
    take(&mut scene, &mut followers, None);
    for round in 0..7 {
        let basic = if round % 2 == 0 { "closed" } else { "open" };
        tag = tag_of(&scene.publish(&format!("SIP-If-Match: {tag}\n"), &pidf_of(ALICE, basic, &long)));
        // Carol answers every third time only, and falls further behind than is kept.
        take(&mut scene, &mut followers, (round != 0 && round != 6).then_some(0));
    }
    while !scene.notifies().is_empty() {
        take(&mut scene, &mut followers, None);
    }
    assert_eq!(followers[0].shows(), followers[1].shows());
    assert_eq!(followers[0].diffs, 7);
    assert!(followers[1].diffs >= 1);
}

/// What is kept for partial notification is kept for watchers that have it, and bounded.
#[test]
fn former_documents_are_few_and_go() {
    let mut scene = Scene::new(HASTY);
    let mut tag = scene.publish_open();
    let bob = scene.watch("bob");
    let modify = |scene: &mut Scene, tag: &str, note: &str| {
        let answer = scene.publish(&format!("SIP-If-Match: {tag}\n"), &pidf_of(ALICE, "open", note));
        scene.answer_all();
        tag_of(&answer)
    };
    tag = modify(&mut scene, &tag, "0");
    assert!(scene.host.records(ALICE, FORMER).is_empty(), "nobody asked for partial documents");
    let dialog = scene.subscribe("carol", BOTH).reply.to_tag.unwrap();
    scene.answer_all();
    for round in 0..8 {
        tag = modify(&mut scene, &tag, &round.to_string());
    }
    let [(_, document)] = &scene.host.records(ALICE, DOCUMENT)[..] else { panic!() };
    let [(_, former)] = &scene.host.records(ALICE, FORMER)[..] else { panic!() };
    assert!(former.len() < 5 * document.len());
    scene.resubscribe("carol", &dialog, 2, "Expires: 0\n");
    scene.resubscribe("bob", &bob, 2, "Expires: 0\n");
    scene.answer_all();
    scene.publish(&format!("SIP-If-Match: {tag}\nExpires: 0\n"), "");
    assert!(scene.host.records(ALICE, b"").is_empty());
}

/// What may happen to a watcher with partial notification.
#[derive(Clone, Debug)]
enum Event {
    Publish(u8),
    Answer(bool),
    Refresh(bool),
    Pass(u16),
    Crash(u8),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => any::<u8>().prop_map(Event::Publish),
        6 => prop::bool::weighted(0.8).prop_map(Event::Answer),
        1 => any::<bool>().prop_map(Event::Refresh),
        2 => (0..12_000u16).prop_map(Event::Pass),
        1 => any::<u8>().prop_map(Event::Crash),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever happens, numbers grow, no difference comes after a gap, and the watcher ends with the
    /// newest document.
    #[test]
    fn a_watcher_that_follows_has_the_newest_document(events in vec(event(), 1..40), hasty in any::<bool>()) {
        let mut scene = Scene::new(if hasty { HASTY } else { OPEN });
        let body = |number: u8| {
            let tuples = (0..=number % 4).map(|tuple| {
                let basic = if number >> tuple & 4 == 0 { "open" } else { "closed" };
                format!("<tuple id='t{tuple}'><status><basic>{basic}</basic></status><note>{}</note></tuple>", "n".repeat(80))
            });
            partial("pidf-full", &tuples.collect::<String>())
        };
        let mut tag = tag_of(&scene.publish(PARTIAL, &body(0)));
        let dialog = scene.subscribe("bob", BOTH).reply.to_tag.unwrap();
        let mut bob = Follower::default();
        let mut cseq = 1;
        let mut taken = 0;
        for event in events.into_iter().chain([Event::Answer(true), Event::Answer(true)]) {
            match event {
                Event::Publish(number) => tag = tag_of(&scene.publish(&matching(&tag), &body(number))),
                Event::Answer(well) => {
                    for notify in scene.notifies() {
                        // A repeat after a crash has the number of one that was taken.
                        if well && notify.cseq() > taken {
                            bob.take(&notify);
                            taken = notify.cseq();
                        }
                        scene.answer(&notify, if well { 200 } else { 500 });
                    }
                }
                Event::Refresh(partial) => {
                    cseq += 1;
                    let accept = if partial { BOTH } else { "Accept: application/pidf+xml\n" };
                    prop_assert_eq!(scene.resubscribe("bob", &dialog, cseq, accept).status, 200);
                }
                Event::Pass(time) => scene.pass(time.into()),
                Event::Crash(lucky) => scene.crash(|number| lucky >> (number % 8) & 1 == 1),
            }
            scene.settle();
        }
        for _ in 0..8 {
            scene.pass(60_000);
            for notify in scene.notifies() {
                bob.take(&notify);
                scene.answer(&notify, 200);
            }
        }
        cseq += 1;
        let shown = bob.shows();
        scene.resubscribe("bob", &dialog, cseq, "Accept: application/pidf+xml\n");
        bob.take(&scene.notifies().pop().unwrap());
        prop_assert_eq!(shown, bob.shows());
    }
}
