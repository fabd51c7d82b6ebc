//! A message as bytes and spans into them.

use bytes::Bytes;

use super::via::Via;

/// Part of a message: `start` is the offset of the first byte, `end` the offset after the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Offset after the last byte.
    pub end: u32,
}

impl Span {
    pub(crate) fn new(start: usize, end: usize) -> Span {
        // Messages are far below 4 GiB: the parser refuses longer ones before it makes a span.
        Span { start: u32::try_from(start).unwrap_or(u32::MAX), end: u32::try_from(end).unwrap_or(u32::MAX) }
    }

    /// The bytes; empty if the span does not fit the buffer.
    pub fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// Length in bytes.
    pub fn len(self) -> usize {
        self.end.saturating_sub(self.start) as usize
    }

    /// True if the span holds nothing.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// The first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// `METHOD uri SIP/2.0`
    Request {
        /// The method, as received (methods are case-sensitive).
        method: Span,
        /// The Request-URI.
        uri: Span,
    },
    /// `SIP/2.0 status reason`
    Response {
        /// 100 to 699.
        status: u16,
        /// The reason phrase, maybe empty.
        reason: Span,
    },
}

/// Header fields that the host itself reads; all others are `Other`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Kind {
    Via,
    From,
    To,
    CallId,
    CSeq,
    MaxForwards,
    ContentLength,
    ContentType,
    Contact,
    Route,
    Require,
    RetryAfter,
    Expires,
    Date,
    AssertedIdentity,
    Other,
}

/// One header field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// The name as received, any case, maybe the compact form.
    pub name: Span,
    /// The value without surrounding white space; folding has been replaced by spaces.
    pub value: Span,
    /// What the host knows it as, compact forms included.
    pub kind: Kind,
}

/// What every message has (RFC 3261 8.1.1), read once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Essentials {
    /// The topmost Via.
    pub via: Via,
    /// Number of CSeq.
    pub cseq: u32,
    /// Method of CSeq; in a request the same as that of the first line.
    pub cseq_method: Span,
    /// Call-ID.
    pub call_id: Span,
    /// Tag of From; RFC 2543 had none.
    pub from_tag: Option<Span>,
    /// Tag of To; none outside of a dialog.
    pub to_tag: Option<Span>,
}

/// A message that has been split, not interpreted. Cloning shares the bytes.
#[derive(Debug, Clone)]
pub struct Message {
    /// The whole message, without bytes past its Content-Length. All spans point into it.
    pub bytes: Bytes,
    /// The first line.
    pub start: Start,
    /// Header fields in order of appearance. Comma-joined values are not split.
    pub headers: Vec<Field>,
    /// The body.
    pub body: Span,
    /// Values that the stack itself needed.
    pub essentials: Essentials,
}

impl Message {
    /// The bytes of a span.
    pub fn get(&self, span: Span) -> &[u8] {
        span.of(&self.bytes)
    }

    /// The method of a request; none in a response.
    pub fn method(&self) -> Option<&[u8]> {
        match self.start {
            Start::Request { method, .. } => Some(self.get(method)),
            Start::Response { .. } => None,
        }
    }

    /// The status of a response; none in a request.
    pub fn status(&self) -> Option<u16> {
        match self.start {
            Start::Request { .. } => None,
            Start::Response { status, .. } => Some(status),
        }
    }

    /// Values of all fields of a kind, in order.
    pub fn values(&self, kind: Kind) -> impl Iterator<Item = &[u8]> {
        self.headers.iter().filter(move |field| field.kind == kind).map(|field| self.get(field.value))
    }

    /// Value of the first field of a kind.
    pub fn value(&self, kind: Kind) -> Option<&[u8]> {
        self.values(kind).next()
    }

    /// Value of the first field of this name (long form), in any case; for fields that are `Other`.
    pub fn named(&self, name: &str) -> Option<&[u8]> {
        self.headers
            .iter()
            .find(|field| self.get(field.name).eq_ignore_ascii_case(name.as_bytes()))
            .map(|field| self.get(field.value))
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        self.get(self.body)
    }
}
