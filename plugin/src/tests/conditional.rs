//! Conditional notification (RFC 5839).

use super::scene::{ALICE, Answer, HASTY, OPEN, Scene, pidf, pidf_of};
use crate::keys::{POSITION, SUBSCRIPTION};

const CONFIRM: &str = r#"{"presence":{"domains":["example.com"],"notify_interval":0},
    "rules":{"enabled":true,"default":"confirm"}}"#;
const POLITE: &str = r#"{"presence":{"domains":["example.com"],"notify_interval":0},
    "rules":{"enabled":true,"default":"polite-block"}}"#;

/// Answers the one NOTIFY; gives its SIP-ETag.
fn taken(scene: &mut Scene) -> String {
    let notify = scene.only_notify();
    scene.answer(&notify, 200);
    notify.header("SIP-ETag").expect("a tag").to_owned()
}

fn condition(tag: &str) -> String {
    format!("Suppress-If-Match: {tag}\n")
}

fn modify(scene: &mut Scene, tag: &mut String, basic: &str) {
    let answer = scene.publish(&format!("SIP-If-Match: {tag}\n"), &pidf(basic));
    *tag = answer.header("SIP-ETag").unwrap().to_owned();
}

fn dialog(answer: &Answer) -> String {
    answer.reply.to_tag.clone().unwrap()
}

/// FLT-31: every NOTIFY has a tag; equal presentations have equal ones, others do not.
#[test]
fn rfc5839_6_1_a_tag_names_a_presentation() {
    let mut scene = Scene::new(HASTY);
    let empty = dialog(&scene.subscribe("bob", ""));
    let nothing = taken(&mut scene);
    let mut publication = scene.publish_open();
    let open = taken(&mut scene);
    modify(&mut scene, &mut publication, "closed");
    let closed = taken(&mut scene);
    modify(&mut scene, &mut publication, "open");
    assert_eq!(taken(&mut scene), open, "the same again");
    scene.subscribe("carol", "Event: presence;id=7\n");
    let other_event = taken(&mut scene);
    scene.subscribe("dave", "Accept: application/pidf-diff+xml\n");
    let other_type = taken(&mut scene);
    scene.subscribe("erin", "Expires: 0\n");
    assert_eq!(taken(&mut scene), open, "who watches makes no difference where all see the same");
    let all = [&nothing, &open, &closed, &other_event, &other_type, &publication];
    for (at, one) in all.iter().enumerate() {
        assert!(all.iter().skip(at + 1).all(|other| other != one), "{all:?}");
    }
    scene.resubscribe("bob", &empty, 2, "Expires: 0\n");
    assert_eq!(taken(&mut scene), open, "the last one, too");
}

/// FLT-31: also where nothing is shown, and to who is politely blocked.
#[test]
fn rfc5839_6_1_bodies_that_are_none_have_tags() {
    for (configuration, body) in [(CONFIRM, false), (POLITE, true)] {
        let mut scene = Scene::new(configuration);
        scene.publish_open();
        let dialog = dialog(&scene.subscribe("bob", ""));
        assert_eq!(!scene.only_notify().body.is_empty(), body);
        let tag = taken(&mut scene);
        assert_eq!(scene.resubscribe("bob", &dialog, 2, &condition(&tag)).status, 204);
        assert_eq!(scene.resubscribe("bob", &dialog, 3, "").status, 200);
        assert_eq!(taken(&mut scene), tag);
    }
}

/// FLT-32 (RFC 5839 sections 5.6, 6.3): 204, a longer life, and silence until something changes.
#[test]
fn rfc5839_6_3_a_refresh_that_knows_all_is_not_notified() {
    let mut scene = Scene::new(HASTY);
    let mut publication = scene.publish_open();
    let dialog = dialog(&scene.subscribe("bob", "Expires: 100\n"));
    let open = taken(&mut scene);
    scene.pass(50_000);
    let answer = scene.resubscribe("bob", &dialog, 2, &format!("{}Expires: 200\n", condition(&open)));
    assert_eq!((answer.status, answer.reply.reason.as_str()), (204, "No Notification"));
    assert_eq!(answer.header("Expires"), Some("200"));
    assert!(answer.reply.contact.is_some());
    assert!(scene.notifies().is_empty());
    scene.pass(100_000);
    assert_eq!(scene.count(SUBSCRIPTION), 1, "it lives longer");
    // A change is told; then the same again is a change as well.
    modify(&mut scene, &mut publication, "closed");
    let notify = scene.only_notify();
    assert!(notify.body.contains("closed") && notify.header("SIP-ETag") != Some(&open));
    scene.answer(&notify, 200);
    modify(&mut scene, &mut publication, "open");
    assert_eq!(taken(&mut scene), open, "the watcher holds something else now");
    // An older tag is unequal.
    let answer = scene.resubscribe("bob", &dialog, 3, &condition(notify.header("SIP-ETag").unwrap()));
    assert_eq!(answer.status, 200);
    assert!(scene.only_notify().body.contains("open"));
    assert_eq!(taken(&mut scene), open);
}

