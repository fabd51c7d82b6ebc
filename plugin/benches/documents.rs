//! What a published document costs: reading, keeping, composing, rendering.

#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use rollcall_plugin::composition::{Composed, Source, compose};
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
            compose(&[Source { id: "a8f3c2", order: 1, document: &document.content }])
        });
    });
    for count in [1_u64, 10, 50] {
        let ids: Vec<String> = (0..count).map(|number| format!("publication-{number}")).collect();
        let sources: Vec<Source<'_>> =
            ids.iter().zip(0..).map(|(id, order)| Source { id, order, document: &content }).collect();
        criterion.bench_function(&format!("compose {count}"), |b| b.iter(|| compose(black_box(&sources))));
    }
    let composed: Composed = compose(&[Source { id: "a8f3c2", order: 1, document: &content }]);
    criterion.bench_function("render", |b| b.iter(|| black_box(&composed).render("sip:alice@example.com")));
}

criterion_group!(documents, benches);
criterion_main!(documents);
