//! Many identities, one person: the sentences of the seed "Mapping and normalization", and what peers get
//! wrong about them.

mod lists;
mod mapping;
mod site;
mod watching;

use super::scene::{ALICE, Answer, Scene, pidf_of};
use crate::identity::{Presentity, Principal};
use crate::sip::owned::OwnedMessage;
use crate::testing::Sources;

/// Another address of alice's, and one more.
const AL: &str = "sip:al@example.com";
const PHONE: &str = "tel:+15550100";
/// Somebody else, known as Robert elsewhere.
const BOB: &str = "sip:bob@example.com";
const ROBERT: &str = "sip:robert@example.org";
/// Nobody's in the map.
const CAROL: &str = "sip:carol@example.com";

const MAP: &[&[&str]] = &[&[ALICE, AL, "tel:+1-555-0100"], &[BOB, "sip:Robert@Example.ORG"], &[BOB, ROBERT]];

/// The configuration with these keys besides.
fn with(more: &str) -> String {
    format!(r#"{{"presence":{{"domains":["example.com"],"notify_interval":0}},{more}}}"#)
}

/// Sources of tables.
fn sources(tables: &[(&'static str, &[&[&str]])]) -> Sources {
    let rows = |rows: &[&[&str]]| {
        rows.iter().map(|row| row.iter().map(|field| (*field).to_owned()).collect()).collect()
    };
    tables.iter().map(|(table, content)| (*table, rows(content))).collect()
}

/// A scene with the map, and with these lists (`lists.map` on).
fn scene(white: &[&[&str]], black: &[&[&str]]) -> Scene {
    let json = with(r#""identity":{"map":true},"lists":{"white":true,"black":true}"#);
    scene_of(&json, white, black)
}

fn scene_of(json: &str, white: &[&[&str]], black: &[&[&str]]) -> Scene {
    let mut scene = Scene::new(json);
    let sources = sources(&[("identities", MAP), ("white", white), ("black", black)]);
    scene.host.load(&scene.presence, &sources).unwrap();
    scene
}

/// A PUBLISH in which To, Request-URI and entity are one.
fn publish(scene: &mut Scene, sender: &str, presentity: &str, lines: &str, note: &str) -> Answer {
    scene.publish_as(sender, presentity, lines, &pidf_of(presentity, "open", note))
}

fn etag(answer: &Answer) -> String {
    answer.header("SIP-ETag").unwrap().to_owned()
}

/// A SUBSCRIBE of anyone to anyone, in a dialog if there is a tag of ours.
fn subscribe(scene: &mut Scene, sender: &str, presentity: &str, dialog: Option<(&str, u32)>) -> Answer {
    let (tag, cseq) = dialog.map_or((String::new(), 1), |(tag, cseq)| (format!(";tag={tag}"), cseq));
    let text = format!(
        "SUBSCRIBE {presentity} SIP/2.0\nTo: <{presentity}>{tag}\nFrom: <{sender}>;tag=w\nCall-ID: c-{sender}-{presentity}\n\
         CSeq: {cseq} SUBSCRIBE\nP-Asserted-Identity: <{sender}>\nEvent: presence\nContact: <sip:w@192.0.2.1:5070>\n\n"
    );
    scene.request(&text).unwrap()
}

/// The principal of a request with these asserted identities.
fn principal(scene: &mut Scene, asserted: &str) -> Principal {
    let text = format!("SUBSCRIBE {ALICE} SIP/2.0\nTo: <{ALICE}>\nP-Asserted-Identity: {asserted}\n\n");
    let message = OwnedMessage::parse(text.as_bytes()).unwrap();
    let (message, configuration) = (message.view(), scene.presence.configuration().clone());
    let presentity = Presentity::of(&mut scene.host, &configuration, &message).unwrap();
    Principal::of(&mut scene.host, &configuration, &message, &presentity).unwrap()
}
