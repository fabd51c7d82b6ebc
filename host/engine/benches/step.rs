//! What a step costs in the host: the same requests as the plugin's own bench, through the real
//! component. The difference between the two is the price of boundary and sandbox.

// A bench measures time and may panic.
#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod common;

use common::{Bench, accepted, etag, head, publish, request, subscribe};
use criterion::{Criterion, criterion_group, criterion_main};
use rollcall_engine::{Answer, EngineConfig, Request, SendId};
use rollcall_test_guests::{EXAMPLE_RULES, GUEST};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

fn steps(criterion: &mut Criterion) {
    let bench = Bench::new();
    let options = request(format!("{}Content-Length: 0\r\n\r\n", head("OPTIONS", 0, "w")));
    criterion.bench_function("OPTIONS: boundary, headers, no storage", |bencher| {
        bencher.iter(|| bench.ask(options.clone()));
    });

    // Many at once, as under load: what counts is the throughput of step and group commit together.
    const AT_ONCE: usize = 64;
    let mut tags: Vec<String> = (0..AT_ONCE).map(|user| bench.publish(user, "", 0)).collect();
    let mut note = 0;
    criterion.bench_function("64 PUBLISH modifies, durable commit to memory", |bencher| {
        bencher.iter_custom(|times| {
            let mut spent = Duration::ZERO;
            for _ in 0..times {
                note += 1;
                let requests: Vec<Request> =
                    tags.iter().enumerate().map(|(user, tag)| publish(user, tag, note)).collect();
                let first = bench.tickets.load(Ordering::Relaxed);
                let start = Instant::now();
                requests.into_iter().for_each(|request| bench.hand_in(request));
                let answers: Vec<(u64, Answer)> = bench.answers.iter().take(AT_ONCE).collect();
                spent += start.elapsed();
                for (ticket, answer) in answers {
                    let Answer::Reply(reply) = answer else { panic!("{answer:?}") };
                    let headers = String::from_utf8(reply.headers).expect("text");
                    tags[(ticket - first) as usize] = etag(&headers);
                }
            }
            spent
        });
    });

    const WATCHERS: usize = 1_000;
    for watcher in 0..WATCHERS {
        bench.ask(subscribe(watcher));
        let id = bench.sends.recv().expect("a NOTIFY");
        bench.engine.outcome(id, accepted());
    }
    let mut tag = tags.swap_remove(0);
    criterion.bench_function("fan-out to 1000 watchers, and their answers", |bencher| {
        bencher.iter_custom(|times| {
            let mut spent = Duration::ZERO;
            for _ in 0..times {
                note += 1;
                let request = publish(0, &tag, note);
                let start = Instant::now();
                tag = etag(&bench.ask(request));
                let sends: Vec<SendId> = bench.sends.iter().take(WATCHERS).collect();
                sends.into_iter().for_each(|id| bench.engine.outcome(id, accepted()));
                spent += start.elapsed();
            }
            spent
        });
    });
    bench.engine.stop(Duration::from_secs(5)).expect("a stop in order");
}

/// What a call of a site's own identity rules costs: the difference between the two, by a hundred.
fn identity(criterion: &mut Criterion) {
    let script = "normalize sip:4711@example.com;user=phone sip:4711@example.com\n".repeat(100);
    let length = script.len();
    let script = request(format!("{}Content-Length: {length}\r\n\r\n{script}", head("TEST", 0, "w")));
    for (name, rules) in [("without rules", None), ("with those of the example", Some(EXAMPLE_RULES))] {
        let identity_rules = rules.map(|rules| rules.to_vec().into());
        let bench = Bench::of(GUEST, EngineConfig { identity_rules, ..EngineConfig::default() });
        criterion.bench_function(&format!("100 calls of identity rules, {name}"), |bencher| {
            bencher.iter(|| bench.ask(script.clone()));
        });
        bench.engine.stop(Duration::from_secs(5)).expect("a stop in order");
    }
}

criterion_group!(benches, steps, identity);
criterion_main!(benches);
