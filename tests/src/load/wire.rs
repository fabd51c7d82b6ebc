//! Just enough SIP to write the generator's requests and to read what comes back, quickly.

use super::dialog::{Presentity, Slot};
use std::fmt::Write as _;

/// Value of the first header of that name; the names that a server may write in compact form are
/// not used in compact form by those measured.
pub fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    lines(head).find_map(|line| {
        let (own, value) = line.split_once(':')?;
        own.trim_end().eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

fn lines(head: &str) -> impl Iterator<Item = &str> {
    head.split("\r\n").skip(1).take_while(|line| !line.is_empty())
}

/// The text between two marks.
pub fn between<'a>(text: &'a str, before: &str, after: &[char]) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    Some(rest.split(after).next().unwrap_or(rest))
}

/// The number of a state in a document written by [`document`].
pub fn state_of(body: &str) -> Option<u64> {
    between(body, "state-", &['<'])?.parse().ok()
}

/// A document of about that length, with the number of its state.
pub fn document(out: &mut String, entity: &str, state: u64, length: usize) {
    out.clear();
    let _ = write!(
        out,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"{entity}\">\
         <tuple id=\"t1\"><status><basic>open</basic></status><contact priority=\"0.8\">{entity}</contact>\
         <note>state-{state}</note><note>"
    );
    let end = "</note></tuple></presence>\n";
    while out.len() + end.len() < length {
        out.push('.');
    }
    out.push_str(end);
}

/// 200 to a request.
pub fn ok(out: &mut String, request: &str) {
    out.clear();
    out.push_str("SIP/2.0 200 OK\r\n");
    for line in lines(request) {
        let name = line.split(':').next().unwrap_or_default().trim_end();
        if ["Via", "From", "To", "Call-ID", "CSeq"].iter().any(|n| n.eq_ignore_ascii_case(name)) {
            out.push_str(line);
            out.push_str("\r\n");
        }
    }
    out.push_str("Content-Length: 0\r\n\r\n");
}

/// A PUBLISH, initial or to replace, with a document.
pub fn publish(
    out: &mut String,
    own: &str,
    run: u64,
    number: u64,
    presentity: &Presentity,
    expires: u32,
    body: &str,
) {
    let uri = &presentity.uri;
    let _ = write!(
        out,
        "PUBLISH {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{run:x}.{number}\r\n\
         Max-Forwards: 70\r\nFrom: <{uri}>;tag=p{number}\r\nTo: <{uri}>\r\n\
         Call-ID: p{number}.{run:x}\r\nCSeq: 1 PUBLISH\r\nP-Asserted-Identity: <{uri}>\r\n\
         Event: presence\r\nExpires: {expires}\r\n"
    );
    if !presentity.etag.is_empty() {
        let _ = write!(out, "SIP-If-Match: {}\r\n", presentity.etag);
    }
    let length = body.len();
    let _ = write!(out, "Content-Type: application/pidf+xml\r\nContent-Length: {length}\r\n\r\n{body}");
}

/// A SUBSCRIBE of a slot, out of dialog or in it.
#[allow(clippy::too_many_arguments)]
pub fn subscribe(
    out: &mut String,
    own: &str,
    run: u64,
    number: u64,
    slot: &Slot,
    watcher: &str,
    domain: &str,
    expires: u32,
) {
    let Slot { target, to, generation, cseq, .. } = slot;
    let _ = write!(
        out,
        "SUBSCRIBE {target} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{run:x}.{number}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:{watcher}@{domain}>;tag={watcher}\r\nTo: {to}\r\n\
         Call-ID: {watcher}.{generation}.{run:x}\r\nCSeq: {cseq} SUBSCRIBE\r\n\
         P-Asserted-Identity: <sip:{watcher}@{domain}>\r\nContact: <sip:load@{own}>\r\n\
         Event: presence\r\nExpires: {expires}\r\nAccept: application/pidf+xml\r\n\
         Content-Length: 0\r\n\r\n"
    );
}
