//! Contents and versions of partitions.

use super::*;
use crate::{Error, Image, MAX_KEY, MAX_VALUE};

pub(super) fn unknown_partition_is_empty(engine: &impl Engine) {
    let unknown = name("nobody");
    let image = engine.load(&unknown, 0).expect("loads");
    assert!(image.is_empty());
    assert_eq!(engine.version(&unknown).expect("has a version"), image.version);
    assert_eq!(engine.get(&unknown, b"", 0).expect("reads"), None);
    assert!(engine.scan(&unknown, b"", None, 10, 0).expect("scans").is_empty());
}

pub(super) fn what_is_written_is_there(engine: &impl Engine) {
    let partition = name("sip:alice@example.com");
    let outbox =
        |sequence, payload: &'static [u8]| Op::PutOutbox { sequence, payload: Bytes::from_static(payload) };
    let ops = vec![
        put(b"b", b"2"),
        put(b"a", b"1"),
        put(b"", b"no key"),
        put(b"\xff\xff\0", b""),
        timer(b"refresh", 50),
        timer(b"\0", 40),
        outbox(256, b"second"),
        outbox(3, b"first"),
    ];
    let version = change(engine, &partition, ops);
    let image = engine.load(&partition, 0).expect("loads");
    assert_eq!(image.version, version);
    assert_eq!(
        image.records,
        [entry(b"", b"no key"), entry(b"a", b"1"), entry(b"b", b"2"), entry(b"\xff\xff\0", b"")]
    );
    let timers: Vec<_> =
        image.timers.iter().map(|(name, timer)| (&name[..], timer.due, &timer.payload[..])).collect();
    assert_eq!(timers, [(&b"\0"[..], 40, &b"\0"[..]), (b"refresh", 50, b"refresh")]);
    assert_eq!(image.wake(), Some(40));
    assert_eq!(image.outbox, [(3, Bytes::from_static(b"first")), (256, Bytes::from_static(b"second"))]);
    assert_eq!(engine.get(&partition, b"b", 0).expect("reads"), Some(record(b"2", None)));
    assert_eq!(engine.get(&partition, b"c", 0).expect("reads"), None);

    // The later of two ops on one key counts; deleting what is not there does nothing.
    let ops = vec![
        put(b"a", b"x"),
        delete(b"a"),
        delete(b"b"),
        put(b"b", b"3"),
        delete(b"never"),
        Op::CancelTimer { name: b"\0".to_vec() },
        Op::CancelTimer { name: b"never".to_vec() },
        Op::DeleteOutbox { sequence: 3 },
        Op::DeleteOutbox { sequence: 99 },
    ];
    change(engine, &partition, ops);
    let image = engine.load(&partition, 0).expect("loads");
    assert_eq!(image.records, [entry(b"", b"no key"), entry(b"b", b"3"), entry(b"\xff\xff\0", b"")]);
    assert_eq!(image.wake(), Some(50));
    assert_eq!(image.outbox.iter().map(|(sequence, _)| *sequence).collect::<Vec<_>>(), [256]);
}

pub(super) fn scans_are_ordered_and_bounded(engine: &impl Engine) {
    let partition = name("p");
    let keys: [&[u8]; 8] = [b"", b"a", b"a\0", b"aa", b"a\xff", b"a\xff\xff", b"b", b"\xff"];
    change(engine, &partition, keys.iter().map(|key| put(key, key)).collect());
    let scan = |prefix: &[u8], after: Option<&[u8]>, limit| -> Vec<Vec<u8>> {
        let found = engine.scan(&partition, prefix, after, limit, 0).expect("scans");
        found.into_iter().map(|entry| entry.key).collect()
    };
    assert_eq!(scan(b"", None, 100), keys);
    assert_eq!(scan(b"a", None, 100), keys[1..6]);
    assert_eq!(scan(b"a", None, 2), keys[1..3]);
    assert_eq!(scan(b"a", Some(b"a\0"), 2), keys[3..5]);
    assert_eq!(scan(b"a", Some(b"a\0\0"), 1), keys[3..4], "`after` need not be there");
    assert_eq!(scan(b"a\xff", None, 100), keys[4..6]);
    assert_eq!(scan(b"\xff", None, 100), keys[7..]);
    assert_eq!(scan(b"b", Some(b"a"), 100), keys[6..7], "`after` before the prefix");
    assert!(scan(b"a", Some(b"c"), 100).is_empty(), "`after` behind the prefix");
    assert!(scan(b"", None, 0).is_empty());
    assert!(scan(b"x", None, 100).is_empty());
}

