use super::*;
use crate::figures::{Figure, Value};
use crate::message::{Outgoing, Reply};
use crate::rehearsal::trace::{Effects, Fault, FaultKind, Reads};
use std::time::Duration;

fn effects(change: impl FnOnce(&mut Effects)) -> Effects {
    let mut effects = Effects::default();
    change(&mut effects);
    effects
}

fn reply(headers: &str, body: &str) -> End {
    End::Reply(Reply {
        status: 200,
        reason: "OK".into(),
        headers: headers.into(),
        body: body.into(),
        to_tag: None,
        contact: None,
    })
}

fn send(call: &str, body: &str) -> Send {
    let headers = format!("Call-ID: {call}\r\nContent-Type: application/pidf+xml\r\n").into_bytes();
    let (method, uri) = ("NOTIFY".into(), "sip:w@example.com".into());
    let request = Outgoing { method, uri, headers, body: body.into(), contact: None };
    Send { request, token: Blob::default(), kept: false }
}

/// Differences between two runs as "subject: place, before, after".
fn told(before: (Effects, End), after: (Effects, End), new_reads: &[NewRead]) -> Vec<String> {
    let trace = Trace {
        number: 1,
        component: [0; 32],
        partition: Some("p".into()),
        now: 0,
        took: 0,
        call: Call::Recovery,
        reads: Reads::default(),
        effects: before.0,
        end: before.1,
    };
    let rerun = Rerun {
        partition: Some("p".into()),
        effects: after.0,
        end: after.1,
        new_reads: new_reads.iter().cloned().collect(),
        took: Duration::ZERO,
    };
    let kinds = RecordKinds::of([&[(b'p', "publication".to_owned())][..]]);
    let side = |side: &Side| side.clone().unwrap_or_else(|| "-".to_owned());
    let line = |found: &Difference| {
        format!("{}: {}, {}, {}", found.subject, found.place, side(&found.before), side(&found.after))
    };
    compare(&trace, &rerun, &kinds).iter().map(line).collect()
}

#[test]
fn rows_of_a_document_and_header_lines_are_told_by_their_place() {
    let document = |basic: &str, note: &str| {
        format!("<presence><tuple id='t'><status><basic>{basic}</basic></status></tuple>{note}</presence>")
    };
    let before = effects(|e| e.sends = vec![send("1", &document("open", "")), send("2", "")]);
    let after = effects(|e| e.sends = vec![send("1", &document("closed", "<note>x</note>")), send("3", "")]);
    let expected = [
        "NOTIFY requests: request, NOTIFY sip:w@example.com, -",
        "NOTIFY requests: request, -, NOTIFY sip:w@example.com",
        "bodies of NOTIFY requests: /presence/note, -, x",
        "bodies of NOTIFY requests: /presence/tuple/status/basic, open, closed",
    ];
    let mut found = told((before.clone(), End::Done), (after, End::Done), &[]);
    found.sort();
    let mut expected = expected.map(str::to_owned);
    expected.sort();
    assert_eq!(found, expected);
    assert!(told((before.clone(), End::Done), (before, End::Done), &[]).is_empty());
    let (old, new) = (reply("SIP-ETag: a\r\nX: 1\r\nX: 2\r\n", ""), reply("X: 2\r\nX: 3\r\n", ""));
    let found = told((Effects::default(), old), (Effects::default(), new), &[]);
    let expected = [
        "recovery answers: header SIP-ETag, a, -",
        "recovery answers: header X, 1, 2",
        "recovery answers: header X, 2, 3",
    ];
    assert_eq!(found, expected);
}

#[test]
fn the_same_rows_in_other_words_are_told_too() {
    let form = |body: &str| told_bodies("<a><b>x</b></a>", body);
    assert_eq!(form("<a> <b>x</b></a>"), ["bodies of NOTIFY requests: order or form"]);
    assert_eq!(form("<a><b>x</b>"), ["bodies of NOTIFY requests: bytes"]);
    let swapped = told(
        (effects(|e| e.sends = vec![send("1", ""), send("2", "")]), End::Done),
        (effects(|e| e.sends = vec![send("2", ""), send("1", "")]), End::Done),
        &[],
    );
    assert_eq!(swapped.len(), 1);
    assert!(swapped[0].starts_with("requests: order, "));
}

fn told_bodies(before: &str, after: &str) -> Vec<String> {
    let sends = |body: &str| (effects(|e| e.sends = vec![send("1", body)]), End::Done);
    let found = told(sends(before), sends(after), &[]);
    found.iter().map(|line| line.split(", ").next().unwrap().to_owned()).collect()
}

#[test]
fn writes_timers_posts_and_reads_are_told_by_kind() {
    let write = |value: &str, expires| Write { value: Some(value.as_bytes().into()), expires, durable: true };
    let before = effects(|e| {
        e.writes.insert(b"p1".as_slice().into(), write("abc", None));
        e.writes.insert(b"q".as_slice().into(), write("abc", None));
        e.timers.insert(b"t".as_slice().into(), Some((5, Blob::default())));
        e.posts.push(("x".into(), b"1".as_slice().into()));
    });
    let after = effects(|e| {
        e.writes.insert(b"p1".as_slice().into(), write("abcd", Some(7)));
        e.writes.insert(b"p2".as_slice().into(), Write { value: None, expires: None, durable: false });
        e.timers.insert(b"t".as_slice().into(), None);
        e.posts.push(("y".into(), b"1".as_slice().into()));
    });
    let expected = [
        "recovery steps: diverged: read something new: publication records, -, -",
        "recovery steps: diverged: read something new: table white, -, -",
        "publication records: value, 3 bytes, 4 bytes",
        "publication records: expiry, -, 7",
        "publication records: write, -, deleted",
        "0x71 records: write, 3 bytes, -",
        "timers: timer, set, cancelled",
        "posts: post, 1 bytes, -",
        "posts: post, -, 1 bytes",
    ];
    let reads = [NewRead::Records(Some(b'p')), NewRead::Table("white".into())];
    assert_eq!(told((before, End::Done), (after, End::Done), &reads), expected);
}

#[test]
fn of_a_step_that_fails_only_that_is_told() {
    let failed = |kind, text: &str| End::Failed(Fault { kind, text: text.into() });
    let before = effects(|e| e.posts.push(("x".into(), Blob::default())));
    let trapped = failed(FaultKind::Trap, "trap: unreachable\n  at x");
    let found = told((before, End::Done), (Effects::default(), trapped.clone()), &[]);
    assert_eq!(found, ["recovery steps: verdict, done, fails: trap: unreachable"]);
    let other = failed(FaultKind::Trap, "otherwise");
    assert!(told((Effects::default(), trapped), (Effects::default(), other), &[]).is_empty());
}

#[test]
fn figures_are_told_by_their_names_labels_and_values() {
    let figure = |name: &str, labels: &[(&str, &str)], value| {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        (effects(|e| e.figures = vec![Figure::new(name.to_owned(), labels, value).unwrap()]), End::Done)
    };
    let before = || figure("a", &[("x", "1,y=2")], Value::Counter(1));
    assert!(told(before(), before(), &[]).is_empty());
    let found = told(before(), figure("a", &[("x", "1"), ("y", "2")], Value::Counter(1)), &[]);
    assert_eq!(found, [r#"figures: a, x="1,y=2" Counter(1), x="1",y="2" Counter(1)"#]);
    let found = told(before(), figure("b", &[], Value::Gauge(f64::NAN)), &[]);
    assert_eq!(found, [r#"figures: a, x="1,y=2" Counter(1), -"#, "figures: b, -,  Gauge(NaN)"]);
}
