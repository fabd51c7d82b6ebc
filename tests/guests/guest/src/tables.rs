//! Building tables: a row with one field tells what entry it gives.

use crate::bindings::exports::rollcall::plugin::lifecycle::{Row, RowProblem, TableEntry};
use crate::bindings::rollcall::plugin::tables;
use crate::script::Run;
use crate::{hostile, words};

/// The tables that the plugin wants.
pub const NAMES: [&str; 3] = ["numbers", "names", "lists"];

/// Turns rows into entries:
///
/// - `KEY=VALUE`: that entry;
/// - `KEY<TABLE OTHER`: the value under another key in another table, or "-";
/// - `KEY~WORD`: what the site's own rules make of the identity WORD;
/// - `KEY#`: the number of rows of this call and of the bytes of all their fields;
/// - `trap` and `spin` do just that;
/// - several fields: each stands for the first one, the first for itself.
pub fn build(rows: &[Row]) -> Result<Vec<TableEntry>, Vec<RowProblem>> {
    let mut entries = Vec::new();
    let mut problems = Vec::new();
    let bytes: usize = rows.iter().flat_map(|row| &row.fields).map(String::len).sum();
    for Row { line, fields } in rows {
        let mut add = |key: &str, value: &[u8]| {
            entries.push(TableEntry { key: key.into(), value: value.into() });
        };
        match fields.as_slice() {
            [text] if text == "trap" => panic!("told to"),
            [text] if text == "spin" => hostile::spins(&mut Run::default()),
            [text] => {
                if let Some((key, value)) = text.split_once('=') {
                    add(key, value.as_bytes());
                } else if let Some((key, rest)) = text.split_once('<') {
                    let (table, other) = rest.split_once(' ').unwrap();
                    add(key, &tables::lookup(table, other.as_bytes()).unwrap_or(b"-".to_vec()));
                } else if let Some((key, word)) = text.split_once('~') {
                    add(key, words::settled(word).as_bytes());
                } else if let Some(key) = text.strip_suffix('#') {
                    add(key, format!("{} {bytes}", rows.len()).as_bytes());
                } else {
                    problems.push(RowProblem { line: *line, message: "no value".into() });
                }
            }
            all => all.iter().for_each(|key| add(key, all[0].as_bytes())),
        }
    }
    if problems.is_empty() { Ok(entries) } else { Err(problems) }
}
