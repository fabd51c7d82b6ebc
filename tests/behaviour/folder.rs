//! A folder of components: what is put there is swapped in.

use rollcall_test_guests::{Edition, GUEST, replaced, with_text};
use rollcall_tests::server::user;
use rollcall_tests::{Config, LIMIT, Phone, Server};
use std::path::Path;
use std::time::{Duration, Instant};

fn start(components: &[(&str, &[u8])]) -> Server {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("guest.wasm"), GUEST).expect("write a file");
    std::fs::create_dir(folder.path().join("components")).expect("make a folder");
    for (name, component) in components {
        put(folder.path(), name, component);
    }
    let config = Config::new().set("plugin.component", "guest.wasm").set("plugin.watch", "components");
    Server::start_in(folder, config.clock())
}

/// Puts a component into the folder by renaming it.
fn put(folder: &Path, name: &str, component: &[u8]) {
    let new = folder.join("new");
    std::fs::write(&new, component).expect("write a file");
    std::fs::rename(new, folder.join("components").join(name)).expect("rename a file");
}

/// Lets the server look twice.
fn look(server: &Server) {
    server.advance(Duration::from_secs(1));
    std::thread::sleep(Duration::from_millis(20));
    server.advance(Duration::from_secs(1));
}

fn wait_for_version(server: &Server, version: &str) {
    let started = Instant::now();
    let wanted = format!("\"version\":\"{version}\"");
    loop {
        let generations = server.admin().get("/generations");
        if generations.split('}').next().is_some_and(|running| running.contains(&wanted)) {
            return;
        }
        assert!(started.elapsed() < LIMIT, "{version} does not run: {generations}\n{}", server.log());
        look(server);
    }
}

fn wait_for_line(server: &Server, part: &str) {
    let started = Instant::now();
    while !server.log().contains(part) {
        assert!(started.elapsed() < LIMIT, "{part:?} is not in the log:\n{}", server.log());
        look(server);
    }
}

fn works(server: &Server) {
    let phone = Phone::udp(server, &user("alice"));
    phone.send(&phone.request("TEST", phone.identity()).body("text/plain", "now")).expect(200);
}

/// Design 4: a component that is renamed into the folder takes over; one that does not fit is told once with
/// its reason and tried again only when it has changed; what is no `.wasm` file is none.
#[test]
fn what_is_put_into_the_folder_is_swapped_in() {
    let server = start(&[]);
    let other = with_text("1.0.0", "1.0.7");
    put(server.folder(), "later.wasm.part", &Edition::Second.component());
    put(server.folder(), "other.wasm", &other);
    wait_for_version(&server, "1.0.7");
    works(&server);
    put(server.folder(), "broken.wasm", b"\0asm");
    wait_for_line(&server, "broken.wasm");
    for _ in 0..5 {
        look(&server);
    }
    let told = |server: &Server| server.log().lines().filter(|l| l.contains("broken.wasm")).count();
    assert_eq!(told(&server), 1, "{}", server.log());
    assert!(server.log().contains("the file is cut off"), "{}", server.log());
    put(server.folder(), "broken.wasm", b"something else");
    wait_for_line(&server, "this is no WebAssembly");
    assert_eq!(told(&server), 2);
    put(server.folder(), "broken.wasm", &Edition::Second.component());
    wait_for_version(&server, "2.0.0");
    works(&server);
    std::fs::remove_file(server.folder().join("components/broken.wasm")).expect("remove a file");
    look(&server);
    wait_for_version(&server, "2.0.0");
}

/// The one that was put there last runs after a restart too, also if only that one reads the store by now;
/// one that does not fit keeps nobody from starting.
#[test]
fn a_restart_takes_what_was_put_there_last() {
    let mut server = start(&[("a.wasm", &with_text("1.0.0", "1.0.7"))]);
    wait_for_version(&server, "1.0.7");
    put(server.folder(), "b.wasm", &Edition::Second.component());
    wait_for_version(&server, "2.0.0");
    server.stop();
    server.restart();
    wait_for_version(&server, "2.0.0");
    works(&server);
    server.stop();
    put(server.folder(), "c.wasm", b"no component");
    server.reconfigure(|config| config.set("plugin.component", "components/b.wasm"));
    server.restart();
    wait_for_version(&server, "2.0.0");
    wait_for_line(&server, "this is no WebAssembly");
    works(&server);
}

fn restart(server: &mut Server) {
    server.stop();
    server.restart();
}

/// What `rollcall show withheld` says.
fn withheld(server: &Server) -> String {
    server.rollcall(&["show", "withheld"]).expect(0)
}

