//! The documents themselves: what is read and what is sent (RFC 3863). Every document that a
//! watcher gets is validated against the schemas on arrival.

use rollcall_tests::phone::PIDF;
use rollcall_tests::{Phone, Pidf, Server};

/// RFC 3863 4.1.1 (PIDF-01): the entity of what is sent is the presentity as the watcher knows it.
#[test]
fn the_entity_is_the_presentity_as_the_watcher_knows_it() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let _publication = phone.publish(&Pidf::basic(&alice, "open"));
    for known in [alice.clone(), alice.replace("example.com", "Example.COM")] {
        let mut subscription = watcher.subscribe(&known);
        let document = subscription.notify().document();
        assert_eq!(document.entity().to_lowercase(), known.to_lowercase());
        assert_eq!(document.basics(), ["open"]);
    }
}

/// RFC 3863 4.1, 4.2.2 (PIDF-02): any prefix for the namespace, UTF-16, single quotes, comments,
/// CDATA and character references are read; what is sent is UTF-8 with a declaration.
#[test]
fn documents_are_read_in_every_form() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let plain = Pidf::of(&alice).tuple("t1", "open").note("Grüße").text();
    let prefixed = format!(
        "<?xml version='1.0'?><!-- so --><p:presence xmlns:p='{}' entity='{alice}'><p:tuple id='t1'>\
         <p:status><p:basic><![CDATA[open]]></p:basic></p:status></p:tuple><p:note>Gr&#252;&#xDF;e</p:note></p:presence>",
        rollcall_tests::pidf::NAMESPACE
    );
    let wide = plain.replace("UTF-8", "UTF-16");
    let big: Vec<u8> = [0xfeff].into_iter().chain(wide.encode_utf16()).flat_map(u16::to_be_bytes).collect();
    let little: Vec<u8> =
        [0xfeff].into_iter().chain(wide.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let marked = [b"\xef\xbb\xbf", plain.as_bytes()].concat();
    for body in [plain.clone().into_bytes(), prefixed.into_bytes(), big, little, marked] {
        let request = phone.publish_for(&alice).body(PIDF, body.clone());
        let etag = phone.send(&request).expect(200).etag();
        let mut fetch = watcher.subscribe_with(watcher.subscribe_request(&alice).with("Expires", "0"));
        let document = fetch.notify().document();
        assert_eq!(document.basics(), ["open"], "of {:?}", String::from_utf8_lossy(&body));
        assert_eq!(document.notes(), ["Grüße"]);
        let remove = phone.publish_for(&alice).with("SIP-If-Match", etag).with("Expires", "0");
        let _ = phone.send(&remove).expect(200);
    }
}

/// RFC 3863 4.1.2 (PIDF-03): inside a tuple: status, extensions, contact, notes, timestamp, whatever
/// the order of what was published; and ids that are no `xs:ID` are mended.
#[test]
fn what_is_sent_is_in_order() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let mixed = Pidf::of(&alice).raw_tuple(
        "<tuple id=\"9 lives\"><timestamp>2026-01-02T03:04:05Z</timestamp><note>n</note>\
         <contact priority=\"0.5\">sip:desk@example.com</contact><rpid:class>work</rpid:class>\
         <status><basic>open</basic></status></tuple>",
    );
    let _publication = phone.publish(&mixed.text());
    let mut subscription = watcher.subscribe(&alice);
    let tuples = subscription.notify().document().tuples();
    assert_eq!(tuples[0].children, ["status", "class", "contact", "note", "timestamp"], "{tuples:?}");
    assert!(tuples[0].id.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'), "{tuples:?}");
}

/// RFC 3863 4.1.3, RFC 4479 3.6 (PIDF-04): a tuple without `basic` says nothing about it, and
/// nothing is made up.
#[test]
fn an_absent_basic_stays_absent() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let without = Pidf::of(&alice).raw_tuple(
        "<tuple id=\"t1\"><status><x:mood xmlns:x=\"urn:example:mood\">fine</x:mood></status></tuple>",
    );
    let _publication = phone.publish(&without.text());
    let mut subscription = watcher.subscribe(&alice);
    let document = subscription.notify().document();
    assert_eq!(document.basics(), Vec::<String>::new());
    assert_eq!(document.tuples().len(), 1);
    assert!(document.text().contains("urn:example:mood"), "unknown elements are passed on (PIDF-08)");
}

/// RFC 4480 3.2, RFC 4479 3.3 (PIDF-08, PIDF-10): a person with activities comes through.
#[test]
fn a_person_comes_through() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let _publication =
        phone.publish(&Pidf::of(&alice).tuple("t1", "open").activity("p1", "on-the-phone").text());
    let mut subscription = watcher.subscribe(&alice);
    assert_eq!(subscription.notify().document().activities(), ["on-the-phone"]);
}

