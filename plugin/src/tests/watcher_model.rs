//! Random life of the watchers of one presentity, with crashes: whoever puts the documents of a
//! winfo subscription together has the true list of watchers, always in the end.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::scene::{ALICE, Notify, Scene};
use super::watchers::{Table, WatcherInfo};
use crate::handler::Presence;
use crate::keys::{UNDECIDED, WINFO_SUBSCRIPTION};
use crate::records::{self, Subscription};

#[derive(Clone, Debug)]
enum Action {
    Look { seconds: u32 },
    LookAgain { which: usize, seconds: u32 },
    Subscribe { who: usize, seconds: u32 },
    Resubscribe { which: usize, seconds: u32 },
    Fetch { who: usize },
    Decide { what: usize },
    Answer { which: usize, status: u16 },
    Advance { milliseconds: u64 },
    RunOne,
    Flush,
    Crash { luck: u64 },
}

fn action() -> impl Strategy<Value = Action> {
    let which = 0..6usize;
    let seconds = || prop_oneof![Just(60u32), Just(100), Just(600)];
    let again = || prop_oneof![Just(0u32), Just(0), Just(60), Just(600)];
    prop_oneof![
        2 => seconds().prop_map(|seconds| Action::Look { seconds }),
        1 => (which.clone(), again()).prop_map(|(which, seconds)| Action::LookAgain { which, seconds }),
        5 => (0..3usize, seconds()).prop_map(|(who, seconds)| Action::Subscribe { who, seconds }),
        4 => (which.clone(), again()).prop_map(|(which, seconds)| Action::Resubscribe { which, seconds }),
        1 => (0..3usize).prop_map(|who| Action::Fetch { who }),
        1 => (0..4usize).prop_map(|what| Action::Decide { what }),
        9 => (which, prop_oneof![9 => Just(200u16), 1 => Just(481), 1 => Just(500), 1 => Just(503)])
            .prop_map(|(which, status)| Action::Answer { which, status }),
        4 => prop_oneof![Just(500u64), Just(2_000), Just(5_000), Just(61_000)]
            .prop_map(|milliseconds| Action::Advance { milliseconds }),
        4 => Just(Action::RunOne),
        1 => Just(Action::Flush),
        1 => any::<u64>().prop_map(|luck| Action::Crash { luck }),
    ]
}

/// A dialog of somebody.
struct Dialog {
    call: String,
    who: String,
    tag: String,
    cseq: u32,
    gone: bool,
}

/// A winfo subscriber.
#[derive(Default)]
struct Looker {
    table: Table,
    /// The notifier has crashed since its last document.
    crashed: bool,
    /// A NOTIFY to it was not taken: documents may be missing.
    missed: bool,
}

struct Model {
    scene: Scene,
    interval: u32,
    dialogs: Vec<Dialog>,
    lookers: BTreeMap<String, Looker>,
    /// Call-IDs whose dialogs have ended at the subscriber's.
    gone: BTreeSet<String>,
    calls: u32,
    /// Since all NOTIFYs were last answered, in milliseconds.
    waited: u64,
}

