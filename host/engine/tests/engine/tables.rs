//! Tables: built by the component, published whole or not at all.

use crate::host::{Host, Tables, quiet};
use crate::rows::{Rows, sources};
use rollcall_engine::{
    BrokenTable, ComponentError, EngineConfig, HostClock, Problems, StartError, StepLimits, TableOutcome,
    TableReport,
};
use rollcall_storage::Memory;
use rollcall_test_guests::{Edition, GUEST, with_text};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn start(tables: Tables) -> Result<Host, StartError> {
    start_with(quiet(), tables)
}

fn start_with(config: EngineConfig, tables: Tables) -> Result<Host, StartError> {
    Host::start(GUEST, Arc::new(HostClock::new()), config, tables, Memory::new())
}

/// What a start says of each table that is broken.
fn refused(tables: Tables) -> Vec<BrokenTable> {
    match start(tables).map(|_| ()) {
        Err(StartError::Component(ComponentError::Tables(broken))) => broken,
        other => panic!("{other:?}"),
    }
}

/// Lines and messages.
fn told(problems: &Problems) -> Vec<(u32, &str)> {
    problems.first().iter().map(|problem| (problem.line, problem.message.as_str())).collect()
}

/// The problems of the only table that is broken.
fn problems(tables: Tables) -> Problems {
    let mut broken = refused(tables);
    assert_eq!(broken.len(), 1);
    broken.remove(0).problems
}

fn outcomes(reports: &[TableReport]) -> Vec<(&str, &TableOutcome)> {
    reports.iter().map(|report| (report.table.as_str(), &report.outcome)).collect()
}

