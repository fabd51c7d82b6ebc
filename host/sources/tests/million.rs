//! A million rows take the memory of one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{self, BufReader, Read};
use std::ops::ControlFlow;

use rollcall_sources::{Format, read};

const MILLION: usize = 1_000_000;

/// A text that is made while it is read.
struct Endless<F> {
    line: usize,
    write: F,
    rest: Vec<u8>,
}

impl<F: FnMut(usize) -> Option<String>> Read for Endless<F> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.rest.is_empty() {
            self.line += 1;
            self.rest = (self.write)(self.line).unwrap_or_default().into_bytes();
        }
        let length = self.rest.len().min(into.len());
        into[..length].copy_from_slice(&self.rest[..length]);
        self.rest.drain(..length);
        Ok(length)
    }
}

/// Most memory that the process ever had, in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

fn counted(format: Format, write: impl FnMut(usize) -> Option<String>) -> usize {
    let mut rows = 0;
    let text = BufReader::new(Endless { line: 0, write, rest: Vec::new() });
    let flow = read(text, format, &mut |row| {
        row.unwrap();
        rows += 1;
        ControlFlow::Continue(())
    });
    assert!(flow.is_continue());
    rows
}

#[test]
fn a_million_rows_take_the_memory_of_one() {
    let before = peak();
    let json = counted(Format::Json, |line| match line {
        1 => Some("{\n".into()),
        line if line < MILLION / 2 + 1 => {
            Some(format!("\"sip:u{line}@example.com\": [\"tel:+1{line:09}\"],\n"))
        }
        line if line == MILLION / 2 + 1 => Some("\"sip:last@example.com\": []}\n".into()),
        _ => None,
    });
    assert_eq!(json, MILLION - 1);
    let lines = |line| (line <= MILLION).then(|| format!("sip:u{line}@example.com,tel:+1{line:09}\n"));
    assert_eq!(counted(Format::Csv, lines), MILLION);
    assert_eq!(counted(Format::List, lines), MILLION);
    let grown = peak() - before;
    assert!(grown < 4 << 20, "grown by {grown} bytes");
}
