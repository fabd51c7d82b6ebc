//! Files of identities and lists (design 8, WPS-18 to WPS-21): loaded before anything is served, reloaded by
//! interval, by signal and by command; whole or not at all.

use std::time::Duration;

use nix::sys::signal::Signal;
use rollcall_tests::cli::rollcall;
use rollcall_tests::{Config, Phone, Pidf, Server};
use serde_json::Value;

const MAP: &str = "{\"sip:alice@example.com\": [\"tel:+15550100\"]}";

/// A server with an identity map and both lists, and a virtual clock.
fn server(files: &[(&str, &str)], config: Config) -> Server {
    let mut all = vec![("map.json", MAP), ("white.txt", ""), ("black.txt", "")];
    all.extend(files);
    Server::start_with(&all, config)
}

fn config() -> Config {
    Config::new()
        .clock()
        .set("identity.map", "map.json")
        .set("lists.white", "white.txt")
        .set("lists.black", "black.txt")
}

fn identity(server: &Server, uri: &str) -> Value {
    server.admin().json(&format!("/identity?uri={uri}"))
}

fn fundamental(server: &Server, uri: &str) -> String {
    identity(server, uri)["fundamental"].as_str().expect("a text").to_owned()
}

fn wait_entries(server: &Server, table: &str, entries: f64) {
    let label = format!("table=\"{table}\"");
    server.wait_metrics(&format!("{entries} entries in {table}"), |metrics| {
        metrics.sum("rollcall_table_entries", &[&label]) == Some(entries)
    });
}

fn failures(server: &Server, table: &str) -> Option<f64> {
    server.admin().metrics().sum("rollcall_table_failures_total", &[&format!("table=\"{table}\"")])
}

/// WPS-18: the lists hold before the first request is served. WPS-19, WPS-20: both the entry and the sender are
/// mapped. Each list has its file.
#[test]
fn lists_hold_from_the_first_request_on() {
    let server = server(&[("black.txt", "# left\nsip:mallory@example.com\n*@evil.example\n")], config());
    let mallory = Phone::udp(&server, "sip:mallory@example.com");
    let _ =
        mallory.send(&mallory.publish_request(&Pidf::basic("sip:mallory@example.com", "open"))).expect(403);
    assert_eq!(fundamental(&server, "tel:+1-555-0100"), "sip:alice@example.com");
    assert_eq!(identity(&server, "sip:x@evil.example")["black"], "domain");
    wait_entries(&server, "identities", 2.0);
    let metrics = server.admin().metrics();
    let loaded = metrics.sum("rollcall_table_last_success_timestamp_seconds", &["table=\"black\""]);
    assert!(loaded.is_some_and(|seconds| seconds > 1.7e9), "{}", metrics.text());
    assert!(metrics.sum("rollcall_table_load_seconds", &["table=\"black\""]).is_some());
    let shown = server.rollcall(&["show", "identity", "tel:+1-555-0100"]).out;
    assert!(shown.contains("fundamental: sip:alice@example.com\n"), "{shown}");
}

/// Each section has its own interval; the lists are mapped anew when the map has changed (WPS-21).
#[test]
fn each_section_is_reloaded_by_its_own_interval() {
    let white = ("white.txt", "sip:al@example.com");
    let server = server(&[white], config().set("identity.reload", 600).set("lists.reload", 60));
    server.replace("map.json", "{\"sip:bob@example.com\": [\"sip:al@example.com\", \"sip:b@example.com\"]}");
    server.replace("black.txt", "sip:mallory@example.com\nsip:trudy@example.com");
    server.advance(Duration::from_secs(61));
    wait_entries(&server, "black", 2.0);
    assert_eq!(fundamental(&server, "sip:b@example.com"), "sip:b@example.com", "not due yet");
    assert_eq!(identity(&server, "sip:bob@example.com")["white"], Value::Null);
    server.advance(Duration::from_secs(540));
    wait_entries(&server, "identities", 3.0);
    assert_eq!(fundamental(&server, "sip:b@example.com"), "sip:bob@example.com");
    assert_eq!(identity(&server, "sip:bob@example.com")["white"], "identity", "the list is mapped anew");
}

