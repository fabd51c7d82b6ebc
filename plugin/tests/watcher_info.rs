//! Watcherinfo documents as libxml2 judges them, by the schema of RFC 3858 6.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use rollcall_plugin::Presence;
use rollcall_plugin::ports::Verdict;
use rollcall_plugin::sip::owned::OwnedMessage;
use rollcall_plugin::testing::{Due, MemoryHost};

const ALICE: &str = "sip:alice@example.com";

fn presence(decision: &str, watchers: u32) -> Presence {
    let json = format!(
        r#"{{"presence":{{"domains":["example.com"],"winfo":{{"interval":0}}}},
            "rules":{{"enabled":true,"default":"{decision}"}},"limits":{{"winfo_watchers":{watchers}}}}}"#
    );
    Presence::configure(&json).unwrap()
}

/// A SUBSCRIBE to `to`; the status and our tag.
fn subscribe(
    presence: &Presence,
    host: &mut MemoryHost,
    to: &str,
    sender: &str,
    lines: &str,
) -> (u16, Option<String>) {
    let text = format!(
        "SUBSCRIBE {ALICE} SIP/2.0\nTo: <{to}>\nFrom: <{sender}>;tag=1\nCall-ID: {sender}\nCSeq: 1 SUBSCRIBE\n\
         P-Asserted-Identity: <{sender}>\nContact: <sip:x@192.0.2.1>\n{lines}\n"
    );
    let message = OwnedMessage::parse(text.as_bytes()).unwrap();
    host.begin(None);
    let verdict = presence.on_request(host, &message.view());
    host.commit();
    match verdict {
        Verdict::Reply(reply) => (reply.status, reply.to_tag),
        other => panic!("{other:?}"),
    }
}

/// Answers all NOTIFYs, gathering the watcherinfo documents.
fn gather(presence: &Presence, host: &mut MemoryHost, documents: &mut Vec<String>) {
    loop {
        match host.next_due() {
            Some(Due::Timer(partition, name, due, payload)) => {
                presence.on_timer(host, &partition, &name, due, &payload);
                host.commit();
            }
            Some(Due::Post(partition, payload)) => {
                presence.on_post(host, &partition, &payload);
                host.commit();
            }
            None => {
                if host.sent.is_empty() {
                    return;
                }
                let sent = host.sent.remove(0);
                let body = String::from_utf8(sent.request.body).unwrap();
                if body.contains("watcherinfo") {
                    documents.push(body);
                }
                let answer = OwnedMessage::parse(b"SIP/2.0 200 OK\n\n").unwrap();
                let outcome = rollcall_plugin::Outcome::Response(answer.view());
                host.begin(Some(&sent.partition));
                presence.on_response(host, &sent.partition, &sent.token, &outcome);
                host.commit();
            }
        }
    }
}

/// WIN-02, WIN-09, WIN-10, WIN-12: full and partial ones, of both packages, with every status and with
/// names that have to be escaped.
#[test]
fn every_document_is_valid() {
    let (allow, confirm, block) =
        (presence("allow", 1_000), presence("confirm", 1_000), presence("block", 1_000));
    let mut host = MemoryHost::new(1_700_000_000_000, 7);
    let mut documents = Vec::new();
    let odd = "sip:al&i'ce;x=%22@example.com";
    for to in [ALICE, odd] {
        for event in ["presence.winfo", "presence.winfo.winfo"] {
            let answer = subscribe(&allow, &mut host, to, to, &format!("Event: {event}\n"));
            assert_eq!(answer.0, 200, "{to}");
            gather(&allow, &mut host, &mut documents);
        }
        for (presence, sender, seconds, status) in [
            (&allow, "sip:o'b&c@example.com", 600, 200),
            (&confirm, "sip:carol@example.com", 60, 200),
            (&confirm, "tel:+1-555-0100", 0, 200),
            (&confirm, "sip:dave@example.com", 0, 200),
            (&block, "sip:dave@example.com", 0, 403),
        ] {
            let lines = format!("Event: presence\nExpires: {seconds}\n");
            assert_eq!(subscribe(presence, &mut host, to, sender, &lines).0, status, "{sender}");
            gather(&allow, &mut host, &mut documents);
        }
        host.advance(60_000);
        gather(&allow, &mut host, &mut documents);
        subscribe(&allow, &mut host, to, to, "Event: presence.winfo\nExpires: 0\n");
        gather(&allow, &mut host, &mut documents);
    }
    for word in [
        "state=\"full\"",
        "state=\"partial\"",
        "status=\"pending\"",
        "status=\"active\"",
        "status=\"waiting\"",
        "status=\"terminated\"",
        "package=\"presence\"",
        "package=\"presence.winfo\"",
        "></watcher-list>",
        "&amp;",
    ] {
        assert!(documents.iter().any(|document| document.contains(word)), "{word}: {documents:#?}");
    }
    support::validate(&documents);
}

/// A document of more watchers than it takes ends at its bound and is valid.
#[test]
fn a_document_that_is_cut_is_valid() {
    let allow = presence("allow", 20);
    let mut host = MemoryHost::new(1_700_000_000_000, 7);
    let mut documents = Vec::new();
    for number in 0..30 {
        let sender = format!("sip:{}{number}@example.com", "w".repeat(300));
        subscribe(&allow, &mut host, ALICE, &sender, "Event: presence\n");
        gather(&allow, &mut host, &mut Vec::new());
    }
    subscribe(&allow, &mut host, ALICE, ALICE, "Event: presence.winfo\nExpires: 0\n");
    gather(&allow, &mut host, &mut documents);
    assert_eq!(documents[0].matches("</watcher>").count(), 20);
    support::validate(&documents);
}
