//! Two versions of the presence component with different record schemas, forwards and back.

use rollcall_component::COMPONENT;
use rollcall_test_guests::{FORMER, bridge};
use rollcall_tests::server::user;
use rollcall_tests::{Config, Phone, Pidf, Said, Server};
use std::sync::atomic::{AtomicBool, Ordering};

/// A server that runs the component of before; the others lie beside it.
fn server() -> Server {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let bridge = bridge();
    for (name, component) in [("former.wasm", FORMER), ("today.wasm", COMPONENT), ("bridge.wasm", &bridge)] {
        std::fs::write(folder.path().join(name), component).expect("write a file");
    }
    Server::start_in(folder, Config::new().set("plugin.component", "former.wasm"))
}

fn swap(server: &Server, component: &str) -> Said {
    server.rollcall(&["swap", server.folder().join(component).to_str().expect("a path in UTF-8")])
}

/// Design 4: what the former component has written, today's reads, and writes in its own schema. Then there is
/// no way back to one that does not read that; there is one to a component that reads both and writes the
/// former schema. Publications and subscriptions go on over all of it, and over a restart.
#[test]
fn state_goes_forwards_and_back() {
    let mut server = server();
    let (alice, phone, watcher) = Phone::pair(&server);
    let mut publication = phone.publish(&Pidf::basic(&alice, "open"));
    let mut subscription = watcher.subscribe(&alice);
    assert_eq!(subscription.notify().document().basics(), ["open"]);

    let said = swap(&server, "today.wasm").expect(0);
    assert!(said.contains("there is no way back"), "{said}");
    publication.modify(&Pidf::basic(&alice, "closed"));
    assert_eq!(subscription.notify().document().basics(), ["closed"]);
    let unreadable = "the store holds records of schema 3; the component reads [2]";
    for refused in [server.rollcall(&["rollback"]).refused(), swap(&server, "former.wasm").refused()] {
        assert!(refused.contains(unreadable), "{refused}");
    }
    publication.refresh();

    let said = swap(&server, "bridge.wasm").expect(0);
    assert!(!said.contains("there is no way back"), "{said}");
    subscription.refresh(3600);
    assert_eq!(subscription.notify().document().basics(), ["closed"]);
    publication.modify(&Pidf::basic(&alice, "open"));
    assert_eq!(subscription.notify().document().basics(), ["open"]);
    // Its records are of schema 2 again, but some of schema 3 may be left: the note is never forgotten.
    assert!(swap(&server, "former.wasm").refused().contains(unreadable));
    server.rollcall(&["rollback"]).expect(0);
    publication.modify(&Pidf::basic(&alice, "closed"));
    assert_eq!(subscription.notify().document().basics(), ["closed"]);

    server.stop();
    server.reconfigure(|config| config.set("plugin.component", "bridge.wasm"));
    server.restart();
    publication.modify(&Pidf::basic(&alice, "open"));
    assert_eq!(subscription.notify().document().basics(), ["open"]);
    subscription.unsubscribe();
    subscription.notify().expect_end("timeout");
    publication.remove();
}

/// The same while messages come: each PUBLISH is answered 200 and every watcher gets the last state, with CSeq
/// numbers without a gap.
#[test]
fn swaps_between_schemas_under_load_lose_nothing() {
    let server = server();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let people: Vec<_> = (0..3)
            .map(|_| {
                let (server, done) = (&server, &done);
                scope.spawn(move || {
                    let (alice, bob) = (user("alice"), user("bob"));
                    let (phone, watcher) = (Phone::udp(server, &alice), Phone::udp(server, &bob));
                    let document =
                        |count: u32| Pidf::of(&alice).tuple("t", "open").note(&count.to_string()).text();
                    let mut publication = phone.publish(&document(0));
                    let mut subscription = watcher.subscribe(&alice);
                    let mut count = 0;
                    while !done.load(Ordering::Relaxed) {
                        count += 1;
                        publication.modify(&document(count));
                    }
                    let last = [count.to_string()];
                    subscription.notify_until(|notify| notify.document().notes() == last);
                    count
                })
            })
            .collect();
        for component in ["today.wasm", "bridge.wasm", "today.wasm", "bridge.wasm", "today.wasm"] {
            swap(&server, component).expect(0);
        }
        server.rollcall(&["rollback"]).expect(0);
        done.store(true, Ordering::Relaxed);
        for person in people {
            assert!(person.join().expect("a person") > 0);
        }
    });
    let metrics = server.admin().metrics();
    assert_eq!(metrics.sum("rollcall_steps_total", &["result=\"failed\""]), Some(0.0));
}