pub(super) fn partitions_do_not_bleed(engine: &impl Engine) {
    let long = "x".repeat(crate::MAX_PARTITION);
    let names =
        ["a", "aa", "a\0", "a\0\u{1}", "\0", "\0\0", "a/", "a:b", "a{b}", "ä", "\u{10ffff}", "a\r\n*", &long];
    for (index, text) in names.iter().enumerate() {
        let mut ops = vec![put(text.as_bytes(), text.as_bytes()), put(b"a", &[index as u8]), timer(b"a", 7)];
        ops.push(Op::PutOutbox { sequence: 1, payload: Bytes::copy_from_slice(text.as_bytes()) });
        change(engine, &name(text), ops);
    }
    for (index, text) in names.iter().enumerate() {
        let image = engine.load(&name(text), 0).expect("loads");
        let count = if *text == "a" { 1 } else { 2 };
        assert_eq!((image.records.len(), image.timers.len(), image.outbox.len()), (count, 1, 1), "{text:?}");
        assert!(image.records.contains(&entry(b"a", &[index as u8])), "{text:?}");
        assert_eq!(image.outbox[0].1, text.as_bytes());
        assert_eq!(engine.scan(&name(text), b"", None, 100, 0).expect("scans"), image.records, "{text:?}");
    }
    // Emptying one leaves the others as they are.
    let emptied = name("a");
    change(
        engine,
        &emptied,
        vec![delete(b"a"), Op::CancelTimer { name: b"a".to_vec() }, Op::DeleteOutbox { sequence: 1 }],
    );
    assert!(engine.load(&emptied, 0).expect("loads").is_empty());
    assert_eq!(engine.load(&name("aa"), 0).expect("loads").records.len(), 2);
}

pub(super) fn large_values_and_limits(engine: &impl Engine) {
    let partition = name("p");
    let (key, value) = (vec![7; MAX_KEY], vec![8; MAX_VALUE]);
    change(engine, &partition, vec![put(&key, &value)]);
    assert_eq!(engine.get(&partition, &key, 0).expect("reads"), Some(record(&value, None)));

    let version = engine.version(&partition).expect("has a version");
    let big = Bytes::from(vec![0; MAX_VALUE + 1]);
    let too_large = [
        put(&[0; MAX_KEY + 1], b""),
        put(b"", &big),
        timer(&[0; MAX_KEY + 1], 1),
        Op::PutOutbox { sequence: 1, payload: big.clone() },
    ];
    for op in too_large {
        let group = vec![commit(&partition, version, vec![delete(&key)]), commit(&name("q"), 0, vec![op])];
        assert!(matches!(engine.apply(group, true), Err(Error::TooLarge { .. })));
    }
    assert_eq!(
        engine.load(&partition, 0).expect("loads").records.len(),
        1,
        "nothing of the group was applied"
    );
}

pub(super) fn expired_is_gone(engine: &impl Engine) {
    let partition = name("p");
    let put = |key: &[u8], expires| Op::PutRecord { key: key.to_vec(), record: record(key, expires) };
    change(
        engine,
        &partition,
        vec![put(b"a", Some(100)), put(b"b", None), put(b"c", Some(200)), put(b"d", Some(u64::MAX))],
    );
    let keys = |now| -> Vec<u8> {
        let loaded = engine.load(&partition, now).expect("loads").records;
        assert_eq!(engine.scan(&partition, b"", None, 10, now).expect("scans"), loaded);
        for key in [b"a", b"b", b"c", b"d"] {
            let found = engine.get(&partition, key, now).expect("reads");
            assert_eq!(
                found.as_ref(),
                loaded.iter().find(|entry| entry.key == key).map(|entry| &entry.record)
            );
        }
        loaded.into_iter().flat_map(|entry| entry.key).collect()
    };
    assert_eq!(keys(99), b"abcd");
    assert_eq!(keys(100), b"bcd");
    assert_eq!(keys(200), b"bd");
    let first = engine.scan(&partition, b"", None, 1, 150).expect("scans");
    assert_eq!(first[0].key, b"b", "what has expired does not count towards the limit");
    // Written again, it lives again.
    change(engine, &partition, vec![put(b"a", Some(300))]);
    assert_eq!(keys(200), b"abd");
}

