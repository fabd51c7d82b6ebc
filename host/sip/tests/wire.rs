//! Properties of the wire layer (SIP-18, SIP-19).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use rollcall_sip::fuzzing;
use rollcall_sip::wire::{Framer, Kind, Message, Unit};

fn message(method: &str, headers: &[(String, String)], body: &[u8]) -> Vec<u8> {
    let mut text = format!(
        "{method} sip:a@example.com SIP/2.0\r\nv: SIP/2.0/TCP [2001:db8::1]:5070;branch=z9hG4bKx\r\n\
         f: <sip:b@example.com>;tag=1\r\nt: sip:a@example.com\r\ni: 1@b\r\nCSeq: 4294967295 {method}\r\n"
    );
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str(&format!("l: {}\r\n\r\n", body.len()));
    [text.as_bytes(), body].concat()
}

prop_compose! {
    fn any_message()(
        method in "[A-Z]{3,10}",
        headers in prop::collection::vec(("X-[a-z]{1,8}", "[!-~]([ -~]{0,40}[!-~])?"), 0..8),
        body in prop::collection::vec(any::<u8>(), 0..200),
    ) -> (Vec<(String, String)>, Vec<u8>, Vec<u8>) {
        let bytes = message(&method, &headers, &body);
        (headers, body, bytes)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_without_panic(data in prop::collection::vec(any::<u8>(), 0..600)) {
        fuzzing::wire(&data);
        fuzzing::routing(&data);
        fuzzing::stream(&data);
    }

    #[test]
    fn a_damaged_message_is_read_without_panic(
        (_, _, mut bytes) in any_message(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        fuzzing::wire(&bytes);
        fuzzing::stream(&bytes);
    }

    #[test]
    fn what_was_written_is_read((headers, body, bytes) in any_message()) {
        let message = Message::parse(bytes).unwrap();
        prop_assert_eq!(message.body(), &body[..]);
        for (name, value) in &headers {
            let all: Vec<&[u8]> = message
                .headers
                .iter()
                .filter(|field| message.get(field.name) == name.as_bytes())
                .map(|field| message.get(field.value))
                .collect();
            prop_assert!(all.contains(&value.as_bytes()));
        }
        prop_assert_eq!(message.value(Kind::CallId), Some(b"1@b".as_slice()));
        prop_assert_eq!(message.essentials.cseq, u32::MAX);
    }

    #[test]
    fn folding_is_the_same_as_a_space(
        words in prop::collection::vec("[!-~]{1,10}", 1..8),
        folds in prop::collection::vec(("[ \t]{0,2}", "[ \t]{1,3}"), 8),
    ) {
        let mut value = String::new();
        for (word, (before, after)) in words.iter().zip(&folds) {
            value.push_str(&format!("{before}\r\n{after}{word}"));
        }
        let bytes = message("OPTIONS", &[("X-folded".into(), value)], b"body");
        let message = Message::parse(bytes).unwrap();
        let read = String::from_utf8(message.named("x-FOLDED").unwrap().to_vec()).unwrap();
        prop_assert!(!read.contains(['\r', '\n']), "contiguous");
        let found: Vec<&str> = read.split_ascii_whitespace().collect();
        prop_assert_eq!(&found, &words, "RFC 3261 7.3.1");
        prop_assert_eq!(read.trim(), &read);
    }

    #[test]
    fn a_stream_gives_the_same_messages_wherever_it_is_split(
        all in prop::collection::vec(any_message(), 1..4),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let stream: Vec<u8> = all.iter().flat_map(|(_, _, bytes)| bytes.clone()).collect();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len())).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let mut framer = Framer::new(65_535);
        let mut units = Vec::new();
        for pair in cuts.windows(2) {
            framer.push(&stream[pair[0]..pair[1]]);
            units.extend(std::iter::from_fn(|| framer.next_unit()));
        }
        let expected: Vec<Unit> = all.into_iter().map(|(_, _, bytes)| Unit::Message(bytes)).collect();
        prop_assert_eq!(units, expected);
    }
}