/// A component that an operator went back from stays away over a restart and is told; what was put there before
/// it runs. Who swaps it in by name gets it, and then a restart takes it again.
#[test]
fn what_was_rolled_back_by_command_stays_away_over_a_restart() {
    let mut server = start(&[("a.wasm", &with_text("1.0.0", "1.0.7"))]);
    wait_for_version(&server, "1.0.7");
    assert_eq!(withheld(&server), "no component is withheld\n");
    put(server.folder(), "b.wasm", &with_text("1.0.0", "1.0.8"));
    wait_for_version(&server, "1.0.8");
    server.rollcall(&["rollback"]).expect(0);
    wait_for_version(&server, "1.0.7");
    let told = withheld(&server);
    assert!(
        told.starts_with("test 1.0.8 was rolled back ") && told.contains("rolled back by command"),
        "{told}"
    );
    restart(&mut server);
    wait_for_version(&server, "1.0.7");
    for _ in 0..3 {
        look(&server);
    }
    wait_for_version(&server, "1.0.7");
    assert!(withheld(&server).starts_with("test 1.0.8 was rolled back "));
    let told = server.log();
    let told: Vec<&str> = told.lines().filter(|line| line.contains("b.wasm")).collect();
    assert!(told.len() == 1 && told[0].contains("not taken from the folder: it was rolled back"), "{told:?}");

    // The same component under another name is the same.
    put(server.folder(), "c.wasm", &with_text("1.0.0", "1.0.8"));
    wait_for_line(&server, "c.wasm");
    wait_for_version(&server, "1.0.7");
    let file = server.folder().join("components/b.wasm");
    server.rollcall(&["swap", file.to_str().expect("a path in UTF-8")]).expect(0);
    wait_for_version(&server, "1.0.8");
    assert_eq!(withheld(&server), "no component is withheld\n");
    restart(&mut server);
    wait_for_version(&server, "1.0.8");
    works(&server);
}

/// The same for one that the server went back from by itself, also when it was killed afterwards.
#[test]
fn what_lost_its_trial_stays_away_over_a_restart() {
    let mut server = start(&[]);
    put(server.folder(), "fragile.wasm", &Edition::Fragile.component());
    wait_for_version(&server, "1.1.0");
    let phone = Phone::udp(&server, &user("alice"));
    while phone.send(&phone.request("TEST", phone.identity()).body("text/plain", "enter p")).status() != 200 {
    }
    server.wait_metrics("the roll back", |metrics| {
        metrics.sum("rollcall_roll_backs_total", &["by=\"itself\""]) == Some(1.0)
    });
    let since = Instant::now();
    while !withheld(&server).starts_with("test 1.1.0 was withdrawn ") {
        assert!(since.elapsed() < LIMIT, "{}", withheld(&server));
    }
    server.kill();
    server.restart();
    wait_for_version(&server, "1.0.0");
    assert!(withheld(&server).contains("5 steps failed within 10 s"), "{}", withheld(&server));
    works(&server);
}

/// What was refused is not tried again after a restart, and what had been put there before it runs on; nor does a
/// file that was refused keep a server from starting whose store only another one of the folder reads.
#[test]
fn what_was_refused_stands_in_nobodys_way_after_a_restart() {
    let mut server = start(&[]);
    put(server.folder(), "b.wasm", &Edition::Second.component());
    wait_for_version(&server, "2.0.0");
    put(server.folder(), "c.wasm", b"no component");
    wait_for_line(&server, "this is no WebAssembly");
    restart(&mut server);
    wait_for_version(&server, "2.0.0");
    wait_for_line(&server, "not taken from the folder: it was refused");
    let log = server.log();
    assert!(log.contains("starting on") && log.contains("b.wasm instead"), "{log}");
    assert!(withheld(&server).starts_with("c.wasm was refused "), "{}", withheld(&server));

    // One that does not fit is put there while nobody looks.
    server.stop();
    put(
        server.folder(),
        "d.wasm",
        &replaced(&Edition::Second.component(), "rollcall:plugin", "rollcall:plugon"),
    );
    server.restart();
    wait_for_version(&server, "2.0.0");
    works(&server);
}

/// A component that has stood its trial is not on trial again after a restart, where a busy start might cost it its
/// place; one that has come meanwhile is.
#[test]
fn a_component_is_on_trial_once() {
    let mut server = start(&[]);
    let on_trial = |server: &Server| {
        let generations = server.admin().get("/generations");
        generations.split('}').next().is_some_and(|running| running.contains("trial_until"))
    };
    put(server.folder(), "a.wasm", &with_text("1.0.0", "1.0.7"));
    wait_for_version(&server, "1.0.7");
    assert!(on_trial(&server));
    restart(&mut server);
    wait_for_version(&server, "1.0.7");
    assert!(on_trial(&server), "a restart does not cut it short");
    server.advance(Duration::from_secs(301));
    wait_for_line(&server, "the component has stood its trial");
    for _ in 0..3 {
        look(&server);
    }
    restart(&mut server);
    wait_for_version(&server, "1.0.7");
    assert!(!on_trial(&server));
    server.stop();
    put(server.folder(), "b.wasm", &with_text("1.0.0", "1.0.8"));
    server.restart();
    wait_for_version(&server, "1.0.8");
    assert!(on_trial(&server));
}
