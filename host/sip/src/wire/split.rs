//! Splits the head of a message into lines and fields (RFC 3261 7.3).

use super::message::{Field, Kind, Span};
use super::scan::{is_space, is_token, trim};

/// Most header fields in a message; more is an attack.
const MAX_FIELDS: usize = 512;

/// The lines of a head, folding undone.
#[derive(Debug)]
pub(crate) struct Lines {
    pub(crate) start: Span,
    pub(crate) headers: Vec<Field>,
    /// Offset of the body.
    pub(crate) body: usize,
    /// Why the head as a whole is malformed, if it is; the fields are then those that could be read.
    pub(crate) fault: Option<&'static str>,
}

/// Splits the head. Line folding is replaced by spaces in the buffer. The error says why nothing can be made of
/// the bytes at all.
pub(crate) fn split(bytes: &mut [u8]) -> Result<Lines, &'static str> {
    let mut at = bytes.iter().take_while(|&&c| c == b'\r' || c == b'\n').count();
    if at == bytes.len() {
        return Err("keep-alive");
    }
    let mut start = None;
    let mut headers: Vec<Field> = Vec::with_capacity(24);
    let mut fault = None;
    let mut previous_end = at;
    let body = loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(length) = memchr::memchr(b'\n', rest) else {
            fault = Some("Header Section Without End");
            break bytes.len();
        };
        let next = at + length + 1;
        let mut line = rest.get(..length).unwrap_or_default();
        if let Some(stripped) = line.strip_suffix(b"\r") {
            line = stripped;
        }
        let end = at + line.len();
        // A bare CR could be taken for the end of a line by whoever gets the value copied.
        if memchr::memchr(b'\r', line).is_some() {
            return Err("bare CR in the head");
        }
        if line.is_empty() {
            break next;
        }
        if start.is_none() {
            start = Some(Span::new(at, end));
        } else if line.first().copied().is_some_and(is_space) {
            match headers.last_mut() {
                Some(field) => {
                    let from = field.value.start as usize;
                    for c in bytes.get_mut(previous_end..at).unwrap_or_default() {
                        *c = b' ';
                    }
                    let (from, to) = trim(bytes, from, end);
                    field.value = Span::new(from, to);
                }
                None => fault = Some("Folded Request-Line"),
            }
        } else if headers.len() == MAX_FIELDS {
            return Err("too many header fields");
        } else if let Some(field) = field(bytes, at, end) {
            headers.push(field);
        } else {
            fault = Some("Malformed Header Field");
        }
        previous_end = end;
        at = next;
    };
    let start = start.ok_or("no start line")?;
    Ok(Lines { start, headers, body, fault })
}

fn field(bytes: &[u8], at: usize, end: usize) -> Option<Field> {
    let line = bytes.get(at..end)?;
    let colon = at + memchr::memchr(b':', line)?;
    let (name_start, name_end) = trim(bytes, at, colon);
    let name = bytes.get(name_start..name_end)?;
    if !is_token(name) {
        return None;
    }
    let (from, to) = trim(bytes, colon + 1, end);
    Some(Field { name: Span::new(name_start, name_end), value: Span::new(from, to), kind: kind(name) })
}

/// Names are case-insensitive, and some have a compact form of one letter (RFC 3261 7.3.3).
fn kind(name: &[u8]) -> Kind {
    if let [letter] = name {
        return match letter.to_ascii_lowercase() {
            b'v' => Kind::Via,
            b'f' => Kind::From,
            b't' => Kind::To,
            b'i' => Kind::CallId,
            b'l' => Kind::ContentLength,
            b'c' => Kind::ContentType,
            b'm' => Kind::Contact,
            _ => Kind::Other,
        };
    }
    let is = |long: &str| name.eq_ignore_ascii_case(long.as_bytes());
    match name.len() {
        2 if is("To") => Kind::To,
        3 if is("Via") => Kind::Via,
        4 if is("From") => Kind::From,
        4 if is("CSeq") => Kind::CSeq,
        4 if is("Date") => Kind::Date,
        5 if is("Route") => Kind::Route,
        7 if is("Call-ID") => Kind::CallId,
        7 if is("Contact") => Kind::Contact,
        7 if is("Require") => Kind::Require,
        7 if is("Expires") => Kind::Expires,
        11 if is("Retry-After") => Kind::RetryAfter,
        12 if is("Max-Forwards") => Kind::MaxForwards,
        12 if is("Content-Type") => Kind::ContentType,
        14 if is("Content-Length") => Kind::ContentLength,
        19 if is("P-Asserted-Identity") => Kind::AssertedIdentity,
        _ => Kind::Other,
    }
}
