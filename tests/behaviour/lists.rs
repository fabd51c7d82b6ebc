//! The white and the black list, as requests meet them (seed 2, WPS-18 to WPS-22, WPS-36, WPS-44, WPS-47). How the
//! files are loaded and told about is in `reload`.

use std::time::Duration;

use rollcall_tests::phone::PIDF;
use rollcall_tests::{Config, Phone, Pidf, Server};

const ALICE: &str = "sip:alice@example.com";
const ROBOT: &str = "sip:robot@example.com";
const MALLORY: &str = "sip:mallory@example.com";
const MAP: (&str, &str) =
    ("map.json", "{\"sip:mallory@example.com\": [\"tel:+15550166\", \"sip:mal@evil.example\"]}");

fn config() -> Config {
    Config::new()
        .set("identity.map", "map.json")
        .set("lists.white", "white.txt")
        .set("lists.black", "black.txt")
        .set("presence.winfo.interval", 0)
}

fn server(white: &str, black: &str, config: Config) -> Server {
    Server::start_with(&[MAP, ("white.txt", white), ("black.txt", black)], config)
}

fn document(entity: &str, note: &str) -> String {
    Pidf::of(entity).tuple("t", "open").note(note).text()
}

/// Statuses of a PUBLISH for oneself and of a SUBSCRIBE to Alice.
fn statuses(server: &Server, sender: &str) -> (u16, u16) {
    let phone = Phone::udp(server, sender);
    let publish = phone.publish_for("sip:own@example.com").body(PIDF, document("sip:own@example.com", "x"));
    let fetch = phone.subscribe_request(ALICE).with("Expires", "0");
    (phone.send(&publish).status(), phone.send(&fetch).status())
}

/// Who is in no list: nobody publishes as somebody else, anybody watches.
const UNLISTED: (u16, u16) = (403, 200);
const WHITE: (u16, u16) = (200, 200);
const BLACK: (u16, u16) = (403, 403);

/// WPS-22, WPS-36, WPS-44, WPS-47: who is in the white list publishes for others, watches them though the rules
/// block, and reads who watches them.
#[test]
fn the_white_list_lets_everything_pass() {
    for closed in [Config::new().rules("block"), Config::new().set("rules.enabled", false)] {
        let mut config = config();
        for key in ["rules.enabled", "rules.default"] {
            config = config.set(key, closed.get(key).expect("a rule").clone());
        }
        let server = server("sip:robot@example.com", "", config);
        let (robot, alice) = (Phone::udp(&server, ROBOT), Phone::udp(&server, ALICE));
        let stranger = Phone::udp(&server, "sip:bob@example.com");
        let _ = stranger.send(&stranger.subscribe_request(ALICE)).expect(403);
        let own = alice.publish(&document(ALICE, "own"));
        let mut watching = robot.subscribe(ALICE);
        assert_eq!(watching.notify().expect("active").document().notes(), ["own"]);
        let for_her = || robot.publish_for(ALICE);
        let tag = robot.send(&for_her().body(PIDF, document(ALICE, "for her"))).expect(200).etag();
        let mut seen = watching.notify().document().notes();
        seen.sort();
        assert_eq!(seen, ["for her", "own"]);
        let _ = robot.send(&for_her().with("SIP-If-Match", tag).with("Expires", "0")).expect(200);
        assert_eq!(watching.notify().document().notes(), ["own"]);
        let _ = robot.send(&for_her().with("SIP-If-Match", own.etag.as_str())).expect(200);
        // What is published for her is about her (PUB-22).
        let _ = robot.send(&for_her().body(PIDF, document("sip:carol@example.com", "x"))).expect(400);
        let mut looking = robot.subscribe_with(robot.winfo_request(ALICE, "presence.winfo"));
        let told = looking.notify().watcher_info().told();
        assert_eq!(told, [format!("{ROBOT} active subscribe")]);
        // Who watches the watchers is told to nobody else (WIN-04).
        let _ = robot.send(&robot.winfo_request(ALICE, "presence.winfo.winfo")).expect(403);
    }
}

