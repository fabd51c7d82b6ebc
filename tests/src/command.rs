//! The command line of the server's program, run as an operator runs it.

use crate::process::binary;
use std::ffi::OsStr;
use std::process::{Command, Stdio};

/// How a command has ended.
#[derive(Debug)]
pub struct Ended {
    /// Exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// What it wrote on standard output.
    pub output: String,
    /// What it wrote on standard error.
    pub problems: String,
}

/// Runs `rollcall` with these arguments to its end.
#[track_caller]
#[must_use]
pub fn rollcall<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Ended {
    let ended =
        Command::new(binary()).args(arguments).stdin(Stdio::null()).output().expect("run the program");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    Ended { code: ended.status.code(), output: text(ended.stdout), problems: text(ended.stderr) }
}
