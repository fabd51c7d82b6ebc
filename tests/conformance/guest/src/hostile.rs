//! What no plugin should do, and what goes to the limits.

use std::hint::black_box;

use crate::bindings::rollcall::plugin::storage::{self, Durability};
use crate::bindings::rollcall::plugin::{log, metrics, posts, random, timers};
use crate::words::{number, taint};

/// Runs one statement; false if the word is not among these.
pub fn word(word: &str, arguments: &[&str]) -> bool {
    match (word, arguments) {
        // Fails as a bug does, having spoiled this instance.
        ("trap", []) => {
            taint();
            panic!("told to");
        }
        ("spin", []) => loop {
            black_box(0);
        },
        ("recurse", []) => {
            black_box(deeper(0));
        }
        // Takes all memory there is.
        ("grow", []) => {
            let mut hoard = Vec::new();
            loop {
                hoard.push(black_box(vec![1_u8; 1 << 20]));
            }
        }
        // take MEBIBYTES: of memory, and gives them back.
        ("take", [mebibytes]) => {
            black_box(vec![1_u8; number(mebibytes) << 20]);
        }
        // work ROUNDS: takes time.
        ("work", [rounds]) => {
            for round in 0..number(rounds) {
                black_box(round);
            }
        }
        // calls COUNT: of the host.
        ("calls", [count]) => {
            for _ in 0..number(count) {
                black_box(storage::epoch());
            }
        }
        // puts COUNT BYTES: so many records of that size, under p0, p1, ...
        ("puts", [count, bytes]) => {
            let value = vec![b'v'; number(bytes)];
            for record in 0..number(count) {
                storage::put(format!("p{record:06}").as_bytes(), &value, Durability::Relaxed, None);
            }
        }
        // key BYTES: a record whose key is that long.
        ("key", [bytes]) => storage::put(&vec![b'k'; number(bytes)], b"v", Durability::Durable, None),
        // name BYTES: a timer whose name is that long, due in a day.
        ("name", [bytes]) => timers::set(&vec![b'n'; number(bytes)], u64::MAX / 2, b""),
        // posts COUNT BYTES PARTITION: so many posts that do nothing, of that size.
        ("posts", [count, bytes, partition]) => {
            let payload = vec![b'\n'; number(bytes)];
            (0..number(count)).for_each(|_| posts::post(partition, &payload));
        }
        // enters BYTES: a partition whose name is that long.
        ("enters", [bytes]) => storage::enter(&"n".repeat(number(bytes))),
        ("random-of", [bytes]) => {
            black_box(random::bytes(number(bytes) as u32));
        }
        // flood LINES BYTES: of log.
        ("flood", [lines, bytes]) => {
            let line = "x".repeat(number(bytes));
            (0..number(lines)).for_each(|_| log::write(log::Level::Info, &line, &[]));
        }
        // figures COUNT: as many figures in one step.
        ("figures", [count]) => {
            (0..number(count)).for_each(|_| metrics::count("conformance_figures", &[], 1));
        }
        // figure NAME: a figure of that name.
        ("figure", [name]) => metrics::count(name, &[], 1),
        _ => return false,
    }
    true
}

fn deeper(depth: u64) -> u64 {
    let room = black_box([depth; 64]);
    if black_box(depth) == u64::MAX { 0 } else { deeper(depth + 1) + black_box(room)[7] }
}
