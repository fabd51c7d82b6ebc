//! The `rollcall` command as an operator runs it against a server.

use crate::Server;
use std::process::Command;

/// What a command said.
#[derive(Clone, Debug)]
pub struct Said {
    /// Its exit code.
    pub code: Option<i32>,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

impl Said {
    /// Its standard output; fails the test if it ended with another code.
    #[track_caller]
    pub fn expect(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{}{}", self.out, self.err);
        self.out
    }

    /// What it said on standard error when it was refused; fails the test if it was not.
    #[track_caller]
    #[must_use]
    pub fn refused(self) -> String {
        assert_eq!(self.code, Some(1), "{}{}", self.out, self.err);
        self.err
    }
}

/// Runs `rollcall` with these arguments.
#[must_use]
pub fn rollcall(arguments: &[&str]) -> Said {
    let output = Command::new(crate::process::binary()).args(arguments).output();
    let output = output.expect("the rollcall command");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
}

impl Server {
    /// Runs `rollcall` with these arguments against the admin address.
    #[must_use]
    pub fn rollcall(&self, arguments: &[&str]) -> Said {
        rollcall(&[arguments, &["--admin", &self.admin().0.to_string()]].concat())
    }
}
