//! What an operator sees of sources: state of each in metrics and on the admin address.

use std::time::Duration;

use rollcall_tests::phone::PIDF;
use rollcall_tests::reginfo::REGINFO;
use rollcall_tests::subscription::Answer;
use rollcall_tests::{Config, Phone, Reginfo, Server, Source};
use serde_json::Value;

use super::*;

fn figure(server: &Server, name: &str, source: &str) -> Option<f64> {
    server.admin().metrics().sum(&format!("rollcall_plugin_{name}"), &[&format!("source=\"{source}\"")])
}

/// Last contact, last error, next try and the users covered of each source; the sources of a presentity; and no source among the
/// presentities.
#[test]
fn the_state_of_each_source_is_told() {
    let (registrar, partner) = (Source::registrar(), Source::community());
    registrar.knows(ALICE, REGINFO, &Reginfo::registered(ALICE, DEVICE));
    registrar.knows(CAROL, REGINFO, &Reginfo::registered(CAROL, DEVICE));
    partner.knows(AL, PIDF, &noted(AL, "partner"));
    partner.answer_all(Some(Answer::Status(500, "Out of Order", Vec::new())));
    let config = Config::new()
        .clock()
        .source("registrar", scscf(&registrar))
        .source("community", community(&partner, "partner", "partner.json"));
    let server = Server::start_with(&[("partner.json", PARTNER)], config);
    let all = server.admin().json("/sources").to_string();
    assert!(all.contains("scscf") && all.contains("partner"), "{all}");
    let before = server.admin().json("/source?name=scscf");
    assert_eq!((&before["users"], &before["last_contact"]), (&Value::from(0), &Value::Null), "{before}");
    assert_eq!(server.admin().call("GET", "/source?name=nonesuch").0, 400);

    let watcher = Phone::udp(&server, BOB);
    let (mut alices, mut carols) = (watcher.subscribe(ALICE), watcher.subscribe(CAROL));
    shown(&mut alices, |document| is_open(document, ALICE));
    shown(&mut carols, |document| is_open(document, CAROL));
    partner.subscribe().expect_initial(AL, 500);
    wait_until("two users of the registrar, and a failure of the partner", || {
        let (scscf, partner) =
            (server.admin().json("/source?name=scscf"), server.admin().json("/source?name=partner"));
        scscf["users"] == 2 && scscf["last_contact"].is_u64() && partner["last_error"].is_object()
    });
    let told = server.admin().json("/source?name=partner");
    assert_eq!(told["users"], 1, "{told}");
    assert!(told["last_error"].to_string().contains("500"), "{told}");
    assert!(told["next_try"].as_u64() > told["last_error"]["at"].as_u64(), "{told}");
    let text = server.rollcall(&["show", "source", "partner"]).expect(0);
    for word in ["last error", "500", "next try", "users: 1", " GMT"] {
        assert!(text.contains(word), "{word} in:\n{text}");
    }
    let text = server.rollcall(&["show", "sources"]).expect(0);
    assert!(text.contains("scscf") && text.contains("registrar"), "{text}");

    // The gauges are set from time to time.
    wait_until("figures of both", || {
        server.advance(Duration::from_secs(15));
        figure(&server, "source_users", "scscf") == Some(2.0)
            && figure(&server, "source_users", "partner") == Some(1.0)
            && figure(&server, "source_last_contact_timestamp_seconds", "scscf").is_some_and(|at| at > 1e9)
            && figure(&server, "source_last_failure_timestamp_seconds", "partner").is_some_and(|at| at > 1e9)
    });
    assert!(figure(&server, "source_failures_total", "partner") >= Some(1.0));
    assert!(figure(&server, "source_subscribes_total", "scscf") >= Some(2.0));
    assert!(figure(&server, "source_notifies_total", "scscf") >= Some(2.0));

    let alice = server.admin().json(&format!("/presentity?uri={ALICE}"));
    let sources = alice["sources"].as_array().unwrap_or_else(|| panic!("sources in {alice}"));
    assert_eq!(sources.len(), 2, "{alice}");
    assert!(alice["document"]["tuples"].to_string().contains(ALICE), "{alice}");
    let text = server.rollcall(&["show", "presentity", ALICE]).expect(0);
    assert!(text.contains("scscf") && text.contains("partner"), "{text}");
    for listing in [
        server.rollcall(&["show", "presentities"]).expect(0),
        server.admin().json("/presentities").to_string(),
    ] {
        assert!(listing.contains(ALICE) && !listing.contains("source:"), "{listing}");
    }
}

/// The count of users is right after a kill, and the figures are back soon.
#[test]
fn the_count_of_users_outlives_a_kill() {
    let (mut server, registrar) = registered(Config::new());
    let watcher = Phone::udp(&server, BOB);
    let mut alices = watcher.subscribe(ALICE);
    shown(&mut alices, |document| is_open(document, ALICE));
    let mut carols = watcher.subscribe(CAROL);
    carols.notify();
    let users = |server: &Server| server.admin().json("/source?name=scscf")["users"].as_u64();
    wait_until("two users", || users(&server) == Some(2));
    for _ in 0..2 {
        server.kill();
        alices.allow_gap();
        carols.allow_gap();
        server.restart();
        wait_until("two users after the start", || users(&server) == Some(2));
        wait_until("the gauge after the start", || figure(&server, "source_users", "scscf") == Some(2.0));
    }
    registrar.assert_clean();
}
