//! JSON for people: the component's answers, whatever their form, as indented text and tables.

use std::fmt::Write;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Map, Value};

/// A value as text, with an end of line.
pub fn text(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::Object(members) => object(&mut text, 0, members),
        other => {
            text.push_str(&inline(other));
            text.push('\n');
        }
    }
    text
}

/// A table that is written piece by piece: rows are objects, columns the names of their members.
#[derive(Debug, Default)]
pub struct Table {
    names: Vec<String>,
    widths: Vec<usize>,
}

impl Table {
    /// A table with this first column.
    pub fn new(first: &str) -> Self {
        Self { names: vec![first.to_owned()], widths: Vec::new() }
    }

    /// The next rows. The names of the columns stand above if there are new ones among them.
    pub fn rows<'a>(&mut self, rows: impl Iterator<Item = &'a Map<String, Value>> + Clone) -> String {
        if rows.clone().next().is_none() {
            return String::new();
        }
        for name in rows.clone().flat_map(Map::keys) {
            if !self.names.contains(name) {
                self.names.push(name.clone());
            }
        }
        let head = (self.widths.len() < self.names.len())
            .then(|| self.names.iter().map(|name| name.replace('_', " ")).collect());
        let cell = |row: &Map<String, Value>, name: &String| {
            row.get(name).map_or("-".to_owned(), |value| member(name, value))
        };
        let cells = rows.map(|row| self.names.iter().map(|name| cell(row, name)).collect());
        let lines: Vec<Vec<String>> = head.into_iter().chain(cells).collect();
        self.widths.resize(self.names.len(), 0);
        for line in &lines {
            for (width, cell) in self.widths.iter_mut().zip(line) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut text = String::new();
        for line in &lines {
            let mut row = String::new();
            for (cell, width) in line.iter().zip(&self.widths) {
                let _ = write!(row, "{cell:width$}  ");
            }
            text.push_str(row.trim_end());
            text.push('\n');
        }
        text
    }
}

fn object(text: &mut String, indent: usize, members: &Map<String, Value>) {
    for (name, value) in members {
        let _ = write!(text, "{:indent$}{}:", "", name.replace('_', " "));
        match value {
            Value::Object(members) if !members.is_empty() => {
                text.push('\n');
                object(text, indent + 2, members);
            }
            Value::Array(elements) if elements.iter().any(Value::is_object) => {
                text.push('\n');
                objects(text, indent + 2, elements);
            }
            other => {
                let _ = writeln!(text, " {}", member(name, other));
            }
        }
    }
}

fn objects(text: &mut String, indent: usize, elements: &[Value]) {
    let rows: Vec<_> = elements.iter().filter_map(Value::as_object).collect();
    let is_deep = |row: &&Map<String, Value>| row.values().any(Value::is_object);
    if rows.len() == elements.len() && rows.iter().any(is_deep) {
        // Too much for a line of a table.
        for (index, row) in rows.into_iter().enumerate() {
            let _ = writeln!(text, "{:indent$}{}:", "", index + 1);
            object(text, indent + 2, row);
        }
        return;
    }
    let lines = match rows.len() == elements.len() {
        true => Table::default().rows(rows.into_iter()),
        false => elements.iter().map(|element| inline(element) + "\n").collect(),
    };
    for line in lines.lines() {
        let _ = writeln!(text, "{:indent$}{line}", "");
    }
}

/// The value of a member. One that is an instant by its name, in milliseconds since 1970, becomes a date.
fn member(name: &str, value: &Value) -> String {
    const INSTANTS: [&str; 8] =
        ["now", "created", "changed", "expires", "since", "at", "last_contact", "next_try"];
    let instant = INSTANTS.contains(&name) || name.ends_with("_since") || name.ends_with("_until");
    match value.as_u64().filter(|_| instant) {
        Some(ms @ 1..=LAST) => date(ms),
        _ => inline(value),
    }
}

/// The end of the year 9999.
const LAST: u64 = 253_402_300_799_999;

/// An instant in milliseconds since 1970.
pub(crate) fn date(ms: u64) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(ms.min(LAST)))
}

/// A value on one line.
fn inline(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => printable(text),
        Value::Array(elements) if elements.is_empty() => "none".to_owned(),
        Value::Array(elements) => elements.iter().map(inline).collect::<Vec<_>>().join(", "),
        Value::Object(members) => {
            let pairs = members.iter().map(|(name, value)| format!("{}={}", printable(name), inline(value)));
            pairs.collect::<Vec<_>>().join(" ")
        }
    }
}

/// Much of it comes from peers, and must not reach a terminal as a command.
pub(crate) fn printable(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_control() {
            true => clean.extend(c.escape_default()),
            false => clean.push(c),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_answer_is_told_line_by_line() {
        let answer = json!({
            "fundamental": "sip:alice@example.com",
            "black": false,
            "white": { "entry": "@example.com", "kind": "domain" },
            "publications": [{ "id": "a", "bytes": 512 }, { "id": "bcd" }],
            "watchers": [],
            "sources": [
                { "name": "scscf", "subscription": { "phase": "live", "next_try": 1_700_000_000_000_u64 } },
                { "name": "partner", "subscription": null },
            ],
            "packages": ["presence", "presence.winfo"],
            "in_flight_since": null,
            "expires": 1_700_000_000_000_u64,
            "last_error": { "why": "503", "at": 1_700_000_000_000_u64 },
        });
        let expected = "black: no\n\
            expires: Tue, 14 Nov 2023 22:13:20 GMT\n\
            fundamental: sip:alice@example.com\n\
            in flight since: -\n\
            last error:\n  at: Tue, 14 Nov 2023 22:13:20 GMT\n  why: 503\n\
            packages: presence, presence.winfo\n\
            publications:\n  bytes  id\n  512    a\n  -      bcd\n\
            sources:\n  1:\n    name: scscf\n    subscription:\n      next try: Tue, 14 Nov 2023 22:13:20 GMT\n      \
            phase: live\n  2:\n    name: partner\n    subscription: -\n\
            watchers: none\n\
            white:\n  entry: @example.com\n  kind: domain\n";
        assert_eq!(text(&answer), expected);
        assert_eq!(text(&json!("x")), "x\n");
        assert_eq!(text(&json!({"expires": u64::MAX})), format!("expires: {}\n", u64::MAX));
    }

    #[test]
    fn rows_stand_under_each_other() {
        let rows: Vec<Map<String, Value>> = [
            json!({"presentity": "sip:a@x", "basic": "open", "counts": {"watchers": 2}}),
            json!({"presentity": "sip:long@x", "problem": "no"}),
        ]
        .into_iter()
        .map(|row| row.as_object().cloned().unwrap())
        .collect();
        let expected = "presentity  basic  counts      problem\n\
                        sip:a@x     open   watchers=2  -\n\
                        sip:long@x  -      -           no\n";
        let mut table = Table::new("presentity");
        assert_eq!(table.rows(rows.iter()), expected);
        assert_eq!(table.rows(rows[1..].iter()), "sip:long@x  -      -           no\n");
        assert_eq!(table.rows([].iter()), "");
        let more = json!({"presentity": "sip:b@x", "lag": 1});
        let head = "presentity  basic  counts      problem  lag\nsip:b@x     -      -           -        1\n";
        assert_eq!(table.rows([more.as_object().unwrap()].into_iter()), head);
    }

    #[test]
    fn nothing_from_a_peer_reaches_the_terminal_as_a_command() {
        assert_eq!(text(&json!({"call_id": "a\u{1b}[2J\nb\u{9b}c"})), "call id: a\\u{1b}[2J\\nb\\u{9b}c\n");
    }
}
