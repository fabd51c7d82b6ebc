//! A component whose steps fail is taken back by itself, and why is kept.

use rollcall_test_guests::{Edition, GUEST};
use rollcall_tests::server::user;
use rollcall_tests::{Config, Message, Phone, Server};
use std::path::Path;
use std::time::Duration;

fn server(config: Config) -> Server {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("guest.wasm"), GUEST).expect("write a file");
    std::fs::write(folder.path().join("fragile.wasm"), Edition::Fragile.component()).expect("write a file");
    Server::start_in(folder, config.set("plugin.component", "guest.wasm").clock())
}

fn run(phone: &Phone, script: &str) -> Message {
    phone.send(&phone.request("TEST", phone.identity()).body("text/plain", script))
}

fn swap(server: &Server, file: &str) -> String {
    let file = server.folder().join(file);
    server.rollcall(&["swap", file.to_str().expect("a path in UTF-8")]).expect(0)
}

fn wait_for_withdrawals(server: &Server, count: f64) {
    server.wait_metrics("the roll back", |metrics| {
        metrics.sum("rollcall_roll_backs_total", &["by=\"itself\""]) == Some(count)
    });
}

/// Design 4: a new component that traps in every step is taken back after as many as configured. What failed
/// meanwhile, a timer and a post among it, runs under the former one without delay; a second roll back
/// does not bring it back, but a swap does.
#[test]
fn a_component_that_fails_is_taken_back_and_nothing_is_lost() {
    let server = server(Config::new().set("plugin.roll_back.failures", 6));
    let phone = Phone::udp(&server, &user("alice"));
    run(&phone, "enter p\nput d 1\ntimer t 60000 post q note k arrived").expect(200);
    let said = swap(&server, "fragile.wasm");
    assert!(said.starts_with("generation 2 runs: test 1.1.0 (") && said.contains("it is on trial"), "{said}");
    // The timer fails, and is put off for a second, two, four.
    for (pause, failures) in [(60_000, 1.0), (1_100, 2.0), (2_100, 3.0), (4_100, 4.0)] {
        server.advance(Duration::from_millis(pause));
        server.wait_metrics("the timer fails", |metrics| {
            metrics.sum("rollcall_steps_total", &["kind=\"timer\"", "result=\"failed\""]) == Some(failures)
        });
    }
    loop {
        let answer = run(&phone, "enter p\nget d");
        if answer.status() == 200 {
            break;
        }
        assert!(answer.expect(500).header("Retry-After").is_some());
    }
    wait_for_withdrawals(&server, 1.0);
    // No time passes any more.
    let started = std::time::Instant::now();
    while run(&phone, "enter q\nget k").expect(200).body != b"arrived\n" {
        assert!(started.elapsed() < Duration::from_secs(10), "the post of the timer has not arrived");
    }
    let log = server.log();
    let told: Vec<&str> = log.lines().filter(|line| line.contains("has lost its trial")).collect();
    assert!(told.len() == 1 && told[0].contains("6 steps failed within 10 s"), "{told:?}");
    let shown = server.rollcall(&["show", "generations"]).expect(0);
    assert!(shown.contains("\"withdrawn\"") && shown.contains("6 steps failed within 10 s"), "{shown}");
    let refused = server.rollcall(&["rollback"]).refused();
    assert!(refused.contains("there is no earlier generation"), "{refused}");
    assert!(swap(&server, "fragile.wasm").starts_with("generation 3 runs"));
}

