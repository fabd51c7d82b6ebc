//! Harness of the behaviour tests: starts the `rollcall` binary as a real process and
//! talks to it over real sockets, as a phone would.
//!
//! Everything here works from the outside. The client is written on its own, and every
//! message that the server emits is read by `rsip` as well ([`check`]), so that the server
//! is not judged by its own parser.
//!
//! Failures are panics: this library serves tests and tools only.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod admin;
pub mod check;
pub mod cli;
pub mod config;
pub mod endpoint;
pub mod load;
pub mod message;
pub mod partial;
pub mod phone;
pub mod pidf;
pub mod process;
pub mod reginfo;
pub mod rng;
pub mod schema;
pub mod server;
pub mod source;
pub mod subscription;
pub mod watcher_info;

pub use admin::Admin;
pub use cli::Said;
pub use config::Config;
pub use message::Message;
pub use phone::{Phone, Publication};
pub use pidf::{Document, Pidf};
pub use reginfo::Reginfo;
pub use server::Server;
pub use source::Source;
pub use subscription::{Answer, Notify, Subscription};
pub use watcher_info::WatcherInfo;

/// How long a test waits for what has to come before it calls it lost. Generous, so that a
/// busy machine does not fail a test; nothing waits this long when all is well.
pub const LIMIT: std::time::Duration = std::time::Duration::from_secs(10);