/// FLT-32: what is changed and changed back while the watcher is not told is nothing to tell.
#[test]
fn rfc5839_6_3_what_is_equal_again_stays_suppressed() {
    let mut scene = Scene::new(OPEN);
    let mut publication = scene.publish_open();
    let dialog = dialog(&scene.subscribe("bob", ""));
    let open = taken(&mut scene);
    modify(&mut scene, &mut publication, "closed");
    let closed = taken(&mut scene);
    // Both of these wait for the interval to end.
    modify(&mut scene, &mut publication, "open");
    modify(&mut scene, &mut publication, "closed");
    assert_eq!(scene.resubscribe("bob", &dialog, 2, &condition(&closed)).status, 204);
    scene.pass(60_000);
    assert!(scene.notifies().is_empty());
    assert_ne!(open, closed);
}

/// FLT-33 (RFC 5839 sections 5.4, 5.5, 6.2): out of dialog a NOTIFY without body makes the dialog.
#[test]
fn rfc5839_6_2_a_subscription_is_resumed_without_a_body() {
    let mut scene = Scene::new(HASTY);
    let mut publication = scene.publish_open();
    scene.subscribe("bob", "Expires: 0\n");
    let open = taken(&mut scene);
    for (lines, state) in
        [("Expires: 0\n", "terminated;reason=timeout"), ("Expires: 600\n", "active;expires=600")]
    {
        let answer = scene.subscribe("bob", &format!("{}{lines}", condition(&open)));
        assert_eq!(answer.status, 200);
        let notify = scene.only_notify();
        assert_eq!((notify.body.as_str(), notify.header("Content-Type")), ("", None));
        assert_eq!((notify.header("SIP-ETag"), notify.state()), (Some(open.as_str()), state));
        scene.answer(&notify, 200);
    }
    modify(&mut scene, &mut publication, "closed");
    assert!(scene.only_notify().body.contains("closed"));
    let closed = taken(&mut scene);
    scene.subscribe("carol", &condition(&open));
    assert!(scene.only_notify().body.contains("closed"), "stale");
    assert_eq!(taken(&mut scene), closed);
}

/// FLT-34: `*` quenches a subscription, in and out of dialog, until the next SUBSCRIBE.
#[test]
fn rfc5839_5_2_a_wildcard_is_always_true() {
    let mut scene = Scene::new(HASTY);
    let mut publication = scene.publish_open();
    let dialog = dialog(&scene.subscribe("bob", &condition("*")));
    let notify = scene.only_notify();
    assert!(notify.body.is_empty() && notify.header("SIP-ETag").is_some());
    scene.answer(&notify, 200);
    for (cseq, basic) in [(2, "closed"), (3, "open")] {
        modify(&mut scene, &mut publication, basic);
        assert!(scene.notifies().is_empty());
        assert_eq!(scene.resubscribe("bob", &dialog, cseq, &condition("*")).status, 204);
        assert!(scene.notifies().is_empty());
    }
    // A crash does not wake it.
    scene.crash(|_| false);
    scene.settle();
    modify(&mut scene, &mut publication, "closed");
    scene.pass(120_000);
    assert!(scene.notifies().is_empty(), "{:?}", scene.notifies());
    assert_eq!(scene.resubscribe("bob", &dialog, 4, "").status, 200);
    assert!(scene.only_notify().body.contains("closed"));
    taken(&mut scene);
    modify(&mut scene, &mut publication, "open");
    assert!(scene.only_notify().body.contains("open"));
}

/// RFC 5839 section 5.7: who knows all ends its subscription without another word.
#[test]
fn rfc5839_5_7_the_end_is_not_notified() {
    for wildcard in [false, true] {
        let mut scene = Scene::new(HASTY);
        let dialog = dialog(&scene.subscribe("bob", ""));
        let tag = if wildcard {
            taken(&mut scene);
            "*".to_owned()
        } else {
            taken(&mut scene)
        };
        let answer = scene.resubscribe("bob", &dialog, 2, &format!("{}Expires: 0\n", condition(&tag)));
        assert_eq!((answer.status, answer.header("Expires")), (204, Some("0")));
        assert!(scene.notifies().is_empty());
        assert_eq!(
            (scene.count(SUBSCRIPTION), scene.count(POSITION), scene.host.timer_count(ALICE)),
            (0, 0, 0)
        );
        assert_eq!(scene.resubscribe("bob", &dialog, 3, "").status, 481);
        scene.crash(|_| false);
        assert_eq!(scene.count(SUBSCRIPTION), 0, "that was promised");
    }
    let mut scene = Scene::new(HASTY);
    let mut publication = scene.publish_open();
    let dialog = dialog(&scene.subscribe("bob", ""));
    let tag = taken(&mut scene);
    modify(&mut scene, &mut publication, "closed");
    scene.answer_all();
    let answer = scene.resubscribe("bob", &dialog, 2, &format!("{}Expires: 0\n", condition(&tag)));
    assert_eq!(answer.status, 200);
    assert!(scene.only_notify().body.contains("closed"), "stale");
}

