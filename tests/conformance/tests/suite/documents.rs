//! The specification, the checklist and the suite name the same obligations.

use std::collections::BTreeSet;

use crate::driver::DRIVER;

const SPECIFICATION: &str = include_str!("../../../../wit/plugin.wit");
const CHECKLIST: &str = include_str!("../../../../wit/README.md");

/// Ids in a text: `H-`, letters, and mostly a number.
fn ids(text: &str) -> BTreeSet<&str> {
    let word = |c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-');
    text.split(word).filter(|word| word.starts_with("H-")).collect()
}

/// Every obligation stands in the specification and has a row in the checklist, and the row says whether the
/// suite shows it.
#[test]
fn the_checklist_has_every_obligation_and_says_what_the_suite_shows() {
    let list = std::process::Command::new(DRIVER).arg("list").output().unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    let shown = ids(&list);
    let rows = CHECKLIST.lines().filter(|line| line.starts_with("| `H-"));
    let rows: Vec<(BTreeSet<&str>, bool)> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            (ids(cells[1]), cells[3] != "not shown" && !cells[3].starts_with("not shown:"))
        })
        .collect();
    let listed: BTreeSet<&str> = rows.iter().flat_map(|(ids, _)| ids.iter().copied()).collect();
    assert_eq!(ids(SPECIFICATION), listed, "wit/plugin.wit and the checklist of wit/README.md");
    let claimed: BTreeSet<&str> =
        rows.iter().filter(|(_, shown)| *shown).flat_map(|(ids, _)| ids.iter().copied()).collect();
    assert_eq!(shown, claimed, "what the suite shows and what the checklist says that it shows");
}
