//! A host in memory, faithful to `wit/plugin.wit`, for tests.
//!
//! Time stands still until a test moves it; randomness is a fixed sequence. A step's effects
//! take place when the step ends. [`MemoryHost::crash`] takes relaxed steps back at random,
//! forgets volatile sends and raises the epoch.

mod plain;
mod tables;

pub use plain::{PlainHost, Table};
pub use tables::{SiteRules, Sources, Tables};

use std::collections::{BTreeMap, VecDeque};

use crate::ports::{Delivery, Durability, Entry, Host, Instant, Level, Outgoing, RuleFailure};

/// A request that was sent and has no outcome yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Partition that gets the outcome.
    pub partition: String,
    /// The request.
    pub request: Outgoing,
    /// Comes back with the outcome.
    pub token: Vec<u8>,
    /// What becomes of it in a crash.
    pub delivery: Delivery,
}

/// What a step does to a partition.
#[derive(Clone, Debug)]
enum Effect {
    Put(Vec<u8>, Vec<u8>, Option<Instant>),
    Delete(Vec<u8>),
    SetTimer(Vec<u8>, Instant, Vec<u8>),
    CancelTimer(Vec<u8>),
    Post(u64, String, Vec<u8>),
    TakePost(u64),
}

/// A step that was committed since everything was last flushed.
#[derive(Clone, Debug)]
struct Committed {
    partition: String,
    /// Effects, and whether they are durable.
    effects: Vec<(Effect, bool)>,
}

#[derive(Clone, Debug, Default)]
struct Partition {
    records: BTreeMap<Vec<u8>, (Vec<u8>, Option<Instant>)>,
    timers: BTreeMap<Vec<u8>, (Instant, Vec<u8>)>,
}

#[derive(Clone, Debug, Default)]
struct Store {
    partitions: BTreeMap<String, Partition>,
    posts: VecDeque<(u64, String, Vec<u8>)>,
}

impl Store {
    fn apply(&mut self, partition: &str, effect: Effect) {
        let target = self.partitions.entry(partition.to_owned()).or_default();
        match effect {
            Effect::Put(key, value, expires) => {
                target.records.insert(key, (value, expires));
            }
            Effect::Delete(key) => {
                target.records.remove(&key);
            }
            Effect::SetTimer(name, due, payload) => {
                target.timers.insert(name, (due, payload));
            }
            Effect::CancelTimer(name) => {
                target.timers.remove(&name);
            }
            Effect::Post(number, to, payload) => self.posts.push_back((number, to, payload)),
            Effect::TakePost(number) => self.posts.retain(|(other, ..)| *other != number),
        }
    }
}

/// What gave rise to a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// A timer of a partition: name, due, payload.
    Timer(String, Vec<u8>, Instant, Vec<u8>),
    /// A post to a partition.
    Post(String, Vec<u8>),
}

/// What a step cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Calls of imports that read or write storage.
    pub storage_calls: u32,
    /// Records written or deleted durably.
    pub durable_writes: u32,
    /// Records written or deleted relaxed.
    pub relaxed_writes: u32,
    /// Timers set or cancelled.
    pub timers: u32,
    /// Requests sent.
    pub sends: u32,
    /// Looks into tables.
    pub lookups: u32,
}

/// The host. Between steps its fields may be looked at; effects of a step show once
/// [`MemoryHost::commit`] was called.
#[derive(Clone, Debug)]
pub struct MemoryHost {
    now: Instant,
    epoch: u64,
    seed: u64,
    store: Store,
    /// What surely survives a crash.
    flushed: Store,
    since_flush: Vec<Committed>,
    posts: u64,
    partition: Option<String>,
    staged: Vec<(Effect, bool)>,
    /// Effects that go with the durability of the whole step.
    staged_with_step: Vec<Effect>,
    staged_sends: Vec<(Outgoing, Vec<u8>, Delivery)>,
    cost: Cost,
    /// Requests sent that have no outcome yet, in order.
    pub sent: Vec<Sent>,
    /// Log lines.
    pub lines: Vec<String>,
    /// Figures by name, `name{label=value}`; those of failed steps, too.
    pub figures: BTreeMap<String, f64>,
    /// Tables; see [`MemoryHost::load`].
    pub tables: Tables,
    /// The site's own identity rules.
    pub rules: Option<SiteRules>,
}

