//! The engine against its contract, `wit/plugin.wit`: a test plugin that does what it is told,
//! stores that fail when they are told to, and an edge that writes everything down.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod host;

mod conflict;
mod containment;
mod durability;
mod failure;
mod posts;
mod steps;
