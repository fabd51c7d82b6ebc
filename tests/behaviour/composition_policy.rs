//! What is made of several statements about one thing, and how an operator says so
//! (`presence.composition`; RFC 4479 3, RFC 4480 3.2 and 5, design 7).

use rollcall_tests::pidf::{NAMESPACE, from_now};
use rollcall_tests::server::user;
use rollcall_tests::{Config, Document, Phone, Pidf, Server};

/// Publishes each document from a phone of its own, one after the other, and gives what a watcher gets.
fn composed(server: &Server, alice: &str, documents: &[String]) -> Document {
    let watcher = Phone::udp(server, &user("bob"));
    let phones: Vec<Phone> = documents.iter().map(|_| Phone::udp(server, alice)).collect();
    for (phone, document) in phones.iter().zip(documents) {
        let _ = phone.publish(document);
    }
    let mut fetch = watcher.subscribe_with(watcher.subscribe_request(alice).with("Expires", "0"));
    fetch.notify().document()
}

fn count(document: &Document, name: &str) -> usize {
    document.with(|root| root.descendants().filter(|n| n.tag_name().name() == name).count())
}

fn texts(document: &Document, name: &str) -> Vec<String> {
    document.with(|root| {
        let named = root.descendants().filter(|n| n.is_element() && n.tag_name().name() == name);
        named.map(|n| n.text().unwrap_or_default().trim().to_owned()).collect()
    })
}

fn tuple(inside: &str, contact: &str) -> String {
    format!(
        "<tuple id=\"t1\"><status><basic>open</basic></status>{inside}<contact>{contact}</contact></tuple>"
    )
}

fn person(inside: &str) -> String {
    format!("<dm:person id=\"p\">{inside}</dm:person>")
}

fn device(id: &str, inside: &str) -> String {
    format!("<dm:device id=\"d\">{inside}<dm:deviceID>{id}</dm:deviceID></dm:device>")
}

/// RFC 4479 3.3, WPS-30 (PIDF-13): services are the same if contact, as a string of characters whose case
/// counts, and priority are the same; then what each says of it is shown together.
#[test]
fn services_are_told_by_contact_and_priority() {
    let server = Server::shared();
    let alice = user("alice");
    let with = |inside: &str, contact: &str| Pidf::of(&alice).raw_tuple(&tuple(inside, contact)).text();
    let (class, privacy) = ("<rpid:class>work</rpid:class>", "<rpid:privacy><rpid:text/></rpid:privacy>");
    let document =
        composed(&server, &alice, &[with(class, "sip:a@example.com"), with(privacy, "sip:a@example.com")]);
    let tuples = document.tuples();
    assert_eq!(tuples.len(), 1, "{}", document.text());
    assert!(tuples[0].children.contains(&"class".into()) && tuples[0].children.contains(&"privacy".into()));
    // None of these is the same string, though as URIs some are equal.
    for other in [
        "sip:A@example.com",
        "sip:a@EXAMPLE.com",
        "sip:a@example.com:5060",
        "SIP:a@example.com",
        "sip:%61@example.com",
    ] {
        let alice = user("alice");
        let with = |inside: &str, contact: &str| Pidf::of(&alice).raw_tuple(&tuple(inside, contact)).text();
        let document = composed(&server, &alice, &[with(class, "sip:a@example.com"), with(privacy, other)]);
        assert_eq!(document.tuples().len(), 2, "{other}: {}", document.text());
    }
    let alice = user("alice");
    let at = |priority: &str, inside: &str| {
        let contact = format!("<contact{priority}>");
        Pidf::of(&alice).raw_tuple(&tuple(inside, "sip:a@example.com").replace("<contact>", &contact)).text()
    };
    let documents = [
        at(" priority=\"0.5\"", class),
        at(" priority=\"0.50\"", privacy),
        at(" priority=\"0.4\"", ""),
        at("", ""),
    ];
    let document = composed(&server, &alice, &documents);
    assert_eq!(document.tuples().len(), 3, "0.5 is 0.50: {}", document.text());
}

