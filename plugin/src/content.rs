//! What a NOTIFY carries, by event package.

use crate::keys::Usage;
use crate::media::PIDF;
use crate::neutral_view;
use crate::package::Package;
use crate::ports::Instant;
use crate::records::{Position, Subscription, View};
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

/// The version of what a subscription of this package is notified of. It changes whenever
/// there is something new to tell.
pub fn version(step: &mut Step<'_>, package: Package) -> u64 {
    match package {
        Package::Presence => step.document().version,
        Package::Winfo | Package::WinfoOfWinfo => watcher_info::version(step, package),
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

/// What the next NOTIFY of a subscription carries; counts it in the position. The position is
/// as it was after the NOTIFY before.
pub fn next(
    step: &mut Step<'_>,
    usage: Usage,
    subscription: &Subscription<'_>,
    position: &mut Position,
) -> Content {
    match subscription.package {
        Package::Presence => presence(step, subscription, true),
        Package::Winfo | Package::WinfoOfWinfo => watcher_info::next(step, usage, subscription, position),
    }
}

/// What the only NOTIFY of a fetch carries.
pub fn once(step: &mut Step<'_>, subscription: &Subscription<'_>) -> Content {
    match subscription.package {
        Package::Presence => presence(step, subscription, false),
        Package::Winfo | Package::WinfoOfWinfo => watcher_info::once(step, subscription),
    }
}

fn presence(step: &mut Step<'_>, subscription: &Subscription<'_>, keep: bool) -> Content {
    let body = match subscription.state.view() {
        View::Full => step.render(&subscription.entity),
        View::Neutral => neutral_view::render(step, &subscription.watcher, &subscription.entity, keep),
        View::Nothing => Vec::new(),
    };
    Content { media: PIDF, body }
}
