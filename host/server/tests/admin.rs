//! The admin interface over real connections.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use parking_lot::Mutex;
use rollcall_server::admin::{Admin, Control, Generation, Health, start};
use rollcall_server::client::{self, Call};

/// A server whose swaps wait for the test.
struct Fake {
    clock: Option<AtomicU64>,
    swapping: Mutex<Sender<usize>>,
    swapped: Mutex<Receiver<Result<(), Vec<String>>>>,
}

impl Control for Fake {
    fn health(&self) -> Health {
        Health { ok: true, uptime: 3, generation: 1 }
    }

    fn metrics(&self, text: &mut String) {
        text.push_str("# EOF\n");
    }

    fn generations(&self) -> Vec<Generation> {
        vec![generation(1)]
    }

    fn swap(&self, component: Vec<u8>) -> Result<Generation, Vec<String>> {
        self.swapping.lock().send(component.len()).unwrap();
        self.swapped.lock().recv_timeout(Duration::from_secs(20)).unwrap().map(|()| generation(2))
    }

    fn roll_back(&self) -> Result<Generation, Vec<String>> {
        Ok(generation(1))
    }

    fn advance(&self, milliseconds: u64) -> Option<u64> {
        let clock = self.clock.as_ref()?;
        Some(clock.fetch_add(milliseconds, Ordering::Relaxed) + milliseconds)
    }
}

fn generation(number: u64) -> Generation {
    let [name, version, digest] = ["plugin", "0.1.0", "00ff"].map(str::to_owned);
    Generation { number, name, version, digest, running: true }
}

struct Running {
    admin: Admin,
    swapping: Receiver<usize>,
    swapped: Sender<Result<(), Vec<String>>>,
}

fn running(clock: Option<u64>) -> Running {
    let (started, swapping) = channel();
    let (swapped, outcome) = channel();
    let fake = Fake {
        clock: clock.map(AtomicU64::new),
        swapping: Mutex::new(started),
        swapped: Mutex::new(outcome),
    };
    let admin = start("127.0.0.1:0".parse().unwrap(), Arc::new(fake)).unwrap();
    Running { admin, swapping, swapped }
}

impl Running {
    fn ask(&self, request: &str) -> (u16, String) {
        exchange(self.admin.address(), request.as_bytes())
    }
}

/// Sends bytes and reads until the server closes: status and the rest.
fn exchange(address: SocketAddr, request: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).expect("a status line").parse().unwrap();
    (status, answer)
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").expect("an empty line").1
}

#[test]
fn health_metrics_and_generations_are_told() {
    let server = running(None);
    let (status, answer) = server.ask("GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!((status, body(&answer)), (200, "{\"ok\":true,\"uptime\":3,\"generation\":1}\n"));
    let (status, answer) = server.ask("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!((status, body(&answer)), (200, "# EOF\n"));
    assert!(answer.contains("application/openmetrics-text; version=1.0.0"), "{answer}");
    let (status, answer) = server.ask("GET /generations HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(status, 200);
    assert_eq!(serde_json::from_str::<Vec<Generation>>(body(&answer)).unwrap(), [generation(1)]);
}

#[test]
fn what_is_not_there_is_refused() {
    let server = running(None);
    for (request, expected) in [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 404),
        ("DELETE /health HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        ("GET /swap HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        ("POST /clock/advance?ms=5 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 404),
        ("nonsense\r\n\r\n", 400),
    ] {
        assert_eq!(server.ask(request).0, expected, "{request}");
    }
    let wide = format!("GET /health HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(20_000));
    assert_eq!(server.ask(&wide).0, 431);
}

#[test]
fn the_clock_moves_only_by_sane_amounts() {
    let server = running(Some(1000));
    for (query, expected) in [("ms=5", 200), ("ms=-5", 400), ("ms=8640000001", 400), ("s=5", 400), ("", 400)]
    {
        let request = format!("POST /clock/advance?{query} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
        let (status, answer) = server.ask(&request);
        assert_eq!(status, expected, "{query}");
        if status == 200 {
            assert_eq!(body(&answer), "{\"now\":1005}\n");
        }
    }
}

#[test]
fn a_component_is_swapped_one_at_a_time() {
    let server = running(None);
    let address = server.admin.address();
    let swap =
        "POST /swap HTTP/1.1\r\nHost: a\r\nContent-Type: application/wasm\r\nContent-Length: 4\r\n\r\n\0asm";
    let first = std::thread::spawn(move || exchange(address, swap.as_bytes()));
    assert_eq!(server.swapping.recv_timeout(Duration::from_secs(20)), Ok(4));
    assert_eq!(server.ask(swap).0, 409);
    let roll_back = "POST /rollback HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(server.ask(roll_back).0, 409);
    server.swapped.send(Ok(())).unwrap();
    let (status, answer) = first.join().unwrap();
    assert_eq!(status, 200);
    assert_eq!(serde_json::from_str::<Generation>(body(&answer)).unwrap(), generation(2));

    let (status, answer) = server.ask(roll_back);
    assert_eq!(status, 200);
    assert_eq!(serde_json::from_str::<Generation>(body(&answer)).unwrap(), generation(1));

    server.swapped.send(Err(vec!["imports wasi".into(), "no handler".into()])).unwrap();
    let (status, answer) = server.ask(swap);
    assert_eq!((status, body(&answer)), (422, "{\"problems\":[\"imports wasi\",\"no handler\"]}\n"));
}

#[test]
fn a_swap_that_no_operator_asked_for_is_refused() {
    let server = running(None);
    let from_page = "POST /swap HTTP/1.1\r\nHost: a\r\nOrigin: http://evil.example\r\n\
                     Content-Type: application/wasm\r\nContent-Length: 4\r\n\r\n\0asm";
    assert_eq!(server.ask(from_page).0, 403);
    let untyped = "POST /swap HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n\0asm";
    assert_eq!(server.ask(untyped).0, 415);
    let endless = "POST /swap HTTP/1.1\r\nHost: a\r\nContent-Type: application/wasm\r\n\
                   Content-Length: 99999999999\r\n\r\n";
    assert_eq!(server.ask(endless).0, 413);
    assert!(server.swapping.try_recv().is_err(), "none of these reached the engine");
}

#[test]
fn a_silent_connection_is_closed_and_does_not_hold_up_the_stop() {
    let server = running(None);
    let mut silent = TcpStream::connect(server.admin.address()).unwrap();
    silent.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    silent.write_all(b"GET /health HTTP/1.1\r\n").unwrap();
    assert_eq!(server.ask("GET /health HTTP/1.1\r\nHost: a\r\n\r\n").0, 200, "others are served");
    drop(server);
    assert!(matches!(silent.read(&mut [0; 16]), Ok(0) | Err(_)), "closed with the server");
}

#[tokio::test]
async fn the_client_of_the_command_line_understands_the_server() {
    let server = running(None);
    let address = server.admin.address().to_string();
    server.swapped.send(Err(vec!["no handler".into()])).unwrap();
    let (status, answer) =
        client::call(&address, "/swap", Call::PostComponent(b"\0asm".to_vec())).await.unwrap();
    assert_eq!((status.as_u16(), &answer[..]), (422, &b"{\"problems\":[\"no handler\"]}\n"[..]));
    let (status, _) = client::call(&address, "/health", Call::Get).await.unwrap();
    assert_eq!(status.as_u16(), 200);
    drop(server);
    assert!(client::call(&address, "/health", Call::Get).await.is_err());
}
