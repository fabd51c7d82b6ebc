//! What the configuration says of sources (WPS-14).

use std::time::Duration;

use rollcall_tests::{Config, Phone, Server, Source};

use super::*;

fn entries(server: &Server, count: f64) {
    server.wait_metrics(&format!("{count} entries in the table external"), |metrics| {
        metrics.sum("rollcall_table_entries", &["table=\"external\""]) == Some(count)
    });
}

/// Design 8: every problem is told, with file, line and key: those of the configuration and those of the files that say
/// whom a source knows. A password is not told.
#[test]
fn every_problem_is_told_with_its_place() {
    let mut credentials = Table::new();
    credentials.insert("username".to_owned(), 7.into());
    credentials.insert("password".to_owned(), "open sesame".into());
    let source = |name: &str, identities: &str| {
        let mut source = Table::new();
        source.insert("name".to_owned(), name.into());
        source.insert("target".to_owned(), "sip:127.0.0.1:6060".into());
        with(source, "identities", identities)
    };
    let bad = with(with(source("bad", "good.json"), "target", vec!["tel:1"]), "credentials", credentials);
    let config = Config::new()
        .source("registrar", with(source("s-cscf", "good.json"), "start", "soon"))
        .source("registrar", with(bad, "thirdparty", true));
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("good.json"), PARTNER).expect("write a file");
    let refusal = Server::refused(&folder, config);
    for key in [
        "registrar[0].start",
        "registrar[1].target",
        "registrar[1].credentials.username",
        "registrar[1].thirdparty",
    ] {
        let line = refusal.output.lines().find(|line| line.contains(&format!("external.{key}")));
        let line = line.unwrap_or_else(|| panic!("nothing about {key} in:\n{}", refusal.output));
        let place = line.split("rollcall.toml:").nth(1).and_then(|rest| rest.split(':').next());
        assert!(place.is_some_and(|line| line.parse::<u32>().is_ok()), "{line}");
    }
    assert!(!refusal.output.contains("sesame"), "{}", refusal.output);

    for (name, text) in [
        (
            "one.json",
            "{\n\"sip:alice@example.com\": \"sip:al@one.example\",\n\"sip:bob@example.com\": \"nobody\"}",
        ),
        (
            "two.csv",
            "sip:alice@example.com,sip:al@two.example\n\nsip:bob@example.com,sip:b@two.example,more\n",
        ),
        ("three.json", "{\"sip:alice@example.com\": 5}"),
    ] {
        std::fs::write(folder.path().join(name), text).expect("write a file");
    }
    let config = Config::new()
        .source("registrar", source("one", "one.json"))
        .source("community", source("two", "two.csv"))
        .source("community", source("three", "three.json"))
        .source("community", source("four", "four.csv"));
    let output = Server::refused(&folder, config).output;
    for place in ["one.json:3: ", "two.csv:3: ", "three.json:1: ", "four.csv: cannot be read"] {
        assert!(output.contains(place), "{place} in:\n{output}");
    }
}

/// WPS-14: whom the sources know is one table, from files of their own in their own formats; it is reloaded like all tables,
/// whole or not at all, while the server runs.
#[test]
fn whom_a_source_knows_is_reloaded() {
    let (partner, club) = (Source::community(), Source::community());
    let config = Config::new()
        .clock()
        .set("external.reload", 60)
        .source("community", community(&partner, "partner", "partner.json"))
        .source("community", community(&club, "club", "club.csv"));
    let server = Server::start_with(&[("partner.json", PARTNER), ("club.csv", "")], config);
    entries(&server, 2.0);
    server.replace("club.csv", "sip:alice@example.com,sip:alice@club.example\n");
    Source::advance(&server, &[], Duration::from_secs(61));
    entries(&server, 4.0);
    let watcher = Phone::udp(&server, BOB);
    let mut subscription = watcher.subscribe(ALICE);
    subscription.notify();
    partner.subscribe().expect_initial(AL, 200);
    club.subscribe().expect_initial("sip:alice@club.example", 200);
    // What is broken changes nothing, and is told with its place.
    server.replace("club.csv", "sip:alice@example.com,sip:alice@club.example\nsip:bob@example.com\u{7f},x\n");
    server.replace("partner.json", "{}");
    let (status, report) = server.admin().call("POST", "/reload");
    assert_eq!(status, 422, "{report}");
    assert!(report.contains("club.csv:2: "), "{report}");
    entries(&server, 4.0);
    server.replace("club.csv", "sip:alice@example.com,sip:alice@club.example\n");
    server.reload();
    entries(&server, 2.0);
    // The same person twice, or two persons behind one URI, is told with both lines.
    for text in [
        "sip:alice@example.com,sip:a@club.example\nsip:alice@example.com,sip:b@club.example\n",
        "sip:alice@example.com,sip:a@club.example\nsip:bob@example.com,sip:a@club.example\n",
    ] {
        server.replace("club.csv", text);
        let (status, report) = server.admin().call("POST", "/reload");
        assert_eq!(status, 422, "{report}");
        assert!(report.contains("club.csv:2: ") && report.contains("club.csv:1"), "{report}");
    }
}
