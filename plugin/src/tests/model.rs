//! Random life of one presentity and its watchers, with crashes, against a simple model.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::scene::{ALICE, Notify, Scene, pidf_of};
use crate::keys::{PUBLICATION, SUBSCRIPTION};

#[derive(Clone, Debug)]
enum Action {
    Publish { seconds: u32 },
    Modify { which: usize },
    Refresh { which: usize, seconds: u32 },
    Remove { which: usize },
    Subscribe { seconds: u32 },
    Resubscribe { which: usize, seconds: u32 },
    Unsubscribe { which: usize },
    Answer { which: usize, how: Answering },
    Advance { milliseconds: u64 },
    RunOne,
    Flush,
    Crash { luck: u64, delivered: bool },
}

#[derive(Clone, Copy, Debug)]
enum Answering {
    Ok,
    Error,
    Later,
    Gone,
    Silence,
}

fn seconds() -> impl Strategy<Value = u32> {
    prop_oneof![Just(60), Just(90), Just(600)]
}

fn action() -> impl Strategy<Value = Action> {
    use Answering::{Error, Gone, Later, Ok, Silence};
    let how =
        prop_oneof![6 => Just(Ok), 1 => Just(Error), 1 => Just(Later), 1 => Just(Gone), 1 => Just(Silence)];
    let which = 0..8usize;
    prop_oneof![
        2 => seconds().prop_map(|seconds| Action::Publish { seconds }),
        4 => which.clone().prop_map(|which| Action::Modify { which }),
        1 => (which.clone(), seconds()).prop_map(|(which, seconds)| Action::Refresh { which, seconds }),
        1 => which.clone().prop_map(|which| Action::Remove { which }),
        4 => seconds().prop_map(|seconds| Action::Subscribe { seconds }),
        2 => (which.clone(), seconds()).prop_map(|(which, seconds)| Action::Resubscribe { which, seconds }),
        1 => which.clone().prop_map(|which| Action::Unsubscribe { which }),
        8 => (which, how).prop_map(|(which, how)| Action::Answer { which, how }),
        3 => prop_oneof![Just(500u64), Just(3_000), Just(5_000), Just(61_000)]
            .prop_map(|milliseconds| Action::Advance { milliseconds }),
        4 => Just(Action::RunOne),
        1 => Just(Action::Flush),
        1 => (any::<u64>(), any::<bool>()).prop_map(|(luck, delivered)| Action::Crash { luck, delivered }),
    ]
}

struct Publisher {
    tag: String,
    note: String,
    expires: u64,
}

struct Watcher {
    name: String,
    tag: String,
    cseq: u32,
    expires: u64,
    /// False once it unsubscribed or said that it is gone.
    wants: bool,
    /// It refused a NOTIFY, so it may be behind until the next change.
    refused: bool,
    /// CSeq and notes of the newest document that it got.
    seen: Option<(u32, BTreeSet<String>)>,
}

struct Model {
    scene: Scene,
    publishers: Vec<Publisher>,
    watchers: Vec<Watcher>,
    tags: BTreeSet<String>,
    /// Highest CSeq that was sent, by Call-ID.
    sent: BTreeMap<String, u32>,
    /// NOTIFYs seen already, by Call-ID and token, and when they were first seen.
    known: BTreeMap<(String, Vec<u8>), u64>,
    notes: u32,
}

