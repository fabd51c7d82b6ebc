//! Subscriptions whose presentity maps to another fundamental identity since an operator's reload
//! (WPS-31 to WPS-34).

use std::time::{Duration, Instant};

use rollcall_tests::partial::{EITHER, Held};
use rollcall_tests::subscription::Notify;
use rollcall_tests::{Answer, Config, LIMIT, Phone, Pidf, Server, Subscription};
use serde_json::Value;

const ALICE: &str = "sip:alice@example.com";
const CAROL: &str = "sip:carol@example.com";
const DAVE: &str = "sip:dave@example.com";
const DESK: &str = "sip:desk@example.com";

/// The map in which the desk is that person's.
fn map(person: &str) -> String {
    format!("{{\"{person}\": [\"{DESK}\"]}}")
}

fn server() -> Server {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("map.json"), map(ALICE)).expect("write the map");
    Server::start_in(folder, Config::new().set("identity.map", "map.json"))
}

/// The desk becomes that person's, once everything that was posted has arrived: where to look for a subscription
/// is known to the desk a moment after it was taken.
fn give_desk_to(server: &Server, person: &str) {
    server.wait_metrics("every post delivered", |metrics| {
        metrics.sum("rollcall_outbox_depth", &[]) == Some(0.0)
    });
    let new = server.folder().join("new");
    std::fs::write(&new, map(person)).expect("write the map");
    std::fs::rename(new, server.folder().join("map.json")).expect("replace the map");
    let (status, report) = server.admin().call("POST", "/reload");
    assert_eq!(status, 200, "{report}");
}

fn publish(server: &Server, person: &str, note: &str) {
    let _ = Phone::udp(server, person).publish(&Pidf::of(person).tuple("t", "open").note(note).text());
}

fn notes(notify: &Notify) -> Vec<String> {
    notify.document().notes()
}

fn presentity(server: &Server, uri: &str) -> Value {
    server.admin().json(&format!("/presentity?uri={uri}"))
}

/// Watchers of a person, as an operator is told.
fn watchers(server: &Server, person: &str) -> u64 {
    presentity(server, person)["subscriptions"]["presence"]["total"].as_u64().expect("a number")
}

