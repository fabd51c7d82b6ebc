//! The driver, run as a vendor runs it.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};

/// The program.
pub const DRIVER: &str = env!("CARGO_BIN_EXE_rollcall-conformance");

/// What it said and how it ended.
pub struct Report {
    /// The report.
    pub text: String,
    /// Exit code.
    pub code: Option<i32>,
}

/// Checks a host.
pub fn run(arguments: &[&str]) -> Report {
    let output = Command::new(DRIVER).arg("run").args(arguments).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    Report { text: text.into_owned(), code: output.status.code() }
}

/// Has the driver write one of its files.
pub fn write(what: &str, to: &Path) {
    let mut command = Command::new(DRIVER);
    assert!(command.args([what, "--output"]).arg(to).status().unwrap().success());
}

/// A port that was free for UDP and TCP a moment ago, below those that the system gives to sockets by itself.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(std::process::id() % 800).unwrap() * 10;
    loop {
        let port = 12_000 + (first + NEXT.fetch_add(1, Ordering::Relaxed)) % 8_000;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if UdpSocket::bind(address).is_ok() && TcpListener::bind(address).is_ok() {
            return port;
        }
    }
}
