//! Nothing acknowledged is lost: the server is killed under load at random moments, again and
//! again, and a ledger of what it has acknowledged is compared with what it has afterwards
//! (design 1 and 5; RFC 3903 6, RFC 6665 4.2.2, RFC 3261 12.2.1.1).
//!
//! `ROLLCALL_SEED` repeats the choices of an earlier run, `ROLLCALL_ROUNDS` sets their number.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod moving;
mod worker;

use moving::{Mover, draw_map};
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

/// WPS-31 to WPS-33: addresses pass from person to person under load, and the server is killed. Each
/// subscription is in one place, is never denied, and ends with the person who has the address.
#[test]
fn no_subscription_is_lost_on_its_way() {
    let seed = from_environment("ROLLCALL_SEED").unwrap_or_else(|| {
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(1, |d| d.as_secs())
    });
    let rounds = from_environment("ROLLCALL_ROUNDS").unwrap_or(10);
    println!("ROLLCALL_SEED={seed} ROLLCALL_ROUNDS={rounds}");
    let mut rng = Rng::new(seed);
    let folder = tempfile::tempdir().expect("a temporary folder");
    draw_map(folder.path(), WORKERS, &mut rng);
    let mut server = Server::start_in(folder, Config::new().set("identity.map", "map.json"));
    let phones: Vec<Phone> =
        (0..WORKERS).map(|n| Phone::udp(&server, &format!("sip:watcher-{n}@example.com"))).collect();
    let mut movers: Vec<Mover<'_>> =
        phones.iter().enumerate().map(|(n, phone)| Mover::new(n, phone, rng.draw())).collect();
    let start = Instant::now();
    for round in 0..rounds {
        let gone = AtomicBool::new(false);
        let mut owners = Vec::new();
        std::thread::scope(|scope| {
            for mover in &mut movers {
                let gone = &gone;
                scope.spawn(move || mover.work(gone));
            }
            for _ in 0..1 + rng.below(3) {
                std::thread::sleep(Duration::from_millis(rng.below(200)));
                owners = draw_map(server.folder(), WORKERS, &mut rng);
                let (status, report) = server.admin().call("POST", "/reload");
                assert_eq!(status, 200, "{report}");
            }
            std::thread::sleep(Duration::from_millis(rng.below(50)));
            server.kill();
            gone.store(true, Ordering::SeqCst);
        });
        server.restart();
        for (mover, owner) in movers.iter_mut().zip(&owners) {
            mover.check(&server, *owner, &format!("seed {seed}, round {round}"));
        }
        if start.elapsed() > TIME {
            println!("{} rounds in {:?}", round + 1, start.elapsed());
            break;
        }
    }
    let moves: u64 = movers.iter().map(|mover| mover.moves).sum();
    let put_off: u64 = movers.iter().map(|mover| mover.put_off).sum();
    println!("{moves} subscriptions had still to move after a kill, {put_off} SUBSCRIBEs were put off");
    assert!(moves > 0, "no kill came before a move");
}
