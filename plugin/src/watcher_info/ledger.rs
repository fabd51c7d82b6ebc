//! What happened to the watchers of a package, for winfo subscribers that were not told yet.

use serde::{Deserialize, Serialize};

use super::row::Row;
use crate::keys;
use crate::package::Package;
use crate::ports::{Durability, Instant};
use crate::records;
use crate::step::Step;

/// Most changes that are kept. Who has missed more is sent full state.
const ENTRIES: usize = 64;

/// Most bytes of changes that are kept.
const BYTES: usize = 32 << 10;

/// A change of a watcher; the newest one of each watcher is enough.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Version of the watcher information that the change made.
    pub version: u64,
    /// The watcher after it.
    pub row: Row,
}

/// Versions of watcher information, while somebody subscribes to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Versions {
    /// The current one. The first is the time of day, so that versions grow over the
    /// record's being deleted and made again.
    current: u64,
    /// Changes after this one are kept.
    floor: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    /// There may be pending or waiting watchers.
    undecided: bool,
    versions: Option<Versions>,
}

/// The record. There is none while nobody subscribes to watcher information and nobody waits
/// for a decision. Its tail are the entries, oldest first. Always written relaxed: recovery
/// makes good what a crash takes back.
#[derive(Clone, Debug)]
pub struct Ledger {
    package: Package,
    before: Option<Vec<u8>>,
    head: Head,
    entries: Vec<Entry>,
}

impl Ledger {
    /// The ledger of the watchers of a package.
    pub fn load(step: &mut Step<'_>, package: Package) -> Self {
        let before = step.host.get(&key(package));
        let (head, entries) = match before.as_deref().and_then(records::decode_with_tail::<Head>) {
            Some((head, tail)) => (head, records::decode(tail).unwrap_or_default()),
            None => Default::default(),
        };
        Self { package, before, head, entries }
    }

    /// Version of the watcher information of a package; none if nobody subscribes to it.
    pub fn version(step: &mut Step<'_>, package: Package) -> Option<u64> {
        let record = step.host.get(&key(package))?;
        let (head, _) = records::decode_with_tail::<Head>(&record)?;
        head.versions.map(|versions| versions.current)
    }

    /// Somebody subscribes to the watcher information of a package.
    pub fn open(step: &mut Step<'_>, package: Package) {
        let mut ledger = Self::load(step, package);
        ledger.begin(step.now);
        ledger.store(step);
    }

    /// Begins to keep changes, unless it does.
    pub fn begin(&mut self, now: Instant) {
        self.head.versions.get_or_insert(Versions { current: now, floor: now });
    }

    /// Nobody subscribes to it any more.
    pub fn close(&mut self) {
        self.head.versions = None;
        self.entries.clear();
    }

    /// The package whose watchers these are.
    pub fn package(&self) -> Package {
        self.package
    }

    /// True if nothing has to be written down.
    pub fn is_idle(&self) -> bool {
        self.head == Head::default()
    }

    /// True if there may be pending or waiting watchers.
    pub fn may_have_undecided(&self) -> bool {
        self.head.undecided
    }

    /// Notes whether there may be.
    pub fn set_undecided(&mut self, undecided: bool) {
        self.head.undecided = undecided;
    }

    /// The current version, if somebody subscribes.
    pub fn current(&self) -> Option<u64> {
        self.head.versions.map(|versions| versions.current)
    }

    /// What happened after a version; none if that is not known any more.
    pub fn since(&self, version: u64) -> Option<&[Entry]> {
        let versions = self.head.versions?;
        if version < versions.floor || version > versions.current {
            return None;
        }
        let at = self.entries.partition_point(|entry| entry.version <= version);
        self.entries.get(at..)
    }

    /// Forgets what everybody was told, given the versions that subscribers have.
    pub fn trim(&mut self, known: impl Iterator<Item = u64>) {
        let Some(versions) = &mut self.head.versions else { return };
        let following = known.filter(|version| (versions.floor..=versions.current).contains(version));
        versions.floor = following.min().unwrap_or(versions.current);
        let floor = versions.floor;
        self.entries.retain(|entry| entry.version > floor);
    }

    /// Adds a change.
    pub fn add(&mut self, row: Row) {
        let Some(versions) = &mut self.head.versions else { return };
        versions.current += 1;
        self.entries.retain(|entry| entry.row.id != row.id);
        self.entries.push(Entry { version: versions.current, row });
        let bytes: usize = self.entries.iter().map(|entry| entry.row.watcher.len() + 48).sum();
        if self.entries.len() > ENTRIES || bytes > BYTES {
            versions.floor = versions.current;
            self.entries.clear();
        }
    }

    /// Writes it, if it has changed.
    pub fn store(&self, step: &mut Step<'_>) {
        let key = key(self.package);
        if self.is_idle() {
            if self.before.is_some() {
                step.host.delete(&key, Durability::Relaxed);
            }
            return;
        }
        let record = records::encode_with_tail(&self.head, &records::encode(&self.entries));
        if self.before.as_ref() != Some(&record) {
            step.host.put(&key, &record, Durability::Relaxed, None);
        }
    }
}

fn key(package: Package) -> [u8; 2] {
    let which = match package {
        Package::Presence => b'p',
        Package::Winfo | Package::WinfoOfWinfo => b'w',
    };
    [keys::LEDGER, which]
}

#[cfg(test)]
mod tests {
    use super::super::row::{Cause, Status};
    use super::*;
    use crate::keys::Id;

    fn ledger() -> Ledger {
        let head = Head { undecided: false, versions: Some(Versions { current: 10, floor: 10 }) };
        Ledger { package: Package::Presence, before: None, head, entries: Vec::new() }
    }

    fn row(id: u8, watcher: &str) -> Row {
        let (status, cause) = (Status::Active, Cause::Subscribe);
        Row { id: Id([id; 8]), watcher: watcher.to_owned(), status, cause, created: 0, expires: None }
    }

    fn since(ledger: &Ledger, version: u64) -> Option<Vec<u8>> {
        Some(ledger.since(version)?.iter().map(|entry| entry.row.id.0[0]).collect())
    }

    #[test]
    fn each_subscriber_finds_what_it_was_not_told_once() {
        let mut ledger = ledger();
        for id in [1, 2, 1] {
            ledger.add(row(id, "sip:w@x"));
        }
        assert_eq!(since(&ledger, 10), Some(vec![2, 1]));
        assert_eq!(since(&ledger, 11), Some(vec![2, 1]));
        assert_eq!(since(&ledger, 12), Some(vec![1]));
        assert_eq!(since(&ledger, 13), Some(vec![]));
        assert_eq!((since(&ledger, 9), since(&ledger, 14)), (None, None));
        ledger.trim([12, 13, 3].into_iter());
        assert_eq!((since(&ledger, 11), since(&ledger, 12)), (None, Some(vec![1])));
        ledger.trim([13].into_iter());
        assert!(ledger.entries.is_empty());
        ledger.add(row(3, "sip:w@x"));
        assert_eq!(since(&ledger, 13), Some(vec![3]));
        ledger.trim(std::iter::empty());
        assert_eq!(since(&ledger, 13), None);
    }

    #[test]
    fn it_is_bounded() {
        let mut ledger = ledger();
        for id in 0..=64 {
            ledger.add(row(id, "sip:w@x"));
        }
        assert!(ledger.entries.is_empty());
        assert_eq!((since(&ledger, 74), since(&ledger, 75)), (None, Some(vec![])));
        ledger.add(row(1, &"w".repeat(40_000)));
        assert!(ledger.entries.is_empty());
    }
}
