//! What the server does, seen from the outside: over real sockets, against the real binary.
//! One file, one behaviour; each test names the RFC section and the row that it shows.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod accept;
mod authorization;
mod bad_input;
mod composition;
mod composition_policy;
mod conditional;
mod configuration;
mod documents;
mod expiry;
mod external;
mod fetch;
mod header_forms;
mod identities;
mod inspection;
mod lists;
mod methods;
mod moves;
mod notify_failure;
mod notify_flow;
mod operations;
mod partial_changes;
mod partial_notification;
mod partial_publication;
mod publication;
mod publication_refused;
mod refresh;
mod reload;
mod restart;
mod retransmission;
mod routing;
mod scene;
mod spellings;
mod stream;
mod subscription;
mod subscription_refused;
mod throttle;
mod torture;
mod trust;
mod unsubscribe;
mod until;
mod via;
mod watcher_info;
mod watchers;
