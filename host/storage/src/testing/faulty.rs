//! An engine that fails on demand.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};

use crate::{Applied, Commit, Conflict, Engine, Entry, Error, Image, Opened, Page, PartitionKey, Record};

/// What goes wrong with a call of [`Engine::apply`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Every commit of the group is refused, and nothing applied.
    Conflict,
    /// The call fails, and nothing was applied.
    Lost,
    /// The call fails, and yet everything was applied.
    Kept,
}

/// An engine around another that misbehaves when told to. Clones share everything, so that a test keeps one to
/// give orders.
///
/// ```
/// use rollcall_storage::{Engine, Memory, testing::{Fault, Faulty}};
///
/// let engine = Faulty::new(Memory::new());
/// engine.next_apply([Fault::Lost]);
/// assert!(engine.apply(Vec::new(), true).is_err());
/// assert!(engine.apply(Vec::new(), true).is_ok());
/// ```
pub struct Faulty<E>(Arc<Shared<E>>);

struct Shared<E> {
    engine: E,
    plan: Mutex<Plan>,
    changed: Condvar,
}

#[derive(Default)]
struct Plan {
    faults: VecDeque<Fault>,
    failing_reads: u32,
    holds: u32,
    waiting: usize,
    groups: usize,
}

impl<E> Clone for Faulty<E> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// While it lives, calls of [`Engine::apply`] wait before they do anything.
pub struct Hold<E>(Arc<Shared<E>>);

impl<E> Hold<E> {
    /// Waits until that many calls are held up; false if it takes longer than `patience`.
    pub fn wait_for(&self, calls: usize, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        let mut plan = self.0.plan.lock();
        while plan.waiting < calls {
            if self.0.changed.wait_until(&mut plan, deadline).timed_out() {
                return plan.waiting >= calls;
            }
        }
        true
    }
}

impl<E> Drop for Hold<E> {
    fn drop(&mut self) {
        self.0.plan.lock().holds -= 1;
        self.0.changed.notify_all();
    }
}

impl<E: Engine> Faulty<E> {
    /// An engine that does as `engine` until told otherwise.
    pub fn new(engine: E) -> Self {
        Self(Arc::new(Shared { engine, plan: Mutex::default(), changed: Condvar::new() }))
    }

    /// The engine inside.
    pub fn inner(&self) -> &E {
        &self.0.engine
    }

    /// What goes wrong with the next calls of `apply`, one after the other, after those told before.
    pub fn next_apply(&self, faults: impl IntoIterator<Item = Fault>) {
        self.0.plan.lock().faults.extend(faults);
    }

    /// Lets the next `count` calls of `load`, `version`, `get` and `scan` fail.
    pub fn fail_reads(&self, count: u32) {
        self.0.plan.lock().failing_reads = count;
    }

    /// Holds up calls of `apply`, those to come and none before, until the value is dropped.
    pub fn hold(&self) -> Hold<E> {
        self.0.plan.lock().holds += 1;
        Hold(self.0.clone())
    }

    /// Number of groups given to `apply` so far, whatever became of them.
    pub fn groups(&self) -> usize {
        self.0.plan.lock().groups
    }

    fn read(&self) -> Result<&E, Error> {
        let mut plan = self.0.plan.lock();
        if plan.failing_reads > 0 {
            plan.failing_reads -= 1;
            return Err(injected());
        }
        Ok(&self.0.engine)
    }

    /// Waits while held up; gives what goes wrong with this call.
    fn admit(&self) -> Option<Fault> {
        let mut plan = self.0.plan.lock();
        plan.groups += 1;
        if plan.holds > 0 {
            plan.waiting += 1;
            self.0.changed.notify_all();
            self.0.changed.wait_while(&mut plan, |plan| plan.holds > 0);
            plan.waiting -= 1;
        }
        plan.faults.pop_front()
    }
}

fn injected() -> Error {
    Error::Database("a failure ordered by the test".into())
}

impl<E: Engine> Engine for Faulty<E> {
    fn load(&self, partition: &PartitionKey, now: u64) -> Result<Image, Error> {
        self.read()?.load(partition, now)
    }

