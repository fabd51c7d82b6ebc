//! The engine on disk after a process that was killed, a write that was torn and bytes that were changed.

#![allow(clippy::expect_used, reason = "a test ends where it cannot go on")]

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use bytes::Bytes;
use rollcall_storage::{Commit, Engine, Error, Fjall, FjallOptions, Op, PartitionKey, Record, Timer};
use tempfile::TempDir;

/// Tells the process that a test starts where to write.
const DIRECTORY: &str = "ROLLCALL_TEST_DIRECTORY";
const PARTITIONS: usize = 5;

fn open(directory: &Path) -> Result<Fjall, Error> {
    Fjall::open(directory, FjallOptions::default())
}

fn names() -> impl Iterator<Item = PartitionKey> {
    (0..PARTITIONS).map(|number| PartitionKey::new(&format!("p{number}")).expect("a good name"))
}

/// Writes `number` everywhere: two records, a timer and an outbox entry in each partition, in one group.
fn write(engine: &Fjall, number: u64, sync: bool) {
    // Long and of differing length, so that a group does not end with a page of the file.
    let value = Bytes::from(number.to_be_bytes().repeat(100 + number as usize % 50));
    let record = Record { value: value.clone(), expires: None };
    let group = names().map(|partition| Commit {
        expected: engine.version(&partition).expect("has a version"),
        partition,
        ops: vec![
            Op::PutRecord { key: b"a".to_vec(), record: record.clone() },
            Op::PutRecord { key: b"b".to_vec(), record: record.clone() },
            Op::SetTimer { name: b"t".to_vec(), timer: Timer { due: number, payload: value.clone() } },
            Op::PutOutbox { sequence: 1, payload: value.clone() },
        ],
        wake: Some(Some(number)),
    });
    let results = engine.apply(group.collect(), sync).expect("applies");
    assert!(results.iter().all(Result::is_ok));
}

/// The number that each partition holds (0: nothing), after a look that no partition holds a mixture.
fn numbers(engine: &Fjall) -> Result<Vec<u64>, Error> {
    let mut found = Vec::new();
    for partition in names() {
        let image = engine.load(&partition, 0)?;
        if image.is_empty() {
            found.push(0);
            continue;
        }
        let number = image.wake().expect("a timer");
        let value = number.to_be_bytes().repeat(100 + number as usize % 50);
        assert_eq!(image.records.len(), 2);
        assert!(image.records.iter().all(|entry| entry.record.value == value));
        assert_eq!(image.timers[0].1.payload, value);
        assert_eq!(image.outbox, [(1, Bytes::from(value))]);
        assert!(engine.due(u64::MAX, PARTITIONS)?.contains(&(number, partition)));
        found.push(number);
    }
    Ok(found)
}

/// The process that is killed: writes number after number and prints those that are durable.
fn write_until_killed(directory: &Path) {
    let engine = open(directory).expect("opens");
    let first = numbers(&engine).expect("loads")[0] + 1;
    let mut out = std::io::stdout();
    for number in first.. {
        // Some groups are not synced by themselves; the next one makes them durable.
        write(&engine, number, number % 3 != 0);
        if number % 3 != 0 {
            writeln!(out, "\ndurable {number}").and_then(|()| out.flush()).expect("prints");
        }
    }
}

