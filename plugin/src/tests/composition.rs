//! The composed document over time: what ends by itself, what stays, what a change costs.

use super::scene::{ALICE, HASTY, Scene};
use crate::keys::{DOCUMENT, PUBLICATION};
use crate::pidf::instant;

/// A document with a person of this content.
fn person(content: &str) -> String {
    document(&format!("<dm:person id=\"p\">{content}</dm:person>"))
}

fn document(content: &str) -> String {
    format!(
        "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" \
         xmlns:r=\"urn:ietf:params:xml:ns:pidf:rpid\" xmlns:ts=\"urn:ietf:params:xml:ns:pidf:timed-status\" \
         entity=\"{ALICE}\">{content}</presence>"
    )
}

/// So many milliseconds from now, as a document tells it.
fn soon(scene: &mut Scene, milliseconds: u64) -> String {
    let mut text = Vec::new();
    instant::write(scene.host.time() + milliseconds, &mut text);
    String::from_utf8(text).unwrap()
}

fn etag(answer: &super::scene::Answer) -> String {
    assert_eq!(answer.status, 200);
    answer.header("SIP-ETag").unwrap().to_owned()
}

/// PIDF-16: an element goes at the instant of its `until`, and watchers learn of it.
#[test]
fn until_takes_an_element_out_at_its_instant() {
    let mut scene = Scene::new(HASTY);
    let (first, second) = (soon(&mut scene, 10_000), soon(&mut scene, 20_500));
    let body = person(&format!(
        "<r:activities until=\"{second}\"><r:meeting/></r:activities><r:mood until=\"{first}\"><r:happy/></r:mood>"
    ));
    scene.publish("", &body);
    scene.watch("bob");
    scene.pass(9_999);
    assert!(scene.notifies().is_empty());
    scene.pass(1);
    let notify = scene.only_notify();
    assert!(!notify.body.contains("mood") && notify.body.contains("meeting"), "{}", notify.body);
    scene.answer(&notify, 200);
    scene.pass(10_499);
    assert!(scene.notifies().is_empty());
    scene.pass(1);
    let notify = scene.only_notify();
    assert!(notify.body.contains("<dm:person") && !notify.body.contains("meeting"), "{}", notify.body);
    scene.answer(&notify, 200);
    assert_eq!(scene.count(PUBLICATION), 1);
}

/// PIDF-20, RFC 4481 section 3: a timed status goes when its time begins.
#[test]
fn a_timed_status_never_covers_the_present() {
    let mut scene = Scene::new(HASTY);
    let (from, until) = (soon(&mut scene, 60_000), soon(&mut scene, 120_000));
    let timed = format!(
        "<ts:timed-status from=\"{from}\" until=\"{until}\"><ts:basic>closed</ts:basic></ts:timed-status>"
    );
    scene.publish(
        "",
        &document(&format!("<tuple id=\"t\"><status><basic>open</basic></status>{timed}</tuple>")),
    );
    scene.subscribe("bob", "");
    let notify = scene.only_notify();
    assert!(notify.body.contains("<ts:basic>closed"), "{}", notify.body);
    scene.answer(&notify, 200);
    scene.pass(60_000);
    let notify = scene.only_notify();
    assert!(notify.body.contains("open") && !notify.body.contains("timed-status "), "{}", notify.body);
    scene.answer(&notify, 200);
    scene.pass(120_000);
    assert!(scene.notifies().is_empty());
}

/// The timer follows the document: another publication changes nothing, a modification may, also over a crash.
#[test]
fn the_timer_of_what_ends_follows_the_document() {
    let mut scene = Scene::new(HASTY);
    let at = soon(&mut scene, 100_000);
    let body = person(&format!("<r:mood until=\"{at}\"><r:happy/></r:mood>"));
    let tag = etag(&scene.publish("", &body));
    scene.publish("Expires: 50000\n", &document("<note>other</note>"));
    assert_eq!(scene.host.timer_count(ALICE), 3);
    scene.watch("bob");
    scene.host.flush();
    scene.crash(|_| false);
    scene.settle();
    scene.answer_all();
    scene.host.advance(200_000);
    scene.settle();
    let notify = scene.only_notify();
    assert!(!notify.body.contains("mood") && notify.body.contains("other"), "{}", notify.body);
    scene.answer(&notify, 200);

    // Over already when it is published: there is nothing to wait for.
    let before = scene.host.timer_count(ALICE);
    let tag = etag(&scene.publish(&format!("SIP-If-Match: {tag}\n"), &body.replace("happy", "sad")));
    assert!(scene.notifies().is_empty());
    assert_eq!(scene.host.timer_count(ALICE), before);
    // Taken back before its time: no timer is left.
    let at = soon(&mut scene, 100_000);
    let later = person(&format!("<r:mood until=\"{at}\"><r:calm/></r:mood>"));
    let tag = etag(&scene.publish(&format!("SIP-If-Match: {tag}\n"), &later));
    assert_eq!(scene.host.timer_count(ALICE), before + 1);
    scene.answer_all();
    scene.publish(&format!("SIP-If-Match: {tag}\nExpires: 0\n"), "");
    assert_eq!(scene.host.timer_count(ALICE), before - 1, "neither the publication's");
}

