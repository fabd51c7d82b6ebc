//! Hostile plugins: each gets its step ended, the sender its 500, and nobody else notices.

use crate::host::{Host, quiet};
use rollcall_engine::Answer;
use rollcall_storage::Memory;
use rollcall_test_guests::foreach_hostile;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Every hostile word has a test of its name: otherwise this does not compile.
mod tested {
    macro_rules! tested {
        ($($name:ident,)*) => { $(const _: fn() = super::$name;)* };
    }
    super::foreach_hostile!(tested);
}

/// Which counter has to tell.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Cause {
    Trap,
    Deadline,
    Limit,
    /// The step ran to its end and was refused then.
    Refused,
}

/// Runs a hostile word while another caller works, in the same partition and in another one.
fn contained(word: &str, cause: Cause) {
    let host = Host::new();
    contained_by(&host, word, cause);
}

fn contained_by(host: &Host, word: &str, cause: Cause) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut count = 0;
            while !done.load(Ordering::Relaxed) || count == 0 {
                count += 1;
                assert_eq!(host.print("enter innocent\nadd count 1"), count.to_string());
            }
        });
        let script = if ["enters_no_partition", "enters_a_bad_partition", "enters_bad_text"].contains(&word) {
            word.to_owned()
        } else {
            format!("enter p\nput before 1\n{word}")
        };
        let answer = host.run(&script);
        done.store(true, Ordering::Relaxed);
        assert_eq!(answer, Answer::Failed, "{word}");
    });
    let metrics = host.engine.metrics();
    let counted = [
        (Cause::Trap, metrics.traps.get()),
        (Cause::Deadline, metrics.deadlines.get()),
        (Cause::Limit, metrics.limits.get()),
    ];
    for (kind, count) in counted {
        assert_eq!(count, u64::from(kind == cause), "{word}: {kind:?}");
    }
    host.settle();
    assert_eq!(host.print("enter p\nscan 10 "), "", "{word} left something");
    assert_eq!(host.print("enter victim\nscan 10 "), "", "{word} reached another partition");
    assert!(host.edge.sends().is_empty(), "{word} sent something");
    assert_eq!(host.engine.gauges().sends_in_flight, 0);
    assert!(!host.engine.gauges().store_failed, "{word} broke the store");
}

#[test]
fn traps() {
    contained("traps", Cause::Trap);
}

#[test]
fn spins() {
    let mut config = quiet();
    config.limits.deadline = Duration::from_millis(500);
    let host = Host::with(config, Memory::new());
    let started = Instant::now();
    contained_by(&host, "spins", Cause::Deadline);
    assert!(started.elapsed() >= Duration::from_millis(450), "ended before its deadline");
}

#[test]
fn recurses() {
    contained("recurses", Cause::Trap);
}

#[test]
fn grows() {
    contained("grows", Cause::Limit);
}

#[test]
fn calls_without_end() {
    contained("calls_without_end", Cause::Limit);
}

#[test]
fn sends_a_million() {
    contained("sends_a_million", Cause::Limit);
}

#[test]
fn writes_a_million() {
    contained("writes_a_million", Cause::Limit);
}

#[test]
fn posts_a_million() {
    contained("posts_a_million", Cause::Limit);
}

#[test]
fn stages_many_bytes() {
    contained("stages_many_bytes", Cause::Limit);
}

#[test]
fn uses_a_giant_key() {
    contained("uses_a_giant_key", Cause::Limit);
}

#[test]
fn uses_a_giant_value() {
    contained("uses_a_giant_value", Cause::Limit);
}

#[test]
fn posts_a_giant() {
    contained("posts_a_giant", Cause::Limit);
}

#[test]
fn keeps_a_giant() {
    contained("keeps_a_giant", Cause::Limit);
}

#[test]
fn scans_more_than_fits() {
    let host = Host::new();
    for _ in 0..5 {
        host.print("enter p\nfill 30");
    }
    host.print("enter p\nscan 3 ");
    assert_eq!(host.run("enter p\nscans_more_than_fits"), Answer::Failed);
    assert_eq!(host.engine.metrics().limits.get(), 1);
    // Among partitions that are full already, one step's scan must not take what an instance may not have.
    assert_eq!(host.print("enter p\nscan 1 "), "fill0");
}

#[test]
fn enters_a_second_partition() {
    contained("enters_a_second_partition", Cause::Limit);
}

#[test]
fn enters_no_partition() {
    contained("enters_no_partition", Cause::Limit);
}

#[test]
fn enters_a_bad_partition() {
    contained("enters_a_bad_partition", Cause::Limit);
}

#[test]
fn sends_bare_headers() {
    contained("sends_bare_headers", Cause::Limit);
}

#[test]
fn sends_two_messages() {
    contained("sends_two_messages", Cause::Limit);
}

#[test]
fn answers_two_messages() {
    contained("answers_two_messages", Cause::Limit);
}

#[test]
fn answers_a_bad_status() {
    contained("answers_a_bad_status", Cause::Limit);
}

#[test]
fn logs_bad_text() {
    contained("logs_bad_text", Cause::Trap);
}

#[test]
fn enters_bad_text() {
    contained("enters_bad_text", Cause::Trap);
}

#[test]
fn answers_bad_text() {
    contained("answers_bad_text", Cause::Trap);
}

#[test]
fn asks_for_much_randomness() {
    contained("asks_for_much_randomness", Cause::Limit);
}

#[test]
fn passes_with_effects() {
    contained("passes_with_effects", Cause::Refused);
}

#[test]
fn forwards_with_effects() {
    contained("forwards_with_effects", Cause::Refused);
}

#[test]
fn forwards_nowhere() {
    contained("forwards_nowhere", Cause::Limit);
}

#[test]
fn forwards_to_a_long_name() {
    contained("forwards_to_a_long_name", Cause::Limit);
}

#[test]
fn forwards_a_giant() {
    contained("forwards_a_giant", Cause::Limit);
}

#[test]
fn floods_the_log() {
    let host = Host::new();
    assert_eq!(host.print("floods_the_log\nmemory"), "1");
    assert_eq!(host.run("floods_the_log\ntraps"), Answer::Failed);
}

#[test]
fn limits_are_those_configured() {
    let mut config = quiet();
    config.limits.effects = 3;
    config.limits.key_bytes = 4;
    config.limits.value_bytes = 8;
    config.limits.scan = 2;
    config.limits.host_calls = 12;
    let host = Host::with(config, Memory::new());
    assert_eq!(host.print("enter p\nput a 12345678\nput b 1\nput c 1\nget a"), "12345678");
    assert_eq!(host.run("enter p\nput a 1\nput b 1\nput c 1\nput d 1"), Answer::Failed);
    assert_eq!(host.run("enter p\nput a 123456789"), Answer::Failed);
    assert_eq!(host.run("enter p\nput abcde 1"), Answer::Failed);
    assert_eq!(host.run("enter p\ntimer abcde 5 x"), Answer::Failed);
    assert_eq!(host.print("enter p\nscan 10 "), "a\nb", "a scan is cut to what is allowed");
    assert_eq!(host.run(&format!("enter p{}", "\nget a".repeat(12))), Answer::Failed);
    assert_eq!(host.engine.metrics().limits.get(), 5);
}

#[test]
fn memory_comes_back() {
    let mut config = quiet();
    config.instances = 2;
    let host = Host::with(config, Memory::new());
    for _ in 0..30 {
        assert_eq!(host.run("grows"), Answer::Failed);
        assert_eq!(host.run("traps"), Answer::Failed);
    }
    assert_eq!(host.print("memory"), "1");
}
