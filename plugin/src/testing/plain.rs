//! A host that costs next to nothing, for benches: what is measured over it is the logic.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use crate::ports::{Delivery, Durability, Entry, Host, Instant, Level, Outgoing, RuleFailure};

/// A table: values by key.
pub type Table = HashMap<Vec<u8>, Vec<u8>>;

/// One partition without staging: writes take place at once, timers never fire, and time stands still.
#[derive(Debug, Default)]
pub struct PlainHost {
    /// All records.
    pub records: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Tokens of all requests that were sent, in order.
    pub tokens: Vec<Vec<u8>>,
    /// Payloads of all posts, in order, to whatever partition.
    pub posts: Vec<Vec<u8>>,
    /// All tables, by name.
    pub tables: Rc<HashMap<String, Table>>,
    /// Where the sequence of random bytes stands.
    pub seed: u64,
}

impl Host for PlainHost {
    fn enter(&mut self, _partition: &str) {}

    fn epoch(&mut self) -> u64 {
        0
    }

    fn get(&mut self, key: &[u8]) -> Option<Vec<u8>> {
        self.records.get(key).cloned()
    }

    fn scan(&mut self, prefix: &[u8], after: Option<&[u8]>, limit: u32) -> Vec<Entry> {
        let from = after.unwrap_or(prefix);
        let found = self.records.range(from.to_vec()..).filter(|(key, _)| after != Some(key.as_slice()));
        let found = found.take_while(|(key, _)| key.starts_with(prefix)).take(limit as usize);
        found.map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    fn put(&mut self, key: &[u8], value: &[u8], _durability: Durability, _expires: Option<Instant>) {
        self.records.insert(key.to_vec(), value.to_vec());
    }

    fn delete(&mut self, key: &[u8], _durability: Durability) {
        self.records.remove(key);
    }

    fn set_timer(&mut self, _name: &[u8], _due: Instant, _payload: &[u8]) {}

    fn cancel_timer(&mut self, _name: &[u8]) {}

    fn send(&mut self, request: Outgoing, token: &[u8], _delivery: Delivery) {
        std::hint::black_box(request);
        self.tokens.push(token.to_vec());
    }

    fn post(&mut self, _partition: &str, payload: &[u8]) {
        self.posts.push(payload.to_vec());
    }

    fn lookup(&mut self, table: &str, key: &[u8]) -> Option<Vec<u8>> {
        self.tables.get(table)?.get(key).cloned()
    }

    fn table_version(&mut self, table: &str) -> u64 {
        self.tables.contains_key(table).into()
    }

    fn table_entries(&mut self, _table: &str, _at: u64, _limit: u32) -> (Vec<Entry>, Option<u64>) {
        (Vec::new(), None)
    }

    fn normalize(&mut self, _uri: &str, _normalized: &str) -> Result<String, RuleFailure> {
        Err(RuleFailure::Broken(String::new()))
    }

    fn fundamental(&mut self, _identity: &str, _mapped: &str) -> Result<String, RuleFailure> {
        Err(RuleFailure::Broken(String::new()))
    }

    fn now(&mut self) -> Instant {
        1_700_000_000_000
    }

    fn random(&mut self, length: u32) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length as usize);
        for _ in 0..length {
            self.seed =
                self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            bytes.push((self.seed >> 40) as u8);
        }
        bytes
    }

    fn log_enabled(&mut self, _level: Level) -> bool {
        false
    }

    fn log(&mut self, _level: Level, _message: &str, _fields: &[(&str, &str)]) {}

    fn count(&mut self, _name: &str, _labels: &[(&str, &str)], _more: u64) {}

    fn gauge(&mut self, _name: &str, _labels: &[(&str, &str)], _value: f64) {}
}
