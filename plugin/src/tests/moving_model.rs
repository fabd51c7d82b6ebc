//! Random life of subscriptions under a map that changes, with crashes and posts that come late
//! and again, against a simple model.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::moving::{CAROL, DAVE, DESK, Phone};
use super::scene::{ALICE, Notify, Scene, pidf_of};
use crate::keys::{Id, SUBSCRIPTION};
use crate::records::{self, Subscription};
use crate::relocation::passage::Arrival;

const LOBBY: &str = "sip:lobby@example.com";
/// What watchers ask for.
const ASKED: [&str; 3] = [DESK, LOBBY, ALICE];
/// What the map may lead to.
const FUNDAMENTAL: [&str; 5] = [ALICE, CAROL, DAVE, DESK, LOBBY];

#[derive(Clone, Debug)]
enum Action {
    Map { asked: usize, fundamental: usize },
    Publish { presentity: usize },
    Subscribe { asked: usize, seconds: u32 },
    Refresh { which: usize, seconds: u32 },
    Unsubscribe { which: usize },
    Answer { which: usize, how: Answering },
    Advance { milliseconds: u64 },
    RunOne { which: usize },
    Repeat { which: usize },
    Flush,
    Crash { luck: u64, delivered: bool },
}

#[derive(Clone, Copy, Debug)]
enum Answering {
    Ok,
    Error,
    Gone,
}

fn action() -> impl Strategy<Value = Action> {
    use Answering::{Error, Gone, Ok};
    let seconds = || prop_oneof![Just(60u32), Just(600), Just(3_600)];
    let how = prop_oneof![8 => Just(Ok), 2 => Just(Error), 1 => Just(Gone)];
    let which = || 0..8usize;
    prop_oneof![
        4 => (0..ASKED.len(), 0..FUNDAMENTAL.len())
            .prop_map(|(asked, fundamental)| Action::Map { asked, fundamental }),
        3 => (0..FUNDAMENTAL.len()).prop_map(|presentity| Action::Publish { presentity }),
        3 => (0..ASKED.len(), seconds()).prop_map(|(asked, seconds)| Action::Subscribe { asked, seconds }),
        8 => (which(), seconds()).prop_map(|(which, seconds)| Action::Refresh { which, seconds }),
        1 => which().prop_map(|which| Action::Unsubscribe { which }),
        8 => (which(), how).prop_map(|(which, how)| Action::Answer { which, how }),
        2 => prop_oneof![Just(500u64), Just(3_000), Just(61_000)]
            .prop_map(|milliseconds| Action::Advance { milliseconds }),
        8 => which().prop_map(|which| Action::RunOne { which }),
        3 => any::<usize>().prop_map(|which| Action::Repeat { which }),
        1 => Just(Action::Flush),
        1 => (any::<u64>(), any::<bool>()).prop_map(|(luck, delivered)| Action::Crash { luck, delivered }),
    ]
}

struct Watcher {
    phone: Phone,
    expires: u64,
    /// False once it unsubscribed or said that it is gone.
    wants: bool,
    /// The fundamental identity at its last SUBSCRIBE that was granted.
    presentity: &'static str,
    /// SUBSCRIBEs that were granted and have not been followed by a NOTIFY yet.
    asked: u32,
    /// It refused a NOTIFY, or the process stopped: a state may come twice.
    again: bool,
    /// CSeq and body of the latest NOTIFY sent to it.
    sent: Option<(u32, String)>,
    /// CSeq and note of the newest document that it got.
    seen: Option<(u32, Option<String>)>,
}

struct Model {
    scene: Scene,
    map: BTreeMap<&'static str, &'static str>,
    /// The only publication of each presentity: entity-tag and note.
    published: BTreeMap<&'static str, (String, String)>,
    watchers: Vec<Watcher>,
    /// NOTIFYs seen already, by Call-ID and CSeq, and when.
    known: BTreeMap<(String, u32), u64>,
    /// Posts that were delivered once.
    delivered: Vec<(String, Vec<u8>)>,
    notes: u32,
}

