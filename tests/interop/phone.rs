//! A real phone: baresip, steered over its control port.

use crate::peer::{Peer, program, without_colours};
use crate::ports;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// What a phone does by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Does<'a> {
    /// It registers.
    Register,
    /// It registers and watches somebody.
    Watch(&'a str),
    /// It publishes, and does not register: baresip publishes when it starts and again when its registration
    /// succeeds, at the same time if both happen within a round trip, and then loses one of the two entity-tags,
    /// either one.
    Publish,
}

/// A running phone with one account.
pub(crate) struct BaresipPhone {
    control: SocketAddr,
    peer: RefCell<Peer>,
    _folder: TempDir,
}

impl BaresipPhone {
    /// Starts the phone of `user@example.com` behind an edge proxy or registrar.
    pub(crate) fn start(proxy: SocketAddr, user: &str, password: &str, does: Does<'_>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let control = SocketAddr::from((Ipv4Addr::LOCALHOST, ports::free_pair()));
        let config = include_str!("phone.config")
            .replace("{sip}", &format!("127.0.0.1:{}", ports::free_pair()))
            .replace("{control}", &control.to_string());
        let account = include_str!("phone.account")
            .replace("{user}", user)
            .replace("{password}", password)
            .replace("{edge}", &proxy.to_string())
            .replace("{register}", if does == Does::Publish { "0" } else { "600" })
            .replace("{publish}", if does == Does::Publish { "600" } else { "0" });
        let watched = match does {
            Does::Watch(name) => Some(name),
            Does::Register | Does::Publish => None,
        };
        let contact = watched.map(|name| format!("\"{name}\" <sip:{name}@example.com>;presence=p2p\n"));
        for (name, text) in
            [("config", config), ("accounts", account), ("contacts", contact.unwrap_or_default())]
        {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let mut command = Command::new(program("baresip"));
        // -s: every message goes to the log.
        command.args(["-4", "-s", "-v", "-f"]).arg(folder.path());
        let mut peer = Peer::start("baresip", &mut command);
        peer.wait("its control port", || TcpStream::connect(control).is_ok());
        Self { control, peer: RefCell::new(peer), _folder: folder }
    }

    /// Everything it logged, the messages among it.
    pub(crate) fn log(&self) -> String {
        self.peer.borrow().log().text()
    }

    /// Has it carry out a command of its menu; what it answers.
    #[track_caller]
    pub(crate) fn command(&self, command: &str) -> String {
        let answer = ask(self.control, command);
        let answer = answer.unwrap_or_else(|| panic!("no answer to {command}:\n{}", self.log()));
        assert_eq!(answer["ok"], Value::Bool(true), "{command}: {answer}");
        without_colours(answer["data"].as_str().unwrap_or_default())
    }

    /// Ends it in order: it takes its registration back.
    pub(crate) fn quit(&self) {
        // It may be gone before it has answered.
        let _ = ask(self.control, "quit");
    }

    /// Waits until it is registered at the edge.
    #[track_caller]
    pub(crate) fn wait_registered(&self) {
        self.wait_log("its registration", |log| log.contains("REGISTER_OK"));
    }

    /// Waits until its first publication is accepted. It says `unknown` where `open` or `closed`
    /// belongs, so it tells a watcher nothing.
    #[track_caller]
    pub(crate) fn wait_published(&self) {
        self.wait_log("its first publication", |log| log.contains("SIP-ETag: "));
    }

    /// Waits until its log is as wanted.
    #[track_caller]
    pub(crate) fn wait_log(&self, what: &str, fits: impl Fn(&str) -> bool) {
        let mut peer = self.peer.borrow_mut();
        let log = peer.log();
        peer.wait(what, || fits(&log.text()));
    }

    /// Waits until its list of contacts shows a contact with this presence: `Online`, `Offline`.
    #[track_caller]
    pub(crate) fn wait_sees(&self, contact: &str, presence: &str) {
        self.wait_contact(&format!("{contact} {presence}"), |line| line.contains(presence), contact);
    }

    /// Waits until its list of contacts shows a contact with another presence.
    #[track_caller]
    pub(crate) fn wait_sees_not(&self, contact: &str, presence: &str) {
        self.wait_contact(&format!("{contact} not {presence}"), |line| !line.contains(presence), contact);
    }

    #[track_caller]
    fn wait_contact(&self, what: &str, fits: impl Fn(&str) -> bool, contact: &str) {
        let address = format!("<sip:{contact}@example.com>");
        self.peer.borrow_mut().wait(what, || {
            let list = ask(self.control, "contacts").and_then(|a| a["data"].as_str().map(without_colours));
            list.is_some_and(|list| list.lines().any(|line| line.contains(&address) && fits(line)))
        });
    }
}

/// Sends a command to the control port (JSON in netstrings) and waits for its answer. Events
/// that come between are skipped.
fn ask(control: SocketAddr, command: &str) -> Option<Value> {
    let mut stream = TcpStream::connect(control).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let message = json!({"command": command, "token": "test"}).to_string();
    stream.write_all(format!("{}:{message},", message.len()).as_bytes()).ok()?;
    loop {
        let mut length = 0;
        loop {
            let mut digit = [0];
            stream.read_exact(&mut digit).ok()?;
            match digit[0] {
                b':' => break,
                digit => length = length * 10 + usize::from(digit.checked_sub(b'0')?),
            }
        }
        let mut content = vec![0; length + 1];
        stream.read_exact(&mut content).ok()?;
        let value: Value = serde_json::from_slice(content.get(..length)?).ok()?;
        if value["token"] == "test" {
            return Some(value);
        }
    }
}
