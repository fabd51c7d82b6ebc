//! The example does what it says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::process::Command;

#[test]
fn a_subscription_and_a_publication_are_answered_and_the_watcher_is_notified() {
    let output = Command::new(env!("CARGO_BIN_EXE_rollcall-embed-example")).output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{shown}{}", String::from_utf8_lossy(&output.stderr));
    assert!(shown.contains("request 0: 200 OK"), "{shown}");
    assert!(shown.contains("request 1: 200 OK"), "{shown}");
    assert_eq!(shown.matches("NOTIFY sip:bob@127.0.0.1:5070\r\n".trim_end()).count(), 2, "{shown}");
    assert!(shown.contains("<basic>open</basic>"), "{shown}");
}