#[test]
fn killed_process_loses_nothing_acknowledged() {
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        return write_until_killed(Path::new(&directory));
    }
    let place = TempDir::new().expect("a directory");
    for round in 1..=8_u64 {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "killed_process_loses_nothing_acknowledged", "--nocapture"])
            .env(DIRECTORY, place.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut durable = 0;
        let mut seen = 0;
        for line in lines.by_ref() {
            let line = line.expect("reads");
            let Some(number) = line.strip_prefix("durable ") else { continue };
            durable = number.parse().expect("a number");
            seen += 1;
            if seen == 1 + round * 7 {
                child.kill().expect("kills");
                break;
            }
        }
        // What it acknowledged between the decision and its end counts too.
        for line in lines.map_while(Result::ok) {
            durable = line.strip_prefix("durable ").and_then(|number| number.parse().ok()).unwrap_or(durable);
        }
        child.wait().expect("ends");
        assert!(seen > round * 7, "the process ended by itself");

        let engine = open(place.path()).expect("opens");
        // The child's start and this one each follow a stop without order, but for the very first.
        assert_eq!((engine.opened().clean, engine.opened().epoch), (false, 2 * round - 1));
        for number in numbers(&engine).expect("loads") {
            assert!(
                (durable..=durable + 3).contains(&number),
                "{number} is there, {durable} was acknowledged"
            );
        }
    }
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("lists") {
        let path = entry.expect("lists").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn copy(from: &Path, to: &Path) {
    for file in files(from) {
        let target = to.join(file.strip_prefix(from).expect("inside"));
        fs::create_dir_all(target.parent().expect("inside")).expect("makes");
        fs::copy(file, target).expect("copies");
    }
}

#[test]
fn torn_write_leaves_whole_commits() {
    let place = TempDir::new().expect("a directory");
    let engine = open(place.path()).expect("opens");
    write(&engine, 1, true);
    let copy_of = |to: &Path| copy(place.path(), to);
    let journal = |directory: &Path| {
        let mut journals: Vec<_> = files(directory)
            .into_iter()
            .filter(|file| file.extension().is_some_and(|end| end == "jnl"))
            .collect();
        journals.pop().expect("a journal")
    };
    let used = |path: &Path| {
        let bytes = fs::read(path).expect("reads");
        bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
    };
    let first = used(&journal(place.path()));
    write(&engine, 2, true);
    let second = used(&journal(place.path()));
    assert!(second > first + 4096, "the second group is longer than a page");
    let cuts = (0..24).map(|cut| first + (second - first) * cut / 24).chain([second - 1, second]);
    for cut in cuts {
        let torn = TempDir::new().expect("a directory");
        copy_of(torn.path());
        let file = fs::OpenOptions::new().write(true).open(journal(torn.path())).expect("opens");
        file.set_len(cut as u64).expect("cuts");
        let engine = open(torn.path()).expect("opens");
        let numbers = numbers(&engine).expect("loads");
        assert!(numbers.iter().all(|number| (1..=2).contains(number)), "{numbers:?} after a cut at {cut}");
        if cut == second {
            assert_eq!(numbers, [2; PARTITIONS]);
        }
        // And it goes on from there.
        write(&engine, 3, true);
        drop(engine);
        assert_eq!(numbers_of(torn.path()), [3; PARTITIONS]);
    }
}

fn numbers_of(directory: &Path) -> Vec<u64> {
    numbers(&open(directory).expect("opens")).expect("loads")
}

#[test]
fn changed_bytes_never_panic() {
    let place = TempDir::new().expect("a directory");
    let engine = open(place.path()).expect("opens");
    (1..=20).for_each(|number| write(&engine, number, false));
    engine.close().expect("closes");
    drop(engine);
    let mut refused = 0;
    for file in files(place.path()) {
        let length = fs::metadata(&file).expect("is there").len().min(30_000);
        for part in 0..3 {
            let damaged = TempDir::new().expect("a directory");
            copy(place.path(), damaged.path());
            let target = damaged.path().join(file.strip_prefix(place.path()).expect("inside"));
            let mut bytes = fs::read(&target).expect("reads");
            let Some(byte) = bytes.get_mut((length * part / 3) as usize) else { continue };
            *byte ^= 0x55;
            fs::write(&target, bytes).expect("writes");
            let all = open(damaged.path()).and_then(|engine| {
                engine.partitions(None, 100)?;
                names().try_for_each(|partition| engine.load(&partition, 0).map(drop))
            });
            refused += u32::from(all.is_err());
        }
    }
    assert!(refused > 0, "no damage was noticed");
}

#[test]
fn open_store_is_not_opened_twice() {
    let place = TempDir::new().expect("a directory");
    let engine = open(place.path()).expect("opens");
    assert!(open(place.path()).is_err());
    drop(engine);
    assert!(open(place.path()).is_ok());
}