/// WPS-20, WPS-47: who is in the black list is refused, also where it is about itself; and also if it is in the
/// white list.
#[test]
fn the_black_list_lets_nothing_pass() {
    let both = "sip:mallory@example.com";
    let server = server(both, both, config());
    let phone = Phone::udp(&server, MALLORY);
    let _ = phone.send(&phone.publish_request(&document(MALLORY, "own"))).expect(403);
    for presentity in [MALLORY, ALICE] {
        for package in ["presence", "presence.winfo", "presence.winfo.winfo"] {
            let request = || phone.winfo_request(presentity, package).with("Accept", "*/*");
            let _ = phone.send(&request()).expect(403);
            let _ = phone.send(&request().with("Expires", "0")).expect(403);
        }
    }
    // From proves nothing, and of two asserted identities each counts.
    let disguised = phone.subscribe_request(ALICE).with("From", format!("<{ALICE}>;tag=1"));
    let _ = phone.send(&disguised).expect(403);
    let second = format!("<{ALICE}>, <tel:+15550166>");
    let _ = phone.send(&phone.subscribe_request(ALICE).with("P-Asserted-Identity", second)).expect(403);
    assert_eq!(statuses(&server, ALICE), UNLISTED);
}

/// WPS-20, WPS-21: who gets onto the black list keeps no subscription beyond its next refresh, and cannot
/// prolong or remove what it has published.
#[test]
fn who_is_blacklisted_meanwhile_is_shown_nothing_more() {
    let server = server("", "", config());
    let (alice, phone) = (Phone::udp(&server, ALICE), Phone::udp(&server, MALLORY));
    let mut publication = alice.publish(&document(ALICE, "before"));
    let own = phone.publish(&document(MALLORY, "own"));
    let mut watching = phone.subscribe(ALICE);
    assert_eq!(watching.notify().expect("active").document().notes(), ["before"]);
    let mut looking = phone.look();
    looking.notify().expect("active");
    server.replace("black.txt", MALLORY);
    server.reload();
    let _ = phone.send(&own.request()).expect(403);
    let _ = phone.send(&own.request().with("Expires", "0")).expect(403);
    for subscription in [&mut watching, &mut looking] {
        let request = subscription.request(3600);
        subscription.skip_cseq();
        let _ = phone.send(&request).expect(403);
        subscription.notify().expect_end("rejected");
    }
    publication.modify(&document(ALICE, "after"));
    phone.round_trip();
    assert!(watching.arrived().is_empty());
    let _ = phone.send(&phone.subscribe_request(ALICE)).expect(403);
    server.replace("black.txt", "");
    server.reload();
    assert_eq!(phone.subscribe(ALICE).notify().expect("active").document().notes(), ["after"]);
}

/// WPS-18: an entry may stand for a whole domain, not for those below it; hosts are compared in any case.
#[test]
fn an_entry_stands_for_a_domain() {
    let server =
        server("*@robots.example\n", "@Evil.Example # all of them\n", config().set("lists.map", false));
    for (sender, expected) in [
        ("sip:r2@robots.example", WHITE),
        ("sip:r2@ROBOTS.example.;x", WHITE),
        ("sip:r2@sub.robots.example", UNLISTED),
        ("sip:r2@robots.example.com", UNLISTED),
        ("sip:robots.example@example.com", UNLISTED),
        ("sip:mal@evil.example", BLACK),
        ("sip:mal@EVIL.example:5080", BLACK),
        ("sip:mal@sub.evil.example", UNLISTED),
        ("tel:+15550166", UNLISTED),
    ] {
        assert_eq!(statuses(&server, sender), expected, "{sender}");
    }
}

