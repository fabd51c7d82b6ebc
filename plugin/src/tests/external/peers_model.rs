//! People and communities watch while everybody speaks, in any order, over crashes: each is shown its part, and a
//! community hears of nothing else.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::stage::{Peer, SOURCES, contribute, own_document, person, silence, tell, tuple};
use crate::composition::{self, Source};
use crate::external::contribution;
use crate::publication;
use crate::step::Step;
use crate::tests::partial::Follower;
use crate::tests::scene::{ALICE, Notify, Scene};

#[derive(Clone, Debug)]
enum Event {
    /// A phone publishes, changes or removes what it said.
    Publish(u8),
    Unpublish,
    /// A source says something.
    Say(&'static str, u8),
    Silence(&'static str),
    /// The community asks again.
    Refresh(&'static str),
    /// The first unanswered NOTIFY is answered.
    Answer,
    Refuse,
    Pass(u64),
    /// By its bits it says which relaxed steps survive.
    Crash(u64),
    /// All so far is safe.
    Flush,
}

fn event() -> impl Strategy<Value = Event> {
    let source = || prop_oneof![Just("scscf"), Just("east"), Just("west")];
    prop_oneof![
        3 => (0_u8..4).prop_map(Event::Publish),
        1 => Just(Event::Unpublish),
        4 => (source(), 0_u8..4).prop_map(|(source, what)| Event::Say(source, what)),
        1 => source().prop_map(Event::Silence),
        1 => prop_oneof![Just("west"), Just("east")].prop_map(Event::Refresh),
        3 => Just(Event::Answer),
        1 => Just(Event::Refuse),
        1 => (0_u64..40_000).prop_map(Event::Pass),
        1 => any::<u64>().prop_map(Event::Crash),
        1 => Just(Event::Flush),
    ]
}

/// Something that may clash with what others say, that may end by itself, and that may be hidden by others.
fn content(who: &str, what: u8) -> String {
    match what {
        0 => tuple("t1", who),
        1 => tuple("t1", who) + &person("meeting", "2099-01-01T00:00:00Z"),
        2 => person("away", "2020-01-01T00:00:00Z"),
        _ => format!(
            "<dm:person id='p'><rpid:mood until='2023-11-14T22:13:50Z'><rpid:happy/></rpid:mood>\
             <dm:note>{who}</dm:note><dm:timestamp>2020-01-01T00:00:00Z</dm:timestamp></dm:person>"
        ),
    }
}

/// What there is to be seen now, composed from the records: of all, and of what is from here.
fn truth(scene: &mut Scene) -> [String; 2] {
    let configuration = scene.presence.configuration().clone();
    scene.host.begin(Some(ALICE));
    let mut step = Step::new(&mut scene.host, &configuration, ALICE);
    let (published, contributed) = (publication::live(&mut step), contribution::live(&mut step));
    let now = step.now;
    scene.host.abort();
    [&["scscf", "east", "west"][..], &["scscf"]].map(|shown| {
        let named = |id| {
            configuration
                .external
                .iter()
                .any(|source| source.id == id && shown.contains(&source.name.as_str()))
        };
        let mut sources: Vec<Source<'_>> = published
            .iter()
            .map(|(id, publication, document)| publication::source(*id, publication, document))
            .collect();
        sources.extend(contributed.iter().filter(|live| named(live.of)).map(|live| live.source()));
        let composed = composition::compose(&sources, &configuration.composition, now);
        let mut follower = Follower::default();
        follower.document = Some(composed.render(ALICE));
        follower.shows()
    })
}

#[derive(Default)]
struct Watchers(BTreeMap<String, Follower>);

impl Watchers {
    fn answer(&mut self, scene: &mut Scene, notify: &Notify, status: u16) {
        if status == 200 {
            let watcher = self.0.entry(notify.uri.clone()).or_default();
            assert!(
                !(notify.uri.starts_with("sip:west") && notify.body.contains(">east<")),
                "{}",
                notify.body
            );
            watcher.take(notify);
        }
        scene.answer(notify, status);
    }

    /// Everything that is due arrives.
    fn settle(&mut self, scene: &mut Scene) {
        for _ in 0..1_000 {
            scene.settle();
            let Some(notify) = scene.notifies().first().cloned() else { return };
            self.answer(scene, &notify, 200);
        }
        panic!("NOTIFYs without end");
    }
}

fn play(configuration: &str, partial: bool, events: &[Event]) -> Result<(), TestCaseError> {
    let mut scene = Scene::new(configuration);
    let lines = if partial { "Accept: application/pidf-diff+xml\n" } else { "" };
    let mut peers = ["west", "east"].map(|name| Peer::call(&mut scene, name, lines));
    scene.subscribe("bob", lines);
    let mut watchers = Watchers::default();
    watchers.settle(&mut scene);
    let (mut tag, mut local) = (None::<String>, truth(&mut scene)[1].clone());
    for event in events {
        match event {
            Event::Publish(what) => {
                let matching = tag.take().map_or_else(String::new, |tag| format!("SIP-If-Match: {tag}\n"));
                let answer = scene.publish(&matching, &own_document(&content("phone", *what)));
                tag = answer.header("SIP-ETag").map(str::to_owned);
            }
            Event::Unpublish => {
                if let Some(tag) = tag.take() {
                    scene.publish(&format!("SIP-If-Match: {tag}\nExpires: 0\n"), "");
                }
            }
            Event::Say("scscf", what) => contribute(&mut scene, "scscf", &content("scscf", *what)),
            Event::Say(name, what) => tell(&mut scene, name, &content(name, *what)),
            Event::Silence(name) => silence(&mut scene, name),
            Event::Refresh(name) => {
                let peer = peers.iter_mut().find(|peer| peer.name == *name).unwrap();
                prop_assert_eq!(peer.ask(&mut scene, lines).status, 200);
            }
            Event::Answer | Event::Refuse => {
                if let Some(notify) = scene.notifies().first().cloned() {
                    let status = if matches!(event, Event::Answer) { 200 } else { 503 };
                    watchers.answer(&mut scene, &notify, status);
                }
            }
            Event::Pass(time) => {
                // A host would not wait for longer than Timer F.
                watchers.settle(&mut scene);
                scene.pass(*time);
            }
            Event::Crash(lucky) => scene.crash(|step| (lucky >> (step % 64)) & 1 == 1),
            Event::Flush => scene.host.flush(),
        }
        // What changes nothing here brings a community nothing, once it has been told all.
        let quiet = !matches!(
            event,
            Event::Refresh(_) | Event::Refuse | Event::Crash(_) | Event::Answer | Event::Pass(_)
        );
        let now = truth(&mut scene)[1].clone();
        let settled = scene.host.sent.is_empty();
        if quiet && settled && now == local {
            let told = peers.iter().any(|peer| !peer.notifies(&scene).is_empty());
            prop_assert!(!told, "{:?}", event);
        }
        local = now;
    }
    // All refusals are forgiven after their pause, and what was put off is told.
    for pause in [0, 60_000, 60_000] {
        scene.pass(pause);
        watchers.settle(&mut scene);
    }
    let [whole, local] = truth(&mut scene);
    prop_assert_eq!(watchers.0["sip:bob@192.0.2.1:5070"].shows(), whole);
    for peer in &peers {
        prop_assert_eq!(
            &watchers.0[&format!("sip:{}@192.0.2.1:5070", peer.name)].shows(),
            &local,
            "{}",
            peer.name
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// EXT-21, WPS-03.
    #[test]
    fn each_is_shown_its_part(partial: bool, newest: bool, throttled: bool, events in vec(event(), 1..30)) {
        let rule = if newest { "newest" } else { "merge-newest" };
        let interval = if throttled { 5 } else { 0 };
        let presence = format!("\"notify_interval\":{interval},\"composition\":{{\"persons\":\"{rule}\"}}");
        play(&SOURCES.replace("\"notify_interval\":0", &presence), partial, &events)?;
    }
}
