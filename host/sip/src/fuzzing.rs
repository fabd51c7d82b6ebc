//! Entry points for a fuzzer. They return if all is well and panic if a promise is broken.

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