/// RFC 3863 4.1.2, RFC 4479 3.5 (PIDF-12, PIDF-23): where two say different things of one service, both are
/// shown, each with a time.
#[test]
fn what_contradicts_is_shown_side_by_side() {
    let server = Server::shared();
    let alice = user("alice");
    let at = |basic: &str| Pidf::of(&alice).reachable("t1", basic, "sip:a@example.com").text();
    let document = composed(&server, &alice, &[at("open"), at("closed")]);
    let mut basics = document.basics();
    basics.sort();
    assert_eq!(basics, ["closed", "open"]);
    assert_eq!(count(&document, "timestamp"), 2, "{}", document.text());
    // One publication that says so itself is not corrected either.
    let alice = user("alice");
    let both = Pidf::of(&alice).reachable("a", "open", "sip:a@example.com").reachable(
        "b",
        "closed",
        "sip:a@example.com",
    );
    assert_eq!(composed(&server, &alice, &[both.text()]).basics(), ["open", "closed"]);
}

/// RFC 4479 3.2, RFC 4480 3.2, 5 (PIDF-11, PIDF-17, PIDF-18): one person, with each element once: all
/// activities in one, `unknown` only if there is nothing else, the newer mood; notes of all.
#[test]
fn persons_become_one() {
    let server = Server::shared();
    let alice = user("alice");
    let with = |inside: &str| Pidf::of(&alice).raw(&person(inside)).text();
    let documents = [
        with(
            "<rpid:activities><rpid:unknown/></rpid:activities><rpid:mood><rpid:sad/></rpid:mood><dm:note>one</dm:note>",
        ),
        with("<rpid:activities><rpid:away/><rpid:meeting/></rpid:activities><dm:note>two</dm:note>"),
        with(
            "<rpid:activities><rpid:meeting/><rpid:other>chess</rpid:other><x:skating xmlns:x=\"urn:example:x\"/></rpid:activities>\
             <rpid:mood><rpid:happy/></rpid:mood><rpid:sphere><rpid:home/></rpid:sphere>",
        ),
    ];
    let document = composed(&server, &alice, &documents);
    for (name, times) in [
        ("person", 1),
        ("activities", 1),
        ("mood", 1),
        ("meeting", 1),
        ("unknown", 0),
        ("sad", 0),
        ("happy", 1),
    ] {
        assert_eq!(count(&document, name), times, "{name}: {}", document.text());
    }
    let mut activities = document.activities();
    activities.sort();
    assert_eq!(activities, ["away", "meeting", "other", "skating"]);
    assert_eq!(texts(&document, "note"), ["one", "two"]);
}

/// RFC 4479 3.2 (PIDF-11): several persons in one publication are no several people.
#[test]
fn second_persons_are_not_lost() {
    let server = Server::shared();
    let alice = user("alice");
    let two = Pidf::of(&alice)
        .raw(&person("<rpid:activities><rpid:away/></rpid:activities>").replace("\"p\"", "\"p1\""))
        .raw(
            &person("<rpid:activities><rpid:meal/></rpid:activities><dm:note>n</dm:note>")
                .replace("\"p\"", "\"p2\""),
        );
    let document = composed(&server, &alice, &[two.text()]);
    let mut activities = document.activities();
    activities.sort();
    assert_eq!((count(&document, "person"), activities), (1, vec!["away".to_owned(), "meal".to_owned()]));
    assert_eq!(texts(&document, "note"), ["n"]);
}

/// RFC 4479 3.4 (PIDF-14): devices of one deviceID become one; of others not; a closed device closes no
/// service.
#[test]
fn devices_are_told_by_their_id() {
    let server = Server::shared();
    let alice = user("alice");
    let with = |device: &str| Pidf::of(&alice).reachable("t", "open", "sip:a@example.com").raw(device).text();
    let (mac, other) = ("urn:x-mac:0003ba4811e3", "urn:x-mac:0003ba4811e4");
    let documents = [
        with(&device(mac, "<rpid:user-input>active</rpid:user-input><dm:note>docked</dm:note>").replace(
            "<dm:note>docked</dm:note><dm:deviceID>urn:x-mac:0003ba4811e3</dm:deviceID>",
            "<dm:deviceID>urn:x-mac:0003ba4811e3</dm:deviceID><dm:note>docked</dm:note>",
        )),
        with(&device(mac, "<rpid:user-input>idle</rpid:user-input>")),
        with(&device(other, "<rpid:user-input>idle</rpid:user-input>")),
    ];
    let document = composed(&server, &alice, &documents);
    assert_eq!(count(&document, "device"), 2, "{}", document.text());
    assert_eq!(texts(&document, "user-input"), ["idle", "idle"], "the newer one holds");
    assert_eq!(texts(&document, "note"), ["docked"]);
    assert_eq!(document.basics(), ["open"]);
}

