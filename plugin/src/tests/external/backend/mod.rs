//! The subscription at a source: a scripted source over the presence logic in memory.

mod credentials;
mod dialog;
mod ends;
mod failures;
mod model;
mod recovery;

use crate::configuration::Configuration;
use crate::external::backend::{self, Status};
use crate::external::source::Source;
use crate::handler::{Failure, Outcome};
use crate::keys;
use crate::presentation::Part;
use crate::sip::message::Peer;
use crate::sip::owned::OwnedMessage;
use crate::step::Step;
use crate::testing::{Cost, Sent};
use crate::tests::scene::{ALICE, Answer, Scene, header};

/// Where the first target is.
pub const THERE: &str = "192.0.2.20:5060";

/// One community with two targets that knows users of ours under their own identities.
pub const ONE: &str = r#"{"presence":{"domains":["example.com"],"notify_interval":0,
        "expires":{"default":864000,"max":864000}},
    "rules":{"enabled":true,"default":"allow"},
    "external":{"super_user":"sip:presence@example.com",
        "community":[{"name":"east","domain":"example.com","target":["sip:192.0.2.20","sip:192.0.2.21"],
            "credentials":{"username":"rollcall","password":"secret"}}]}}"#;

/// The source of [`ONE`].
pub fn source() -> Source {
    Configuration::parse(ONE).unwrap().external.remove(0)
}

/// A document of the community's.
pub fn document(note: &str) -> String {
    super::stage::document(&super::stage::tuple("t", note))
}

/// The presence server, and a source that does what the test says.
pub struct Far {
    pub scene: Scene,
    /// What the latest NOTIFY cost.
    pub cost: Cost,
    /// What is due has to wait: [`Far::settle`] does nothing.
    pub held: bool,
}

/// A SUBSCRIBE that the source got.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    pub headers: String,
    pub sent: Sent,
}

impl Ask {
    pub fn header(&self, name: &str) -> &str {
        header(&self.headers, name).unwrap_or_else(|| panic!("no {name} in {}", self.headers))
    }

    pub fn has(&self, name: &str) -> bool {
        header(&self.headers, name).is_some()
    }

    pub fn cseq(&self) -> u32 {
        self.header("CSeq").strip_suffix(" SUBSCRIBE").unwrap().parse().unwrap()
    }

    pub fn expires(&self) -> u32 {
        self.header("Expires").parse().unwrap()
    }

    pub fn tag(&self) -> &str {
        self.header("From").split(";tag=").nth(1).unwrap()
    }

    /// True if it is in a dialog.
    pub fn in_dialog(&self) -> bool {
        self.header("To").contains(";tag=")
    }
}

impl Far {
    /// Nobody is watched yet.
    pub fn on(scene: Scene) -> Self {
        Self { scene, cost: Cost::default(), held: false }
    }

    /// Alice is watched, and the first SUBSCRIBE is on its way.
    pub fn new(configuration: &str) -> Self {
        let mut far = Self::on(Scene::new(configuration));
        far.scene.watch("bob");
        far.settle();
        far
    }

    /// As [`Far::new`], and the subscription is there for an hour and shows something.
    pub fn live(configuration: &str) -> (Self, Ask) {
        let mut far = Self::new(configuration);
        let ask = far.only_ask();
        far.accept(&ask, 3_600);
        assert_eq!(far.tell(&ask, 1, "active;expires=3600", "one"), 200);
        assert_eq!(far.shown(), "one");
        (far, ask)
    }

    /// Somebody else is watched, by number; the status of the answer.
    pub fn watch_other(&mut self, user: u32) -> u16 {
        let presentity = format!("sip:user{user}@example.com");
        let text = format!(
            "SUBSCRIBE {presentity} SIP/2.0\nTo: <{presentity}>\nFrom: <sip:bob@example.com>;tag=w\n\
             Call-ID: w{user}\nCSeq: 1 SUBSCRIBE\nP-Asserted-Identity: <sip:bob@example.com>\n\
             Contact: <sip:bob@192.0.2.1>\nEvent: presence\n\n"
        );
        self.scene.request(&text).unwrap().status
    }

    /// Runs what is due and answers what watchers get.
    pub fn settle(&mut self) {
        if self.held {
            return;
        }
        self.scene.settle();
        loop {
            let next = self.scene.notifies().into_iter().next();
            let Some(notify) = next else { break };
            self.scene.answer(&notify, 200);
            self.scene.settle();
        }
    }

    pub fn pass(&mut self, seconds: u64) {
        self.scene.pass(seconds * 1_000);
        self.settle();
    }

    /// Lets time pass until the source is asked again; how many seconds that took, up to a limit.
    pub fn until_asked(&mut self, limit: u64) -> Option<u64> {
        for passed in 0..=limit {
            if !self.asks().is_empty() {
                return Some(passed);
            }
            self.pass(1);
        }
        None
    }

    /// What the source got and has not answered.
    pub fn asks(&self) -> Vec<Ask> {
        let subscribes = self.scene.host.sent.iter().filter(|sent| sent.request.method == "SUBSCRIBE");
        let ask = |sent: &Sent| Ask {
            headers: String::from_utf8(sent.request.headers.clone()).unwrap(),
            sent: sent.clone(),
        };
        subscribes.map(ask).collect()
    }

    pub fn only_ask(&self) -> Ask {
        let mut all = self.asks();
        assert_eq!(all.len(), 1, "{all:#?}");
        all.remove(0)
    }