impl MemoryHost {
    /// An empty host at an instant. Equal seeds give equal randomness.
    #[must_use]
    pub fn new(now: Instant, seed: u64) -> Self {
        Self {
            now,
            epoch: 0,
            seed: seed ^ 0x9e37_79b9_7f4a_7c15,
            store: Store::default(),
            flushed: Store::default(),
            since_flush: Vec::new(),
            posts: 0,
            partition: None,
            staged: Vec::new(),
            staged_with_step: Vec::new(),
            staged_sends: Vec::new(),
            cost: Cost::default(),
            sent: Vec::new(),
            lines: Vec::new(),
            figures: BTreeMap::new(),
            tables: Tables::default(),
            rules: None,
        }
    }

    /// A number of the host's fixed sequence.
    pub fn draw(&mut self) -> u64 {
        // SplitMix64.
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Starts a step in a partition; `on_request` and `on_document` choose their own.
    pub fn begin(&mut self, partition: Option<&str>) {
        self.abort();
        self.partition = partition.map(str::to_owned);
    }

    /// Ends the step, leaving nothing behind.
    pub fn abort(&mut self) {
        self.partition = None;
        self.staged.clear();
        self.staged_with_step.clear();
        self.staged_sends.clear();
        self.cost = Cost::default();
    }

    /// Ends the step and makes its effects true. Tells what it cost.
    pub fn commit(&mut self) -> Cost {
        let cost = std::mem::take(&mut self.cost);
        let durable = cost.durable_writes > 0;
        let mut effects = std::mem::take(&mut self.staged);
        effects.extend(self.staged_with_step.drain(..).map(|effect| (effect, durable)));
        let Some(partition) = self.partition.take() else {
            assert!(effects.is_empty(), "a step without partition had effects");
            return cost;
        };
        for (effect, _) in &effects {
            self.store.apply(&partition, effect.clone());
        }
        for (request, token, delivery) in self.staged_sends.drain(..) {
            self.sent.push(Sent { partition: partition.clone(), request, token, delivery });
        }
        if !effects.is_empty() {
            self.since_flush.push(Committed { partition, effects });
        }
        cost
    }

    /// True if the running step has staged nothing.
    #[must_use]
    pub fn is_untouched(&self) -> bool {
        self.staged.is_empty() && self.staged_with_step.is_empty() && self.staged_sends.is_empty()
    }

    /// Everything so far survives a crash.
    pub fn flush(&mut self) {
        self.flushed = self.store.clone();
        self.since_flush.clear();
    }

    /// A stop without order and a start. `survives` says of each relaxed step since the last
    /// flush, by number, whether it was safe by chance.
    pub fn crash(&mut self, mut survives: impl FnMut(usize) -> bool) {
        self.abort();
        let mut store = std::mem::take(&mut self.flushed);
        for (number, step) in std::mem::take(&mut self.since_flush).into_iter().enumerate() {
            let lucky = survives(number);
            for (effect, durable) in step.effects {
                if durable || lucky {
                    store.apply(&step.partition, effect);
                }
            }
        }
        self.store = store;
        self.epoch += 1;
        self.flush();
        self.sent.retain(|sent| sent.delivery == Delivery::Kept);
    }

    /// Moves time on.
    pub fn advance(&mut self, milliseconds: u64) {
        self.now += milliseconds;
    }

    /// The time.
    #[must_use]
    pub fn time(&self) -> Instant {
        self.now
    }

    /// The next post, or else the timer that has been due longest. The step for it
    /// has begun; its removal is among the step's effects.
    pub fn next_due(&mut self) -> Option<Due> {
        if let Some((number, partition, payload)) = self.store.posts.front().cloned() {
            self.begin(Some(&partition));
            self.staged_with_step.push(Effect::TakePost(number));
            return Some(Due::Post(partition, payload));
        }
        let now = self.now;
        let timers = self.store.partitions.iter().flat_map(|(partition, content)| {
            content.timers.iter().map(move |(name, (due, payload))| (*due, partition, name, payload))
        });
        let (due, partition, name, payload) = timers.filter(|(due, ..)| *due <= now).min()?;
        let (partition, name, payload) = (partition.clone(), name.clone(), payload.clone());
        self.begin(Some(&partition));
        self.staged_with_step.push(Effect::CancelTimer(name.clone()));
        Some(Due::Timer(partition, name, due, payload))
    }

    /// Posts that were not delivered yet, in order: where to, and what.
    #[must_use]
    pub fn posts(&self) -> Vec<(String, Vec<u8>)> {
        self.store.posts.iter().map(|(_, to, payload)| (to.clone(), payload.clone())).collect()
    }

    /// Brings a waiting post to the front, with those before it that go to the same partition:
    /// posts to different partitions overtake each other.
    pub fn hasten(&mut self, waiting: usize) {
        let Some((_, to, _)) = self.store.posts.get(waiting).cloned() else { return };
        let posts = std::mem::take(&mut self.store.posts);
        let (first, others): (Vec<_>, Vec<_>) =
            posts.into_iter().enumerate().partition(|(place, post)| *place <= waiting && post.1 == to);
        self.store.posts = first.into_iter().chain(others).map(|(_, post)| post).collect();
    }

    /// When the next timer is due.
    #[must_use]
    pub fn next_timer(&self) -> Option<Instant> {
        self.store.partitions.values().flat_map(|content| content.timers.values()).map(|(due, _)| *due).min()
    }

    /// Partitions that hold records.
    #[must_use]
    pub fn partitions(&self) -> Vec<String> {
        let filled = self.store.partitions.iter().filter(|(_, content)| !content.records.is_empty());
        filled.map(|(name, _)| name.clone()).collect()
    }

    /// Live records of a partition whose keys start with a prefix.
    #[must_use]
    pub fn records(&self, partition: &str, prefix: &[u8]) -> Vec<Entry> {
        let Some(content) = self.store.partitions.get(partition) else { return Vec::new() };
        let alive = |(_, (_, expires)): &(&Vec<u8>, &(Vec<u8>, Option<Instant>))| {
            expires.is_none_or(|expires| expires > self.now)
        };
        let run = content.records.range(prefix.to_vec()..).take_while(|(key, _)| key.starts_with(prefix));
        run.filter(alive).map(|(key, (value, _))| (key.clone(), value.clone())).collect()
    }

    /// Number of timers set in a partition.
    #[must_use]
    pub fn timer_count(&self, partition: &str) -> usize {
        self.store.partitions.get(partition).map_or(0, |content| content.timers.len())
    }

    /// The step's view of those of its partition's records whose keys start with a prefix.
    fn view(&self, prefix: &[u8]) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let partition = self.partition.as_deref();
        assert!(partition.is_some(), "storage used before a partition was entered");
        let mut view: BTreeMap<_, _> =
            self.records(partition.unwrap_or_default(), prefix).into_iter().collect();
        for (effect, _) in &self.staged {
            match effect {
                Effect::Put(key, ..) | Effect::Delete(key) if !key.starts_with(prefix) => {}
                Effect::Put(key, value, expires) if expires.is_none_or(|expires| expires > self.now) => {
                    view.insert(key.clone(), value.clone());
                }
                Effect::Put(key, ..) | Effect::Delete(key) => {
                    view.remove(key);
                }
                _ => {}
            }
        }
        view
    }

