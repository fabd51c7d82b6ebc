//! Conditional notification (RFC 5839): a watcher that holds the state is not sent it again.

use rollcall_tests::partial::{EITHER, Held};
use rollcall_tests::{Config, Message, Notify, Phone, Pidf, Server, Subscription};
use std::time::Duration;

fn tag(notify: &Notify) -> String {
    notify.message().etag()
}

fn conditional(request: Message, tag: &str) -> Message {
    request.with("Suppress-If-Match", tag)
}

/// A SUBSCRIBE in the dialog under a condition that is true: 204, with the new lifetime.
#[track_caller]
fn quietly(subscription: &mut Subscription<'_>, expires: u32, tag: &str) -> Message {
    let request = conditional(subscription.request(expires), tag);
    let answer = subscription.phone().send(&request).expect(204);
    assert_eq!(answer.expires(), Some(expires), "the new lifetime (RFC 5839 5.6): {answer}");
    assert!(answer.body.is_empty(), "{answer}");
    subscription.skip_cseq();
    answer
}

/// RFC 5839 6.1 (FLT-31): every NOTIFY carries a tag: the same for the same state, another one
/// for another, whoever asks and however often; the type of the body makes a difference.
#[test]
fn a_tag_stands_for_a_presentation() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let mut subscription = watcher.subscribe(&alice);
    let empty = tag(&subscription.notify());
    let mut publication = phone.publish(&Pidf::basic(&alice, "open"));
    let open = tag(&subscription.notify());
    publication.modify(&Pidf::basic(&alice, "closed"));
    let closed = tag(&subscription.notify());
    publication.modify(&Pidf::basic(&alice, "open"));
    assert_eq!(tag(&subscription.notify()), open, "the same state");
    subscription.refresh(3600);
    assert_eq!(tag(&subscription.notify()), open, "the same state");
    assert!(empty != open && open != closed && closed != empty, "{empty} {open} {closed}");
    assert_ne!(open, publication.etag, "not the tag of the PUBLISH");
    let fetch = watcher.subscribe_request(&alice).with("Expires", "0");
    let mut whole = watcher.subscribe_with(fetch.clone().again().with("Call-ID", "one"));
    assert_eq!(tag(&whole.notify()), open);
    let mut other = watcher.subscribe_with(fetch.with("Call-ID", "two").with("Accept", EITHER));
    assert_ne!(tag(&other.notify()), open, "another type is another presentation");
}

/// RFC 5839 5.6, 6.3 (FLT-32): a refresh by one who holds the state: 204, no NOTIFY, a longer life; what
/// changes later is notified, and all after that.
#[test]
fn a_refresh_without_news_is_quiet() {
    let server = Server::start(Config::new().clock());
    let (alice, phone, watcher) = Phone::pair(&server);
    let mut publication = phone.publish(&Pidf::basic(&alice, "open"));
    let mut subscription = watcher.subscribe(&alice);
    let open = tag(&subscription.notify());
    for _ in 0..3 {
        server.advance(Duration::from_secs(3000));
        publication.refresh();
        quietly(&mut subscription, 3600, &open);
    }
    // The same state again, by way of nothing at all.
    publication.modify(&Pidf::basic(&alice, "open"));
    watcher.round_trip();
    assert!(subscription.arrived().is_empty(), "nothing has changed");
    publication.modify(&Pidf::basic(&alice, "closed"));
    let closed = subscription.notify();
    assert_eq!(closed.document().basics(), ["closed"]);
    publication.modify(&Pidf::basic(&alice, "open"));
    let again = subscription.notify();
    assert_eq!(
        (tag(&again), again.document().basics()),
        (open, vec!["open".to_owned()]),
        "no condition any more"
    );
    server.advance(Duration::from_secs(3601));
    subscription.notify_until(|notify| notify.state() != "active").expect_end("timeout");
}

