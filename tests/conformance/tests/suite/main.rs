//! The suite itself: Rollcall's own server passes it, so does a host that shares no line with it, and hosts with
//! a fault do not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod documents;
mod driver;
mod foreign_host;
#[path = "../../../portability/jco.rs"]
mod jco;
mod own_host;
