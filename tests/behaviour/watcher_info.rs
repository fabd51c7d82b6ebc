//! Watcher information: who watches a presentity, for the presentity (RFC 3857, RFC 3858).

use rollcall_tests::server::user;
use rollcall_tests::{Config, Phone, Server, WatcherInfo};
use std::time::Duration;

/// Watchers wait for a decision; winfo is not throttled.
fn undecided() -> Config {
    Config::new().clock().rules("confirm").set("presence.winfo.interval", 0)
}

/// RFC 3857 4.6 and 6.2 (WIN-03, WIN-04, WPS-44): others may not read it, however open the rules are, and a
/// From proves nothing. Peers get this wrong: a winfo of anyone is readable by anyone.
#[test]
fn nobody_reads_the_watchers_of_somebody_else() {
    let server = Server::shared();
    let (alice, bob) = (user("alice"), user("bob"));
    let (own, other) = (Phone::udp(&server, &alice), Phone::udp(&server, &bob));
    let _watched = other.subscribe(&alice);
    for package in ["presence.winfo", "presence.winfo.winfo"] {
        let request = || other.winfo_request(&alice, package);
        let _ = other.send(&request()).expect(403);
        let _ = other.send(&request().with("Expires", "0")).expect(403);
        let _ = other.send(&request().with("From", format!("<{alice}>;tag=1"))).expect(403);
        let anonymous = own.winfo_request(&alice, package).without("P-Asserted-Identity");
        let _ = own.send(&anonymous).expect(403);
    }
    let _ = own.send(&own.winfo_request(&alice, "presence.winfo.winfo.winfo")).expect(403);
    let refused = own.send(&own.winfo_request(&alice, "dialog.winfo")).expect(489);
    assert_eq!(refused.header("Allow-Events"), Some("presence"));
    let wrong = own.winfo_request(&alice, "presence.winfo").with("Accept", "application/pidf+xml");
    let _ = own.send(&wrong).expect(406);
    let mut looking = own.look();
    assert_eq!(looking.notify().watcher_info().told(), [format!("{bob} active subscribe")]);
}

/// RFC 3858 3, RFC 3857 4.7.1 (WIN-05 to WIN-12, WIN-14, WIN-24): full state, then changes, with
/// versions without gap; stable ids; who has gone is told once.
#[test]
fn a_presentity_sees_its_watchers_come_and_go() {
    let server = Server::start(undecided().rules("allow"));
    let (alice, bob, carol) = (user("alice"), user("bob"), user("carol"));
    let phone = Phone::tcp(&server, &alice);
    let (one, two) = (Phone::udp(&server, &bob), Phone::tcp(&server, &carol));
    let mut looking = phone.look();
    let first = looking.notify().watcher_info();
    assert_eq!((first.version, first.full, first.resource.as_str()), (0, true, alice.as_str()));
    assert_eq!((first.package.as_str(), first.watchers.len()), ("presence", 0));
    let mut watching = one.subscribe(&alice);
    let second = looking.notify().watcher_info();
    assert_eq!((second.version, second.full), (1, false));
    assert_eq!(second.told(), [format!("{bob} active subscribe")]);
    assert!(second.watchers[0].expiration.is_some_and(|left| (3_500..=3_600).contains(&left)));
    let _other = two.subscribe(&alice);
    assert_eq!(looking.notify().watcher_info().told(), [format!("{carol} active subscribe")]);
    looking.refresh(3600);
    let all = looking.notify().watcher_info();
    assert_eq!((all.version, all.full, all.watchers.len()), (3, true, 2));
    watching.unsubscribe();
    let gone = looking.notify().watcher_info();
    assert_eq!((gone.version, gone.full), (4, false));
    assert_eq!(gone.told(), [format!("{bob} terminated timeout")]);
    assert_eq!(gone.watchers[0].id, second.watchers[0].id);
    looking.unsubscribe();
    let last = looking.notify();
    last.expect_end("timeout");
    assert_eq!(last.watcher_info().told(), [format!("{carol} active subscribe")]);
}

