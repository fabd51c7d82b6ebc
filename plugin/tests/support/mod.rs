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
    let output = run(&["-"], text);
    output.status.success() && output.stderr.is_empty()
}

/// Whether libxml2 finds the document valid.
pub fn is_valid(document: &[u8]) -> bool {
    run(&["--schema", "presence.xsd", "-"], document).status.success()
}

/// The canonical XML (by libxml2) of a document, with namespaces for prefixes, without comments and white
/// space between elements, and without the suffixes that composition gives to identifiers.
pub fn canonical(document: &[u8]) -> String {
    // Canonical XML refuses the name of a namespace that RFC 4119 begins with a space.
    let document = String::from_utf8(document.to_vec()).unwrap().replace("=\" urn:", "=\"urn:");
    let document = document.as_bytes();
    let mut command = Command::new("xmllint");
    let output = feed(command.args(["--nonet", "--c14n", "-"]).stdin(Stdio::piped()), document);
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let tree = roxmltree::Document::parse(&text).unwrap();
    let mut canonical = String::new();
    expand(tree.root_element(), &mut canonical);
    canonical
}

fn expand(node: roxmltree::Node<'_, '_>, out: &mut String) {
    if node.is_text() {
        let text = node.text().unwrap();
        let alone =
            node.parent_element().is_some_and(|parent| parent.children().all(|child| !child.is_element()));
        if alone || !text.trim().is_empty() {
            out.push_str(text.trim());
        }
        return;
    }
    if !node.is_element() {
        return;
    }
    let name = node.tag_name();
    out.push_str(&format!("\n<{{{}}}{}", name.namespace().unwrap_or(""), name.name()));
    let mut attributes: Vec<String> = node
        .attributes()
        // A hint on where schemas are, which means nothing to anybody.
        .filter(|attribute| attribute.name() != "schemaLocation")
        .map(|attribute| {
            let value = attribute.value();
            let value = match (
                attribute.name(),
                value.len().checked_sub(14).and_then(|at| value.split_at_checked(at)),
            ) {
                ("id", Some((id, suffix))) if suffix.starts_with('-') => id,
                ("entity", _) => "",
                _ => value,
            };
            format!(" {{{}}}{}={value:?}", attribute.namespace().unwrap_or(""), attribute.name())
        })
        .collect();
    attributes.sort();
    out.push_str(&attributes.concat());
    out.push('>');
    node.children().for_each(|child| expand(child, out));
    out.push_str("</>");
}

fn run(arguments: &[&str], document: &[u8]) -> std::process::Output {
    let mut command = xmllint();
    command.args(arguments).stdin(Stdio::piped());
    feed(&mut command, document)
}

fn feed(command: &mut Command, document: &[u8]) -> std::process::Output {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("xmllint; install it with: apt-get install libxml2-utils");
    child.stdin.take().unwrap().write_all(document).unwrap();
    child.wait_with_output().unwrap()
}
