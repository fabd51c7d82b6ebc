//! A body as rows: what a person compares of it.
//!
//! Invariant: a body of any kind and size gives rows in bounded time and memory, or none.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use serde_json::Value;

/// Most rows of a body.
const ROWS: usize = 20_000;
/// Most bytes of them: each row has its whole path, however long the names in it are.
const BYTES: usize = 4 << 20;
/// Most elements or values within each other.
const DEPTH: usize = 64;

/// A place in a body and what stands there.
pub(super) type Row = (String, String);

/// The rows of a body by its media type; none if it has none, is not what it says, or is too large.
pub(super) fn rows(media_type: &str, body: &[u8]) -> Option<Vec<Row>> {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let text = std::str::from_utf8(body).ok()?;
    if essence.ends_with("/xml") || essence.ends_with("+xml") {
        xml(text)
    } else if essence.ends_with("/json") || essence.ends_with("+json") {
        json(text)
    } else {
        let mut rows = Rows::default();
        text.lines().try_for_each(|line| rows.add("line", line))?;
        Some(rows.all)
    }
}

/// Rows found so far.
#[derive(Default)]
struct Rows {
    all: Vec<Row>,
    bytes: usize,
}

impl Rows {
    /// Adds a row; none if there are too many.
    fn add(&mut self, place: &str, value: &str) -> Option<()> {
        self.bytes += place.len() + value.len();
        if self.all.len() >= ROWS || self.bytes > BYTES {
            return None;
        }
        self.all.push((place.to_owned(), value.to_owned()));
        Some(())
    }
}

/// Attributes and texts of a document by the path of their elements; an element without either as such.
fn xml(text: &str) -> Option<Vec<Row>> {
    let mut reader = Reader::from_str(text);
    let mut rows = Rows::default();
    let mut path = String::new();
    // Where the path of each open element begins, its text, and whether it has anything to show.
    let mut open: Vec<(usize, String, bool)> = Vec::new();
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                if open.len() >= DEPTH {
                    return None;
                }
                if let Some((_, _, shown)) = open.last_mut() {
                    *shown = true;
                }
                let from = path.len();
                let shown = begin(&start, &mut path, &mut rows)?;
                open.push((from, String::new(), shown));
            }
            Event::Empty(start) => {
                if let Some((_, _, shown)) = open.last_mut() {
                    *shown = true;
                }
                let from = path.len();
                if !begin(&start, &mut path, &mut rows)? {
                    rows.add(&path, "")?;
                }
                path.truncate(from);
            }
            Event::End(_) => {
                let (from, text, shown) = open.pop()?;
                let text = text.trim();
                if !text.is_empty() || !shown {
                    rows.add(&path, text)?;
                }
                path.truncate(from);
            }
            Event::Text(text) => add(&mut open, &text),
            Event::CData(text) => add(&mut open, &text),
            Event::GeneralRef(name) => {
                add(&mut open, "&");
                add(&mut open, &name);
                add(&mut open, ";");
            }
            Event::Eof => return open.is_empty().then_some(rows.all),
            _ => {}
        }
    }
}

fn add(open: &mut [(usize, String, bool)], text: &str) {
    if let Some((_, own, _)) = open.last_mut() {
        own.push_str(text);
    }
}

/// Goes into an element and shows its attributes; true if it has any. Declarations of namespaces are none.
fn begin(start: &BytesStart<'_>, path: &mut String, rows: &mut Rows) -> Option<bool> {
    path.push('/');
    path.push_str(start.local_name().into_inner());
    let mut shown = false;
    for attribute in start.attributes() {
        let attribute = attribute.ok()?;
        let name = attribute.key.into_inner();
        if name == "xmlns" || name.starts_with("xmlns:") {
            continue;
        }
        rows.add(&format!("{path}/@{name}"), &attribute.value)?;
        shown = true;
    }
    Some(shown)
}

/// Values by the path of their members.
fn json(text: &str) -> Option<Vec<Row>> {
    fn walk(value: &Value, path: &str, depth: usize, rows: &mut Rows) -> Option<()> {
        if depth > DEPTH {
            return None;
        }
        match value {
            Value::Object(members) if !members.is_empty() => members
                .iter()
                .try_for_each(|(name, value)| walk(value, &format!("{path}/{name}"), depth + 1, rows)),
            Value::Array(values) if !values.is_empty() => {
                values.iter().try_for_each(|value| walk(value, &format!("{path}[]"), depth + 1, rows))
            }
            value => rows.add(if path.is_empty() { "/" } else { path }, &value.to_string()),
        }
    }

    let value: Value = serde_json::from_str(text).ok()?;
    let mut rows = Rows::default();
    walk(&value, "", 0, &mut rows)?;
    Some(rows.all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(rows: Option<Vec<Row>>) -> Vec<String> {
        rows.unwrap().into_iter().map(|(path, value)| format!("{path}={value}")).collect()
    }

    #[test]
    fn the_rows_of_a_document_are_its_attributes_and_texts() {
        let document = "<?xml version='1.0'?><p:presence xmlns:p='urn:x' entity='sip:a@b'>\n <p:tuple id='t'>\
            <p:status><basic>open</basic><p:away/></p:status><note xml:lang='de'>a &lt; b</note>\
            <contact/></p:tuple>\n</p:presence>";
        let expected = [
            "/presence/@entity=sip:a@b",
            "/presence/tuple/@id=t",
            "/presence/tuple/status/basic=open",
            "/presence/tuple/status/away=",
            "/presence/tuple/note/@xml:lang=de",
            "/presence/tuple/note=a &lt; b",
            "/presence/tuple/contact=",
        ];
        assert_eq!(told(rows("application/pidf+xml;charset=utf-8", document.as_bytes())), expected);
    }

    #[test]
    fn json_has_rows_and_other_text_has_lines() {
        let expected = ["/a[]=1", "/a[]/b=\"x\"", "/c={}"];
        assert_eq!(told(rows("application/json", br#"{"a": [1, {"b": "x"}], "c": {}}"#)), expected);
        assert_eq!(told(rows("text/plain", b"a\r\nb")), ["line=a", "line=b"]);
    }

    #[test]
    fn what_is_not_what_it_says_has_no_rows() {
        for document in ["<a>", "<a></b>", "</a>", &"<a>".repeat(1000), "<a b=c/>", "<a b='1' b='2'/>"] {
            assert_eq!(rows("text/xml", document.as_bytes()), None, "{document}");
        }
        assert_eq!(rows("application/json", "[".repeat(100_000).as_bytes()), None);
        assert_eq!(rows("text/plain", b"\xff"), None);
        assert_eq!(rows("text/plain", "\n".repeat(ROWS + 1).as_bytes()), None);
    }

    #[test]
    fn long_names_do_not_make_rows_long_without_end() {
        let name = "n".repeat(50_000);
        let few = format!("<{name}>{}</{name}>", "<a/>".repeat(10));
        assert_eq!(rows("text/xml", few.as_bytes()).unwrap().len(), 10);
        let many = format!("<{name}>{}</{name}>", "<a/>".repeat(10_000));
        assert_eq!(rows("text/xml", many.as_bytes()), None);
        let attributes: String = (0..10_000).map(|number| format!(" a{number}=''")).collect();
        assert_eq!(rows("text/xml", format!("<{name}{attributes}/>").as_bytes()), None);
        let values = format!("{{\"{name}\": [{}0]}}", "0,".repeat(10_000));
        assert_eq!(rows("application/json", values.as_bytes()), None);
    }
}
