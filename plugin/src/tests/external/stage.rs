//! What a source says, without a subscription to it: for what is made of it.

use crate::external::contribution;
use crate::external::kind::{self, Intake, Refused, Shows, Taken};
use crate::external::source::Source;
use crate::keys;
use crate::ports::Durability;
use crate::step::Step;
use crate::tests::scene::{ALICE, Scene};

/// Two communities, a registrar, and everybody may watch. The communities ask as `presence` of their domains.
pub const SOURCES: &str = r#"{"presence":{"domains":["example.com"],"notify_interval":0},
    "rules":{"enabled":true,"default":"allow"},
    "external":{"super_user":"sip:presence@example.com",
        "registrar":[{"name":"scscf","domain":"example.com","target":"sip:192.0.2.10"}],
        "community":[
            {"name":"east","domain":"example.com","target":"sip:192.0.2.20","asks_as":"sip:presence@east.example"},
            {"name":"west","domain":"example.com","target":"sip:192.0.2.30","asks_as":"sip:presence@west.example"}]}}"#;

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

/// A document of somebody known under another name elsewhere.
pub fn document(content: &str) -> String {
    format!(
        "<?xml version='1.0'?><presence xmlns='urn:ietf:params:xml:ns:pidf' \
         xmlns:dm='urn:ietf:params:xml:ns:pidf:data-model' xmlns:rpid='urn:ietf:params:xml:ns:pidf:rpid' \
         entity='pres:al.elsewhere@elsewhere.example'>{content}</presence>"
    )
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
