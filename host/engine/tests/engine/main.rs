//! The engine against its contract, `wit/plugin.wit`: a test plugin that does what it is told,
//! stores that fail when they are told to, and an edge that writes everything down.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod conflict;
mod containment;
mod counts;
mod crash;
mod durability;
mod eviction;
mod expiry;
mod failure;
mod forward;
mod generations;
mod host;
mod identity;
mod inspection;
mod posts;
mod recording;
mod reload;
mod reload_model;
mod roll_back;
mod rows;
mod sends;
mod shadow;
mod steps;
mod stop;
mod tables;
mod timers;
