//! The torture messages of RFC 4475 and RFC 5118 (SIP-20): none may stop the server. What each is
//! answered is tested beside the stack.

use rollcall_tests::{Config, Phone, Pidf, Server};
use std::path::{Path, PathBuf};

fn messages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/sip/tests/data/torture");
    let mut files = Vec::new();
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// RFC 4475 3, RFC 5118 4 (SIP-20): every message, over both transports, in the middle of normal
/// work that goes on undisturbed.
#[test]
fn torture_messages_do_not_stop_the_server() {
    let mut server = Server::start(Config::new());
    let (alice, phone, watcher) = Phone::pair(&server);
    let mut publication = phone.publish(&Pidf::basic(&alice, "open"));
    let mut subscription = watcher.subscribe(&alice);
    subscription.notify();
    let files = messages();
    assert!(files.len() >= 60, "the torture messages are there: {}", files.len());
    for (n, file) in files.iter().enumerate() {
        let bytes = std::fs::read(file).expect("a torture message");
        // Phones of their own: what comes back to such a message is not this test's.
        let (datagram, stream) = (raw_udp(), raw_tcp(&server));
        datagram.send_to(&bytes, server.udp()).expect("sent");
        // The server may close a connection in the middle of what it cannot read.
        let _ = std::io::Write::write_all(&mut &stream, &bytes);
        phone.round_trip();
        assert!(server.is_alive(), "{}", file.display());
        if n % 10 == 0 {
            let note = format!("after {n}");
            publication.modify(&Pidf::of(&alice).tuple("t1", "open").note(&note).text());
            assert_eq!(subscription.notify().document().notes(), [note]);
        }
    }
}

fn raw_udp() -> std::net::UdpSocket {
    std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket")
}

fn raw_tcp(server: &Server) -> std::net::TcpStream {
    std::net::TcpStream::connect(server.tcp()).expect("a connection")
}
