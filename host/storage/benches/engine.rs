//! What a commit costs on disk, in CPU and wall time: 300,000 records of 300 bytes, three to a partition, then
//! commits that write three records each, in groups of several sizes, one fsync a group; then loads.
//!
//! `cargo bench -p rollcall-storage -- [directory]`. Settings by environment: `MEMTABLE`, `CACHE`, `WORKERS`
//! (MiB, MiB, number), `SECONDS` for each row, `RELAXED=1` for no fsync,
//! `LOADS`,
//! `MEMORY=1` to measure the engine in memory first.

#![allow(clippy::unwrap_used, reason = "a measurement that cannot be made ends")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use rollcall_storage::{Commit, Engine, Fjall, FjallOptions, Memory, Op, PartitionKey, Record, Timer};

const PARTITIONS: u64 = 100_000;

fn main() {
    let directory = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let base = directory.map_or_else(std::env::temp_dir, Into::into);
    let place = tempfile::TempDir::new_in(base).unwrap();
    let default = FjallOptions::default();
    let options = FjallOptions {
        memtable: setting("MEMTABLE").map_or(default.memtable, |size| size << 20),
        cache: setting("CACHE").map_or(default.cache, |size| size << 20),
        workers: setting("WORKERS").map_or(default.workers, |number| number as usize),
        ..default
    };
    println!("{options:?}");
    println!(
        "{:28} {:>10} {:>9} {:>9} {:>10} {:>9}",
        "", "a second", "CPU us", "wall us", "p99 ms", "RSS MiB"
    );
    if setting("MEMORY") == Some(1) {
        measure_engine("memory", &Memory::new());
    }
    let started = Instant::now();
    let engine = Fjall::open(place.path(), options).unwrap();
    measure_engine("fjall", &engine);
    engine.close().unwrap();
    drop(engine);
    let reopened = Instant::now();
    let engine = Fjall::open(place.path(), options).unwrap();
    println!("opened again in {:?}; all took {:?}", reopened.elapsed(), started.elapsed());
    let listing = Instant::now();
    println!(
        "{} partitions listed in {:?}",
        engine.partitions(None, usize::MAX).unwrap().len(),
        listing.elapsed()
    );
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn measure_engine(name: &str, engine: &impl Engine) {
    let names: Vec<PartitionKey> = (0..PARTITIONS)
        .map(|number| PartitionKey::new(&format!("watcher/sip:user{number:06}@example.com")).unwrap())
        .collect();
    let mut random = 42;
    let mut change = |index: usize, with_timer: bool| {
        let partition = names[index].clone();
        let mut ops: Vec<Op> = (0..3_u8)
            .map(|key| Op::PutRecord {
                key: vec![b'r', key],
                record: Record { value: value(&mut random), expires: Some(u64::MAX) },
            })
            .collect();
        let due = next(&mut random) >> 20;
        if with_timer {
            ops.push(Op::SetTimer { name: b"expiry".to_vec(), timer: Timer { due, payload: Bytes::new() } });
        }
        let wake = with_timer.then_some(Some(due));
        Commit { expected: engine.version(&partition).unwrap(), partition, ops, wake }
    };
    row(&format!("{name} fill, 1000, timer"), PARTITIONS, |done| {
        let first = (done as usize) % names.len();
        let group = (first..names.len().min(first + 1000)).map(|index| change(index, true)).collect();
        engine.apply(group, true).unwrap().len() as u64
    });
    row("(making the commits)", PARTITIONS, |done| {
        let first = (done as usize) % names.len();
        (first..names.len().min(first + 100)).map(|index| change(index, true)).collect::<Vec<_>>().len()
            as u64
    });
    let limit = Duration::from_secs(setting("SECONDS").unwrap_or(4));
    let sync = setting("RELAXED").is_none();
    let mut pick = 7;
    for with_timer in [false, true] {
        for size in [1, 10, 100, 1000] {
            let until = Instant::now() + limit;
            let what = if with_timer { ", timer" } else { "" };
            row(&format!("{name} commits, {size}{what}"), u64::MAX, |_| {
                if Instant::now() > until {
                    return 0;
                }
                let mut group: Vec<Commit> = Vec::with_capacity(size);
                for _ in 0..size {
                    let made = change((next(&mut pick) % PARTITIONS) as usize, with_timer);
                    // Of two for one partition in a group the second is refused, and does not count.
                    group.push(made);
                }
                engine.apply(group, sync).unwrap().iter().filter(|result| result.is_ok()).count() as u64
            });
        }
    }
    row(&format!("{name} loads"), setting("LOADS").unwrap_or(30_000), |_| {
        let image = engine.load(&names[(next(&mut pick) % PARTITIONS) as usize], 0).unwrap();
        assert_eq!((image.records.len(), image.timers.len()), (3, 1));
        1
    });
}

/// Prints what `step` cost for each unit that it says it did, until `total` is reached or it does none.
fn row(name: &str, total: u64, mut step: impl FnMut(u64) -> u64) {
    let (cpu, start) = (cpu_time(), Instant::now());
    let (mut done, mut times) = (0, Vec::new());
    while done < total {
        let began = Instant::now();
        match step(done) {
            0 => break,
            more => done += more,
        }
        times.push(began.elapsed());
    }
    let (cpu, wall) = (cpu_time() - cpu, start.elapsed());
    times.sort();
    let p99 = times.get(times.len() * 99 / 100).copied().unwrap_or_default();
    let each = |time: Duration| time.as_secs_f64() * 1e6 / done.max(1) as f64;
    println!(
        "{name:28} {:>10.0} {:>9.1} {:>9.1} {:>10.2} {:>9}",
        done as f64 / wall.as_secs_f64(),
        each(cpu),
        each(wall),
        p99.as_secs_f64() * 1e3,
        resident()
    );
}

fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 16
}

fn value(random: &mut u64) -> Bytes {
    let mut bytes = Vec::with_capacity(304);
    while bytes.len() < 300 {
        bytes.extend(next(random).to_le_bytes());
    }
    bytes.truncate(300);
    bytes.into()
}

/// CPU time of all threads of this process. The kernel counts in hundredths of a second.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = [11, 12].iter().map(|index| fields[*index].parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}
