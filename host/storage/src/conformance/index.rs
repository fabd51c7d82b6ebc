//! The due index, the listings and what concerns the whole store.

use super::*;

pub(super) fn due_index(engine: &impl Engine) {
    assert_eq!(engine.next_due().expect("asks"), None);
    assert!(engine.due(u64::MAX, 10).expect("asks").is_empty());
    let names: Vec<_> = (0..5).map(|number| name(&format!("p{number}"))).collect();
    for (partition, due) in names.iter().zip([300, 100, 200, u64::MAX, 0]) {
        change(engine, partition, vec![timer(b"t", due)]);
    }
    let due = |until, limit| -> Vec<u64> {
        let found = engine.due(until, limit).expect("asks");
        for (instant, partition) in &found {
            assert_eq!(engine.load(partition, 0).expect("loads").wake(), Some(*instant));
        }
        found.into_iter().map(|(instant, _)| instant).collect()
    };
    assert_eq!(engine.next_due().expect("asks"), Some(0));
    assert_eq!(due(199, 10), [0, 100]);
    assert_eq!(due(200, 10), [0, 100, 200]);
    assert_eq!(due(u64::MAX, 10), [0, 100, 200, 300, u64::MAX]);
    assert_eq!(due(u64::MAX, 2), [0, 100]);
    assert_eq!(due(u64::MAX, 2), [0, 100], "asking takes nothing out");

    // An earlier timer moves the partition forward, a later one leaves it, the last one gone takes it out.
    change(engine, &names[0], vec![timer(b"earlier", 50)]);
    change(engine, &names[1], vec![timer(b"later", 500)]);
    change(engine, &names[4], vec![Op::CancelTimer { name: b"t".to_vec() }]);
    assert_eq!(due(400, 10), [50, 100, 200]);
    change(engine, &names[0], vec![Op::CancelTimer { name: b"earlier".to_vec() }]);
    assert_eq!(due(400, 10), [100, 200, 300]);
    change(engine, &names[1], vec![timer(b"t", 150)]);
    assert_eq!(due(400, 10), [150, 200, 300]);
    // A change that says nothing of the wake-up leaves it.
    change(engine, &names[2], vec![put(b"a", b"1")]);
    assert_eq!(engine.next_due().expect("asks"), Some(150));
}

pub(super) fn listings(engine: &impl Engine) {
    let mut expected = Vec::new();
    let mut waiting = Vec::new();
    for number in 0..40_u64 {
        // Names of several lengths; some are prefixes of others.
        let partition = name(&format!("{}{number}", "ab".repeat(number as usize % 7)));
        let outbox = Op::PutOutbox { sequence: number, payload: Bytes::new() };
        match number % 5 {
            0 => change(engine, &partition, (0..40).map(|key: u8| put(&[key], b"")).collect()),
            1 => change(engine, &partition, vec![timer(b"t", number)]),
            2 => change(engine, &partition, vec![outbox]),
            3 => change(engine, &partition, vec![outbox, put(b"k", b""), timer(b"t", 5)]),
            _ => {
                change(engine, &partition, vec![outbox, put(b"k", b"")]);
                change(engine, &partition, vec![Op::DeleteOutbox { sequence: number }, delete(b"k")])
            }
        };
        if number % 5 < 4 {
            expected.push(partition.clone());
        }
        if matches!(number % 5, 2 | 3) {
            waiting.push(partition);
        }
    }
    expected.sort();
    waiting.sort();
    for limit in [1, 3, 7, 1000] {
        let all = |list: &dyn Fn(Option<&PartitionKey>) -> Vec<PartitionKey>| {
            let mut found: Vec<PartitionKey> = Vec::new();
            loop {
                let page = list(found.last());
                assert!(page.len() <= limit);
                let end = page.len() < limit;
                found.extend(page);
                assert!(found.len() <= 40, "a listing repeats itself");
                if end {
                    break;
                }
            }
            found.sort();
            found
        };
        assert_eq!(all(&|after| engine.partitions(after, limit).expect("lists")), expected);
        assert_eq!(all(&|after| engine.pending(after, limit).expect("lists")), waiting);
    }
    assert!(engine.partitions(None, 0).expect("lists").is_empty());
}

pub(super) fn sweep_and_meta(engine: &impl Engine) {
    for number in 0..10_u64 {
        let expires = if number % 2 == 0 { Some(100) } else { Some(200) };
        let put = |key: &[u8]| Op::PutRecord { key: key.to_vec(), record: record(key, expires) };
        change(engine, &name(&format!("p{number}")), vec![put(b"a"), put(b"b"), timer(b"t", 5)]);
    }
    let versions = |engine: &dyn Engine| -> Vec<u64> {
        (0..10).map(|number| engine.version(&name(&format!("p{number}"))).expect("has a version")).collect()
    };
    let before = versions(engine);
    let mut after = None;
    for round in 0.. {
        assert!(round < 30, "the sweep does not end");
        after = engine.sweep(after.as_ref(), 3, 150).expect("sweeps");
        if after.is_none() {
            break;
        }
    }
    assert_eq!(versions(engine), before, "a sweep changes no version");
    for number in 0..10 {
        let image = engine.load(&name(&format!("p{number}")), 150).expect("loads");
        let left = if number % 2 == 0 { 0 } else { 2 };
        assert_eq!((image.records.len(), image.timers.len()), (left, 1));
    }

    assert_eq!(engine.get_meta("schema").expect("reads"), None);
    engine.put_meta("schema", b"1").expect("writes");
    engine.put_meta("schem", b"other").expect("writes");
    engine.put_meta("schema", b"2").expect("writes");
    assert_eq!(engine.get_meta("schema").expect("reads"), Some(Bytes::from_static(b"2")));
    assert_eq!(engine.get_meta("sche").expect("reads"), None);

    engine.close().expect("closes");
    engine.close().expect("closes again");
    let late = engine.apply(vec![commit(&name("p1"), before[1], vec![put(b"late", b"")])], true);
    assert!(matches!(late, Err(crate::Error::Closed)));
    assert!(matches!(engine.put_meta("a", b""), Err(crate::Error::Closed)));
    assert!(matches!(engine.sweep(None, 1, 150), Err(crate::Error::Closed)));
}
