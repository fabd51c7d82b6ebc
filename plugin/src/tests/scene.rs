//! A stage: the presence logic over a host in memory, and the words that phones use.

use crate::handler::{Failure, Outcome, Presence};
use crate::ports::{Forward, Reply, Verdict};
use crate::sip::message::Peer;
use crate::sip::owned::OwnedMessage;
use crate::testing::{Cost, Due, MemoryHost, Sent};

/// Where most scenes play.
pub const ALICE: &str = "sip:alice@example.com";

/// A configuration in which everybody may watch; the identity map is empty until a test fills it.
pub const OPEN: &str = r#"{"presence":{"domains":["example.com"]},"identity":{"map":true},
    "rules":{"enabled":true,"default":"allow"}}"#;
/// As [`OPEN`], with no throttle.
pub const HASTY: &str = r#"{"presence":{"domains":["example.com"],"notify_interval":0},
    "rules":{"enabled":true,"default":"allow"}}"#;

pub struct Scene {
    pub presence: Presence,
    pub host: MemoryHost,
    /// What the last step cost.
    pub cost: Cost,
    /// How often the last request was forwarded.
    pub forwards: u32,
    cseq: u32,
}

/// An answer, taken apart.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub reply: Reply,
    pub headers: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }
}

/// Value of a header line.
pub fn header<'t>(headers: &'t str, name: &str) -> Option<&'t str> {
    headers.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// A NOTIFY, taken apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Notify {
    pub uri: String,
    pub headers: String,
    pub body: String,
    pub sent: Sent,
}

impl Notify {
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    pub fn state(&self) -> &str {
        self.header("Subscription-State").unwrap()
    }

    pub fn cseq(&self) -> u32 {
        self.header("CSeq").unwrap().strip_suffix(" NOTIFY").unwrap().parse().unwrap()
    }
}

impl From<Sent> for Notify {
    fn from(sent: Sent) -> Self {
        Self {
            uri: sent.request.uri.clone(),
            headers: String::from_utf8(sent.request.headers.clone()).unwrap(),
            body: String::from_utf8(sent.request.body.clone()).unwrap(),
            sent,
        }
    }
}

impl Scene {
    pub fn new(configuration: &str) -> Self {
        let presence = Presence::configure(configuration).unwrap();
        let host = MemoryHost::new(1_700_000_000_000, 7);
        Self { presence, host, cost: Cost::default(), forwards: 0, cseq: 0 }
    }

    /// A request as text; lines end with LF, the end of the header section may be missing. It is
    /// forwarded as often as a host would.
    pub fn request(&mut self, text: &str) -> Option<Answer> {
        self.request_from(text, Peer::default())
    }

    /// As [`Scene::request`], from a peer.
    pub fn request_from(&mut self, text: &str, peer: Peer<'_>) -> Option<Answer> {
        let message = OwnedMessage::parse(text.as_bytes()).unwrap();
        let message = message.view().from_peer(peer);
        self.host.begin(None);
        let mut verdict = self.presence.on_request(&mut self.host, &message);
        self.forwards = 0;
        while let Verdict::Forward(Forward { partition, payload }) = verdict {
            assert!(self.host.is_untouched(), "a step that forwards has staged something");
            self.forwards += 1;
            assert!(self.forwards <= 8, "forwarded too often");
            self.host.begin(Some(&partition));
            verdict = self.presence.on_forwarded(&mut self.host, &partition, &message, &payload);
        }
        let passed = verdict == Verdict::Pass;
        assert!(!passed || self.host.is_untouched(), "a step that passes has staged something");
        self.cost = self.host.commit();
        match verdict {
            Verdict::Reply(reply) => {
                let headers = String::from_utf8(reply.headers.clone()).unwrap();
                Some(Answer { status: reply.status, reply, headers })
            }
            Verdict::Pass | Verdict::Forward(_) => None,
        }
    }

    /// A PUBLISH of alice's, with further header lines and a body.
    pub fn publish(&mut self, lines: &str, body: &str) -> Answer {
        self.publish_as("sip:alice@example.com", ALICE, lines, body)
    }

    /// A PUBLISH of somebody for somebody.
    pub fn publish_as(&mut self, sender: &str, presentity: &str, lines: &str, body: &str) -> Answer {
        self.cseq += 1;
        let content = if body.is_empty() || lines.contains("Content-Type") {
            ""
        } else {
            "Content-Type: application/pidf+xml\n"
        };
        let event = if lines.contains("Event:") { "" } else { "Event: presence\n" };
        let text = format!(
            "PUBLISH {presentity} SIP/2.0\nTo: <{presentity}>\nFrom: <{sender}>;tag=f\nCall-ID: p{0}\nCSeq: {0} PUBLISH\n\
             P-Asserted-Identity: <{sender}>\n{event}{content}{lines}\n{body}",
            self.cseq
        );
        self.request(&text).unwrap()
    }

    /// A first publication; gives its entity-tag.
    pub fn publish_open(&mut self) -> String {
        let answer = self.publish("", &pidf("open"));
        assert_eq!(answer.status, 200);
        answer.header("SIP-ETag").unwrap().to_owned()
    }

