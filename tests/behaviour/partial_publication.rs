//! Partial publication (RFC 5264): a publisher sends what changed, and changes fit what it sent.

use rollcall_tests::partial::PIDF_DIFF;
use rollcall_tests::phone::PIDF;
use rollcall_tests::server::user;
use rollcall_tests::{Config, Message, Phone, Pidf, Publication, Server};
use std::time::Duration;

const SPACES: &str = "xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:p=\"urn:ietf:params:xml:ns:pidf-diff\" \
                      xmlns:r=\"urn:ietf:params:xml:ns:pidf:rpid\" xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\"";

fn full(entity: &str, content: &str) -> String {
    format!("<?xml version=\"1.0\"?>\n<p:pidf-full {SPACES} entity=\"{entity}\">{content}</p:pidf-full>")
}

fn diff(entity: &str, operations: &str) -> String {
    format!("<?xml version=\"1.0\"?>\n<p:pidf-diff {SPACES} entity=\"{entity}\">{operations}</p:pidf-diff>")
}

const TUPLES: &str = "
  <tuple id=\"desk\">
    <status><basic>open</basic></status>
    <contact priority=\"0.8\">sip:desk@example.com</contact>
  </tuple>
  <tuple id=\"mobile\"><status><basic>closed</basic></status><contact>sip:mobile@example.com</contact></tuple>
  <note>first</note>
";

fn publish<'p>(phone: &'p Phone, presentity: &str) -> Publication<'p> {
    let request = phone.publish_for(presentity).with("Expires", "3600");
    let response = phone.send(&request.body(PIDF_DIFF, full(presentity, TUPLES))).expect(200);
    // The handle is made by a publication of the same phone; the tag is what it goes by.
    let mut publication = phone.publish(&Pidf::of(presentity).text());
    publication.remove();
    publication.etag = response.etag();
    publication
}

/// A PUBLISH that changes, and its answer.
fn change(phone: &Phone, publication: &Publication<'_>, operations: &str) -> Message {
    phone.send(&publication.request().body(PIDF_DIFF, diff(phone.identity(), operations)))
}

/// RFC 5264 4.2, 4.3 (PUB-26, PUB-27, PUB-28): the whole first, then changes, one after the other,
/// each fit to what the publisher holds, its white space and its own ids included.
#[test]
fn changes_fit_what_was_published() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let mut publication = publish(&phone, &alice);
    let mut subscription = watcher.subscribe(&alice);
    assert_eq!(subscription.notify().document().basics(), ["open", "closed"]);
    let mut step = |operations: &str| {
        publication.etag = change(&phone, &publication, operations).expect(200).etag();
        subscription.notify().document()
    };
    let seen = step("<p:replace sel=\"*/tuple[@id='mobile']/status/basic/text()\">open</p:replace>");
    assert_eq!(seen.basics(), ["open", "open"]);
    // The second text of the root is the white space between the tuples.
    let seen = step(
        "<p:remove sel=\"/presence/tuple[1]\" ws=\"both\"/><p:replace sel=\"*/note/text()\">second</p:replace>",
    );
    assert_eq!((seen.basics(), seen.notes()), (vec!["open".to_owned()], vec!["second".to_owned()]));
    let seen = step(
        "<p:add sel=\"*\" pos=\"prepend\"><tuple id=\"desk\"><status><basic>closed</basic></status></tuple></p:add>\
         <p:add sel=\"*/tuple[@id='desk']\"><note>out</note></p:add>\
         <p:add sel=\"*/tuple[@id='mobile']/contact\" type=\"@priority\">0.4</p:add>",
    );
    assert_eq!(seen.basics(), ["closed", "open"]);
    assert_eq!(seen.tuples()[0].notes, ["out"]);
    assert!(seen.text().contains("priority=\"0.4\""), "{}", seen.text());
    let seen = step(
        "<p:add sel=\"p:pidf-full\"><dm:person id=\"me\"><r:activities><r:away/></r:activities></dm:person></p:add>\
         <p:replace sel=\"*/dm:person/r:activities/r:away\"><r:meeting/></p:replace>",
    );
    assert_eq!(seen.activities(), ["meeting"]);
    let seen = step("<p:remove sel=\"*/dm:person\"/><p:remove sel=\"id('desk')\"/>");
    assert_eq!((seen.basics(), seen.activities()), (vec!["open".to_owned()], Vec::new()));
}

