//! Presence logic of Rollcall: a SIP presence agent and event state compositor as pure
//! functions of one input, the records of one partition, time and randomness.
//!
//! Compiled to `wasm32-unknown-unknown` it is the component that a host loads; compiled
//! natively it is an ordinary library, which is how its unit tests run.

pub mod ports;

pub mod composition;
pub mod pidf;