    /// A SUBSCRIBE out of dialog to alice.
    pub fn subscribe(&mut self, watcher: &str, lines: &str) -> Answer {
        let contact = if lines.contains("Contact:") || lines.contains("NoContact") {
            String::new()
        } else {
            format!("Contact: <sip:{watcher}@192.0.2.1:5070>\n")
        };
        let event =
            if lines.contains("Event:") || lines.contains("NoEvent") { "" } else { "Event: presence\n" };
        let text = format!(
            "SUBSCRIBE {ALICE} SIP/2.0\nTo: <{ALICE}>\nFrom: <sip:{watcher}@example.com>;tag=w-{watcher}\n\
             Call-ID: c-{watcher}\nCSeq: 1 SUBSCRIBE\n\
             P-Asserted-Identity: <sip:{watcher}@example.com>\n{event}{contact}{lines}\n"
        );
        self.request(&text).unwrap()
    }

    /// A SUBSCRIBE in the dialog with that tag of ours.
    pub fn resubscribe(&mut self, watcher: &str, tag: &str, cseq: u32, lines: &str) -> Answer {
        let event = if lines.contains("Event:") { "" } else { "Event: presence\n" };
        let text = format!(
            "SUBSCRIBE sip:192.0.2.9:5060 SIP/2.0\nTo: <{ALICE}>;tag={tag}\nFrom: <sip:{watcher}@example.com>;tag=w-{watcher}\n\
             Call-ID: c-{watcher}\nCSeq: {cseq} SUBSCRIBE\n\
             P-Asserted-Identity: <sip:{watcher}@example.com>\n{event}{lines}\n"
        );
        self.request(&text).unwrap()
    }

    /// Subscribes and answers the first NOTIFY; gives our tag.
    pub fn watch(&mut self, watcher: &str) -> String {
        let answer = self.subscribe(watcher, "");
        assert_eq!(answer.status, 200);
        let notify = self.only_notify();
        self.answer(&notify, 200);
        answer.reply.to_tag.unwrap()
    }

    /// The NOTIFYs that have no answer yet, in order.
    pub fn notifies(&self) -> Vec<Notify> {
        let notifies = self.host.sent.iter().filter(|sent| sent.request.method == "NOTIFY");
        notifies.cloned().map(Notify::from).collect()
    }

    pub fn only_notify(&self) -> Notify {
        let mut all = self.notifies();
        assert_eq!(all.len(), 1, "{all:#?}");
        all.remove(0)
    }

    pub fn answer(&mut self, notify: &Notify, status: u16) {
        self.answer_with(notify, &format!("SIP/2.0 {status} Whatever\n\n"));
    }

    /// Answers a NOTIFY with a response as text; no text stands for Timer F.
    pub fn answer_with(&mut self, notify: &Notify, text: &str) {
        self.host.sent.retain(|sent| *sent != notify.sent);
        self.outcome(&notify.sent.clone(), text);
    }

    fn outcome(&mut self, sent: &Sent, text: &str) {
        let message = OwnedMessage::parse(text.as_bytes());
        let outcome = match &message {
            Some(message) => Outcome::Response(message.view()),
            None => Outcome::Failed(Failure::Timeout),
        };
        self.host.begin(Some(&sent.partition));
        self.presence.on_response(&mut self.host, &sent.partition, &sent.token, &outcome);
        self.cost = self.host.commit();
    }

    /// Answers every NOTIFY with 200 until there are none.
    pub fn answer_all(&mut self) {
        while let Some(notify) = self.notifies().first() {
            self.answer(notify, 200);
        }
    }

    /// Runs one step that is due. False if there is none.
    pub fn run_one(&mut self) -> bool {
        match self.host.next_due() {
            Some(Due::Post(partition, payload)) => {
                self.presence.on_post(&mut self.host, &partition, &payload);
            }
            Some(Due::Timer(partition, name, due, payload)) => {
                self.presence.on_timer(&mut self.host, &partition, &name, due, &payload);
            }
            None => return false,
        }
        self.cost = self.host.commit();
        true
    }

    /// Runs everything that is due.
    pub fn settle(&mut self) {
        for _ in 0..10_000 {
            if !self.run_one() {
                return;
            }
        }
        panic!("steps without end");
    }

    /// Moves time on and runs what comes due.
    pub fn pass(&mut self, milliseconds: u64) {
        self.host.advance(milliseconds);
        self.settle();
    }

    /// A stop without order and the start after it. Relaxed steps survive as `survives` says.
    pub fn crash(&mut self, survives: impl FnMut(usize) -> bool) {
        self.host.crash(survives);
        self.recover();
    }

    /// What the host calls after a start.
    pub fn recover(&mut self) {
        for partition in self.host.partitions() {
            self.host.begin(Some(&partition));
            self.presence.on_recovery(&mut self.host, &partition);
            self.host.commit();
        }
    }

    pub fn count(&self, kind: u8) -> usize {
        self.host.records(ALICE, &[kind]).len()
    }
}

/// A document of alice's with a basic status.
pub fn pidf(basic: &str) -> String {
    pidf_of(ALICE, basic, "")
}

pub fn pidf_of(entity: &str, basic: &str, note: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"{entity}\">\
         <tuple id=\"t1\"><status><basic>{basic}</basic></status><note>{note}</note></tuple></presence>"
    )
}
