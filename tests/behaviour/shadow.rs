//! A component that runs beside the one in force, and takes over (issue 6, rehearse).

use rollcall_component::COMPONENT;
use rollcall_test_guests::{Edition, GUEST, replaced};
use rollcall_tests::cli::Said;
use rollcall_tests::server::user;
use rollcall_tests::{Config, Phone, Pidf, Server};
use std::path::Path;
use std::time::Duration;

fn shadow(server: &Server, arguments: &[&str]) -> Said {
    server.rollcall(&[&["shadow"], arguments].concat())
}

/// Has a component run as a shadow of all steps.
#[track_caller]
fn cast(server: &Server, component: &[u8]) {
    let file = server.folder().join("shadow.wasm");
    std::fs::write(&file, component).unwrap();
    let begun = shadow(server, &[text(&file), "--share", "1"]);
    assert_eq!(begun.code, Some(0), "{begun:?}");
    assert!(begun.out.starts_with("a shadow runs: "), "{begun:?}");
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

fn steps(server: &Server, result: &str) -> f64 {
    let label = format!("result=\"{result}\"");
    server.admin().metrics().sum("rollcall_shadow_steps_total", &[&label]).unwrap_or(0.0)
}

/// Waits until the shadow has dealt with so many steps more than it had.
#[track_caller]
fn dealt(server: &Server, steps: f64) {
    server.wait_metrics("steps of the shadow", |metrics| {
        metrics.sum("rollcall_shadow_steps_total", &[]).unwrap_or(0.0) >= steps
    });
}

/// Publications with a watcher; the NOTIFYs are told one by one.
fn traffic(server: &Server, people: usize) {
    for _ in 0..people {
        let (alice, bob) = (user("alice"), user("bob"));
        let (phone, watcher) = (Phone::udp(server, &alice), Phone::udp(server, &bob));
        let mut subscription = watcher.subscribe(&alice);
        subscription.notify();
        let mut publication = phone.publish(&Pidf::basic(&alice, "open"));
        subscription.notify();
        publication.modify(&Pidf::basic(&alice, "closed"));
        subscription.notify();
    }
}

/// Issue 6: the same component finds nothing; another one's differences are in the metrics and in the admin
/// view, with the header that differs, and are not to be seen on the wire; then one is promoted.
#[test]
fn a_shadow_is_compared_and_promoted() {
    let server = Server::start(Config::new().set("presence.notify_interval", 0));
    assert_eq!(server.admin().call("GET", "/shadow").0, 404);
    assert_eq!(server.admin().call("POST", "/promote").0, 422);
    cast(&server, COMPONENT);
    traffic(&server, 10);
    dealt(&server, 60.0);
    let told = shadow(&server, &["--status"]);
    assert!(told.out.contains("\n0 of "), "{told:?}");
    assert_eq!((steps(&server, "differs"), steps(&server, "failed")), (0.0, 0.0));

    let before = steps(&server, "same");
    cast(&server, &replaced(COMPONENT, "SIP-ETag", "SIP-Etax"));
    traffic(&server, 10);
    dealt(&server, before + 60.0);
    let ended = shadow(&server, &["--stop"]);
    assert!(ended.out.contains("PUBLISH answers: header SIP-ETag absent"), "{ended:?}");
    assert!(steps(&server, "differs") >= 20.0);
    assert!(server.admin().metrics().sum("rollcall_shadow_cpu_seconds_total", &[]).unwrap() > 0.0);
    assert_eq!(shadow(&server, &["--stop"]).code, Some(1));

    // One that differs in nothing that matters, so that the harness goes on to understand it.
    cast(&server, &replaced(COMPONENT, "library/core/src", "library/CORE/src"));
    traffic(&server, 2);
    let promoted = server.rollcall(&["promote"]);
    assert_eq!(promoted.code, Some(0), "{promoted:?}");
    assert!(promoted.out.starts_with("generation 2 runs: "), "{promoted:?}");
    assert_eq!(server.admin().call("GET", "/shadow").0, 404);
    traffic(&server, 2);
}

/// A shadow that never ends, one that traps and one that cannot be: every request is answered as without it.
#[test]
fn a_hostile_shadow_is_not_noticed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("guest.wasm"), GUEST).unwrap();
    let server = Server::start_in(folder, Config::new().set("plugin.component", "guest.wasm"));
    let alice = user("alice");
    let phone = Phone::udp(&server, &alice);
    let run = |script: &str| {
        let answer = phone.send(&phone.request("TEST", &alice).body("text/plain", script));
        assert_eq!(answer.status(), 200, "{answer}");
    };
    cast(&server, &Edition::Second.component());
    let since = std::time::Instant::now();
    for number in 0..100 {
        run(&format!("enter p{number}\nput a x\nnewer spins"));
        run(&format!("enter q{number}\nput a x\nnewer traps"));
        run(&format!("enter r{number}\nput a x\nnewer grows"));
    }
    assert!(since.elapsed() < Duration::from_secs(20), "{:?}", since.elapsed());
    server.wait_metrics("a failure of the shadow", |metrics| {
        metrics.sum("rollcall_shadow_steps_total", &["result=\"failed\""]) >= Some(1.0)
    });
    let metrics = server.admin().metrics();
    for quiet in ["traps_total", "deadline_misses_total", "limit_hits_total"] {
        assert_eq!(metrics.sum(&format!("rollcall_{quiet}"), &[]), Some(0.0), "{quiet}");
    }
    let refused = server.folder().join("estranged.wasm");
    std::fs::write(&refused, Edition::Estranged.component()).unwrap();
    let refused = shadow(&server, &[text(&refused)]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("schema"), "{refused:?}");
    let ended = shadow(&server, &["--stop"]);
    assert!(ended.out.contains("fails: "), "{ended:?}");
    run("enter p1\nput a y");
}