/// RFC 5264 4.3.1 (PUB-27): a whole document replaces all of that publication, and changes then fit the new
/// one.
#[test]
fn the_whole_replaces_all() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let mut publication = publish(&phone, &alice);
    let mut subscription = watcher.subscribe(&alice);
    subscription.notify();
    let other = full(&alice, "<tuple id=\"new\"><status><basic>closed</basic></status></tuple>");
    publication.etag = phone.send(&publication.request().body(PIDF_DIFF, other)).expect(200).etag();
    assert_eq!(subscription.notify().document().tuples().len(), 1);
    let _ = change(&phone, &publication, "<p:remove sel=\"*/tuple[@id='desk']\"/>").expect(400);
    let new = change(&phone, &publication, "<p:add sel=\"*\"><note>n</note></p:add>").expect(200);
    assert_eq!(subscription.notify().document().notes(), ["n"]);
    // A plain document takes the place of it, and there is nothing to change any more.
    publication.etag = new.etag();
    publication.modify(&Pidf::basic(&alice, "open"));
    subscription.notify();
    let _ = change(&phone, &publication, "<p:add sel=\"*\"><note>n</note></p:add>").expect(400);
}

/// RFC 5264 4.3.2 (PUB-28): changes to nothing are refused with 400: an initial publication with
/// `pidf-diff`; and a wrong tag is 412 whatever the type (RFC 3903 6 step 4).
#[test]
fn changes_to_nothing_are_refused() {
    let server = Server::shared();
    let alice = user("alice");
    let phone = Phone::udp(&server, &alice);
    let change = diff(&alice, "<p:remove sel=\"*/tuple[1]\"/>");
    let initial = phone.publish_for(&alice).body(PIDF_DIFF, change.clone());
    let _ = phone.send(&initial).expect(400);
    let unknown = phone.publish_for(&alice).with("SIP-If-Match", "unknown").body(PIDF_DIFF, change);
    let _ = phone.send(&unknown).expect(412);
    let mut gone = publish(&phone, &alice);
    let before = gone.etag.clone();
    gone.remove();
    gone.etag = before;
    let late = gone.request().body(PIDF_DIFF, diff(&alice, "<p:remove sel=\"*/note\"/>"));
    let _ = phone.send(&late).expect(412);
}

/// RFC 5264 4.3.2, RFC 5261 5 (PUB-28, FLT-23): a change that cannot be made is refused with 400 and
/// nothing of the PUBLISH is done: no NOTIFY, same tag, same document.
#[test]
fn all_or_nothing() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let mut publication = publish(&phone, &alice);
    let mut subscription = watcher.subscribe(&alice);
    let before = subscription.notify().document();
    let good = "<p:replace sel=\"*/note/text()\">done</p:replace>";
    let bad = [
        "<p:remove sel=\"*/tuple\"/>",
        "<p:remove sel=\"*/tuple[3]\"/>",
        "<p:remove sel=\"*/tuple[@id='nobody']\"/>",
        "<p:remove sel=\"*/x:tuple\"/>",
        "<p:remove sel=\"*/p:note\"/>",
        "<p:remove sel=\"*/dm:note\"/>",
        "<p:remove sel=\"\"/>",
        "<p:remove/>",
        "<p:remove sel=\"*/note[\"/>",
        "<p:remove sel=\"//note\"/>",
        "<p:remove sel=\"*/note | */tuple[1]\"/>",
        "<p:remove sel=\"*/tuple[last()]\"/>",
        "<p:remove sel=\"id('nobody')\"/>",
        "<p:remove sel=\"*\"/>",
        "<p:remove sel=\"*/tuple[1]/@id/..\"/>",
        "<p:remove sel=\"*/tuple[2]/status\" ws=\"both\"/>",
        "<p:replace sel=\"*/note\">text for an element</p:replace>",
        "<p:replace sel=\"*/note/text()\"><b/></p:replace>",
        "<p:replace sel=\"*/tuple[1]/@id\"><b/></p:replace>",
        "<p:add sel=\"*\" pos=\"inside\"><note/></p:add>",
        "<p:add sel=\"*\" pos=\"before\"><note/></p:add>",
        "<p:add sel=\"*/tuple[1]\" type=\"@id\">twice</p:add>",
        "<p:add sel=\"*/tuple[1]\" type=\"id\">no attribute</p:add>",
        "<p:move sel=\"*/tuple[1]\"/>",
        "<q:remove xmlns:q=\"urn:other\" sel=\"*/tuple[1]\"/>",
        "<p:remove sel=\"*/tuple[1]\"/><p:remove sel=\"*/tuple[2]\"/>",
        "<p:replace sel=\"*/tuple[2]/@id\">desk</p:replace><p:remove sel=\"id('desk')\"/>",
    ];
    for operation in bad {
        let answer = change(&phone, &publication, &format!("{good}{operation}"));
        assert_eq!(answer.status(), 400, "{operation}: {answer}");
    }
    let other = diff("sip:somebody-else@example.com", good);
    let answer = phone.send(&publication.request().body(PIDF_DIFF, other));
    assert!((400..500).contains(&answer.status()), "{answer}");
    for body in [
        "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"sip:a@example.com\"/>".to_owned(),
        diff(&alice, good).replace("</p:pidf-diff>", ""),
        format!(
            "<!DOCTYPE a [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>{}",
            diff(&alice, "<p:add sel=\"*\"><note>&e;</note></p:add>")
                .replace("<?xml version=\"1.0\"?>\n", "")
        ),
        String::from("<foo/>"),
        String::from("\0"),
    ] {
        let answer = phone.send(&publication.request().body(PIDF_DIFF, body.clone()));
        assert_eq!(answer.status(), 400, "{body}: {answer}");
    }
    watcher.round_trip();
    assert!(subscription.arrived().is_empty(), "nothing was changed");
    publication.etag = change(&phone, &publication, good).expect(200).etag();
    let after = subscription.notify().document();
    assert_eq!(after.text(), before.text().replace("first", "done"), "the good one alone");
}

