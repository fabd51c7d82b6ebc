//! What the presence logic itself costs, natively and without a host: the steps of the hot paths
//! over a plain map.

// A bench measures time and may panic; the logic under test does neither.
#![allow(missing_docs, clippy::disallowed_methods, clippy::expect_used, clippy::panic)]

use std::collections::HashMap;
use std::hint::black_box;
use std::rc::Rc;

use criterion::{Criterion, criterion_group, criterion_main};
use rollcall_plugin::identity::Normalizer;
use rollcall_plugin::ports::Verdict;
use rollcall_plugin::sip::Uri;
use rollcall_plugin::sip::owned::OwnedMessage;
use rollcall_plugin::tables::Row;
use rollcall_plugin::testing::{PlainHost, Table};
use rollcall_plugin::{Outcome, Presence};

const CONFIGURATION: &str = r#"{"presence":{"domains":["example.com"],"notify_interval":0},"limits":{"publications":100},
    "rules":{"enabled":true,"default":"allow"}}"#;
/// As `CONFIGURATION`, with everything about identities.
const MAPPED: &str = r#"{"presence":{"domains":["example.com"],"notify_interval":0},
    "identity":{"map":true},"lists":{"white":true,"black":true},
    "rules":{"enabled":true,"default":"allow","map_identities":true}}"#;
const ALICE: &str = "sip:alice@example.com";

fn publish(precondition: &str, note: usize) -> OwnedMessage {
    publish_from(4, true, precondition, note)
}

/// From a phone of that number, with or without a person.
fn publish_from(phone: usize, person: bool, precondition: &str, note: usize) -> OwnedMessage {
    let person = if person {
        "<dm:person id=\"p1\"><rpid:activities><rpid:away/></rpid:activities></dm:person>"
    } else {
        ""
    };
    let text = format!(
        "PUBLISH {ALICE} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.5:5060;branch=z9hG4bK74b43\r\nVia: SIP/2.0/UDP 192.0.2.4:5062;branch=z9hG4bK1\r\n\
         Max-Forwards: 69\r\nTo: <{ALICE}>\r\nFrom: <{ALICE}>;tag=1\r\nCall-ID: 98asjd@192.0.2.4\r\nCSeq: 7 PUBLISH\r\n\
         P-Asserted-Identity: <{ALICE}>\r\nEvent: presence\r\nExpires: 3600\r\n{precondition}Content-Type: application/pidf+xml\r\n\
         Content-Length: 400\r\n\r\n<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <presence xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" \
         xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" entity=\"{ALICE}\"><tuple id=\"t4109\"><status><basic>open</basic></status>\
         <contact priority=\"0.8\">sip:alice@192.0.2.{phone}</contact><note>n{note}</note></tuple>{person}</presence>"
    );
    OwnedMessage::parse(text.as_bytes()).expect("a request")
}

fn subscribe(watcher: usize) -> OwnedMessage {
    let text = format!(
        "SUBSCRIBE {ALICE} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.5:5060;branch=z9hG4bK74b43\r\nMax-Forwards: 69\r\nTo: <{ALICE}>\r\n\
         Record-Route: <sip:192.0.2.5;lr>\r\nFrom: <sip:w{watcher}@example.com>;tag=1\r\nCall-ID: w{watcher}@192.0.2.4\r\nCSeq: 7 SUBSCRIBE\r\n\
         P-Asserted-Identity: <sip:w{watcher}@example.com>\r\nEvent: presence\r\nExpires: 3600\r\nAccept: application/pidf+xml\r\n\
         Contact: <sip:w{watcher}@192.0.2.4:5070>\r\n\r\n"
    );
    OwnedMessage::parse(text.as_bytes()).expect("a request")
}

fn etag(verdict: Verdict) -> String {
    let Verdict::Reply(reply) = verdict else { panic!("passed on") };
    assert_eq!(reply.status, 200, "{}", reply.reason);
    let headers = String::from_utf8(reply.headers).expect("text");
    let line = headers.lines().find_map(|line| line.strip_prefix("SIP-ETag: "));
    line.expect("an entity-tag").to_owned()
}

