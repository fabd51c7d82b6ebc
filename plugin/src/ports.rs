//! What the presence logic asks of its surroundings.
//!
//! One trait, [`Host`], mirrors the imports of `wit/plugin.wit`; the WIT file is the
//! specification. In the component it is backed by those imports, in native tests by
//! [`crate::testing::MemoryHost`]. Presence logic sees nothing else of the world: no
//! clock, no randomness, no I/O. What the host cannot honour ends the
//! step; only a site's own rules ([`Host::normalize`]) may fail.

/// Milliseconds since 1970-01-01T00:00:00Z.
pub type Instant = u64;

/// How safe a write must be before anything of the step leaves the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Survives a crash.
    Durable,
    /// A crash may take it back to an earlier value.
    Relaxed,
}

/// What becomes of a sent request if the host stops before its final response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Forgotten; `on_recovery` makes good.
    Volatile,
    /// Sent again after the start.
    Kept,
}

/// Level of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The operator has to act.
    Error,
    /// The operator may want to act.
    Warn,
    /// A rare event of normal work.
    Info,
    /// What one wants to see to follow a request.
    Debug,
    /// Everything.
    Trace,
}

/// A SIP request to send, in the form for loose routing: the host adds Via, Max-Forwards and
/// Content-Length, finds the next hop and changes the form where that is a strict router.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// For example `NOTIFY`.
    pub method: String,
    /// The Request-URI.
    pub uri: String,
    /// Complete header lines, each ended by CRLF.
    pub headers: Vec<u8>,
    /// Empty for none.
    pub body: Vec<u8>,
    /// Add a Contact that leads back to the host, with this user part (empty: none).
    pub contact: Option<String>,
}

/// A SIP response. The host copies Via, From, To, Call-ID and CSeq and adds Content-Length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// 200 to 699.
    pub status: u16,
    /// Reason phrase.
    pub reason: String,
    /// Complete header lines, each ended by CRLF.
    pub headers: Vec<u8>,
    /// Empty for none.
    pub body: Vec<u8>,
    /// To tag if the request had none; the host makes one up otherwise.
    pub to_tag: Option<String>,
    /// As in [`Outgoing::contact`].
    pub contact: Option<String>,
}

/// What the plugin says to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Answer it.
    Reply(Reply),
    /// Not for this plugin.
    Pass,
    /// Another partition has what it takes: the request goes on there.
    Forward(Forward),
}

/// Where a request goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// Name of the partition.
    pub partition: String,
    /// Comes along.
    pub payload: Vec<u8>,
}

/// Why a site's own rules give no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleFailure {
    /// They refuse it, with a reason for the log.
    Refused(String),
    /// No result within the limits, a trap, or no such rules.
    Broken(String),
}

/// A record: key and value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// The imports of a step; see `wit/plugin.wit` for what each one promises.
pub trait Host {
    /// Chooses the partition of a step that was not given one.
    fn enter(&mut self, partition: &str);
    /// Number of starts after a stop without order.
    fn epoch(&mut self) -> u64;
    /// The value under a key.
    fn get(&mut self, key: &[u8]) -> Option<Vec<u8>>;
    /// Records whose keys start with `prefix`, after the key `after`, in order.
    fn scan(&mut self, prefix: &[u8], after: Option<&[u8]>, limit: u32) -> Vec<Entry>;
    /// Writes a record; from `expires` on it is as good as deleted.
    fn put(&mut self, key: &[u8], value: &[u8], durability: Durability, expires: Option<Instant>);
    /// Deletes a record.
    fn delete(&mut self, key: &[u8], durability: Durability);
    /// Sets a timer of this partition, replacing one of that name.
    fn set_timer(&mut self, name: &[u8], due: Instant, payload: &[u8]);
    /// Cancels a timer.
    fn cancel_timer(&mut self, name: &[u8]);
    /// Sends a request after the commit; `token` comes back with the outcome.
    fn send(&mut self, request: Outgoing, token: &[u8], delivery: Delivery);
    /// Posts to a partition.
    fn post(&mut self, partition: &str, payload: &[u8]);
    /// Looks a key up in a table.
    fn lookup(&mut self, table: &str, key: &[u8]) -> Option<Vec<u8>>;
    /// Tells one content of a table from another; 0 if it is not there.
    fn table_version(&mut self, table: &str) -> u64;
    /// Up to `limit` entries of a table from `at` on, and where the next ones begin.
    fn table_entries(&mut self, table: &str, at: u64, limit: u32) -> (Vec<Entry>, Option<u64>);
    /// The form of a URI in which identities are compared, by the site's own rules.
    ///
    /// # Errors
    /// See [`RuleFailure`].
    fn normalize(&mut self, uri: &str, normalized: &str) -> Result<String, RuleFailure>;
    /// The fundamental identity behind a normalized one, by the site's own rules.
    ///
    /// # Errors
    /// See [`RuleFailure`].
    fn fundamental(&mut self, identity: &str, mapped: &str) -> Result<String, RuleFailure>;
    /// The step's time.
    fn now(&mut self) -> Instant;
    /// The step's randomness, at most 4096 bytes a call.
    fn random(&mut self, length: u32) -> Vec<u8>;
    /// True if lines of this level are kept.
    fn log_enabled(&mut self, level: Level) -> bool;
    /// Adds to a counter for the operator.
    fn count(&mut self, name: &str, labels: &[(&str, &str)], more: u64);
    /// Sets a gauge for the operator.
    fn gauge(&mut self, name: &str, labels: &[(&str, &str)], value: f64);
    /// A line for the operator.
    fn log(&mut self, level: Level, message: &str, fields: &[(&str, &str)]);
}