/// RFC 5264 4.3.1 (PUB-27): an error in a whole document is 500, and the state is what it was.
#[test]
fn a_whole_document_with_an_error_is_rolled_back() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let publication = publish(&phone, &alice);
    let without = full(&alice, TUPLES).replace(&format!(" entity=\"{alice}\""), "");
    let answer = phone.send(&publication.request().body(PIDF_DIFF, without));
    assert_eq!(answer.status(), 500, "{answer}");
    let mut fetch = watcher.subscribe_with(watcher.subscribe_request(&alice).with("Expires", "0"));
    assert_eq!(fetch.notify().document().notes(), ["first"]);
    let _ = change(&phone, &publication, "<p:replace sel=\"*/note/text()\">x</p:replace>").expect(200);
}

/// RFC 5264 4.3.2 (PUB-29): what is not refreshed ends whole, changes and all; a refresh without body keeps
/// all of it, and changes still fit after it.
#[test]
fn what_is_not_refreshed_ends_whole() {
    let server = Server::start(Config::new().clock());
    let (alice, phone, watcher) = Phone::pair(&server);
    let mut publication = publish(&phone, &alice);
    let mut subscription = watcher.subscribe_with(watcher.subscribe_request(&alice).with("Expires", "86400"));
    subscription.notify();
    publication.etag = change(&phone, &publication, "<p:replace sel=\"*/note/text()\">patched</p:replace>")
        .expect(200)
        .etag();
    assert_eq!(subscription.notify().document().notes(), ["patched"]);
    server.advance(Duration::from_secs(1800));
    publication.refresh();
    server.advance(Duration::from_secs(1900));
    let more = "<p:add sel=\"*/note\" pos=\"after\"><note>and again</note></p:add>";
    let body = publication.request().with("Expires", "100").body(PIDF_DIFF, diff(&alice, more));
    publication.etag = phone.send(&body).expect(200).etag();
    assert_eq!(subscription.notify().document().notes(), ["patched", "and again"]);
    server.advance(Duration::from_secs(101));
    let last = subscription.notify().document();
    assert!(last.is_neutral() && last.notes().is_empty(), "all of it: {}", last.text());
    let _ = change(&phone, &publication, more).expect(412);
}

/// Design 1, RFC 5264 4.3: what the publisher holds outlives a crash, so its next change fits.
#[test]
fn changes_fit_after_a_crash() {
    let mut server = Server::start(Config::new());
    let (alice, phone, watcher) = Phone::pair(&server);
    let mut publication = publish(&phone, &alice);
    for round in 0..3 {
        let add = format!("<p:add sel=\"*/note[1]\" pos=\"before\"><note>round {round}</note></p:add>");
        publication.etag = change(&phone, &publication, &add).expect(200).etag();
        server.kill();
        server.restart();
    }
    let mut fetch = watcher.subscribe_with(watcher.subscribe_request(&alice).with("Expires", "0"));
    assert_eq!(fetch.notify().document().notes(), ["round 2", "round 1", "round 0", "first"]);
}

