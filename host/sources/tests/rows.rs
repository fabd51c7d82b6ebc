//! Texts and the rows that they are.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::ops::ControlFlow;

use rollcall_sources::{Format, LONGEST, read};

/// Rows as `LINE: FIELD|FIELD`, problems as `LINE! MESSAGE`.
fn told(text: impl AsRef<[u8]>, format: Format) -> Vec<String> {
    let mut told = Vec::new();
    let flow = read(text.as_ref(), format, &mut |found| {
        told.push(match found {
            Ok(row) => format!("{}: {}", row.line, row.fields.join("|")),
            Err(problem) => format!("{}! {}", problem.line.unwrap_or(0), problem.message),
        });
        ControlFlow::Continue(())
    });
    assert!(flow.is_continue());
    told
}

#[test]
fn a_member_gives_a_row_for_its_name_and_one_for_each_string() {
    let text = "{\n  \"sip:a@x\": [\"tel:+1\",\n    \"sip:al@x\"\n  ],\r\n  \"sip:b@x\" : [], \"sip:c@x\": [\"c\"]\r\n}\n";
    let rows = [
        "2: sip:a@x",
        "2: sip:a@x|tel:+1",
        "3: sip:a@x|sip:al@x",
        "5: sip:b@x",
        "5: sip:c@x",
        "5: sip:c@x|c",
    ];
    assert_eq!(told(text, Format::Json), rows);
    assert_eq!(told("{}", Format::Json), [""; 0]);
    assert_eq!(told("\u{feff} {\"\\u0061 \": [\" b\\n\"]}", Format::Json), ["1: a", "1: a|b"]);
}

/// A name that stands there twice is not swallowed by its second occurrence.
#[test]
fn a_name_that_comes_twice_counts_twice() {
    let text = "{\"a\": [\"b\"],\n \"a\": [\"c\"]}";
    assert_eq!(told(text, Format::Json), ["1: a", "1: a|b", "2: a", "2: a|c"]);
}

#[test]
fn every_value_that_does_not_fit_is_told_with_its_line() {
    let text = "{\n\"a\": 5\n,\n\"b\": [7\n, \"tel:+1\",\n null, true, -1, 0.5, [[\"x\"],\n\"y\"], {\"z\":\n{}}],\n\
                \"c\": \"d\",\n\"e\": {\"f\": [1]}, \"g\": [\"h\"]}";
    let expected = [
        "2: a",
        "2! found a number, expected a string or an array of strings",
        "4: b",
        "4! found a number, expected a string",
        "5: b|tel:+1",
        "6! found null, expected a string",
        "6! found true, expected a string",
        "6! found a number, expected a string",
        "6! found a number, expected a string",
        "6! found an array, expected a string",
        "7! found an object, expected a string",
        "9: c",
        "9: c|d",
        "10: e",
        "10! found an object, expected a string or an array of strings",
        "10: g",
        "10: g|h",
    ];
    assert_eq!(told(text, Format::Json), expected);
}

#[test]
fn what_is_no_json_is_told_with_its_line() {
    for (text, expected) in [
        ("", "1! not JSON: EOF while parsing a value"),
        ("[\"a\"]", "1! invalid type: sequence, expected an object such as"),
        ("{\"a\": [\"b\"],\n", "2! not JSON: EOF while parsing"),
        ("{\"a\": [\"b\"]}\n\n{", "3! not JSON: trailing characters"),
        ("{\"a\": [\"b\"\n\"c\"]}", "2! not JSON: expected `,` or `]`"),
        ("{\"a\": [\"b\nc\"]}", "2! not JSON: control character"),
        ("{\n5: []}", "2! not JSON: key must be a string"),
    ] {
        let told = told(text, Format::Json);
        assert!(told.last().unwrap().starts_with(expected), "{text:?}: {told:?}");
    }
    let told = told(b"{\"a\": [\n\"\xff\"]}", Format::Json);
    assert!(told[1].starts_with("2! not JSON: invalid unicode"), "{told:?}");
}

