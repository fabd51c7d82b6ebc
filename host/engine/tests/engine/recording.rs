//! Recordings: what is in them, and what comes of them on the same component and on others (issue 6, rehearse).

use crate::host::{Host, PATIENCE, quiet};
use crate::rows::{Rows, sources};
use parking_lot::Mutex;
use rollcall_engine::{
    Change, Contents, EngineConfig, Group, HostClock, RecordError, RecordOptions, Recording, RecordingError,
    Replay, ReplayError, ReplayOptions, Report, Why, contents, replay,
};
use rollcall_storage::Memory;
use rollcall_test_guests::{Edition, GUEST, IDENTITY_RULES, with_text};
use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Everything, for as long as it takes.
pub const ALL: RecordOptions = RecordOptions { share: 1.0, limit: u64::MAX, time: PATIENCE };

/// Takes a recording.
#[derive(Clone, Default)]
struct Tape(Arc<Mutex<Vec<u8>>>);

impl Write for Tape {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is recorded while something is done.
pub fn recorded(host: &Host, options: &RecordOptions, traffic: impl FnOnce()) -> Vec<u8> {
    let tape = Tape::default();
    host.engine.record(options, Box::new(tape.clone())).unwrap();
    traffic();
    host.engine.end_recording();
    host.wait_until("end of the recording", || !host.engine.records());
    std::mem::take(&mut tape.0.lock())
}

fn replayed(recording: &[u8], component: &[u8]) -> Result<Replay, ReplayError> {
    let options = ReplayOptions { component, config: quiet(), chosen: None };
    replay(&mut Recording::open(recording)?, &options, &mut |_| {})
}

fn report(recording: &[u8], component: &[u8]) -> Report {
    let replay = replayed(recording, component).unwrap();
    assert!(replay.ending.is_some());
    replay.report
}

fn listed(recording: &[u8]) -> Contents {
    contents(&mut Recording::open(recording).unwrap()).unwrap()
}

/// Headings of the groups, with their counts.
fn headings(report: &Report) -> Vec<(u64, String, Change)> {
    let heading = |group: &Group| (group.steps, format!("{}: {}", group.subject, group.place), group.change);
    report.groups.iter().map(heading).collect()
}

/// Scripts of all kinds, in partitions of all kinds; the same for the same number.
fn mixed(number: u64) -> String {
    let draw = |salt: u64, most: u64| (number.wrapping_mul(6_364_136_223_846_793_005) >> (20 + salt)) % most;
    let (key, other) = (draw(1, 7), draw(5, 7));
    let words = [
        format!("put a{key} {number}\nget a{key}\nget b{other}"),
        format!("relax b{key} {number}\nscan 3 b\nscan 2 a a{other}"),
        format!("delete a{key}\nget a{key}\nscan 100 a"),
        format!("expire a{key} {} soon\nnow", draw(9, 40)),
        "random 16\nrandom 7\nepoch".to_owned(),
        format!("timer t{key} {} note bt fired;random 3\ncancel t{other}", draw(3, 20)),
        format!("send TEST outcome b{key}\nkeep TEST outcome b{other}"),
        format!("post p{other} relaxed_add a{key} 1;scan 10 b\npost p{key} note bq posted"),
        "lookup numbers one\nlookup numbers three\nlookup none one".to_owned(),
        "normalize swap sip:b@x\nfundamental refuse sip:c@x".to_owned(),
        "relaxed_note bz z\nrelaxed_delete bz\nscan 4 b b0".to_owned(),
    ];
    let first = &words[draw(0, words.len() as u64) as usize];
    let second = &words[draw(7, words.len() as u64) as usize];
    match draw(11, 23) {
        0 => "pass".to_owned(),
        1 => format!("hops {}", draw(2, 4)),
        2 => "lookup numbers two\nreply 404".to_owned(),
        3 => format!("enter p{key}\nput a1 lost\nneed nothing"),
        _ => format!("random 2\nenter p{}\n{first}\n{second}", draw(13, 12)),
    }
}

/// Runs mixed steps from several threads, and what follows from them.
fn traffic(host: &Host, steps: u64) {
    std::thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || {
                for number in (thread..steps).step_by(4) {
                    host.run(&mixed(number));
                    if number % 16 == 0 {
                        host.clock.advance(5);
                    }
                }
            });
        }
    });
    for (id, _) in host.edge.sends() {
        host.fail(id);
    }
    host.document("enter p1\nput ad x").unwrap();
    host.engine.inspect("script", "enter p1\nget ad\nscan 9 b").unwrap();
    host.clock.advance(60_000);
    host.settle();
}

fn mixed_host() -> Host {
    let numbers = Rows::of(&["one=1", "two=2"]);
    let config = EngineConfig { identity_rules: Some(IDENTITY_RULES.into()), ..quiet() };
    let tables = sources([("numbers", &numbers)]);
    Host::start(GUEST, Arc::new(HostClock::new()), config, tables, Memory::new()).unwrap()
}

