//! Complete servers that are each other's communities (EXT-21): what one says reaches the others, once, and nothing
//! goes round.

use std::collections::BTreeMap;

use crate::handler::{Outcome, Presence};
use crate::keys::{BACKEND, CONTRIBUTION};
use crate::sip::message::Peer;
use crate::sip::owned::OwnedMessage;
use crate::testing::{MemoryHost, Sent};
use crate::tests::scene::{Scene, header, pidf_of};

/// Communities trust each other (RFC 3325).
const PEER: Peer<'static> = Peer { address: "192.0.2.9:5060", trusted: true };

/// More messages than this between two moments of rest are an endless exchange.
const ENDLESS: usize = 300;

/// A server that serves `NAME.example` and knows alice there.
struct Server {
    name: &'static str,
    scene: Scene,
    /// What its own watcher was shown last.
    shown: String,
    /// Entity-tag of what alice publishes here.
    tag: Option<String>,
}

/// Servers, and phones between which everything arrives.
struct Net {
    servers: Vec<Server>,
    /// How many requests went from one to the other, by `METHOD FROM TO`; phones are `phone`.
    sent: BTreeMap<String, usize>,
}

fn alice(name: &str) -> String {
    format!("sip:alice@{name}.example")
}

/// A server that asks some, and knows some as communities that ask as themselves.
fn configuration(name: &str, asks: &[&str], guards: &[&str]) -> String {
    let identity = |other: &&str| format!("\"sip:presence@{other}.example\"");
    let community = |other: &&str| {
        let guard = match guards.contains(other) {
            true => format!(",\"asks_as\":{}", identity(other)),
            false => String::new(),
        };
        format!(
            r#"{{"name":"{other}","target":"sip:{other}.net","identities":"file.json","grace":10{guard}}}"#
        )
    };
    let others: Vec<String> = guards.iter().filter(|other| !asks.contains(other)).map(identity).collect();
    let others =
        if others.is_empty() { String::new() } else { format!("\"asks_as\":[{}],", others.join(",")) };
    let communities: Vec<String> = asks.iter().map(community).collect();
    format!(
        r#"{{"presence":{{"domains":["{name}.example"],"notify_interval":0,"expires":{{"max":1000000}}}},
            "rules":{{"enabled":true,"default":"allow"}},
            "external":{{{others}"super_user":"sip:presence@{name}.example","community":[{}]}}}}"#,
        communities.join(",")
    )
}

