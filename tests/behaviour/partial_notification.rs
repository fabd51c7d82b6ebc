//! Partial notification (RFC 5263): watchers get what changed. What they make of it is compared
//! with what a watcher of whole documents has, by a patcher that is not the server's.

use rollcall_tests::partial::{EITHER, Held, PIDF_DIFF};
use rollcall_tests::phone::PIDF;
use rollcall_tests::server::user;
use rollcall_tests::{Answer, Config, Message, Phone, Pidf, Server, Subscription};
use std::time::Duration;

fn partial_request(watcher: &Phone, presentity: &str) -> Message {
    watcher.subscribe_request(presentity).with("Accept", EITHER)
}

fn watch<'p>(watcher: &'p Phone, presentity: &str) -> (Subscription<'p>, Held) {
    let mut subscription = watcher.subscribe_with(partial_request(watcher, presentity));
    let mut held = Held::default();
    assert!(held.take(&subscription.notify()).full, "first the whole (FLT-17)");
    (subscription, held)
}

/// A document with so much in it that a change of a part is shorter than the whole.
fn large(presentity: &str) -> Pidf {
    (0..6).fold(Pidf::of(presentity), |document, n| {
        document.reachable(&format!("t{n}"), "open", &format!("sip:place-number-{n}@example.com"))
    })
}

/// RFC 5263 4.2, 4.3 (FLT-16): partial documents for those only who name their type, and who rate
/// it no lower than whole ones.
#[test]
fn partial_documents_are_for_those_who_ask() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let _publication = phone.publish(&Pidf::basic(&alice, "open"));
    let cases = [
        (EITHER, PIDF_DIFF),
        ("application/pidf-diff+xml", PIDF_DIFF),
        ("application/pidf+xml, application/pidf-diff+xml", PIDF_DIFF),
        ("application/pidf+xml;q=1.0, application/pidf-diff+xml;q=0.9", PIDF),
        ("application/pidf+xml;q=0, application/pidf-diff+xml;q=0.1", PIDF_DIFF),
        ("application/pidf+xml, application/pidf-diff+xml;q=0", PIDF),
        ("application/pidf+xml", PIDF),
        ("*/*", PIDF),
        ("application/*", PIDF),
        ("*/*;q=0.1, Application/PIDF-diff+xml;q=0.2", PIDF_DIFF),
    ];
    for (accept, kind) in cases {
        let mut subscription =
            watcher.subscribe_with(watcher.subscribe_request(&alice).with("Accept", accept));
        let notify = subscription.notify();
        assert_eq!(notify.message().header("Content-Type"), Some(kind), "Accept: {accept}");
    }
    let mut none = watcher.subscribe_with(watcher.subscribe_request(&alice).without("Accept"));
    assert_eq!(none.notify().message().header("Content-Type"), Some(PIDF));
    let refused = watcher.subscribe_request(&alice).with("Accept", "application/pidf-diff+xml;q=0");
    let _ = watcher.send(&refused).expect(406);
}