    fn write(&mut self, effect: Effect, durability: Durability) {
        assert!(self.partition.is_some(), "storage used before a partition was entered");
        self.cost.storage_calls += 1;
        match durability {
            Durability::Durable => self.cost.durable_writes += 1,
            Durability::Relaxed => self.cost.relaxed_writes += 1,
        }
        self.staged.push((effect, durability == Durability::Durable));
    }
}

impl Host for MemoryHost {
    fn enter(&mut self, partition: &str) {
        assert!((1..=512).contains(&partition.len()), "partition name of {} bytes", partition.len());
        let fits = self.partition.as_deref().is_none_or(|entered| entered == partition);
        assert!(fits, "a second partition was entered");
        self.partition = Some(partition.to_owned());
    }

    fn epoch(&mut self) -> u64 {
        self.epoch
    }

    fn get(&mut self, key: &[u8]) -> Option<Vec<u8>> {
        self.cost.storage_calls += 1;
        self.view(key).remove(key)
    }

    fn scan(&mut self, prefix: &[u8], after: Option<&[u8]>, limit: u32) -> Vec<Entry> {
        self.cost.storage_calls += 1;
        let fits = |(key, _): &Entry| after.is_none_or(|after| key.as_slice() > after);
        self.view(prefix).into_iter().filter(fits).take(limit as usize).collect()
    }

