//! A view over a message whose header fields the host has found.

use super::lex::{SplitOutside, split_outside};
use super::{HeaderName, Malformed};

/// Part of a message: offsets of the first byte and behind the last one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Offset behind the last byte.
    pub end: u32,
}

impl Span {
    /// The bytes; empty if the span does not fit the message.
    fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// Where a message came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peer<'a> {
    /// IP address and port, `192.0.2.1:5060` or `[2001:db8::1]:5060`; empty if not known.
    pub address: &'a str,
    /// True if it is in the trust domain (RFC 3325).
    pub trusted: bool,
}

#[derive(Clone, Copy, Debug)]
struct Field {
    name: HeaderName,
    raw_name: Span,
    value: Span,
}

/// What the first line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    Request { method: Span, uri: Span },
    Response { status: u16 },
}

/// A request or response: bytes and where its parts lie. Values are handed out as slices of the bytes.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    bytes: &'a [u8],
    start: Start,
    fields: Vec<Field>,
    /// One bit a name that occurs, so that asking for an absent header costs nothing.
    present: u64,
    body: Span,
    peer: Peer<'a>,
}

impl<'a> Message<'a> {
    /// A request. `fields` are the spans of name and value, in order of appearance.
    pub fn request(
        bytes: &'a [u8],
        method: Span,
        uri: Span,
        fields: impl IntoIterator<Item = (Span, Span)>,
        body: Span,
    ) -> Self {
        Self::new(bytes, Start::Request { method, uri }, fields, body)
    }

    /// A response.
    pub fn response(
        bytes: &'a [u8],
        status: u16,
        fields: impl IntoIterator<Item = (Span, Span)>,
        body: Span,
    ) -> Self {
        Self::new(bytes, Start::Response { status }, fields, body)
    }

    fn new(
        bytes: &'a [u8],
        start: Start,
        fields: impl IntoIterator<Item = (Span, Span)>,
        body: Span,
    ) -> Self {
        let fields = fields.into_iter();
        let mut classified = Vec::with_capacity(fields.size_hint().0);
        let mut present = 0;
        for (raw_name, value) in fields {
            let name = HeaderName::classify(raw_name.of(bytes));
            present |= 1u64 << name as u8;
            classified.push(Field { name, raw_name, value });
        }
        Self { bytes, start, fields: classified, present, body, peer: Peer::default() }
    }

    /// The same as it came from a peer.
    #[must_use]
    pub fn from_peer(self, peer: Peer<'a>) -> Self {
        Self { peer, ..self }
    }

    /// Where it came from.
    pub fn peer(&self) -> Peer<'a> {
        self.peer
    }

    /// The method; empty for a response or if it is no UTF-8.
    pub fn method(&self) -> &'a str {
        match self.start {
            Start::Request { method, .. } => str::from_utf8(method.of(self.bytes)).unwrap_or_default(),
            Start::Response { .. } => "",
        }
    }

    /// The Request-URI as text; empty for a response. It fails if it is no UTF-8.
    pub fn uri(&self) -> Result<&'a str, Malformed> {
        match self.start {
            Start::Request { uri, .. } => utf8(uri.of(self.bytes), "Request-URI"),
            Start::Response { .. } => Ok(""),
        }
    }

    /// Status of a response; none for a request.
    pub fn status(&self) -> Option<u16> {
        match self.start {
            Start::Request { .. } => None,
            Start::Response { status } => Some(status),
        }
    }

    /// The body; empty for none.
    pub fn body(&self) -> &'a [u8] {
        self.body.of(self.bytes)
    }

    /// The whole message.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// True if there is such a header.
    pub fn has(&self, name: HeaderName) -> bool {
        self.present & (1u64 << name as u8) != 0
    }

    /// Number of header lines of that name.
    pub fn count(&self, name: HeaderName) -> usize {
        if self.has(name) { self.fields.iter().filter(|field| field.name == name).count() } else { 0 }
    }

    /// Values of the header lines of that name, in order, not split at commas.
    pub fn lines(&self, name: HeaderName) -> Lines<'a, '_> {
        let fields = if self.has(name) { self.fields.as_slice() } else { &[] };
        Lines { bytes: self.bytes, fields: fields.iter(), name }
    }

    /// Value of the first header line of that name.
    pub fn first(&self, name: HeaderName) -> Result<Option<&'a str>, Malformed> {
        self.lines(name).next().transpose()
    }

    /// Value of the only header line of that name. It fails if there are several: for headers
    /// that may occur once.
    pub fn single(&self, name: HeaderName) -> Result<Option<&'a str>, Malformed> {
        let mut lines = self.lines(name);
        let first = lines.next().transpose()?;
        if first.is_some() && lines.next().is_some() {
            return Err(Malformed(name.as_str()));
        }
        Ok(first)
    }

    /// As [`Message::single`], for a header that must be there.
    pub fn required(&self, name: HeaderName) -> Result<&'a str, Malformed> {
        self.single(name)?.ok_or(Malformed(name.as_str()))
    }

    /// Values of that name over all lines, split at commas outside of quotes and angle
    /// brackets, trimmed. Empty list elements are left out.
    pub fn values(&self, name: HeaderName) -> Values<'a, '_> {
        Values { lines: self.lines(name), current: None }
    }

    /// Value of the first header line with a name that [`HeaderName`] does not know; any case.
    pub fn other(&self, name: &str) -> Result<Option<&'a str>, Malformed> {
        let fits = |field: &&Field| {
            field.name == HeaderName::Other
                && field.raw_name.of(self.bytes).eq_ignore_ascii_case(name.as_bytes())
        };
        self.fields.iter().find(fits).map(|f| utf8(f.value.of(self.bytes), "header")).transpose()
    }
}