impl Model {
    fn new(interval: u32) -> Self {
        let json = format!(
            r#"{{"presence":{{"domains":["example.com"],"notify_interval":{interval}}},
                "rules":{{"enabled":true,"default":"allow"}},"limits":{{"inline_watchers":1,"chunk":2}}}}"#
        );
        Self {
            scene: Scene::new(&json),
            publishers: Vec::new(),
            watchers: Vec::new(),
            tags: BTreeSet::new(),
            sent: BTreeMap::new(),
            known: BTreeMap::new(),
            notes: 0,
        }
    }

    fn note(&mut self) -> String {
        self.notes += 1;
        format!("[{}]", self.notes)
    }

    fn new_tag(&mut self, answer: &super::scene::Answer) -> String {
        let tag = answer.header("SIP-ETag").unwrap().to_owned();
        assert!(self.tags.insert(tag.clone()), "entity-tag assigned twice");
        tag
    }

    fn act(&mut self, action: &Action) {
        match *action {
            Action::Publish { seconds } => {
                let note = self.note();
                let answer =
                    self.scene.publish(&format!("Expires: {seconds}\n"), &pidf_of(ALICE, "open", &note));
                assert_eq!(answer.status, 200);
                let expires = self.scene.host.time() + u64::from(seconds) * 1_000;
                let tag = self.new_tag(&answer);
                self.publishers.push(Publisher { tag, note, expires });
            }
            Action::Modify { which } => {
                let note = self.note();
                self.change(which, Some(note), 600);
            }
            Action::Refresh { which, seconds } => self.change(which, None, seconds),
            Action::Remove { which } => self.change(which, None, 0),
            Action::Subscribe { seconds } => {
                let name = format!("w{}", self.watchers.len());
                let answer = self.scene.subscribe(&name, &format!("Expires: {seconds}\n"));
                assert_eq!(answer.status, 200);
                let expires = self.scene.host.time() + u64::from(seconds) * 1_000;
                let tag = answer.reply.to_tag.unwrap();
                self.watchers.push(Watcher {
                    name,
                    tag,
                    cseq: 1,
                    expires,
                    wants: true,
                    refused: false,
                    seen: None,
                });
            }
            Action::Resubscribe { which, seconds } => self.resubscribe(which, seconds),
            Action::Unsubscribe { which } => self.resubscribe(which, 0),
            Action::Answer { which, how } => {
                let all = self.scene.notifies();
                if !all.is_empty() {
                    self.answer(&all[which % all.len()], how);
                }
            }
            Action::Advance { milliseconds } => self.advance(milliseconds),
            Action::RunOne => {
                self.scene.run_one();
            }
            Action::Flush => self.scene.host.flush(),
            Action::Crash { luck, delivered } => {
                if delivered {
                    for notify in self.scene.notifies() {
                        self.receive(&notify);
                    }
                }
                self.scene.crash(|step| luck >> (step % 64) & 1 == 1);
            }
        }
        self.check();
    }

    fn change(&mut self, which: usize, note: Option<String>, seconds: u32) {
        let now = self.scene.host.time();
        let count = self.publishers.len();
        let Some(publisher) = self.publishers.get_mut(which % count.max(1)) else { return };
        let body = note.as_ref().map(|note| pidf_of(ALICE, "open", note)).unwrap_or_default();
        let lines = format!("SIP-If-Match: {}\nExpires: {seconds}\n", publisher.tag);
        let answer = self.scene.publish(&lines, &body);
        if publisher.expires <= now {
            assert_eq!(answer.status, 412);
            return;
        }
        assert_eq!(answer.status, 200, "an acknowledged publication is there");
        publisher.expires = now + u64::from(seconds) * 1_000;
        if let Some(note) = note {
            publisher.note = note;
        }
        let tag = self.new_tag(&answer);
        let count = self.publishers.len();
        self.publishers[which % count].tag = tag;
    }

    fn resubscribe(&mut self, which: usize, seconds: u32) {
        let now = self.scene.host.time();
        let count = self.watchers.len();
        let Some(watcher) = self.watchers.get_mut(which % count.max(1)) else { return };
        watcher.cseq += 1;
        let lines = format!("Expires: {seconds}\n");
        let answer = self.scene.resubscribe(&watcher.name, &watcher.tag, watcher.cseq, &lines);
        if watcher.wants && watcher.expires > now {
            assert_eq!(answer.status, 200, "an acknowledged subscription is there");
        }
        if answer.status == 200 {
            // One that said it is gone may have been brought back by a crash; now it is wanted again.
            watcher.wants = seconds > 0;
            watcher.expires = now + u64::from(seconds) * 1_000;
        }
    }

    fn watcher_of(&mut self, notify: &Notify) -> &mut Watcher {
        let name = notify.header("Call-ID").unwrap().strip_prefix("c-").unwrap().to_owned();
        self.watchers.iter_mut().find(|watcher| watcher.name == name).unwrap()
    }

    fn receive(&mut self, notify: &Notify) {
        let cseq = notify.cseq();
        let notes = notes(&notify.body);
        let active = notify.state().starts_with("active");
        let watcher = self.watcher_of(notify);
        let newest = watcher.seen.as_ref().is_none_or(|(seen, _)| cseq > *seen);
        if active && newest {
            watcher.seen = Some((cseq, notes));
        }
    }

    fn answer(&mut self, notify: &Notify, how: Answering) {
        let text = match how {
            Answering::Ok => {
                self.receive(notify);
                self.watcher_of(notify).refused = false;
                "SIP/2.0 200 OK\n\n"
            }
            Answering::Error => {
                self.watcher_of(notify).refused = true;
                "SIP/2.0 500 Error\n\n"
            }
            Answering::Later => "SIP/2.0 503 Later\nRetry-After: 20\n\n",
            Answering::Gone => {
                self.watcher_of(notify).wants = false;
                "SIP/2.0 481 Gone\n\n"
            }
            Answering::Silence => {
                self.watcher_of(notify).wants = false;
                ""
            }
        };
        self.scene.answer_with(notify, text);
    }

    /// What holds after every step.
    fn check(&mut self) {
        let mut dialogs = BTreeSet::new();
        for notify in self.scene.notifies() {
            let call = notify.header("Call-ID").unwrap().to_owned();
            assert!(dialogs.insert(call.clone()), "two NOTIFYs in flight in a dialog");
            let mark = (call.clone(), notify.sent.token.clone());
            if self.known.contains_key(&mark) {
                assert_eq!(self.sent.get(&call), Some(&notify.cseq()), "CSeq used twice");
                continue;
            }
            self.known.insert(mark, self.scene.host.time());
            let before = self.sent.insert(call, notify.cseq());
            assert!(before.is_none_or(|before| before < notify.cseq()), "CSeq does not rise");
        }
    }

    /// Moves time on; a host gives a NOTIFY up after 32 s (Timer F).
    fn advance(&mut self, milliseconds: u64) {
        self.scene.host.advance(milliseconds);
        let now = self.scene.host.time();
        for notify in self.scene.notifies() {
            let mark = (notify.header("Call-ID").unwrap().to_owned(), notify.sent.token.clone());
            if self.known.get(&mark).is_some_and(|since| since + 32_000 <= now) {
                self.answer(&notify, Answering::Silence);
            }
        }
    }

    /// Lets everything come to rest: those who want nothing say so, the others accept.
    fn rest(&mut self) {
        for _ in 0..1_000 {
            while self.scene.run_one() {
                self.check();
            }
            let Some(notify) = self.scene.notifies().first().cloned() else { return };
            let wants = self.watcher_of(&notify).wants;
            self.answer(&notify, if wants { Answering::Ok } else { Answering::Gone });
            self.check();
        }
        panic!("NOTIFYs without end");
    }

    /// What is published now.
    fn live(&self) -> BTreeSet<String> {
        let now = self.scene.host.time();
        self.publishers.iter().filter(|one| one.expires > now).map(|one| one.note.clone()).collect()
    }

    /// Lets a throttle and a second more pass in which nothing more expired: then nothing is put off.
    fn rest_long(&mut self) {
        loop {
            self.rest();
            let before = self.live();
            self.scene.host.advance(6_000);
            self.rest();
            if self.live() == before {
                return;
            }
        }
    }

    /// What holds once everything came to rest.
    fn check_at_rest(&mut self, refused_too: bool) {
        let (now, live) = (self.scene.host.time(), self.live());
        assert_eq!(self.scene.count(PUBLICATION), live.len());
        for watcher in &self.watchers {
            if watcher.wants && watcher.expires > now && (refused_too || !watcher.refused) {
                let seen = watcher.seen.as_ref().map(|(_, notes)| notes);
                assert_eq!(seen, Some(&live), "{} has an old document", watcher.name);
            }
        }
    }
}