/// An interval of 0 turns that off; a signal and the command still reload.
#[test]
fn an_operator_reloads_by_signal_and_by_command() {
    let config = config().set("identity.reload", 0).set("lists.reload", 0);
    let server = server(&[], config);
    server.replace("white.txt", "sip:a@example.com");
    server.advance(Duration::from_secs(1_000_000));
    let reloaded = server.rollcall(&["reload"]);
    assert_eq!(reloaded.code, Some(0), "{}", reloaded.err);
    let said = reloaded.out;
    assert!(said.contains("identities: unchanged, 2 entries\n"), "{said}");
    assert!(said.contains("white: replaced, 1 entries, "), "nothing had reloaded it before: {said}");
    server.replace("white.txt", "sip:a@example.com\nsip:b@example.com");
    server.signal(Signal::SIGHUP);
    wait_entries(&server, "white", 2.0);
    assert_eq!(server.admin().call("POST", "/reload").0, 200);
}

/// What is broken or gone leaves the former table in force, is told once with file and line, and counted;
/// other tables are replaced all the same.
#[test]
fn a_broken_file_leaves_the_former_table_in_force() {
    let black = ("black.txt", "sip:mallory@example.com");
    let server = server(&[black], config().set("identity.reload", 60).set("lists.reload", 60));
    server.replace("black.txt", "sip:trudy@example.com\n:\n\n::\n");
    server.replace("white.txt", "sip:a@example.com");
    let minute = || server.advance(Duration::from_secs(61));
    minute();
    wait_entries(&server, "white", 1.0);
    for failed in 2..4 {
        minute();
        server.wait_metrics("another failure", |metrics| {
            metrics.sum("rollcall_table_failures_total", &["table=\"black\""]) >= Some(f64::from(failed))
        });
    }
    assert_eq!(identity(&server, "sip:mallory@example.com")["black"], "identity");
    assert_eq!(identity(&server, "sip:trudy@example.com")["black"], Value::Null, "not half of the new one");
    let warnings = || server.log().lines().filter(|line| line.contains("table not reloaded")).count();
    assert_eq!(warnings(), 1, "{}", server.log());

    let reloaded = server.rollcall(&["reload"]);
    assert_eq!(reloaded.code, Some(1));
    assert!(reloaded.out.contains("black: kept as it was, 1 entries\n"));
    let said = reloaded.err;
    let file = server.folder().join("black.txt");
    for line in [2, 4] {
        assert!(said.contains(&format!("{}:{line}: ", file.display())), "{said}");
    }
    assert_eq!(server.admin().call("POST", "/reload").0, 422);
    std::fs::remove_file(&file).expect("remove a file");
    let said = server.rollcall(&["reload"]).err;
    assert!(said.contains("black.txt: cannot be read: No such file"), "{said}");
    assert_eq!(identity(&server, "sip:mallory@example.com")["black"], "identity");

    let before = failures(&server, "black");
    server.replace("black.txt", "sip:trudy@example.com");
    minute();
    server
        .wait_metrics("the new list", |_| identity(&server, "sip:trudy@example.com")["black"] == "identity");
    assert_eq!(failures(&server, "black"), before);
}

/// A public identity under two fundamental ones is told with both lines, and the map in force stays.
#[test]
fn a_conflict_in_the_map_is_told_with_both_lines() {
    let server = server(&[], config());
    server
        .replace("map.json", "{\n\"sip:a@example.com\": [\"tel:+1\"],\n\"sip:b@example.com\": [\"tel:+1\"]}");
    let said = server.rollcall(&["reload"]).err;
    let line = said.lines().find(|line| line.contains("map.json:3: "));
    assert!(line.is_some_and(|line| line.contains("tel:+1") && line.contains("line 2")), "{said}");
    assert_eq!(fundamental(&server, "tel:+15550100"), "sip:alice@example.com");
}

/// Every problem of every file is told at once, by `check` and by `serve`, and nothing starts.
#[test]
fn broken_files_are_problems_of_the_configuration() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file =
        |name: &str, text: &[u8]| std::fs::write(folder.path().join(name), text).expect("write a file");
    file(
        "map.csv",
        b"fundamental,public\nsip:a@example.com,tel:+1\nsip:b@example.com,tel:+1\nsip:c@example.com,\"tel:+2\n",
    );
    file("white.txt", b"sip:a@example.com\n\xff\n:::\n");
    let config =
        config().set("identity.map", "map.csv").set("lists.black", "absent.txt").set("sip.nonesuch", 1);
    for config in [config.clone().set("rules.default", "allow"), config.set("rules.default", "perhaps")] {
        let problem_of_the_component = config.get("rules.default") == Some(&"perhaps".into());
        let refusal = Server::refused(&folder, config);
        assert_eq!(refusal.status.code(), Some(78), "{}", refusal.output);
        let mut expected = vec![
            "rollcall.toml:",
            "sip.nonesuch: unknown key",
            "lists.black: ",
            "absent.txt: cannot be read: No such file",
            "map.csv:4: a quote is not closed on its line",
            "white.txt:2: not UTF-8",
        ];
        // Rows are the business of a component that has taken its configuration.
        expected.extend(match problem_of_the_component {
            true => ["rules.default: ", "problems"],
            false => ["white.txt:3: ", "map.csv:3: "],
        });
        for problem in expected {
            assert!(refusal.output.contains(problem), "{problem} is missing in\n{}", refusal.output);
        }
        assert!(!folder.path().join("data").exists(), "nothing was started:\n{}", refusal.output);
    }
    let file = folder.path().join("rollcall.toml");
    let check = rollcall(&["check", "--config", file.to_str().expect("a path in UTF-8")]);
    assert_eq!(check.code, Some(78));
    assert!(check.err.contains("white.txt:2: not UTF-8"));
}

