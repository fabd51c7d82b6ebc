//! What must hold for every message that the server emits, whatever the test is about.

use crate::message::{Message, Start, address, parameter, tag};
use rsip::message::HeadersExt as _;
use rsip::prelude::{ToTypedHeader as _, UntypedHeader as _};

/// Checks a message as received; the error says what is wrong.
///
/// RFC 3261 8.1.1 and 8.2.6: mandatory headers once each, CSeq that fits, tags, Via with a
/// branch; 18.3 and 20.14: Content-Length there and right; 7.4.1: a body has a type. Then the
/// message is read by `rsip`, and what it makes of it is compared.
pub fn check(message: &Message, bytes: &[u8]) -> Result<(), String> {
    for name in ["From", "To", "Call-ID", "CSeq", "Content-Length"] {
        let count = message.all(name).count();
        if count != 1 {
            return Err(format!("{count} headers {name}"));
        }
    }
    if message.header("Via").is_none() {
        return Err("no Via".into());
    }
    let length = message.header("Content-Length").unwrap_or_default();
    if length.parse() != Ok(message.body.len()) {
        return Err(format!("Content-Length {length:?}, body of {} bytes", message.body.len()));
    }
    if message.body.is_empty() == message.header("Content-Type").is_some() {
        return Err("a body has a Content-Type, and no body has none".into());
    }
    let cseq = message.header("CSeq").unwrap_or_default();
    match cseq.split_once(' ') {
        Some((n, m)) if n.parse::<u32>().is_ok_and(|n| n < 1 << 31) && !m.is_empty() => {}
        _ => return Err(format!("CSeq {cseq:?}")),
    }
    for name in ["Expires", "Min-Expires", "Retry-After"] {
        for value in message.all(name) {
            if value.parse::<u32>().is_err() {
                return Err(format!("{name} {value:?} is no number of seconds"));
            }
        }
    }
    match &message.start {
        Start::Request { method, .. } => request(message, method)?,
        Start::Response { status, .. } => response(message, *status)?,
    }
    by_rsip(message, bytes)
}

fn request(message: &Message, method: &str) -> Result<(), String> {
    if message.method() != message.header("CSeq").and_then(|c| c.split(' ').nth(1)).unwrap_or_default() {
        return Err("method of the start line is not that of CSeq".into());
    }
    if !message.branch().starts_with("z9hG4bK") || message.branch().len() < 12 {
        return Err("branch without cookie (RFC 3261 8.1.1.7)".into());
    }
    match message.header("Max-Forwards").map(str::parse::<u8>) {
        Some(Ok(1..)) => {}
        other => return Err(format!("Max-Forwards {other:?}")),
    }
    if tag(message.header("From").unwrap_or_default()).is_none() {
        return Err("From has no tag".into());
    }
    if method == "NOTIFY" {
        for name in ["Event", "Subscription-State", "Contact"] {
            if message.all(name).count() != 1 {
                return Err(format!("a NOTIFY has exactly one {name} (RFC 6665 8.1.1)"));
            }
        }
        subscription_state(message.header("Subscription-State").unwrap_or_default())?;
    }
    if method == "SUBSCRIBE" {
        for name in ["Event", "Contact", "Expires"] {
            if message.all(name).count() != 1 {
                return Err(format!("a SUBSCRIBE has exactly one {name} (RFC 6665 3.1.1, 8.1.1)"));
            }
        }
    }
    Ok(())
}

