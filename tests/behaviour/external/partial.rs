//! Partial documents of another community (RFC 5262, RFC 5263).

use rollcall_tests::phone::PIDF;
use rollcall_tests::{Config, Phone, Server, Source};

use super::*;

const DIFF: &str = "application/pidf-diff+xml";

fn full(version: u32, note: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<p:pidf-full xmlns=\"urn:ietf:params:xml:ns:pidf\" \
         xmlns:p=\"urn:ietf:params:xml:ns:pidf-diff\" entity=\"{AL}\" version=\"{version}\"><tuple id=\"t\">\
         <status><basic>open</basic></status><note>{note}</note></tuple></p:pidf-full>"
    )
}

fn changed(version: u32, note: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<p:pidf-diff xmlns=\"urn:ietf:params:xml:ns:pidf\" \
         xmlns:p=\"urn:ietf:params:xml:ns:pidf-diff\" entity=\"{AL}\" version=\"{version}\">\
         <p:replace sel=\"*/tuple[@id='t']/note/text()\">{note}</p:replace></p:pidf-diff>"
    )
}

/// RFC 5263 4.4: the server says that it takes partial documents, and applies them in order; after a gap it asks for the
/// full document.
#[test]
fn partial_documents_are_applied() {
    let partner = Source::community();
    partner.knows(AL, DIFF, &full(1, "one"));
    let config = Config::new().source("community", community(&partner, "partner", "partner.json"));
    let server = Server::start_with(&[("partner.json", PARTNER)], config);
    let watcher = Phone::udp(&server, BOB);
    let mut subscription = watcher.subscribe(ALICE);
    shown(&mut subscription, |document| notes(document) == ["one"]);
    let first = partner.subscribe().expect_initial(AL, 200);
    let accepted = first.message.values("Accept");
    for kind in [PIDF, DIFF] {
        assert!(accepted.iter().any(|value| value.starts_with(kind)), "{accepted:?}");
    }
    for (version, note) in [(2, "two"), (3, "three")] {
        let notify = partner.notification(AL, None).body(DIFF, changed(version, note));
        let _ = partner.send(&notify).expect(200);
        shown(&mut subscription, |document| notes(document) == [note]);
    }
    partner.knows(AL, DIFF, &full(9, "nine"));
    let late = partner.notification(AL, None).body(DIFF, changed(8, "eight"));
    let _ = partner.send(&late);
    partner.subscribe().expect_next_after(&first);
    let document = shown(&mut subscription, |document| notes(document) != ["three"]);
    assert_eq!(notes(&document), ["nine"], "what was left out is not guessed");
}
