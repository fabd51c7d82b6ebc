//! What a NOTIFY carries, by event package.

use crate::media::PIDF;
use crate::notifier::conditional::Tag;
use crate::notifier::presentation::{self, Shown};
use crate::package::Package;
use crate::ports::Instant;
use crate::records::{Position, Subscription};
use crate::step::Step;
use crate::watcher_info;

/// A body and its type. An empty body is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Value of Content-Type.
    pub media: &'static str,
    /// The body.
    pub body: Vec<u8>,
}

impl Content {
    /// No body.
    pub const NONE: Self = Self { media: PIDF, body: Vec::new() };
}

/// The version of what a subscription is notified of. It changes whenever there is something new to
/// tell.
pub fn version(step: &mut Step<'_>, subscription: &Subscription<'_>) -> u64 {
    match subscription.package {
        Package::Presence => presentation::version(step, subscription.state.view()),
        package @ (Package::Winfo | Package::WinfoOfWinfo) => watcher_info::version(step, package),
    }
}

/// Least time between two notifications of changes, in milliseconds.
#[must_use]
pub fn interval(step: &Step<'_>, package: Package) -> Instant {
    match package {
        Package::Presence => step.configuration.notify_interval,
        Package::Winfo | Package::WinfoOfWinfo => step.configuration.winfo.interval,
    }
}

/// What a subscriber is entitled to see of its package now. `keep` as [`presentation::show`] takes it.
pub fn show(step: &mut Step<'_>, subscription: &Subscription<'_>, keep: bool) -> Shown {
    match subscription.package {
        Package::Presence => presentation::show(step, subscription, keep),
        Package::Winfo | Package::WinfoOfWinfo => Shown::Nothing,
    }
}

/// The entity-tag of what is shown, in packages that have them (RFC 5839).
pub fn tag(step: &mut Step<'_>, subscription: &Subscription<'_>, shown: &Shown) -> Option<Tag> {
    match subscription.package {
        Package::Presence => Some(presentation::tag(step, subscription, shown)),
        Package::Winfo | Package::WinfoOfWinfo => None,
    }
}

/// What the next NOTIFY of a subscription carries; counts it in the position. The position is
/// as it was after the NOTIFY before.
pub fn next(
    step: &mut Step<'_>,
    subscription: &Subscription<'_>,
    position: &mut Position,
    shown: &Shown,
) -> Content {
    match subscription.package {
        Package::Presence => presentation::next(step, subscription, position, shown),
        Package::Winfo | Package::WinfoOfWinfo => watcher_info::next(step, subscription, position),
    }
}

/// What the only NOTIFY of a fetch carries.
pub fn once(step: &mut Step<'_>, subscription: &Subscription<'_>, shown: &Shown) -> Content {
    match subscription.package {
        Package::Presence => presentation::once(step, subscription, shown),
        Package::Winfo | Package::WinfoOfWinfo => watcher_info::once(step, subscription),
    }
}
