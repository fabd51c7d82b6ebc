//! What a request costs: reading it, and the whole way through a stack over loopback.
#![allow(missing_docs, clippy::unwrap_used)]

use std::net::UdpSocket;
use std::sync::{Arc, OnceLock};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use rollcall_sip::wire::Message;
use rollcall_sip::{
    Core, Incoming, Outcome, Request, Response, ServerTransaction, Stack, StackConfig, SystemClock, Transport,
};

fn publish(n: u64, port: u16) -> Vec<u8> {
    let body = "<presence entity=\"sip:alice@example.com\"/>".repeat(8);
    format!(
        "PUBLISH sip:alice@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{n:016x};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag={n}\r\nTo: <sip:alice@example.com>\r\n\
         Call-ID: {n}@client.example.com\r\nCSeq: 1 PUBLISH\r\nEvent: presence\r\nExpires: 3600\r\n\
         SIP-If-Match: dx200xyz\r\nAccept: application/pidf+xml\r\nUser-Agent: bench\r\n\
         P-Asserted-Identity: <sip:alice@example.com>\r\nContent-Type: application/pidf+xml\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

#[derive(Default)]
struct Echo {
    stack: OnceLock<Stack>,
}

impl Core for Echo {
    fn request(&self, _: Incoming, transaction: ServerTransaction) {
        let headers = "SIP-ETag: dx200xyz\r\nExpires: 3600\r\n".into();
        self.stack.wait().respond(transaction, Response { headers, ..Response::new(200, "OK") });
    }

    fn outcome(&self, _: u64, _: Outcome) {}
}

fn start() -> Stack {
    let config = StackConfig {
        listen: vec![(Transport::Udp, "127.0.0.1:0".parse().unwrap())],
        udp_threads: 1,
        ..StackConfig::default()
    };
    let core = Arc::new(Echo::default());
    let stack = Stack::start(config, Arc::new(SystemClock::new()), core.clone()).unwrap();
    let _ = core.stack.set(stack.clone());
    stack
}

fn requests(c: &mut Criterion) {
    let message = publish(1, 5060);
    c.bench_function("parse", |b| {
        b.iter_batched(|| message.clone(), |bytes| Message::parse(bytes).unwrap(), BatchSize::SmallInput);
    });

    let stack = start();
    let to = stack.local_addrs()[0].1;
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = peer.local_addr().unwrap().port();
    let mut n = 0;
    let mut buffer = [0; 4096];
    // Client and server side of 32 requests, system calls of both included.
    c.bench_function("32 requests over UDP, both sides", |b| {
        b.iter(|| {
            for _ in 0..32 {
                n += 1;
                peer.send_to(&publish(n, port), to).unwrap();
            }
            for _ in 0..32 {
                peer.recv(&mut buffer).unwrap();
            }
        });
    });
    stack.stop();

    let stack = start();
    let uri = format!("sip:bob@{}", peer.local_addr().unwrap());
    let headers = "To: <sip:bob@example.com>;tag=2\r\nFrom: <sip:alice@example.com>;tag=1\r\nCall-ID: n\r\n\
                   CSeq: 7 NOTIFY\r\nEvent: presence\r\nSubscription-State: active;expires=3600\r\n";
    let request = Request {
        method: "NOTIFY".into(),
        uri,
        headers: headers.into(),
        body: "x".repeat(400).into(),
        contact: Some(String::new()),
    };
    c.bench_function("batch of 32 requests sent, received by the peer", |b| {
        b.iter(|| {
            stack.send_all((0..32).map(|token| (token, request.clone())).collect());
            for _ in 0..32 {
                peer.recv(&mut buffer).unwrap();
            }
        });
    });
    stack.stop();
}

criterion_group!(benches, requests);
criterion_main!(benches);
