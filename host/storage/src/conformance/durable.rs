//! What an engine must keep over a stop.

use super::*;
use crate::Opened;

/// A store that outlives the value that has it open.
pub trait Durable {
    /// The engine.
    type Engine: Engine;

    /// Opens the store: new and empty at first, later as it was left. The suite drops one value before it asks
    /// for the next.
    fn open(&self) -> Self::Engine;
}

/// Runs what needs the store to be opened again. `make` gives a new store each time. Run [`run`] too.
pub fn run_durable<S: Durable>(make: impl Fn() -> S) {
    contents_survive(&make());
    epochs_count_stops_without_order(&make());
    for seed in 1..=4_u64 {
        let actions: Vec<u64> = (0..120).scan(seed, |state, _| Some(scramble(state))).collect();
        play_durable(&make(), &actions);
    }
}

fn contents_survive(store: &impl Durable) {
    let (p, q) = (name("p"), name("q"));
    let engine = store.open();
    let outbox = Op::PutOutbox { sequence: 9, payload: Bytes::from_static(b"out") };
    let expiring = Op::PutRecord { key: b"x".to_vec(), record: record(b"x", Some(1000)) };
    change(&engine, &p, vec![put(b"a", b"1"), expiring, timer(b"t", 70), timer(b"u", 60), outbox]);
    change(&engine, &q, vec![put(b"a", b"1"), timer(b"t", 10)]);
    change(&engine, &q, vec![delete(b"a"), Op::CancelTimer { name: b"t".to_vec() }]);
    engine.put_meta("schema", b"3").expect("writes");
    let before = engine.load(&p, 0).expect("loads");
    drop(engine);

    let engine = store.open();
    let after = engine.load(&p, 0).expect("loads");
    assert_eq!(
        (&after.records, &after.timers, &after.outbox),
        (&before.records, &before.timers, &before.outbox)
    );
    assert_eq!(engine.load(&p, 1000).expect("loads").records, [entry(b"a", b"1")]);
    assert_eq!(engine.due(u64::MAX, 10).expect("asks"), [(60, p.clone())]);
    assert_eq!(engine.partitions(None, 10).expect("lists"), std::slice::from_ref(&p));
    assert_eq!(engine.pending(None, 10).expect("lists"), std::slice::from_ref(&p));
    assert_eq!(engine.get_meta("schema").expect("reads"), Some(Bytes::from_static(b"3")));
    // Commits without `sync` are durable as soon as anything later is.
    let version = engine.version(&q).expect("has a version");
    let results = engine.apply(vec![commit(&q, version, vec![put(b"b", b"2")])], false).expect("applies");
    assert_eq!(results, [Ok(version + 1)]);
    engine.apply(Vec::new(), true).expect("applies");
    drop(engine);
    assert_eq!(store.open().load(&q, 0).expect("loads").records, [entry(b"b", b"2")]);
}

fn epochs_count_stops_without_order(store: &impl Durable) {
    let open = |epoch, clean| {
        let engine = store.open();
        assert_eq!(engine.opened(), Opened { epoch, clean });
        engine
    };
    drop(open(0, true));
    open(1, false).close().expect("closes");
    let engine = open(1, true);
    change(&engine, &name("p"), vec![put(b"a", b"1")]);
    drop(engine);
    drop(open(2, false));
    open(3, false).close().expect("closes");
    open(3, true).close().expect("closes");
    drop(open(3, true));
}