pub(super) fn stale_commits_are_refused(engine: &impl Engine) {
    let partition = name("p");
    let stale = engine.version(&partition).expect("has a version");
    let version = change(engine, &partition, vec![put(b"a", b"1")]);
    let before = engine.load(&partition, 0).expect("loads");
    for wrong in [stale, version + 1, u64::MAX] {
        let mut bad = commit(&partition, wrong, vec![put(b"a", b"2"), timer(b"t", 5)]);
        bad.wake = Some(Some(5));
        assert_eq!(apply_one(engine, bad), Err(Conflict { current: version }));
    }
    assert_eq!(engine.load(&partition, 0).expect("loads"), before, "nothing of a refused commit is there");
    assert_eq!(engine.next_due().expect("asks"), None);
}

pub(super) fn emptied_partition_refuses_old_state(engine: &impl Engine) {
    let partition = name("p");
    let unknown = engine.version(&partition).expect("has a version");
    let first = change(engine, &partition, vec![put(b"a", b"1")]);
    let emptied = change(engine, &partition, vec![delete(b"a")]);
    // It is in all ways like one never heard of, but for the version.
    assert!(engine.load(&partition, 0).expect("loads").is_empty());
    assert!(engine.partitions(None, 10).expect("lists").is_empty());
    for stale in [unknown, first] {
        assert!(refused(apply_one(engine, commit(&partition, stale, vec![put(b"a", b"stale")]))));
    }
    change(engine, &partition, vec![put(b"a", b"new")]);
    for stale in [unknown, first, emptied] {
        assert!(refused(apply_one(engine, commit(&partition, stale, vec![put(b"a", b"stale")]))));
    }
    assert_eq!(engine.load(&partition, 0).expect("loads").records, [entry(b"a", b"new")]);
}

pub(super) fn group_builds_on_itself(engine: &impl Engine) {
    let (p, q) = (name("p"), name("q"));
    let (a, b) = (engine.version(&p).expect("has a version"), engine.version(&q).expect("has a version"));
    let group = vec![
        commit(&p, a, vec![put(b"k", b"1"), put(b"only first", b"")]),
        commit(&q, b, vec![put(b"k", b"q")]),
        commit(&p, a, vec![put(b"k", b"refused")]),
        commit(&p, a + 1, vec![delete(b"k")]),
        commit(&p, a + 2, vec![put(b"k", b"3")]),
    ];
    let results = engine.apply(group, true).expect("applies");
    assert_eq!(results, [Ok(a + 1), Ok(b + 1), Err(Conflict { current: a + 1 }), Ok(a + 2), Ok(a + 3)]);
    let image = engine.load(&p, 0).expect("loads");
    assert_eq!(
        image,
        Image {
            version: a + 3,
            records: vec![entry(b"k", b"3"), entry(b"only first", b"")],
            ..Image::default()
        }
    );
    assert_eq!(engine.apply(Vec::new(), true).expect("an empty group applies"), []);
}

/// Each of several threads adds to a counter by load and commit, and repeats when refused: no addition is lost.
/// Two records hold the same number, so that a reader can tell half a commit.
pub(super) fn writers_race_without_loss(engine: &impl Engine) {
    const THREADS: u64 = 4;
    const TIMES: u64 = 25;
    let partition = name("counter");
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..TIMES {
                    loop {
                        let image = engine.load(&partition, 0).expect("loads");
                        let numbers: Vec<u64> = image
                            .records
                            .iter()
                            .map(|entry| {
                                u64::from_be_bytes(entry.record.value[..].try_into().expect("8 bytes"))
                            })
                            .collect();
                        let number = numbers.first().copied().unwrap_or(0);
                        assert!(
                            numbers.is_empty() || numbers == [number, number],
                            "half a commit is visible"
                        );
                        let scanned = engine.scan(&partition, b"", None, 10, 0).expect("scans");
                        assert!(
                            scanned.windows(2).all(|pair| pair[0].record == pair[1].record),
                            "half a commit is scanned"
                        );
                        let next = (number + 1).to_be_bytes();
                        let ops = vec![put(b"a", &next), put(b"b", &next)];
                        if apply_one(engine, commit(&partition, image.version, ops)).is_ok() {
                            break;
                        }
                    }
                }
            });
        }
    });
    let total = engine.get(&partition, b"a", 0).expect("reads").expect("is there").value;
    assert_eq!(total, (THREADS * TIMES).to_be_bytes()[..]);
}
