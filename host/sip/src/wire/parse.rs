//! From bytes to a [`Message`]: what RFC 3261 asks of every message, and RFC 4475's verdicts.

use bytes::Bytes;

use super::address::NameAddr;
use super::message::{Essentials, Field, Kind, Message, Span, Start};
use super::scan::{decimal, is_token, skip_space};
use super::split::{Lines, split};
use super::uri::{SipUri, is_uri};
use super::via::Via;

/// Why bytes are no message.
#[derive(Debug, Clone)]
pub enum ParseError {
    /// Nothing can or may be answered: no request, a response, an ACK, a keep-alive. Says why, for the log.
    Drop(&'static str),
    /// A request that is answered with an error.
    Answer(Box<Refusal>),
}

/// A request that broke a rule, as far as it was understood.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// 400, 505 or 513.
    pub status: u16,
    /// What is wrong, fit for a reason phrase.
    pub reason: &'static str,
    /// The message; fields point into it.
    pub bytes: Bytes,
    /// The fields that could be read.
    pub headers: Vec<Field>,
}

impl Message {
    /// Reads one message: a datagram, or what [`super::Framer`] cut out of a stream. Empty lines in front are
    /// skipped, bytes past Content-Length dropped (RFC 3261 18.3); without Content-Length the body is the rest.
    ///
    /// # Errors
    /// [`ParseError`] tells whether there is somebody to answer.
    pub fn parse(bytes: impl Into<Vec<u8>>) -> Result<Message, ParseError> {
        let mut bytes = bytes.into();
        if u32::try_from(bytes.len()).is_err() {
            return Err(ParseError::Drop("message of 4 GiB or more"));
        }
        let lines = split(&mut bytes).map_err(ParseError::Drop)?;
        let start = start(&bytes, lines.start).map_err(ParseError::Drop)?;
        let checked = match start {
            StartLine::Message(start) => check(&bytes, start, &lines).map(|(e, body)| (start, e, body)),
            StartLine::Refused(status, reason) => Err((status, reason)),
        };
        match checked {
            Ok((start, essentials, body)) => {
                bytes.truncate(body.end as usize);
                Ok(Message { bytes: bytes.into(), start, headers: lines.headers, body, essentials })
            }
            Err(_) if matches!(start, StartLine::Message(Start::Response { .. })) => {
                Err(ParseError::Drop("malformed response"))
            }
            Err((status, reason)) => Err(refusal(bytes, lines, status, reason)),
        }
    }

    /// The error for a request that is refused before its body was read, as by a limit or a missing
    /// Content-Length on a stream.
    pub(crate) fn refuse(bytes: impl Into<Vec<u8>>, status: u16, reason: &'static str) -> ParseError {
        let mut bytes = bytes.into();
        let read = split(&mut bytes).and_then(|lines| start(&bytes, lines.start).map(|start| (lines, start)));
        match read {
            Ok((_, StartLine::Message(Start::Response { .. }))) => ParseError::Drop(reason),
            Ok((lines, _)) => refusal(bytes, lines, status, reason),
            Err(why) => ParseError::Drop(why),
        }
    }
}

fn refusal(bytes: Vec<u8>, lines: Lines, status: u16, reason: &'static str) -> ParseError {
    if lines.start.of(&bytes).starts_with(b"ACK ") {
        return ParseError::Drop("malformed ACK");
    }
    if !lines.headers.iter().any(|field| field.kind == Kind::Via) {
        return ParseError::Drop("request without Via");
    }
    ParseError::Answer(Box::new(Refusal { status, reason, bytes: bytes.into(), headers: lines.headers }))
}