/// WPS-46, WPS-48: a site's own rules come from a file, are reloaded when asked for, and a file that cannot be
/// used leaves them in force.
#[test]
fn identity_rules_of_a_site_are_loaded_and_reloaded() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let rules = folder.path().join("rules.wasm");
    std::fs::write(&rules, rollcall_test_guests::EXAMPLE_RULES).expect("write a file");
    let config = Config::new().set("identity.component", "rules.wasm").set("identity.time_limit", "100ms");
    let server = Server::start_in(folder, config);
    assert_eq!(fundamental(&server, "sip:4711@example.com;user=phone"), "tel:+498912344711");
    assert_eq!(fundamental(&server, "sip:pbx-alice@example.com"), "sip:alice@example.com");
    let (status, refused) = server.admin().call("GET", "/identity?uri=sip:alice@old.example.com");
    assert!(status == 400 && refused.contains("old.example.com is closed"), "{status} {refused}");
    let calls = server.admin().metrics().sum("rollcall_identity_calls_total", &[]);
    assert!(calls >= Some(3.0), "{calls:?}");

    std::fs::write(&rules, b"\0asm").expect("write a file");
    let reloaded = server.rollcall(&["reload"]);
    assert_eq!(reloaded.code, Some(1));
    assert!(reloaded.out.contains("identity rules: kept as they were\n"));
    assert!(reloaded.err.contains("rules.wasm: "));
    assert_eq!(fundamental(&server, "sip:pbx-alice@example.com"), "sip:alice@example.com");

    // These give everybody back as the built-in rules have them.
    std::fs::write(&rules, rollcall_test_guests::IDENTITY_RULES).expect("write a file");
    let said = server.rollcall(&["reload"]).out;
    assert!(said.contains("identity rules: replaced"), "{said}");
    assert_eq!(fundamental(&server, "sip:pbx-alice@example.com"), "sip:pbx-alice@example.com");
    assert_eq!(server.admin().call("POST", "/rollback").0, 200);
    assert_eq!(fundamental(&server, "sip:pbx-alice@example.com"), "sip:alice@example.com");
}

/// Rules that cannot be used are a problem of the configuration.
#[test]
fn identity_rules_that_cannot_be_used_are_refused() {
    for (rules, problem) in [(None, "rules.wasm: cannot be read"), (Some(b"\0asm"), "rules.wasm: ")] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        if let Some(bytes) = rules {
            std::fs::write(folder.path().join("rules.wasm"), bytes).expect("write a file");
        }
        let refusal = Server::refused(&folder, Config::new().set("identity.component", "rules.wasm"));
        assert_eq!(refusal.status.code(), Some(78), "{}", refusal.output);
        let line = refusal.output.lines().find(|line| line.contains("identity.component: "));
        assert!(line.is_some_and(|line| line.contains(problem)), "{}", refusal.output);
        assert!(!folder.path().join("data").exists());
    }
}

/// A list that would have no effect with a component is refused, at the start and in a swap.
#[test]
fn a_component_without_the_configured_tables_is_refused() {
    let server = server(&[], config());
    let guest = server.folder().join("guest.wasm");
    std::fs::write(&guest, rollcall_test_guests::GUEST).expect("write a file");
    let swapped = server.rollcall(&["swap", guest.to_str().expect("a path in UTF-8")]);
    assert_eq!(swapped.code, Some(1));
    let said = swapped.err;
    assert!(said.contains("lists.black: ") && said.contains("has no such table"), "{said}");
    assert_eq!(fundamental(&server, "tel:+15550100"), "sip:alice@example.com", "the running one goes on");
}