#[test]
fn a_value_without_end_ends_the_reading() {
    let text = format!("{{\"a\":\n[\"{}", "x".repeat(3 * LONGEST));
    assert_eq!(told(text, Format::Json), ["1: a", "2! cannot be read: a value of more than 65536 bytes"]);
    let nested = format!("{{\"a\": {}", "[".repeat(3 * LONGEST));
    assert_eq!(told(nested, Format::Json)[1], "1! cannot be read: a value of more than 65536 bytes");
    let deep = format!("{{\"a\": [{}{}]}}", "[".repeat(20_000), "]".repeat(20_000));
    assert_eq!(told(deep, Format::Json)[1], "1! found an array, expected a string");
}

#[test]
fn a_line_of_comma_separated_values_is_a_row() {
    let text = "\u{feff}Fundamental, public ,public\r\nsip:a@x,tel:+1, sip:al@x \r\n\r\n# others\nsip:b@x\n\
                \"sip:c@x\",\"sip:\"\"c\"\"@x\",,\n , ,\nsip:d@x;a=b,tel:+2";
    let rows =
        ["2: sip:a@x|tel:+1|sip:al@x", "5: sip:b@x", "6: sip:c@x|sip:\"c\"@x", "8: sip:d@x;a=b|tel:+2"];
    assert_eq!(told(text, Format::Csv), rows);
    assert_eq!(told("", Format::Csv), [""; 0]);
    assert_eq!(told("sip:a@x,tel:+1", Format::Csv), ["1: sip:a@x|tel:+1"], "without a line of names");
    assert_eq!(told("a\nfundamental,b", Format::Csv), ["1: a", "2: fundamental|b"], "names stand first");
}

#[test]
fn a_broken_line_of_comma_separated_values_costs_only_itself() {
    let text = b"a,\"b\nc,d\n,e\n\xff,f\ng,\"h\"\n\"i".as_slice();
    let expected = [
        "1! a quote is not closed on its line",
        "2: c|d",
        "3! the first value is empty, expected the fundamental identity",
        "4! not UTF-8",
        "5: g|h",
        "6! a quote is not closed on its line",
    ];
    assert_eq!(told(text, Format::Csv), expected);
}

#[test]
fn a_line_of_a_list_is_a_row_unless_it_is_a_comment() {
    let text = "\u{feff}# staff\r\n  sip:a@x \t\r\n\r\n*@x # all of x\n@y\t#all\ntel:*21#;phone-context=z\n#";
    assert_eq!(told(text, Format::List), ["2: sip:a@x", "4: *@x", "5: @y", "6: tel:*21#;phone-context=z"]);
    assert_eq!(told("", Format::List), [""; 0]);
    assert_eq!(told("\n\n", Format::List), [""; 0]);
    assert_eq!(told("\u{ff00}", Format::List), ["1: \u{ff00}"], "begins as the mark does");
    assert_eq!(told(b"a\nb\xc3\nc", Format::List), ["1: a", "2! not UTF-8", "3: c"]);
}

#[test]
fn a_line_that_is_too_long_costs_only_itself() {
    let text = format!("a\n{}\nb\n{}", "x".repeat(LONGEST + 1), "y".repeat(LONGEST));
    let told = told(text, Format::List);
    assert_eq!(told[..3], ["1: a", "2! longer than 65536 bytes", "3: b"]);
    assert_eq!(told[3].len(), LONGEST + "4: ".len());
}

#[test]
fn whoever_has_enough_ends_the_reading() {
    for (text, format) in
        [("{\"a\": [\"b\"]}", Format::Json), ("a,b\nc", Format::Csv), ("a\nb", Format::List)]
    {
        let mut count = 0;
        let flow = read(text.as_bytes(), format, &mut |_| {
            count += 1;
            ControlFlow::Break(())
        });
        assert!(flow.is_break() && count == 1, "{format:?}: {count}");
    }
}

/// However the text arrives, in pieces of any size.
#[test]
fn pieces_of_a_text_are_put_together() {
    let list = "\u{feff}sip:a@x\r\nsip:\u{e4}@x\n\nb";
    for size in 1..8 {
        let text = std::io::BufReader::with_capacity(size, list.as_bytes());
        let mut rows = Vec::new();
        let _ = read(text, Format::List, &mut |row| {
            let row = row.unwrap();
            rows.push((row.line, row.fields[0].to_owned()));
            ControlFlow::Continue(())
        });
        assert_eq!(rows, [(1, "sip:a@x".into()), (2, "sip:\u{e4}@x".into()), (4, "b".into())]);
    }
}
