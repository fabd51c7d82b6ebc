//! SIP for servers: wire layer, transactions, transports and the checks of RFC 3261 8.2 that every UAS makes.
//!
//! A [`Stack`] listens, reads messages and hands requests to a [`Core`]; the core answers with
//! [`Stack::respond`] and sends requests of its own with [`Stack::send`]. Nothing here knows about presence.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod clock;
mod config;
mod core;
#[doc(hidden)]
pub mod fuzzing;
mod metrics;
mod node;
mod stack;
mod transaction;
mod transport;
mod uac;
mod uas;
pub mod wire;

pub use clock::{Clock, ManualClock, SystemClock, Wake};
pub use config::{Overload, StackConfig, TcpLimits, Transport};
pub use core::{Core, Failure, Incoming, Outcome, Peer, Request, Response};
pub use metrics::{ByMethod, ByStatus, Counter, METHODS, Metrics};
pub use stack::Stack;
pub use transaction::ServerTransaction;
