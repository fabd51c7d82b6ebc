//! An orderly stop and a start lose nothing (design 1 and 5; RFC 6665 4.2.2, RFC 3903 6).

use rollcall_tests::server::user;
use rollcall_tests::{Config, Phone, Pidf, Server};

/// RFC 3261 12.2.1.1, RFC 3903 6 step 6: subscriptions, publications, tags and dialogs are there
/// after a restart, and CSeq goes on without a gap (checked on arrival).
#[test]
fn an_orderly_restart_loses_nothing() {
    let mut server = Server::start(Config::new());
    let (alice, bob, carol) = (user("alice"), user("bob"), user("carol"));
    let phone = Phone::udp(&server, &alice);
    let (one, two) = (Phone::udp(&server, &bob), Phone::tcp(&server, &carol));
    let mut publication = phone.publish(&Pidf::basic(&alice, "open"));
    let (mut first, mut second) = (one.subscribe(&alice), two.subscribe(&alice));
    first.notify();
    second.notify();
    for (round, basic) in ["closed", "open", "closed"].into_iter().enumerate() {
        server.stop();
        server.restart();
        publication.modify(&Pidf::basic(&alice, basic));
        assert_eq!(first.notify().document().basics(), [basic], "after restart {round}");
        assert_eq!(second.notify().document().basics(), [basic], "after restart {round}");
        first.refresh(3600);
        assert_eq!(first.notify().document().basics(), [basic]);
    }
    server.stop();
    server.restart();
    publication.refresh();
    second.unsubscribe();
    second.notify().expect_end("timeout");
    publication.remove();
    assert!(first.notify().document().is_neutral());
}

/// RFC 3903 6 step 6 (PUB-16): no tag is given twice for a resource, restarts included.
#[test]
fn tags_are_never_given_twice() {
    let mut server = Server::start(Config::new());
    let alice = user("alice");
    let phone = Phone::udp(&server, &alice);
    let mut tags = Vec::new();
    for _ in 0..3 {
        for _ in 0..5 {
            let mut publication = phone.publish(&Pidf::basic(&alice, "open"));
            tags.push(publication.etag.clone());
            publication.refresh();
            tags.push(publication.etag.clone());
        }
        server.stop();
        server.restart();
    }
    let count = tags.len();
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), count, "{tags:?}");
}

/// Design 1: a NOTIFY that nobody has answered when the server stops is made good after the start:
/// the watcher ends with the latest state.
#[test]
fn an_unanswered_notify_is_made_good_after_a_restart() {
    let mut server = Server::start(Config::new());
    let (alice, phone, watcher) = Phone::pair(&server);
    let mut subscription = watcher.subscribe(&alice);
    subscription.notify();
    subscription.script(Box::new(|_| rollcall_tests::Answer::Silence));
    let mut publication = phone.publish(&Pidf::basic(&alice, "open"));
    subscription.notify();
    publication.modify(&Pidf::of(&alice).tuple("t1", "closed").note("latest").text());
    server.stop();
    subscription.script(Box::new(|_| rollcall_tests::Answer::Ok));
    subscription.allow_gap();
    server.restart();
    let seen = subscription.notify_until(|n| n.document().notes() == ["latest"]);
    assert_eq!(seen.state(), "active");
}

/// Design 1 and 5: killed at once after the answer, the server has what it acknowledged, and the
/// watcher gets it without asking.
#[test]
fn a_kill_loses_nothing_acknowledged() {
    let mut server = Server::start(Config::new());
    let (alice, phone, watcher) = Phone::pair(&server);
    let mut publication = phone.publish(&Pidf::basic(&alice, "open"));
    let mut subscription = watcher.subscribe(&alice);
    let mut last = subscription.notify().message().cseq();
    for round in 0..5 {
        let note = format!("round {round}");
        publication.modify(&Pidf::of(&alice).tuple("t1", "open").note(&note).text());
        server.kill();
        subscription.allow_gap();
        server.restart();
        loop {
            let notify = subscription.notify();
            assert!(notify.message().cseq() > last, "CSeq goes back: {}", notify.message());
            last = notify.message().cseq();
            subscription.allow_gap();
            if notify.document().notes() == [note.clone()] {
                break;
            }
        }
        publication.refresh();
        subscription.refresh(3600);
        last = subscription.notify().message().cseq().max(last);
    }
}
