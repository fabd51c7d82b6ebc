//! The price of isolation: a step through boundary and sandbox against the same logic called natively, and what
//! a generation costs to compile, to activate and to keep.

// A bench measures time and may panic.
#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod common;

use common::{Bench, CONFIGURATION, etag, head, publish, request};
use rollcall_engine::{EngineConfig, Request};
use rollcall_plugin::Presence;
use rollcall_plugin::ports::Verdict;
use rollcall_plugin::sip::owned::OwnedMessage;
use rollcall_plugin::testing::PlainHost;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Steps of each measurement, and how often it is made.
const STEPS: usize = 10_000;
const ROUNDS: usize = 5;
/// Generations that are loaded one after another.
const GENERATIONS: usize = 8;

fn main() {
    // `cargo test --benches` only wants to know that it starts.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    steps();
    generations();
}

/// The median of some rounds.
fn median(mut measure: impl FnMut() -> Duration) -> f64 {
    let mut rounds: Vec<Duration> = (0..ROUNDS).map(|_| measure()).collect();
    rounds.sort();
    rounds[ROUNDS / 2].as_secs_f64() * 1e6 / STEPS as f64
}

fn steps() {
    println!("a step, us (median of {ROUNDS} rounds of {STEPS})");
    println!("  {:<18}{:>10}{:>12}{:>8}", "", "natively", "sandboxed", "ratio");
    let bench = Bench::new();
    let presence = Presence::configure(CONFIGURATION).expect("a configuration");
    let mut host = PlainHost::default();

    let options = request(format!("{}Content-Length: 0\r\n\r\n", head("OPTIONS", 0, "w")));
    let native = median(|| natively(&presence, &mut host, || options.clone(), |_| {}));
    let through = median(|| sandboxed(&bench, |bench| drop(bench.ask(options.clone()))));
    line("OPTIONS", native, through);

    let (mut tag, mut note) = (String::new(), 0);
    let mut next = String::new();
    let native = median(|| {
        let tag = std::cell::RefCell::new(&mut tag);
        natively(
            &presence,
            &mut host,
            || {
                note += 1;
                publish(0, &tag.borrow(), note)
            },
            |headers| **tag.borrow_mut() = etag(headers),
        )
    });
    let through = median(|| {
        sandboxed(&bench, |bench| {
            note += 1;
            next = bench.publish(0, &next, note);
        })
    });
    line("PUBLISH modify", native, through);
}

fn line(name: &str, native: f64, sandboxed: f64) {
    println!("  {name:<18}{native:>10.2}{sandboxed:>12.2}{:>8.2}", sandboxed / native);
}

/// Time that the logic takes; reading the message is the host's business in both.
fn natively(
    presence: &Presence,
    host: &mut PlainHost,
    mut request: impl FnMut() -> Request,
    mut answered: impl FnMut(&str),
) -> Duration {
    let mut spent = Duration::ZERO;
    for _ in 0..STEPS {
        let message = OwnedMessage::parse(&request().message).expect("a message");
        let view = message.view();
        let begun = Instant::now();
        let verdict = black_box(presence.on_request(host, &view));
        spent += begun.elapsed();
        let Verdict::Reply(reply) = verdict else { panic!("passed on") };
        answered(std::str::from_utf8(&reply.headers).expect("text"));
    }
    spent
}

/// Time of the steps as the engine measures it: from taking an instance until all is staged and handed to the
/// commit.
fn sandboxed(bench: &Bench, mut step: impl FnMut(&Bench)) -> Duration {
    let before = bench.engine.metrics().step_time.sum();
    (0..STEPS).for_each(|_| step(bench));
    Duration::from_micros(bench.engine.metrics().step_time.sum() - before)
}

fn generations() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = EngineConfig {
        plugin_configuration: CONFIGURATION.into(),
        compiled: Some(folder.path().into()),
        ..EngineConfig::default()
    };
    let bench = Bench::of(rollcall_component::COMPONENT, config);
    let before = resident();
    let (mut compiled, mut activated) = (Vec::new(), Vec::new());
    for number in 0..GENERATIONS {
        let edition = edition(u8::try_from(number).expect("few"));
        let begun = Instant::now();
        bench.engine.swap(&edition).expect("a swap");
        compiled.push(begun.elapsed());
    }
    let grown = resident().saturating_sub(before);
    for number in 0..GENERATIONS {
        let edition = edition(u8::try_from(number).expect("few"));
        let begun = Instant::now();
        bench.engine.swap(&edition).expect("a swap");
        activated.push(begun.elapsed());
    }
    compiled.sort();
    activated.sort();
    println!("a generation (median of {GENERATIONS})");
    println!("  compiled, checked and live: {} ms", compiled[GENERATIONS / 2].as_millis());
    println!("  live, compiled before: {:.1} ms", activated[GENERATIONS / 2].as_secs_f64() * 1e3);
    println!(
        "  memory: {:.1} MB more after {GENERATIONS} swaps, of which the running and the former generation are kept",
        grown as f64 / 1e6
    );
}

/// The component with a section more, so that it has another digest.
fn edition(number: u8) -> Vec<u8> {
    [rollcall_component::COMPONENT, &[0, 9, 7], b"edition", &[number]].concat()
}

/// Memory of this process in use, in bytes.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup").expect("/proc");
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).expect("Pss");
    line.trim().trim_end_matches("kB").trim().parse::<u64>().expect("a number") * 1024
}