fn kept(report: &TableReport) -> &Problems {
    match &report.outcome {
        TableOutcome::Kept(problems) => problems,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_table_is_built_reloaded_and_kept_when_it_does_not_fit() {
    let numbers = Rows::of(&["one=1", "two=2"]);
    let tables = sources([("numbers", &numbers), ("unwanted", &numbers)]);
    let host = start(tables).unwrap();
    let look =
        || host.print("lookup numbers one\nlookup numbers three\nlookup unwanted one\nlookup none one");
    assert_eq!(look(), "1\n-\n-\n-");
    numbers.set(&["one=eins", "three=3", "four=4"]);
    assert_eq!(look(), "1\n-\n-\n-");
    let reports = host.engine.reload_tables();
    assert_eq!(outcomes(&reports), [("numbers", &TableOutcome::Replaced)]);
    assert_eq!(reports[0].entries, 3);
    assert_eq!(look(), "eins\n3\n-\n-");
    numbers.set(&["one=uno", "bad", "worse"]);
    let reports = host.engine.reload_tables();
    assert_eq!(told(kept(&reports[0])), [(2, "no value"), (3, "no value")]);
    assert_eq!(reports[0].entries, 3, "those in force");
    numbers.vanish();
    assert_eq!(told(kept(&host.engine.reload_tables()[0])), [(0, "the file is gone")]);
    assert_eq!(look(), "eins\n3\n-\n-");
    numbers.set(&["one=1"]);
    assert_eq!(outcomes(&host.engine.reload_tables()), [("numbers", &TableOutcome::Replaced)]);
    assert_eq!(look(), "1\n-\n-\n-");
}

#[test]
fn problems_of_all_tables_and_chunks_are_told_at_once_with_their_lines() {
    let many = (1..=2500).map(|n| if n % 1200 == 0 { "bad".into() } else { format!("{n}=x") });
    let numbers = Rows::lines(many.collect());
    let (names, lists) = (Rows::of(&["fine=1"]), Rows::of(&["worse", "a=1"]));
    lists.also_wrong(7, "not UTF-8");
    let broken = refused(sources([("lists", &lists), ("names", &names), ("numbers", &numbers)]));
    let told: Vec<_> = broken.iter().map(|broken| (broken.table.as_str(), told(&broken.problems))).collect();
    let expected = [
        ("numbers", vec![(1200, "no value"), (2400, "no value")]),
        ("lists", vec![(1, "no value"), (7, "not UTF-8")]),
    ];
    assert_eq!(told, expected);
    let text = ComponentError::Tables(broken).to_string();
    let all = "table numbers: line 1200: no value; line 2400: no value; \
               table lists: line 1: no value; line 7: not UTF-8";
    assert_eq!(text, all);
}

#[test]
fn of_many_problems_the_first_hundred_are_kept_and_all_are_counted() {
    let numbers = Rows::lines(vec!["bad".to_owned(); 5000]);
    let problems = problems(sources([("numbers", &numbers)]));
    assert_eq!(problems.total(), 5000);
    let lines: Vec<u32> = problems.first().iter().map(|problem| problem.line).collect();
    assert_eq!(lines, Vec::from_iter(1..=100));
    assert!(problems.to_string().ends_with("line 20: no value; and 4980 more"));
}

#[test]
fn a_key_with_two_values_is_told_with_both_lines_wherever_they_are() {
    let mut lines: Vec<String> = (1..=3000).map(|n| format!("k{n}=v")).collect();
    lines[4] = "twice=a".into();
    lines[5] = "twice=a".into();
    lines[9] = "twice=b".into();
    lines[2500] = "twice=c".into();
    lines[2998] = "k1=w".into();
    let problems = problems(sources([("numbers", &Rows::lines(lines))]));
    assert_eq!(problems.total(), 3);
    let expected = [
        (10, "\"twice\" is \"b\" here, but \"a\" in line 5"),
        (2501, "\"twice\" is \"c\" here, but \"a\" in line 5"),
        (2999, "\"k1\" is \"w\" here, but \"v\" in line 1"),
    ];
    assert_eq!(told(&problems), expected);
}

#[test]
fn a_key_with_two_values_is_told_beside_rows_that_are_wrong() {
    let problems = problems(sources([("numbers", &Rows::of(&["a=1", "bad", "a=2", "b=1", "worse"]))]));
    assert_eq!(problems.total(), 3);
    let expected = [(2, "no value"), (3, "\"a\" is \"2\" here, but \"1\" in line 1"), (5, "no value")];
    assert_eq!(told(&problems), expected);
}

#[test]
fn the_same_entry_twice_is_no_problem() {
    let host = start(sources([("numbers", &Rows::of(&["a=1", "b=2", "a=1"]))])).unwrap();
    assert_eq!(host.print("lookup numbers a\nlookup numbers b"), "1\n2");
    assert_eq!(host.engine.gauges().tables[0].entries, 2);
}

#[test]
fn one_address_of_two_people_and_chains_are_told_with_both_lines() {
    let names = Arc::<Rows>::default();
    names.set_fields(&[
        &["alice", "tel:1", "tel:2"],
        &["bob", "tel:3", "tel:2"],
        &["carol", "alice"],
        &["dave", "tel:4", "tel:4"],
    ]);
    let problems = problems(sources([("names", &names)]));
    let expected = [
        (2, "\"tel:2\" is \"bob\" here, but \"alice\" in line 1"),
        (3, "\"alice\" is \"carol\" here, but \"alice\" in line 1"),
    ];
    assert_eq!(told(&problems), expected);
}

#[test]
fn disputes_without_number_are_counted_and_the_first_are_told() {
    let mut lines: Vec<String> = (0..2000).map(|n| format!("k{n}=v")).collect();
    lines.extend((0..2000).map(|n| format!("k{n}=w")));
    let problems = problems(sources([("numbers", &Rows::lines(lines))]));
    assert_eq!(problems.total(), 2000);
    assert_eq!(problems.first().len(), 100);
    let first = &problems.first()[0];
    assert_eq!((first.line, first.message.as_str()), (2001, "\"k0\" is \"w\" here, but \"v\" in line 1"));
}

#[test]
fn a_dispute_in_a_source_that_changes_meanwhile_is_told_all_the_same() {
    let numbers = Rows::of(&["k=1", "k=2"]);
    numbers.then(&["k=1"]);
    let problems = problems(sources([("numbers", &numbers)]));
    assert_eq!(told(&problems), [(1, "from here on, \"k\" has a second value")]);
}

#[test]
fn building_sees_the_tables_before_it_as_they_will_be_and_no_others() {
    let (numbers, names) = (Rows::of(&["v=1", "own<numbers v"]), Rows::of(&["v<numbers v", "later<lists v"]));
    let lists = Rows::of(&["v<names v", "direct<numbers v", "none<unwanted v"]);
    let host = start(sources([("lists", &lists), ("names", &names), ("numbers", &numbers)])).unwrap();
    let look = || {
        host.print(
            "lookup numbers own\nlookup names v\nlookup names later\n\
             lookup lists v\nlookup lists direct\nlookup lists none",
        )
    };
    assert_eq!(look(), "-\n1\n-\n1\n1\n-");
    numbers.set(&["v=2", "own<numbers v"]);
    let replaced = &TableOutcome::Replaced;
    let reports = host.engine.reload_tables();
    assert_eq!(outcomes(&reports), [("numbers", replaced), ("names", replaced), ("lists", replaced)]);
    assert_eq!(look(), "-\n2\n-\n2\n2\n-");
    // One that is broken is seen as it is in force.
    numbers.set(&["v=3", "bad"]);
    lists.set(&["v<names v", "direct<numbers v", "new=1", "none=-"]);
    let reports = host.engine.reload_tables();
    assert_eq!(told(kept(&reports[0])), [(2, "no value")]);
    assert_eq!(reports[2].outcome, TableOutcome::Replaced);
    assert_eq!(look(), "-\n2\n-\n2\n2\n-");
}

#[test]
fn what_has_not_changed_is_not_read_again_unless_what_it_looked_into_has() {
    let (numbers, names) = (Rows::of(&["v=1"]), Rows::of(&["n=1"]));
    let lists = Rows::of(&["v<numbers v", "w=1"]);
    [&numbers, &names, &lists].iter().for_each(|rows| rows.tell_version());
    let host = start(sources([("numbers", &numbers), ("names", &names), ("lists", &lists)])).unwrap();
    let reads = || [numbers.reads(), names.reads(), lists.reads()];
    assert_eq!(reads(), [1, 1, 1]);
    let (same, new) = (&TableOutcome::Unchanged, &TableOutcome::Replaced);
    let reload = || host.engine.reload_tables();
    assert_eq!(outcomes(&reload()), [("numbers", same), ("names", same), ("lists", same)]);
    assert_eq!(reads(), [1, 1, 1]);
    names.set(&["n=2"]);
    assert_eq!(outcomes(&reload()), [("numbers", same), ("names", new), ("lists", same)]);
    assert_eq!(reads(), [1, 2, 1]);
    numbers.set(&["v=2"]);
    assert_eq!(outcomes(&reload()), [("numbers", new), ("names", same), ("lists", new)]);
    assert_eq!(reads(), [2, 2, 2]);
    assert_eq!(host.print("lookup lists v"), "2");
    // Another version, but the same rows: what depends on them is left alone.
    numbers.set(&["v=2"]);
    assert_eq!(outcomes(&reload()), [("numbers", same), ("names", same), ("lists", same)]);
    assert_eq!(reads(), [3, 2, 2]);
    assert_eq!(outcomes(&reload()), [("numbers", same), ("names", same), ("lists", same)]);
    assert_eq!(reads(), [3, 2, 2]);
}

#[test]
fn a_list_that_was_broken_while_the_map_changed_is_built_when_it_is_whole_again() {
    let (numbers, lists) = (Rows::of(&["v=1"]), Rows::of(&["v<numbers v"]));
    [&numbers, &lists].iter().for_each(|rows| rows.tell_version());
    let host = start(sources([("numbers", &numbers), ("lists", &lists)])).unwrap();
    numbers.set(&["v=2"]);
    lists.vanish();
    host.engine.reload_tables();
    assert_eq!(host.print("lookup lists v"), "1");
    lists.return_unchanged();
    let reports = host.engine.reload_tables();
    assert_eq!(reports[1].outcome, TableOutcome::Replaced);
    assert_eq!(host.print("lookup lists v"), "2");
}

#[test]
fn some_tables_can_be_reloaded_with_those_that_depend_on_them() {
    let (numbers, names) = (Rows::of(&["v=1"]), Rows::of(&["v=1"]));
    let lists = Rows::of(&["v<numbers v"]);
    let host = start(sources([("numbers", &numbers), ("names", &names), ("lists", &lists)])).unwrap();
    numbers.set(&["v=2"]);
    names.set(&["v=2"]);
    let reports = host.engine.reload_some_tables(|name| name == "lists");
    assert_eq!(outcomes(&reports), [("lists", &TableOutcome::Unchanged)]);
    let reports = host.engine.reload_some_tables(|name| name == "numbers");
    let new = &TableOutcome::Replaced;
    assert_eq!(outcomes(&reports), [("numbers", new), ("lists", new)]);
    assert_eq!(host.print("lookup numbers v\nlookup names v\nlookup lists v"), "2\n1\n2");
}

#[test]
fn chunks_are_bounded_in_rows_fields_and_bytes() {
    let mut lines = vec!["x=".to_owned(); 1200];
    lines[0] = "first#".into();
    lines[1199] = "last#".into();
    let wide = ["x"; 900];
    let names = Arc::<Rows>::default();
    names.set_fields(&[&wide, &["size#"], &wide, &wide, &wide, &wide, &["rest#"]]);
    let mut long = vec![format!("z={}", "z".repeat(30_000)); 20];
    long[0] = "size#".into();
    let (numbers, lists) = (Rows::lines(lines), Rows::lines(long));
    let host = start(sources([("numbers", &numbers), ("names", &names), ("lists", &lists)])).unwrap();
    assert_eq!(host.print("lookup numbers first\nlookup numbers last"), "500 1004\n200 403");
    assert_eq!(host.print("lookup names size\nlookup names rest"), "4 2705\n3 1805");
    assert_eq!(host.print("lookup lists size"), "4 90011");
}

#[test]
fn a_row_beyond_all_bounds_is_a_problem_of_its_line() {
    let numbers = Rows::lines(vec!["a=1".into(), format!("b={}", "b".repeat(100_000)), "c=1".into()]);
    let wide = vec!["f"; 20_000];
    let names = Arc::<Rows>::default();
    names.set_fields(&[&["a", "b"], &wide]);
    let broken = refused(sources([("numbers", &numbers), ("names", &names)]));
    let told: Vec<_> = broken.iter().flat_map(|broken| told(&broken.problems)).collect();
    let expected = [
        (2, "a row of 1 fields and 100002 bytes; at most 2000 and 65536 are taken"),
        (2, "a row of 20000 fields and 20000 bytes; at most 2000 and 65536 are taken"),
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_component_that_traps_or_never_returns_fails_the_table_and_no_other() {
    let mut config = quiet();
    config.limits = StepLimits { deadline: Duration::from_millis(300), ..config.limits };
    let (numbers, names, lists) = (Rows::of(&["v=1"]), Rows::of(&["v=1"]), Rows::of(&["v=1"]));
    let tables = || sources([("numbers", &numbers), ("names", &names), ("lists", &lists)]);
    let host = start_with(config.clone(), tables()).unwrap();
    numbers.set(&["trap", "bad"]);
    names.set(&["spin", "bad"]);
    lists.set(&["v=2"]);
    let reports = host.engine.reload_tables();
    for (report, cause) in [(&reports[0], "unreachable"), (&reports[1], "interrupt")] {
        let problem = &kept(report).first()[0];
        assert_eq!((problem.line, kept(report).total()), (1, 1), "{problem:?}");
        assert!(problem.message.starts_with("the component failed from here on: "), "{problem:?}");
        assert!(problem.message.contains(cause), "{problem:?}");
    }
    assert_eq!(reports[2].outcome, TableOutcome::Replaced);
    assert_eq!(host.print("lookup numbers v\nlookup names v\nlookup lists v"), "1\n1\n2");
    // Also at the start, when the engine does not run yet.
    let began = Instant::now();
    match start_with(config, tables()).map(|_| ()) {
        Err(StartError::Component(ComponentError::Tables(broken))) => assert_eq!(broken.len(), 2),
        other => panic!("{other:?}"),
    }
    assert!(began.elapsed() < Duration::from_secs(30));
}

#[test]
fn a_swap_builds_its_tables_anew_or_is_refused() {
    let numbers = Rows::of(&["one=1"]);
    let host = start(sources([("numbers", &numbers)])).unwrap();
    numbers.set(&["bad"]);
    let swap = || host.engine.swap(&Edition::Second.component());
    assert!(matches!(swap(), Err(ComponentError::Tables(broken)) if broken[0].table == "numbers"));
    assert_eq!(host.print("lookup numbers one"), "1");
    numbers.set(&["one=2"]);
    swap().unwrap();
    assert_eq!(host.print("lookup numbers one"), "2");
}

/// What is tried beside the running component says nothing of the tables in force: neither that they are fresh
/// nor that a load failed.
#[test]
fn tables_of_a_candidate_are_not_those_in_force() {
    let numbers = Rows::of(&["one=1"]);
    let tables = sources([("numbers", &numbers)]);
    let host = Host::start(GUEST, Arc::new(HostClock::new()), quiet(), tables, Memory::new()).unwrap();
    let account = || {
        let gauges = &host.engine.gauges().tables[0];
        (gauges.last_success, gauges.failures)
    };
    let (began, _) = account();
    let other = with_text("told to", "TOLD TO");
    host.clock.advance(60_000);
    numbers.set(&["one=I"]);
    host.engine.check(&other).unwrap();
    host.engine.shadow(&other, 1.0).unwrap();
    assert_eq!(account(), (began, 0), "the running component still has the former row");
    host.engine.swap(&other).unwrap();
    assert!(account().0 >= began + 60_000);
    assert_eq!(account().1, 0);
}

#[test]
fn gauges_tell_size_success_and_failures_of_each_table() {
    let (numbers, names) = (Rows::of(&["one=1", "two=2"]), Rows::of(&["v=1"]));
    let host = start(sources([("numbers", &numbers), ("names", &names)])).unwrap();
    let gauges = || host.engine.gauges().tables;
    let began = gauges();
    assert_eq!(began.iter().map(|table| table.table.as_str()).collect::<Vec<_>>(), ["numbers", "names"]);
    assert_eq!((began[0].entries, began[0].failures), (2, 0));
    assert!(began[0].bytes > began[1].bytes && began[0].last_success > 0);
    host.clock.advance(60_000);
    numbers.vanish();
    host.engine.reload_tables();
    host.engine.reload_tables();
    let ended = gauges();
    assert_eq!((ended[0].entries, ended[0].failures), (2, 2));
    assert_eq!(ended[0].last_success, began[0].last_success);
    assert_eq!(ended[1].failures, 0);
    assert!(ended[1].last_success >= began[1].last_success + 60_000);
}
