//! Live partitions are bounded: they come and go, and nobody notices.

use crate::host::{Host, quiet};
use proptest::prelude::*;
use rollcall_storage::conformance::Durable;
use rollcall_storage::testing::Disk;
use rollcall_storage::{Fjall, FjallOptions};
use std::collections::BTreeMap;
use std::time::Duration;

/// One step in one of a thread's own partitions.
#[derive(Clone, Debug)]
enum Act {
    Put(u8, u8, bool),
    Delete(u8, bool),
    Post(u8),
    Fire(u8),
    Fail(u8),
}

fn act() -> impl Strategy<Value = (u8, Act)> {
    let act = prop_oneof![
        4 => (0..4_u8, any::<u8>(), any::<bool>()).prop_map(|(k, v, durable)| Act::Put(k, v, durable)),
        2 => (0..4_u8, any::<bool>()).prop_map(|(k, durable)| Act::Delete(k, durable)),
        1 => (0..4_u8).prop_map(Act::Post),
        1 => (0..4_u8).prop_map(Act::Fire),
        1 => (0..4_u8).prop_map(Act::Fail),
    ];
    (0..6_u8, act)
}

fn script(act: &Act) -> String {
    match act {
        Act::Put(k, v, true) => format!("put k{k} {v}"),
        Act::Put(k, v, false) => format!("relax k{k} {v}"),
        Act::Delete(k, true) => format!("delete k{k}"),
        Act::Delete(k, false) => format!("relaxed_delete k{k}"),
        Act::Post(k) => format!("relax x 1\npost SELF relaxed_add posted{k} 1"),
        Act::Fire(k) => format!("relax x 1\npost SELF relax x 2;timer t{k} 3600000 relaxed_add fired{k} 1"),
        Act::Fail(k) => format!("put k{k} lost\nrelax k0 lost\ntraps"),
    }
}

/// What a partition must hold.
#[derive(Default)]
struct Model {
    records: BTreeMap<String, String>,
    posted: BTreeMap<u8, u32>,
    timers: BTreeMap<u8, ()>,
}

impl Model {
    fn apply(&mut self, act: &Act) {
        match act {
            Act::Put(k, v, _) => drop(self.records.insert(format!("k{k}"), v.to_string())),
            Act::Delete(k, _) => drop(self.records.remove(&format!("k{k}"))),
            Act::Post(k) => *self.posted.entry(*k).or_default() += 1,
            Act::Fire(k) => drop(self.timers.insert(*k, ())),
            Act::Fail(_) => {}
        }
    }

    fn check(&self, host: &Host, partition: &str) {
        for k in 0..4_u8 {
            let value = self.records.get(&format!("k{k}")).map_or("-", String::as_str);
            assert_eq!(host.get(partition, &format!("k{k}")), value, "k{k} of {partition}");
            let posted = self.posted.get(&k).map_or("-".into(), u32::to_string);
            host.wait_for(partition, &format!("posted{k}"), &posted);
        }
    }
}

fn runs(threads: Vec<Vec<(u8, Act)>>) {
    let disk = Disk::default();
    let mut config = quiet();
    // Next to nothing stays in memory, and what is relaxed goes to the store all the time.
    config.live_bytes = 1;
    config.flush_interval = Duration::from_millis(1);
    let host = Host::with(config, disk.open());
    let name = |thread: usize, p: u8| format!("p{thread}.{p}");
    let models: Vec<BTreeMap<u8, Model>> = std::thread::scope(|scope| {
        let workers: Vec<_> = threads
            .iter()
            .enumerate()
            .map(|(thread, acts)| {
                let host = &host;
                scope.spawn(move || {
                    let mut models: BTreeMap<u8, Model> = BTreeMap::new();
                    for (p, act) in acts {
                        let partition = name(thread, *p);
                        let script = script(act).replace("SELF", &partition);
                        host.run(&format!("enter {partition}\n{script}"));
                        models.entry(*p).or_default().apply(act);
                    }
                    models
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    host.settle();
    host.clock.advance(3_600_000);
    let check = |host: &Host| {
        for (thread, models) in models.iter().enumerate() {
            for (p, model) in models {
                model.check(host, &name(thread, *p));
                for k in model.timers.keys() {
                    host.wait_until("timer", || host.get(&name(thread, *p), &format!("fired{k}")) != "-");
                }
            }
        }
    };
    check(&host);
    host.settle();
    host.stop();
    drop(host);
    check(&Host::on(disk.open()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 50, ..ProptestConfig::default() })]

    #[test]
    fn partitions_that_come_and_go_hold_what_they_should(
        threads in prop::collection::vec(prop::collection::vec(act(), 1..60), 3)
    ) {
        runs(threads);
    }
}

#[test]
fn memory_stays_within_its_bound() {
    let mut config = quiet();
    config.live_bytes = 100_000;
    config.flush_interval = Duration::from_millis(5);
    let folder = tempfile::tempdir().unwrap();
    let host = Host::with(config, Fjall::open(folder.path(), FjallOptions::default()).unwrap());
    let value = "v".repeat(2000);
    for p in 0..500 {
        host.print(&format!("enter p{p}\nrelax k {value}"));
    }
    for p in 0..500 {
        host.print(&format!("enter p{p}\nput d {value}"));
    }
    host.settle();
    host.wait_until("eviction", || {
        host.print("enter p0\nput d 1");
        host.engine.gauges().live_bytes <= 100_000
    });
    assert!(host.engine.gauges().live_partitions < 100);
    for p in 1..500 {
        assert_eq!(host.print(&format!("enter p{p}\nget k\nget d")), format!("{value}\n{value}"));
    }
}
