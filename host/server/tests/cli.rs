//! The command line: exit codes and what is said where.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::process::{Command, Output};

fn rollcall(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rollcall")).args(arguments).output().unwrap()
}

fn said(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_configuration_with_problems_exits_with_78_and_tells_them_all() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("r.toml");
    std::fs::write(&file, "[sip]\nlisten = ['udp:nowhere']\n[storage]\npaht = 'data'\n[documents]\n[presence]\ndomains = ['example.com']\n").unwrap();
    let output = rollcall(&["check", "--config", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(78));
    assert!(output.stdout.is_empty());
    let said = said(&output.stderr);
    let name = file.to_str().unwrap();
    for problem in [
        format!("{name}:2: sip.listen[0]: found \"udp:nowhere\", expected"),
        format!("{name}:3: storage.path: missing"),
        format!("{name}:4: storage.paht: unknown key, did you mean \"path\"?"),
        format!("{name}:5: documents: not supported by this version"),
        "4 problems; nothing was started".to_owned(),
    ] {
        assert!(said.contains(&problem), "{problem}\nis missing in\n{said}");
    }
}

/// The example of sources explains every key, also those that it leaves at their defaults; the component takes them all.
#[test]
fn the_commented_keys_of_sources_are_keys() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/external");
    let folder = tempfile::tempdir().unwrap();
    for file in ["partner.json", "scscf.password"] {
        std::fs::copy(example.join(file), folder.path().join(file)).unwrap();
    }
    let is_key = |line: &str| {
        let name = line.split(" = ").next().unwrap_or_default();
        line.contains(" = ") && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
    };
    let text: Vec<String> = std::fs::read_to_string(example.join("rollcall.toml"))
        .unwrap()
        .lines()
        .map(|line| line.strip_prefix("# ").filter(|key| is_key(key)).unwrap_or(line).to_owned())
        .collect();
    assert!(text.iter().any(|line| line.starts_with("grace = ")));
    let file = folder.path().join("r.toml");
    std::fs::write(&file, text.join("\n")).unwrap();
    let output = rollcall(&["check", "--config", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output.stderr));
}

#[test]
fn a_file_that_is_not_there_exits_with_78() {
    let output = rollcall(&["check", "--config", "/nonexistent/r.toml"]);
    assert_eq!(output.status.code(), Some(78));
    assert!(said(&output.stderr).contains("/nonexistent/r.toml: cannot be read"));
}

#[test]
fn the_examples_have_no_problem() {
    for example in ["rollcall.toml", "external/rollcall.toml"] {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(example);
        let output = rollcall(&["check", "--config", example.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output.stderr));
        assert!(output.stderr.is_empty());
    }
}

#[test]
fn wrong_usage_exits_with_2_and_a_server_that_is_not_there_with_1() {
    assert_eq!(rollcall(&["check"]).status.code(), Some(2));
    assert_eq!(rollcall(&[]).status.code(), Some(2));
    // Bound and closed again: nobody listens there.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let output = rollcall(&["show", "--admin", &address]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output.stderr).contains("cannot be reached"));
    assert_eq!(rollcall(&["swap", "/nonexistent", "--admin", &address]).status.code(), Some(1));
    assert_eq!(rollcall(&["reload", "--admin", &address]).status.code(), Some(1));
    assert_eq!(rollcall(&["show", "presentities", "--admin", &address]).status.code(), Some(1));
    let output = rollcall(&["show", "identity", "--admin", &address]);
    assert_eq!(output.status.code(), Some(2), "which address?");
    let output = rollcall(&["show", "health", "sip:a@x", "--admin", &address]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output.stderr).contains("sip:a@x: not expected here"));
}
