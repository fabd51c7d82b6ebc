//! Spellings of an identity (seed 2: the UIDNormalizer), as they come over the wire: in To, in the asserted
//! identity, in a document's entity. The table of all settings is in `examples/identity/README.md` and tested there.

use rollcall_tests::phone::PIDF;
use rollcall_tests::{Config, Phone, Pidf, Server};

const ALICE: &str = "sip:alice@example.com";
const BOB: &str = "sip:bob@example.com";

fn document(entity: &str, note: &str) -> String {
    Pidf::of(entity).tuple("t", "open").note(note).text()
}

/// What somebody who asks now is shown.
#[track_caller]
fn seen(server: &Server, presentity: &str) -> Vec<String> {
    let watcher = Phone::udp(server, BOB);
    let mut fetch = watcher.subscribe_with(watcher.subscribe_request(presentity).with("Expires", "0"));
    fetch.notify().document().notes()
}

/// What is published by one spelling is modified and watched by every other.
#[track_caller]
fn are_one(server: &Server, spellings: &[&str]) {
    let first = Phone::udp(server, spellings[0]);
    let mut tag = first.publish(&document(spellings[0], "start")).etag;
    for (n, spelling) in spellings.iter().enumerate() {
        // An asserted identity is sip, sips or tel (RFC 3325 9.1).
        let asserted = if spelling.starts_with("pres:") { spellings[0] } else { spelling };
        let phone = first.also(asserted);
        let note = n.to_string();
        let request = phone.publish_for(spelling).with("SIP-If-Match", tag.as_str());
        let answer = phone.send(&request.body(PIDF, document(spelling, &note)));
        assert_eq!(answer.status(), 200, "{spelling}: {answer}");
        tag = answer.etag();
        for other in spellings {
            assert_eq!(seen(server, other), [note.as_str()], "published as {spelling}, asked for {other}");
        }
    }
}

/// Host and scheme in any case, escapes, ports, parameters and passwords mean nothing; `pres:` names whom `sip:`
/// names (RFC 3261 19.1.4, RFC 3856 5). Peers compare hosts case-sensitively.
#[test]
fn spellings_of_one_identity_are_one() {
    let server = Server::start(Config::new());
    are_one(
        &server,
        &[
            ALICE,
            "sip:alice@EXAMPLE.Com",
            "SIP:alice@example.com",
            "sip:%61li%63e@example.com",
            "sip:alice@example.com:5060",
            "sip:alice@example.com:5062",
            "sip:alice@example.com.",
            "sip:alice@example.com;transport=tcp;lr",
            "sip:alice:secret@example.com",
            "pres:alice@example.com",
        ],
    );
    for other in ["sip:Alice@example.com", "sips:alice@example.com", "sip:alice%40@example.com"] {
        assert!(seen(&server, other).is_empty(), "{other} is somebody else");
    }
}

/// Visual separators mean nothing in a telephone number (RFC 3966 4), an extension does.
#[test]
fn spellings_of_a_telephone_number_are_one() {
    let server = Server::start(Config::new());
    are_one(&server, &["tel:+15550100", "tel:+1-555-0100", "TEL:+1(555)01.00", "tel:+1555-0100;isub=7"]);
    for other in ["tel:+15550101", "tel:+15550100;ext=7", "sip:+15550100@example.com;user=phone"] {
        assert!(seen(&server, other).is_empty(), "{other} is somebody else");
    }
}

/// The operator's settings hold for whatever comes over the wire.
#[test]
fn an_operator_decides_what_tells_users_apart() {
    let server = Server::start(
        Config::new()
            .set("identity.normalizer.case_sensitive_user", false)
            .set("identity.normalizer.ignore_scheme", true)
            .set("identity.normalizer.strip_port", false)
            .set("identity.normalizer.keep_parameters", vec!["line"]),
    );
    are_one(
        &server,
        &[ALICE, "sips:ALICE@example.com", "pres:Alice@example.com", "sip:alice@example.com:5060"],
    );
    are_one(&server, &["sip:alice@example.com;line=1", "sips:Alice@example.com;lr;Line=1"]);
    are_one(&server, &["tel:+15550100", "sip:+1-555-0100@example.com;user=phone"]);
    for other in ["sip:alice@example.com:5070", "sip:alice@example.com;line=2"] {
        assert!(seen(&server, other).is_empty(), "{other} is somebody else");
    }
}

