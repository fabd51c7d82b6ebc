//! The HTTP interface for operators: health, metrics, generations, swap, reload, and questions about
//! identities and presentities.
//!
//! It runs on a thread of its own with a bounded number of connections, bounded requests and bounded
//! times, so that whatever happens on the admin address costs the SIP side nothing but its processor
//! time. There is no password: browsers are kept out, everybody else who reaches the address is trusted.

mod failures;
mod listener;
pub mod query;
mod questions;
pub mod rehearsal;
mod reply;
mod routes;

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

pub use listener::{Admin, AdminError};

/// What the interface asks of the server. The changes of generation, the reload and the questions block
/// until they are done; all others return at once.
pub trait Control: Send + Sync + 'static {
    /// How the server is.
    fn health(&self) -> Health;

    /// Appends all metrics in the text format that Prometheus reads.
    fn metrics(&self, text: &mut String);

    /// The generations that are kept, the running one first.
    fn generations(&self) -> Vec<Generation>;

    /// Makes a component the running generation. Blocks until that is done: seconds.
    ///
    /// # Errors
    /// Every reason why not. The running generation is then left alone.
    fn swap(&self, component: Vec<u8>) -> Result<Generation, Vec<String>>;

    /// Whether a component could be made the running generation. Blocks until that is known: seconds.
    ///
    /// # Errors
    /// Every reason why not.
    fn check(&self, component: Vec<u8>) -> Result<Candidate, Vec<String>>;

    /// Makes the generation before the running one the running one again.
    ///
    /// # Errors
    /// Every reason why not. The running generation is then left alone.
    fn roll_back(&self) -> Result<Generation, Vec<String>>;

    /// Has the files of all tables looked at. Blocks until that is done: seconds for a million rows. None if
    /// the server stops.
    fn reload(&self) -> Option<Reload>;

    /// Components that are not taken from the watched folder, the last one noted first.
    fn withheld(&self) -> Vec<Withheld>;

    /// Steps that failed lately, the latest first.
    fn failures(&self) -> Vec<Failure>;

    /// The recording of the step of one of them.
    fn failure(&self, id: u64) -> Option<Bytes>;

    /// What concerns recordings and the shadow.
    fn rehearsal(&self) -> &dyn rehearsal::Rehearsal;

    /// Asks the component; the answer is JSON, in a form of the component's.
    ///
    /// # Errors
    /// Why there is no answer.
    fn inspect(&self, question: &str, argument: &str) -> Result<String, Unanswered>;

    /// Names of up to `limit` partitions behind the one called `after`, in an order that does not change.
    ///
    /// # Errors
    /// Why there is no answer.
    fn partitions(&self, after: Option<&str>, limit: usize) -> Result<Vec<String>, Unanswered>;

    /// Moves the clock forward by milliseconds and returns the new time, in milliseconds since 1970.
    /// None unless the configuration allows it.
    fn advance(&self, milliseconds: u64) -> Option<u64>;
}

/// How the server is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// False while it stops, or cannot commit.
    pub ok: bool,
    /// Seconds since the start.
    pub uptime: u64,
    /// Number of the running generation.
    pub generation: u64,
}

/// One generation of the component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation {
    /// Counts from 1 at the start of the server.
    pub number: u64,
    /// Name that the component gives itself.
    pub name: String,
    /// Version that the component gives itself.
    pub version: String,
    /// Digest of the component's bytes, hexadecimal.
    pub digest: String,
    /// The same of the site's own identity rules, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_rules: Option<String>,
    /// True for the one that answers.
    pub running: bool,
    /// What has become of it.
    #[serde(default)]
    pub state: State,
    /// Of the running one, if it is on trial: until when, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial_until: Option<u64>,
    /// Of the running one: whether the previous one reads what it writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub way_back: Option<bool>,
    /// When the server went back from it by itself, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn_at: Option<u64>,
    /// Why it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What has become of a generation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It answers.
    #[default]
    Running,
    /// A roll back goes to it.
    Previous,
    /// If the running one loses its trial, the server goes back to it.
    Fallback,
    /// It has lost its trial; it comes back only if it is swapped in once more.
    Withdrawn,
}