/// RFC 3863 4.1.4, 4.1.5, 4.2.3 (PIDF-05, PIDF-06, PIDF-08, PIDF-15): what is not valid is left out or
/// taken as absent, the rest is used; what must be understood and is not goes, alone.
#[test]
fn what_is_not_valid_is_left_out() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let document = Pidf::of(&alice)
        .raw_tuple(
            "<tuple id=\"a\"><status><basic>OPEN</basic><x:must xmlns:x=\"urn:example:x\" \
             xmlns:p=\"urn:ietf:params:xml:ns:pidf\" p:mustUnderstand=\"1\">gone</x:must>\
             <x:may xmlns:x=\"urn:example:x\">kept</x:may></status><contact priority=\"1.5\">sip:a@example.com</contact></tuple>",
        )
        .raw_tuple("<tuple id=\"b\"><status><basic> open </basic></status><contact priority=\"0.123\">sip:b@example.com</contact></tuple>")
        .raw_tuple("<tuple id=\"c\"><status><basic>closed</basic></status><timestamp>yesterday</timestamp></tuple>")
        .raw("<dm:person id=\"p\"><rpid:sphere>a word that the schema does not know</rpid:sphere><rpid:class>c</rpid:class></dm:person>");
    let _publication = phone.publish(&document.text());
    let mut subscription = watcher.subscribe(&alice);
    let document = subscription.notify().document();
    assert_eq!(document.tuples().len(), 3, "{}", document.text());
    assert!(!document.basics().iter().any(|b| b != "open" && b != "closed"), "{}", document.text());
    for (text, there) in [
        ("gone", false),
        ("kept", true),
        ("1.5", false),
        ("0.123", true),
        ("yesterday", false),
        ("<rpid:class>c<", true),
    ] {
        assert_eq!(document.text().contains(text), there, "{text}: {}", document.text());
    }
}

/// RFC 3863 4.1.7 (PIDF-07): what changed does not say so at the time of what was before it.
#[test]
fn timestamps_do_not_repeat() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let at = |basic: &str| {
        let tuple = format!(
            "<tuple id=\"t\"><status><basic>{basic}</basic></status><timestamp>2026-01-02T03:04:05Z</timestamp></tuple>"
        );
        Pidf::of(&alice).raw_tuple(&tuple).text()
    };
    let mut publication = phone.publish(&at("open"));
    let mut subscription = watcher.subscribe(&alice);
    let time = |document: rollcall_tests::Document| {
        document.with(|root| {
            let time = root.descendants().find(|n| n.tag_name().name() == "timestamp").and_then(|n| n.text());
            time.expect("a timestamp").to_owned()
        })
    };
    let mut seen = vec![time(subscription.notify().document())];
    for basic in ["closed", "open", "closed", "open"] {
        publication.modify(&at(basic));
        seen.push(time(subscription.notify().document()));
    }
    let mut distinct = seen.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), seen.len(), "{seen:?}");
}

/// RFC 4482 3, RFC 5196 3, RFC 4480 3, RFC 4479 3.7, 4 (PIDF-08, PIDF-09, PIDF-21): what the extensions
/// say comes through, wherever it belongs, with the unknown in its place.
#[test]
fn extensions_come_through() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let parts = [
        "<c:servcaps xmlns:c=\"urn:ietf:params:xml:ns:pidf:caps\"><c:audio>true</c:audio><c:video>false</c:video></c:servcaps>",
        "<c:display-name xmlns:c=\"urn:ietf:params:xml:ns:pidf:cipid\" xml:lang=\"en\">Alice</c:display-name>",
        "<c:card xmlns:c=\"urn:ietf:params:xml:ns:pidf:cipid\">http://example.com/card</c:card>",
        "<g:geopriv xmlns:g=\"urn:ietf:params:xml:ns:pidf:geopriv10\"><g:location-info/><g:usage-rules/></g:geopriv>",
        "<x:own xmlns:x=\"urn:example:x\" x:a=\"1\" b=\"2\"> some <x:in y:c=\"d\" xmlns:y=\"urn:y\"/> text </x:own>",
        "<rpid:place-type><lt:office xmlns:lt=\"urn:ietf:params:xml:ns:location-type\"/></rpid:place-type>",
        "<rpid:time-offset>120</rpid:time-offset>",
    ];
    let [servcaps, name, card, geopriv, own, place, offset] = parts;
    let document = Pidf::of(&alice)
        .raw_tuple(&format!("<tuple id=\"t\"><status><basic>open</basic>{geopriv}</status>{servcaps}{own}<contact>sip:a@example.com</contact></tuple>"))
        .raw(&format!("<dm:person id=\"p\">{name}{card}{place}{offset}{own}</dm:person>"))
        .raw(own);
    let _publication = phone.publish(&document.text());
    let mut subscription = watcher.subscribe(&alice);
    let document = subscription.notify().document();
    let texts = document.with(|root| {
        let of =
            |name: &str| root.descendants().filter(|n| n.is_element() && n.tag_name().name() == name).count();
        ["audio", "video", "display-name", "card", "geopriv", "location-info", "office", "time-offset"]
            .map(of)
    });
    assert_eq!(texts, [1; 8], "{}", document.text());
    let own = document.with(|root| {
        let all: Vec<_> = root.descendants().filter(|n| n.has_tag_name(("urn:example:x", "own"))).collect();
        all.iter().for_each(|own| {
            assert_eq!((own.attribute(("urn:example:x", "a")), own.attribute("b")), (Some("1"), Some("2")));
            assert_eq!(own.children().next().and_then(|n| n.text()), Some(" some "));
        });
        all.iter().map(|n| n.parent().expect("a parent").tag_name().name().to_owned()).collect::<Vec<_>>()
    });
    assert_eq!(own, ["tuple", "person", "presence"]);
}