/// WPS-46, WPS-48: a site's own rules decide who is who in requests, too; whom they refuse is 403.
#[test]
fn rules_of_a_site_are_asked() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("rules.wasm"), rollcall_test_guests::EXAMPLE_RULES).expect("write");
    std::fs::write(folder.path().join("map.csv"), "sip:boss@example.com,sip:alice.smith@example.com\n")
        .expect("write");
    std::fs::write(folder.path().join("black.txt"), "sip:4712@example.com;user=phone\n").expect("write");
    let config = Config::new()
        .set("identity.component", "rules.wasm")
        .set("identity.map", "map.csv")
        .set("lists.black", "black.txt")
        .set("presence.domains", vec!["example.com", "old.example.com"]);
    let server = Server::start_in(folder, config);
    // Normalized.
    are_one(&server, &[ALICE, "sip:pbx-alice@example.com"]);
    are_one(&server, &["tel:+498912344711", "sip:4711@example.com;user=phone"]);
    // Mapped; the map's own entries come first.
    let carol = Phone::udp(&server, "sip:carol.jones@example.com");
    let _published = carol.publish(&document("sip:carol.jones@example.com", "of carol"));
    assert_eq!(seen(&server, "sip:cjones@example.com"), ["of carol"]);
    let smith = Phone::udp(&server, "sip:alice.smith@example.com");
    let _published = smith.publish(&document("sip:alice.smith@example.com", "of smith"));
    assert_eq!(seen(&server, "sip:boss@example.com"), ["of smith"]);
    assert!(seen(&server, "sip:asmith@example.com").is_empty());
    // Entries of the lists, too.
    let listed = Phone::udp(&server, "tel:+498912344712");
    let _ = listed.send(&listed.subscribe_request(ALICE)).expect(403);
    // Refused: as presentity, as sender, as entity.
    let closed = Phone::udp(&server, "sip:alice@old.example.com");
    let bob = Phone::udp(&server, BOB);
    let _ = bob.send(&bob.subscribe_request("sip:alice@old.example.com")).expect(403);
    let _ = closed.send(&closed.subscribe_request(ALICE)).expect(403);
    let entity = bob.publish_for(BOB).body(PIDF, document("sip:alice@old.example.com", "x"));
    let _ = bob.send(&entity).expect(403);
}

/// WPS-48: rules that fail to normalize refuse that request and no other (500 with Retry-After), rules that fail to
/// map leave what the map says; either way the operator sees it.
#[test]
fn rules_of_a_site_that_fail_do_no_harm() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("rules.wasm"), rollcall_test_guests::IDENTITY_RULES).expect("write");
    let config = Config::new()
        .set("identity.component", "rules.wasm")
        .set("identity.time_limit", "100ms")
        .set("identity.map", "map.csv");
    std::fs::write(folder.path().join("map.csv"), format!("{ALICE},sip:maps_traps@example.com\n"))
        .expect("write");
    let server = Server::start_in(folder, config);
    let failures = || server.admin().metrics().sum("rollcall_identity_failures_total", &[]);
    let bob = Phone::udp(&server, BOB);
    for user in ["traps", "spins", "grows", "gives_a_giant", "gives_up"] {
        let name = format!("sip:{user}@example.com");
        let phone = Phone::udp(&server, &name);
        let (watcher, before) = (phone.also(BOB), failures());
        let requests =
            [watcher.subscribe_request(&name), phone.subscribe_request(BOB), phone.publish_request("")];
        for answer in requests.map(|request| phone.send(&request)) {
            assert_eq!(answer.status(), 500, "{user}: {answer}");
            assert!(answer.header("Retry-After").is_some(), "{answer}");
        }
        assert!(failures() > before, "{user}: {before:?}");
    }
    let refused = bob.send(&bob.subscribe_request("sip:refuses@example.com")).expect(403);
    assert_eq!(refused.header("Retry-After"), None);
    are_one(&server, &[ALICE, "sip:maps_traps@example.com"]);
    are_one(&server, &["sip:maps_gives_a_giant@example.com", "sip:maps_gives_a_giant@EXAMPLE.com"]);
    let log = server.log();
    let warnings: Vec<_> = log.lines().filter(|line| line.contains("WARN")).collect();
    assert!(warnings[0].contains("sip:traps@example.com"), "{log}");
    assert!(warnings.len() < 5, "a line now and then, not one for each request: {log}");
}