/// SUB-13, SUB-14 (RFC 6665 4.2.2, 4.1.3).
fn subscription_state(value: &str) -> Result<(), String> {
    let expires = parameter(value, "expires");
    match value.split(';').next().unwrap_or_default().trim() {
        "active" | "pending" => match expires.map(|e| e.parse::<u32>()) {
            Some(Ok(_)) => Ok(()),
            _ => Err(format!("no expires in Subscription-State {value:?}")),
        },
        "terminated" => {
            let reason = parameter(value, "reason");
            if expires.is_some() || reason.is_none() {
                return Err(format!("terminated carries a reason and no expires: {value:?}"));
            }
            let retry = parameter(value, "retry-after").is_some();
            let may = ["probation", "giveup", "invariant"].contains(&reason.unwrap_or_default().as_str());
            if retry && !may { Err(format!("retry-after does not go with {value:?}")) } else { Ok(()) }
        }
        _ => Err(format!("Subscription-State {value:?}")),
    }
}

fn response(message: &Message, status: u16) -> Result<(), String> {
    if (101..200).contains(&status) {
        return Err("a provisional other than 100 to a non-INVITE (RFC 4320 4.1)".into());
    }
    if status == 408 {
        return Err("408 to a non-INVITE (RFC 4320 4.2)".into());
    }
    if status == 202 && message.method() == "SUBSCRIBE" {
        return Err("202 to a SUBSCRIBE (RFC 6665 8.3.1)".into());
    }
    if status >= 200 && tag(message.header("To").unwrap_or_default()).is_none() {
        return Err("final response without To tag (RFC 3261 8.2.6.2)".into());
    }
    if status == 407 {
        return Err("407 from a user agent (RFC 3261 22.2)".into());
    }
    let need = match status {
        405 => Some("Allow"),
        420 => Some("Unsupported"),
        423 => Some("Min-Expires"),
        489 => Some("Allow-Events"),
        401 => Some("WWW-Authenticate"),
        503 => Some("Retry-After"),
        _ => None,
    };
    match need {
        Some(name) if message.header(name).is_none() => Err(format!("{status} without {name}")),
        _ => Ok(()),
    }
}

/// True for URIs that rsip's grammar can read: it knows neither IPv6 nor other schemes.
fn within_rsip(uri: &str) -> bool {
    uri.starts_with("sip:") && !uri.contains('[')
}

