//! The reference server: configuration, operations and the wiring of the SIP stack to the engine.
//!
//! A proxy that embeds the component does not need this package: `rollcall-engine` is the library.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod admin;
pub mod client;
pub mod command;
pub mod configuration;
pub mod failure_report;
pub mod logging;
pub mod metrics;
pub mod readable;
pub mod remote;
pub mod remote_rehearsal;
pub mod replaying;
pub mod run;
pub mod server;
pub mod signals;
pub mod withheld_report;