impl Model {
    fn new(interval: u32) -> Self {
        let mut model = Self {
            scene: Scene::new(r#"{"presence":{"domains":["example.com"]}}"#),
            interval,
            dialogs: Vec::new(),
            lookers: BTreeMap::new(),
            gone: BTreeSet::new(),
            calls: 0,
            waited: 0,
        };
        model.decide(0);
        model
    }

    fn decide(&mut self, what: usize) {
        let decision = ["confirm", "allow", "confirm", "block"][what];
        let interval = self.interval;
        let json = format!(
            r#"{{"presence":{{"domains":["example.com"],"winfo":{{"interval":{interval},"giveup":300}}}},
                "rules":{{"enabled":true,"default":"{decision}"}},
                "limits":{{"pending":4,"pending_per_watcher":2,"inline_watchers":1,"chunk":2}}}}"#
        );
        self.scene.presence = Presence::configure(&json).unwrap();
    }

    /// A SUBSCRIBE; in dialog if there is a tag.
    fn request(&mut self, call: &str, who: &str, tag: Option<&str>, cseq: u32, rest: &str) -> Option<String> {
        let tag = tag.map_or_else(String::new, |tag| format!(";tag={tag}"));
        let text = format!(
            "SUBSCRIBE {ALICE} SIP/2.0\nTo: <{ALICE}>{tag}\nFrom: <sip:{who}@example.com>;tag=f\nCall-ID: {call}\n\
             CSeq: {cseq} SUBSCRIBE\nP-Asserted-Identity: <sip:{who}@example.com>\n\
             Contact: <sip:{who}@192.0.2.1>\n{rest}\n"
        );
        let answer = self.scene.request(&text).unwrap();
        (answer.status == 200).then(|| answer.reply.to_tag.unwrap_or_default())
    }

    fn begin(&mut self, who: &str, event: &str, seconds: u32) {
        self.calls += 1;
        let call = format!("{who}-{}", self.calls);
        let rest = format!("Event: {event}\nExpires: {seconds}\n");
        let tag = self.request(&call, who, None, 1, &rest);
        if event != "presence" && tag.is_some() {
            self.lookers.insert(call.clone(), Looker::default());
        }
        if let Some(tag) = tag.filter(|_| seconds > 0) {
            self.dialogs.push(Dialog { call, who: who.to_owned(), tag, cseq: 1, gone: false });
        }
    }

    fn again(&mut self, which: usize, seconds: u32, looks: bool) {
        let fits: Vec<usize> = (0..self.dialogs.len())
            .filter(|at| (self.dialogs[*at].who == "alice") == looks && !self.dialogs[*at].gone)
            .collect();
        let Some(at) = fits.get(which % fits.len().max(1)) else { return };
        let dialog = &mut self.dialogs[*at];
        dialog.cseq += 1;
        let (call, who, tag, cseq) =
            (dialog.call.clone(), dialog.who.clone(), dialog.tag.clone(), dialog.cseq);
        let event = if looks { "presence.winfo" } else { "presence" };
        let rest = format!("Event: {event}\nExpires: {seconds}\n");
        if self.request(&call, &who, Some(&tag), cseq, &rest).is_none() {
            self.dialogs[*at].gone = true;
        }
    }

    fn answer(&mut self, notify: &Notify, status: u16) {
        let call = notify.header("Call-ID").unwrap().to_owned();
        let status = if self.gone.contains(&call) { 481 } else { status };
        if let Some(looker) = self.lookers.get_mut(&call).filter(|_| !notify.body.is_empty()) {
            let document = WatcherInfo::read(&notify.body);
            assert_eq!((document.resource.as_str(), document.package.as_str()), (ALICE, "presence"));
            if status == 200 {
                if looker.missed {
                    assert!(document.full, "a gap is followed by full state");
                }
                looker.table.take(&document, looker.crashed || looker.missed);
                (looker.crashed, looker.missed) = (false, false);
            } else {
                looker.missed = true;
            }
        }
        if status == 481 {
            self.gone.insert(call.clone());
            for dialog in self.dialogs.iter_mut().filter(|dialog| dialog.call == call) {
                dialog.gone = true;
            }
        }
        if notify.state().starts_with("terminated") && status == 200 {
            self.gone.insert(call);
        }
        let text = match status {
            503 => "SIP/2.0 503 Later\nRetry-After: 7\n\n".to_owned(),
            other => format!("SIP/2.0 {other} Whatever\n\n"),
        };
        self.scene.answer_with(notify, &text);
    }

    fn act(&mut self, action: &Action) {
        match *action {
            Action::Look { seconds } => self.begin("alice", "presence.winfo", seconds),
            Action::LookAgain { which, seconds } => self.again(which, seconds, true),
            Action::Subscribe { who, seconds } => {
                self.begin(["bob", "carol", "dave"][who], "presence", seconds)
            }
            Action::Resubscribe { which, seconds } => self.again(which, seconds, false),
            Action::Fetch { who } => self.begin(["bob", "carol", "dave"][who], "presence", 0),
            Action::Decide { what } => self.decide(what),
            Action::Answer { which, status } => {
                let notifies = self.scene.notifies();
                if let Some(notify) = notifies.get(which % notifies.len().max(1)) {
                    self.answer(notify, status);
                }
            }
            Action::Advance { milliseconds } => self.advance(milliseconds),
            Action::RunOne => {
                self.scene.run_one();
            }
            Action::Flush => self.scene.host.flush(),
            Action::Crash { luck } => {
                self.scene.crash(|number| luck >> (number % 64) & 1 == 1);
                for looker in self.lookers.values_mut() {
                    looker.crashed = true;
                }
            }
        }
        self.check_bounds();
    }

    /// Moves time on; NOTIFYs do not stay unanswered for longer than Timer F.
    fn advance(&mut self, milliseconds: u64) {
        self.waited += milliseconds;
        if self.waited > 30_000 {
            while let Some(notify) = self.scene.notifies().first() {
                self.answer(notify, 200);
            }
            self.waited = 0;
        }
        self.scene.host.advance(milliseconds);
    }

    fn check_bounds(&self) {
        // Two active ones that have to wait for a decision again are let through.
        assert!(self.scene.count(UNDECIDED) <= 4 + self.dialogs.len());
    }

    fn rest(&mut self) {
        for _ in 0..2_000 {
            while self.scene.run_one() {}
            let Some(notify) = self.scene.notifies().first().cloned() else { return };
            self.answer(&notify, 200);
        }
        panic!("NOTIFYs without end");
    }

    /// Who really watches, as the records have it.
    fn truth(&mut self) -> Vec<String> {
        let table = {
            self.begin("alice", "presence.winfo", 0);
            let notify = self.scene.notifies().last().cloned().unwrap();
            let document = WatcherInfo::read(&notify.body);
            self.scene.answer(&notify, 200);
            let mut table = Table::default();
            table.take(&document, false);
            table
        };
        table.everybody()
    }

    /// What live winfo subscribers believe, where that is not the truth.
    fn wrong(&self, truth: &[String]) -> Vec<(String, Vec<String>)> {
        let records = self.scene.host.records(ALICE, &[WINFO_SUBSCRIPTION]);
        let calls = records.iter().map(|(_, record)| {
            records::decode::<Subscription<'_>>(record).unwrap().dialog.call_id.into_owned()
        });
        let all = calls.map(|call| (self.lookers[&call].table.everybody(), call));
        all.filter(|(believed, _)| believed != truth).map(|(believed, call)| (call, believed)).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// WIN-05, WIN-06, WIN-15 to WIN-19, WIN-23, WIN-24: see the module.
    #[test]
    fn documents_put_together_are_the_truth(
        actions in prop::collection::vec(action(), 1..100),
        interval in prop_oneof![Just(0u32), Just(5)],
    ) {
        let mut model = Model::new(interval);
        for action in &actions {
            model.act(action);
        }
        // Throttles and Retry-After end; what expires then is told a throttle later.
        for _ in 0..4 {
            model.rest();
            model.scene.host.advance(5_000);
        }
        model.rest();
        // While watchers still end, what is told of them is a throttle behind.
        let (mut before, mut patience) = (Vec::new(), 4);
        loop {
            let truth = model.truth();
            let wrong = model.wrong(&truth);
            if wrong.is_empty() {
                break;
            }
            patience = if truth == before { patience - 1 } else { 4 };
            assert!(patience > 0, "{wrong:?}\ninstead of {truth:?}");
            before = truth;
            model.scene.host.advance(5_000);
            model.rest();
        }
        // And when all have gone, nothing stays.
        for _ in 0..20 {
            model.scene.host.advance(100_000);
            model.rest();
        }
        assert!(model.scene.host.records(ALICE, b"").is_empty(), "{:?}", model.scene.host.records(ALICE, b""));
        assert_eq!(model.scene.host.timer_count(ALICE), 0);
    }
}
