//! Writes responses and requests.

use std::fmt::Write as _;
use std::net::SocketAddr;

use bytes::Bytes;

use super::message::{Field, Kind, Message};
use super::parse::Refusal;
use super::via::Via;
use crate::core::{Request, Response};

/// The lines that every response to one request has in common (RFC 3261 8.2.6.2): Via, From, To, Call-ID,
/// CSeq.
#[derive(Debug)]
pub(crate) struct Head {
    lines: Vec<u8>,
    /// Where a tag goes if the request had none.
    tag_at: Option<usize>,
}

impl Head {
    /// For a sound request from `source`.
    pub(crate) fn of(message: &Message, source: SocketAddr) -> Head {
        let essentials = &message.essentials;
        Head::new(
            &message.bytes,
            &message.headers,
            Some(&essentials.via),
            source,
            essentials.to_tag.is_none(),
        )
    }

    /// For a refused request: what it has of these fields, the first of each.
    pub(crate) fn of_refusal(refusal: &Refusal, via: Option<&Via>, source: SocketAddr) -> Head {
        let to = refusal.headers.iter().find(|field| field.kind == Kind::To);
        let address = to.and_then(|to| super::NameAddr::parse(to.value.of(&refusal.bytes)));
        let untagged = address.is_some_and(|address| address.tag.is_none());
        Head::new(&refusal.bytes, &refusal.headers, via, source, untagged)
    }

    fn new(bytes: &[u8], headers: &[Field], via: Option<&Via>, source: SocketAddr, untagged: bool) -> Head {
        let mut lines = Vec::with_capacity(512);
        let mut tag_at = None;
        let mut vias = headers.iter().filter(|field| field.kind == Kind::Via);
        if let Some(top) = vias.next() {
            lines.extend_from_slice(b"Via: ");
            match via {
                Some(via) => top_via(&mut lines, bytes, top, via, source),
                None => lines.extend_from_slice(top.value.of(bytes)),
            }
            lines.extend_from_slice(b"\r\n");
        }
        for field in vias {
            line(&mut lines, "Via", field.value.of(bytes));
        }
        for (kind, name) in
            [(Kind::From, "From"), (Kind::To, "To"), (Kind::CallId, "Call-ID"), (Kind::CSeq, "CSeq")]
        {
            if let Some(field) = headers.iter().find(|field| field.kind == kind) {
                line(&mut lines, name, field.value.of(bytes));
                if kind == Kind::To && untagged {
                    tag_at = Some(lines.len() - 2);
                }
            }
        }
        Head { lines, tag_at }
    }

    /// Writes a response. `tag` is used if the request had none; without one no tag is added (100).
    pub(crate) fn response(&self, response: &Response, tag: Option<&str>, contact: Option<&str>) -> Bytes {
        let size = self.lines.len() + response.reason.len() + response.headers.len() + response.body.len();
        let mut out = Vec::with_capacity(size + tag.map_or(0, str::len) + contact.map_or(0, str::len) + 64);
        out.extend_from_slice(b"SIP/2.0 ");
        number(&mut out, usize::from(response.status));
        out.push(b' ');
        out.extend(response.reason.bytes().map(|c| if c == b'\r' || c == b'\n' { b' ' } else { c }));
        out.extend_from_slice(b"\r\n");
        match (self.tag_at, tag) {
            (Some(at), Some(tag)) => {
                let (before, after) = self.lines.split_at(at.min(self.lines.len()));
                out.extend_from_slice(before);
                out.extend_from_slice(b";tag=");
                out.extend_from_slice(tag.as_bytes());
                out.extend_from_slice(after);
            }
            _ => out.extend_from_slice(&self.lines),
        }
        out.extend_from_slice(&response.headers);
        if let Some(contact) = contact {
            line(&mut out, "Contact", contact.as_bytes());
        }
        end(&mut out, &response.body);
        out.into()
    }
}

/// The topmost Via with `received` and `rport` as RFC 3261 18.2.1 and RFC 3581 4 ask.
fn top_via(out: &mut Vec<u8>, bytes: &[u8], field: &Field, via: &Via, source: SocketAddr) {
    let address = source.ip().to_canonical();
    let host = std::str::from_utf8(via.host.of(bytes)).unwrap_or_default();
    let differs = super::uri::host_address(host) != Some(address);
    let mut at = field.value.start as usize;
    let end = via.end as usize;
    let mut cuts = [via.received, via.rport];
    cuts.sort_by_key(|cut| cut.map_or(u32::MAX, |span| span.start));
    for cut in cuts.into_iter().flatten() {
        out.extend_from_slice(bytes.get(at..cut.start as usize).unwrap_or_default());
        at = cut.end as usize;
    }
    out.extend_from_slice(bytes.get(at..end).unwrap_or_default());
    let mut parameters = String::new();
    if differs || via.rport.is_some() {
        let _ = write!(parameters, ";received={address}");
    }
    if via.rport.is_some() {
        let _ = write!(parameters, ";rport={}", source.port());
    }
    out.extend_from_slice(parameters.as_bytes());
    out.extend_from_slice(bytes.get(end..field.value.end as usize).unwrap_or_default());
}

/// What the stack adds to a request.
pub(crate) struct RequestParts<'a> {
    /// `UDP` or `TCP`.
    pub(crate) transport: &'static str,
    /// sent-by.
    pub(crate) sent_by: &'a str,
    pub(crate) branch: &'a str,
    pub(crate) contact: Option<&'a str>,
}

/// Writes a request.
pub(crate) fn request_bytes(request: &Request, parts: &RequestParts<'_>) -> Bytes {
    let size = request.method.len() + request.uri.len() + request.headers.len() + request.body.len();
    let added = parts.sent_by.len() + parts.branch.len() + parts.contact.map_or(0, str::len);
    let mut out = Vec::with_capacity(size + added + 128);
    for part in
        [request.method.as_str(), " ", &request.uri, " SIP/2.0\r\nVia: SIP/2.0/", parts.transport, " "]
    {
        out.extend_from_slice(part.as_bytes());
    }
    for part in [parts.sent_by, ";branch=", parts.branch, ";rport\r\nMax-Forwards: 70\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    out.extend_from_slice(&request.headers);
    if let Some(contact) = parts.contact {
        line(&mut out, "Contact", contact.as_bytes());
    }
    end(&mut out, &request.body);
    out.into()
}

fn line(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

fn end(out: &mut Vec<u8>, body: &[u8]) {
    out.extend_from_slice(b"Content-Length: ");
    number(out, body.len());
    out.extend_from_slice(b"\r\n\r\n");
    out.extend_from_slice(body);
}

fn number(out: &mut Vec<u8>, mut n: usize) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        if let Some(slot) = digits.get_mut(at) {
            *slot = b'0' + u8::try_from(n % 10).unwrap_or_default();
        }
        n /= 10;
        if n == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(at..).unwrap_or_default());
}
