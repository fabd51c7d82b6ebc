//! What a published document costs: reading, keeping, composing, rendering.

#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use rollcall_plugin::composition::{Assembly, Composed, Policy, Source, assemble, compose};
use rollcall_plugin::pidf::{Limits, StoredDocument, read};

/// As a phone publishes, 512 bytes.
fn document() -> Vec<u8> {
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <presence xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" \
         xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" entity=\"sip:alice@example.com\">\n\
         \x20 <tuple id=\"t6f2a\"><status><basic>open</basic></status>\
         <contact priority=\"0.8\">sip:alice@192.0.2.7:5060</contact></tuple>\n\
         \x20 <dm:person id=\"p1\"><rpid:activities><rpid:away/></rpid:activities>\
         <dm:note>NOTE</dm:note></dm:person>\n</presence>\n",
    );
    let filler = 512 - (text.len() - "NOTE".len());
    text = text.replace("NOTE", &"a".repeat(filler));
    assert_eq!(text.len(), 512);
    text.into_bytes()
}

fn benches(criterion: &mut Criterion) {
    let body = document();
    let content = read(&body, &Limits::DEFAULT).unwrap().content;
    criterion.bench_function("read", |b| b.iter(|| read(black_box(&body), &Limits::DEFAULT).unwrap()));
    criterion.bench_function("store", |b| b.iter(|| black_box(&content).to_bytes()));
    let kept = content.to_bytes();
    criterion.bench_function("load", |b| b.iter(|| StoredDocument::from_bytes(black_box(&kept)).unwrap()));
    criterion.bench_function("read and compose", |b| {
        b.iter(|| {
            let document = read(black_box(&body), &Limits::DEFAULT).unwrap();
            assemble(&[source(1, &document.content)], &POLICY, 0)
        });
    });
    for count in [1_u64, 10, 50] {
        let sources: Vec<Source<'_>> = (0..count).map(|id| source(id, &content)).collect();
        criterion.bench_function(&format!("compose {count} at once"), |b| {
            b.iter(|| assemble(black_box(&sources), &POLICY, 0));
        });
        // What a PUBLISH costs among so many publications, from record to record. As phones
        // publish them the persons are all one; apart the tuples have nothing in common.
        for (name, documents) in [("", phones(count)), (" without persons", services(count))] {
            let sources: Vec<Source<'_>> = (0..).zip(&documents).map(|(id, one)| source(id, one)).collect();
            let before = assemble(&sources, &POLICY, 0);
            let changed = sources.first().map(|first| Source { published: 7, ..*first }).unwrap();
            criterion.bench_function(&format!("change one of {count}{name}"), |b| {
                b.iter(|| {
                    let kept = black_box(before.composed.as_bytes());
                    let assembly = Assembly::load(black_box(&before.index), kept, &POLICY).unwrap();
                    assembly.update(&POLICY, &[changed], None, 0)
                });
            });
        }
    }
    let composed: Composed = compose(&[source(1, &content)], &POLICY, 0);
    criterion.bench_function("render", |b| b.iter(|| black_box(&composed).render("sip:alice@example.com")));
}

const POLICY: Policy = Policy::DEFAULT;

fn source(id: u64, document: &StoredDocument) -> Source<'_> {
    Source { id, order: id, published: id, document }
}

/// Publications of different phones.
fn phones(count: u64) -> Vec<StoredDocument> {
    let text = String::from_utf8(document()).unwrap();
    let contact = |number: u64| text.replace("192.0.2.7", &format!("192.0.2.{number}"));
    (0..count).map(|number| read(contact(number).as_bytes(), &Limits::DEFAULT).unwrap().content).collect()
}

/// The same without the person.
fn services(count: u64) -> Vec<StoredDocument> {
    let text = String::from_utf8(document()).unwrap();
    let (tuple, rest) = text.split_once("<dm:person").unwrap();
    let (_, end) = rest.split_once("</dm:person>").unwrap();
    let contact = |number: u64| tuple.replace("192.0.2.7", &format!("192.0.2.{number}"));
    let body = |number: u64| format!("{}<note>{}</note>{end}", contact(number), "a".repeat(80));
    (0..count).map(|number| read(body(number).as_bytes(), &Limits::DEFAULT).unwrap().content).collect()
}

criterion_group!(documents, benches);
criterion_main!(documents);
