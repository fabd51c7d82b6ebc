//! Presence logic of Rollcall: a SIP presence agent and event state compositor as pure
//! functions of one input, the records of one partition, time and randomness.
//!
//! Compiled to `wasm32-unknown-unknown` it is the component that a host loads; compiled
//! natively it is an ordinary library, which is how its unit tests run. [`Presence`] is the
//! whole of it: give it what a host gives the component.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

// The example of a further kind of source is a part of the tests, too.
#[cfg(test)]
extern crate self as rollcall_plugin;

pub mod authorization;
pub mod composition;
pub mod configuration;
pub mod errors;
pub mod identity;
pub mod keys;
pub mod lists;
pub mod patch;
pub mod pidf;
pub mod pidf_diff;
pub mod ports;
pub mod records;
pub mod sip;
pub mod xml;

#[cfg(not(target_family = "wasm"))]
pub mod testing;

#[cfg(target_family = "wasm")]
mod boundary;
mod compositor;
mod description;
mod expiry;
pub mod external;
mod handler;
mod inspection;
mod lifetime;
mod media;
mod notifier;
mod options;
mod package;
mod relocation;
mod schema;
mod step;
pub mod tables;
#[cfg(test)]
mod tests;
mod watcher_info;

pub use description::{Description, describe};
pub use handler::{Outcome, Presence};
