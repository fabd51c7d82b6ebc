//! Watcher information (RFC 3857, RFC 3858).

mod delivery;
mod documents;
mod identities;
mod undecided;

use super::moving::{CAROL, DESK, Phone};
use super::scene::{ALICE, Answer, OPEN, Scene};
use super::watchers::{Table, WatcherInfo};
use crate::handler::Presence;
use crate::keys::{LEDGER, UNDECIDED, WINFO_POSITION, WINFO_SUBSCRIPTION};

/// Watchers have to wait for a decision.
const CONFIRM: &str =
    r#"{"presence":{"domains":["example.com"]},"identity":{"map":true},"rules":{"enabled":true}}"#;
const BLOCK: &str = r#"{"presence":{"domains":["example.com"]},"rules":{"enabled":true,"default":"block"}}"#;
const POLITE: &str =
    r#"{"presence":{"domains":["example.com"]},"rules":{"enabled":true,"default":"polite-block"}}"#;
const WINFO: &str = "Event: presence.winfo\n";
const WINFO_OF_WINFO: &str = "Event: presence.winfo.winfo\n";
const DAY: u64 = 86_400_000;

impl Scene {
    /// Answers all NOTIFYs, and gives the watcher information of those to alice.
    fn told(&mut self) -> Vec<WatcherInfo> {
        let mut told = Vec::new();
        while let Some(notify) = self.notifies().first() {
            if notify.uri.contains("alice") && !notify.body.is_empty() {
                assert_eq!(notify.header("Content-Type"), Some("application/watcherinfo+xml"));
                told.push(WatcherInfo::read(&notify.body));
            }
            self.answer(notify, 200);
        }
        told
    }

    fn told_once(&mut self) -> WatcherInfo {
        let mut told = self.told();
        assert_eq!(told.len(), 1, "{told:#?}");
        told.remove(0)
    }

    /// Alice subscribes to her watcher information; gives our tag.
    fn alice_looks(&mut self) -> String {
        let answer = self.subscribe("alice", WINFO);
        assert_eq!(answer.status, 200);
        answer.reply.to_tag.unwrap()
    }

    /// What alice gets from a fetch.
    fn alice_fetches(&mut self) -> WatcherInfo {
        assert_eq!(self.subscribe("alice", &format!("{WINFO}Expires: 0\n")).status, 200);
        let told = self.told_once();
        assert!(told.full && told.version == 0);
        told
    }

    fn configure(&mut self, json: &str) {
        self.presence = Presence::configure(json).unwrap();
    }

    /// Subscribes without looking at the NOTIFYs.
    fn watch_quietly(&mut self, watcher: &str) {
        assert_eq!(self.subscribe(watcher, "").status, 200);
    }

    /// Subscription-State of the one NOTIFY to bob.
    fn only_bob_state(&self) -> String {
        let notifies = self.notifies();
        let states: Vec<&str> =
            notifies.iter().filter(|one| one.uri.contains("bob")).map(|one| one.state()).collect();
        assert_eq!(states.len(), 1);
        states[0].to_owned()
    }
}