impl Net {
    /// Each of the servers asks those that follow its name, and guards against those behind the bar.
    fn new(servers: &[(&'static str, &[&str], &[&str])]) -> Self {
        let server = |(name, asks, guards): &(&'static str, &[&str], &[&str])| {
            let mut scene = Scene::new(&configuration(name, asks, guards));
            // No two draw the same numbers.
            scene.host = MemoryHost::new(scene.host.time(), name.bytes().next().unwrap_or_default().into());
            let row = |other: &&str| vec![(*other).to_owned(), alice(name), alice(other)];
            let rows: Vec<Vec<String>> = asks.iter().map(row).collect();
            scene.host.load(&scene.presence, &[("external", rows)].into()).unwrap();
            Server { name, scene, shown: String::new(), tag: None }
        };
        Self { servers: servers.iter().map(server).collect(), sent: BTreeMap::new() }
    }

    fn server(&mut self, name: &str) -> &mut Server {
        self.servers.iter_mut().find(|server| server.name == name).unwrap()
    }

    /// Somebody watches alice there until everything is at rest.
    fn watch(&mut self, name: &str) {
        let presentity = alice(name);
        let text = format!(
            "SUBSCRIBE {presentity} SIP/2.0\nTo: <{presentity}>\nFrom: <sip:bob@{name}.example>;tag=b\nCall-ID: bob\nCSeq: 1 SUBSCRIBE\n\
             P-Asserted-Identity: <sip:bob@{name}.example>\nEvent: presence\nExpires: 900000\nContact: <sip:bob@192.0.2.1>\n\n"
        );
        assert_eq!(self.server(name).scene.request(&text).unwrap().status, 200);
        self.rest();
    }

    /// Alice publishes there, or what she published there ends.
    fn publish(&mut self, name: &str, note: Option<&str>) {
        let presentity = alice(name);
        let server = self.server(name);
        let matching = server.tag.take().map_or_else(String::new, |tag| format!("SIP-If-Match: {tag}\n"));
        let (expires, body) = match note {
            Some(note) => ("900000", pidf_of(&presentity, "open", note)),
            None => ("0", String::new()),
        };
        let lines = format!("{matching}Expires: {expires}\n");
        let answer = server.scene.publish_as(&presentity, &presentity, &lines, &body);
        assert_eq!(answer.status, 200, "{answer:?}");
        server.tag = note.and(answer.header("SIP-ETag")).map(str::to_owned);
        self.rest();
    }

    fn pass(&mut self, seconds: u64) {
        let now =
            |net: &Self| net.servers.iter().map(|server| server.scene.host.time()).max().unwrap_or_default();
        let end = now(self) + seconds * 1_000;
        loop {
            // From timer to timer, as none is late where servers run.
            let next = self.servers.iter().filter_map(|server| server.scene.host.next_timer()).min();
            let step = next.unwrap_or(end).min(end).saturating_sub(now(self));
            self.servers.iter_mut().for_each(|server| server.scene.host.advance(step));
            self.rest();
            if now(self) == end && next.is_none_or(|next| next > end) {
                return;
            }
        }
    }

    /// A stop without order and a start.
    fn crash(&mut self, name: &str) {
        self.server(name).scene.crash(|_| false);
        self.rest();
    }

    /// Everything that is due happens, and everything that is sent arrives.
    fn rest(&mut self) {
        for _ in 0..ENDLESS {
            self.servers.iter_mut().for_each(|server| server.scene.settle());
            let next = self.servers.iter_mut().enumerate().find_map(|(from, server)| {
                let sent = &mut server.scene.host.sent;
                (!sent.is_empty()).then(|| (from, sent.remove(0)))
            });
            let Some((from, sent)) = next else { return };
            self.deliver(from, &sent);
        }
        panic!("an endless exchange: {:#?}", self.sent);
    }

    fn deliver(&mut self, from: usize, sent: &Sent) {
        let headers = String::from_utf8(sent.request.headers.clone()).unwrap();
        let host = |uri: &str| {
            uri.split(['@', ':', '<', '>', ';']).rev().find(|part| part.ends_with(".net")).map(str::to_owned)
        };
        let next = header(&headers, "Route").and_then(host).or_else(|| host(&sent.request.uri));
        let to = next
            .and_then(|next| self.servers.iter().position(|server| next == format!("{}.net", server.name)));
        let name = |of: Option<usize>| of.map_or("phone", |of| self.servers[of].name);
        let way = format!("{} {} {}", sent.request.method, name(Some(from)), name(to));
        *self.sent.entry(way).or_default() += 1;
        let Some(to) = to else {
            self.servers[from].shown = String::from_utf8(sent.request.body.clone()).unwrap();
            return self.answer(from, sent, "SIP/2.0 200 OK\n\n");
        };
        let contact = |user: &Option<String>, name: &str| match user.as_deref() {
            None => String::new(),
            Some("") => format!("Contact: <sip:{name}.net>\r\n"),
            Some(user) => format!("Contact: <sip:{user}@{name}.net>\r\n"),
        };
        let own = contact(&sent.request.contact, self.servers[from].name);
        let body = String::from_utf8(sent.request.body.clone()).unwrap();
        let text =
            format!("{} {} SIP/2.0\r\n{headers}{own}\r\n{body}", sent.request.method, sent.request.uri);
        let answer = self.servers[to].scene.request_from(&text, PEER).expect("an answer");
        let line = |name: &str| header(&headers, name).unwrap_or_default();
        let tag = answer.reply.to_tag.as_ref().map_or_else(String::new, |tag| format!(";tag={tag}"));
        let text = format!(
            "SIP/2.0 {} {}\r\nFrom: {}\r\nTo: {}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\n{}{}\r\n",
            answer.status,
            answer.reply.reason,
            line("From"),
            line("To"),
            line("Call-ID"),
            line("CSeq"),
            contact(&answer.reply.contact, self.servers[to].name),
            answer.headers,
        );
        self.answer(from, sent, &text);
    }

    fn answer(&mut self, from: usize, sent: &Sent, text: &str) {
        let message = OwnedMessage::parse(text.as_bytes()).unwrap();
        let Scene { presence, host, .. } = &mut self.servers[from].scene;
        host.begin(Some(&sent.partition));
        presence.on_response(
            host,
            &sent.partition,
            &sent.token,
            &Outcome::Response(message.view().from_peer(PEER)),
        );
        host.commit();
    }

    /// The notes that the watcher there sees, in order.
    fn seen(&self, name: &str) -> Vec<String> {
        let server = self.servers.iter().find(|server| server.name == name).unwrap();
        let mut notes: Vec<String> = server
            .shown
            .split("<note>")
            .skip(1)
            .filter_map(|rest| rest.split('<').next())
            .map(str::to_owned)
            .collect();
        notes.sort_unstable();
        notes
    }

    /// What was sent since the last look, without the answers.
    fn traffic(&mut self) -> Vec<String> {
        std::mem::take(&mut self.sent).into_iter().map(|(way, count)| format!("{way} {count}")).collect()
    }

    fn records(&self, kind: u8) -> usize {
        let count = |server: &Server| server.scene.host.records(&alice(server.name), &[kind]).len();
        self.servers.iter().map(count).sum()
    }
}

fn two() -> Net {
    Net::new(&[("a", &["b"], &["b"]), ("b", &["a"], &["a"])])
}

/// EXT-21, WPS-04: two servers ask each other about the same person, who publishes on both.
#[test]
fn ext_21_two_communities_tell_each_other_what_is_theirs() {
    let mut net = two();
    net.publish("a", Some("desk"));
    net.publish("b", Some("mobile"));
    net.watch("a");
    net.watch("b");
    assert_eq!(
        (net.seen("a"), net.seen("b")),
        (vec!["desk".into(), "mobile".to_owned()], vec!["desk".into(), "mobile".to_owned()])
    );
    assert_eq!((net.records(BACKEND), net.records(CONTRIBUTION)), (2, 2));
    // A change goes once to everybody, and comes back to nobody.
    net.traffic();
    net.publish("a", Some("desk two"));
    assert_eq!(net.seen("b"), ["desk two", "mobile"]);
    assert_eq!(net.traffic(), ["NOTIFY a b 1", "NOTIFY a phone 1", "NOTIFY b phone 1"]);
    // So does the end of it.
    net.publish("b", None);
    assert_eq!((net.seen("a"), net.seen("b")), (vec!["desk two".to_owned()], vec!["desk two".to_owned()]));
    assert_eq!(net.traffic(), ["NOTIFY a phone 1", "NOTIFY b a 1", "NOTIFY b phone 1"]);
    // A day of refreshes brings no change to anybody.
    net.pass(86_400);
    assert!(net.traffic().iter().all(|way| !way.contains("phone")));
    assert_eq!((net.seen("a"), net.records(CONTRIBUTION)), (vec!["desk two".to_owned()], 1));
    net.publish("a", None);
    assert_eq!((net.seen("a").len(), net.seen("b").len(), net.records(CONTRIBUTION)), (0, 0, 0));
}

/// EXT-20, EXT-21: they do not keep each other's subscriptions alive when nobody watches any more.
#[test]
fn ext_21_two_communities_let_go_of_each_other() {
    let mut net = two();
    net.publish("a", Some("desk"));
    net.watch("a");
    // Only the one with a watcher asks.
    assert_eq!(net.records(BACKEND), 1);
    net.watch("b");
    assert_eq!(net.records(BACKEND), 2);
    // The watchers' subscriptions last for ten days, the others are refreshed as long as they are wanted.
    net.pass(899_990);
    assert_eq!(net.records(BACKEND), 2);
    net.pass(30);
    assert_eq!((net.records(BACKEND), net.records(CONTRIBUTION)), (0, 0));
    net.traffic();
    net.pass(86_400);
    assert_eq!(net.traffic(), [""; 0]);
}

/// EXT-21: a stop of one in the middle is no reason for an echo.
#[test]
fn ext_21_a_crash_of_one_brings_no_echo() {
    let mut net = two();
    net.publish("a", Some("desk"));
    net.publish("b", Some("mobile"));
    net.watch("a");
    net.watch("b");
    for name in ["a", "b", "a"] {
        net.crash(name);
        net.pass(120);
        net.publish(name, Some("after the crash"));
        net.pass(120);
        net.publish(name, Some(if name == "a" { "desk" } else { "mobile" }));
        net.pass(120);
        assert_eq!(net.seen("a"), ["desk", "mobile"]);
        assert_eq!(net.seen("b"), ["desk", "mobile"]);
    }
    net.traffic();
    net.pass(60);
    assert!(net.traffic().iter().all(|way| !way.starts_with("NOTIFY")));
}

/// EXT-21: circles of three, one way and both ways. Each sees what is of those that it asks, and changes travel one step.
#[test]
fn ext_21_three_in_a_circle() {
    type Servers<'s> = [(&'static str, &'s [&'s str], &'s [&'s str]); 3];
    // Each is asked by one that it does not ask.
    let one_way: Servers<'_> = [("a", &["b"], &["c"]), ("b", &["c"], &["a"]), ("c", &["a"], &["b"])];
    let both_ways: Servers<'_> =
        [("a", &["b", "c"], &["b", "c"]), ("b", &["c", "a"], &["c", "a"]), ("c", &["a", "b"], &["a", "b"])];
    // Only one of them takes care, which is enough for the circle.
    let one_guard: Servers<'_> = [("a", &["b"], &["c"]), ("b", &["c"], &[]), ("c", &["a"], &[])];
    for (servers, [at_a, at_b, at_c], most) in [
        (one_way, [&["of a", "of b"][..], &["of b", "of c"], &["of a", "of c"]], 3),
        (both_ways, [&["of a", "of b", "of c"]; 3], 6),
        // What is of A goes round once, and not out of A again.
        (one_guard, [&["of a", "of a", "of b", "of c"], &["of a", "of b", "of c"], &["of a", "of c"]], 7),
    ] {
        let mut net = Net::new(&servers);
        for (name, note) in [("a", "of a"), ("b", "of b"), ("c", "of c")] {
            net.publish(name, Some(note));
            net.watch(name);
        }
        assert_eq!((net.seen("a"), net.seen("b"), net.seen("c")), (owned(at_a), owned(at_b), owned(at_c)));
        for round in 0..3 {
            net.traffic();
            net.publish("a", Some(&format!("of a, {round}")));
            let sent: usize = net.sent.values().sum();
            assert!(net.sent.keys().all(|way| way.starts_with("NOTIFY")) && sent <= most, "{:?}", net.sent);
        }
        net.publish("a", None);
        for name in ["a", "b", "c"] {
            assert!(
                !net.seen(name).iter().any(|note| note.starts_with("of a")),
                "{name}: {:?}",
                net.seen(name)
            );
        }
        net.traffic();
        net.pass(30);
        assert_eq!(net.traffic(), [""; 0]);
    }
}