    fn put(&mut self, key: &[u8], value: &[u8], durability: Durability, expires: Option<Instant>) {
        self.write(Effect::Put(key.to_vec(), value.to_vec(), expires), durability);
    }

    fn delete(&mut self, key: &[u8], durability: Durability) {
        self.write(Effect::Delete(key.to_vec()), durability);
    }

    fn set_timer(&mut self, name: &[u8], due: Instant, payload: &[u8]) {
        self.cost.timers += 1;
        self.staged_with_step.push(Effect::SetTimer(name.to_vec(), due, payload.to_vec()));
    }

    fn cancel_timer(&mut self, name: &[u8]) {
        self.cost.timers += 1;
        self.staged_with_step.push(Effect::CancelTimer(name.to_vec()));
    }

    fn send(&mut self, request: Outgoing, token: &[u8], delivery: Delivery) {
        self.cost.sends += 1;
        self.staged_sends.push((request, token.to_vec(), delivery));
    }

    fn post(&mut self, partition: &str, payload: &[u8]) {
        self.posts += 1;
        let number = self.posts;
        self.staged_with_step.push(Effect::Post(number, partition.to_owned(), payload.to_vec()));
    }

    fn lookup(&mut self, table: &str, key: &[u8]) -> Option<Vec<u8>> {
        self.cost.lookups += 1;
        self.tables.lookup(table, key)
    }

    fn table_version(&mut self, table: &str) -> u64 {
        self.tables.version(table)
    }

    fn table_entries(&mut self, table: &str, at: u64, limit: u32) -> (Vec<Entry>, Option<u64>) {
        self.tables.entries(table, at, limit)
    }

    fn normalize(&mut self, uri: &str, normalized: &str) -> Result<String, RuleFailure> {
        let none = || RuleFailure::Broken("no such component".to_owned());
        (self.rules.ok_or_else(none)?.normalize)(uri, normalized)
    }

    fn fundamental(&mut self, identity: &str, mapped: &str) -> Result<String, RuleFailure> {
        let none = || RuleFailure::Broken("no such component".to_owned());
        (self.rules.ok_or_else(none)?.fundamental)(identity, mapped)
    }

    fn now(&mut self) -> Instant {
        self.now
    }

    fn random(&mut self, length: u32) -> Vec<u8> {
        assert!(length <= 4096, "too much randomness asked for");
        (0..length).map(|_| self.draw().to_le_bytes()[3]).collect()
    }

    fn log_enabled(&mut self, _level: Level) -> bool {
        true
    }

    fn log(&mut self, level: Level, message: &str, fields: &[(&str, &str)]) {
        let mut line = format!("{level:?}: {message}");
        for (name, value) in fields {
            line.push_str(&format!(" {name}={value}"));
        }
        self.lines.push(line);
    }

    fn count(&mut self, name: &str, labels: &[(&str, &str)], more: u64) {
        *self.figures.entry(figure(name, labels)).or_default() += more as f64;
    }

    fn gauge(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.figures.insert(figure(name, labels), value);
    }
}

/// As an operator sees the name of a figure: `name{label=value,label=value}`.
fn figure(name: &str, labels: &[(&str, &str)]) -> String {
    let labels: Vec<String> = labels.iter().map(|(label, value)| format!("{label}={value}")).collect();
    format!("{name}{{{}}}", labels.join(","))
}
