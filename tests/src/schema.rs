//! The schemas of the RFCs, with libxml2 as the judge.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Fails the test unless a document is valid by the schemas.
#[track_caller]
pub fn validate(text: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/xsd");
    let mut child = Command::new("xmllint")
        .args(["--nonet", "--noout", "--schema"])
        .arg(folder.join("presence.xsd"))
        .arg("-")
        .env("XML_CATALOG_FILES", folder.join("catalog.xml"))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("xmllint (Debian: libxml2-utils)");
    child.stdin.take().expect("stdin").write_all(text.as_bytes()).expect("write to xmllint");
    let output = child.wait_with_output().expect("xmllint");
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "not valid by the schemas:\n{complaints}\n{text}");
}
