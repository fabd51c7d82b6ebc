//! SIPp with the scenarios of `examples/sipp`.

use crate::peer::program;
use crate::{examples, ports};
use std::net::SocketAddr;
use std::process::{Command, Stdio};

/// Plays a scenario 100 times, 50 new calls a second; fails the test unless all succeed.
/// `transport` is SIPp's: `u1` for UDP, `t1` for one TCP connection.
#[track_caller]
pub(crate) fn run(scenario: &str, server: SocketAddr, transport: &str) {
    let folder = tempfile::tempdir().unwrap();
    let errors = folder.path().join("errors");
    let mut command = Command::new(program("sipp"));
    command.arg(server.to_string()).arg("-sf").arg(examples().join("sipp").join(scenario));
    command.args(["-i", "127.0.0.1", "-p", &ports::free_pair().to_string(), "-t", transport]);
    command.args(["-m", "100", "-r", "50", "-recv_timeout", "10000", "-timeout", "60", "-timeout_error"]);
    command.arg("-nostdin").arg("-trace_err").arg("-error_file").arg(&errors);
    let output = command.current_dir(folder.path()).stdin(Stdio::null()).output().unwrap();
    assert!(
        output.status.success(),
        "SIPp, {scenario} over {transport}: {}\n{}\n{}",
        output.status,
        std::fs::read_to_string(errors).unwrap_or_default().chars().take(4000).collect::<String>(),
        String::from_utf8_lossy(&output.stderr),
    );
}
