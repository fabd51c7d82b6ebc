//! The server as a process: what it prints, answers and does on signals.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Long enough for a busy machine that compiles the component; never waited out by a good server.
const LIMIT: Duration = Duration::from_secs(120);

const CONFIGURATION: &str = "[sip]\nlisten = ['udp:127.0.0.1:0', 'tcp:127.0.0.1:0']\n\
    trusted = ['127.0.0.0/8']\n[storage]\npath = 'data'\n[presence]\ndomains = ['example.com']\n\
    [rules]\nenabled = true\ndefault = 'allow'\n[admin]\nlisten = '127.0.0.1:0'\n[log]\nfilter = 'info'\n";

struct Running {
    child: Child,
    udp: SocketAddr,
    tcp: SocketAddr,
    admin: SocketAddr,
    log: Receiver<String>,
}

/// Starts a server on a configuration in a folder and waits until it says that it serves.
fn serve(folder: &Path, configuration: &str) -> Running {
    let file = folder.join("rollcall.toml");
    std::fs::write(&file, configuration).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_rollcall"))
        .args(["serve", "--config", file.to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = lines(child.stderr.take().unwrap());
    let out = lines(child.stdout.take().unwrap());
    let Ok(ready) = out.recv_timeout(LIMIT) else {
        panic!("not ready: {:?}", log.try_iter().collect::<Vec<_>>());
    };
    let (sip, admin) = ready.strip_prefix("rollcall: ready sip=").unwrap().split_once(" admin=").unwrap();
    let (udp, tcp) = sip.split_once(',').unwrap();
    let address = |text: &str, transport: &str| text.strip_prefix(transport).unwrap().parse().unwrap();
    let (udp, tcp) = (address(udp, "udp:"), address(tcp, "tcp:"));
    Running { child, udp, tcp, admin: admin.parse().unwrap(), log }
}

fn lines(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    lines
}

impl Running {
    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    fn ended(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// Waits for a log line with these words.
    fn logged(&self, words: &str) -> String {
        loop {
            let line = self.log.recv_timeout(LIMIT).unwrap_or_else(|_| panic!("never logged: {words}"));
            if line.contains(words) {
                return line;
            }
        }
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.admin).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Sends a request over UDP and returns the answer.
    fn ask(&self, method: &str, uri: &str, call_id: &str) -> String {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        let from = socket.local_addr().unwrap();
        let request = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK-{call_id}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag=1\r\nTo: <{uri}>\r\nCall-ID: {call_id}\r\n\
             CSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
        );
        socket.send_to(request.as_bytes(), self.udp).unwrap();
        let mut answer = [0; 65_536];
        let length = socket.recv(&mut answer).unwrap();
        String::from_utf8(answer[..length].to_vec()).unwrap()
    }
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

#[test]
fn it_serves_tells_of_itself_and_stops_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path(), CONFIGURATION);
    assert!(server.udp.port() != 0 && server.tcp.port() != 0 && server.admin.port() != 0);
    TcpStream::connect(server.tcp).unwrap();
    assert!(server.get("/health").contains("{\"ok\":true,"));

    let refused = server.ask("INVITE", "sip:bob@example.com", "a");
    assert_eq!(status(&refused), "405", "RFC 3261 8.2.1\n{refused}");
    let allow = refused.lines().find(|line| line.starts_with("Allow: ")).expect("RFC 3261 8.2.1: Allow");
    assert!(allow.contains("PUBLISH") && allow.contains("SUBSCRIBE"), "{allow}");
    let refused = server.ask("OPTIONS", "urn:service:sos", "b");
    assert_eq!(status(&refused), "416", "RFC 3261 8.2.2.1\n{refused}");

    let metrics = server.get("/metrics");
    for line in [
        "rollcall_sip_requests_total{method=\"OPTIONS\",status=\"416\"} 1",
        "rollcall_sip_requests_total{method=\"other\",status=\"405\"} 1",
        "rollcall_sip_requests_received_total{method=\"INVITE\"} 1",
        "rollcall_store_failed 0",
        "rollcall_records{kind=\"subscription\"} 0",
        "# EOF",
    ] {
        assert!(metrics.lines().any(|told| told == line), "{line}\nis missing in\n{metrics}");
    }

    server.signal(Signal::SIGTERM);
    server.logged("stopped");
    assert_eq!(server.ended().code(), Some(0));

    let again = serve(folder.path(), CONFIGURATION);
    assert!(again.get("/health").contains("{\"ok\":true,"), "the store was left in order");
    again.signal(Signal::SIGINT);
    assert_eq!(again.ended().code(), Some(0));
}

#[test]
fn a_request_can_be_followed_by_its_call_id_once_the_filter_is_reloaded() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path(), CONFIGURATION);
    let louder = CONFIGURATION.replace("'info'", "'info,rollcall_server=debug'");
    std::fs::write(folder.path().join("rollcall.toml"), louder).unwrap();
    server.signal(Signal::SIGHUP);
    server.logged("log filter reloaded");
    server.ask("MESSAGE", "sip:bob@example.com", "followed-call");
    let line = server.logged("followed-call");
    assert!(line.contains("branch=z9hG4bK-followed-call") && line.contains("MESSAGE"), "{line}");
    let ticket = line.split("ticket=").nth(1).expect("a ticket").split([' ', '}']).next().unwrap();
    assert!(server.logged("answer").contains(&format!("ticket={ticket}")));

    std::fs::write(folder.path().join("rollcall.toml"), "[sip]\nlisten = 5\n").unwrap();
    server.signal(Signal::SIGHUP);
    server.logged("configuration not reloaded");
    assert!(server.get("/health").contains("{\"ok\":true,"), "it goes on");
    server.signal(Signal::SIGTERM);
    assert_eq!(server.ended().code(), Some(0));
}

