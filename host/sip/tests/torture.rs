//! SIP-20: every message of RFC 4475 and RFC 5118 through a real socket, with the verdict of its section.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Peer, Server};

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Verdict {
    /// It reaches the core, which knows the rest (methods, extensions, bodies).
    Core,
    /// The stack answers.
    Answer(u16),
    /// Nothing happens.
    Drop,
}
use Verdict::{Answer, Core, Drop};

/// File, section, verdict. Where the RFC leaves a choice, the verdict is the stricter one for what the host
/// reads itself, and the core's for what it does not.
const MESSAGES: [(&str, &str, Verdict); 62] = [
    ("wsinv", "4475 3.1.1.1", Core),
    ("intmeth", "4475 3.1.1.2", Core),
    ("esc01", "4475 3.1.1.3", Core),
    ("escnull", "4475 3.1.1.4", Core),
    ("esc02", "4475 3.1.1.5", Core),
    ("lwsdisp", "4475 3.1.1.6", Core),
    ("longreq", "4475 3.1.1.7", Core),
    ("dblreq", "4475 3.1.1.8", Core),
    ("semiuri", "4475 3.1.1.9", Core),
    ("transports", "4475 3.1.1.10", Core),
    ("mpart01", "4475 3.1.1.11", Core),
    ("unreason", "4475 3.1.1.12", Drop),
    ("noreason", "4475 3.1.1.13", Drop),
    ("badinv01", "4475 3.1.2.1", Answer(400)),
    ("clerr", "4475 3.1.2.2", Answer(400)),
    ("ncl", "4475 3.1.2.3", Answer(400)),
    ("scalar02", "4475 3.1.2.4", Answer(400)),
    ("scalarlg", "4475 3.1.2.5", Drop),
    ("quotbal", "4475 3.1.2.6", Answer(400)),
    ("ltgtruri", "4475 3.1.2.7", Answer(400)),
    ("lwsruri", "4475 3.1.2.8", Answer(400)),
    ("lwsstart", "4475 3.1.2.9", Answer(400)),
    ("trws", "4475 3.1.2.10", Answer(400)),
    ("escruri", "4475 3.1.2.11", Answer(400)),
    ("baddate", "4475 3.1.2.12", Core),
    ("regbadct", "4475 3.1.2.13", Core),
    ("badaspec", "4475 3.1.2.14", Answer(400)),
    ("baddn", "4475 3.1.2.15", Answer(400)),
    ("badvers", "4475 3.1.2.16", Answer(505)),
    ("mismatch01", "4475 3.1.2.17", Answer(400)),
    ("mismatch02", "4475 3.1.2.18", Answer(400)),
    ("bigcode", "4475 3.1.2.19", Drop),
    ("badbranch", "4475 3.2.1", Core),
    ("insuf", "4475 3.3.1", Answer(400)),
    ("unkscm", "4475 3.3.2", Core),
    ("novelsc", "4475 3.3.3", Core),
    ("unksm2", "4475 3.3.4", Core),
    ("bext01", "4475 3.3.5", Core),
    ("invut", "4475 3.3.6", Core),
    ("regaut01", "4475 3.3.7", Core),
    ("multi01", "4475 3.3.8", Answer(400)),
    ("mcl01", "4475 3.3.9", Answer(400)),
    ("bcast", "4475 3.3.10", Drop),
    ("zeromf", "4475 3.3.11", Core),
    ("cparam01", "4475 3.3.12", Core),
    ("cparam02", "4475 3.3.13", Core),
    ("regescrt", "4475 3.3.14", Core),
    ("sdp01", "4475 3.3.15", Core),
    ("inv2543", "4475 3.4.1", Core),
    // Lies in the archive of RFC 4475 without a section: a first line without a version.
    ("test", "4475 archive", Drop),
    ("ipv6-good", "5118 4.1", Core),
    ("ipv6-bad", "5118 4.2", Answer(400)),
    ("port-ambiguous", "5118 4.3", Core),
    ("port-unambiguous", "5118 4.4", Core),
    ("via-received-param-with-delim", "5118 4.5", Core),
    ("via-received-param-no-delim", "5118 4.5", Core),
    ("ipv6-in-sdp", "5118 4.6", Core),
    ("mult-ip-in-header", "5118 4.7", Core),
    ("mult-ip-in-sdp", "5118 4.8", Core),
    ("ipv4-mapped-ipv6", "5118 4.9", Core),
    ("ipv6-bug-abnf-3-colons", "5118 4.10", Core),
    ("ipv6-correct-abnf-2-colons", "5118 4.10", Core),
];

/// Responses go to the port of sent-by, so the peer has to be there.
fn port(file: &str) -> u16 {
    match file {
        "quotbal" => 5050,
        "mult-ip-in-header" => 6050,
        "ipv4-mapped-ipv6" => 19_823,
        _ => 5060,
    }
}

#[test]
fn every_torture_message_meets_its_verdict() {
    let mut wrong = Vec::new();
    for (n, (file, section, verdict)) in MESSAGES.into_iter().enumerate() {
        let server = Server::start(|_| {});
        let path = format!("{}/tests/data/torture/{file}.dat", env!("CARGO_MANIFEST_DIR"));
        let bytes = std::fs::read(path).unwrap();
        // An address of its own, since the port is given.
        let peer = Peer::at(&format!("127.47.5.{}:{}", n + 1, port(file)));
        peer.send(server.udp(), &bytes);
        peer.send(server.udp(), common::request("OPTIONS", "probe", peer.addr(), ""));
        let first = peer.receive();
        let got = if first.contains("Call-ID: probe\r\n") {
            Drop
        } else {
            let status: u16 = first.get(8..11).unwrap().parse().unwrap();
            let probe = peer.receive();
            assert!(probe.contains("Call-ID: probe\r\n"), "{file}: two answers, the second is {probe}");
            if status == 200 { Core } else { Answer(status) }
        };
        let reached = server.requests() - 1;
        if got != verdict || reached != usize::from(verdict == Core) {
            wrong.push(format!("{file} (RFC {section}): {verdict:?} expected, {got:?} came:\n{first}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn octets_past_content_length_are_no_part_of_the_message() {
    let bytes = include_bytes!("data/torture/dblreq.dat");
    let message = rollcall_sip::wire::Message::parse(bytes.as_slice()).unwrap();
    assert_eq!(message.method(), Some(b"REGISTER".as_slice()), "SIP-18, RFC 4475 3.1.1.8");
    assert!(message.body().is_empty());
}

#[test]
fn a_short_tortuous_invite_is_split_as_its_author_meant() {
    use rollcall_sip::wire::{Kind, Message};
    let bytes = include_bytes!("data/torture/wsinv.dat");
    let message = Message::parse(bytes.as_slice()).unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let essentials = &message.essentials;
    assert_eq!(essentials.cseq, 9, "SIP-19: folded CSeq with zeros in front");
    assert_eq!(text(message.get(essentials.via.branch.unwrap())), "390skdjuw", "SIP-19: folded Via");
    assert_eq!(text(message.get(essentials.to_tag.unwrap())), "1918181833n");
    assert_eq!(message.values(Kind::Via).count(), 2);
    assert_eq!(message.values(Kind::Contact).count(), 1, "SIP-19: compact form");
    assert_eq!(text(message.named("s").unwrap()), "");
    assert_eq!(message.body().len(), 150);
}
