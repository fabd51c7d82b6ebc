//! New presence logic goes live between two messages: swaps under full load, with a ledger of every
//! message (design 4).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use rollcall_component::COMPONENT;
use rollcall_tests::load::{Fire, Registrar};
use rollcall_tests::process::binary;
use rollcall_tests::{Config, Server};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Swaps in a row.
const SWAPS: usize = 100;
/// From one swap to the next: a swap takes hundredths of that, and all loads shall see many.
const PACE: Duration = Duration::from_millis(100);
/// Longest time for all of them.
const MOST: Duration = Duration::from_secs(240);
/// Users with a subscription at the registrar.
const USERS: usize = 100;

/// The same component with another digest: a custom section is added.
fn other(component: &[u8]) -> Vec<u8> {
    let (name, content) = (b"edition", b"other");
    let length = u8::try_from(1 + name.len() + content.len()).unwrap();
    let head = [0, length, u8::try_from(name.len()).unwrap()];
    [component, &head, name, content].concat()
}

fn swap(server: &Server, file: &Path) {
    let admin = server.admin().0.to_string();
    let output = Command::new(binary()).arg("swap").arg(file).args(["--admin", &admin]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// 100 swaps in a row under PUBLISH, SUBSCRIBE, refresh, fan-out, timers and
/// back-end dialogs: no request is lost, answered twice or refused; no NOTIFY is lost, doubled or out of order.
#[test]
fn a_hundred_swaps_under_load_lose_double_and_reorder_nothing() {
    let registrar = Registrar::start(3_600);
    let folder = tempfile::tempdir().unwrap();
    let editions = [COMPONENT.to_vec(), other(COMPONENT)].map(|component| {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, component).unwrap();
        file
    });
    let users: Vec<String> = (0..USERS)
        .map(|user| format!("\"sip:user{user}@example.com\": \"sip:user{user}@example.com\""))
        .collect();
    std::fs::write(folder.path().join("users.json"), format!("{{{}}}", users.join(",\n"))).unwrap();
    let source = toml::Table::from_iter([
        ("name".to_owned(), toml::Value::from("scscf")),
        ("target".to_owned(), format!("sip:{}", registrar.address()).into()),
        ("identities".to_owned(), "users.json".into()),
        ("start".to_owned(), "always".into()),
    ]);
    let config = Config::new()
        .set("presence.expires.min", 1)
        .set("external.super_user", "sip:presence@example.com")
        .set("external.registrar", vec![toml::Value::Table(source)]);
    let server = Server::start_in(folder, config);
    server.wait_metrics("the users of the registrar", |_| registrar.tally().notified >= USERS as u64);
    // Compiled once, so that a swap is a swap.
    swap(&server, editions[1].path());

    let fire = Fire::under(server.udp(), server.pid(), Some(&registrar), MOST, || {
        for number in 0..SWAPS {
            let begun = Instant::now();
            swap(&server, editions[number % 2].path());
            std::thread::sleep(PACE.saturating_sub(begun.elapsed()));
        }
    });
    let (status, generations) = server.admin().call("GET", "/generations");
    assert_eq!(status, 200);
    assert!(generations.contains(&format!("\"number\":{}", SWAPS + 2)), "{generations}");
    assert_eq!(fire.faults(), Vec::<String>::new());
    let log = server.log();
    assert!(!log.contains("ERROR"), "{log}");
}
