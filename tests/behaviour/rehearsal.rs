//! Real traffic recorded, and replayed on the same and on another component (issue 6, rehearse).

use nix::sys::signal::Signal;
use rollcall_component::COMPONENT;
use rollcall_test_guests::replaced;
use rollcall_tests::cli::rollcall;
use rollcall_tests::process::{binary, signal};
use rollcall_tests::server::user;
use rollcall_tests::{Config, LIMIT, Phone, Pidf, Server};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use toml::Table;

/// A file in the server's folder.
fn file(server: &Server, name: &str) -> PathBuf {
    server.folder().join(name)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// `rollcall record`, under way.
struct Recording(Child);

impl Recording {
    /// Begins and waits until steps are recorded.
    #[track_caller]
    fn begin(server: &Server, output: &Path, more: &[&str]) -> Self {
        let admin = server.admin().0.to_string();
        let mut command = Command::new(binary());
        command.args(["record", "--output", text(output), "--admin", &admin]).args(more);
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("run the program");
        let since = Instant::now();
        while std::fs::metadata(output).map_or(0, |found| found.len()) == 0 {
            assert!(since.elapsed() < LIMIT, "nothing is recorded");
            std::thread::sleep(Duration::from_millis(5));
        }
        Self(child)
    }

    /// Interrupts it as an operator does, and gives what it says.
    #[track_caller]
    fn interrupt(self) -> String {
        signal(self.0.id(), Signal::SIGINT);
        self.end()
    }

    /// Waits for its end.
    #[track_caller]
    fn end(self) -> String {
        let ended = self.0.wait_with_output().expect("an end");
        let said = String::from_utf8(ended.stdout).expect("text");
        assert!(ended.status.success(), "{said}");
        said
    }
}

/// Publications and subscriptions of all kinds: some that are answered otherwise than 200, too.
fn traffic(server: &Server, people: usize) {
    for number in 0..people {
        let (alice, bob) = (user("alice"), user("bob"));
        let (phone, watcher) = (Phone::udp(server, &alice), Phone::tcp(server, &bob));
        let mut subscription = watcher.subscribe(&alice);
        subscription.notify();
        let mut publication = phone.publish(&Pidf::basic(&alice, "open"));
        subscription.notify();
        publication.modify(&Pidf::of(&alice).reachable("t", "closed", "sip:a@example.com").note("x").text());
        subscription.notify();
        publication.refresh();
        let _ = phone.send(&publication.request().with("SIP-If-Match", "unknown")).expect(412);
        let mut winfo = phone.subscribe_with(phone.winfo_request(&alice, "presence.winfo"));
        winfo.notify();
        if number % 2 == 0 {
            subscription.unsubscribe();
            subscription.notify();
            publication.remove();
        }
    }
}

/// Issue 6: the component that has run does the same with every step of mixed real traffic; another one's
/// difference is named with the header that it is in, with a count and an example.
#[test]
fn recorded_traffic_is_replayed_the_same_and_otherwise() {
    let server = Server::start(Config::new().set("presence.notify_interval", 0));
    let recorded = file(&server, "traffic.rec");
    let recording = Recording::begin(&server, &recorded, &[]);
    traffic(&server, 20);
    let said = recording.interrupt();
    assert!(said.contains("PUBLISH") && said.contains("personal data"), "{said}");
    let mode = std::fs::metadata(&recorded).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "it holds personal data");

    let (same, other) = (file(&server, "same.wasm"), file(&server, "other.wasm"));
    std::fs::write(&same, COMPONENT).unwrap();
    std::fs::write(&other, replaced(&replaced(COMPONENT, "SIP-ETag", "SIP-Etax"), " id=\"", " iD=\""))
        .unwrap();

    let replayed = rollcall(&["replay", text(&recorded), "--component", text(&same)]);
    assert_eq!(replayed.code, Some(0), "{replayed:?}");
    assert!(replayed.out.starts_with("0 of "), "{replayed:?}");

    let replayed = rollcall(&["replay", text(&recorded), "--component", text(&other)]);
    assert_eq!(replayed.code, Some(1), "{replayed:?}");
    for expected in [
        "PUBLISH answers: header SIP-ETag absent",
        "PUBLISH answers: header SIP-Etax new",
        "bodies of NOTIFY requests: /presence/tuple/@id absent",
        "bodies of NOTIFY requests: /presence/tuple/@iD new",
        "PUBLISH sip:alice-",
        "- header SIP-ETag: ",
    ] {
        assert!(replayed.out.contains(expected), "no {expected:?} in:\n{}", replayed.out);
    }
    let told = rollcall(&["replay", text(&recorded), "--component", text(&other), "--json"]);
    let told: serde_json::Value = serde_json::from_str(&told.out).unwrap();
    let (steps, differ) = (&told["report"]["steps"], &told["report"]["differ"]);
    assert!(steps.as_u64() > differ.as_u64() && differ.as_u64() > Some(50), "{told}");
    assert_eq!(told["complete"], true);

    // With the configuration chosen, not taken from the recording: another answer, and no failure.
    let config = file(&server, "rollcall.toml");
    let replayed =
        rollcall(&["replay", text(&recorded), "--component", text(&same), "--config", text(&config)]);
    assert_eq!(replayed.code, Some(0), "{replayed:?}");

    // Cut off in the middle, as by a full disk.
    let bytes = std::fs::read(&recorded).unwrap();
    let cut = file(&server, "cut.rec");
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let replayed = rollcall(&["replay", text(&cut), "--component", text(&same)]);
    assert_eq!(replayed.code, Some(0), "{replayed:?}");
    assert!(replayed.out.contains("the recording was cut off here"), "{replayed:?}");
    assert!(!replayed.out.starts_with("0 of 0 "), "{replayed:?}");
}

