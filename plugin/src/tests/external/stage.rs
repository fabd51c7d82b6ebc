//! What a source says, without a subscription to it: for what is made of it.

use crate::external::contribution;
use crate::external::kind::{self, Intake, Refused, Shows, Taken};
use crate::external::source::Source;
use crate::keys;
use crate::ports::Durability;
use crate::step::Step;
use crate::tests::scene::{ALICE, Answer, Notify, Scene};

/// Two communities, a registrar, and everybody may watch. The communities ask as `presence` of their domains.
pub const SOURCES: &str = r#"{"presence":{"domains":["example.com"],"notify_interval":0},
    "rules":{"enabled":true,"default":"allow"},
    "external":{"super_user":"sip:presence@example.com",
        "registrar":[{"name":"scscf","domain":"example.com","target":"sip:192.0.2.10"}],
        "community":[
            {"name":"east","domain":"example.com","target":"sip:192.0.2.20","asks_as":"sip:presence@east.example"},
            {"name":"west","domain":"example.com","target":"sip:192.0.2.30","asks_as":"sip:presence@west.example"}]}}"#;

/// The SUBSCRIBEs to sources that have no answer yet.
pub fn subscribes(scene: &Scene) -> Vec<Notify> {
    let subscribes = scene.host.sent.iter().filter(|sent| sent.request.method == "SUBSCRIBE");
    subscribes.cloned().map(Notify::from).collect()
}

/// Answers them with 200, and no NOTIFY follows. Tells how many there were.
pub fn accept(scene: &mut Scene) -> usize {
    let all = subscribes(scene);
    for subscribe in &all {
        scene.answer_with(subscribe, "SIP/2.0 200 OK\nExpires: 3600\n\n");
    }
    all.len()
}

/// A source by its name.
pub fn source<'s>(scene: &'s Scene, name: &str) -> &'s Source {
    scene.presence.configuration().external.iter().find(|source| source.name == name).unwrap()
}

/// A source has this to say of alice, in that type, for an hour; what is kept of it is as it was.
pub fn say(scene: &mut Scene, name: &str, media: &str, body: &str) -> Result<Taken, Refused> {
    let source = source(scene, name).clone();
    let configuration = scene.presence.configuration().clone();
    scene.host.begin(Some(ALICE));
    let mut step = Step::new(&mut scene.host, &configuration, ALICE);
    let kept = step.host.get(&source.key(keys::REPORTED));
    let shown = contribution::of(&mut step, &source).map(|live| live.document);
    let taken = kind::of(source.kind).take(&Intake {
        configuration: &configuration,
        now: step.now,
        presentity: ALICE,
        resource: "sip:alice@elsewhere.example",
        kept: kept.as_deref().filter(|kept| !kept.is_empty()),
        shown: shown.as_ref(),
        media,
        body: body.as_bytes(),
    });
    if let Ok(taken) = &taken {
        step.host.put(&source.key(keys::REPORTED), &taken.kept, Durability::Durable, None);
        let until = step.now + 3_600_000;
        match &taken.shows {
            Shows::Same => contribution::extend(&mut step, &source, until),
            Shows::Document(document) => contribution::set(&mut step, &source, document, until),
            Shows::Nothing => contribution::remove(&mut step, source.id),
        }
    }
    scene.host.commit();
    taken
}

/// As [`say`], a document of the type `application/pidf+xml` with such content.
pub fn tell(scene: &mut Scene, name: &str, content: &str) {
    assert_eq!(
        say(scene, name, "application/pidf+xml", &document(content)).map(|taken| taken.refresh),
        Ok(false)
    );
}

/// A source has no more to say of alice.
pub fn silence(scene: &mut Scene, name: &str) {
    let id = source(scene, name).id;
    let configuration = scene.presence.configuration().clone();
    scene.host.begin(Some(ALICE));
    let mut step = Step::new(&mut scene.host, &configuration, ALICE);
    contribution::remove(&mut step, id);
    scene.host.commit();
}

