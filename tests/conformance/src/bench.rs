//! What every check works with: the host under test, and words to say what it did.

use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use rollcall_tests::message::Message;

use crate::control::Control;
use crate::peer::{Answer, Peer, unique};
use crate::script::Script;

/// How long nothing must happen for it to count as not happening.
pub const QUIET: Duration = Duration::from_millis(400);

/// Why a check has failed, in words.
pub type Verdict<T = ()> = Result<T, String>;

/// The host under test.
pub struct Bench {
    /// The other end of its wire.
    pub peer: Peer,
    /// Its address.
    pub target: SocketAddr,
    /// Request-URI of the requests that reach the plugin.
    pub uri: String,
    /// Longest wait for an answer, and for anything that happens by itself.
    pub limit: Duration,
    /// Its process.
    pub control: Control,
}

impl Bench {
    /// Has the plugin run a script; whatever the answer is.
    pub fn ask(&self, script: &Script) -> Verdict<Message> {
        let request = self.peer.request(&self.uri, &script.to_string());
        self.peer.ask(&request, self.target, self.limit).map_err(|why| format!("{why}, to:\n{script}"))
    }

    /// Has the plugin run a script; the lines that it prints.
    pub fn lines(&self, script: &Script) -> Verdict<Vec<String>> {
        let answer = self.ask(script)?;
        if answer.status() != 200 {
            return Err(format!("200 expected for\n{script}answered:\n{answer}"));
        }
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        Ok(body.lines().map(str::to_owned).collect())
    }

    /// The same, all lines in one, with spaces between.
    pub fn line(&self, script: &Script) -> Verdict<String> {
        Ok(self.lines(script)?.join(" "))
    }

    /// Has the plugin run a script that must print this.
    pub fn prints(&self, script: &Script, expected: impl Display) -> Verdict {
        let (found, expected) = (self.line(script)?, expected.to_string());
        same(found == expected, || format!("{expected:?} expected, {found:?} found, by\n{script}"))
    }

    /// Has the plugin run a script that must make the step fail: 500 with Retry-After.
    pub fn fails(&self, script: &Script) -> Verdict {
        let answer = self.ask(script)?;
        let seconds =
            answer.header("Retry-After").and_then(|value| value.split([';', ' ']).next()?.parse().ok());
        let seconds: Option<u32> = seconds;
        same(answer.status() == 500 && seconds.is_some(), || {
            format!("500 with Retry-After expected for\n{script}answered:\n{answer}")
        })
    }

    /// Has the plugin run a script again and again until it prints this.
    pub fn becomes(&self, script: &Script, expected: impl Display) -> Verdict {
        let (end, expected) = (Instant::now() + self.limit, expected.to_string());
        loop {
            let found = self.line(script)?;
            if found == expected {
                return Ok(());
            }
            if Instant::now() > end {
                return Err(format!(
                    "{expected:?} expected within {:?}, {found:?} found, by\n{script}",
                    self.limit
                ));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits a while, then has the plugin run a script that must print this, still.
    pub fn stays(&self, script: &Script, expected: impl Display) -> Verdict {
        std::thread::sleep(QUIET);
        self.prints(script, expected)
    }

    /// A call: its id, and where its requests arrive.
    pub fn call(&self, answer: Answer) -> (String, Receiver<Message>) {
        let call = unique("plugin-");
        let requests = self.peer.expect(&call, answer);
        (call, requests)
    }

    /// The next request of a call.
    pub fn arrives(&self, requests: &Receiver<Message>) -> Verdict<Message> {
        requests.recv_timeout(self.limit).map_err(|_| format!("no request arrived within {:?}", self.limit))
    }

    /// The URI at which the host reaches the driver.
    pub fn driver(&self) -> String {
        format!("sip:driver@{}", self.peer.address())
    }

    /// Waits until the plugin answers.
    pub fn wait_ready(&self, limit: Duration) -> Verdict {
        let end = Instant::now() + limit;
        loop {
            let request = self.peer.request(&self.uri, &crate::script![now].to_string());
            match self.peer.ask(&request, self.target, Duration::from_secs(1)) {
                Ok(answer) if answer.status() == 200 => return Ok(()),
                Ok(answer) if Instant::now() > end => {
                    return Err(format!("{} does not answer 200:\n{answer}", self.target));
                }
                Err(why) if Instant::now() > end => return Err(format!("{}: {why}", self.target)),
                _ => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }
}

/// A partition of a check's own.
pub fn partition() -> String {
    unique("conformance-")
}

/// No further request of a call, for a while.
pub fn silent(requests: &Receiver<Message>) -> Verdict {
    match requests.recv_timeout(QUIET) {
        Ok(arrived) => Err(format!("no request expected, arrived:\n{arrived}")),
        Err(_) => Ok(()),
    }
}

/// Fails with `why` unless it is so.
pub fn same(so: bool, why: impl FnOnce() -> String) -> Verdict {
    if so { Ok(()) } else { Err(why()) }
}