/// WPS-19, WPS-20: "maps each identity to its fundamental identity …; the publisher/subscriber identity is mapped and
/// the fundamental identity is compared": any address lists the person, under all addresses. Without mapping each
/// is listed by itself.
#[test]
fn a_list_is_of_people_or_of_addresses() {
    let all =
        [MALLORY, "tel:+15550166", "tel:+1-555-0166", "sip:mal@evil.example", "sip:m%61llory@EXAMPLE.com"];
    let server = server("", "", config());
    let lists = |white: &str, black: &str| {
        server.replace("white.txt", white);
        server.replace("black.txt", black);
        server.reload();
    };
    for entry in ["sip:mallory@example.com", "tel:+1-(555)-0166", "SIP:mal@EVIL.example"] {
        for (white, black, expected) in [(entry, "", WHITE), ("", entry, BLACK), (entry, entry, BLACK)] {
            lists(white, black);
            for sender in all {
                assert_eq!(statuses(&server, sender), expected, "{sender} by {entry}");
            }
        }
    }
    // A domain is that of the fundamental identity.
    lists("", "@evil.example");
    assert_eq!(statuses(&server, "sip:mal@evil.example"), UNLISTED);
    assert_eq!(statuses(&server, "sip:other@evil.example"), BLACK);
    let server = self::server("", "tel:+15550166", config().set("lists.map", false));
    let expected = [UNLISTED, BLACK, BLACK, UNLISTED, UNLISTED];
    assert_eq!(all.map(|sender| statuses(&server, sender)), expected);
}

/// WPS-21: "When the lists are updated (by default once an hour) the identities are mapped again": a change of the
/// map reaches them, too.
#[test]
fn lists_are_read_and_mapped_again_each_hour() {
    let server = server("", "tel:+15550166", config().clock());
    assert_eq!(statuses(&server, MALLORY), BLACK);
    server.replace("map.json", "{\"sip:trudy@example.com\": [\"tel:+15550166\"]}");
    server.replace("white.txt", ROBOT);
    server.advance(Duration::from_secs(3_500));
    assert_eq!(statuses(&server, ROBOT), UNLISTED, "not due yet");
    assert_eq!(statuses(&server, MALLORY), BLACK);
    server.advance(Duration::from_secs(200));
    server.wait_metrics("the new map", |_| statuses(&server, "sip:trudy@example.com") == BLACK);
    server.wait_metrics("the new list", |_| statuses(&server, ROBOT) == WHITE);
    assert_eq!(statuses(&server, MALLORY), UNLISTED);
    assert_eq!(statuses(&server, "tel:+15550166"), BLACK);
}

/// WPS-18: the lists are in force before the first request is served, also at each later start, also after a
/// kill; a server whose list is broken does not start, and one whose list breaks later keeps the former one.
#[test]
fn no_request_is_served_without_the_lists() {
    let mut server = server(ROBOT, MALLORY, config());
    assert_eq!((statuses(&server, ROBOT), statuses(&server, MALLORY)), (WHITE, BLACK));
    server.kill();
    server.restart();
    assert_eq!((statuses(&server, ROBOT), statuses(&server, MALLORY)), (WHITE, BLACK));
    server.replace("black.txt", "sip:trudy@example.com\nnonsense\n");
    std::fs::remove_file(server.folder().join("white.txt")).expect("remove a file");
    assert_eq!(server.admin().call("POST", "/reload").0, 422);
    assert_eq!((statuses(&server, ROBOT), statuses(&server, MALLORY)), (WHITE, BLACK));
    assert_eq!(statuses(&server, "sip:trudy@example.com"), UNLISTED, "no half of it");
    server.kill();
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["rollcall.toml", "map.json", "black.txt"] {
        std::fs::copy(server.folder().join(name), folder.path().join(name)).expect("copy a file");
    }
    let refusal = Server::refused(&folder, Config::read(&folder.path().join("rollcall.toml")));
    assert_eq!(refusal.status.code(), Some(78), "{}", refusal.output);
    assert!(refusal.output.contains("black.txt:2: \"nonsense\""), "{}", refusal.output);
    assert!(refusal.output.contains("white.txt: cannot be read"), "{}", refusal.output);
}
