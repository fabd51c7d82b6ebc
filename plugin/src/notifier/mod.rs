//! The notifier (RFC 6665 4.2): subscriptions, and the NOTIFYs that bring a document to those who watch.
//!
//! | | |
//! |---|---|
//! | `subscription.rs` | SUBSCRIBE |
//! | `census.rs` | how many watch, without counting |
//! | `fanout.rs` | a change reaches everybody |
//! | `delivery.rs` | one watcher's NOTIFYs: one in flight, what answers mean, throttle |
//! | `content.rs`, `presentation.rs`, `neutral_view.rs` | what a watcher is shown |
//! | `conditional.rs` | what it knows already is not sent (RFC 5839) |
//! | `former.rs` | what it had before, so that changes are enough (RFC 5263) |
//! | `notification.rs` | the request |

pub mod census;
pub mod conditional;
pub mod content;
pub mod delivery;
pub mod fanout;
pub mod former;
pub mod neutral_view;
pub mod notification;
pub mod presentation;
pub mod subscription;
