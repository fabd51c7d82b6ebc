//! Watcher information (RFC 3857, RFC 3858): telling a presentity who watches it.

use crate::content::Content;
use crate::keys::Usage;
use crate::package::Package;
use crate::ports::Instant;
use crate::records::{Position, Subscription};
use crate::step::Step;

/// Type of the documents.
pub const WATCHERINFO: &str = "application/watcherinfo+xml";

/// Least time between two notifications of changes, in milliseconds (RFC 3857 4.10).
pub const INTERVAL: Instant = 5_000;

/// What happens to a subscription, as a watcherinfo document names it (RFC 3857 4.7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// It was made.
    Subscribed,
    /// It was authorized.
    Approved,
    /// It was refused.
    Rejected,
    /// It was not refreshed, or its watcher ended it.
    TimedOut,
    /// Its watcher cannot be reached any more, and it was removed.
    Deactivated,
    /// Its presentity is another one now, and it was given to that one's partition.
    Left,
    /// It came from another partition and was authorized here.
    Arrived,
}

/// Something happened to a subscription of any package, whose record has been written. What
/// was fetched (authorized, Expires 0) is no happening (WIN-21).
pub fn happened(_step: &mut Step<'_>, _usage: Usage, _subscription: &Subscription<'_>, _what: Happening) {}

/// Version of the watcher information on a package.
pub fn version(_step: &mut Step<'_>, _package: Package) -> u64 {
    0
}

/// What the next NOTIFY of a winfo subscription carries.
pub fn next(
    _step: &mut Step<'_>,
    _usage: Usage,
    _subscription: &Subscription<'_>,
    _position: &mut Position,
) -> Content {
    Content { media: WATCHERINFO, body: Vec::new() }
}

/// What the only NOTIFY of a fetch carries.
pub fn once(_step: &mut Step<'_>, _subscription: &Subscription<'_>) -> Content {
    Content { media: WATCHERINFO, body: Vec::new() }
}

/// The host has started after a stop without order.
pub fn recover(_step: &mut Step<'_>) {}