/// RFC 5263 4.4, RFC 5262 3, RFC 5261 4 (FLT-17, FLT-20, FLT-21): whatever changes, and however many
/// publications there are, the changes lead to what others get whole; versions grow by one.
#[test]
fn changes_lead_to_the_whole() {
    let server = Server::shared();
    let (alice, bob, carol) = (user("alice"), user("bob"), user("carol"));
    let phones: Vec<Phone> = (0..3).map(|_| Phone::udp(&server, &alice)).collect();
    let (one, two) = (Phone::udp(&server, &bob), Phone::tcp(&server, &carol));
    let mut first = phones[0].publish(&large(&alice).text());
    let (mut partly, mut held) = watch(&one, &alice);
    let mut whole = two.subscribe(&alice);
    held.agrees(&whole.notify().document());
    let mut differences = 0;
    let mut follow = |what: &str| {
        let partial = held.take(&partly.notify());
        held.agrees(&whole.notify().document());
        differences += usize::from(!partial.full);
        assert!(!partial.full, "what changed is less: {what}\n{}", partial.text());
    };
    let raw = |id: &str, inside: &str| format!("<tuple id=\"{id}\">{inside}</tuple>");
    first.modify(&large(&alice).text().replacen("open", "closed", 2));
    follow("two values");
    first.modify(&large(&alice).note("at my desk").text());
    follow("a note comes");
    first.modify(&large(&alice).note("on the way").note("in &lt;a&gt; train &amp; \"bus\"").text());
    follow("notes of text that has to be escaped");
    let mut second = phones[1].publish(&Pidf::of(&alice).tuple("t1", "closed").activity("p", "away").text());
    follow("a second publication, with an id that the first has too");
    second.modify(&Pidf::of(&alice).tuple("t1", "closed").activity("p", "meeting").text());
    follow("an activity");
    let more = "<rpid:activities id=\"a1\"><rpid:away/>";
    second.modify(&Pidf::of(&alice).activity("p", "meeting").text().replace("<rpid:activities>", more));
    follow("a tuple goes, an attribute and an element come");
    let mut third = phones[2].publish(
        &Pidf::of(&alice)
            .raw_tuple(&raw(
                "t1",
                "<status><basic>open</basic></status><x:a xmlns:x=\"urn:example:x\" x:b=\"1\"><x:c/>text<x:c/></x:a>\
                 <contact priority=\"0.5\">sip:place-number-1@example.com</contact><note xml:lang=\"de\">Grüße</note>",
            ))
            .text(),
    );
    follow("elements and attributes of a namespace that nobody knows, mixed content");
    third.modify(
        &Pidf::of(&alice)
            .raw_tuple(&raw(
                "t1",
                "<status><basic>open</basic></status><y:a xmlns:y=\"urn:example:x\" y:b=\"2\"><y:c/>other<y:c/></y:a>\
                 <contact priority=\"0.7\">sip:place-number-1@example.com</contact><note xml:lang=\"fr\">Salut</note>",
            ))
            .text(),
    );
    follow("another prefix, priority, language");
    third.remove();
    follow("a publication goes");
    second.remove();
    follow("another goes");
    first.modify(
        &(0..7)
            .rev()
            .fold(Pidf::of(&alice), |d, n| {
                d.reachable(&format!("t{n}"), "open", &format!("sip:place-number-{n}@example.com"))
            })
            .text()
            .replace("<tuple id=\"t3\">", "<tuple id=\"u3\">"),
    );
    // The order is turned around: what is shorter is for the server to find.
    held.take(&partly.notify());
    held.agrees(&whole.notify().document());
    assert_eq!(differences, 10);
}

/// RFC 5262 4 (FLT-22): changes that are no shorter than the whole are sent as the whole.
#[test]
fn the_whole_is_sent_when_it_is_shorter() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let mut publication = phone.publish(&large(&alice).text());
    let (mut subscription, mut held) = watch(&watcher, &alice);
    publication.modify(&Pidf::of(&alice).note("nothing else").text());
    let partial = held.take(&subscription.notify());
    assert!(partial.full, "{}", partial.text());
    publication.remove();
    let _ = held.take(&subscription.notify());
    assert_eq!(held.version(), 3);
}

/// RFC 5263 4.4 (FLT-19): after each SUBSCRIBE the whole, under the next version; and a fetch
/// gets the whole under version 1.
#[test]
fn each_subscribe_is_answered_with_the_whole() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let mut publication = phone.publish(&large(&alice).text());
    let (mut subscription, mut held) = watch(&watcher, &alice);
    for round in 0..3 {
        publication.modify(&large(&alice).note(&format!("round {round}")).text());
        assert!(!held.take(&subscription.notify()).full);
        subscription.refresh(3600);
        assert!(held.take(&subscription.notify()).full, "after a refresh");
    }
    let mut fetch = watcher.subscribe_with(partial_request(&watcher, &alice).with("Expires", "0"));
    let only = fetch.notify();
    only.expect_end("timeout");
    assert!(Held::default().take(&only).full);
    subscription.unsubscribe();
    let last = subscription.notify();
    last.expect_end("timeout");
    assert!(held.take(&last).full);
    assert_eq!(held.version(), 8);
}

