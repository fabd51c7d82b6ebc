//! Elements that are current for a time only (RFC 4480 3.1, RFC 4481 3).

use rollcall_tests::partial::{EITHER, Held};
use rollcall_tests::pidf::from_now;
use rollcall_tests::server::user;
use rollcall_tests::{Config, Phone, Pidf, Server};
use std::time::Duration;

fn person(inside: &str) -> String {
    format!("<dm:person id=\"p\">{inside}</dm:person>")
}

/// RFC 4480 3.1 (PIDF-16): an element goes at its `until`, by itself, with a NOTIFY; others stay, and what
/// has no end stays for good.
#[test]
fn what_is_over_goes_by_itself() {
    let server = Server::start(Config::new().clock());
    let (alice, phone, watcher) = Phone::pair(&server);
    let inside = format!(
        "<rpid:activities from=\"{}\" until=\"{}\"><rpid:meeting/></rpid:activities>\
         <rpid:mood until=\"{}\"><rpid:sad/></rpid:mood><rpid:sphere><rpid:work/></rpid:sphere>",
        from_now(-60),
        from_now(600),
        from_now(1200)
    );
    let tuple = format!(
        "<tuple id=\"t\"><status><basic>open</basic></status><rpid:privacy until=\"{}\"><rpid:text/></rpid:privacy></tuple>",
        from_now(600)
    );
    let _publication = phone.publish(&Pidf::of(&alice).raw_tuple(&tuple).raw(&person(&inside)).text());
    let mut subscription = watcher.subscribe(&alice);
    let mut partly = watcher.subscribe_with(watcher.subscribe_request(&alice).with("Accept", EITHER));
    let mut held = Held::default();
    let first = subscription.notify().document();
    held.take(&partly.notify());
    assert_eq!(first.activities(), ["meeting"]);
    assert!(first.text().contains("privacy") && first.text().contains("sad"), "{}", first.text());
    server.advance(Duration::from_secs(590));
    watcher.round_trip();
    assert!(subscription.arrived().is_empty(), "not yet");
    server.advance(Duration::from_secs(11));
    let second = subscription.notify().document();
    assert!(second.activities().is_empty() && !second.text().contains("privacy"), "{}", second.text());
    assert!(second.text().contains("sad") && second.text().contains("work"), "{}", second.text());
    held.take(&partly.notify());
    held.agrees(&second);
    server.advance(Duration::from_secs(600));
    let third = subscription.notify().document();
    assert!(!third.text().contains("sad") && third.text().contains("work"), "{}", third.text());
    held.take(&partly.notify());
    held.agrees(&third);
    server.advance(Duration::from_secs(600));
    watcher.round_trip();
    assert!(subscription.arrived().is_empty(), "nothing else ends");
}

/// RFC 4480 3.1 (PIDF-16): what is over when it is published is never shown, and makes no trouble.
#[test]
fn what_is_over_already_is_never_shown() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let inside = format!("<rpid:activities until=\"{}\"><rpid:away/></rpid:activities>", from_now(-5));
    let _publication = phone.publish(&Pidf::of(&alice).tuple("t", "open").raw(&person(&inside)).text());
    let mut subscription = watcher.subscribe(&alice);
    let document = subscription.notify().document();
    assert!(document.activities().is_empty(), "{}", document.text());
    assert_eq!(document.basics(), ["open"]);
}

/// RFC 4481 3 (PIDF-20): `timed-status` tells of another time than the present: it is shown until then, and
/// overlapping ones are both shown.
#[test]
fn timed_status_ends_when_its_time_comes() {
    let server = Server::start(Config::new().clock());
    let (alice, phone, watcher) = Phone::pair(&server);
    let later = |from: i64, until: i64| {
        format!(
            "<ts:timed-status xmlns:ts=\"urn:ietf:params:xml:ns:pidf:timed-status\" from=\"{}\" until=\"{}\">\
             <ts:basic>closed</ts:basic></ts:timed-status>",
            from_now(from),
            from_now(until)
        )
    };
    let tuple = format!(
        "<tuple id=\"t\"><status><basic>open</basic></status>{}{}</tuple>",
        later(300, 900),
        later(600, 1200)
    );
    let _publication = phone.publish(&Pidf::of(&alice).raw_tuple(&tuple).text());
    let mut subscription = watcher.subscribe(&alice);
    let shown = |text: &str| text.matches("<ts:timed-status").count();
    let mut seen = vec![shown(subscription.notify().document().text())];
    for _ in 0..2 {
        server.advance(Duration::from_secs(301));
        let document = subscription.notify().document();
        assert_eq!(document.basics(), ["open"]);
        seen.push(shown(document.text()));
    }
    assert_eq!(seen, [2, 1, 0]);
}

/// Design 1, RFC 4480 3.1 (PIDF-16): what ends after an orderly restart, or after a crash, goes all the same.
#[test]
fn ends_outlive_a_restart() {
    let mut server = Server::start(Config::new().clock());
    let (alice, phone, watcher) = Phone::pair(&server);
    let inside = format!(
        "<rpid:activities until=\"{}\"><rpid:away/></rpid:activities><rpid:mood until=\"{}\"><rpid:sad/></rpid:mood>",
        from_now(300),
        from_now(600)
    );
    let _publication = phone.publish(&Pidf::of(&alice).tuple("t", "open").raw(&person(&inside)).text());
    let mut subscription = watcher.subscribe(&alice);
    assert_eq!(subscription.notify().document().activities(), ["away"]);
    server.stop();
    server.restart();
    server.advance(Duration::from_secs(301));
    let document = subscription.notify().document();
    assert!(document.activities().is_empty() && document.text().contains("sad"), "{}", document.text());
    server.kill();
    subscription.allow_gap();
    server.restart();
    server.advance(Duration::from_secs(601));
    let document = subscription.notify_until(|n| !n.document().text().contains("sad")).document();
    assert_eq!(document.basics(), ["open"]);
}

/// RFC 4480 3.1, 3.2: elements with times may follow each other; each goes in its turn, of whichever
/// publication it is, and what has come meanwhile is not disturbed.
#[test]
fn each_goes_in_its_turn() {
    let server = Server::start(Config::new().clock());
    let (alice, bob) = (user("alice"), user("bob"));
    let (desk, mobile) = (Phone::udp(&server, &alice), Phone::udp(&server, &alice));
    let watcher = Phone::udp(&server, &bob);
    let with = |activity: &str, until: i64| {
        let inside =
            format!("<rpid:activities until=\"{}\"><rpid:{activity}/></rpid:activities>", from_now(until));
        Pidf::of(&alice).raw(&person(&inside)).text()
    };
    let mut subscription = watcher.subscribe(&alice);
    subscription.notify();
    let mut first = desk.publish(&with("away", 300));
    subscription.notify();
    let _second = mobile.publish(&with("meal", 600));
    let mut both = subscription.notify().document().activities();
    both.sort();
    assert_eq!(both, ["away", "meal"]);
    // Put off before it is over.
    first.modify(&with("away", 900));
    subscription.notify();
    server.advance(Duration::from_secs(301));
    watcher.round_trip();
    assert!(subscription.arrived().is_empty(), "it was put off");
    server.advance(Duration::from_secs(300));
    assert_eq!(subscription.notify().document().activities(), ["away"]);
    server.advance(Duration::from_secs(300));
    assert!(subscription.notify().document().activities().is_empty());
}