    fn version(&self, partition: &PartitionKey) -> Result<u64, Error> {
        self.read()?.version(partition)
    }

    fn get(&self, partition: &PartitionKey, key: &[u8], now: u64) -> Result<Option<Record>, Error> {
        self.read()?.get(partition, key, now)
    }

    fn scan(
        &self,
        partition: &PartitionKey,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
        now: u64,
    ) -> Result<Vec<Entry>, Error> {
        self.read()?.scan(partition, prefix, after, limit, now)
    }

    fn apply(&self, group: Vec<Commit>, sync: bool) -> Result<Vec<Applied>, Error> {
        match self.admit() {
            None => self.inner().apply(group, sync),
            Some(Fault::Lost) => Err(injected()),
            Some(Fault::Kept) => self.inner().apply(group, sync).and(Err(injected())),
            Some(Fault::Conflict) => {
                let refuse = |commit: &Commit| {
                    let current = self.inner().version(&commit.partition)?;
                    Ok(Err(Conflict { current }))
                };
                group.iter().map(refuse).collect()
            }
        }
    }

    fn due(&self, until: u64, limit: usize) -> Result<Vec<(u64, PartitionKey)>, Error> {
        self.inner().due(until, limit)
    }

    fn next_due(&self) -> Result<Option<u64>, Error> {
        self.inner().next_due()
    }

    fn partitions(&self, after: Option<&PartitionKey>, limit: usize) -> Result<Page, Error> {
        self.inner().partitions(after, limit)
    }

    fn pending(&self, after: Option<&PartitionKey>, limit: usize) -> Result<Page, Error> {
        self.inner().pending(after, limit)
    }

    fn sweep(
        &self,
        after: Option<&PartitionKey>,
        limit: usize,
        now: u64,
    ) -> Result<Option<PartitionKey>, Error> {
        self.inner().sweep(after, limit, now)
    }

    fn opened(&self) -> Opened {
        self.inner().opened()
    }

    fn close(&self) -> Result<(), Error> {
        self.inner().close()
    }

    fn get_meta(&self, name: &str) -> Result<Option<Bytes>, Error> {
        self.inner().get_meta(name)
    }

    fn put_meta(&self, name: &str, value: &[u8]) -> Result<(), Error> {
        self.inner().put_meta(name, value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Memory, Op};

    fn commit(expected: u64) -> Vec<Commit> {
        let partition = PartitionKey::new("p").unwrap();
        let ops = vec![Op::PutOutbox { sequence: expected, payload: Bytes::new() }];
        vec![Commit { partition, expected, ops, wake: None }]
    }

    #[test]
    fn faults_come_in_order() {
        let engine = Faulty::new(Memory::new());
        engine.next_apply([Fault::Conflict, Fault::Lost, Fault::Kept]);
        assert_eq!(engine.apply(commit(0), true).unwrap(), [Err(Conflict { current: 0 })]);
        assert!(engine.apply(commit(0), true).is_err());
        let partition = PartitionKey::new("p").unwrap();
        assert!(engine.load(&partition, 0).unwrap().is_empty());
        assert!(engine.apply(commit(0), true).is_err());
        assert_eq!(engine.load(&partition, 0).unwrap().version, 1);
        assert_eq!(engine.apply(commit(1), true).unwrap(), [Ok(2)]);
        assert_eq!(engine.groups(), 4);
        engine.fail_reads(1);
        assert!(engine.load(&partition, 0).is_err());
        assert!(engine.load(&partition, 0).is_ok());
    }

    #[test]
    fn held_call_waits() {
        let engine = Faulty::new(Memory::new());
        let hold = engine.hold();
        let other = engine.clone();
        let call = std::thread::spawn(move || other.apply(commit(0), true).unwrap());
        assert!(hold.wait_for(1, Duration::from_secs(10)));
        assert_eq!(engine.version(&PartitionKey::new("p").unwrap()).unwrap(), 0);
        assert!(!hold.wait_for(2, Duration::ZERO));
        drop(hold);
        assert_eq!(call.join().unwrap(), [Ok(1)]);
    }
}