/// RFC 5263 4.4, 4.5 (FLT-17): a watcher may change the type with each SUBSCRIBE; the version goes on
/// where it was, and the first partial document after a change of the type is the whole.
#[test]
fn versions_go_on_when_the_type_changes() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let mut publication = phone.publish(&large(&alice).text());
    let (mut subscription, mut held) = watch(&watcher, &alice);
    publication.modify(&large(&alice).note("one").text());
    assert!(!held.take(&subscription.notify()).full);
    for round in 0..2 {
        subscription.send(&subscription.request(3600).with("Accept", PIDF));
        held.replace(&subscription.notify().document());
        publication.modify(&large(&alice).note(&format!("whole {round}")).text());
        held.replace(&subscription.notify().document());
        subscription.send(&subscription.request(3600).with("Accept", EITHER));
        assert!(held.take(&subscription.notify()).full, "the first after a change of the type");
        publication.modify(&large(&alice).note(&format!("partly {round}")).text());
        assert!(!held.take(&subscription.notify()).full);
    }
    assert_eq!(held.version(), 6);
}

/// RFC 5263 4.4 (FLT-18): no further NOTIFY before the one in flight is answered, and the next one
/// then brings all that changed meanwhile.
#[test]
fn one_notify_at_a_time() {
    let server = Server::shared();
    let (alice, bob, carol) = (user("alice"), user("bob"), user("carol"));
    let (phone, watcher) = (Phone::udp(&server, &alice), Phone::udp(&server, &bob));
    let other = Phone::udp(&server, &carol);
    let mut publication = phone.publish(&large(&alice).text());
    let (mut subscription, mut held) = watch(&watcher, &alice);
    let mut whole = other.subscribe(&alice);
    whole.notify();
    subscription.script(Box::new(|_| Answer::Silence));
    publication.modify(&large(&alice).note("one").text());
    let waiting = subscription.notify();
    whole.notify();
    publication.modify(&large(&alice).note("two").text());
    whole.notify();
    publication.modify(&large(&alice).note("three").text());
    let newest = whole.notify().document();
    watcher.round_trip();
    assert!(subscription.arrived().is_empty(), "the first one is not answered");
    subscription.script(Box::new(|_| Answer::Ok));
    subscription.answer(&waiting, &Answer::Ok);
    assert!(!held.take(&waiting).full);
    assert!(!held.take(&subscription.notify()).full, "against what the watcher has");
    held.agrees(&newest);
}

/// RFC 5263 4.4 (FLT-18): after a NOTIFY that failed, the whole, under the next version, since it is not
/// known what became of the one before.
#[test]
fn the_whole_follows_a_notify_that_failed() {
    let server = Server::start(Config::new().clock());
    let (alice, phone, watcher) = Phone::pair(&server);
    let mut publication = phone.publish(&large(&alice).text());
    let (mut subscription, mut held) = watch(&watcher, &alice);
    for (status, wait) in [(500, 31), (503, 61), (400, 31), (603, 31)] {
        let headers =
            if status == 503 { vec![("Retry-After".to_owned(), "60".to_owned())] } else { Vec::new() };
        subscription.script(Box::new(move |_| Answer::Status(status, "No", headers.clone())));
        publication.modify(&large(&alice).note(&format!("lost by {status}")).text());
        assert!(!subscription.notify().partial().full);
        watcher.round_trip();
        subscription.script(Box::new(|_| Answer::Ok));
        // By itself, without another change.
        server.advance(Duration::from_secs(wait));
        let notify = subscription.notify();
        let partial = held.take_whole(&notify);
        assert!(partial.full, "after {status}: {}", partial.text());
        assert!(partial.text().contains(&format!("lost by {status}")));
        publication.modify(&large(&alice).note(&format!("well after {status}")).text());
        assert!(!held.take(&subscription.notify()).full, "and then what changes");
    }
}