/// The cause is kept: what it was, in which functions, in which step; the step itself can be had, and only by
/// its owner, since it holds what peers sent.
#[test]
fn what_failed_is_told_with_its_functions_and_its_step() {
    let server = server(Config::new().set("plugin.roll_back.automatic", false));
    let phone = Phone::udp(&server, &user("alice"));
    assert_eq!(server.rollcall(&["show", "failures"]).expect(0), "no step has failed\n");
    for _ in 0..3 {
        run(&phone, "enter p\nput k v\ntraps").expect(500);
    }
    run(&phone, "enter p\nuses_a_giant_key").expect(500);
    let shown = server.rollcall(&["show", "failures"]).expect(0);
    for part in [
        "failure 1: trap in generation 1 (1.0.0), 3 times: ",
        "failure 2: limit in generation 1 (1.0.0), once: a key or name has 1048576 bytes, more than allowed",
        "request: TEST sip:alice",
        ", partition p\n",
        "rollcall_test_guest::hostile::traps",
        "it logged: panicked at ",
        "rollcall failure 1 --output FILE",
    ] {
        assert!(shown.contains(part), "{part:?} in:\n{shown}");
    }
    assert!(!shown.contains("it did not fail when it ran once more"), "{shown}");
    let file = server.folder().join("step");
    let name = file.to_str().expect("a path in UTF-8");
    server.rollcall(&["failure", "1", "--output", name]).expect(0);
    let mode = std::os::unix::fs::PermissionsExt::mode(&permissions(&file));
    assert_eq!(mode & 0o777, 0o600);
    let refused = server.rollcall(&["failure", "1", "--output", name]).refused();
    assert!(refused.contains("exists"), "{refused}");
    let refused = server.rollcall(&["failure", "9", "--output", name]).refused();
    assert!(refused.contains("no such failure"), "{refused}");
    let traps = server.admin().metrics().sum("rollcall_traps_total", &[]);
    assert_eq!(traps, Some(3.0), "running the step once more is nobody's failure");
    assert_eq!(run(&phone, "enter p\nget k").expect(200).body, b"-\n");
}

fn permissions(file: &Path) -> std::fs::Permissions {
    std::fs::metadata(file).expect("the file").permissions()
}

/// `rollcall swap` tells everything that does not fit, whatever it is, and `--check` swaps nothing.
#[test]
fn what_does_not_fit_is_told_clearly() {
    let server = server(Config::new());
    let file = |name: &str, bytes: &[u8]| {
        let file = server.folder().join(name);
        std::fs::write(&file, bytes).expect("write a file");
        file.to_str().expect("a path in UTF-8").to_owned()
    };
    let cases: [(&str, &[u8], &[&str]); 9] = [
        ("empty", b"", &["the file is empty"]),
        ("text", b"#!/bin/sh\nexit 0\n", &["this is no WebAssembly"]),
        ("module", b"\0asm\x01\0\0\0", &["this is a core module"]),
        ("cut", &GUEST[..GUEST.len() / 2], &["not a usable component: "]),
        (
            "older",
            rollcall_test_guests::OLDER,
            &["was built against rollcall:plugin 0.1.0; this host takes 0.", "it has to be built anew"],
        ),
        (
            "newer",
            rollcall_test_guests::NEWER,
            &["was built against rollcall:plugin 9.0.0; this host takes 0.", "it needs a newer host"],
        ),
        ("altered", rollcall_test_guests::ALTERED, &["does not fit this host's plugin interface: "]),
        (
            "strange",
            rollcall_test_guests::STRANGE,
            &["imports wasi:cli/environment@0.2.3", "does not export rollcall:plugin/lifecycle"],
        ),
        (
            "estranged",
            &Edition::Estranged.component(),
            &["the store holds records of schema 1; the component reads [3]"],
        ),
    ];
    for (name, bytes, told) in cases {
        let file = file(name, bytes);
        for arguments in [&["swap", &file][..], &["swap", "--check", &file]] {
            let said = server.rollcall(arguments).refused();
            assert!(told.iter().all(|part| said.contains(part)), "{name}: {said}");
        }
    }
    let fits = file("fits", &Edition::Second.component());
    let said = server.rollcall(&["swap", "--check", &fits]).expect(0);
    assert!(said.starts_with("it fits: test 2.0.0 (") && said.contains("there is no way back"), "{said}");
    assert!(server.admin().get("/health").contains("\"generation\":1"));
    let said = server.rollcall(&["swap", &fits]).expect(0);
    assert!(said.contains("generation 2 runs") && said.contains("there is no way back"), "{said}");
    let refused = server.rollcall(&["rollback"]).refused();
    assert!(refused.contains("the store holds records of schema 2; the component reads [1]"), "{refused}");
}
