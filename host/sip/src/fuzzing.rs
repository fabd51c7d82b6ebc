//! Entry points for a fuzzer. They return if all is well and panic if a promise is broken.

use crate::core::Request;
use crate::transport::route;
use crate::wire::{Framer, Message, NameAddr, SipUri, Unit};

/// Any datagram: reading it must not panic, and what is read must lie within the message and read the same
/// again.
pub fn wire(data: &[u8]) {
    let _ = NameAddr::parse(data);
    let _ = SipUri::parse(data);
    let Ok(message) = Message::parse(data) else { return };
    let length = message.bytes.len();
    for field in &message.headers {
        for span in [field.name, field.value] {
            assert!(span.start <= span.end && span.end as usize <= length, "span outside of the message");
        }
        assert!(!message.get(field.value).contains(&b'\n'), "line end in a value");
    }
    assert!(message.body.end as usize == length, "bytes after the body");
    let Ok(again) = Message::parse(message.bytes.to_vec()) else { unreachable!("a read message is refused") };
    assert!(again.headers == message.headers && again.body == message.body, "read differently again");
}

/// Any stream, whole and byte by byte: the same units must come out.
pub fn stream(data: &[u8]) {
    let max = 4096;
    let mut whole = Framer::new(max);
    whole.push(data);
    let expected: Vec<Unit> = std::iter::from_fn(|| whole.next_unit()).collect();
    let mut bytewise = Framer::new(max);
    let mut units = Vec::new();
    for byte in data {
        bytewise.push(std::slice::from_ref(byte));
        units.extend(std::iter::from_fn(|| bytewise.next_unit()));
    }
    assert!(units == expected, "the stream was cut differently");
    for unit in units {
        if let Unit::Message(bytes) = unit {
            wire(&bytes);
        }
    }
}

/// Any route set and remote target, as peers put them into a dialog: choosing the first hop must not panic, and
/// what goes out keeps its line ends.
pub fn routing(data: &[u8]) {
    let cut = memchr::memchr(0, data).unwrap_or(data.len());
    let (uri, routes) = data.split_at(cut);
    let mut headers = b"Route: ".to_vec();
    headers.extend(routes.iter().filter(|byte| !matches!(byte, b'\r' | b'\n' | 0)));
    headers.extend_from_slice(b"\r\nEvent: presence\r\n");
    let uri = String::from_utf8_lossy(uri).into_owned();
    let mut request =
        Request { method: "NOTIFY".to_owned(), uri, headers: headers.into(), ..Request::default() };
    if route(&mut request).is_ok() {
        assert!(request.headers.ends_with(b"\r\n"), "a header block without its end");
        assert!(!request.headers.starts_with(b"\r\n"), "an empty line in the header block");
    }
}
