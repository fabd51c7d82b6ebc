//! A SIP proxy embeds the presence component: it hands two requests to the engine as bytes and
//! shows what comes out. A real proxy has its own parser and transactions; this one only prints.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use rollcall_engine::{
    Answer, Edge, Engine, EngineConfig, Header, HostClock, Outcome, Outgoing, Peer, Request, Response,
    SendId, Span, Transport,
};
use rollcall_sip::wire::{Message, Start};

/// The SIP stack as the engine sees it.
struct Proxy(mpsc::Sender<SendId>);

impl Edge for Proxy {
    fn answer(&self, ticket: u64, answer: Answer) {
        match answer {
            Answer::Reply(reply) => println!("request {ticket}: {} {}", reply.status, reply.reason),
            other => println!("request {ticket}: {other:?}"),
        }
    }

    fn send(&self, requests: Vec<(SendId, Outgoing)>) {
        for (id, Outgoing { method, uri, headers, body, .. }) in requests {
            let (headers, body) = (String::from_utf8_lossy(&headers), String::from_utf8_lossy(&body));
            println!("{method} {uri}\n{headers}\n{body}");
            let _ = self.0.send(id);
        }
    }
}

/// A request that came from a trusted neighbour.
fn request(text: &str) -> Option<Request> {
    let message = Message::parse(text.replace('\n', "\r\n")).ok()?;
    let Start::Request { method, uri } = message.start else { return None };
    let span = |span: rollcall_sip::wire::Span| Span { start: span.start, end: span.end };
    let header =
        |field: &rollcall_sip::wire::Field| Header { name: span(field.name), value: span(field.value) };
    let address = ([127, 0, 0, 1], 5060).into();
    Some(Request {
        headers: message.headers.iter().map(header).collect(),
        method: span(method),
        uri: span(uri),
        body: span(message.body),
        peer: Peer { transport: Transport::Udp, address, trusted: true },
        message: message.bytes,
    })
}

/// What a watcher answers.
fn accepted() -> Outcome {
    let message = b"SIP/2.0 200 OK\r\n\r\n"[..].into();
    let peer = Peer { transport: Transport::Udp, address: ([127, 0, 0, 1], 5070).into(), trusted: true };
    let body = Span { start: 18, end: 18 };
    Outcome::Response(Response { message, status: 200, headers: Vec::new(), body, peer })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (sent, notified) = mpsc::channel();
    let engine = Engine::start(
        EngineConfig {
            plugin_configuration: include_str!("presence.json").into(),
            ..EngineConfig::default()
        },
        rollcall_component::COMPONENT,
        Vec::new(),
        Arc::new(rollcall_storage::Memory::new()),
        Arc::new(Proxy(sent)),
        Arc::new(HostClock::new()),
    )?;
    for (ticket, text) in [include_str!("subscribe.sip"), include_str!("publish.sip")].into_iter().enumerate()
    {
        engine.request(request(text).ok_or("malformed request")?, ticket as u64);
        // The NOTIFY has been printed; a real watcher would answer it.
        let id = notified.recv_timeout(Duration::from_secs(10))?;
        engine.outcome(id, accepted());
    }
    engine.stop(Duration::from_secs(1))?;
    Ok(())
}
