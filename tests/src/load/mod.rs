//! A load generator for any SIP presence server on UDP: one thread, one event loop, a fixed rate.
//!
//! It measures what the server costs (CPU time of its processes for each operation) and whether
//! it is right under load: no NOTIFY lost, older than one before, or out of order. Compare two
//! servers only at the same rate on the same machine: cost falls as the rate rises.

mod dialog;
mod engine;
mod fire;
mod process;
mod registrar;
mod stats;
mod wire;

pub use engine::{run, run_from};
pub use fire::{Fire, Part};
pub use process::{cpu, resident};
pub use registrar::{Registrar, Tally};
pub use stats::Percentiles;

use serde::Serialize;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// What is done over and over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Scenario {
    /// PUBLISH that replaces a document.
    Publish,
    /// SUBSCRIBE that begins, then one that ends, each with its NOTIFY; counted each.
    Subscribe,
    /// SUBSCRIBE in its dialog, with its NOTIFY.
    Refresh,
    /// PUBLISH that replaces a document that many watch: the next for the same presentity when
    /// all of them have seen it.
    FanOut,
    /// PUBLISH that is not refreshed and ends a second later by itself: the next for the same presentity when
    /// all of its watchers have seen that.
    Expire,
}

/// What to do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What is done over and over.
    pub scenario: Scenario,
    /// The server's UDP address.
    pub server: SocketAddr,
    /// Domain of the presentities.
    pub domain: String,
    /// What the presentities' names begin with, a number follows; something of this run only if
    /// absent.
    pub names: Option<String>,
    /// Main process of the server, to be measured.
    pub pid: Option<u32>,
    /// Operations a second.
    pub rate: f64,
    /// Time before anything is measured.
    pub warm_up: Duration,
    /// Time measured.
    pub time: Duration,
    /// Ends the time early once it is true.
    pub stop: Option<Arc<AtomicBool>>,
    /// Presentities, each with one publication.
    pub presentities: usize,
    /// Subscriptions of each presentity; in [`Scenario::Subscribe`], half of them stand at a time.
    pub watchers: usize,
    /// Length of a document in bytes, about.
    pub body: usize,
    /// Operations under way at the same time during the preparation.
    pub window: usize,
}

/// What was seen.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What was done.
    pub scenario: Scenario,
    /// Presentities.
    pub presentities: usize,
    /// Subscriptions of each.
    pub watchers: usize,
    /// Operations a second, asked for.
    pub rate_asked: f64,
    /// Operations a second, done.
    pub rate: f64,
    /// Seconds measured.
    pub seconds: f64,
    /// Operations done in that time.
    pub operations: u64,
    /// NOTIFYs received in that time, without retransmissions.
    pub notifies: u64,
    /// Operations that came due while nothing was free to do them with.
    pub skipped: u64,
    /// Operations answered other than 2xx, or not at all.
    pub failed: u64,
    /// The status line of the first answer other than 2xx, if there was one.
    pub refusal: Option<String>,
    /// The same before anything was measured; tried again.
    pub refused_before: u64,
    /// Requests that the generator sent again.
    pub retransmitted: u64,
    /// NOTIFYs that the server sent again.
    pub notifies_retransmitted: u64,
    /// Subscriptions that had not seen the last acknowledged state when all was over.
    pub lost: u64,
    /// Requests sent once and answered more than once.
    pub answered_twice: u64,
    /// CSeq numbers of NOTIFYs that never came, in dialogs that went on.
    pub gaps: u64,
    /// NOTIFYs that came again in another transaction.
    pub doubled: u64,
    /// NOTIFYs with an older state than one before in the same dialog.
    pub stale: u64,
    /// NOTIFYs with a lower CSeq than one before in the same dialog.
    pub out_of_order: u64,
    /// CPU time of the server for an operation, microseconds.
    pub cpu_us_per_operation: Option<f64>,
    /// CPU time of the server for a NOTIFY, microseconds, whatever else it did.
    pub cpu_us_per_notify: Option<f64>,
    /// From request to final response, milliseconds.
    pub to_response: Percentiles,
    /// From request to NOTIFY, milliseconds.
    pub to_notify: Percentiles,
    /// From PUBLISH to the last of its NOTIFYs, milliseconds.
    pub to_last_notify: Percentiles,
    /// Subscriptions that stood while measuring.
    pub subscriptions: usize,
    /// Resident memory of the server before the preparation, bytes.
    pub resident_before: Option<u64>,
    /// And at the end.
    pub resident_after: Option<u64>,
}