fn steps(criterion: &mut Criterion) {
    let presence = Presence::configure(CONFIGURATION).expect("a configuration");
    let ok = OwnedMessage::parse(b"SIP/2.0 200 OK\r\nContact: <sip:w1@192.0.2.4:5070>\r\n\r\n")
        .expect("a response");

    let mut host = PlainHost::default();
    let mut tag = modify(criterion, "PUBLISH modify, nobody watching", &presence, &mut host);
    let mut note = 1_000_000_000;

    // Of so many, the one published last; apart from the persons they have nothing in common.
    for count in [10, 50] {
        for (name, with) in [("", true), (" without persons", false)] {
            let mut host = PlainHost::default();
            for number in 1..count {
                etag(presence.on_request(&mut host, &publish_from(number, with, "", 0).view()));
            }
            let name = format!("PUBLISH modify among {count}{name}");
            change(criterion, &name, &presence, &mut host, with);
        }
    }

    let mut watcher = 0;
    criterion.bench_function("SUBSCRIBE with its NOTIFY", |bencher| {
        bencher.iter_custom(|times| {
            let mut spent = std::time::Duration::ZERO;
            for _ in 0..times {
                watcher += 1;
                let message = subscribe(watcher);
                let mut host = PlainHost { seed: watcher as u64, ..PlainHost::default() };
                let start = std::time::Instant::now();
                black_box(presence.on_request(&mut host, &message.view()));
                spent += start.elapsed();
            }
            spent
        });
    });

    for number in 0..1_000 {
        presence.on_request(&mut host, &subscribe(number).view());
    }
    criterion.bench_function("fan-out to 1000 watchers, and their answers", |bencher| {
        bencher.iter_custom(|times| {
            let mut spent = std::time::Duration::ZERO;
            for _ in 0..times {
                note += 1;
                let message = publish(&format!("SIP-If-Match: {tag}\r\n"), note);
                answer(&presence, &mut host, &ok);
                let start = std::time::Instant::now();
                let verdict = presence.on_request(&mut host, &message.view());
                while let Some(post) = host.posts.pop() {
                    presence.on_post(&mut host, ALICE, &post);
                }
                assert_eq!(host.tokens.len(), 1_000);
                answer(&presence, &mut host, &ok);
                spent += start.elapsed();
                tag = etag(verdict);
            }
            spent
        });
    });
}

/// Modifies a publication over and over; gives its entity-tag in the end.
fn modify(criterion: &mut Criterion, name: &str, presence: &Presence, host: &mut PlainHost) -> String {
    change(criterion, name, presence, host, true)
}

/// As [`modify`], with or without a person.
fn change(
    criterion: &mut Criterion,
    name: &str,
    presence: &Presence,
    host: &mut PlainHost,
    person: bool,
) -> String {
    let mut tag = etag(presence.on_request(host, &publish_from(100, person, "", 0).view()));
    let mut note = 0;
    criterion.bench_function(name, |bencher| {
        bencher.iter_custom(|times| {
            let mut spent = std::time::Duration::ZERO;
            for _ in 0..times {
                note += 1;
                let message = publish_from(100, person, &format!("SIP-If-Match: {tag}\r\n"), note);
                let start = std::time::Instant::now();
                let verdict = presence.on_request(host, &message.view());
                spent += start.elapsed();
                tag = etag(verdict);
            }
            spent
        });
    });
    tag
}

/// What the map and the lists add, and what it costs to build them.
fn identities(criterion: &mut Criterion) {
    let presence = Presence::configure(MAPPED).expect("a configuration");
    let mut tables = HashMap::new();
    let people: Vec<Vec<String>> = (0..100_000)
        .map(|n| vec![format!("sip:user{n}@example.com"), format!("tel:+1555{n:07}")])
        .chain([vec![ALICE.to_owned(), "tel:+15550100".to_owned()]])
        .collect();
    let listed: Vec<Vec<String>> = (0..10_000).map(|n| vec![format!("sip:bad{n}@example.com")]).collect();
    for (table, rows) in [("identities", &people), ("white", &listed), ("black", &listed)] {
        tables.insert(table.to_owned(), build(&presence, table, rows));
    }
    let mut host = PlainHost { tables: Rc::new(tables), ..PlainHost::default() };
    modify(criterion, "PUBLISH modify, with map and lists", &presence, &mut host);
    criterion.bench_function("1000 rows of the map", |bencher| {
        bencher.iter(|| build(&presence, "identities", black_box(&people[..1_000])));
    });
    let normalizer = Normalizer::default();
    for text in [
        ALICE,
        "sip:+1-555-0100@gw.example.com;user=phone",
        "sip:al%69ce@[2001:db8::1]:5070",
        "tel:+1-555-0100",
    ] {
        criterion.bench_function(&format!("normalize {text}"), |bencher| {
            let uri = Uri::parse(text).expect("a URI");
            bencher.iter(|| normalizer.identity(black_box(&uri)));
        });
    }
}

fn build(presence: &Presence, table: &str, rows: &[Vec<String>]) -> Table {
    let rows = rows.iter().zip(1..).map(|(fields, line)| Row { line, fields });
    let built = presence.build_table(&mut PlainHost::default(), table, rows);
    built.expect("rows that fit").into_iter().collect()
}

fn answer(presence: &Presence, host: &mut PlainHost, response: &OwnedMessage) {
    for token in std::mem::take(&mut host.tokens) {
        presence.on_response(host, ALICE, &token, &Outcome::Response(response.view()));
    }
}

criterion_group!(benches, steps, identities);
criterion_main!(benches);
