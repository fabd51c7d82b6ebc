//! Entry points for a fuzzer. They return if all is well and panic if a promise is broken.

use super::difference::{RecordKinds, compare};
use super::recorded::{Own, Recorded};
use super::recording::{Item, Recording, Writer, framed};
use super::report::{Groups, summary};
use super::rerun::Rerun;
use super::trace::{Call, Effects, End, Reads, Send, Trace};
use crate::message::Outgoing;
use rollcall_storage::PartitionKey;
use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

/// Any bytes as a recording: as a whole file, as what follows its beginning, and as two of its frames, of which the
/// first byte tells where the first one ends.
///
/// # Panics
/// If a step is another one after it was written and read again, or is said to differ from itself or not to differ
/// from another one.
pub fn recording(data: &[u8]) {
    read(data);
    let mut bytes = Vec::new();
    Writer::new(&mut bytes, 0, 1.0);
    let begun = bytes.len();
    bytes.extend_from_slice(data);
    read(&bytes);
    let Some((cut, rest)) = data.split_first() else { return };
    let (first, second) = rest.split_at(rest.len().min(usize::from(*cut) * 16));
    bytes.truncate(begun);
    for frame in [first, second] {
        framed(&mut bytes, |out| out.extend_from_slice(frame));
    }
    read(&bytes);
}

/// Bodies before and after a zero byte. The first byte chooses their media type.
///
/// # Panics
/// If bodies that differ are said to be the same, or the same bodies to differ.
pub fn bodies(data: &[u8]) {
    let Some((kind, bodies)) = data.split_first() else { return };
    let media = ["application/pidf+xml", "application/json", "text/plain"][usize::from(kind % 3)];
    let mut bodies = bodies.splitn(2, |byte| *byte == 0);
    let effects = [(); 2].map(|()| {
        let (method, uri) = ("NOTIFY".to_owned(), "sip:a@b.com".to_owned());
        let headers = format!("Call-ID: 1\r\nContent-Type: {media}\r\n").into_bytes();
        let body = bodies.next().unwrap_or_default().to_vec();
        let request = Outgoing { method, uri, headers, body, contact: None };
        Effects {
            sends: vec![Send { request, token: Default::default(), kept: false }],
            ..Effects::default()
        }
    });
    let [before, after] = effects.map(|effects| Trace {
        number: 1,
        component: [0; 32],
        partition: None,
        now: 0,
        took: 0,
        call: Call::Recovery,
        reads: Reads::default(),
        effects,
        end: End::Done,
    });
    told(&before, &after);
}

/// Reads all that can be read.
fn read(bytes: &[u8]) {
    let Ok(mut recording) = Recording::open(bytes) else { return };
    let mut last: Option<Arc<Trace>> = None;
    while let Ok(Some(item)) = recording.next_item() {
        let Item::Step(trace) = item else { continue };
        again(&trace);
        replayed(&trace);
        told(&trace, &trace);
        if let Some(last) = last {
            told(&last, &trace);
        }
        last = Some(trace);
    }
}

/// A trace that was read is written and read again.
fn again(trace: &Trace) {
    let (mut bytes, mut twice) = (Vec::new(), Vec::new());
    trace.encode(&mut bytes);
    let Ok(read) = postcard::from_bytes::<Trace>(&bytes) else { unreachable!("written and cannot be read") };
    read.encode(&mut twice);
    assert!(bytes == twice, "written otherwise after it was read");
    assert!(trace.size() >= size_of::<Trace>());
}

/// What a step would read that runs again.
fn replayed(trace: &Arc<Trace>) {
    let mut recorded = Recorded::new(trace.clone(), Own::default());
    if let Some(Ok(partition)) = trace.partition().map(PartitionKey::new) {
        recorded.enter(&partition);
    }
    for key in trace.reads.records.keys() {
        recorded.get(key);
        recorded.scan(Bound::Included(key), key, None);
        recorded.scan(Bound::Excluded(&key[..]), &[], Some(key));
    }
    let drawn = trace.reads.random.len();
    assert_eq!(recorded.random(drawn), trace.reads.random);
    assert_eq!(recorded.random(7).len(), 7);
}

/// Tells the differences of two steps, if there are any.
fn told(trace: &Trace, other: &Trace) {
    let rerun = Rerun {
        partition: other.partition.clone(),
        effects: other.effects.clone(),
        end: other.end.clone(),
        new_reads: BTreeSet::new(),
        took: Duration::ZERO,
    };
    let differences = compare(trace, &rerun, &RecordKinds::default());
    assert_eq!(differences.is_empty(), same(trace, other), "{differences:?}");
    let mut groups = Groups::default();
    groups.add(trace, differences, other.failed());
    assert!(groups.report().to_string().ends_with('\n'));
    assert!(!summary(trace).chars().any(|char| char.is_control() && char != '\n'));
}

/// Whether two steps have done the same, as far as it is told.
fn same(trace: &Trace, other: &Trace) -> bool {
    let ends = match (&trace.end, &other.end) {
        (End::Failed(one), End::Failed(other)) => one.kind == other.kind,
        (one, other) => one == other,
    };
    let done = |trace: &Trace| {
        let mut effects = trace.effects.clone();
        // Of several figures of a name the order counts; names come in any order. NaN is NaN.
        effects.figures.sort_by(|one, other| one.name.cmp(&other.name));
        format!("{effects:?}")
    };
    let failed = trace.failed() || other.failed();
    ends && trace.partition == other.partition && (failed || done(trace) == done(other))
}