impl Model {
    fn new() -> Self {
        let json = r#"{"presence":{"domains":["example.com"],"notify_interval":0},"identity":{"map":true},
            "rules":{"enabled":true,"default":"allow"},"limits":{"inline_watchers":1,"chunk":2}}"#;
        let mut model = Self {
            scene: Scene::new(json),
            map: BTreeMap::from([(DESK, ALICE)]),
            published: BTreeMap::new(),
            watchers: Vec::new(),
            known: BTreeMap::new(),
            delivered: Vec::new(),
            notes: 0,
        };
        model.load();
        model
    }

    fn load(&mut self) {
        let entries: Vec<_> = self.map.iter().map(|(asked, fundamental)| (*asked, *fundamental)).collect();
        self.scene.map(&entries);
    }

    fn act(&mut self, action: &Action) {
        match *action {
            Action::Map { asked, fundamental } => {
                // Claims are on their way for milliseconds, refreshes are a minute apart.
                self.deliver_claims();
                let (asked, fundamental) = (ASKED[asked], FUNDAMENTAL[fundamental]);
                // A map has no chains.
                let through = self.map.values().any(|other| *other == asked);
                if asked == fundamental {
                    self.map.remove(asked);
                } else if !through && !self.map.contains_key(fundamental) {
                    self.map.insert(asked, fundamental);
                }
                self.load();
            }
            Action::Publish { presentity } => self.publish(FUNDAMENTAL[presentity]),
            Action::Subscribe { asked, seconds } => {
                let name = format!("w{}", self.watchers.len());
                let phone =
                    Phone::call(&mut self.scene, &name, ASKED[asked], &format!("Expires: {seconds}\n"));
                self.watchers.push(Watcher {
                    phone,
                    expires: self.scene.host.time() + u64::from(seconds) * 1_000,
                    wants: true,
                    presentity: self.fundamental(ASKED[asked]),
                    asked: 1,
                    again: false,
                    sent: None,
                    seen: None,
                });
            }
            Action::Refresh { which, seconds } => self.subscribe(which, seconds),
            Action::Unsubscribe { which } => self.subscribe(which, 0),
            Action::Answer { which, how } => {
                let all = self.scene.notifies();
                if !all.is_empty() {
                    self.answer(&all[which % all.len()], how);
                }
            }
            Action::Advance { milliseconds } => self.advance(milliseconds),
            Action::RunOne { which } => {
                self.run_one(which);
            }
            Action::Repeat { which } => {
                if !self.delivered.is_empty() {
                    let (partition, payload) = self.delivered[which % self.delivered.len()].clone();
                    self.scene.post(&partition, &payload);
                }
            }
            Action::Flush => self.scene.host.flush(),
            Action::Crash { luck, delivered } => {
                if delivered {
                    for notify in self.scene.notifies() {
                        self.receive(&notify);
                    }
                }
                self.scene.crash(|step| luck >> (step % 64) & 1 == 1);
                self.watchers.iter_mut().for_each(|watcher| watcher.again = true);
            }
        }
        self.check();
    }

    fn fundamental(&self, asked: &'static str) -> &'static str {
        self.map.get(asked).copied().unwrap_or(asked)
    }

    fn deliver_claims(&mut self) {
        while let Some(place) = self.scene.host.posts().iter().position(|(_, payload)| payload[0] == b'a') {
            self.run_one(place);
            self.check();
        }
    }

    /// Runs a step that is due; which of the posts, if there are several.
    fn run_one(&mut self, which: usize) -> bool {
        let posts = self.scene.host.posts().len();
        self.scene.host.hasten(which % posts.max(1));
        let first = self.scene.host.posts().first().cloned();
        let ran = self.scene.run_one();
        // Posts to the own partition, which are those of a fan-out, come once.
        self.delivered.extend(first.filter(|(_, payload)| payload[0] != b'f'));
        ran
    }

    fn publish(&mut self, presentity: &'static str) {
        if self.map.get(presentity).is_some_and(|fundamental| *fundamental != presentity) {
            return;
        }
        self.notes += 1;
        let note = format!("[{}]", self.notes);
        let before = self.published.get(presentity);
        let lines = before.map(|(tag, _)| format!("SIP-If-Match: {tag}\n")).unwrap_or_default();
        let lines = format!("{lines}Expires: 86400\n");
        let answer =
            self.scene.publish_as(presentity, presentity, &lines, &pidf_of(presentity, "open", &note));
        assert_eq!(answer.status, 200);
        let tag = answer.header("SIP-ETag").unwrap().to_owned();
        self.published.insert(presentity, (tag, note));
    }

    /// Posts that carry the subscription with that Call-ID.
    fn on_its_way(&self, call_id: &str) -> usize {
        let carries = |payload: &[u8]| {
            let Some((b'm', rest)) = payload.split_first() else { return false };
            let (_, record) = records::decode_with_tail::<Arrival>(rest).unwrap();
            records::decode::<Subscription<'_>>(record).unwrap().dialog.call_id == call_id
        };
        self.scene.host.posts().iter().filter(|(_, payload)| carries(payload)).count()
    }

    /// Partitions that hold it.
    fn holders(&self, tag: &str) -> Vec<&'static str> {
        let key = Id::from_hex(tag).unwrap().key(SUBSCRIPTION);
        FUNDAMENTAL.into_iter().filter(|one| !self.scene.host.records(one, &key).is_empty()).collect()
    }

    fn subscribe(&mut self, which: usize, seconds: u32) {
        let now = self.scene.host.time();
        let count = self.watchers.len();
        if count == 0 {
            return;
        }
        let call_id = format!("c-{}", self.watchers[which % count].phone.name);
        let travels = self.on_its_way(&call_id) > 0;
        let asked = ASKED.into_iter().find(|one| *one == self.watchers[which % count].phone.target).unwrap();
        let fundamental = self.fundamental(asked);
        let watcher = &mut self.watchers[which % count];
        let answer = watcher.phone.subscribe(&mut self.scene, &format!("Expires: {seconds}\n"));
        if travels {
            assert_eq!(answer.status, 500, "on its way, it can be neither served nor denied");
        } else if watcher.wants && watcher.expires > now {
            assert_eq!(answer.status, 200, "an acknowledged subscription is there");
        }
        if answer.status == 200 {
            watcher.wants = seconds > 0;
            watcher.asked += 1;
            watcher.presentity = fundamental;
            if seconds > 0 {
                watcher.expires = now + u64::from(seconds) * 1_000;
            }
        }
    }

    fn watcher_of(&mut self, notify: &Notify) -> &mut Watcher {
        let name = notify.header("Call-ID").unwrap().strip_prefix("c-").unwrap().to_owned();
        self.watchers.iter_mut().find(|watcher| watcher.phone.name == name).unwrap()
    }

    fn receive(&mut self, notify: &Notify) {
        let cseq = notify.cseq();
        let start = notify.body.find('[');
        let note = start.map(|start| notify.body[start..=notify.body.find(']').unwrap()].to_owned());
        let active = notify.state().starts_with("active");
        let watcher = self.watcher_of(notify);
        if active && watcher.seen.as_ref().is_none_or(|(seen, _)| cseq > *seen) {
            watcher.seen = Some((cseq, note));
        }
    }

    fn answer(&mut self, notify: &Notify, how: Answering) {
        let text = match how {
            Answering::Ok => {
                self.receive(notify);
                "SIP/2.0 200 OK\n\n"
            }
            Answering::Error => {
                self.watcher_of(notify).again = true;
                "SIP/2.0 500 Error\n\n"
            }
            Answering::Gone => {
                self.watcher_of(notify).wants = false;
                "SIP/2.0 481 Gone\n\n"
            }
        };
        self.scene.answer_with(notify, text);
    }

    /// Moves time on; a host gives a NOTIFY up after 32 s (Timer F).
    fn advance(&mut self, milliseconds: u64) {
        let end = self.scene.host.time() + milliseconds;
        while self.scene.host.time() < end {
            let step = (end - self.scene.host.time()).min(10_000);
            self.scene.host.advance(step);
            let now = self.scene.host.time();
            for notify in self.scene.notifies() {
                let mark = (notify.header("Call-ID").unwrap().to_owned(), notify.cseq());
                if self.known.get(&mark).is_some_and(|since| since + 32_000 <= now) {
                    self.answer(&notify, Answering::Gone);
                }
            }
        }
    }

    /// What holds after every step.
    fn check(&mut self) {
        let now = self.scene.host.time();
        let mut dialogs = BTreeSet::new();
        for notify in self.scene.notifies() {
            let call_id = notify.header("Call-ID").unwrap().to_owned();
            assert!(dialogs.insert(call_id.clone()), "two NOTIFYs in flight in a dialog");
            let mark = (call_id, notify.cseq());
            if self.known.contains_key(&mark) {
                let sent = self.watcher_of(&notify).sent.clone().unwrap();
                assert_eq!((sent.0, &sent.1), (notify.cseq(), &notify.body), "CSeq used twice");
                continue;
            }
            self.known.insert(mark, now);
            let watcher = self.watcher_of(&notify);
            if let Some((cseq, body)) = &watcher.sent {
                assert!(*cseq < notify.cseq(), "CSeq does not rise");
                let ends = notify.state().starts_with("terminated");
                let due = watcher.asked > 0 || watcher.again || ends || *body != notify.body;
                assert!(due, "the same state twice");
            }
            watcher.asked = 0;
            watcher.again = false;
            watcher.sent = Some((notify.cseq(), notify.body.clone()));
        }
        for watcher in &self.watchers {
            let places = self.holders(&watcher.phone.tag).len()
                + self.on_its_way(&format!("c-{}", watcher.phone.name));
            assert!(places <= 1, "two partitions have one subscription");
            if watcher.wants && watcher.expires > now {
                assert_eq!(places, 1, "a subscription is lost");
            }
        }
    }

    /// Lets everything come to rest: those who want nothing say so, the others accept.
    fn rest(&mut self) {
        for _ in 0..1_000 {
            while self.run_one(0) {
                self.check();
            }
            let Some(notify) = self.scene.notifies().first().cloned() else { return };
            let wants = self.watcher_of(&notify).wants;
            self.answer(&notify, if wants { Answering::Ok } else { Answering::Gone });
            self.check();
        }
        panic!("NOTIFYs without end");
    }

    /// What holds once everything came to rest: each watcher is where the map led when it last
    /// subscribed, and has that presentity's state.
    fn check_at_rest(&self) {
        let now = self.scene.host.time();
        for watcher in self.watchers.iter().filter(|one| one.wants && one.expires > now) {
            let Watcher { phone, presentity, seen, .. } = watcher;
            assert_eq!(self.holders(&phone.tag), [*presentity]);
            let note = self.published.get(presentity).map(|(_, note)| note.clone());
            assert_eq!(seen.as_ref().map(|(_, note)| note), Some(&note), "{} has an old state", phone.name);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, failure_persistence: None, ..ProptestConfig::default() })]

    /// WPS-31 to WPS-33, SUB-27, SIP-13, design section 5: over any changes of the map, crashes and
    /// posts that come late or again, each subscription is in one place, is never denied, moves
    /// with its next SUBSCRIBE, gets each state once and ends with the newest one.
    #[test]
    fn a_subscription_is_always_in_one_place(actions in prop::collection::vec(action(), 1..100)) {
        let mut model = Model::new();
        for action in &actions {
            model.act(action);
        }
        for _ in 0..10 {
            model.rest();
            model.scene.host.advance(4_000);
        }
        model.rest();
        model.check_at_rest();
        for watcher in &mut model.watchers {
            watcher.wants = false;
        }
        // And when all have gone, nothing stays, what is remembered of moves included.
        model.scene.host.advance(10 * 86_400_000);
        model.rest();
        model.scene.host.advance(10 * 86_400_000);
        for partition in FUNDAMENTAL {
            prop_assert_eq!(model.scene.host.records(partition, b""), vec![]);
            prop_assert_eq!(model.scene.host.timer_count(partition), 0);
        }
    }
}