/// FLT-35: a state to be reported is, without a body.
#[test]
fn rfc5839_6_2_a_new_state_is_told_without_a_body() {
    let mut scene = Scene::new(HASTY);
    scene.publish_open();
    scene.subscribe("bob", &format!("{}Expires: 60\n", condition("*")));
    scene.answer_all();
    scene.pass(61_000);
    let notify = scene.only_notify();
    assert_eq!((notify.state(), notify.body.as_str()), ("terminated;reason=timeout", ""));
    assert!(notify.header("SIP-ETag").is_some());
    // From pending to active, once rules allow it: what is shown changes, unless nothing is.
    let mut scene = Scene::new(CONFIRM);
    scene.publish_open();
    let dialog = dialog(&scene.subscribe("bob", ""));
    let pending = taken(&mut scene);
    scene.presence = Scene::new(HASTY).presence;
    assert_eq!(scene.resubscribe("bob", &dialog, 2, &condition("*")).status, 200);
    let notify = scene.only_notify();
    assert_eq!((notify.state(), notify.body.as_str()), ("active;expires=3600", ""));
    scene.answer(&notify, 200);
    assert_eq!(scene.resubscribe("bob", &dialog, 3, &condition(&pending)).status, 200);
    assert!(scene.only_notify().body.contains("open"));
}

/// FLT-36 (RFC 5839 section 6.4): with partial documents the tag is that of the whole.
#[test]
fn rfc5839_6_4_the_tag_of_a_difference_is_that_of_the_whole() {
    let mut scene = Scene::new(HASTY);
    let long = "long ".repeat(100);
    let answer = scene.publish("", &pidf_of(ALICE, "open", &long));
    let publication = answer.header("SIP-ETag").unwrap().to_owned();
    let partial = "Accept: application/pidf-diff+xml\n";
    let dialog = dialog(&scene.subscribe("bob", partial));
    taken(&mut scene);
    scene.publish(&format!("SIP-If-Match: {publication}\n"), &pidf_of(ALICE, "closed", &long));
    assert!(scene.only_notify().body.contains("pidf-diff "));
    let tag = taken(&mut scene);
    scene.subscribe("carol", partial);
    assert!(scene.only_notify().body.contains("pidf-full "));
    assert_eq!(taken(&mut scene), tag);
    assert_eq!(scene.resubscribe("bob", &dialog, 2, &format!("{partial}{}", condition(&tag))).status, 204);
}

/// A crash: what is in doubt is sent, a tag of before names the same as before.
#[test]
fn a_crash_takes_no_truth_from_tags() {
    let mut scene = Scene::new(HASTY);
    let mut publication = scene.publish_open();
    let dialog = dialog(&scene.subscribe("bob", ""));
    let open = taken(&mut scene);
    assert_eq!(scene.resubscribe("bob", &dialog, 2, &condition(&open)).status, 204);
    scene.host.flush();
    modify(&mut scene, &mut publication, "closed");
    taken(&mut scene);
    // What was sent is forgotten, but not that the document changed.
    scene.crash(|_| false);
    scene.settle();
    assert!(scene.only_notify().body.contains("closed"));
    taken(&mut scene);
    modify(&mut scene, &mut publication, "open");
    assert_eq!(taken(&mut scene), open);
    assert_eq!(scene.resubscribe("bob", &dialog, 3, &condition(&open)).status, 204);
}

/// What is no tag is refused, what is none of ours never matches.
#[test]
fn rfc5839_7_3_the_header_has_a_grammar() {
    let mut scene = Scene::new(HASTY);
    assert_eq!(scene.subscribe("bob", &condition("a, b")).status, 400);
    assert_eq!(scene.subscribe("bob", &format!("{}{}", condition("a"), condition("b"))).status, 400);
    scene.publish_open();
    let dialog = dialog(&scene.subscribe("bob", &condition("b4cf7")));
    assert!(scene.only_notify().body.contains("open"));
    let tag = taken(&mut scene);
    assert_eq!(
        scene.resubscribe("bob", &dialog, 2, &condition(&tag.to_uppercase())).status,
        if tag.to_uppercase() == tag { 204 } else { 200 }
    );
}
