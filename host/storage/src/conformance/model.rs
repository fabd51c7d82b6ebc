//! Random play against a model made of maps.

use std::collections::BTreeMap;

use super::*;
use crate::Image;

/// Few, so that they are hit often; one is a prefix of another.
const NAMES: [&str; 4] = ["a", "ab", "b\0", "c"];

#[derive(Default)]
struct Held {
    records: BTreeMap<Vec<u8>, Record>,
    timers: BTreeMap<Vec<u8>, Timer>,
    outbox: BTreeMap<u64, Bytes>,
}

#[derive(Default)]
struct Model {
    held: BTreeMap<PartitionKey, Held>,
    now: u64,
}

/// Plays groups of commits, sweeps and looks, each decided by a number (so that a test may choose or shrink them),
/// on a new, empty store, and compares with a model after each.
pub fn play(engine: &impl Engine, actions: &[u64]) {
    let mut model = Model::default();
    for action in actions {
        model.act(engine, *action);
    }
    model.compare(engine);
}

/// The same, but every now and then the store is closed in order or not, and opened again.
pub fn play_durable<S: Durable>(store: &S, actions: &[u64]) {
    let mut model = Model::default();
    let mut engine = store.open();
    for action in actions {
        if action % 29 < 2 {
            if action % 29 == 0 {
                engine.close().expect("closes");
            } else {
                // Without this, what was not synced might rightly be gone.
                engine.apply(Vec::new(), true).expect("applies");
            }
            drop(engine);
            engine = store.open();
        }
        model.act(&engine, *action);
    }
    model.compare(&engine);
}

impl Model {
    fn act(&mut self, engine: &impl Engine, action: u64) {
        let mut random = action;
        let mut roll = move |sides: u64| scramble(&mut random) % sides;
        self.now += roll(3);
        if roll(10) == 0 {
            engine.sweep(None, 5, self.now).expect("sweeps");
            return self.compare(engine);
        }
        let mut versions = BTreeMap::new();
        let mut group = Vec::new();
        let mut expected = Vec::new();
        for _ in 0..roll(6) {
            let partition = name(NAMES[roll(NAMES.len() as u64) as usize]);
            let version = versions
                .entry(partition.clone())
                .or_insert_with(|| engine.version(&partition).expect("has a version"));
            let ops: Vec<Op> = (0..roll(5)).map(|_| self.op(&mut roll)).collect();
            if roll(6) == 0 {
                let wrong = version.wrapping_add(1 + roll(3));
                group.push(Commit { wake: Some(Some(1)), ..commit(&partition, wrong, ops) });
                expected.push(Err(Conflict { current: *version }));
                continue;
            }
            let held = self.held.entry(partition.clone()).or_default();
            let before = held.wake();
            ops.iter().for_each(|op| held.apply(op));
            let wake = (held.wake() != before || roll(2) == 0).then_some(held.wake());
            group.push(Commit { wake, ..commit(&partition, *version, ops) });
            *version += 1;
            expected.push(Ok(*version));
        }
        assert_eq!(engine.apply(group, roll(2) == 0).expect("applies"), expected);
        self.compare(engine);
    }

    fn op(&self, roll: &mut impl FnMut(u64) -> u64) -> Op {
        let key = [b'a' + roll(3) as u8; 2][..roll(3) as usize].to_vec();
        let payload = Bytes::from(vec![roll(256) as u8; roll(40) as usize]);
        match roll(9) {
            0..3 => {
                let expires = (roll(3) == 0).then(|| self.now + roll(6));
                Op::PutRecord { key, record: Record { value: payload, expires } }
            }
            3 => Op::DeleteRecord { key },
            4 | 5 => Op::SetTimer { name: key, timer: Timer { due: roll(50), payload } },
            6 => Op::CancelTimer { name: key },
            7 => Op::PutOutbox { sequence: roll(4), payload },
            _ => Op::DeleteOutbox { sequence: roll(4) },
        }
    }

    fn compare(&self, engine: &impl Engine) {
        let mut due = Vec::new();
        let mut pending = Vec::new();
        for text in NAMES {
            let partition = name(text);
            let found = engine.load(&partition, self.now).expect("loads");
            let expected = self.held.get(&partition).map(|held| held.image(self.now)).unwrap_or_default();
            assert_eq!(found, Image { version: found.version, ..expected });
            assert_eq!(found.version, engine.version(&partition).expect("has a version"));
            assert_eq!(engine.scan(&partition, b"", None, 100, self.now).expect("scans"), found.records);
            if !found.outbox.is_empty() {
                pending.push(partition.clone());
            }
            let listed = engine.partitions(None, 100).expect("lists").contains(&partition);
            // Expired records may or may not have been swept.
            let holds = self.held.get(&partition).is_some_and(|held| !held.records.is_empty());
            assert!(listed || found.is_empty());
            assert!(!listed || !found.is_empty() || holds);
            due.extend(found.wake().map(|wake| (wake, partition)));
        }
        due.sort();
        assert_eq!(engine.next_due().expect("asks"), due.first().map(|(wake, _)| *wake));
        let mut found = engine.due(u64::MAX, 100).expect("asks");
        assert!(found.is_sorted_by_key(|(wake, _)| *wake));
        found.sort();
        assert_eq!(found, due);
        let mut found = engine.pending(None, 100).expect("lists");
        found.sort();
        assert_eq!(found, pending);
    }
}

impl Held {
    fn apply(&mut self, op: &Op) {
        match op.clone() {
            Op::PutRecord { key, record } => drop(self.records.insert(key, record)),
            Op::DeleteRecord { key } => drop(self.records.remove(&key)),
            Op::SetTimer { name, timer } => drop(self.timers.insert(name, timer)),
            Op::CancelTimer { name } => drop(self.timers.remove(&name)),
            Op::PutOutbox { sequence, payload } => drop(self.outbox.insert(sequence, payload)),
            Op::DeleteOutbox { sequence } => drop(self.outbox.remove(&sequence)),
        }
    }

    fn wake(&self) -> Option<u64> {
        self.timers.values().map(|timer| timer.due).min()
    }

    fn image(&self, now: u64) -> Image {
        let live =
            self.records.iter().filter(|(_, record)| record.expires.is_none_or(|expires| now < expires));
        Image {
            version: 0,
            records: live.map(|(key, record)| Entry { key: key.clone(), record: record.clone() }).collect(),
            timers: self.timers.clone().into_iter().collect(),
            outbox: self.outbox.clone().into_iter().collect(),
        }
    }
}