/// RFC 5839 5.2, 6.2 (FLT-32): a tag that does not match, of former state or of nobody's making, changes
/// nothing: 200 and a NOTIFY with a body. What is no token is 400.
#[test]
fn a_tag_that_does_not_match_changes_nothing() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let mut publication = phone.publish(&Pidf::basic(&alice, "open"));
    let mut subscription = watcher.subscribe(&alice);
    let open = tag(&subscription.notify());
    publication.modify(&Pidf::basic(&alice, "closed"));
    let closed = tag(&subscription.notify());
    for stale in [open.as_str(), "unknown", "0", &publication.etag.clone(), &closed.to_uppercase()] {
        if stale == closed {
            continue;
        }
        let request = conditional(subscription.request(3600), stale);
        subscription.send(&request);
        let notify = subscription.notify();
        assert_eq!(notify.document().basics(), ["closed"], "condition {stale}");
        assert_eq!(tag(&notify), closed);
        let mut new = watcher.subscribe_with(conditional(watcher.subscribe_request(&alice), stale));
        assert_eq!(new.notify().document().basics(), ["closed"]);
    }
    for wrong in ["", "two words", "\"quoted\"", "a,b"] {
        let answer = watcher.send(&conditional(watcher.subscribe_request(&alice), wrong));
        assert_eq!(answer.status(), 400, "{wrong:?}: {answer}");
    }
}

/// RFC 5839 5.4, 5.5, 6.2 (FLT-33): out of a dialog a NOTIFY comes in any case, without body, but with tag
/// and state: for one who polls and for one who takes up a former subscription.
#[test]
fn out_of_dialog_the_body_is_left_out() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let mut publication = phone.publish(&Pidf::basic(&alice, "open"));
    let mut poll = watcher.subscribe_with(watcher.subscribe_request(&alice).with("Expires", "0"));
    let open = tag(&poll.notify());
    let request = conditional(watcher.subscribe_request(&alice).with("Expires", "0"), &open);
    let mut poll = watcher.subscribe_with(request);
    let nothing = poll.notify();
    nothing.expect_end("timeout");
    assert!(nothing.message().body.is_empty() && nothing.message().header("Content-Type").is_none());
    assert_eq!(tag(&nothing), open);
    let mut resumed = watcher.subscribe_with(conditional(watcher.subscribe_request(&alice), &open));
    let nothing = resumed.notify().expect("active");
    assert!(nothing.message().body.is_empty() && nothing.message().header("Content-Type").is_none());
    assert_eq!(tag(&nothing), open);
    publication.modify(&Pidf::basic(&alice, "closed"));
    assert_eq!(resumed.notify().document().basics(), ["closed"]);
}

/// RFC 5839 5.2, 6.2, 6.3 (FLT-34): `*` is true of any state: the subscription sleeps until a SUBSCRIBE
/// without it, its end is told without a body, and it may end in silence.
#[test]
fn a_wildcard_puts_the_subscription_to_sleep() {
    let server = Server::start(Config::new().clock());
    let (alice, phone, watcher) = Phone::pair(&server);
    let mut publication = phone.publish(&Pidf::basic(&alice, "open"));
    let mut subscription = watcher.subscribe(&alice);
    subscription.notify();
    quietly(&mut subscription, 3600, "*");
    for basic in ["closed", "open", "closed"] {
        publication.modify(&Pidf::basic(&alice, basic));
    }
    watcher.round_trip();
    assert!(subscription.arrived().is_empty(), "asleep");
    quietly(&mut subscription, 3600, "*");
    subscription.refresh(3600);
    assert_eq!(subscription.notify().document().basics(), ["closed"], "awake");
    publication.modify(&Pidf::basic(&alice, "open"));
    assert_eq!(subscription.notify().document().basics(), ["open"]);
    quietly(&mut subscription, 600, "*");
    server.advance(Duration::from_secs(601));
    let end = subscription.notify();
    end.expect_end("timeout");
    assert!(end.message().body.is_empty() && end.message().header("Content-Type").is_none());

    let mut new = watcher.subscribe_with(conditional(watcher.subscribe_request(&alice), "*"));
    let first = new.notify().expect("active");
    assert!(first.message().body.is_empty() && first.message().header("SIP-ETag").is_some());
    publication.modify(&Pidf::basic(&alice, "closed"));
    watcher.round_trip();
    assert!(new.arrived().is_empty(), "asleep from the first on");
}

/// RFC 5839 5.7 (FLT-32): an end under a condition that is true is concluded by the 204.
#[test]
fn an_end_may_be_quiet() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let mut publication = phone.publish(&Pidf::basic(&alice, "open"));
    let mut subscription = watcher.subscribe(&alice);
    let open = tag(&subscription.notify());
    quietly(&mut subscription, 0, &open);
    let _ = watcher.send(&subscription.request(3600)).expect(481);
    publication.modify(&Pidf::basic(&alice, "closed"));
    watcher.round_trip();
    assert!(subscription.arrived().is_empty(), "it is over");
}

