//! The edge proxy: Kamailio with the configuration that operators get.

use crate::peer::{Peer, program};
use crate::{examples, ports};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// A running edge proxy.
pub(crate) struct Edge {
    address: SocketAddr,
    _peer: Peer,
    _folder: TempDir,
}

impl Edge {
    /// Starts one that sends presence to the server at this address.
    pub(crate) fn start(server: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, ports::free_pair()));
        let source = examples().join("kamailio-edge");
        for name in ["kamailio.cfg", "subscribers.cfg"] {
            std::fs::copy(source.join(name), folder.path().join(name)).unwrap();
        }
        let site = std::fs::read_to_string(source.join("site.cfg")).unwrap();
        let site = replace_once(&site, "udp:127.0.0.1:5060", &format!("udp:{address}"));
        let site = replace_once(&site, "tcp:127.0.0.1:5060", &format!("tcp:{address}"));
        let site = replace_once(&site, "sip:127.0.0.1:5070", &format!("sip:{server}"));
        std::fs::write(folder.path().join("site.cfg"), site).unwrap();

        let mut command = Command::new(program("kamailio"));
        command.arg("-f").arg(folder.path().join("kamailio.cfg"));
        command.arg("-Y").arg(folder.path()).arg("-w").arg(folder.path());
        // In the foreground, with errors on standard error and little memory.
        command.args(["-DD", "-E", "-m", "32", "-M", "4"]);
        let mut peer = Peer::start("kamailio", &mut command);
        peer.wait("an answer to OPTIONS", || options(address).is_some());
        Self { address, _peer: peer, _folder: folder }
    }

    /// Where phones send to.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends a request without credentials; the status of the answer.
    pub(crate) fn ask(&self, method: &str, headers: &str) -> u16 {
        ask(self.address, method, headers).expect("an answer of the edge")
    }
}

/// Asks a server whether it is there; the status of its answer.
pub(crate) fn options(edge: SocketAddr) -> Option<u16> {
    ask(edge, "OPTIONS", "From: <sip:test@example.com>;tag=t\r\nTo: <sip:example.com>\r\n")
}

/// One try over UDP, half a second long.
fn ask(edge: SocketAddr, method: &str, headers: &str) -> Option<u16> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let own = socket.local_addr().unwrap();
    let request = format!(
        "{method} sip:alice@example.com SIP/2.0\r\n\
         Via: SIP/2.0/UDP {own};branch=z9hG4bK{method}{port}\r\n\
         Max-Forwards: 70\r\n{headers}\
         Call-ID: {method}-{port}\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n",
        port = own.port(),
    );
    socket.send_to(request.as_bytes(), edge).ok()?;
    let mut answer = [0; 2048];
    let length = socket.recv(&mut answer).ok()?;
    let answer = String::from_utf8_lossy(&answer[..length]);
    answer.split(' ').nth(1)?.parse().ok()
}

/// The recipe may change, but not without this test noticing.
fn replace_once(text: &str, old: &str, new: &str) -> String {
    assert_eq!(text.matches(old).count(), 1, "{old} in site.cfg");
    text.replace(old, new)
}