fn notes(body: &str) -> BTreeSet<String> {
    let mut notes = BTreeSet::new();
    let mut rest = body;
    while let Some(start) = rest.find('[') {
        let end = start + rest[start..].find(']').unwrap();
        notes.insert(rest[start..=end].to_owned());
        rest = &rest[end..];
    }
    notes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// PUB-16, PUB-05, SUB-27, SUB-28, SIP-13, design section 5: entity-tags are unique, acknowledged
    /// publications and subscriptions survive crashes, CSeq rises, one NOTIFY is in flight a dialog,
    /// and in the end every live watcher has the newest document.
    #[test]
    fn every_watcher_ends_with_the_newest_document(
        actions in prop::collection::vec(action(), 1..80),
        interval in prop_oneof![Just(0u32), Just(5)],
    ) {
        let mut model = Model::new(interval);
        for action in &actions {
            model.act(action);
        }
        // Long enough for every throttle and Retry-After, too short for most lifetimes.
        for _ in 0..10 {
            model.rest();
            model.scene.host.advance(4_000);
        }
        model.rest_long();
        model.check_at_rest(false);
        model.act(&Action::Publish { seconds: 600 });
        model.rest_long();
        model.check_at_rest(true);
        let now = model.scene.host.time();
        let living = model.watchers.iter().filter(|one| one.wants && one.expires > now).count();
        assert_eq!(model.scene.count(SUBSCRIPTION), living);
        // And when all have gone, nothing stays.
        model.scene.host.advance(700_000);
        model.rest();
        assert!(model.scene.host.records(ALICE, b"").is_empty());
        assert_eq!(model.scene.host.timer_count(ALICE), 0);
    }
}