/// RFC 3863 4.1.7 (PIDF-13): which one is newer is told by its own `timestamp`, not by when it came.
#[test]
fn newer_is_what_says_so() {
    let server = Server::shared();
    let alice = user("alice");
    let mood = |mood: &str, age: i64| {
        let time = from_now(-age);
        let inside = format!("<rpid:mood><rpid:{mood}/></rpid:mood><dm:timestamp>{time}</dm:timestamp>");
        Pidf::of(&alice).raw(&person(&inside)).text()
    };
    let document = composed(&server, &alice, &[mood("happy", 10), mood("sad", 3000)]);
    assert_eq!((count(&document, "happy"), count(&document, "sad")), (1, 0), "{}", document.text());
}

/// Design 7: the operator says what becomes of each kind, and a change of the configuration is taken up
/// at the next start.
#[test]
fn the_operator_chooses() {
    let basics = |server: &Server| {
        let alice = user("alice");
        let at = |basic: &str| {
            let mood = person("<rpid:mood><rpid:sad/></rpid:mood>");
            let device = device(
                "urn:d",
                &format!(
                    "<rpid:user-input>{}</rpid:user-input>",
                    if basic == "open" { "active" } else { "idle" }
                ),
            );
            Pidf::of(&alice).reachable("t1", basic, "sip:a@example.com").raw(&mood).raw(&device).text()
        };
        let document = composed(server, &alice, &[at("open"), at("closed")]);
        (document.basics(), count(&document, "person"), texts(&document, "user-input"))
    };
    let set = |config: Config, [tuples, persons, devices]: [&str; 3]| {
        config
            .set("presence.composition.tuples", tuples)
            .set("presence.composition.persons", persons)
            .set("presence.composition.devices", devices)
    };
    let strings = |all: &[&str]| all.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
    let mut server = Server::start(set(Config::new(), ["newest"; 3]));
    assert_eq!(basics(&server), (strings(&["closed"]), 1, strings(&["idle"])));
    for (rules, outcome) in [
        (["all"; 3], (strings(&["open", "closed"]), 2, strings(&["active", "idle"]))),
        (["merge"; 3], (strings(&["open", "closed"]), 1, strings(&["active", "idle"]))),
        (["merge-newest"; 3], (strings(&["closed"]), 1, strings(&["idle"]))),
    ] {
        server.stop();
        server.reconfigure(|config| set(config, rules));
        server.restart();
        assert_eq!(basics(&server), outcome, "{rules:?}");
    }
}

/// Design 8: a rule that there is not keeps the server from starting, with the key named.
#[test]
fn an_unknown_rule_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refusal = Server::refused(&folder, Config::new().set("presence.composition.tuples", "both"));
    assert!(refusal.output.contains("presence.composition.tuples"), "{}", refusal.output);
    assert!(refusal.output.contains("merge-newest"), "what is expected: {}", refusal.output);
}