/// Nothing stays behind of somebody whose publication ends before what it says does.
#[test]
fn no_timer_is_left_in_the_end() {
    let mut scene = Scene::new(HASTY);
    let at = soon(&mut scene, 3_000_000);
    scene.publish("Expires: 60\n", &person(&format!("<r:mood until=\"{at}\"><r:happy/></r:mood>")));
    assert_eq!(scene.host.timer_count(ALICE), 2);
    scene.pass(60_000);
    assert!(scene.host.records(ALICE, b"").is_empty());
    assert_eq!(scene.host.timer_count(ALICE), 0);
}

/// PIDF-07: a tuple that changed has another timestamp than before; the same state again has the same.
#[test]
fn timestamps_do_not_repeat() {
    let mut scene = Scene::new(HASTY);
    let with = |basic: &str| {
        document(&format!(
            "<tuple id=\"t\"><status><basic>{basic}</basic></status><timestamp>2020-01-01T00:00:00Z</timestamp></tuple>"
        ))
    };
    let tag = etag(&scene.publish("", &with("open")));
    scene.watch("bob");
    let mut seen = vec!["2020-01-01T00:00:00Z".to_owned()];
    let mut tag = tag;
    for basic in ["closed", "open", "closed"] {
        scene.host.advance(1_000);
        tag = etag(&scene.publish(&format!("SIP-If-Match: {tag}\n"), &with(basic)));
        let notify = scene.only_notify();
        let time = notify.body.split("<timestamp>").nth(1).unwrap().split('<').next().unwrap().to_owned();
        assert!(seen.iter().all(|before| *before < time), "{seen:?} {time}");
        seen.push(time);
        scene.answer(&notify, 200);
    }
    scene.host.advance(1_000);
    scene.publish(&format!("SIP-If-Match: {tag}\n"), &with("closed"));
    assert!(scene.notifies().is_empty(), "nothing changed");
}

/// A publication among many costs no more calls of the host than one alone.
#[test]
fn a_change_among_many_publications_calls_the_host_no_more_often() {
    let json = r#"{"presence":{"domains":["example.com"]},"limits":{"publications":100}}"#;
    let mut scene = Scene::new(json);
    let note = |number: usize| document(&format!("<note>{number}</note>"));
    let mut tag = etag(&scene.publish("", &note(0)));
    tag = etag(&scene.publish(&format!("SIP-If-Match: {tag}\n"), &note(1_000)));
    let alone = scene.cost.storage_calls;
    for number in 1..50 {
        scene.publish("", &note(number));
    }
    let answer = scene.publish(&format!("SIP-If-Match: {tag}\n"), &note(2_000));
    assert_eq!(answer.status, 200);
    assert_eq!(scene.cost.storage_calls, alone);
}

/// Another policy holds from the next change on: what was composed by the former one is
/// composed anew.
#[test]
fn a_new_policy_composes_everything_anew() {
    let mut scene = Scene::new(HASTY);
    let mood = |mood: &str| person(&format!("<r:mood><r:{mood}/></r:mood>"));
    scene.publish("", &mood("happy"));
    scene.publish("", &mood("sad"));
    scene.watch("bob");
    let json =
        HASTY.replace("\"notify_interval\"", "\"composition\":{\"persons\":\"all\"},\"notify_interval\"");
    scene.presence = crate::Presence::configure(&json).unwrap();
    scene.publish("", &document("<note>n</note>"));
    let notify = scene.only_notify();
    assert_eq!(notify.body.matches("<dm:person").count(), 2, "{}", notify.body);
    assert!(notify.body.contains("happy") && notify.body.contains("sad"), "{}", notify.body);
}

/// Issue: `<foo/>` is refused and no watcher hears of it.
#[test]
fn what_is_no_presence_document_reaches_nobody() {
    let mut scene = Scene::new(HASTY);
    let tag = scene.publish_open();
    scene.watch("bob");
    let before = scene.host.records(ALICE, DOCUMENT);
    let external =
        format!("<!DOCTYPE p [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>{}", document("<note>&e;</note>"));
    for body in ["<foo/>", "<foo></foo>", &external] {
        assert_eq!(scene.publish("", body).status, 400, "{body}");
        assert_eq!(scene.publish(&format!("SIP-If-Match: {tag}\n"), body).status, 400, "{body}");
    }
    assert!(scene.notifies().is_empty());
    assert_eq!(scene.host.records(ALICE, DOCUMENT), before);
}