    /// Answers as from the first target.
    pub fn answer(&mut self, ask: &Ask, status: u16, lines: &str) {
        let text = format!("SIP/2.0 {status} Whatever\n{lines}\n");
        let message = OwnedMessage::parse(text.as_bytes()).unwrap();
        let peer = Peer { address: THERE, trusted: false };
        self.outcome(ask, &Outcome::Response(message.view().from_peer(peer)));
    }

    pub fn fail(&mut self, ask: &Ask, failure: Failure<'_>) {
        self.outcome(ask, &Outcome::Failed(failure));
    }

    fn outcome(&mut self, ask: &Ask, outcome: &Outcome<'_>) {
        self.scene.host.sent.retain(|sent| *sent != ask.sent);
        let sent = &ask.sent;
        self.scene.host.begin(Some(&sent.partition));
        self.scene.presence.on_response(&mut self.scene.host, &sent.partition, &sent.token, outcome);
        self.scene.cost = self.scene.host.commit();
        self.settle();
    }

    /// A 2xx.
    pub fn accept(&mut self, ask: &Ask, expires: u32) {
        self.answer(ask, 200, &format!("Expires: {expires}\nContact: <sip:far@192.0.2.20>\n"));
    }

    /// A NOTIFY in the dialog of a SUBSCRIBE; the status of its answer.
    pub fn tell(&mut self, ask: &Ask, cseq: u32, state: &str, note: &str) -> u16 {
        let body = if note.is_empty() { String::new() } else { document(note) };
        self.notify(ask, cseq, state, "application/pidf+xml", &body).status
    }

    /// A NOTIFY without body about whomever the SUBSCRIBE was about.
    pub fn tell_of(&mut self, ask: &Ask, cseq: u32, state: &str) {
        let lines = format!("Subscription-State: {state}\nEvent: presence\n");
        assert_eq!(self.notify_with(ask, "far", cseq, &lines, THERE, "", "").status, 200);
    }

    pub fn notify(&mut self, ask: &Ask, cseq: u32, state: &str, media: &str, body: &str) -> Answer {
        let lines = format!("Subscription-State: {state}\nEvent: presence\n");
        self.notify_with(ask, "far", cseq, &lines, THERE, media, body)
    }

    /// A NOTIFY with all its parts.
    #[allow(clippy::too_many_arguments)]
    pub fn notify_with(
        &mut self,
        ask: &Ask,
        tag: &str,
        cseq: u32,
        lines: &str,
        from: &str,
        media: &str,
        body: &str,
    ) -> Answer {
        let user = ask.sent.request.contact.clone().unwrap();
        let own = ask.tag();
        let call_id = ask.header("Call-ID");
        let contact =
            if lines.contains("Contact:") { "" } else { "Contact: <sip:far@192.0.2.20;transport=tcp>\n" };
        let media = if body.is_empty() { String::new() } else { format!("Content-Type: {media}\n") };
        let text = format!(
            "NOTIFY sip:{user}@192.0.2.9:5060 SIP/2.0\nFrom: <{ALICE}>;tag={tag}\n\
             To: <sip:presence@example.com>;tag={own}\nCall-ID: {call_id}\nCSeq: {cseq} NOTIFY\n\
             {contact}{lines}{media}\n{body}"
        );
        let answer = self.scene.request_from(&text, Peer { address: from, trusted: false }).unwrap();
        self.cost = self.scene.cost;
        self.settle();
        answer
    }

    /// The note of what watchers see; empty if there is none.
    pub fn shown(&mut self) -> String {
        let configuration = self.scene.presence.configuration().clone();
        self.scene.host.begin(Some(ALICE));
        let body = Step::new(&mut self.scene.host, &configuration, ALICE).render(Part::Whole, ALICE);
        self.scene.host.abort();
        let text = String::from_utf8(body).unwrap();
        let note = text.split("<note>").nth(1).and_then(|rest| rest.split("</note>").next());
        note.unwrap_or_default().to_owned()
    }

    /// Where the subscription stands.
    pub fn status(&mut self) -> Option<Status> {
        let configuration = self.scene.presence.configuration().clone();
        self.scene.host.begin(Some(ALICE));
        let mut step = Step::new(&mut self.scene.host, &configuration, ALICE);
        let status = backend::status(&mut step, &configuration.external[0]);
        self.scene.host.abort();
        status
    }

    pub fn phase(&mut self) -> &'static str {
        self.status().map_or("none", |status| status.phase)
    }

    /// Runs something in a step of alice's.
    pub fn step<T>(&mut self, run: impl FnOnce(&mut Step<'_>, &Source) -> T) -> T {
        let configuration = self.scene.presence.configuration().clone();
        self.scene.host.begin(Some(ALICE));
        let mut step = Step::new(&mut self.scene.host, &configuration, ALICE);
        let result = run(&mut step, &configuration.external[0]);
        self.scene.host.commit();
        self.settle();
        result
    }

    /// The record of the subscription, for its size.
    pub fn record(&self) -> Vec<u8> {
        self.scene.host.records(ALICE, &[keys::BACKEND]).remove(0).1
    }

    /// A stop without order and a start.
    pub fn crash(&mut self) {
        self.scene.crash(|_| false);
    }

    /// Lines of that level or with that text.
    pub fn lines(&self, text: &str) -> usize {
        self.scene.host.lines.iter().filter(|line| line.contains(text)).count()
    }
}
