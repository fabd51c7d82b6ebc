//! The HTTP interface for operators: health, metrics, generations, swap.
//!
//! It runs on a thread of its own with a bounded number of connections, bounded requests and bounded
//! times, so that whatever happens on the admin address costs the SIP side nothing but its processor
//! time. There is no password: browsers are kept out, everybody else who reaches the address is trusted.

mod listener;
mod routes;

use std::net::SocketAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use listener::{Admin, AdminError};

/// What the interface asks of the server. All but the changes of
/// generation return at once.
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

    /// Makes the generation before the running one the running one again.
    ///
    /// # Errors
    /// Every reason why not. The running generation is then left alone.
    fn roll_back(&self) -> Result<Generation, Vec<String>>;

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
    /// True for the one that answers.
    pub running: bool,
}

/// Starts the interface; port 0 takes any free port.
///
/// # Errors
/// The address cannot be bound, or no thread can be started.
pub fn start(listen: SocketAddr, control: Arc<dyn Control>) -> Result<Admin, AdminError> {
    listener::start(listen, control)
}
