//! Behaviour of the presence logic over a host in memory. Each test names the requirement
//! row or RFC section that it shows.

mod composition;
mod conditional;
mod delivery;
pub mod external;
mod fanout;
mod identities;
mod inspection;
mod model;
mod moving;
mod moving_model;
mod moving_watchers;
mod partial;
mod publication;
mod recovery;
mod scene;
mod subscription;
mod tables;
mod watcher_info;
mod watcher_model;
mod watchers;
