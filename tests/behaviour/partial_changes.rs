//! Whatever changes, and however far watchers lag behind, partial documents lead to what others get whole
//! (RFC 5263 4.4, RFC 5261).

use rollcall_tests::partial::{EITHER, Held};
use rollcall_tests::rng::Rng;
use rollcall_tests::server::user;
use rollcall_tests::{Answer, Phone, Pidf, Server, Subscription};

fn watch<'p>(watcher: &'p Phone, presentity: &str) -> (Subscription<'p>, Held) {
    let request = watcher.subscribe_request(presentity).with("Accept", EITHER);
    let mut subscription = watcher.subscribe_with(request);
    let mut held = Held::default();
    held.take(&subscription.notify());
    (subscription, held)
}

fn large(presentity: &str) -> Pidf {
    (0..6).fold(Pidf::of(presentity), |document, n| {
        document.reachable(&format!("t{n}"), "open", &format!("sip:place-number-{n}@example.com"))
    })
}

/// A document made by chance of parts that come, go, change, trade places and clash.
fn by_chance(presentity: &str, rng: &mut Rng) -> String {
    const TEXTS: [&str; 6] = [
        "plain",
        " two  words ",
        "&lt;tag&gt; &amp; &quot;quotes&quot; 'both'",
        "Grüße 🎉",
        "]]&gt;",
        "a&#10;b&#13;c",
    ];
    let mut pick = |of: &[&str]| of[usize::try_from(rng.below(of.len() as u64)).unwrap()].to_owned();
    let flags = ["", "y"];
    let mut tuples = Vec::new();
    for id in ["a", "b", "c", "d", "e"] {
        if pick(&flags).is_empty() && pick(&flags).is_empty() {
            continue;
        }
        let foreign = pick(&[
            "",
            "<x:q xmlns:x=\"urn:x\" x:k=\"1\"/>",
            "<q xmlns=\"urn:x\" k='it&apos;s \"so\"'>T<r/>T</q>",
        ]);
        let class = pick(&["", "<rpid:class>T</rpid:class>"]).replace('T', &pick(&TEXTS));
        let note = pick(&["", "<note>T</note>", "<note xml:lang=\"de\">T</note><note>T</note>"]);
        let contact = pick(&[
            "",
            "<contact>sip:1@example.com</contact>",
            "<contact priority=\"0.5\">sip:2@example.com</contact>",
        ]);
        let time = pick(&["", "<timestamp>2026-01-02T03:04:05Z</timestamp>"]);
        let foreign = foreign.replace('T', &pick(&TEXTS));
        let (basic, note) = (pick(&["open", "closed"]), note.replace('T', &pick(&TEXTS)));
        tuples.push(format!(
            "<tuple id=\"{id}\"><status><basic>{basic}</basic></status>{foreign}{class}{contact}{note}{time}</tuple>"
        ));
    }
    if !pick(&flags).is_empty() {
        tuples.reverse();
    }
    let mut document = tuples.iter().fold(Pidf::of(presentity), |document, tuple| document.raw_tuple(tuple));
    for _ in 0..2 {
        if !pick(&flags).is_empty() {
            document = document.note(&pick(&TEXTS));
        }
        if !pick(&flags).is_empty() {
            document = document.raw(&pick(&[
                "<x:own xmlns:x=\"urn:x\"/>",
                "<own xmlns=\"urn:x\"> mixed <own/> up </own>",
                "<dm:person id=\"p\"><rpid:activities><rpid:away/></rpid:activities><dm:note>n</dm:note></dm:person>",
                "<dm:person id=\"p\"><rpid:mood id=\"m\"><rpid:note>why</rpid:note><rpid:sad/></rpid:mood></dm:person>",
                "<dm:device id=\"v\"><rpid:user-input>idle</rpid:user-input><dm:deviceID>urn:d</dm:deviceID></dm:device>",
            ]).replace("id=\"p\"", &format!("id=\"{}\"", pick(&["p", "q"]))));
        }
    }
    document.text()
}

/// RFC 5263 4.4, RFC 5261 (FLT-20, FLT-21): whatever two publishers do, each change leads from what the
/// watcher has to what others get whole.
#[test]
fn changes_by_chance_lead_to_the_whole() {
    let server = Server::shared();
    let (alice, bob) = (user("alice"), user("bob"));
    let (desk, mobile) = (Phone::tcp(&server, &alice), Phone::tcp(&server, &alice));
    let watcher = Phone::tcp(&server, &bob);
    let mut rng = Rng::new(4);
    let mut publications =
        [desk.publish(&by_chance(&alice, &mut rng)), mobile.publish(&by_chance(&alice, &mut rng))];
    let (mut partly, mut held) = watch(&watcher, &alice);
    let mut whole = watcher.subscribe(&alice);
    let mut last = whole.notify().document();
    held.agrees(&last);
    let mut differences = 0;
    for round in 0..60 {
        let which = usize::from(round % 3 == 0);
        let body = by_chance(&alice, &mut rng);
        publications[which].modify(&body);
        // It may be what it was before: then both are quiet.
        let mut fetch = watcher.subscribe_with(watcher.subscribe_request(&alice).with("Expires", "0"));
        let now = fetch.notify().document();
        if now.text() == last.text() {
            continue;
        }
        last = whole.notify().document();
        assert_eq!(now.text(), last.text());
        differences += usize::from(!held.take(&partly.notify()).full);
        held.agrees(&last);
    }
    assert!(differences > 10, "{differences}");
    watcher.round_trip();
    assert!(partly.arrived().is_empty() && whole.arrived().is_empty());
}

/// RFC 5263 4.4 (FLT-18, FLT-20): watchers that lag behind each other each get the changes to what they
/// have, or the whole where that is too far back.
#[test]
fn watchers_lag_behind_each_other() {
    let server = Server::shared();
    let (alice, bob, carol) = (user("alice"), user("bob"), user("carol"));
    let phone = Phone::udp(&server, &alice);
    let (one, two) = (Phone::udp(&server, &bob), Phone::udp(&server, &carol));
    let mut publication = phone.publish(&large(&alice).text());
    let ((mut slow, mut late), (mut fast, mut prompt)) = (watch(&one, &alice), watch(&two, &alice));
    let mut seen = Vec::new();
    for behind in [1, 2, 9] {
        slow.script(Box::new(|_| Answer::Silence));
        publication.modify(&large(&alice).note(&format!("first of {behind}")).text());
        let waiting = slow.notify();
        late.take(&waiting);
        prompt.take(&fast.notify());
        for n in 0..behind {
            publication.modify(&large(&alice).note(&format!("change {n} of {behind}")).text());
            prompt.take(&fast.notify());
        }
        slow.script(Box::new(|_| Answer::Ok));
        slow.answer(&waiting, &Answer::Ok);
        seen.push(late.take(&slow.notify()).full);
        let mut fetch = one.subscribe_with(one.subscribe_request(&alice).with("Expires", "0"));
        let whole = fetch.notify().document();
        late.agrees(&whole);
        prompt.agrees(&whole);
    }
    assert_eq!(seen, [false, false, true]);
}