#[test]
fn the_same_component_does_the_same_with_thousands_of_mixed_steps() {
    let host = mixed_host();
    traffic(&host, 500);
    let recording = recorded(&host, &ALL, || traffic(&host, 4000));
    let listed = listed(&recording);
    let steps: u64 = listed.steps.values().map(|(count, ..)| count).sum();
    assert!(steps > 5000, "{listed:?}");
    for kind in ["TEST", "response", "timer", "post", "document", "inspect"] {
        assert!(listed.steps.contains_key(kind), "no {kind} in {:?}", listed.steps);
    }
    assert!(listed.steps["TEST"].1 > 0, "no failed step");
    let report = report(&recording, GUEST);
    assert_eq!((report.steps, report.differ), (steps, 0), "{report}");
}

#[test]
fn what_another_component_does_otherwise_is_grouped_and_counted() {
    let host = Host::new();
    let recording = recorded(&host, &ALL, || {
        for number in 0..20 {
            host.run(&format!("enter p{number}\nsend TEST note k v\nput a{number} x"));
        }
        host.run("enter q\nput a x");
        host.settle();
    });
    let other = rollcall_test_guests::replaced(
        &with_text("sip:peer@example.com", "sip:peer@example.net"),
        "Subject: test",
        "Subject: TEST",
    );
    let report = report(&recording, &other);
    let expected = [
        (20, "TEST requests: Request-URI".to_owned(), Change::Changed),
        (20, "TEST requests: header Subject".to_owned(), Change::Changed),
    ];
    assert_eq!(headings(&report), expected, "{report}");
    assert_eq!((report.steps, report.differ, report.failed), (21, 20, 0));
    let text = report.to_string();
    assert!(text.starts_with("20 of 21 steps differ\n"), "{text}");
    assert!(text.contains("20  TEST requests: header Subject 'test' -> 'TEST'\n"), "{text}");
    assert!(text.contains("step 1, p0: TEST sip:test@example.com from udp 192.0.2.1:5060\n"), "{text}");
    assert!(text.contains("- Request-URI: sip:peer@example.com\n"), "{text}");
    assert!(text.contains("+ Request-URI: sip:peer@example.net\n"), "{text}");
}

#[test]
fn a_component_that_fails_is_told_with_its_failure() {
    let host = Host::new();
    let recording = recorded(&host, &ALL, || {
        host.run("enter p\nput a x\nget a");
        host.run("enter p\ntimer t 1000 note k v");
    });
    let config =
        EngineConfig { limits: rollcall_engine::StepLimits { host_calls: 2, ..quiet().limits }, ..quiet() };
    let options = ReplayOptions { component: GUEST, config, chosen: None };
    let replay = replay(&mut Recording::open(&recording[..]).unwrap(), &options, &mut |_| {}).unwrap();
    let expected = (2, "TEST answers: verdict".to_owned(), Change::Changed);
    assert_eq!(headings(&replay.report)[0], expected, "{}", replay.report);
    assert_eq!(replay.report.failed, 2);
    let after = replay.report.groups[0].example.after.as_deref().unwrap();
    assert!(after.starts_with("fails: ") && after.contains("more than 2 host calls"), "{after}");
}

#[test]
fn what_was_not_read_before_is_nothing_and_told_by_kind() {
    let host = Host::new();
    let recording = recorded(&host, &ALL, || {
        host.run("enter p\nput a x\nput b y");
        host.run("enter p\nget a\nscan 5 b");
    });
    // The same component, told to read other keys, reads otherwise as another component would.
    let report = report(&swapped_words(&recording), GUEST);
    let found = headings(&report);
    let read = |kind: &str| format!("TEST steps: diverged: read something new: {kind} records");
    // All of these were scanned.
    assert!(!found.contains(&(1, read("banana"), Change::Told)), "{report}");
    assert!(found.contains(&(1, read("apple"), Change::Told)), "{report}");
}

/// The recording, with other keys read by the last request.
fn swapped_words(recording: &[u8]) -> Vec<u8> {
    let mut changed = recording.to_vec();
    let (text, by) = (b"get a\nscan 5 b", b"get b\nscan 5 a");
    let at = changed.windows(text.len()).position(|window| window == text).unwrap();
    changed[at..at + text.len()].copy_from_slice(by);
    changed
}

#[test]
fn a_share_has_all_steps_of_some_partitions_in_order() {
    let host = Host::new();
    let options = RecordOptions { share: 0.3, ..ALL };
    let recording = recorded(&host, &options, || {
        for round in 0..5 {
            for partition in 0..100 {
                host.run(&format!("enter p{partition}\nput a {round}\nget a"));
            }
        }
    });
    let contents = listed(&recording);
    assert!((10..60).contains(&contents.partitions), "{contents:?}");
    assert_eq!(contents.steps["TEST"].0, contents.partitions * 5);
    assert_eq!(report(&recording, GUEST).differ, 0);
}

