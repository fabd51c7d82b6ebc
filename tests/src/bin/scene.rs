//! Starts the server with a configuration, plays a short scene against it and shows what goes
//! over the wire; then the server goes on serving until this process is told to stop.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use clap::Parser;
use nix::sys::signal::{SigSet, Signal};
use rollcall_tests::endpoint::Transport;
use rollcall_tests::process::{Process, Ready, signal};
use rollcall_tests::{Config, Notify, Phone, Pidf};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Starts Rollcall and plays a scene: a watcher subscribes, a phone publishes.
#[derive(Parser)]
struct Arguments {
    /// The server's binary.
    #[arg(long)]
    server: PathBuf,
    /// Its configuration. 127.0.0.1 has to be among `sip.trusted`.
    #[arg(long)]
    config: PathBuf,
    /// Stop the server when the scene is over.
    #[arg(long)]
    once: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut process = Process::serve(&arguments.server, &arguments.config, Path::new("."));
    // After the start of the server, which would inherit the mask, and before any thread.
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGINT);
    signals.add(Signal::SIGTERM);
    signals.thread_block().expect("block signals");
    let pid = process.id();
    std::thread::spawn(move || {
        while signals.wait().is_ok() {
            signal(pid, Signal::SIGTERM);
        }
    });

    let output = process.read_output(|line| {
        if Ready::parse(&line).is_none() {
            eprintln!("{line}");
        }
    });
    let ready = loop {
        match output.recv_timeout(Duration::from_millis(50)) {
            Ok(ready) => break ready,
            Err(_) => {
                if let Some(status) = process.ended() {
                    std::thread::sleep(Duration::from_millis(100));
                    eprintln!("the server ended: {status}");
                    return ExitCode::FAILURE;
                }
            }
        }
    };
    play(&ready, &domain(&arguments.config));
    if arguments.once {
        signal(pid, Signal::SIGTERM);
    } else {
        println!("The server goes on serving. Ctrl-C stops it.");
        println!("  SIP    udp {}, tcp {}", ready.udp, ready.tcp);
        println!("  admin  http://{0}/health  http://{0}/metrics", ready.admin);
    }
    if process.wait().success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The first domain that the configuration serves.
fn domain(config: &Path) -> String {
    Config::read(config)
        .get("presence.domains")
        .and_then(|domains| domains.get(0)?.as_str().map(str::to_owned))
        .unwrap_or_else(|| "example.com".into())
}

fn play(ready: &Ready, domain: &str) {
    let (alice, bob) = (format!("sip:alice@{domain}"), format!("sip:bob@{domain}"));
    let phone = Phone::at(ready.udp, ready.tcp, Transport::Udp, &alice, true);
    let watcher = Phone::at(ready.udp, ready.tcp, Transport::Udp, &bob, true);

    println!("\n1. Bob's phone subscribes to the presence of {alice}.");
    let mut subscription = watcher.subscribe(&alice);
    println!("   <- 200 OK, for {} s", subscription.response.expires().unwrap_or_default());
    show(&subscription.notify());

    println!("\n2. Alice's phone publishes that she is open to communication.");
    let open = Pidf::of(&alice).reachable("phone", "open", &alice);
    let mut publication = phone.publish(&open.text());
    println!("   <- 200 OK, entity-tag {}", publication.etag);
    show(&subscription.notify());

    println!("\n3. Alice goes away; her phone publishes that, too. (Where changes follow each other");
    println!("   quickly, a watcher is told once in presence.notify_interval.)");
    publication.modify(&open.activity("alice", "away").text());
    println!("   <- 200 OK, entity-tag {}", publication.etag);
    show(&subscription.notify());

    println!("\n4. Bob has seen enough and unsubscribes; Alice's phone removes its publication.");
    subscription.unsubscribe();
    show(&subscription.notify());
    publication.remove();
    println!();
}

/// Shows a NOTIFY: what it says of the subscription, and its document, an element a line.
fn show(notify: &Notify) {
    let state = notify.message().header("Subscription-State").unwrap_or_default();
    println!("   -> NOTIFY to Bob, {state}");
    if notify.message().body.is_empty() {
        return;
    }
    let text = String::from_utf8_lossy(&notify.message().body);
    let Ok(document) = roxmltree::Document::parse(&text) else {
        println!("{text}");
        return;
    };
    element(document.root_element(), &text, 6);
}

fn element(node: roxmltree::Node<'_, '_>, source: &str, indent: usize) {
    let whole = &source[node.range()];
    let head_end = whole.find('>').map_or(whole.len(), |end| end + 1);
    let head = &whole[..head_end];
    let children: Vec<_> = node.children().filter(roxmltree::Node::is_element).collect();
    if head.ends_with("/>") || children.is_empty() {
        println!("{:indent$}{whole}", "");
        return;
    }
    println!("{:indent$}{head}", "");
    for child in children {
        element(child, source, indent + 2);
    }
    let name = head[1..].split([' ', '>', '\n']).next().unwrap_or_default();
    println!("{:indent$}</{name}>", "");
}
