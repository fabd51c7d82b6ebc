//! The scene that `make run` plays.

use rollcall_tests::Config;
use std::process::Command;

/// RFC 3903 4, RFC 6665 4.2.2: a watcher subscribes, a phone publishes `open` and then `away`, and
/// the NOTIFYs are shown; the server is stopped in order at the end.
#[test]
fn the_scene_plays() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = Config::new()
        .set("sip.listen", vec!["udp:127.0.0.1:0", "tcp:127.0.0.1:0"])
        .set("admin.listen", "127.0.0.1:0")
        .set("storage.path", "data");
    let file = folder.path().join("rollcall.toml");
    std::fs::write(&file, config.text()).expect("write the configuration");
    let output = Command::new(env!("CARGO_BIN_EXE_rollcall-scene"))
        .arg("--once")
        .arg("--server")
        .arg(rollcall_tests::process::binary())
        .arg("--config")
        .arg(&file)
        .output()
        .expect("run the scene");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    for word in ["open", "away", "NOTIFY", "active", "<presence"] {
        assert!(text.contains(word), "{word} in:\n{text}");
    }
}
