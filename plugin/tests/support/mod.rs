//! Documents to test with, and libxml2 as the judge of what comes out.

#![allow(clippy::disallowed_methods, reason = "a validator reads files")]
#![allow(dead_code)]

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use rollcall_plugin::composition::{Policy, Source, compose};
use rollcall_plugin::pidf::{Limits, StoredDocument, read};

/// A document around `content`, with the prefixes `dm` and `r`.
pub fn presence(content: &str) -> String {
    format!(
        "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" \
         xmlns:r=\"urn:ietf:params:xml:ns:pidf:rpid\" entity=\"sip:alice@example.com\">{content}</presence>"
    )
}

/// The examples of the RFCs by file name, which is the number of the RFC and of the example.
pub fn documents() -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let mut all: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap()))
        .collect();
    all.sort();
    all
}

pub fn contribution(body: &str) -> StoredDocument {
    read(body.as_bytes(), &Limits::DEFAULT).unwrap().content
}

/// Publications, composed as at the beginning of time, when nothing is over yet. The number of
/// each is its name, its age and its place among the others.
pub fn compose_bodies(bodies: &[(u64, &[u8])]) -> String {
    compose_at(bodies, &Policy::DEFAULT, 0)
}

pub fn compose_at(bodies: &[(u64, &[u8])], policy: &Policy, now: u64) -> String {
    let contents: Vec<StoredDocument> =
        bodies.iter().map(|(_, body)| read(body, &Limits::DEFAULT).unwrap().content).collect();
    let sources: Vec<Source<'_>> =
        bodies.iter().zip(&contents).map(|((id, _), document)| source(*id, document)).collect();
    String::from_utf8(compose(&sources, policy, now).render("sip:alice@example.com")).unwrap()
}

pub fn source(id: u64, document: &StoredDocument) -> Source<'_> {
    Source { id, order: id, published: id, document }
}

fn xmllint() -> Command {
    let schemas = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/data/xsd");
    let mut command = Command::new("xmllint");
    command.env("XML_CATALOG_FILES", schemas.join("catalog.xml")).args(["--nonet", "--noout"]);
    command.current_dir(schemas);
    command
}

/// Fails unless libxml2 finds each document valid.
pub fn validate<T: AsRef<str> + std::fmt::Debug>(documents: &[T]) {
    let folder = std::env::temp_dir().join(format!("rollcall-{}-{:p}", std::process::id(), documents));
    std::fs::create_dir_all(&folder).unwrap();
    let mut command = xmllint();
    command.args(["--schema", "presence.xsd"]);
    for (number, document) in documents.iter().enumerate() {
        let file = folder.join(format!("{number}.xml"));
        std::fs::write(&file, document.as_ref()).unwrap();
        command.arg(file);
    }
    let output = command.output().expect("xmllint; install it with: apt-get install libxml2-utils");
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(output.status.success(), "{complaints}\n{documents:#?}");
}

/// Whether libxml2 finds the text namespace-well-formed.
pub fn wellformed(text: &[u8]) -> bool {
    let mut child = xmllint()
        .arg("-")
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("xmllint; install it with: apt-get install libxml2-utils");
    child.stdin.take().unwrap().write_all(text).unwrap();
    let output = child.wait_with_output().unwrap();
    output.status.success() && output.stderr.is_empty()
}
