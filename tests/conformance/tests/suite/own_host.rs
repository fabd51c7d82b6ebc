//! Rollcall's own server keeps what `wit/plugin.wit` asks of a host.

use rollcall_tests::process::binary;

use crate::driver;

/// Issue 6, "Documentation for proxy vendors": every check, none skipped.
#[test]
fn rollcall_passes_the_suite() {
    let folder = tempfile::tempdir().unwrap();
    driver::write("component", &folder.path().join("conformance.wasm"));
    driver::write("table", &folder.path().join("table.csv"));
    let (sip, admin) = (driver::free_port(), driver::free_port());
    let configuration = include_str!("../../rollcall.toml");
    let configuration = configuration.replace("5060", &sip.to_string()).replace("8080", &admin.to_string());
    std::fs::write(folder.path().join("rollcall.toml"), configuration).unwrap();

    let (server, here) = (binary(), folder.path().display());
    let start = format!("cd {here} && exec {} serve --config rollcall.toml 2>>log", server.display());
    let swap = format!("{} swap {here}/conformance.wasm --admin 127.0.0.1:{admin}", server.display());
    let target = format!("127.0.0.1:{sip}");
    let report = driver::run(&["--target", &target, "--start", &start, "--table", "--swap", &swap]);
    let log = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
    let end: Vec<&str> = log.lines().rev().take(40).collect();
    assert_eq!(report.code, Some(0), "{}\nlog, last line first:\n{}", report.text, end.join("\n"));
    assert!(report.text.contains(" kept, 0 broken, 0 skipped"), "{}", report.text);
}
