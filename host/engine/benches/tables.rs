//! What large tables cost: a million identities and a hundred thousand list entries, loaded through the
//! real component, and single look-ups.

// A bench measures time and may panic.
#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use criterion::{Criterion, criterion_group, criterion_main};
use rollcall_engine::{
    Answer, Edge, Engine, EngineConfig, HostClock, Outgoing, RowSink, SendId, Table, TableBuilder,
    TableReport, TableSource,
};
use std::fmt::Write as _;
use std::hint::black_box;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// People in the map, and the identities of each besides the fundamental one.
const PEOPLE: u64 = 200_000;
const MORE: u64 = 4;
/// Entries of the white and of the black list.
const LISTED: u64 = 50_000;

const CONFIGURATION: &str = r#"{"presence":{"domains":["example.com"]},
    "rules":{"enabled":true,"default":"allow"},
    "identity":{"map":true},"lists":{"white":true,"black":true}}"#;

/// Nothing leaves: there are no requests.
struct Nowhere;

impl Edge for Nowhere {
    fn answer(&self, _: u64, _: Answer) {}

    fn send(&self, _: Vec<(SendId, Outgoing)>) {}
}

fn person(text: &mut String, person: u64) {
    text.clear();
    let _ = write!(text, "sip:p{person:07}@example.com");
}

fn number(text: &mut String, person: u64, more: u64) {
    text.clear();
    let _ = write!(text, "tel:+1555{more:03}{person:07}");
}

/// A map like that of a JSON file.
struct Map(AtomicU64);

impl TableSource for Map {
    fn read(&self, rows: &mut dyn RowSink) -> std::io::Result<()> {
        let (mut fundamental, mut public) = (String::new(), String::new());
        for (line, n) in (1..).zip(0..PEOPLE) {
            person(&mut fundamental, n);
            for more in 0..MORE {
                number(&mut public, n, more);
                if rows.row(line, &[&fundamental, &public]).is_break() {
                    return Ok(());
                }
            }
        }
        // Something new after each change.
        let version = self.0.load(Ordering::Relaxed).to_string();
        let _: ControlFlow<()> = rows.row(u32::MAX, &[&format!("sip:version{version}@example.com")]);
        Ok(())
    }

    fn version(&self) -> Option<String> {
        Some(self.0.load(Ordering::Relaxed).to_string())
    }
}

/// A list of identities, most of which the map knows.
struct List(u64);

impl TableSource for List {
    fn read(&self, rows: &mut dyn RowSink) -> std::io::Result<()> {
        let mut entry = String::new();
        for (line, n) in (1..).zip(0..LISTED) {
            number(&mut entry, self.0 + n * 2, n % MORE);
            if rows.row(line, &[&entry]).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn version(&self) -> Option<String> {
        Some("fixed".into())
    }
}

/// Memory of this process now and at its most, in megabytes.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kilobytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0)
    };
    format!("{} MB resident, at most {} MB", kilobytes("VmRSS:") >> 10, kilobytes("VmHWM:") >> 10)
}

/// CPU time of this thread.
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(0))
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let (wall, spent) = (Instant::now(), cpu());
    let done = work();
    println!("{what}: {:.2?} ({:.2?} CPU); {}", wall.elapsed(), cpu() - spent, memory());
    done
}

fn tell(reports: &[TableReport]) {
    for TableReport { table, outcome, entries, took } in reports {
        println!("  {table}: {outcome:?}, {entries} entries, {took:.2?}");
    }
}

fn load() {
    let map = Arc::new(Map(AtomicU64::new(0)));
    let tables: Vec<(String, Arc<dyn TableSource>)> = vec![
        ("identities".into(), map.clone()),
        ("white".into(), Arc::new(List(0))),
        ("black".into(), Arc::new(List(1))),
    ];
    println!("before: {}", memory());
    let engine = timed("start with its tables", || {
        Engine::start(
            EngineConfig { plugin_configuration: CONFIGURATION.into(), ..EngineConfig::default() },
            rollcall_component::COMPONENT,
            tables,
            Arc::new(rollcall_storage::Memory::new()),
            Arc::new(Nowhere),
            Arc::new(HostClock::new()),
        )
        .expect("an engine")
    });
    for table in engine.gauges().tables {
        let each = table.bytes as f64 / table.entries as f64;
        println!("  {}: {} entries, {each:.1} bytes each, {:.2?}", table.table, table.entries, table.took);
    }
    tell(&timed("reload, nothing changed", || engine.reload_tables()));
    map.0.fetch_add(1, Ordering::Relaxed);
    tell(&timed("reload, map changed", || engine.reload_tables()));
}

fn million() -> (Table, Vec<String>) {
    let mut table = TableBuilder::new();
    let mut keys = Vec::new();
    let (mut fundamental, mut public) = (String::new(), String::new());
    for n in 0..PEOPLE {
        person(&mut fundamental, n);
        table.insert(fundamental.as_bytes(), fundamental.as_bytes()).expect("a new key");
        for more in 0..MORE {
            number(&mut public, n, more);
            table.insert(public.as_bytes(), fundamental.as_bytes()).expect("a new key");
            keys.push(public.clone());
        }
    }
    (table.finish(), keys)
}

fn tables(criterion: &mut Criterion) {
    load();
    let (table, keys) = timed("a table of a million entries by itself, with the list of its keys", million);
    println!("  {:.1} bytes each", table.bytes() as f64 / table.len() as f64);
    // In an order in which neighbours in the table are far from each other, those in the list are not.
    let count = keys.len();
    let keys: Vec<String> = (0..count).map(|n| keys[n * 700_001 % count].clone()).collect();
    let mut next = (0..count).cycle();
    let mut key = || keys[next.next().unwrap_or(0)].as_bytes();
    criterion.bench_function("look-up, a million entries, another one each time", |bencher| {
        bencher.iter(|| table.get(black_box(key())).map(|value| value[value.len() - 1]));
    });
    criterion.bench_function("look-up, a million entries, the same one", |bencher| {
        bencher.iter(|| table.get(black_box(b"tel:+15550010000007")).map(|value| value[value.len() - 1]));
    });
    criterion.bench_function("look-up, a million entries, one that is not there", |bencher| {
        bencher.iter(|| table.get(black_box(&key()[1..])).is_some());
    });
}

criterion_group!(benches, tables);
criterion_main!(benches);