/// RFC 3857 4.7.1 (WIN-15, WIN-16, WIN-17, WIN-19, SUB-34): who came while nobody decided waits, is
/// replaced by its next attempt, and is given up in the end; a pending one is told so.
#[test]
fn who_waits_for_a_decision_is_remembered() {
    let server = Server::start(undecided().set("presence.winfo.giveup", 600));
    let (alice, bob, carol) = (user("alice"), user("bob"), user("carol"));
    let phone = Phone::udp(&server, &alice);
    let (one, two) = (Phone::udp(&server, &bob), Phone::udp(&server, &carol));
    let mut short = one.subscribe_with(one.subscribe_request(&alice).with("Expires", "60"));
    short.notify().expect("pending");
    let mut fetch = two.subscribe_with(two.subscribe_request(&alice).with("Expires", "0"));
    fetch.notify().expect_end("timeout");
    server.advance(Duration::from_secs(61));
    short.notify().expect_end("timeout");
    let mut looking = phone.look();
    let all = looking.notify().watcher_info();
    let waiting = [format!("{bob} waiting timeout"), format!("{carol} waiting timeout")];
    assert_eq!(all.told(), waiting);
    assert!(all.watchers.iter().all(|one| one.expiration.is_none()));
    let mut again = one.subscribe(&alice);
    again.notify().expect("pending");
    let told = looking.notify().watcher_info().told();
    assert_eq!(told, [format!("{bob} pending subscribe"), format!("{bob} terminated giveup")]);
    server.advance(Duration::from_secs(601));
    again.notify().expect_end("giveup");
    let mut told = looking.notify().watcher_info().told();
    if told.len() < 2 {
        told.extend(looking.notify().watcher_info().told());
    }
    told.sort();
    assert_eq!(told, [format!("{bob} terminated giveup"), format!("{carol} terminated giveup")]);
}

/// RFC 3857 4.10 (WIN-23): one notification of changes in an interval, with all of them.
#[test]
fn changes_are_merged() {
    let server = Server::start(undecided().rules("allow").set("presence.winfo.interval", 5));
    let alice = user("alice");
    let phone = Phone::udp(&server, &alice);
    let watcher = Phone::udp(&server, &user("bob"));
    let mut looking = phone.look();
    looking.notify();
    let mut watching: Vec<_> = (0..5).map(|_| watcher.subscribe(&alice)).collect();
    assert_eq!(looking.notify().watcher_info().watchers.len(), 1, "the first at once");
    watching[4].unsubscribe();
    server.advance(Duration::from_millis(4_000));
    phone.round_trip();
    assert!(looking.arrived().is_empty());
    server.advance(Duration::from_millis(1_500));
    let merged = looking.notify().watcher_info();
    assert_eq!((merged.version, merged.full, merged.watchers.len()), (2, false, 4));
    assert_eq!(merged.watchers.iter().filter(|one| one.status == "terminated").count(), 1);
}

/// RFC 3857 4.1 (WIN-01): who watches the watchers.
#[test]
fn winfo_subscribers_are_watchers_too() {
    let server = Server::start(undecided());
    let alice = user("alice");
    let (desk, mobile) = (Phone::udp(&server, &alice), Phone::tcp(&server, &alice));
    let mut deep = desk.subscribe_with(desk.winfo_request(&alice, "presence.winfo.winfo"));
    assert_eq!(deep.notify().watcher_info().watchers.len(), 0);
    let mut looking = mobile.look();
    looking.notify();
    let told = deep.notify().watcher_info();
    assert_eq!(
        (told.package.as_str(), told.told()),
        ("presence.winfo", vec![format!("{alice} active subscribe")])
    );
    looking.unsubscribe();
    looking.notify().expect_end("timeout");
    assert_eq!(deep.notify().watcher_info().told(), [format!("{alice} terminated timeout")]);
}

/// Design 5: an orderly stop loses no change and bothers nobody; after a kill the subscriber gets full
/// state, with a version that does not go back.
#[test]
fn a_restart_loses_no_watcher() {
    let mut server = Server::start(Config::new().set("presence.winfo.interval", 0));
    let (alice, bob, carol) = (user("alice"), user("bob"), user("carol"));
    let phone = Phone::udp(&server, &alice);
    let (one, two) = (Phone::udp(&server, &bob), Phone::udp(&server, &carol));
    let mut looking = phone.look();
    looking.notify();
    let mut first = one.subscribe(&alice);
    first.notify();
    assert_eq!(looking.notify().watcher_info().version, 1);
    server.stop();
    server.restart();
    let mut second = two.subscribe(&alice);
    second.notify();
    let told = looking.notify().watcher_info();
    assert_eq!((told.version, told.full, told.told()), (2, false, vec![format!("{carol} active subscribe")]));
    first.unsubscribe();
    first.notify();
    assert_eq!(looking.notify().watcher_info().version, 3);
    server.kill();
    looking.allow_gap();
    server.restart();
    let told: WatcherInfo = looking.notify().watcher_info();
    assert!(told.full && told.version > 3, "{told:?}");
    assert_eq!(told.told(), [format!("{carol} active subscribe")]);
}