/// RFC 6446 5.5.1, RFC 3856 6.10 (FLT-29): while notifications are held back, changes add up to one; where
/// they add up to more than the whole, the whole is sent.
#[test]
fn changes_add_up_while_held_back() {
    let server = Server::start(Config::new().clock().set("presence.notify_interval", 5));
    let (alice, phone, watcher) = Phone::pair(&server);
    let mut publication = phone.publish(&large(&alice).text());
    let (mut subscription, mut held) = watch(&watcher, &alice);
    let fetch = |held: &Held| {
        let mut fetch = watcher.subscribe_with(watcher.subscribe_request(&alice).with("Expires", "0"));
        held.agrees(&fetch.notify().document());
    };
    server.advance(Duration::from_secs(6));
    publication.modify(&large(&alice).note("at once").text());
    assert!(!held.take(&subscription.notify()).full);
    fetch(&held);
    // More versions than are kept of former documents.
    for n in 0..12 {
        publication
            .modify(&large(&alice).note(&format!("change {n}")).tuple(&format!("n{n}"), "closed").text());
    }
    watcher.round_trip();
    assert!(subscription.arrived().is_empty(), "held back");
    server.advance(Duration::from_secs(6));
    let partial = held.take(&subscription.notify());
    assert!(!partial.full, "all in one: {}", partial.text());
    fetch(&held);
    server.advance(Duration::from_secs(6));
    publication.modify(&large(&alice).note("at once").text());
    assert!(!held.take(&subscription.notify()).full);
    for n in 0..6 {
        let gone = (0..6)
            .fold(large(&alice).text(), |text, m| text.replace(&format!("t{m}\""), &format!("t{m}-{n}\"")));
        publication.modify(&gone);
    }
    server.advance(Duration::from_secs(6));
    assert!(held.take(&subscription.notify()).full, "the changes are as long as the whole");
    fetch(&held);
}

/// Design 1, RFC 5263 4.4, 4.5: after a crash the whole follows, under a version that does not go
/// back; after an orderly restart versions go on by one.
#[test]
fn versions_never_go_back() {
    let mut server = Server::start(Config::new());
    let (alice, phone, watcher) = Phone::pair(&server);
    let mut publication = phone.publish(&large(&alice).text());
    let (mut subscription, mut held) = watch(&watcher, &alice);
    for n in 0..5 {
        publication.modify(&large(&alice).note(&format!("before {n}")).text());
        assert!(!held.take(&subscription.notify()).full);
    }
    for round in 0..3 {
        let note = format!("crash {round}");
        publication.modify(&large(&alice).note(&note).text());
        server.kill();
        subscription.allow_gap();
        server.restart();
        // The one before the crash may have arrived or not.
        loop {
            let notify = subscription.notify();
            subscription.allow_gap();
            if notify.partial().full {
                assert!(held.take_whole(&notify).text().contains(&note));
                break;
            }
            held.take(&notify);
        }
        publication.modify(&large(&alice).note(&format!("after {round}")).text());
        let mut seen = held.take(&subscription.notify());
        if !seen.text().contains("after") {
            seen = held.take(&subscription.notify());
        }
        assert!(seen.text().contains(&format!("after {round}")), "{}", seen.text());
        server.stop();
        server.restart();
        publication.modify(&large(&alice).note(&format!("again {round}")).text());
        held.take(&subscription.notify());
        let mut fetch = watcher.subscribe_with(watcher.subscribe_request(&alice).with("Expires", "0"));
        held.agrees(&fetch.notify().document());
    }
}

/// RFC 5263 4.4 (FLT-20): changes are between what *that* watcher got: one who is politely blocked gets
/// no hint of them, and each is told of the presentity as it knows it.
#[test]
fn changes_are_those_of_what_the_watcher_sees() {
    let blocked = Server::start(Config::new().rules("polite-block"));
    let (alice, bob) = (user("alice"), user("bob"));
    let (phone, watcher) = (Phone::udp(&blocked, &alice), Phone::udp(&blocked, &bob));
    let mut publication = phone.publish(&large(&alice).text());
    let (mut subscription, mut held) = watch(&watcher, &alice);
    publication.modify(&large(&alice).note("a secret").text());
    watcher.round_trip();
    assert!(subscription.arrived().is_empty(), "nothing has changed for it");
    subscription.refresh(3600);
    let partial = held.take(&subscription.notify());
    assert!(partial.full && !partial.text().contains("secret"), "{}", partial.text());

    let server = Server::shared();
    let (phone, watcher) = (Phone::udp(&server, &alice), Phone::udp(&server, &bob));
    let mut publication = phone.publish(&large(&alice).text());
    let known = alice.replace("example.com", "EXAMPLE.com");
    let (mut usual, mut held) = watch(&watcher, &alice);
    let (mut other, mut otherwise) = watch(&watcher, &known);
    publication.modify(&large(&alice).note("for both").text());
    // That the entity is the same as before is seen to where it is taken.
    assert!(!held.take(&usual.notify()).full);
    assert!(!otherwise.take(&other.notify()).full);
}
