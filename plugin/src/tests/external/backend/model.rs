//! Whatever a source does, and however often the server stops without order.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;

use super::failures::single;
use super::{Ask, Far, THERE};
use crate::external::backend;
use crate::external::pacing::Lane;
use crate::handler::Failure;
use crate::tests::scene::ALICE;

/// Statuses with which a SUBSCRIBE is answered, besides 200.
const STATUSES: &[u16] = &[204, 302, 400, 403, 404, 408, 410, 423, 480, 481, 489, 500, 501, 503, 603];
/// Seconds that are granted, or told to be left.
const SECONDS: &[u32] = &[0, 1, 30, 600, 3_600, 99_999];
/// What a NOTIFY says of its subscription.
const STATES: &[&str] = &[
    "active",
    "pending",
    "active;expires=1",
    "active;expires=100",
    "active;expires=3600",
    "active;expires=99999999",
    "terminated",
    "terminated;reason=deactivated",
    "terminated;reason=timeout",
    "terminated;reason=probation;retry-after=20",
    "terminated;reason=giveup",
    "terminated;reason=rejected",
    "terminated;reason=noresource",
    "other",
];

#[derive(Clone, Debug)]
enum Event {
    /// The source takes a SUBSCRIBE.
    Accept(usize, usize),
    /// It refuses one.
    Refuse(usize, usize),
    /// It is not there.
    Fail(usize),
    /// It says something: in which dialog, with which state, with a body or a broken one, with an old number, or from
    /// another branch of a forked SUBSCRIBE.
    Notify {
        back: usize,
        state: usize,
        body: u8,
        old: bool,
        fork: bool,
    },
    /// Seconds go by, one after another.
    Pass(u64),
    /// So many seconds without the server.
    Down(u64),
    /// By its bits it says which relaxed steps survive.
    Crash(u64),
    /// All so far is safe.
    Flush,
    /// What comes due waits, until time goes by; but for so many steps.
    Hold(u8),
    /// Nothing wants it any more.
    Stop,
    Start,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        5 => (0..3_usize, 0..SECONDS.len()).prop_map(|(which, granted)| Event::Accept(which, granted)),
        2 => (0..3_usize, 0..STATUSES.len()).prop_map(|(which, status)| Event::Refuse(which, status)),
        1 => (0..3_usize).prop_map(Event::Fail),
        6 => (
            prop_oneof![4 => Just(0_usize), 1 => 1..3_usize],
            0..STATES.len(),
            0..4_u8,
            prop::bool::weighted(0.1),
            prop::bool::weighted(0.1),
        )
            .prop_map(|(back, state, body, old, fork)| Event::Notify { back, state, body, old, fork }),
        4 => (1..60_u64).prop_map(Event::Pass),
        1 => (60..5_000_u64).prop_map(Event::Down),
        2 => any::<u64>().prop_map(Event::Crash),
        1 => Just(Event::Flush),
        3 => (0..4_u8).prop_map(Event::Hold),
        1 => Just(Event::Stop),
        1 => Just(Event::Start),
    ]
}

/// What the source has seen.
struct Model {
    far: Far,
    /// SUBSCRIBEs that have come, by Call-ID and number.
    used: BTreeSet<(String, u32)>,
    /// Those of them that are unanswered, with the time at which they came.
    open: Vec<(Ask, u64)>,
    /// The first SUBSCRIBE of each dialog, and the tag of the branch whose NOTIFY was taken.
    dialogs: Vec<(Ask, Option<&'static str>)>,
    /// Number of the next NOTIFY; the same for all dialogs.
    number: u32,
    /// The note said last.
    said: String,
    /// Things that may bring about a SUBSCRIBE at once.
    causes: u64,
    began: u64,
}

impl Model {
    fn new() -> Self {
        let far = Far::new(&single());
        let began = far.scene.host.time();
        let mut model = Self {
            far,
            used: BTreeSet::new(),
            open: Vec::new(),
            dialogs: Vec::new(),
            number: 1,
            said: String::new(),
            causes: 1,
            began,
        };
        model.look();
        model
    }

    /// Takes what has come to the source, and what has been given up.
    fn look(&mut self) {
        let now = self.far.scene.host.time();
        let asks = self.far.asks();
        self.open.retain(|(ask, _)| asks.contains(ask));
        for ask in asks {
            if self.open.iter().any(|(open, _)| *open == ask) {
                continue;
            }
            let call_id = ask.header("Call-ID").to_owned();
            let before = self.used.iter().filter(|(known, _)| *known == call_id).map(|(_, cseq)| *cseq).max();
            assert!(before.is_none_or(|before| before < ask.cseq()), "a number was used twice: {ask:?}");
            assert_eq!(before.is_some(), ask.in_dialog() || ask.cseq() > 1);
            self.used.insert((call_id, ask.cseq()));
            if before.is_none() {
                self.dialogs.push((ask.clone(), None));
            }
            self.open.push((ask, now));
        }
        let passed = (now - self.began) / 1_000;
        let most = 4 + 3 * self.causes + 2 * (passed / 5);
        assert!(self.used.len() as u64 <= most, "{} SUBSCRIBEs in {passed} s", self.used.len());
    }

    fn take(&mut self, which: usize) -> Option<Ask> {
        (!self.open.is_empty()).then(|| self.open.remove(which % self.open.len()).0)
    }

    /// A second of a server that runs; its host gives up requests in time.
    fn second(&mut self) {
        let now = self.far.scene.host.time();
        let late: Vec<Ask> =
            self.open.iter().filter(|(_, since)| since + 32_000 <= now).map(|(ask, _)| ask.clone()).collect();
        for ask in late {
            self.far.fail(&ask, Failure::Timeout);
            self.look();
        }
        self.far.pass(1);
        self.look();
    }