fn owned(notes: &[&str]) -> Vec<String> {
    notes.iter().map(|note| (*note).to_owned()).collect()
}

/// `docs/sources.md`: it is enough that one of two does it.
#[test]
fn ext_21_one_guard_is_enough_for_two() {
    let mut net = Net::new(&[("a", &["b"], &["b"]), ("b", &["a"], &[])]);
    net.publish("a", Some("desk"));
    net.publish("b", Some("mobile"));
    net.watch("a");
    net.watch("b");
    net.traffic();
    for number in 0..5 {
        let note = format!("desk {number}");
        net.publish("a", Some(&note));
        assert_eq!(net.seen("b"), [note.as_str(), "mobile"]);
        // The other one says it again, which is where it ends.
        assert_eq!(net.seen("a"), [note.as_str(), note.as_str(), "mobile"]);
        assert_eq!(net.traffic(), ["NOTIFY a b 1", "NOTIFY a phone 2", "NOTIFY b a 1", "NOTIFY b phone 1"]);
    }
    net.publish("a", None);
    assert_eq!((net.seen("a"), net.seen("b")), (vec!["mobile".to_owned()], vec!["mobile".to_owned()]));
}

/// Configured while the echo goes on, the guard ends it.
#[test]
fn ext_21_a_guard_that_comes_late_ends_the_echo() {
    let mut net = Net::new(&[("a", &["b"], &["b"]), ("b", &["a"], &[])]);
    net.publish("a", Some("desk"));
    net.watch("a");
    net.watch("b");
    assert_eq!(net.seen("a"), ["desk", "desk"]);
    net.server("b").scene.presence = Presence::configure(&configuration("b", &["a"], &["a"])).unwrap();
    // A community refreshes within the hour.
    net.pass(3_500);
    assert_eq!((net.seen("a"), net.seen("b")), (vec!["desk".to_owned()], vec!["desk".to_owned()]));
}
