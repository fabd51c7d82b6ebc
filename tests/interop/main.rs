//! Rollcall among real peers, as it is deployed: baresip phones behind a Kamailio edge proxy
//! with the configuration of `examples/kamailio-edge`, and SIPp with the scenarios of
//! `examples/sipp`. All of them are Debian packages: `make peers` installs them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod edge;
mod external;
mod foreign;
mod peer;
mod phone;
mod ports;
mod sipp;

use edge::Edge;
use phone::{BaresipPhone, Does};
use rollcall_tests::{Config, Phone, Pidf, Server};
use std::path::{Path, PathBuf};

/// The folder `examples` of the workspace.
fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples")
}

/// RFC 3903 4, RFC 6665 4.1, RFC 3325 5: PUBLISH and SUBSCRIBE of phones that authenticate at the
/// edge, NOTIFY back along its Record-Route, to phones that know nothing but the edge.
#[test]
fn a_phone_publishes_and_another_sees_it_through_an_edge_proxy() {
    let server = Server::start(Config::new());
    let edge = Edge::start(server.udp());

    let bob = BaresipPhone::start(edge.address(), "bob", "builder", Does::Watch("alice"));
    bob.wait_registered();
    let alice = BaresipPhone::start(edge.address(), "alice", "wonderland", Does::Publish);
    alice.wait_published();
    alice.command("presence_online");
    bob.wait_sees("alice", "Online");

    alice.command("presence_offline");
    bob.wait_sees("alice", "Offline");
    alice.command("presence_online");
    bob.wait_sees("alice", "Online");

    // RFC 3903 4.5: the phone takes its publication back, and no other is left.
    alice.command("rmmod presence.so");
    bob.wait_sees_not("alice", "Online");

    let direct = format!("{}", server.udp());
    for phone in [&alice, &bob] {
        let trace = phone.log();
        let around = trace.lines().find(|line| line.starts_with("UDP ") && line.contains(&direct));
        assert_eq!(around, None, "a message went around the edge");
        assert!(!trace.contains("P-Asserted-Identity"), "an asserted identity left the trust domain");
    }
}

/// A real phone keeps its subscription over a crash of the server, and hears of what comes after.
#[test]
fn a_phone_goes_on_seeing_changes_after_a_crash_of_the_server() {
    let mut server = Server::start(Config::new());
    let edge = Edge::start(server.udp());
    let bob = BaresipPhone::start(edge.address(), "bob", "builder", Does::Watch("alice"));
    bob.wait_registered();
    let alice = BaresipPhone::start(edge.address(), "alice", "wonderland", Does::Publish);
    alice.wait_published();
    alice.command("presence_online");
    bob.wait_sees("alice", "Online");

    server.kill();
    server.restart();
    alice.command("presence_offline");
    bob.wait_sees("alice", "Offline");
    let subscribed = bob.log().lines().filter(|line| line.starts_with("SUBSCRIBE sip:alice@")).count();
    // One without credentials, one with.
    assert!(subscribed <= 2, "the phone had to subscribe anew:\n{}", bob.log());
}

/// RFC 3261 22.3, RFC 3325 8: what no phone has authenticated does not reach the server, whatever
/// identity it asserts.
#[test]
fn the_edge_lets_nobody_in_who_cannot_authenticate() {
    let server = Server::start(Config::new());
    let edge = Edge::start(server.udp());
    let status = edge.ask(
        "PUBLISH",
        "From: <sip:alice@example.com>;tag=a\r\n\
         To: <sip:alice@example.com>\r\n\
         P-Asserted-Identity: <sip:alice@example.com>\r\n\
         Event: presence\r\n",
    );
    assert_eq!(status, 407);
    let intruder = BaresipPhone::start(edge.address(), "alice", "not her password", Does::Publish);
    intruder.wait_log("the refusal", |log| log.matches("SIP/2.0 407").count() > 1);
    // The one request that got through did not come by the edge.
    let carol = Phone::udp(&server, "sip:carol@example.com");
    let _publication = carol.publish(&Pidf::basic(carol.identity(), "open"));
    server.wait_metrics("one PUBLISH in all", |metrics| {
        metrics.sum("rollcall_sip_requests_total", &["method=\"PUBLISH\""]) == Some(1.0)
    });
}

/// RFC 3903 4, 6.
#[test]
fn sipp_publishes_modifies_refreshes_and_removes() {
    let server = Server::start(Config::new());
    sipp::run("publish.xml", server.udp(), "u1");
    sipp::run("publish.xml", server.tcp(), "t1");
}

/// RFC 6665 4.1, 4.2.
#[test]
fn sipp_subscribes_refreshes_and_unsubscribes() {
    let server = Server::start(Config::new());
    sipp::run("subscribe.xml", server.udp(), "u1");
    sipp::run("subscribe.xml", server.tcp(), "t1");
}