/// A component that could be swapped in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Name that the component gives itself.
    pub name: String,
    /// Version that the component gives itself.
    pub version: String,
    /// Digest of the component's bytes, hexadecimal.
    pub digest: String,
    /// Schemas of the records that it reads.
    pub reads_schemas: Vec<u32>,
    /// Schema of the records that it writes.
    pub writes_schema: u32,
    /// Whether the running component reads these, so that one can go back to it.
    pub way_back: bool,
}

/// A component that is not taken from the watched folder, over restarts, until it is swapped in by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withheld {
    /// Digest of the component's bytes, hexadecimal.
    pub digest: String,
    /// Its name and version, as far as they are known; else the file that it came in.
    pub what: String,
    /// What has become of it.
    pub withheld: WithheldFor,
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// Why.
    pub why: String,
}

/// Why a component is withheld.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WithheldFor {
    /// It lost its trial: the server went back from it by itself.
    Withdrawn,
    /// An operator went back from it.
    RolledBack,
    /// It does not fit. Another configuration or another server makes this void.
    Refused,
}

/// Steps of a generation that failed for the same cause in the same place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Names it.
    pub id: u64,
    /// Number of the generation.
    pub generation: u64,
    /// Version that the component gave itself.
    pub version: String,
    /// The kind of failure: trap, deadline, memory, limit, verdict, instance, store.
    pub cause: String,
    /// What happened.
    pub message: String,
    /// How many steps.
    pub count: u64,
    /// When the first failed, in milliseconds since 1970.
    pub first: u64,
    /// When the last failed.
    pub last: u64,
    /// Number of the first step, as in the log.
    pub step: u64,
    /// What called the component: request, timer, ...
    pub kind: String,
    /// The partition, if the step had one.
    pub partition: Option<String>,
    /// The input, in short.
    pub input: String,
    /// Functions of the component under way, the innermost first.
    pub backtrace: Vec<String>,
    /// Errors that the component logged in the step.
    pub log: Vec<String>,
    /// Whether the recording of one of the steps is kept.
    pub recorded: bool,
    /// Whether that one failed again when it ran once more for the recording.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeats: Option<bool>,
}

/// What a reload has made of the tables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reload {
    /// True unless something was kept because its file is broken or gone.
    pub ok: bool,
    /// The site's own identity rules, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_rules: Option<RulesReload>,
    /// The tables, in the order in which they are built.
    pub tables: Vec<TableReload>,
}

/// What a reload has made of one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableReload {
    /// Its name.
    pub table: String,
    /// Its file; where there are several, with commas between them.
    pub file: String,
    /// What was done.
    pub state: Reloaded,
    /// Entries that are in force now.
    pub entries: u64,
    /// Time that it took, in milliseconds.
    pub milliseconds: u64,
    /// What is wrong with the file, with file and line each: the first hundred at most.
    pub problems: Vec<String>,
    /// Problems beyond these.
    pub further: u64,
}

/// What a reload has made of the site's own identity rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RulesReload {
    /// Their file.
    pub file: String,
    /// What was done. Where they are replaced, all tables are built with the new ones.
    pub state: Reloaded,
    /// What is wrong with them, or with tables that were built with them.
    pub problems: Vec<String>,
}

/// What a reload has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reloaded {
    /// The file says what it said before.
    Unchanged,
    /// The new content is in force.
    Replaced,
    /// The file is broken or gone; the former content stays in force.
    Kept,
}

/// Why a question has no answer, in words for an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unanswered {
    /// The component does not know the question.
    Unknown(String),
    /// Something is wrong with the argument.
    Refused(String),
    /// The component failed.
    Failed(String),
    /// The server stops, or its store has failed.
    Unavailable(String),
}

/// Starts the interface; port 0 takes any free port.
///
/// # Errors
/// The address cannot be bound, or no thread can be started.
pub fn start(listen: SocketAddr, control: Arc<dyn Control>) -> Result<Admin, AdminError> {
    listener::start(listen, control)
}
