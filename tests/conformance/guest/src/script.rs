//! Scripts: read, run, and what came of them.

use crate::bindings::exports::rollcall::plugin::handler::{Forward, Reply, Verdict};
use crate::bindings::rollcall::plugin::types::{Request, Span};
use crate::{hostile, words};

/// One step's script and what it has led to so far.
#[derive(Default)]
pub struct Run {
    /// What the step was called with, in a few words: an outcome, a timer's name and when it was due, a
    /// partition.
    pub told: String,
    pub request: Option<Request>,
    pub printed: String,
    pub status: Option<u16>,
    pub reason: Option<String>,
    pub headers: String,
    pub to_tag: Option<String>,
    pub contact: Option<String>,
    pub pass: bool,
    pub forward: Option<Forward>,
}

impl Run {
    /// Runs all statements.
    pub fn script(&mut self, script: &[u8]) {
        for line in std::str::from_utf8(script).unwrap().lines().filter(|line| !line.is_empty()) {
            let mut parts = line.split(' ');
            let word = parts.next().unwrap();
            let arguments: Vec<String> = parts.map(decoded).collect();
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            if !hostile::word(word, &arguments) {
                words::word(self, word, &arguments);
            }
        }
    }

    /// Prints a line.
    pub fn print(&mut self, line: &str) {
        self.printed.push_str(line);
        self.printed.push('\n');
    }

    /// A part of the request.
    pub fn text(&self, part: impl Fn(&Request) -> Span) -> String {
        let Some(request) = &self.request else { return String::new() };
        let span = part(request);
        String::from_utf8_lossy(&request.message[span.start as usize..span.end as usize]).into_owned()
    }

    /// What becomes of the request.
    pub fn verdict(self) -> Verdict {
        if let Some(forward) = self.forward {
            return Verdict::Forward(forward);
        }
        if self.pass {
            return Verdict::Pass;
        }
        Verdict::Reply(Reply {
            status: self.status.unwrap_or(200),
            reason: self.reason.unwrap_or_else(|| "OK".into()),
            headers: format!("Content-Type: text/plain\r\n{}", self.headers).into_bytes(),
            body: self.printed.into_bytes(),
            to_tag: self.to_tag,
            contact: self.contact,
        })
    }
}

fn decoded(argument: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = argument.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next().unwrap(), rest.next().unwrap()];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).unwrap()
}
