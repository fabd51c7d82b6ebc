//! Dialogs at sources outlive the server's process and its component.

use std::time::Duration;

use rollcall_tests::reginfo::{REGINFO, contact_element};
use rollcall_tests::{Config, Phone, Reginfo, Server, Source};

use super::*;

/// Gives the server another component than the running one, with the same logic: the same bytes and a custom section.
fn swap(server: &Server, round: u8) {
    let mut component = rollcall_component::COMPONENT.to_vec();
    // Custom section (id 0) of four bytes: the length of the name, the name, one byte.
    component.extend([0, 4, 2, b'r', b'c', round]);
    let file = server.folder().join("next.wasm");
    std::fs::write(&file, component).expect("write a component");
    let output = std::process::Command::new(rollcall_tests::process::binary())
        .arg("swap")
        .arg(&file)
        .args(["--admin", &server.admin().0.to_string()])
        .output()
        .expect("the rollcall command");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// After SIGKILL, after an upgrade and after an orderly restart the dialog goes on where it was: the source's next
/// NOTIFY is taken with the version that follows, the refresh has the next CSeq, no new subscription is made.
#[test]
fn dialogs_go_on_after_a_kill_and_an_upgrade() {
    let (mut server, registrar) = registered(Config::new());
    let watcher = Phone::udp(&server, BOB);
    let mut subscription = watcher.subscribe(ALICE);
    shown(&mut subscription, |document| is_open(document, ALICE));
    let mut last = registrar.subscribe().expect_initial(ALICE, 200);
    let gap = |aor: &str| {
        // Versions that do not follow make the server ask for all, in the dialog.
        let text =
            Reginfo::partial().registration(aor, "r9", &contact_element("c1", "created", DEVICE, "")).text();
        text.replace(rollcall_tests::source::VERSION, "100000")
    };
    for round in 0..6_u8 {
        match round % 3 {
            0 => {
                server.kill();
                server.restart();
            }
            1 => swap(&server, round),
            _ => {
                server.stop();
                server.restart();
            }
        }
        subscription.allow_gap();
        // A change of the one registration, in the version that follows.
        let event = if round % 2 == 0 { "unregistered" } else { "registered" };
        let registration = format!(
            "<registration aor=\"{ALICE}\" id=\"r1\" state=\"{}\">{}</registration>",
            if round % 2 == 0 { "terminated" } else { "active" },
            contact_element("c1", event, DEVICE, "")
        );
        registrar.tells(ALICE, REGINFO, &Reginfo::partial().raw(&registration).text());
        shown(&mut subscription, |document| is_open(document, ALICE) == (round % 2 == 1));
        registrar.assert_quiet();
    }
    let registration = contact_element("c1", "registered", DEVICE, "");
    registrar.knows(
        ALICE,
        REGINFO,
        &Reginfo::full()
            .registration(ALICE, "r1", &registration)
            .text()
            .replace(rollcall_tests::source::VERSION, "100001"),
    );
    server.kill();
    server.restart();
    let notify = registrar.notification(ALICE, None).body(REGINFO, gap(ALICE));
    let _ = registrar.send(&notify).expect(200);
    let next = registrar.subscribe().expect_next_after(&last);
    assert_eq!(next.status, 200);
    last = next;
    assert!(last.message.cseq() > 1);
    assert_eq!(registrar.subscriptions(), 1);
}

/// A start after SIGKILL brings no storm: nothing is sent for subscriptions that stand, and what they contribute is
/// there at once.
#[test]
fn a_restart_is_no_storm() {
    const USERS: usize = 40;
    let registrar = Source::registrar();
    let users: Vec<String> = (0..USERS).map(|n| format!("sip:user-{n}@example.com")).collect();
    for user in &users {
        registrar.knows(user, REGINFO, &Reginfo::registered(user, DEVICE));
    }
    let mut server = Server::start(Config::new().source("registrar", scscf(&registrar)));
    let watcher = Phone::tcp(&server, BOB);
    let mut subscriptions: Vec<_> = users.iter().map(|user| watcher.subscribe(user)).collect();
    for (subscription, user) in subscriptions.iter_mut().zip(&users) {
        shown(subscription, |document| is_open(document, user));
        registrar.subscribe();
    }
    server.kill();
    server.restart();
    if let Some(subscribe) = registrar.try_subscribe(Duration::from_secs(2)) {
        panic!("sent after the start:\n{}", subscribe.message);
    }
    assert_eq!(registrar.subscriptions(), USERS);
    let other = Phone::udp(&server, CAROL);
    for user in &users {
        let mut subscription = other.subscribe(user);
        assert!(is_open(&subscription.notify().document(), user), "at once");
    }
    registrar.assert_quiet();
}

/// Killed while a SUBSCRIBE was on its way, the server asks again; the source that has taken the first one too is left
/// with it until it ends by itself.
#[test]
fn a_subscribe_under_way_is_made_good() {
    let (mut server, registrar) = registered(Config::new());
    registrar.silent(true);
    let watcher = Phone::udp(&server, BOB);
    let mut subscription = watcher.subscribe(ALICE);
    subscription.notify();
    let lost = registrar.subscribe().expect_initial(ALICE, 0);
    server.kill();
    registrar.silent(false);
    subscription.allow_gap();
    server.restart();
    let again = registrar.subscribe();
    assert!(again.is_initial() && again.status == 200, "{}", again.message);
    assert!(
        again.message.call_id() != lost.message.call_id() || again.message.cseq() > lost.message.cseq(),
        "no two requests of a dialog have the same CSeq: {}",
        again.message
    );
    shown(&mut subscription, |document| is_open(document, ALICE));
}
