//! Tables: from rows to entries, and what is wrong with rows.

use super::scene::Scene;
use crate::identity::fuzzing;
use crate::tables::{RowProblem, TABLES};
use crate::testing::{MemoryHost, Sources};
use proptest::prelude::*;

const CONFIGURATION: &str = r#"{"presence":{"domains":["example.com"]},"identity":{"map":true},
    "lists":{"white":true,"black":true}}"#;

fn sources(table: &'static str, rows: &[&[&str]]) -> Sources {
    let own = |row: &&[&str]| row.iter().map(|field| (*field).to_owned()).collect();
    [(table, rows.iter().map(own).collect())].into()
}

fn load(table: &'static str, rows: &[&[&str]]) -> Result<MemoryHost, Vec<RowProblem>> {
    let mut scene = Scene::new(CONFIGURATION);
    match scene.host.load(&scene.presence, &sources(table, rows)) {
        Ok(()) => Ok(scene.host),
        Err((name, problems)) => {
            assert_eq!(name, table);
            Err(problems)
        }
    }
}

fn mapped(host: &MemoryHost, identity: &str) -> Option<String> {
    host.tables.lookup("identities", identity.as_bytes()).map(|value| String::from_utf8(value).unwrap())
}

/// Rows of comma-separated values, and rows that members of a JSON object give.
#[test]
fn a_row_maps_every_identity_in_it_to_the_first() {
    for rows in [
        &[&["SIP:alice@Example.com", "tel:+1-555-0100", "pres:al@example.com"][..], &["sip:b@example.com"]][..],
        &[
            &["sip:alice@example.com"],
            &["sip:alice@example.com", "tel:+15550100"],
            &["sip:alice@example.com", "sip:al@example.com"],
            &["sip:b@example.com"],
        ],
    ] {
        let host = load("identities", rows).unwrap();
        assert_eq!(host.tables.count("identities"), 4);
        for identity in ["sip:alice@example.com", "tel:+15550100", "sip:al@example.com"] {
            assert_eq!(mapped(&host, identity).as_deref(), Some("sip:alice@example.com"));
        }
        assert_eq!(mapped(&host, "sip:b@example.com").as_deref(), Some("sip:b@example.com"));
        assert_eq!(mapped(&host, "sip:c@example.com"), None);
    }
}

/// The same again, in another spelling, is no conflict.
#[test]
fn an_identity_may_be_named_twice_for_one_person() {
    let rows: &[&[&str]] =
        &[&["sip:a@example.com", "tel:+1-5", "tel:+15"], &["sip:a@EXAMPLE.com", "sip:a@example.com"]];
    assert_eq!(load("identities", rows).unwrap().tables.count("identities"), 2);
}

/// One public identity under two fundamental ones, chains and circles; also far apart, in other chunks and
/// in other spellings.
#[test]
fn conflicts_and_chains_are_found() {
    let filler: Vec<String> = (0..10).map(|n| format!("sip:f{n}@example.com")).collect();
    let apart: Vec<[&str; 1]> = filler.iter().map(|text| [text.as_str()]).collect();
    for (first, last) in [
        (&["sip:a@e.com", "tel:+15"][..], &["sip:b@e.com", "tel:+1-5"][..]),
        (&["sip:a@e.com", "sip:b@e.com"], &["sip:b@e.com", "sip:c@e.com"]),
        (&["sip:b@e.com", "sip:c@e.com"], &["sip:a@e.com", "pres:b@E.com"]),
        (&["sip:a@e.com", "sip:b@e.com"], &["sip:b@e.com", "sip:a@e.com"]),
    ] {
        let mut rows: Vec<&[&str]> = vec![first];
        rows.extend(apart.iter().map(|row| &row[..]));
        rows.push(last);
        let problems = load("identities", &rows).unwrap_err();
        assert!(problems.iter().all(|(_, why)| why.contains("two values")), "{problems:?}");
    }
}

/// Each problem is told with its line and the text that is wrong.
#[test]
fn malformed_rows_are_told_with_their_lines() {
    let long = format!("sip:{}@example.com", "x".repeat(500));
    let rows: &[&[&str]] = &[
        &["sip:a@example.com", "tel:+1"],
        &["alice", "tel:+2", "tel:two"],
        &[],
        &["sip:b@example.com", ""],
        &["sip:c@example.com", &long],
        &["sip:d@example.com", " tel:+3"],
    ];
    let problems = load("identities", rows).unwrap_err();
    let lines: Vec<u32> = problems.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [2, 2, 3, 4, 5, 6]);
    assert_eq!(
        problems[0].1,
        "fundamental identity \"alice\": malformed URI, expected one such as sip:alice@example.com"
    );
    assert_eq!(
        problems[1].1,
        "public identity \"tel:two\": malformed URI, expected one such as sip:alice@example.com"
    );
    assert!(problems[4].1.ends_with("longer than 512 bytes"));
}

#[test]
fn malformed_entries_of_lists_are_told_with_their_lines() {
    for table in ["white", "black"] {
        let rows: &[&[&str]] = &[
            &["sip:a@example.com"],
            &["@"],
            &["*@*.example.com"],
            &["sip:*@example.com"],
            &["a@example.com"],
            &["sip:a@example.com", "sip:b@example.com"],
            &["@[::1]"],
        ];
        let problems = load(table, rows).unwrap_err();
        let lines: Vec<u32> = problems.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [2, 3, 4, 5, 6]);
        assert!(problems[2].1.contains("for a whole domain"));
    }
}

/// A source with a problem changes nothing (the engine does the same; this shows that it is told).
#[test]
fn a_broken_source_leaves_the_tables_in_force() {
    let mut scene = Scene::new(CONFIGURATION);
    scene.host.load(&scene.presence, &sources("black", &[&["sip:a@example.com"]])).unwrap();
    let broken = sources("black", &[&["sip:b@example.com"], &["nonsense"]]);
    assert_eq!(scene.host.load(&scene.presence, &broken).unwrap_err().0, "black");
    assert_eq!(scene.host.tables.count("black"), 1);
    assert!(scene.host.tables.lookup("black", b"sip:a@example.com").is_some());
}

/// The map comes before the lists, which are made with it.
#[test]
fn the_map_is_built_before_the_lists() {
    assert_eq!(TABLES, ["identities", "white", "black", "external"]);
    assert_eq!(crate::describe().tables, TABLES);
    let mut scene = Scene::new(CONFIGURATION);
    let unknown = scene.presence.build_table(&mut scene.host, "grey", [].into_iter());
    assert_eq!(unknown.unwrap_err(), [(0, "no table is called \"grey\"".to_owned())]);
}

proptest! {
    /// Whatever the rows: no panic, and see the entry point.
    #[test]
    fn any_rows_are_taken_or_told(
        table in 0u8..3,
        text in "((sip:|tel:|\\*@|@|)[a-c1\u{e9}%@.:+]{0,6}(@e\\.com|)[,\n]?){0,8}",
    ) {
        fuzzing::rows(&[&[table], text.as_bytes()].concat());
    }
}