/// RFC 5264 4.1, RFC 3261 11.2, 21.4.13 (PUB-26): the type is named where types are asked for, and a type that
/// is not understood is refused with the list.
#[test]
fn the_type_is_named() {
    let server = Server::shared();
    let alice = user("alice");
    let phone = Phone::udp(&server, &alice);
    let refused = phone.send(&phone.publish_for(&alice).body("text/plain", "open")).expect(415);
    for answer in [refused, phone.send(&phone.request("OPTIONS", "sip:example.com")).expect(200)] {
        let accept = answer.values("Accept");
        assert!(accept.iter().any(|a| a == PIDF) && accept.iter().any(|a| a == PIDF_DIFF), "{answer}");
    }
}

/// RFC 5263, RFC 5264: what is published partly is notified partly, to the same effect.
#[test]
fn from_change_to_change() {
    let server = Server::shared();
    let (alice, bob, carol) = (user("alice"), user("bob"), user("carol"));
    let phone = Phone::udp(&server, &alice);
    let (one, two) = (Phone::udp(&server, &bob), Phone::udp(&server, &carol));
    let mut publication = publish(&phone, &alice);
    let accept = rollcall_tests::partial::EITHER;
    let mut partly = one.subscribe_with(one.subscribe_request(&alice).with("Accept", accept));
    let mut whole = two.subscribe(&alice);
    let mut held = rollcall_tests::partial::Held::default();
    held.take(&partly.notify());
    held.agrees(&whole.notify().document());
    for operations in [
        "<p:replace sel=\"*/tuple[2]/status/basic/text()\">open</p:replace>",
        "<p:add sel=\"*/tuple[2]/status\" pos=\"after\"><r:class>work</r:class></p:add>",
        "<p:replace sel=\"*/tuple[2]/r:class\"><x:y xmlns:x=\"urn:example:x\" a=\"1\">z</x:y></p:replace>",
        "<p:add sel=\"*/tuple[2]/contact\" type=\"@priority\">0.3</p:add>",
        "<p:replace sel=\"*/tuple[2]/contact/@priority\">0.9</p:replace>",
        "<p:remove sel=\"*/tuple[2]/contact/@priority\"/><p:remove sel=\"*/note\"/>",
    ] {
        publication.etag = change(&phone, &publication, operations).expect(200).etag();
        held.take(&partly.notify());
        held.agrees(&whole.notify().document());
    }
    assert_eq!(held.version(), 7);
    let _ = phone.send(&publication.request().with("Expires", "0")).expect(200);
    held.take(&partly.notify());
    held.agrees(&whole.notify().document());
}

/// RFC 5262 3, RFC 5261 4.2 (FLT-21): names in `sel` and in what is added mean what the patch declares,
/// whatever the prefixes of the document; without a default namespace there is none.
#[test]
fn names_mean_what_the_patch_declares() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let mut publication = publish(&phone, &alice);
    let mut subscription = watcher.subscribe(&alice);
    subscription.notify();
    let with = |publication: &Publication<'_>, declarations: &str, operations: &str| {
        let body = format!(
            "<d:pidf-diff xmlns:d=\"urn:ietf:params:xml:ns:pidf-diff\" {declarations} entity=\"{alice}\">{operations}</d:pidf-diff>"
        );
        phone.send(&publication.request().body(PIDF_DIFF, body))
    };
    let pidf = "urn:ietf:params:xml:ns:pidf";
    let remove = "<d:remove sel=\"*/note\"/>";
    let _ = with(&publication, "", remove).expect(400);
    let _ = with(&publication, "xmlns=\"urn:example:other\"", remove).expect(400);
    let _ = with(&publication, &format!("xmlns:n=\"{pidf}\""), remove).expect(400);
    let operations = "<d:replace sel=\"*/n:note\"><n:note>replaced</n:note></d:replace>\
                      <d:add sel=\"*/n:tuple[1]/n:status\" pos=\"after\"><r:thing r:a=\"1\"/></d:add>";
    // `r` stands for RPID in the document.
    let declarations = format!("xmlns:n=\"{pidf}\" xmlns:r=\"urn:example:thing\"");
    publication.etag = with(&publication, &declarations, operations).expect(200).etag();
    let seen = subscription.notify().document();
    assert_eq!(seen.notes(), ["replaced"]);
    seen.with(|root| {
        let thing =
            root.descendants().find(|n| n.has_tag_name(("urn:example:thing", "thing"))).expect("the thing");
        assert_eq!(thing.attribute(("urn:example:thing", "a")), Some("1"), "{}", seen.text());
    });
    let operations = "<d:remove sel=\"*/x:tuple[1]/y:thing/@y:a\"/>";
    let declarations = format!("xmlns:x=\"{pidf}\" xmlns:y=\"urn:example:thing\"");
    publication.etag = with(&publication, &declarations, operations).expect(200).etag();
    assert!(!subscription.notify().document().text().contains("=\"1\""));
}
