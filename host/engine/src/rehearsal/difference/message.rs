//! Differences of two SIP messages as a component has written them: header lines and a body.

use super::rows::{Row, rows};
use super::{Found, Side};
use std::collections::BTreeMap;

/// Compares header lines by name, and bodies by what the Content-Type says that they are.
pub(super) fn compare(found: &mut Found<'_>, subject: &str, before: (&[u8], &[u8]), after: (&[u8], &[u8])) {
    if before.0 != after.0 {
        let (former, now) = (headers(before.0), headers(after.0));
        let many = found.by_place(subject, "header ", &grouped(&former), &grouped(&now));
        if !many {
            found.changed(subject, "order or form of the header lines", text(before.0), text(after.0));
        }
    }
    if before.1 != after.1 {
        body(found, subject, before, after);
    }
}

fn body(found: &mut Found<'_>, subject: &str, before: (&[u8], &[u8]), after: (&[u8], &[u8])) {
    let subject =
        subject.strip_suffix('s').map_or_else(|| subject.to_owned(), |one| format!("bodies of {one}s"));
    let typed = |(headers, body): (&[u8], &[u8])| {
        if body.is_empty() { Some(Vec::new()) } else { rows(&media_type(headers), body) }
    };
    match (typed(before), typed(after)) {
        (Some(former), Some(now)) => {
            if !found.by_place(&subject, "", &grouped(&former), &grouped(&now)) {
                // The same rows in other words.
                found.changed(&subject, "order or form", text(before.1), text(after.1));
            }
        }
        _ => found.changed(&subject, "bytes", size(before.1), size(after.1)),
    }
}

/// Header lines: name and value. Names compare without regard to case.
fn headers(lines: &[u8]) -> Vec<Row> {
    String::from_utf8_lossy(lines)
        .split("\r\n")
        .filter(|line| !line.is_empty())
        .map(|line| {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            (name.trim().to_owned(), value.trim().to_owned())
        })
        .collect()
}

fn media_type(lines: &[u8]) -> String {
    let is_type = |name: &str| name.eq_ignore_ascii_case("Content-Type") || name.eq_ignore_ascii_case("c");
    headers(lines).into_iter().find(|(name, _)| is_type(name)).map(|(_, value)| value).unwrap_or_default()
}

/// The value of a header line.
pub(super) fn header(lines: &[u8], wanted: &str) -> Option<String> {
    headers(lines).into_iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value)
}

/// Values by place, in order.
pub(super) fn grouped(rows: &[Row]) -> BTreeMap<&str, Vec<&str>> {
    let mut places: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (place, value) in rows {
        places.entry(place).or_default().push(value);
    }
    places
}

/// A text to show.
pub(super) fn text(bytes: &[u8]) -> Side {
    Some(String::from_utf8_lossy(bytes).into_owned())
}

/// What can be shown of bytes that are no text.
pub(super) fn size(bytes: &[u8]) -> Side {
    Some(format!("{} bytes", bytes.len()))
}
