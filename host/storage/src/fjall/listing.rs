//! Listing the partitions of a snapshot.

use ::fjall::{Iter, Keyspace, Readable, Snapshot};

use super::{database, layout::Kind};
use crate::{Error, PartitionKey};

/// Keys of one partition to step over before seeking its end: a seek costs as much as about as many steps.
const STEPS: usize = 16;

/// The partitions that have something of one kind, in the order of their keys.
pub(super) struct Names<'a> {
    snapshot: &'a Snapshot,
    keyspace: &'a Keyspace,
    kind: Kind,
    iter: Iter,
    last: Option<PartitionKey>,
}

impl<'a> Names<'a> {
    pub fn new(
        snapshot: &'a Snapshot,
        keyspace: &'a Keyspace,
        kind: Kind,
        after: Option<&PartitionKey>,
    ) -> Self {
        let start = after.map_or_else(|| kind.start(), |after| kind.behind(after));
        Self { snapshot, keyspace, kind, iter: range(snapshot, keyspace, kind, start), last: None }
    }

    /// The next partition.
    pub fn next(&mut self) -> Result<Option<PartitionKey>, Error> {
        let mut steps = 0;
        loop {
            let Some(guard) = self.iter.next() else { return Ok(None) };
            let key = guard.key().map_err(database)?;
            let (name, _) = self.kind.parse(&key)?;
            match &self.last {
                Some(last) if last.as_str() == name => {
                    steps += 1;
                    if steps == STEPS {
                        let behind = self.kind.behind(last);
                        self.iter = range(self.snapshot, self.keyspace, self.kind, behind);
                    }
                }
                _ => {
                    let name = PartitionKey::new(name).map_err(|_| Error::Corrupt("a name out of bounds"))?;
                    self.last = Some(name.clone());
                    return Ok(Some(name));
                }
            }
        }
    }
}

/// Everything of a kind from a key on.
pub(super) fn range(snapshot: &Snapshot, keyspace: &Keyspace, kind: Kind, start: Vec<u8>) -> Iter {
    // The tags of kinds are the first bytes of keys in the keyspace that has several.
    match kind.start().first() {
        Some(tag) => snapshot.range(keyspace, start..vec![tag.saturating_add(1)]),
        None => snapshot.range(keyspace, start..),
    }
}

/// Up to `limit` partitions that have something of any of some kinds, each once.
pub(super) fn merge(mut sources: Vec<Names<'_>>, limit: usize) -> Result<Vec<PartitionKey>, Error> {
    // Keys are ordered by the length of the name first.
    let order = |name: &PartitionKey| (name.as_str().len(), name.clone());
    let mut heads = sources.iter_mut().map(Names::next).collect::<Result<Vec<_>, _>>()?;
    let mut found = Vec::new();
    while found.len() < limit {
        let Some(least) = heads.iter().flatten().min_by_key(|name| order(name)).cloned() else { break };
        for (head, source) in heads.iter_mut().zip(&mut sources) {
            if head.as_ref() == Some(&least) {
                *head = source.next()?;
            }
        }
        found.push(least);
    }
    Ok(found)
}
