//! What is written in a format is read back from it, line by line.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::ops::ControlFlow;

use proptest::collection::vec;
use proptest::prelude::*;
use rollcall_sources::{Format, read};

type Rows = Vec<(u32, Vec<String>)>;

fn rows(text: &[u8], format: Format) -> Rows {
    let mut rows = Vec::new();
    let _ = read(text, format, &mut |row| {
        let row = row.unwrap();
        rows.push((row.line, row.fields.iter().map(|field| (*field).to_owned()).collect()));
        ControlFlow::Continue(())
    });
    rows
}

fn trimmed(text: &str) -> String {
    text.trim().to_owned()
}

/// The values of a line: the first one is not blank.
fn line() -> impl Strategy<Value = Vec<String>> {
    let first = "[ \t]?[^\\s\u{feff}][^\\r\\n\u{feff}]{0,10}";
    (first, vec("[^\\r\\n\u{feff}]{0,12}", 0..3)).prop_map(|(first, more)| [vec![first], more].concat())
}

proptest! {
    #[test]
    fn json(members in vec((".{0,12}", vec(".{0,12}", 0..4)), 0..6)) {
        let mut text = String::from("{");
        let (mut line, mut expected) = (1, Rows::new());
        for (index, (name, elements)) in members.iter().enumerate() {
            text.push_str(if index == 0 { "\n" } else { ",\n" });
            text.push_str(&serde_json::to_string(name).unwrap());
            text.push_str(":[");
            line += 1;
            expected.push((line, vec![trimmed(name)]));
            for (index, element) in elements.iter().enumerate() {
                text.push_str(if index == 0 { "\r\n " } else { "\r\n," });
                text.push_str(&serde_json::to_string(element).unwrap());
                line += 1;
                expected.push((line, vec![trimmed(name), trimmed(element)]));
            }
            text.push(']');
        }
        text.push('}');
        prop_assert_eq!(rows(text.as_bytes(), Format::Json), expected);
    }

    #[test]
    fn csv(lines in vec(line(), 0..8)) {
        let (mut text, mut expected) = (String::new(), Rows::new());
        for (index, fields) in lines.iter().enumerate() {
            let quoted: Vec<String> =
                fields.iter().map(|field| format!("\"{}\"", field.replace('"', "\"\""))).collect();
            text.push_str(&quoted.join(","));
            text.push_str(if index % 2 == 0 { "\n" } else { "\r\n" });
            let fields: Vec<String> = fields.iter().map(|field| trimmed(field)).collect();
            let fields: Vec<String> = fields.into_iter().filter(|field| !field.is_empty()).collect();
            expected.push((u32::try_from(index).unwrap() + 1, fields));
        }
        prop_assert_eq!(rows(text.as_bytes(), Format::Csv), expected);
    }

    #[test]
    fn list(lines in vec("[^\\r\\n#\u{feff}]{0,12}( #[^\\r\\n]{0,6})?", 0..8)) {
        let text = lines.join("\n");
        let entries = lines.iter().zip(1..).filter_map(|(line, number)| {
            let entry = trimmed(line.split('#').next().unwrap());
            (!entry.is_empty()).then(|| (number, vec![entry]))
        });
        prop_assert_eq!(rows(text.as_bytes(), Format::List), entries.collect::<Rows>());
    }

    #[test]
    fn any_bytes(bytes in vec(any::<u8>(), 0..200)) {
        for format in [Format::Json, Format::Csv, Format::List] {
            let mut last = 1;
            let _ = read(&bytes[..], format, &mut |found| {
                let line = match found {
                    Ok(row) => row.line,
                    Err(problem) => problem.line.unwrap_or(last),
                };
                assert!(line >= last);
                last = line;
                ControlFlow::Continue(())
            });
        }
    }
}