type Verdict<T> = Result<T, (u16, &'static str)>;

#[derive(Clone, Copy)]
enum StartLine {
    Message(Start),
    Refused(u16, &'static str),
}

/// Reads the first line. The error says why it belongs to no SIP message.
fn start(bytes: &[u8], span: Span) -> Result<StartLine, &'static str> {
    let line = span.of(bytes);
    let at = span.start as usize;
    if line.get(..8).is_some_and(|v| v.eq_ignore_ascii_case(b"SIP/2.0 ")) {
        let digits = line.get(8..11).and_then(|d| decimal(d, 699)).filter(|&s| s >= 100);
        let status = digits.and_then(|s| u16::try_from(s).ok()).ok_or("response code out of range")?;
        return match line.get(11) {
            None => Ok(Span::new(at + 11, at + 11)),
            Some(b' ') => Ok(Span::new(at + 12, at + line.len())),
            Some(_) => Err("response code out of range"),
        }
        .map(|reason| StartLine::Message(Start::Response { status, reason }));
    }
    let trimmed = line.trim_ascii_end();
    let last = memchr::memrchr(b' ', trimmed).ok_or("no SIP start line")?;
    let version = trimmed.get(last + 1..).unwrap_or_default();
    if !version.get(..4).is_some_and(|v| v.eq_ignore_ascii_case(b"SIP/")) {
        return Err("no SIP start line");
    }
    let method = memchr::memchr(b' ', line).unwrap_or_default();
    if !is_token(line.get(..method).unwrap_or_default()) {
        return Err("malformed method");
    }
    if !version.eq_ignore_ascii_case(b"SIP/2.0") {
        return Ok(StartLine::Refused(505, "Version Not Supported"));
    }
    let uri = line.get(method + 1..last).unwrap_or_default();
    if trimmed.len() != line.len() || uri.contains(&b' ') || uri.is_empty() {
        return Ok(StartLine::Refused(400, "Malformed Request-Line"));
    }
    if !is_uri(uri) || SipUri::parse(uri).is_some_and(|uri| uri.has_headers) {
        return Ok(StartLine::Refused(400, "Malformed Request-URI"));
    }
    Ok(StartLine::Message(Start::Request {
        method: Span::new(at, at + method),
        uri: Span::new(at + method + 1, at + last),
    }))
}

/// What must hold for every message (RFC 3261 8.1.1, 18.3), and what the host needs of it.
fn check(bytes: &[u8], start: Start, lines: &Lines) -> Verdict<(Essentials, Span)> {
    if let Some(fault) = lines.fault {
        return Err((400, fault));
    }
    let mut via = None;
    let (mut from, mut to, mut call_id, mut cseq) = (None, None, None, None);
    let mut max_forwards = None;
    let mut length = None;
    for field in &lines.headers {
        let slot = match field.kind {
            Kind::Via => {
                vias(bytes, field.value, &mut via)?;
                continue;
            }
            Kind::From => &mut from,
            Kind::To => &mut to,
            Kind::CallId => &mut call_id,
            Kind::CSeq => &mut cseq,
            Kind::MaxForwards => &mut max_forwards,
            Kind::ContentLength => &mut length,
            _ => continue,
        };
        if slot.replace(field.value).is_some() {
            return Err((400, "Repeated Header Field"));
        }
    }
    let via = via.ok_or((400, "Missing Via"))?;
    let from = address(bytes, from, "Missing From", "Malformed From")?;
    let to = address(bytes, to, "Missing To", "Malformed To")?;
    let call_id = call_id.filter(|v| !v.is_empty()).ok_or((400, "Missing Call-ID"))?;
    if call_id.of(bytes).iter().any(|&c| c <= b' ') {
        return Err((400, "Malformed Call-ID"));
    }
    let (cseq, cseq_method) = read_cseq(bytes, cseq.ok_or((400, "Missing CSeq"))?)?;
    if let Start::Request { method, .. } = start {
        if method.of(bytes) != cseq_method.of(bytes) {
            return Err((400, "CSeq Method Mismatch"));
        }
        // RFC 2543 knew no Max-Forwards, so a missing one is taken for 70.
        if max_forwards.is_some_and(|v| decimal(v.of(bytes), 255).is_none()) {
            return Err((400, "Malformed Max-Forwards"));
        }
    }
    let rest = bytes.len().saturating_sub(lines.body);
    let length = match length {
        None => rest,
        Some(v) => decimal(v.of(bytes), u64::from(u32::MAX))
            .and_then(|n| usize::try_from(n).ok())
            .ok_or((400, "Malformed Content-Length"))?,
    };
    if length > rest {
        return Err((400, "Body Shorter Than Content-Length"));
    }
    let essentials = Essentials { via, cseq, cseq_method, call_id, from_tag: from, to_tag: to };
    Ok((essentials, Span::new(lines.body, lines.body + length)))
}

fn vias(bytes: &[u8], value: Span, top: &mut Option<Via>) -> Verdict<()> {
    let field = value.of(bytes);
    let mut at = 0;
    loop {
        let (via, end) = Via::parse_at(field, at, value.start as usize).ok_or((400, "Malformed Via"))?;
        top.get_or_insert(via);
        match field.get(end) {
            None => return Ok(()),
            Some(b',') => at = end + 1,
            Some(_) => return Err((400, "Malformed Via")),
        }
    }
}

fn address(
    bytes: &[u8],
    value: Option<Span>,
    missing: &'static str,
    malformed: &'static str,
) -> Verdict<Option<Span>> {
    let value = value.ok_or((400, missing))?;
    let address = NameAddr::parse(value.of(bytes)).ok_or((400, malformed))?;
    let base = value.start as usize;
    Ok(address.tag.map(|(start, end)| Span::new(base + start, base + end)))
}

fn read_cseq(bytes: &[u8], value: Span) -> Verdict<(u32, Span)> {
    let text = value.of(bytes);
    let digits = text.iter().take_while(|c| c.is_ascii_digit()).count();
    let method = skip_space(text, digits);
    let number = decimal(text.get(..digits).unwrap_or_default(), u64::from(u32::MAX));
    match (number.and_then(|n| u32::try_from(n).ok()), text.get(method..)) {
        (Some(number), Some(name)) if method > digits && is_token(name) => {
            Ok((number, Span::new(value.start as usize + method, value.end as usize)))
        }
        _ => Err((400, "Malformed CSeq")),
    }
}
