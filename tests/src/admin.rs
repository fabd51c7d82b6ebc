//! The admin address: HTTP, and Prometheus text.

use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A client of the admin address.
#[derive(Clone, Copy, Debug)]
pub struct Admin(pub SocketAddr);

impl Admin {
    /// Sends a request without body; gives status and body.
    #[must_use]
    pub fn call(&self, method: &str, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.0).expect("the admin address");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a socket option");
        let host = self.0;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).expect("write to the admin address");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer of the admin address");
        let answer = String::from_utf8(answer).expect("an answer in UTF-8");
        let (head, body) = answer.split_once("\r\n\r\n").expect("an HTTP answer");
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("an HTTP status");
        let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
        (status, if chunked { unchunk(body) } else { body.to_owned() })
    }

    /// `GET`; fails the test unless the answer is 200.
    #[track_caller]
    #[must_use]
    pub fn get(&self, path: &str) -> String {
        let (status, body) = self.call("GET", path);
        assert_eq!(status, 200, "GET {path}: {body}");
        body
    }

    /// `GET`, and what it says as JSON; fails the test unless the answer is 200 and is JSON.
    #[track_caller]
    #[must_use]
    pub fn json(&self, path: &str) -> Value {
        let body = self.get(path);
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("GET {path}: {error}: {body}"))
    }

    /// All metrics.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        Metrics(self.get("/metrics"))
    }
}

fn unchunk(mut body: &str) -> String {
    let mut out = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        if size == 0 {
            break;
        }
        out.push_str(&rest[..size]);
        body = rest[size..].trim_start_matches("\r\n");
    }
    out
}

/// Metrics in Prometheus text format.
#[derive(Clone, Debug)]
pub struct Metrics(String);

impl Metrics {
    /// The sum of all samples of that name whose labels contain all of these (`method="PUBLISH"`);
    /// none if there is no such sample.
    #[must_use]
    pub fn sum(&self, name: &str, labels: &[&str]) -> Option<f64> {
        let mut found = None;
        for line in self.0.lines().filter(|l| !l.starts_with('#')) {
            let Some((key, value)) = line.rsplit_once(' ') else { continue };
            let (own, own_labels) = key.split_once('{').unwrap_or((key, ""));
            if own == name && labels.iter().all(|l| own_labels.contains(l)) {
                *found.get_or_insert(0.0) += value.parse::<f64>().unwrap_or(f64::NAN);
            }
        }
        found
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }
}