/// Refreshes until it is granted: while the subscription is on its way it is put off, never denied.
fn refresh(subscription: &mut Subscription<'_>) {
    let start = Instant::now();
    loop {
        let request = subscription.request(3600);
        subscription.skip_cseq();
        let answer = subscription.phone().send(&request);
        if answer.status() == 200 {
            return;
        }
        assert_eq!((answer.status(), answer.header("Retry-After")), (500, Some("1")), "{answer}");
        assert!(start.elapsed() < LIMIT, "put off for ever");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// "Upon re-subscribing, the presentity is mapped again …, and if the mapping has changed … a full notification
/// is sent with the presence information for the new presentity": in the same dialog, with the next CSeq (checked on
/// arrival). The reload alone moves nothing. Over UDP and TCP, and as often as the map changes.
#[test]
fn a_refresh_moves_a_subscription_to_the_new_presentity() {
    let server = server();
    publish(&server, ALICE, "of alice");
    publish(&server, CAROL, "of carol");
    let phones = [Phone::udp(&server, "sip:bob@example.com"), Phone::tcp(&server, "sip:eve@example.com")];
    let mut subscriptions: Vec<_> = phones.iter().map(|phone| phone.subscribe(DESK)).collect();
    for subscription in &mut subscriptions {
        assert_eq!(notes(&subscription.notify()), ["of alice"]);
    }
    give_desk_to(&server, CAROL);
    publish(&server, ALICE, "more of alice");
    for subscription in &mut subscriptions {
        assert!(
            notes(&subscription.notify()).contains(&"more of alice".to_owned()),
            "the reload moves nothing"
        );
    }
    for subscription in &mut subscriptions {
        refresh(subscription);
        let notify = subscription.notify().expect("active");
        assert_eq!(
            (notes(&notify), notify.document().entity()),
            (vec!["of carol".to_owned()], DESK.to_owned())
        );
    }
    assert_eq!((watchers(&server, ALICE), watchers(&server, CAROL)), (0, 2));
    // What alice does is nothing to them any more: the next thing they hear is carol's.
    publish(&server, ALICE, "still more of alice");
    publish(&server, CAROL, "more of carol");
    for subscription in &mut subscriptions {
        let mut seen = notes(&subscription.notify());
        seen.sort();
        assert_eq!(seen, ["more of carol", "of carol"]);
    }
    for person in [DAVE, ALICE, DESK, CAROL] {
        give_desk_to(&server, person);
        for subscription in &mut subscriptions {
            refresh(subscription);
            let seen = notes(&subscription.notify());
            assert_eq!(seen.iter().any(|note| note.ends_with("of alice")), person == ALICE, "{seen:?}");
            assert_eq!(seen.iter().any(|note| note.ends_with("of carol")), person == CAROL, "{seen:?}");
        }
    }
    assert_eq!(presentity(&server, DESK)["subscriptions"]["presence"]["list"][0]["moves"], 5);
    for subscription in &mut subscriptions {
        subscription.unsubscribe();
        subscription.notify().expect_end("timeout");
    }
}

/// SUB-27: while a NOTIFY is unanswered the subscription stays; the next one, of the new presentity, comes after
/// the answer.
#[test]
fn a_notify_in_flight_is_waited_for() {
    let server = server();
    publish(&server, CAROL, "of carol");
    let bob = Phone::udp(&server, "sip:bob@example.com");
    let mut subscription = bob.subscribe(DESK);
    subscription.notify();
    subscription.script(Box::new(|_| Answer::Silence));
    publish(&server, ALICE, "of alice");
    let late = subscription.notify();
    give_desk_to(&server, CAROL);
    subscription.refresh(3600);
    subscription.refresh(3600);
    assert_eq!((watchers(&server, ALICE), watchers(&server, CAROL)), (1, 0));
    assert_eq!(presentity(&server, ALICE)["subscriptions"]["presence"]["list"][0]["state"], "leaving");
    bob.round_trip();
    assert!(subscription.arrived().is_empty(), "nothing overtakes it");
    subscription.script(Box::new(|_| Answer::Ok));
    subscription.answer(&late, &Answer::Ok);
    assert_eq!(notes(&subscription.notify()), ["of carol"]);
    assert_eq!((watchers(&server, ALICE), watchers(&server, CAROL)), (0, 1));
}

/// The process dies right after the answer to the SUBSCRIBE that moves: the watcher is brought to the new
/// presentity without asking again, and has one subscription.
#[test]
fn a_move_survives_a_kill() {
    let mut server = server();
    publish(&server, ALICE, "of alice");
    publish(&server, CAROL, "of carol");
    let bob = Phone::udp(&server, "sip:bob@example.com");
    let mut subscription = bob.subscribe(DESK);
    let mut last = subscription.notify().message().cseq();
    for (person, note) in [(CAROL, "of carol"), (ALICE, "of alice"), (CAROL, "of carol"), (DAVE, "")] {
        give_desk_to(&server, person);
        refresh(&mut subscription);
        server.kill();
        subscription.allow_gap();
        server.restart();
        loop {
            let notify = subscription.notify();
            assert!(notify.message().cseq() > last, "CSeq goes back: {}", notify.message());
            last = notify.message().cseq();
            subscription.allow_gap();
            if notes(&notify) == [note] || note.is_empty() && notes(&notify).is_empty() {
                break;
            }
        }
        let total: u64 = [ALICE, CAROL, DAVE].iter().map(|one| watchers(&server, one)).sum();
        assert_eq!((total, watchers(&server, person)), (1, 1));
        refresh(&mut subscription);
        last = subscription.notify().message().cseq();
    }
}

/// WPS-34, WPS-45: who moves is shown to have left by the one presentity and to have come by the other; a winfo
/// subscription to an address moves as well.
#[test]
fn watcher_information_follows() {
    let server = server();
    let bob = Phone::udp(&server, "sip:bob@example.com");
    let mut watch = bob.subscribe(DESK);
    watch.notify();
    let phones = [ALICE, CAROL, DESK].map(|person| Phone::udp(&server, person));
    let winfo = |phone: &Phone| {
        let to = phone.identity().to_owned();
        phone
            .subscribe_request(&to)
            .with("Event", "presence.winfo")
            .with("Accept", "application/watcherinfo+xml")
    };
    let mut lists: Vec<_> = phones.iter().map(|phone| phone.subscribe_with(winfo(phone))).collect();
    let text = |notify: &Notify| String::from_utf8_lossy(&notify.message().body).into_owned();
    let shows = |notify: &Notify, status: &str, event: &str| {
        let body = text(notify);
        let has = |name: &str, value: &str| body.contains(&format!("{name}=\"{value}\""));
        body.contains("sip:bob@example.com") && has("status", status) && has("event", event)
    };
    for (list, watched) in lists.iter_mut().zip([true, false, true]) {
        let notify = list.notify();
        assert_eq!(shows(&notify, "active", "subscribe"), watched, "{}", text(&notify));
    }
    give_desk_to(&server, CAROL);
    refresh(&mut watch);
    watch.notify();
    let notify = lists[0].notify();
    assert!(shows(&notify, "terminated", "deactivated"), "{}", text(&notify));
    let notify = lists[1].notify();
    assert!(shows(&notify, "active", "subscribe"), "{}", text(&notify));
    // The desk was told like alice; with its own refresh it sees what carol sees.
    let notify = lists[2].notify();
    assert!(shows(&notify, "terminated", "deactivated"), "{}", text(&notify));
    refresh(&mut lists[2]);
    let notify = lists[2].notify();
    assert!(
        shows(&notify, "active", "subscribe") && text(&notify).contains("state=\"full\""),
        "{}",
        text(&notify)
    );
}

/// WPS-32, RFC 5263 4.4 (FLT-17, FLT-20): a watcher of partial documents that moves gets the whole of the new
/// presentity under the next version, and changes of that one from then on.
#[test]
fn a_move_brings_the_whole_to_watchers_of_partial_documents() {
    let server = server();
    let long = |note: &str| {
        let document = Pidf::of(CAROL).note(note);
        (0..6)
            .fold(document, |d, n| d.reachable(&format!("t{n}"), "open", &format!("sip:{n}@example.com")))
            .text()
    };
    publish(&server, ALICE, "of alice");
    let carol = Phone::udp(&server, CAROL);
    let mut publication = carol.publish(&long("of carol"));
    let watcher = Phone::udp(&server, "sip:bob@example.com");
    let request = watcher.subscribe_request(DESK).with("Accept", EITHER);
    let mut subscription = watcher.subscribe_with(request);
    let mut held = Held::default();
    held.take(&subscription.notify());
    publish(&server, ALICE, "more of alice");
    held.take(&subscription.notify());
    give_desk_to(&server, CAROL);
    refresh(&mut subscription);
    let whole = held.take(&subscription.notify());
    assert!(
        whole.full && whole.text().contains("of carol") && !whole.text().contains("alice"),
        "{}",
        whole.text()
    );
    publication.modify(&long("more of carol"));
    let change = held.take(&subscription.notify());
    assert!(!change.full, "{}", change.text());
    let mut fetch = watcher.subscribe_with(watcher.subscribe_request(DESK).with("Expires", "0"));
    held.agrees(&fetch.notify().document());
}
