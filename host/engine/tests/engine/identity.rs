//! A site's own identity rules: called within steps and while tables are built, and contained.

use crate::host::{Host, quiet};
use rollcall_engine::{
    Answer, ComponentError, EngineConfig, HostClock, RollBack, RowSink, StartError, TableSource,
};
use rollcall_storage::Memory;
use rollcall_test_guests::{EXAMPLE_RULES, GUEST, IDENTITY_RULES, replaced, with_text};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

fn config(rules: &[u8]) -> EngineConfig {
    let mut config = quiet();
    config.identity_rules = Some(rules.to_vec().into());
    // A busy machine must not make a call miss its time.
    config.identity_limits.time = Duration::from_secs(10);
    config
}

fn with_rules(rules: &[u8]) -> Host {
    Host::with(config(rules), Memory::new())
}

/// The rules in another edition.
fn edition_two() -> Vec<u8> {
    replaced(IDENTITY_RULES, "rules-edition:one", "rules-edition:two")
}

/// Calls, refusals and failures so far.
fn counts(host: &Host) -> (u64, u64, u64) {
    let counts = &host.engine.metrics().identity;
    (counts.calls.get(), counts.refusals.get(), counts.failures.get())
}

/// One table with these lines.
struct Lines(&'static str);

impl TableSource for Lines {
    fn read(&self, rows: &mut dyn RowSink) -> io::Result<()> {
        for (line, text) in (1..).zip(self.0.lines()) {
            if rows.row(line, &[text]).is_break() {
                break;
            }
        }
        Ok(())
    }
}

fn with_table(config: EngineConfig, lines: &'static str) -> Result<Host, StartError> {
    let tables: crate::host::Tables = vec![("numbers".into(), Arc::new(Lines(lines)))];
    Host::start(GUEST, Arc::new(HostClock::new()), config, tables, Memory::new())
}

#[test]
fn the_rules_are_asked_with_both_arguments() {
    let host = with_rules(IDENTITY_RULES);
    assert_eq!(
        host.print("normalize edition sip:a@b\nfundamental edition sip:c@d"),
        "sip:a@b by one\nsip:c@d by one"
    );
    assert_eq!(host.print("normalize anything-else given"), "given");
    assert_eq!(counts(&host), (3, 0, 0));
}

#[test]
fn without_rules_every_call_fails_and_costs_nothing() {
    let host = Host::new();
    assert_eq!(
        host.print("normalize edition a\nfundamental edition a"),
        "broken: no such component\nbroken: no such component"
    );
    assert_eq!(host.engine.identity_rules(), None);
    assert_eq!(counts(&host), (0, 0, 0));
}

#[test]
fn a_refusal_and_its_reason_reach_the_plugin() {
    let host = with_rules(IDENTITY_RULES);
    assert_eq!(
        host.print("normalize refuses me\nfundamental gives_up x"),
        "refused: not me\nbroken: by itself"
    );
    assert_eq!(counts(&host), (2, 1, 1));
}

#[test]
fn one_instance_serves_call_after_call() {
    let host = with_rules(IDENTITY_RULES);
    assert_eq!(host.print("normalize calls x\nfundamental calls x\nnormalize calls x"), "1\n2\n3");
}

/// A hostile word: the step goes on with a failure, what it stages is committed, the next call gets a fresh
/// instance, and the plugin is not blamed.
fn contained(host: &Host, word: &str, told: &str) {
    let script = format!("enter p\nput k {word}\nnormalize calls x\nnormalize {word} x\nfundamental calls x");
    let printed = host.print(&script);
    let lines: Vec<&str> = printed.lines().collect();
    assert!(lines[1].starts_with("broken: ") && lines[1].contains(told), "{word}: {printed}");
    assert_eq!((lines[0], lines[2]), ("1", "1"), "{word}: an instance was used again");
    assert_eq!(host.get("p", "k"), word);
    let metrics = host.engine.metrics();
    assert_eq!((metrics.traps.get(), metrics.limits.get(), metrics.deadlines.get()), (0, 0, 0), "{word}");
    assert_eq!(counts(host), (3, 0, 1));
}

#[test]
fn a_trap_costs_one_instance() {
    contained(&with_rules(IDENTITY_RULES), "traps", "unreachable");
}

#[test]
fn recursion_ends_in_its_own_stack() {
    contained(&with_rules(IDENTITY_RULES), "recurses", "stack");
}

#[test]
fn growth_ends_at_its_own_limit() {
    let mut config = config(IDENTITY_RULES);
    config.identity_limits.memory = 4 << 20;
    contained(&Host::with(config, Memory::new()), "grows", "4194304 bytes of memory");
}

#[test]
fn a_loop_ends_with_its_own_time_and_not_with_that_of_the_step() {
    let mut config = config(IDENTITY_RULES);
    config.limits.deadline = Duration::from_secs(60);
    config.identity_limits.time = Duration::from_secs(1);
    let host = Host::with(config, Memory::new());
    let started = Instant::now();
    contained(&host, "spins", "no result within 1s");
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(990), "ended before its time: {took:?}");
    assert!(took < Duration::from_secs(30), "ended with the step's time: {took:?}");
}