fn by_rsip(message: &Message, bytes: &[u8]) -> Result<(), String> {
    let uris = [message.uri(), address(message.header("Contact").unwrap_or("sip:none@invalid"))];
    // Nor does it read addresses of IPv6 in Via.
    if message.all("Via").any(|via| via.contains('[')) {
        return Ok(());
    }
    if uris.iter().any(|u| !u.is_empty() && !within_rsip(u)) {
        return Ok(());
    }
    let known = ["NOTIFY", "SUBSCRIBE", "PUBLISH", "OPTIONS", "REGISTER", "CANCEL", "INVITE", "MESSAGE"];
    if !known.contains(&message.method()) {
        return Ok(());
    }
    let parsed = rsip::SipMessage::try_from(bytes).map_err(|e| format!("rsip cannot read it: {e}"))?;
    let wrong = |what: &str| Err(format!("rsip reads another {what}"));
    match (&parsed, &message.start) {
        // 202 is read as 201 by rsip 0.4.
        (rsip::SipMessage::Response(r), Start::Response { status, .. }) if *status != 202 => {
            if r.status_code.code() != *status {
                return wrong("status");
            }
        }
        (rsip::SipMessage::Request(r), Start::Request { method, .. }) => {
            if r.method.to_string() != *method {
                return wrong("method");
            }
        }
        (rsip::SipMessage::Response(_), Start::Response { .. }) => {}
        _ => return wrong("kind of message"),
    }
    if parsed.body() != &message.body {
        return wrong("body");
    }
    let call_id = parsed.call_id_header().map_err(|e| e.to_string())?.value().to_owned();
    if call_id != message.call_id() {
        return wrong("Call-ID");
    }
    let cseq = parsed.cseq_header().and_then(|h| h.typed()).map_err(|e| e.to_string())?;
    if cseq.seq != message.cseq() || cseq.method.to_string() != message.method() {
        return wrong("CSeq");
    }
    let via = parsed.via_header().and_then(|h| h.typed()).map_err(|e| e.to_string())?;
    if via.branch().map(|b| b.value().to_owned()).unwrap_or_default() != message.branch() {
        return wrong("branch");
    }
    // In a response, From is what this side has written itself.
    if message.status() != 0 {
        return Ok(());
    }
    let own = message.header("From").unwrap_or_default();
    if !within_rsip(address(own)) {
        return Ok(());
    }
    let from = parsed.from_header().map_err(|e| e.to_string())?;
    let from = rsip::typed::From::try_from(from.clone()).map_err(|e| format!("From: {e}"))?;
    if from.tag().map(|t| t.value().to_owned()) != tag(own) {
        return wrong("From tag");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::Message;

    const GOOD: &str = "NOTIFY sip:phone@127.0.0.1:5070 SIP/2.0\r\n\
        Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK0123456789\r\nMax-Forwards: 70\r\n\
        From: <sip:alice@example.com>;tag=a\r\nTo: <sip:bob@example.com>;tag=b\r\nCall-ID: c\r\n\
        CSeq: 7 NOTIFY\r\nContact: <sip:127.0.0.1:5060>\r\nEvent: presence\r\n\
        Subscription-State: active;expires=60\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi";

    fn verdict(text: &str) -> Result<(), String> {
        Message::parse(text.as_bytes()).and_then(|message| check(&message, text.as_bytes()))
    }

    /// Every rule is one that a message can break: the check must see it.
    #[test]
    fn each_fault_is_seen() {
        assert_eq!(verdict(GOOD), Ok(()));
        let faults = [
            ("Content-Length: 2", "Content-Length: 3"),
            ("Content-Length: 2\r\n", ""),
            ("Content-Type: text/plain\r\n", ""),
            ("CSeq: 7 NOTIFY", "CSeq: 7 PUBLISH"),
            ("CSeq: 7 NOTIFY", "CSeq: 2147483648 NOTIFY"),
            ("branch=z9hG4bK0123456789", "branch=1"),
            ("Max-Forwards: 70\r\n", ""),
            (";tag=a", ""),
            ("Event: presence\r\n", ""),
            ("Event: presence", "Event: presence\r\nEvent: presence"),
            ("active;expires=60", "active"),
            ("active;expires=60", "terminated"),
            ("active;expires=60", "terminated;reason=timeout;expires=0"),
            ("active;expires=60", "terminated;reason=timeout;retry-after=5"),
            ("Call-ID: c\r\n", "Call-ID: c\r\nCall-ID: c\r\n"),
            ("Event: presence", "Event:\r\n presence"),
            ("Event: presence", "Event"),
            ("\r\n\r\nhi", "\r\nhi"),
        ];
        for (good, bad) in faults {
            assert!(GOOD.contains(good));
            assert!(verdict(&GOOD.replacen(good, bad, 1)).is_err(), "{bad:?} for {good:?} went unseen");
        }
    }

    /// Statuses that must not be sent, or not without a certain header.
    #[test]
    fn a_wrong_status_is_seen() {
        let with = |status: &str, header: &str| {
            let text = format!(
                "SIP/2.0 {status} Because\r\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK0123456789\r\n\
                 From: <sip:bob@example.com>;tag=b\r\nTo: <sip:alice@example.com>;tag=a\r\nCall-ID: c\r\n\
                 CSeq: 7 SUBSCRIBE\r\n{header}Content-Length: 0\r\n\r\n"
            );
            verdict(&text)
        };
        assert_eq!(with("200", ""), Ok(()));
        for status in ["180", "202", "407", "408", "405", "420", "423", "489", "503", "999"] {
            assert!(with(status, "").is_err(), "{status}");
        }
        for (status, header) in [("405", "Allow: NOTIFY\r\n"), ("423", "Min-Expires: 60\r\n")] {
            assert_eq!(with(status, header), Ok(()));
        }
        assert!(with("423", "Min-Expires: soon\r\n").is_err());
    }
}