#[test]
fn problems_of_the_component_and_of_the_host_are_told_together_and_nothing_starts() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rollcall.toml");
    let bad = CONFIGURATION.replace("default = 'allow'", "default = 'maybe'").replace("[admin]", "[admni]");
    std::fs::write(&file, bad).unwrap();
    for command in ["check", "serve"] {
        let output = Command::new(env!("CARGO_BIN_EXE_rollcall"))
            .args([command, "--config", file.to_str().unwrap()])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(78));
        let said = String::from_utf8(output.stderr).unwrap();
        let name = file.to_str().unwrap();
        assert!(said.contains(&format!("{name}:10: rules.default: ")), "{said}");
        assert!(said.contains(&format!("{name}:11: admni: unknown key, did you mean \"admin\"?")), "{said}");
        assert!(!folder.path().join("data").exists(), "nothing was started");
    }
}

#[test]
fn problems_of_the_component_alone_are_told_and_nothing_starts() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rollcall.toml");
    std::fs::write(&file, CONFIGURATION.replace("default = 'allow'", "default = 'maybe'")).unwrap();
    for command in ["check", "serve"] {
        let output = Command::new(env!("CARGO_BIN_EXE_rollcall"))
            .args([command, "--config", file.to_str().unwrap()])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(78));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(&format!("{}:10: rules.default: ", file.display())), "{said}");
        assert!(!folder.path().join("data").exists(), "nothing was started");
    }
}

#[test]
fn an_address_in_use_is_named_and_the_store_is_left_in_order() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rollcall.toml");
    std::fs::write(&file, CONFIGURATION.replace("udp:127.0.0.1:0", &format!("udp:{address}"))).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_rollcall"))
        .args(["serve", "--config", file.to_str().unwrap()])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("in use"), "{said}");
    assert!(output.stdout.is_empty(), "it never said that it serves");
    let server = serve(folder.path(), CONFIGURATION);
    server.signal(Signal::SIGTERM);
    assert_eq!(server.ended().code(), Some(0));
}