#[test]
fn the_steps_own_deadline_goes_on_meanwhile() {
    let mut config = config(IDENTITY_RULES);
    config.limits.deadline = Duration::from_secs(1);
    config.identity_limits.time = Duration::from_millis(300);
    let host = Host::with(config, Memory::new());
    let script = format!("enter p\nput k v{}", "\nnormalize spins x".repeat(10));
    assert_eq!(host.run(&script), Answer::Failed);
    assert_eq!(host.engine.metrics().deadlines.get(), 1);
    assert_eq!(host.get("p", "k"), "-");
}

#[test]
fn giant_texts_are_not_taken() {
    let host = with_rules(IDENTITY_RULES);
    let giant = "a result of 1048576 bytes, more than 2048";
    assert_eq!(host.print("normalize gives_a_giant x"), format!("broken: {giant}"));
    let cut = "ñ".repeat(1024);
    assert_eq!(host.print("normalize refuses_with_a_giant x"), format!("refused: {cut}"));
    assert_eq!(host.print("fundamental breaks_with_a_giant x"), format!("broken: {cut}"));
    assert_eq!(counts(&host), (3, 1, 2));
}

#[test]
fn calls_wait_for_one_of_few_instances_and_not_for_ever() {
    let mut config = config(IDENTITY_RULES);
    config.identity_limits.instances = 1;
    let host = Host::with(config.clone(), Memory::new());
    std::thread::scope(|scope| {
        for n in 0..4 {
            let host = &host;
            scope.spawn(move || {
                for _ in 0..50 {
                    assert_eq!(host.print(&format!("enter p{n}\nnormalize x y")), "y");
                }
            });
        }
    });
    assert_eq!(counts(&host), (200, 0, 0));
    drop(host);
    config.identity_limits.time = Duration::from_millis(200);
    let host = Host::with(config, Memory::new());
    std::thread::scope(|scope| {
        let spinning = scope.spawn(|| host.print(&["normalize spins x"; 5].join("\n")));
        host.wait_until("a call", || counts(&host).0 > 0);
        // Whichever of them comes first, each call ends.
        let answer = host.print("normalize x y");
        assert!(answer == "y" || answer.starts_with("broken: "), "{answer}");
        assert!(spinning.join().unwrap().lines().all(|line| line.starts_with("broken: ")));
    });
}

#[test]
fn host_calls_are_counted_for_the_rules_too() {
    let mut config = config(IDENTITY_RULES);
    config.limits.host_calls = 12;
    let host = Host::with(config, Memory::new());
    assert_eq!(host.run(&["normalize x y"; 13].join("\n")), Answer::Failed);
    assert_eq!(host.engine.metrics().limits.get(), 1);
}

#[test]
fn rules_that_cannot_be_used_are_refused_with_a_reason() {
    let refused = |rules: &[u8]| match Host::start(
        GUEST,
        Arc::new(HostClock::new()),
        config(rules),
        Vec::new(),
        Memory::new(),
    ) {
        Err(StartError::Component(ComponentError::IdentityRules(error))) => *error,
        other => panic!("{:?}", other.map(|_| ())),
    };
    assert!(matches!(refused(b""), ComponentError::Invalid(_)));
    assert!(matches!(refused(b"\0asm\x01\0\0\0"), ComponentError::Invalid(_)), "a core module");
    assert!(matches!(refused(b"\0asm\x0d\0\x01\0"), ComponentError::Interface(_)), "an empty component");
    match refused(GUEST) {
        ComponentError::Imports(names) => assert!(names.iter().any(|name| name.contains("storage"))),
        other => panic!("{other:?}"),
    }
    for version in ["@0.2.0", "@0.4.0"] {
        assert!(matches!(
            refused(&replaced(IDENTITY_RULES, "@0.3.0", version)),
            ComponentError::Interface(_)
        ));
    }
    let host = with_rules(IDENTITY_RULES);
    let digest = host.engine.identity_rules();
    let error = host.engine.swap_identity_rules(Some(GUEST)).unwrap_err();
    assert!(error.to_string().starts_with("the identity rules: the component imports"), "{error}");
    assert_eq!(host.engine.identity_rules(), digest);
    assert_eq!(host.print("normalize edition x"), "x by one");
}

