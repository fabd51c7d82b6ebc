//! Messages from text, for tests and tools. In the component the host does this work.

use super::message::{Message, Span};

/// A message with its own bytes.
#[derive(Clone, Debug)]
pub struct OwnedMessage {
    bytes: Vec<u8>,
    start: Start,
    fields: Vec<(Span, Span)>,
    body: Span,
}

#[derive(Clone, Copy, Debug)]
enum Start {
    Request { method: Span, uri: Span },
    Response { status: u16 },
}

impl OwnedMessage {
    /// Splits a message into its parts. Lines end with CRLF or LF; what follows the empty line is
    /// the body, whatever Content-Length says. Folded lines are joined. None if the first line is
    /// that of no message.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let bytes = unfold(text);
        let mut at = 0;
        let first = next_line(&bytes, &mut at)?;
        let start = parse_start(&bytes, first)?;
        let mut fields = Vec::new();
        while let Some(line) = next_line(&bytes, &mut at) {
            if line.start == line.end {
                break;
            }
            let slice = &bytes[line.start as usize..line.end as usize];
            let Some(colon) = memchr::memchr(b':', slice) else { continue };
            let colon = line.start + u32::try_from(colon).ok()?;
            fields.push((
                trimmed(&bytes, Span { start: line.start, end: colon }),
                trimmed(&bytes, Span { start: colon + 1, end: line.end }),
            ));
        }
        let end = u32::try_from(bytes.len()).ok()?;
        let body = Span { start: u32::try_from(at).ok()?.min(end), end };
        Some(Self { bytes, start, fields, body })
    }

    /// A request from its parts; `headers` are lines, each ended by a line end. None if a part breaks the first line.
    pub fn request(method: &str, uri: &str, headers: &str, body: &[u8]) -> Option<Self> {
        let head = [method, " ", uri, " SIP/2.0\r\n", headers, "\r\n"].concat();
        Self::parse(&[head.as_bytes(), body].concat())
    }

    /// The view that the parsers take.
    pub fn view(&self) -> Message<'_> {
        let fields = self.fields.iter().copied();
        match self.start {
            Start::Request { method, uri } => Message::request(&self.bytes, method, uri, fields, self.body),
            Start::Response { status } => Message::response(&self.bytes, status, fields, self.body),
        }
    }
}

/// Replaces line folding in the header section by spaces of the same length.
fn unfold(text: &[u8]) -> Vec<u8> {
    let mut bytes = text.to_vec();
    let mut at = 0;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr::memchr(b'\n', rest)) {
        let end = at + found;
        let content = if end > at && bytes[end - 1] == b'\r' { end - 1 } else { end };
        if content == at {
            break;
        }
        if matches!(bytes.get(end + 1), Some(b' ' | b'\t')) {
            bytes[content..=end].fill(b' ');
        }
        at = end + 1;
    }
    bytes
}

fn next_line(bytes: &[u8], at: &mut usize) -> Option<Span> {
    let start = *at;
    let rest = bytes.get(start..).filter(|rest| !rest.is_empty())?;
    let end = memchr::memchr(b'\n', rest).map_or(bytes.len(), |found| start + found);
    *at = (end + 1).min(bytes.len());
    let content = if end > start && bytes[end - 1] == b'\r' { end - 1 } else { end };
    Some(Span { start: u32::try_from(start).ok()?, end: u32::try_from(content).ok()? })
}

fn parse_start(bytes: &[u8], line: Span) -> Option<Start> {
    let text = str::from_utf8(&bytes[line.start as usize..line.end as usize]).ok()?;
    if let Some(rest) = text.strip_prefix("SIP/2.0 ") {
        return Some(Start::Response { status: rest.get(..3)?.parse().ok()? });
    }
    let (method, rest) = text.split_once(' ')?;
    let uri = rest.strip_suffix(" SIP/2.0")?;
    let method_end = line.start + u32::try_from(method.len()).ok()?;
    let uri_end = method_end + 1 + u32::try_from(uri.len()).ok()?;
    Some(Start::Request {
        method: Span { start: line.start, end: method_end },
        uri: Span { start: method_end + 1, end: uri_end },
    })
}

fn trimmed(bytes: &[u8], span: Span) -> Span {
    let slice = &bytes[span.start as usize..span.end as usize];
    let blank = |b: &u8| matches!(b, b' ' | b'\t');
    let front = slice.iter().take_while(|b| blank(b)).count();
    let back = slice[front..].iter().rev().take_while(|b| blank(b)).count();
    // Both counts are at most the length of the span, which fits.
    Span { start: span.start + front as u32, end: span.end - back as u32 }
}
