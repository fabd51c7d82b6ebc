//! Hostile components, over the sockets: who sent what they fail on gets 500 with Retry-After, others
//! never notice, an instance that has failed is not used again, and memory comes back.

use rollcall_test_guests::{GUEST, foreach_hostile};
use rollcall_tests::server::user;
use rollcall_tests::{Config, Message, Phone, Server};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Longest time that a step may take here.
const DEADLINE: Duration = Duration::from_secs(2);

/// What is hostile and yet no failure, since the host takes what it is willing to take.
const TOLERATED: [&str; 1] = ["floods_the_log"];

macro_rules! names {
    ($($name:ident,)*) => { [$(stringify!($name),)*] };
}

/// A server whose component does what the body of a request says.
fn server(instances: i64) -> Server {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("guest.wasm"), GUEST).expect("write a file");
    let config = Config::new()
        .set("plugin.component", "guest.wasm")
        .set("plugin.instances", instances)
        .set("plugin.limits.deadline", format!("{}ms", DEADLINE.as_millis()));
    Server::start_in(folder, config)
}

fn run(phone: &Phone, script: &str) -> Message {
    phone.send(&phone.request("TEST", phone.identity()).body("text/plain", script))
}

fn print(phone: &Phone, script: &str) -> String {
    let answer = run(phone, script).expect(200);
    String::from_utf8(answer.body).expect("UTF-8").trim_end().to_owned()
}

/// What to send for a hostile word to do its worst in a partition that holds something.
fn script(word: &str) -> String {
    match word {
        "enters_no_partition" | "enters_a_bad_partition" | "enters_bad_text" => word.to_owned(),
        // Among records that are there already.
        "scans_more_than_fits" => "enter full\nscans_more_than_fits".to_owned(),
        _ => format!("enter hostile\nput before 1\n{word}"),
    }
}

/// RFC 3261 21.5.1: the sender of what a component fails on is answered 500 with Retry-After, and nothing of
/// the step is left. Meanwhile others are served, none of them slower than a step may take at most.
#[test]
fn a_hostile_step_costs_its_sender_a_500_and_others_nothing() {
    let server = server(4);
    let hostile = Phone::udp(&server, &user("mallory"));
    let innocent = Phone::udp(&server, &user("alice"));
    for _ in 0..5 {
        run(&hostile, "enter full\nfill 30").expect(200);
    }
    let done = AtomicBool::new(false);
    let mut times = std::thread::scope(|scope| {
        let others = scope.spawn(|| {
            let mut times = Vec::new();
            while !done.load(Ordering::Relaxed) {
                let started = Instant::now();
                let count = print(&innocent, "enter innocent\nadd count 1");
                times.push(started.elapsed());
                assert_eq!(count, times.len().to_string());
            }
            times
        });
        for word in foreach_hostile!(names) {
            let answer = run(&hostile, &script(word));
            if TOLERATED.contains(&word) {
                assert_eq!(answer.status(), 200, "{word}");
            } else {
                assert_eq!(answer.status(), 500, "{word}");
                assert!(answer.header("Retry-After").is_some(), "{word}: {answer}");
            }
        }
        done.store(true, Ordering::Relaxed);
        others.join().expect("the others")
    });
    times.sort();
    let (median, longest) = (times[times.len() / 2], times[times.len() - 1]);
    assert!(median < Duration::from_millis(500), "{median:?} in {} requests", times.len());
    // One that waited for a step that never ends would have waited longer.
    assert!(longest < DEADLINE * 4 / 5, "{longest:?} in {} requests", times.len());
    assert_eq!(
        print(&hostile, "enter hostile\nscan 10 "),
        "before",
        "left by the flood, and by nothing else"
    );
    assert_eq!(print(&hostile, "enter victim\nscan 10 "), "");
    let metrics = server.admin().metrics();
    let failed = foreach_hostile!(names).len() - TOLERATED.len();
    assert_eq!(
        metrics.sum("rollcall_steps_total", &["kind=\"request\"", "result=\"failed\""]),
        Some(failed as f64)
    );
    assert_eq!(metrics.sum("rollcall_sends_in_flight", &[]), Some(0.0));
    assert_eq!(metrics.sum("rollcall_outbox_depth", &[]), Some(0.0));
    assert_eq!(metrics.sum("rollcall_store_failed", &[]), Some(0.0));
    let lines = server.log().lines().filter(|line| line.contains("flood flood")).count();
    assert!((1..=100).contains(&lines), "{lines} lines of the flood");
}

/// Design 2: a trap poisons its instance. The steps that an instance has done are counted in its memory, so
/// one that is used again would go on counting.
#[test]
fn an_instance_that_has_failed_is_never_used_again() {
    let server = server(1);
    let phone = Phone::udp(&server, &user("mallory"));
    let endless = ["spins", "scans_more_than_fits"];
    // These run to their end, and only their verdict is refused.
    let whole = ["passes_with_effects", "forwards_with_effects"];
    for word in foreach_hostile!(names) {
        if TOLERATED.contains(&word) || endless.contains(&word) || whole.contains(&word) {
            continue;
        }
        // The count is that of this instance: the step before has failed, or has been the first.
        let memory = print(&phone, "memory");
        assert_eq!(memory, "1", "before {word}");
        run(&phone, &format!("memory\n{}", script(word))).expect(500);
    }
    assert_eq!(print(&phone, "memory"), "1");
    assert_eq!(print(&phone, "memory"), "2", "one that has not failed is used again");
}

/// Whatever memory hostile steps take, the process has given it back when they are over.
#[test]
fn memory_comes_back() {
    let server = server(4);
    let phone = Phone::udp(&server, &user("mallory"));
    let hoard = |times: usize| {
        for _ in 0..times {
            for word in ["grows", "recurses", "stages_many_bytes", "sends_a_million", "uses_a_giant_value"] {
                run(&phone, &script(word)).expect(500);
            }
        }
    };
    // What is taken once, for code and buffers, is kept.
    hoard(3);
    let before = resident(&server);
    hoard(10);
    let more = resident(&server).saturating_sub(before);
    assert!(more < 48 << 20, "{} MiB more than before", more >> 20);
    let idle = server.admin().metrics().sum("rollcall_idle_instances", &[]);
    assert!(idle <= Some(4.0), "{idle:?}");
}

/// Resident memory of the server, in bytes.
fn resident(server: &Server) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    let kib: usize = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kib << 10
}
