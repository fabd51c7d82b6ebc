//! Configurations for a server under test.

use std::path::Path;
use toml::{Table, Value};

/// A configuration: TOML, made key by key. Listen addresses and the storage path are filled in
/// by [`crate::Server::start`] where they are not set.
#[derive(Clone, Debug)]
pub struct Config(Table);

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

impl Config {
    /// Domain `example.com`; every peer on this machine is trusted; rules are on and allow
    /// everybody; changes are notified at once.
    #[must_use]
    pub fn new() -> Self {
        Self(Table::new())
            .set("sip.trusted", vec!["127.0.0.0/8"])
            .set("presence.domains", vec!["example.com"])
            .set("presence.notify_interval", 0)
            .set("rules.enabled", true)
            .set("rules.default", "allow")
    }

    /// The same with a virtual clock: [`crate::Server::advance`] works.
    #[must_use]
    pub fn clock(self) -> Self {
        self.set("testing.clock", true)
    }

    /// The same with another answer of the rules: `allow`, `confirm`, `block`, `polite-block`.
    #[must_use]
    pub fn rules(self, default: &str) -> Self {
        self.set("rules.default", default)
    }

    /// The same with a value under a dotted key.
    #[must_use]
    pub fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        let (mut table, mut parts) = (&mut self.0, key.split('.').peekable());
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                table.insert(part.to_owned(), value.into());
                break;
            }
            let next = table.entry(part.to_owned()).or_insert_with(|| Value::Table(Table::new()));
            table = next.as_table_mut().expect("a table");
        }
        self
    }

    /// The same with one more source of presence outside, and an identity of the server there unless there is
    /// one already. `kind` is `registrar` or `community`.
    #[must_use]
    pub fn source(self, kind: &str, source: Table) -> Self {
        let key = format!("external.{kind}");
        let mut sources = self.get(&key).and_then(Value::as_array).cloned().unwrap_or_default();
        sources.push(Value::Table(source));
        let config = self.set(&key, sources);
        match config.get("external.super_user") {
            Some(_) => config,
            None => config.set("external.super_user", crate::source::SUPER_USER),
        }
    }

    /// The value under a dotted key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        let mut parts = key.split('.');
        let first = self.0.get(parts.next()?)?;
        parts.try_fold(first, |value, part| value.get(part))
    }

    /// Reads a file.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).expect("a configuration file");
        Self(text.parse().expect("a configuration in TOML"))
    }

    /// The file's text.
    #[must_use]
    pub fn text(&self) -> String {
        toml::to_string(&self.0).expect("TOML")
    }
}