    /// What the source contributes, and until when.
    fn shown(&mut self) -> (String, Option<u64>) {
        (self.far.shown(), self.far.status().and_then(|status| status.shown_until))
    }

    fn apply(&mut self, event: &Event) {
        let before = self.shown();
        match event {
            Event::Accept(which, granted) => {
                if let Some(ask) = self.take(*which) {
                    self.far.accept(&ask, SECONDS[*granted].min(ask.expires()));
                }
            }
            Event::Refuse(which, status) => {
                if let Some(ask) = self.take(*which) {
                    let status = STATUSES[*status];
                    self.causes += u64::from(status == 423);
                    self.far.answer(&ask, status, "Min-Expires: 4000\nRetry-After: 7\n");
                }
            }
            Event::Fail(which) => {
                if let Some(ask) = self.take(*which) {
                    self.far.fail(&ask, Failure::Timeout);
                }
            }
            Event::Notify { back, state, body, old, fork } => {
                self.notify(*back, STATES[*state], *body, *old, *fork);
            }
            Event::Pass(seconds) => {
                self.release();
                (0..*seconds).for_each(|_| self.second());
            }
            Event::Down(seconds) => {
                self.crash(*seconds);
                self.far.scene.host.advance(seconds * 1_000);
                self.release();
            }
            Event::Crash(lucky) => self.crash(*lucky),
            Event::Flush => self.far.scene.host.flush(),
            Event::Hold(steps) => {
                self.far.held = true;
                (0..*steps).for_each(|_| {
                    self.far.scene.run_one();
                });
            }
            Event::Stop => {
                self.causes += 1;
                self.far.step(backend::stop);
            }
            Event::Start => {
                self.causes += 1;
                self.far.step(|step, source| backend::start(step, source, ALICE, Lane::New));
            }
        }
        self.look();
        self.check(event, &before);
    }

    fn crash(&mut self, lucky: u64) {
        // What was sent at last has reached the source all the same.
        self.look();
        self.far.scene.crash(|step| (lucky >> (step % 64)) & 1 == 1);
        self.open.clear();
        self.causes += 1;
        self.far.settle();
    }

    fn release(&mut self) {
        self.far.held = false;
        self.far.settle();
        self.look();
    }

    fn notify(&mut self, back: usize, state: &str, body: u8, old: bool, fork: bool) {
        let Some(current) = self.dialogs.len().checked_sub(1 + back) else { return };
        let (ask, known) = self.dialogs[current].clone();
        let tag = if fork { "fork" } else { "far" };
        let number = if old { 0 } else { self.number };
        self.number += 1;
        let note = format!("note {number}");
        let (media, text) = match body {
            0 => ("", String::new()),
            1 => ("text/plain", "x".to_owned()),
            _ => ("application/pidf+xml", super::document(&note)),
        };
        let lines = format!("Subscription-State: {state}\nEvent: presence\n");
        let status = self.far.notify_with(&ask, tag, number, &lines, THERE, media, &text).status;
        if back > 0 || known.is_some_and(|known| known != tag) {
            assert_eq!(status, 481, "there are two dialogs");
        }
        if status != 481 {
            self.dialogs[current].1 = Some(tag);
        }
        if status == 200 && body >= 2 {
            self.said = note;
        }
        assert!(matches!(status, 200 | 415 | 481 | 500), "{status}");
    }

    /// What is shown is what was said last, until its end, or nothing.
    fn check(&mut self, event: &Event, before: &(String, Option<u64>)) {
        let now = self.far.scene.host.time();
        let (note, until) = self.shown();
        assert_eq!(note.is_empty(), until.is_none(), "{note:?} until {until:?}");
        assert!(note.is_empty() || note == self.said || note == before.0, "{note:?} was not said last");
        if let Some(until) = until {
            let due = self.far.held && until == now;
            assert!((until > now || due) && until <= now + 4_000_000, "{until} at {now}");
        }
        // Without a word of the source it neither ends sooner nor lasts longer.
        let silent = matches!(
            event,
            Event::Fail(_)
                | Event::Pass(_)
                | Event::Down(_)
                | Event::Crash(_)
                | Event::Flush
                | Event::Hold(_)
        );
        if silent && until != before.1 {
            assert!(until.is_none() && before.1.is_some_and(|until| until <= now), "{before:?} {until:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// EXT-14, EXT-15, EXT-16, RFC 3261 12.2.1.1: no number is used twice, no dialog lives beside another, nothing is
    /// asked faster than the pauses allow, what is shown is what was said last or nothing, and nothing panics. And a
    /// source that behaves in the end is heard in the end.
    #[test]
    fn a_source_may_do_anything(events in vec(event(), 1..60)) {
        let mut model = Model::new();
        for event in &events {
            model.apply(event);
        }
        // It is wanted anew, whatever was, and the source behaves.
        model.causes += 2;
        model.release();
        model.far.step(backend::stop);
        model.far.pass(700);
        model.look();
        model.far.step(|step, source| backend::start(step, source, ALICE, Lane::New));
        for _ in 0..700 {
            model.look();
            for (ask, _) in std::mem::take(&mut model.open) {
                let expires = ask.expires();
                model.far.accept(&ask, expires);
                if expires > 0 {
                    model.notify(0, "active;expires=3600", 2, false, false);
                }
            }
            if model.far.phase() == "live" {
                break;
            }
            model.far.pass(1);
        }
        prop_assert_eq!(model.far.phase(), "live");
        let said = model.said.clone();
        prop_assert_eq!(model.far.shown(), said);
    }
}