#[test]
fn tables_are_built_with_the_rules_and_anew_with_new_ones() {
    let look = |host: &Host| host.print("lookup numbers a\nlookup numbers b\nfundamental edition now");
    let host = with_table(config(IDENTITY_RULES), "a~edition\nb=plain").unwrap();
    assert_eq!(look(&host), "mapped by one\nplain\nnow by one");
    host.print("enter p\nput k v");
    let first = host.engine.identity_rules();
    let second = host.engine.swap_identity_rules(Some(&edition_two())).unwrap();
    assert_eq!(host.engine.identity_rules(), second);
    assert_ne!(first, second);
    assert_eq!(look(&host), "mapped by two\nplain\nnow by two");
    assert_eq!(host.get("p", "k"), "v");
    // The plugin's own swap keeps the rules; a roll back undoes one change at a time.
    host.engine.swap(&with_text("told to", "TOLD TO")).unwrap();
    assert_eq!(look(&host), "mapped by two\nplain\nnow by two");
    assert_eq!(host.engine.swap_identity_rules(None).unwrap(), None);
    assert_eq!(look(&host), "broken: no such component\nplain\nbroken: no such component");
    host.engine.roll_back().unwrap().unwrap();
    assert_eq!(look(&host), "mapped by two\nplain\nnow by two");
    assert_eq!(host.engine.metrics().instances.get(), 0, "every generation has one from the start");
}

/// Rules that have come while a component was on trial stay when the engine goes back from it.
#[test]
fn a_component_that_is_withdrawn_does_not_take_new_rules_with_it() {
    let mut config = config(IDENTITY_RULES);
    config.roll_back = Some(RollBack { failures: 2, ..RollBack::default() });
    let host = with_table(config, "a~edition").unwrap();
    let first = host.engine.digest();
    host.engine.swap(&with_text("told to", "TOLD TO")).unwrap();
    let second = host.engine.swap_identity_rules(Some(&edition_two())).unwrap();
    for _ in 0..2 {
        assert_eq!(host.run("traps"), Answer::Failed);
    }
    host.wait_until("the roll back", || host.engine.metrics().withdrawals.get() == 1);
    assert_eq!((host.engine.digest(), host.engine.identity_rules()), (first, second));
    assert_eq!(host.print("lookup numbers a\nfundamental edition now"), "mapped by two\nnow by two");
}

#[test]
fn rules_that_are_in_force_already_change_nothing() {
    let host = with_rules(IDENTITY_RULES);
    assert_eq!(host.print("normalize calls x\nmemory"), "1\n1");
    assert_eq!(host.engine.swap_identity_rules(Some(IDENTITY_RULES)).unwrap(), host.engine.identity_rules());
    assert_eq!(host.print("normalize calls x\nmemory"), "2\n2");
    assert!(host.engine.roll_back().unwrap().is_none(), "there is nothing to undo");
}

#[test]
fn new_rules_with_which_a_table_cannot_be_built_are_refused() {
    let mut config = config(IDENTITY_RULES);
    config.limits.deadline = Duration::from_secs(1);
    config.identity_limits.time = Duration::from_millis(300);
    let refused = with_table(config, "a~spins\nb~spins\nc~spins\nd~spins\ne~spins\nf~spins");
    assert!(
        matches!(refused, Err(StartError::Component(ComponentError::Tables(_)))),
        "the chunk has a deadline"
    );
}

#[test]
fn the_rules_may_not_be_asked_outside_of_steps() {
    // The test plugin asks in `configure` if it is told to.
    let config = EngineConfig { plugin_configuration: "{\"ask\": true}".into(), ..config(IDENTITY_RULES) };
    let refused = Host::start(GUEST, Arc::new(HostClock::new()), config, Vec::new(), Memory::new());
    let error = refused.map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("outside a step"), "{error}");
}

#[test]
fn rules_swapped_under_load_are_those_of_the_tables() {
    let host = with_table(config(IDENTITY_RULES), "a~edition").unwrap();
    let editions = [edition_two(), IDENTITY_RULES.to_vec()];
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for n in 0..3 {
            let (host, done) = (&host, &done);
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    let script = format!("enter p{n}\nlookup numbers a\nfundamental edition mapped");
                    let printed = host.print(&script);
                    let (table, rules) = printed.split_once('\n').unwrap();
                    assert_eq!(table, rules, "rules of one edition with tables of the other");
                }
            });
        }
        for round in 0..10 {
            host.engine.swap_identity_rules(Some(&editions[round % 2])).unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(counts(&host).2, 0);
}

#[test]
fn the_example_does_what_its_documentation_says() {
    let readme = include_str!("../../../../examples/identity-rules/README.md");
    let host = with_rules(EXAMPLE_RULES);
    let mut rows = 0;
    for row in readme.lines().filter_map(|line| line.strip_prefix("| ")) {
        let mut cells = row.split(" | ");
        let (Some(function @ ("normalize" | "fundamental")), Some(from), Some(to)) =
            (cells.next(), cells.next(), cells.next())
        else {
            continue;
        };
        let from = from.trim_matches('`');
        // Rollcall's own normalizer drops the parameters.
        let plain = from.split(';').next().unwrap();
        let printed = host.print(&format!("{function} {from} {plain}"));
        match to.split('`').nth(1) {
            Some(wanted) => assert_eq!(printed, wanted, "{from}"),
            None => assert!(printed.starts_with("refused: "), "{from}: {printed}"),
        }
        rows += 1;
    }
    assert_eq!(rows, 4, "the table has changed its form");
    assert_eq!(
        host.print("fundamental sip:alice.smith@example.com sip:boss@example.com"),
        "sip:boss@example.com"
    );
}