/// A recording is not written over another file, ends by its time, and tells what it lacks; what is none is told.
#[test]
fn a_recording_can_be_refused_listed_and_ended() {
    let server = Server::start(Config::new());
    let there = file(&server, "there.rec");
    std::fs::write(&there, "mine").unwrap();
    let refused = server.rollcall(&["record", "--output", text(&there)]);
    assert_eq!((refused.code, std::fs::read_to_string(&there).unwrap().as_str()), (Some(1), "mine"));

    let first = file(&server, "first.rec");
    let recording = Recording::begin(&server, &first, &["--seconds", "2", "--share", "0.5"]);
    let second = server.rollcall(&["record", "--output", text(&file(&server, "second.rec"))]);
    assert_eq!(second.code, Some(1));
    assert!(second.err.contains("a recording is under way"), "{second:?}");
    assert!(!file(&server, "second.rec").exists());
    assert!(recording.end().contains("ended by its time"));
    for query in ["share=0", "share=2", "seconds=0", "limit=x", "share=1&share=1", "file=/etc/x"] {
        assert_eq!(server.admin().call("POST", &format!("/record?{query}")).0, 400, "{query}");
    }
    assert_eq!(server.admin().call("GET", "/record").0, 405);
    assert_eq!(server.admin().call("POST", "/record/next?id=77").0, 404);

    let listed = rollcall(&["replay", text(&first), "--json"]);
    assert_eq!(listed.code, Some(0), "{listed:?}");
    assert!(listed.out.contains("\"complete\":true"), "{listed:?}");
    for (recording, component) in [(&there, "x"), (&file(&server, "none.rec"), "x"), (&first, "none.wasm")] {
        let replayed = rollcall(&["replay", text(recording), "--component", component]);
        assert_eq!((replayed.code, replayed.out.as_str()), (Some(2), ""), "{replayed:?}");
        assert!(!replayed.err.is_empty());
    }
}

/// Nobody fetches a recording any more: the server goes on and another one can begin.
#[test]
fn a_recording_whose_reader_was_killed_ends_by_itself() {
    let server = Server::start(Config::new());
    let mut recording = Recording::begin(&server, &file(&server, "first.rec"), &[]);
    recording.0.kill().unwrap();
    recording.0.wait().unwrap();
    let since = Instant::now();
    let alice = user("alice");
    let phone = Phone::udp(&server, &alice);
    let mut publication = phone.publish(&Pidf::basic(&alice, "open"));
    loop {
        publication.refresh();
        let (status, answer) = server.admin().call("POST", "/record?seconds=1");
        if status == 200 {
            break;
        }
        assert!(status == 409 && since.elapsed() < 4 * LIMIT, "{status} {answer}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// A source outside whose password is configured: whoever handles a recording is told that it is in there.
#[test]
fn passwords_in_a_recording_are_told() {
    let config = |password: Option<&str>| {
        let mut source = Table::new();
        source.insert("domain".to_owned(), "example.com".into());
        source.insert("target".to_owned(), "sip:127.0.0.1:9".into());
        if let Some(password) = password {
            let mut credentials = Table::new();
            credentials.insert("username".to_owned(), "presence".into());
            credentials.insert("password".to_owned(), password.into());
            source.insert("credentials".to_owned(), credentials.into());
        }
        Config::new().set("external.super_user", "sip:presence@example.com").source("registrar", source)
    };
    for password in [Some("open sesame"), None] {
        let server = Server::start(config(password));
        let recorded = file(&server, "traffic.rec");
        let recording = Recording::begin(&server, &recorded, &[]);
        let alice = user("alice");
        let phone = Phone::udp(&server, &alice);
        let _publication = phone.publish(&Pidf::basic(&alice, "open"));
        let said = recording.interrupt();
        assert_eq!(said.contains("it holds passwords of sources outside"), password.is_some(), "{said}");
        let listed = rollcall(&["replay", text(&recorded), "--json"]);
        assert!(listed.out.contains(&format!("\"passwords\":{}", password.is_some())), "{listed:?}");
    }
}

/// A server that stops in order ends the recording: whoever records has all of it.
#[test]
fn a_recording_is_whole_when_the_server_stops() {
    let mut server = Server::start(Config::new());
    let recorded = file(&server, "stopped.rec");
    let recording = Recording::begin(&server, &recorded, &[]);
    let alice = user("alice");
    let phone = Phone::udp(&server, &alice);
    let _publication = phone.publish(&Pidf::basic(&alice, "open"));
    server.stop();
    let said = recording.end();
    assert!(said.contains("ended with the server") && said.contains("PUBLISH"), "{said}");
    let listed = rollcall(&["replay", text(&recorded), "--json"]);
    assert!(listed.out.contains("\"complete\":true"), "{listed:?}");
}

/// The server is killed: what was recorded by then is told and can be replayed.
#[test]
fn a_recording_that_breaks_off_leaves_what_there_is() {
    let mut server = Server::start(Config::new());
    let recorded = file(&server, "killed.rec");
    let recording = Recording::begin(&server, &recorded, &[]);
    let alice = user("alice");
    let phone = Phone::udp(&server, &alice);
    let mut publication = phone.publish(&Pidf::basic(&alice, "open"));
    let since = Instant::now();
    while !rollcall(&["replay", text(&recorded)]).out.contains("PUBLISH") {
        assert!(since.elapsed() < LIMIT, "nothing is recorded");
        publication.refresh();
    }
    server.kill();
    let ended = recording.0.wait_with_output().unwrap();
    let said = String::from_utf8(ended.stdout).unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert!(said.contains("PUBLISH") && said.contains("the recording was cut off here"), "{said}");
}