#[test]
fn a_recording_ends_by_its_size_by_its_time_and_with_the_engine() {
    let host = Host::new();
    let why = |recording: &[u8]| listed(recording).ending.unwrap().why;
    let big = "x".repeat(1000);
    let limit = RecordOptions { limit: 20_000, ..ALL };
    let recording = recorded(&host, &limit, || {
        for _ in 0..200 {
            host.run(&format!("enter p\nput a {big}"));
        }
        host.wait_until("end", || !host.engine.records());
    });
    assert_eq!(why(&recording), Why::Limit);
    assert!((20_000..30_000).contains(&recording.len()), "{}", recording.len());
    let time = RecordOptions { time: Duration::ZERO, ..ALL };
    let recording = recorded(&host, &time, || host.wait_until("end", || !host.engine.records()));
    assert_eq!(why(&recording), Why::Time);
    let tape = Tape::default();
    host.engine.record(&ALL, Box::new(tape.clone())).unwrap();
    host.run("enter p\nput a x");
    assert!(matches!(host.engine.record(&ALL, Box::new(Tape::default())), Err(RecordError::UnderWay)));
    host.stop();
    host.wait_until("end", || !host.engine.records());
    assert_eq!(why(&tape.0.lock()), Why::Stopped);
    assert!(matches!(host.engine.record(&ALL, Box::new(Tape::default())), Err(RecordError::Stopped)));
}

/// Blocks for as long as it is locked.
struct Stuck(Arc<Mutex<()>>, Tape);

impl Write for Stuck {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _open = self.0.lock();
        self.1.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn steps_do_not_wait_for_a_recording_that_is_stuck_and_it_tells_what_it_lacks() {
    let host = Host::new();
    let (gate, tape) = (Arc::new(Mutex::new(())), Tape::default());
    let closed = gate.lock();
    host.engine.record(&ALL, Box::new(Stuck(gate.clone(), tape.clone()))).unwrap();
    for number in 0..6000 {
        host.run(&format!("enter p{number}\nget a"));
    }
    drop(closed);
    host.engine.end_recording();
    host.wait_until("end of the recording", || !host.engine.records());
    let tape = tape.0.lock();
    let ending = listed(&tape).ending.unwrap();
    assert!(ending.left_out > 1000, "{ending:?}");
    assert_eq!(ending.steps + ending.left_out, 6000);
    assert_eq!(report(&tape, GUEST).differ, 0);
    let counts = &host.engine.metrics().recording;
    assert_eq!((counts.written.get(), counts.left_out.get()), (ending.steps, ending.left_out));
}

#[test]
fn nobody_reads_so_the_recording_ends() {
    struct Gone;
    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }
    let host = Host::new();
    host.engine.record(&ALL, Box::new(Gone)).unwrap();
    let since = Instant::now();
    host.wait_until("end", || !host.engine.records());
    assert!(since.elapsed() < PATIENCE);
    assert_eq!(host.print("enter p\nget a"), "-");
}

#[test]
fn a_recording_goes_on_over_a_swap() {
    let host = Host::new();
    let recording = recorded(&host, &ALL, || {
        host.run("enter p\nput a x");
        host.engine.swap(&Edition::Second.component()).unwrap();
        host.run("enter p\nget a");
    });
    let components: Vec<String> = listed(&recording).components.into_iter().map(|c| c.version).collect();
    assert_eq!(components, ["1.0.0", "2.0.0"]);
    assert_eq!(report(&recording, GUEST).differ, 0);
}

#[test]
fn a_recording_that_was_cut_off_is_replayed_as_far_as_it_goes() {
    let host = Host::new();
    let recording = recorded(&host, &ALL, || {
        for _ in 0..10 {
            host.run("enter p\nadd a 1");
        }
    });
    let replay = replayed(&recording[..recording.len() * 2 / 3], GUEST).unwrap();
    assert!(replay.ending.is_none());
    assert!((3..9).contains(&replay.report.steps), "{}", replay.report);
    assert_eq!(replay.report.differ, 0);
    let foreign = replayed(GUEST, GUEST);
    assert!(matches!(foreign, Err(ReplayError::Recording(RecordingError::Foreign))));
    let unusable = replayed(&recording, b"\0asm");
    assert!(matches!(unusable, Err(ReplayError::Component(_))));
}

#[test]
fn a_chosen_configuration_takes_the_place_of_the_recorded_tables() {
    let host = mixed_host();
    let recording = recorded(&host, &ALL, || drop(host.run("lookup numbers one")));
    assert_eq!(report(&recording, GUEST).differ, 0);
    let numbers = Rows::of(&["one=I"]);
    let chosen = Some(("{}".to_owned(), sources([("numbers", &numbers)])));
    let options = ReplayOptions { component: GUEST, config: quiet(), chosen };
    let replay = replay(&mut Recording::open(&recording[..]).unwrap(), &options, &mut |_| {}).unwrap();
    let group = &replay.report.groups[0];
    assert_eq!((group.example.before.as_deref(), group.example.after.as_deref()), (Some("1"), Some("I")));
}
