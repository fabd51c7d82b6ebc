//! Versions of partitions, kept in memory.
//!
//! An engine that has its database to itself need not write versions down: nobody holds a version from before the
//! start. Even so the table must not grow with every partition ever touched. When it is full, all entries go, and
//! the highest version among them becomes the version of every partition not in the table. So the version of a
//! partition never goes down, each commit raises it, and thus equal versions mean equal states; the price is a
//! refused commit (and a reload) for a partition that was in use at that moment.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
};

use crate::{Applied, Conflict};

/// Most partitions whose versions are remembered one by one: some 50 MiB.
const CAPACITY: usize = 1 << 20;

/// A partition's name, hashed twice with secret keys: names that collide are out of reach of chance and of malice.
type Fingerprint = (u64, u64);

/// The current version of every partition.
pub(crate) struct Versions {
    table: HashMap<Fingerprint, u64>,
    keys: (RandomState, RandomState),
    floor: u64,
    capacity: usize,
}

impl Versions {
    pub fn new() -> Self {
        Self::with_capacity(CAPACITY)
    }

    fn with_capacity(capacity: usize) -> Self {
        Self { table: HashMap::new(), keys: (RandomState::new(), RandomState::new()), floor: 0, capacity }
    }

    fn fingerprint(&self, partition: &str) -> Fingerprint {
        (self.keys.0.hash_one(partition), self.keys.1.hash_one(partition))
    }

    pub fn get(&self, partition: &str) -> u64 {
        self.look_up(self.fingerprint(partition))
    }

    fn look_up(&self, fingerprint: Fingerprint) -> u64 {
        self.table.get(&fingerprint).copied().unwrap_or(self.floor)
    }

    /// Begins a group of commits; forgets everything if the table is full.
    pub fn begin(&mut self) -> Group {
        if self.table.len() >= self.capacity {
            self.floor = self.table.values().copied().max().unwrap_or(0).max(self.floor);
            self.table = HashMap::new();
        }
        Group::default()
    }

    /// Whether a commit of `group` applies, and the version that it makes. Readers do not see it before
    /// [`finish`](Self::finish): a reader that takes the version first and the data then must never have
    /// the new version with the old data.
    pub fn check(&self, group: &mut Group, partition: &str, expected: u64) -> Applied {
        let fingerprint = self.fingerprint(partition);
        let current = group.0.get(&fingerprint).copied().unwrap_or_else(|| self.look_up(fingerprint));
        if current != expected {
            return Err(Conflict { current });
        }
        let version = current.saturating_add(1);
        group.0.insert(fingerprint, version);
        Ok(version)
    }

    /// The data of the group is visible: so are its versions from now on.
    pub fn finish(&mut self, group: Group) {
        self.table.extend(group.0);
    }
}

/// Versions made by a group that is being applied.
#[derive(Default)]
pub(crate) struct Group(HashMap<Fingerprint, u64>);

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(versions: &mut Versions, partition: &str) -> (u64, u64) {
        let mut group = versions.begin();
        let before = versions.get(partition);
        let after = versions.check(&mut group, partition, before).unwrap();
        assert_eq!(versions.get(partition), before, "not visible before the group is");
        versions.finish(group);
        assert_eq!(versions.get(partition), after);
        (before, after)
    }

    #[test]
    fn forgetting_never_lowers_a_version() {
        let mut versions = Versions::with_capacity(4);
        let mut highest = std::collections::BTreeMap::new();
        for round in 0..200_u64 {
            let name = format!("p{}", (round * round) % 11);
            let (before, after) = commit(&mut versions, &name);
            assert_eq!(after, before + 1);
            let last = highest.insert(name, after).unwrap_or(0);
            assert!(before >= last, "a version went down");
            assert!(versions.table.len() <= 4);
        }
    }

    #[test]
    fn a_group_builds_on_itself() {
        let mut versions = Versions::new();
        let mut group = versions.begin();
        assert_eq!(versions.check(&mut group, "a", 0), Ok(1));
        assert_eq!(versions.check(&mut group, "a", 0), Err(Conflict { current: 1 }));
        assert_eq!(versions.check(&mut group, "a", 1), Ok(2));
        versions.finish(group);
        assert_eq!((versions.get("a"), versions.get("b")), (2, 0));
    }
}
