//! The end of what was not refreshed (PUB-21, SUB-15). Timers are durable, so what ran out
//! while the host was down ends at its start.

use crate::compositor::publication;
use crate::external::demand;
use crate::keys::{self, Id, Usage};
use crate::notifier::delivery::{self, Progress};
use crate::ports::Durability;
use crate::records::{self, Ending, Publication, State, Subscription};
use crate::step::Step;
use crate::watcher_info::{self, Happening};

/// The timer of a publication fired.
pub fn publication(step: &mut Step<'_>, id: Id) {
    let key = id.key(keys::PUBLICATION);
    let Some(record) = step.host.get(&key) else { return };
    // A record that cannot be read has no claim to stay.
    let publication = records::decode::<Publication>(&record);
    let expires = publication.map_or(0, |publication| publication.expires);
    if expires > step.now {
        step.host.set_timer(&key, expires, b"");
        return;
    }
    for gone in publication::expire(step) {
        step.trace("publication expired", || vec![("publication", gone.hex())]);
    }
}

/// The timer of a subscription fired. What it writes is relaxed: a crash that takes it back
/// takes back the timer's end, too.
pub fn subscription(step: &mut Step<'_>, usage: Usage) {
    let key = usage.subscription();
    let Some(record) = step.host.get(&key) else { return };
    let Some(mut subscription) = records::decode::<Subscription<'_>>(&record) else { return };
    if subscription.state.is_ending() {
        return;
    }
    let end = watcher_info::end(step.configuration, &subscription);
    if end > step.now {
        step.host.set_timer(&key, end, b"");
        return;
    }
    let (ending, what) = if subscription.expires > step.now {
        (Ending::GivenUp, Happening::GivenUp)
    } else {
        (Ending::Expired, Happening::TimedOut)
    };
    let was = std::mem::replace(&mut subscription.state, State::Ending(ending));
    step.trace("subscription expired", || vec![("watcher", subscription.watcher.to_string())]);
    step.put(&key, &subscription, Durability::Relaxed);
    demand::unwatched(step, subscription.package, was);
    watcher_info::happened(step, usage, &subscription, what);
    let mut position = step.position(usage, &subscription);
    if delivery::advance(step, usage, &mut subscription, &mut position) == Progress::Sent {
        step.put_position(usage, &position, Durability::Relaxed);
    }
}