/// RFC 5839 6.2 (FLT-35): where the state of the subscription has changed, a NOTIFY tells it, without
/// the body that the watcher holds.
#[test]
fn a_change_of_the_state_is_told_without_a_body() {
    let server = Server::start(Config::new().clock());
    let (alice, phone, watcher) = Phone::pair(&server);
    let publication = phone.publish_request(&Pidf::basic(&alice, "open")).with("Expires", "86400");
    let _ = phone.send(&publication).expect(200);
    let mut subscription = watcher.subscribe(&alice);
    let open = tag(&subscription.notify());
    quietly(&mut subscription, 600, &open);
    server.advance(Duration::from_secs(601));
    let end = subscription.notify();
    end.expect_end("timeout");
    assert!(
        end.message().body.is_empty() && end.message().header("Content-Type").is_none(),
        "{}",
        end.message()
    );
    assert_eq!(tag(&end), open);
}

/// Design 1, RFC 5839 6.1, 6.3 (FLT-31, FLT-32): tags and conditions outlive restarts and crashes.
#[test]
fn conditions_outlive_a_crash() {
    let mut server = Server::start(Config::new());
    let (alice, phone, watcher) = Phone::pair(&server);
    let mut publication = phone.publish(&Pidf::basic(&alice, "open"));
    let mut subscription = watcher.subscribe(&alice);
    let open = tag(&subscription.notify());
    quietly(&mut subscription, 3600, &open);
    for crash in [false, true, true] {
        if crash {
            server.kill()
        } else {
            server.stop()
        }
        subscription.allow_gap();
        server.restart();
        quietly(&mut subscription, 3600, &open);
        watcher.round_trip();
        assert!(subscription.arrived().is_empty(), "nothing has changed");
    }
    publication.modify(&Pidf::basic(&alice, "closed"));
    let closed = subscription.notify();
    assert_eq!(closed.document().basics(), ["closed"]);
    quietly(&mut subscription, 3600, "*");
    server.kill();
    subscription.allow_gap();
    server.restart();
    publication.modify(&Pidf::basic(&alice, "open"));
    watcher.round_trip();
    assert!(subscription.arrived().is_empty(), "asleep over the crash, too");
    subscription.refresh(3600);
    assert_eq!(tag(&subscription.notify()), open);
}

/// RFC 5839 6.4 (FLT-31, FLT-36): with changes the tag stands for the whole that they lead to; after a
/// NOTIFY without body the next one brings the whole, whatever the watcher held.
#[test]
fn tags_of_changes_stand_for_the_whole() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let large = |note: &str| {
        (0..6)
            .fold(Pidf::of(&alice).note(note), |d, n| {
                d.reachable(&format!("t{n}"), "open", &format!("sip:{n}@example.com"))
            })
            .text()
    };
    let mut publication = phone.publish(&large("one"));
    let mut held = Held::default();
    let accept = |request: Message| request.with("Accept", EITHER);
    let mut subscription = watcher.subscribe_with(accept(watcher.subscribe_request(&alice)));
    let first = subscription.notify();
    held.take(&first);
    publication.modify(&large("two"));
    let second = subscription.notify();
    assert!(!held.take(&second).full);
    publication.modify(&large("one"));
    let third = subscription.notify();
    held.take(&third);
    assert_eq!(tag(&first), tag(&third));
    assert_ne!(tag(&first), tag(&second));
    quietly(&mut subscription, 3600, &tag(&third));
    publication.modify(&large("three"));
    held.take(&subscription.notify());
    let mut fetch = watcher.subscribe_with(watcher.subscribe_request(&alice).with("Expires", "0"));
    held.agrees(&fetch.notify().document());
    // Taken up again: what the watcher held before is not what changes can be told against.
    let mut poll = watcher.subscribe_with(accept(watcher.subscribe_request(&alice)).with("Expires", "0"));
    let now = tag(&poll.notify());
    let mut resumed = watcher.subscribe_with(conditional(accept(watcher.subscribe_request(&alice)), &now));
    assert!(resumed.notify().message().body.is_empty());
    publication.modify(&large("four"));
    let mut anew = Held::default();
    assert!(anew.take(&resumed.notify()).full);
}
