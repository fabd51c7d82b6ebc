//! Nothing acknowledged is lost: the server is killed under load at random moments, again and
//! again, and a ledger of what it has acknowledged is compared with what it has afterwards
//! (design 1 and 5; RFC 3903 6, RFC 6665 4.2.2, RFC 3261 12.2.1.1).
//!
//! `ROLLCALL_SEED` repeats the choices of an earlier run, `ROLLCALL_ROUNDS` sets their number.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod worker;

use rollcall_tests::rng::Rng;
use rollcall_tests::{Config, Phone, Server};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use worker::Worker;

const WORKERS: usize = 8;
/// No new round begins after this.
const TIME: Duration = Duration::from_secs(60);

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn nothing_acknowledged_is_lost() {
    let seed = from_environment("ROLLCALL_SEED").unwrap_or_else(|| {
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(1, |d| d.as_secs())
    });
    let rounds = from_environment("ROLLCALL_ROUNDS").unwrap_or(15);
    println!("ROLLCALL_SEED={seed} ROLLCALL_ROUNDS={rounds}");
    let mut rng = Rng::new(seed);
    let mut server = Server::start(Config::new());
    let phones: Vec<(Phone, Phone)> = (0..WORKERS)
        .map(|n| {
            let phone = |name: &str| Phone::udp(&server, &format!("sip:{name}-{n}@example.com"));
            (phone("phone"), phone("watcher"))
        })
        .collect();
    let mut workers: Vec<Worker<'_>> = phones
        .iter()
        .enumerate()
        .map(|(n, (phone, watcher))| Worker::new(n, phone, watcher, rng.draw()))
        .collect();
    let start = Instant::now();
    for round in 0..rounds {
        // Every fourth stop is an orderly one: it must not even leave a gap in CSeq.
        let orderly = round % 4 == 3;
        let moment = Duration::from_millis(50 + rng.below(700));
        let gone = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for worker in &mut workers {
                let gone = &gone;
                scope.spawn(move || worker.work(gone));
            }
            std::thread::sleep(moment);
            if orderly {
                server.stop();
            } else {
                server.kill();
            }
            gone.store(true, Ordering::SeqCst);
        });
        server.restart();
        let kind = if orderly { "stopped" } else { "killed" };
        for worker in &mut workers {
            worker.check(&format!("seed {seed}, round {round}, {kind} after {moment:?}"), orderly);
        }
        if start.elapsed() > TIME {
            println!("{} rounds in {:?}", round + 1, start.elapsed());
            break;
        }
    }
    let acknowledged: u64 = workers.iter().map(|w| w.acknowledged).sum();
    println!("{acknowledged} requests were acknowledged, and none was lost");
    assert!(acknowledged > rounds, "the load was none: {acknowledged} requests");
}
