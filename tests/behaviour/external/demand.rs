//! When a source is asked (EXT-20, WPS-14).

use std::time::Duration;

use rollcall_tests::phone::PIDF;
use rollcall_tests::{Config, Phone, Server, Source};

use super::*;

/// EXT-20: one subscription at the source for all watchers, from the first of them until a grace time after the last. What
/// the source said is gone with it.
#[test]
fn all_watchers_share_one_subscription() {
    let (server, registrar) = registered(Config::new().clock());
    let (bob, carol) = (Phone::udp(&server, BOB), Phone::tcp(&server, CAROL));
    registrar.assert_quiet();
    let mut first = bob.subscribe(ALICE);
    shown(&mut first, |document| is_open(document, ALICE));
    let begun = registrar.subscribe().expect_initial(ALICE, 200);
    let mut second = carol.subscribe(ALICE);
    assert!(is_open(&second.notify().document(), ALICE));
    first.unsubscribe();
    first.notify_until(|notify| notify.state() == "terminated");
    Source::advance(&server, &[&registrar], Duration::from_secs(90));
    registrar.assert_quiet();
    second.unsubscribe();
    second.notify_until(|notify| notify.state() == "terminated");
    Source::advance(&server, &[&registrar], Duration::from_secs(50));
    registrar.assert_quiet();
    Source::advance(&server, &[&registrar], Duration::from_secs(11));
    let end = registrar.subscribe().expect_next_after(&begun);
    assert_eq!(end.message.expires(), Some(0), "{}", end.message);
    wait_until("the end of the subscription", || registrar.subscriptions() == 0);
    let mut third = bob.subscribe(ALICE);
    assert!(!is_open(&third.notify().document(), ALICE), "what it said has gone with the subscription");
    registrar.subscribe().expect_initial(ALICE, 200);
    shown(&mut third, |document| is_open(document, ALICE));
}

/// EXT-20: who comes back within the grace time finds everything as it was.
#[test]
fn a_watcher_who_comes_back_in_time_finds_all_as_it_was() {
    let (server, registrar) = registered(Config::new().clock());
    let bob = Phone::udp(&server, BOB);
    let mut first = bob.subscribe(ALICE);
    shown(&mut first, |document| is_open(document, ALICE));
    registrar.subscribe().expect_initial(ALICE, 200);
    for _ in 0..3 {
        first.unsubscribe();
        first.notify_until(|notify| notify.state() == "terminated");
        Source::advance(&server, &[&registrar], Duration::from_secs(40));
        first = bob.subscribe(ALICE);
        assert!(is_open(&first.notify().document(), ALICE));
    }
    Source::advance(&server, &[&registrar], Duration::from_secs(120));
    registrar.assert_quiet();
    assert_eq!(registrar.subscriptions(), 1);
}

/// RFC 6665 4.4.3: somebody who asks once has the source asked, too, and the next one who asks within the grace time
/// sees what it said.
#[test]
fn a_fetch_has_the_source_asked() {
    let (server, registrar) = registered(Config::new().clock());
    let bob = Phone::udp(&server, BOB);
    let fetch = || {
        let mut fetch = bob.subscribe_with(bob.subscribe_request(ALICE).with("Expires", "0"));
        fetch.notify().document()
    };
    assert!(!is_open(&fetch(), ALICE), "nobody waits for a source");
    registrar.subscribe().expect_initial(ALICE, 200);
    wait_until("what the registrar said", || is_open(&fetch(), ALICE));
    registrar.assert_quiet();
    Source::advance(&server, &[&registrar], Duration::from_secs(70));
    assert_eq!(registrar.subscribe().message.expires(), Some(0));
}

/// WPS-14: `start = "always"`: everybody who is named is asked for from the start of the server on, whether
/// watched or not, and the list may change while the server runs.
#[test]
fn always_means_without_watchers() {
    let partner = Source::community();
    let (bobby, carola) = ("sip:bobby@partner.example", "sip:carola@partner.example");
    for there in [AL, bobby, carola] {
        partner.knows(there, PIDF, &noted(there, "there"));
    }
    let entry = with(community(&partner, "partner", "partner.json"), "start", "always");
    let config = Config::new().clock().source("community", entry);
    let map = |users: &[(&str, &str)]| {
        let members: Vec<String> =
            users.iter().map(|(here, there)| format!("\"{here}\": [\"{there}\"]")).collect();
        format!("{{{}}}", members.join(","))
    };
    let server = Server::start_with(&[("partner.json", &map(&[(ALICE, AL), (BOB, bobby)]))], config);
    let mut asked = [partner.subscribe().resource().to_owned(), partner.subscribe().resource().to_owned()];
    asked.sort();
    assert_eq!(asked, [AL, bobby]);
    server.replace("partner.json", &map(&[(ALICE, AL), (CAROL, carola)]));
    server.reload();
    // The source looks at its list at times of its own, and so does everybody at his next refresh.
    let mut new = Vec::new();
    wait_until("the new one is asked for, the old one no longer", || {
        Source::advance(&server, &[&partner], Duration::from_secs(300));
        while let Some(subscribe) = partner.try_subscribe(Duration::from_millis(20)) {
            new.push((
                subscribe.resource().to_owned(),
                subscribe.message.to_string(),
                subscribe.is_initial(),
            ));
        }
        new.iter().any(|(resource, _, initial)| resource == carola && *initial)
            && partner.subscriptions() == 2
    });
    let watcher = Phone::udp(&server, "sip:dave@example.com");
    for (user, there) in [(ALICE, true), (BOB, false), (CAROL, true)] {
        let mut subscription = watcher.subscribe(user);
        assert_eq!(notes(&subscription.notify().document()) == ["there"], there, "{user}");
    }
}

/// WPS-14: a source that is switched off is not asked; one that knows only those who are listed is not asked for
/// others.
#[test]
fn only_who_is_known_there_is_asked_for() {
    let (partner, off) = (Source::community(), Source::registrar());
    let config = Config::new()
        .source("community", community(&partner, "partner", "partner.json"))
        .source("registrar", with(scscf(&off), "enabled", false));
    let server = Server::start_with(&[("partner.json", PARTNER)], config);
    let watcher = Phone::udp(&server, CAROL);
    let mut bobs = watcher.subscribe(BOB);
    bobs.notify();
    partner.assert_quiet();
    let mut alices = watcher.subscribe(ALICE);
    alices.notify();
    partner.subscribe().expect_initial(AL, 200);
    off.assert_quiet();
}