/// What a registrar contributes is not for this file: any document may stand for it.
pub fn contribute(scene: &mut Scene, name: &str, content: &str) {
    let source = source(scene, name).clone();
    let configuration = scene.presence.configuration().clone();
    let read = crate::pidf::read(document(content).as_bytes(), &configuration.limits.document).unwrap();
    scene.host.begin(Some(ALICE));
    let mut step = Step::new(&mut scene.host, &configuration, ALICE);
    let until = step.now + 3_600_000;
    contribution::set(&mut step, &source, &read.content, until);
    scene.host.commit();
}

/// Another community as a watcher of alice.
pub struct Peer {
    pub name: &'static str,
    tag: String,
    cseq: u32,
}

impl Peer {
    /// One that has not asked yet.
    pub fn unknown(name: &'static str) -> Self {
        Self { name, tag: String::new(), cseq: 0 }
    }

    /// Asks for the first time; the NOTIFY is not answered.
    pub fn call(scene: &mut Scene, name: &'static str, lines: &str) -> Self {
        let mut peer = Self::unknown(name);
        let answer = peer.ask(scene, lines);
        assert_eq!(answer.status, 200, "{answer:?}");
        peer.tag = answer.reply.to_tag.unwrap();
        peer
    }

    /// Asks and takes the first NOTIFY.
    pub fn watch(scene: &mut Scene, name: &'static str) -> Self {
        let peer = Self::call(scene, name, "");
        let notify = peer.only_notify(scene);
        scene.answer(&notify, 200);
        peer
    }

    /// The next SUBSCRIBE.
    pub fn ask(&mut self, scene: &mut Scene, lines: &str) -> Answer {
        self.cseq += 1;
        let Self { name, tag, cseq } = self;
        let tag = if tag.is_empty() { String::new() } else { format!(";tag={tag}") };
        let text = format!(
            "SUBSCRIBE {ALICE} SIP/2.0\nTo: <{ALICE}>{tag}\nFrom: <sip:presence@{name}.example>;tag=p-{name}\n\
             Call-ID: c-{name}\nCSeq: {cseq} SUBSCRIBE\nP-Asserted-Identity: <sip:presence@{name}.example>\n\
             Event: presence\nContact: <sip:{name}@192.0.2.1:5070>\n{lines}\n"
        );
        scene.request(&text).unwrap()
    }

    /// Unanswered NOTIFYs to it.
    pub fn notifies(&self, scene: &Scene) -> Vec<Notify> {
        let own = format!("sip:{}@192.0.2.1:5070", self.name);
        scene.notifies().into_iter().filter(|notify| notify.uri == own).collect()
    }

    pub fn only_notify(&self, scene: &Scene) -> Notify {
        let mut all = self.notifies(scene);
        assert_eq!(all.len(), 1, "{all:#?}");
        all.remove(0)
    }

    /// Answers its NOTIFY; gives the body.
    pub fn take(&self, scene: &mut Scene) -> String {
        let notify = self.only_notify(scene);
        scene.answer(&notify, 200);
        notify.body
    }
}

/// A document of somebody known under another name elsewhere.
pub fn document(content: &str) -> String {
    format!(
        "<?xml version='1.0'?><presence xmlns='urn:ietf:params:xml:ns:pidf' \
         xmlns:dm='urn:ietf:params:xml:ns:pidf:data-model' xmlns:rpid='urn:ietf:params:xml:ns:pidf:rpid' \
         entity='pres:al.elsewhere@elsewhere.example'>{content}</presence>"
    )
}

/// As [`document`], alice's own.
pub fn own_document(content: &str) -> String {
    document(content).replace("pres:al.elsewhere@elsewhere.example", ALICE)
}

/// A tuple with a note by which it can be told.
pub fn tuple(id: &str, note: &str) -> String {
    format!("<tuple id='{id}'><status><basic>open</basic></status><note>{note}</note></tuple>")
}

/// A person who is doing something.
pub fn person(activity: &str, timestamp: &str) -> String {
    format!(
        "<dm:person id='p'><rpid:activities><rpid:{activity}/></rpid:activities>{}</dm:person>",
        if timestamp.is_empty() {
            String::new()
        } else {
            format!("<dm:timestamp>{timestamp}</dm:timestamp>")
        }
    )
}