fn utf8<'a>(bytes: &'a [u8], what: &'static str) -> Result<&'a str, Malformed> {
    str::from_utf8(bytes).map_err(|_| Malformed(what))
}

/// See [`Message::lines`].
#[derive(Clone, Debug)]
pub struct Lines<'a, 'm> {
    bytes: &'a [u8],
    fields: std::slice::Iter<'m, Field>,
    name: HeaderName,
}

impl<'a> Iterator for Lines<'a, '_> {
    type Item = Result<&'a str, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let field = self.fields.by_ref().find(|field| field.name == self.name)?;
        Some(utf8(field.value.of(self.bytes), self.name.as_str()))
    }
}

/// See [`Message::values`].
#[derive(Clone, Debug)]
pub struct Values<'a, 'm> {
    lines: Lines<'a, 'm>,
    current: Option<SplitOutside<'a>>,
}

impl<'a> Iterator for Values<'a, '_> {
    type Item = Result<&'a str, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(value) = self.current.as_mut().and_then(Iterator::next) {
                if value.is_empty() {
                    continue;
                }
                return Some(Ok(value));
            }
            match self.lines.next()? {
                Ok(line) => self.current = Some(split_outside(line, b',')),
                Err(malformed) => {
                    self.current = None;
                    return Some(Err(malformed));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::owned::OwnedMessage;
    use super::*;

    fn message() -> OwnedMessage {
        let text = b"SUBSCRIBE sip:a@b.com SIP/2.0\r\n\
            o: presence\r\nAccept : application/pidf+xml,\r\n application/xpidf+xml\r\n\
            ACCEPT: text/plain;x=\"a,b\",,\r\nX-New: 1\r\nTo: \xff\r\nt: sip:b@c.com\r\nExpires:\r\n\r\nbody\r\n";
        OwnedMessage::parse(text).unwrap()
    }

    /// RFC 3261 7.3.1 and 7.3.3 (SIP-19).
    #[test]
    fn joined_repeated_folded_and_compact_headers_are_alike() {
        let owned = message();
        let message = owned.view();
        assert_eq!((message.method(), message.uri()), ("SUBSCRIBE", Ok("sip:a@b.com")));
        assert_eq!(message.first(HeaderName::Event), Ok(Some("presence")));
        assert_eq!(message.count(HeaderName::Accept), 2);
        let values: Vec<_> = message.values(HeaderName::Accept).map(Result::unwrap).collect();
        assert_eq!(values, ["application/pidf+xml", "application/xpidf+xml", "text/plain;x=\"a,b\""]);
        assert_eq!(message.single(HeaderName::Accept), Err(Malformed("Accept")));
        assert_eq!(message.first(HeaderName::Expires), Ok(Some("")));
        assert_eq!(message.values(HeaderName::Expires).count(), 0);
        assert_eq!(message.other("x-new"), Ok(Some("1")));
        assert_eq!(message.other("Accept"), Ok(None));
        assert_eq!(message.required(HeaderName::Route), Err(Malformed("Route")));
        assert!(message.has(HeaderName::Accept) && !message.has(HeaderName::Route));
        assert_eq!(message.body(), b"body\r\n");
    }

    #[test]
    fn broken_utf8_hurts_only_who_asks() {
        let owned = message();
        let message = owned.view();
        assert_eq!(message.first(HeaderName::To), Err(Malformed("To")));
        let lines: Vec<_> = message.lines(HeaderName::To).collect();
        assert_eq!(lines, [Err(Malformed("To")), Ok("sip:b@c.com")]);
        let values: Vec<_> = message.values(HeaderName::To).collect();
        assert_eq!(values, lines);
    }

    #[test]
    fn responses_have_a_status() {
        let owned = OwnedMessage::parse(b"SIP/2.0 202 Accepted\nCSeq: 1 NOTIFY\n\n").unwrap();
        let message = owned.view();
        assert_eq!((message.status(), message.method()), (Some(202), ""));
        assert_eq!(message.required(HeaderName::CSeq), Ok("1 NOTIFY"));
    }
}