/// RFC 3903 10.4 (PIDF-24, PIDF-25): ids stay the same whatever else comes and goes, over a restart and
/// a crash, and the order of the documents is not that of chance.
#[test]
fn ids_stay() {
    let mut server = Server::start(Config::new());
    let (alice, bob) = (user("alice"), user("bob"));
    let phones: Vec<Phone> = (0..4).map(|_| Phone::udp(&server, &alice)).collect();
    let watcher = Phone::udp(&server, &bob);
    let at = |n: usize, basic: &str| {
        Pidf::of(&alice)
            .reachable("t1", basic, &format!("sip:{n}@example.com"))
            .raw(&device(&format!("urn:{n}"), ""))
            .activity("p1", "away")
            .text()
    };
    let mut publications: Vec<_> =
        phones.iter().enumerate().map(|(n, phone)| phone.publish(&at(n, "open"))).collect();
    let fetch = || {
        let mut fetch = watcher.subscribe_with(watcher.subscribe_request(&alice).with("Expires", "0"));
        fetch.notify().document()
    };
    let ids = |document: &Document| -> Vec<String> {
        document.with(|root| root.children().filter_map(|n| n.attribute("id")).map(str::to_owned).collect())
    };
    let all = fetch();
    assert_eq!(ids(&all).len(), 9, "{}", all.text());
    publications[1].modify(&at(1, "closed"));
    assert_eq!(ids(&fetch()), ids(&all));
    publications[1].modify(&at(1, "open"));
    publications[2].remove();
    let rest = ids(&fetch());
    assert!(rest.iter().all(|id| ids(&all).contains(id)) && rest.len() == 7, "{rest:?}");
    let before = fetch();
    drop(publications);
    server.stop();
    server.restart();
    assert_eq!(fetch().text(), before.text());
    server.kill();
    server.restart();
    assert_eq!(fetch().text(), before.text());
}

/// RFC 3863 4.1, RFC 3903 6 (PIDF-15, PIDF-26): what is no presence document, or brings a document type or
/// an entity, is refused with 400; too much of anything with 413; watchers see nothing of it.
#[test]
fn what_is_no_document_is_refused() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let mut publication = phone.publish(&Pidf::basic(&alice, "open"));
    let mut subscription = watcher.subscribe(&alice);
    subscription.notify();
    let presence =
        |inside: &str| format!("<presence xmlns=\"{NAMESPACE}\" entity=\"{alice}\">{inside}</presence>");
    let secret = "<tuple id=\"t\"><status><basic>open</basic></status><note>&x;</note></tuple>";
    let laughs = (0..20).fold("<!ENTITY x0 \"ha\">".to_owned(), |all, n| {
        format!("{all}<!ENTITY x{} \"&x{n};&x{n};&x{n};&x{n};\">", n + 1)
    });
    let deep = format!("{}{}", "<a>".repeat(5_000), "</a>".repeat(5_000));
    let attributes: String = (0..500).map(|n| format!(" a{n}=\"\"")).collect();
    let bad = [
        (400, "<foo/>".to_owned()),
        (400, "<presence/>".to_owned()),
        (400, "<presence xmlns=\"urn:other\" entity=\"sip:a@example.com\"/>".to_owned()),
        (400, format!("<presence xmlns=\"{NAMESPACE}\"/>")),
        (400, "open".to_owned()),
        (400, presence("<tuple>")),
        (400, presence("&x;")),
        (400, presence("<x:y/>")),
        (400, presence("<a b=\"1\" b=\"2\"/>")),
        (400, presence("\u{1}")),
        (400, presence("") + &presence("")),
        (400, format!("<!DOCTYPE presence [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>{}", presence(secret))),
        (400, format!("<!DOCTYPE presence [<!ENTITY x \"in\">]>{}", presence(secret))),
        (400, format!("<!DOCTYPE presence SYSTEM \"http://127.0.0.1:1/x.dtd\">{}", presence(""))),
        (400, format!("<!DOCTYPE presence [{laughs}]>{}", presence("<note>&x20;</note>"))),
        (413, presence(&deep)),
        (413, presence(&format!("<x{attributes}/>"))),
        (413, presence(&"<note/>".repeat(5_000))),
    ];
    let tcp = Phone::tcp(&server, &alice);
    for (status, body) in bad {
        for request in [
            tcp.publish_request(&body),
            publication.request().body(rollcall_tests::phone::PIDF, body.clone()),
        ] {
            let answer = if body.len() > 60_000 || request.header("SIP-If-Match").is_none() {
                tcp.send(&tcp.publish_request(&body))
            } else {
                phone.send(&request)
            };
            assert_eq!(answer.status(), status, "{}: {answer}", &body[..body.len().min(200)]);
        }
    }
    watcher.round_trip();
    assert!(subscription.arrived().is_empty(), "watchers see nothing of it");
    publication.modify(&Pidf::basic(&alice, "closed"));
    assert_eq!(subscription.notify().document().basics(), ["closed"]);
}
