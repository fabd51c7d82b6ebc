//! A folder of components: what is put there is swapped in.

use rollcall_test_guests::{Edition, GUEST, with_text};
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
