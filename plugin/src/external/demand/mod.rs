//! When a source is wanted: with the first watcher, always, by a third-party REGISTER (EXT-20, WPS-14).
//!
//! A source is asked once for a presentity, whoever watches. It is wanted while
//!
//! - somebody watches who is shown the document: neither pending nor blocked, politely or not. Another
//!   community's own subscription counts for registrars only: communities that kept each other's
//!   subscriptions alive would do so for ever (EXT-21);
//! - its grace time after the last of these, or after somebody fetched the document, goes on;
//! - it is configured to be asked always, for those whom the directory names (`walk.rs`);
//! - it is a registrar and has said by a REGISTER that somebody is registered (`register.rs`,
//!   `registrations.rs`).
//!
//! Nothing is counted: whether somebody watches is seen from the subscriptions when one that saw the document
//! has gone. Mostly the first one looked at decides it. [`wanted`] is asked again at each refresh, so
//! what a crash took back, or another configuration says, is found out then at the latest.

mod needs;
mod register;
mod registrations;
mod walk;

pub use needs::Needs;
pub use register::{register, registered};
pub use walk::{KEY as WALK, begin, go_on};

use super::backend;
use super::directory;
use super::pacing::Lane;
use super::peers;
use super::source::{self, Source, Start};
use crate::keys::{self, Id};
use crate::package::Package;
use crate::ports::Durability;
use crate::records::{self, State, Subscription, View};
use crate::step::Step;

/// First byte of a post that has a presentity look whether a source is wanted; the source's id follows.
const LOOK: u8 = b'y';

/// Subscriptions looked at first.
const FEW: u32 = 4;
/// Most subscriptions looked at at a time.
const PAGE: u32 = 256;
/// If none of so many counts, and there are more, one of those is taken to.
const MOST: u32 = 1_000;

/// Share of the grace time by which a fetch has to prolong it to be worth a write.
const WORTH: u64 = 8;

/// A presence subscription was taken, refreshed, or came from another partition; or somebody fetches.
pub fn watched(step: &mut Step<'_>, subscription: &Subscription<'_>) {
    let configuration = step.configuration;
    if subscription.package != Package::Presence {
        return;
    }
    for source in &configuration.external {
        if !counts(source, subscription) {
            continue;
        }
        let Some(resource) = directory::resource(step.host, source, step.partition) else { continue };
        if subscription.state.is_ending() {
            if source.grace > 0 {
                fetched(step, source);
                backend::start(step, source, &resource, Lane::New);
            }
            continue;
        }
        let before = Needs::load(step, source.id);
        Needs { kept: None, ..before }.store(step, source.id, before, Durability::Relaxed);
        backend::start(step, source, &resource, Lane::New);
    }
}

/// Keeps the source for the grace time from now on.
fn fetched(step: &mut Step<'_>, source: &Source) {
    let until = step.now + source.grace;
    let before = Needs::load(step, source.id);
    if before.kept.is_none_or(|kept| kept + source.grace / WORTH < until) && !is_watched(step, source) {
        Needs { kept: Some(until), ..before }.store(step, source.id, before, Durability::Relaxed);
    }
}

/// A subscription has ended or gone, or its watcher is shown less now; `was` is its state before. In the same step
/// as its record.
pub fn unwatched(step: &mut Step<'_>, package: Package, was: State) {
    if package != Package::Presence || was.is_ending() || !is_shown(was) {
        return;
    }
    let configuration = step.configuration;
    for source in &configuration.external {
        if step.host.get(&source.key(keys::BACKEND)).is_none() || is_watched(step, source) {
            continue;
        }
        let before = Needs::load(step, source.id);
        keep(step, source, before);
    }
}

/// A SUBSCRIBE in its dialog was taken for a subscription that was in another state before. In the same step as
/// its record.
pub fn renewed(step: &mut Step<'_>, was: State, subscription: &Subscription<'_>) {
    if was.view() != subscription.state.view() || subscription.state.is_ending() {
        unwatched(step, subscription.package, was);
    }
    if !subscription.state.is_ending() {
        watched(step, subscription);
    }
}

/// What the watcher of a subscription was shown last. One that is to move still is shown it.
fn view(state: State) -> View {
    match state {
        State::Leaving(view) => view,
        state => state.view(),
    }
}

/// True if the watcher is shown the document, whole or in part.
fn is_shown(state: State) -> bool {
    matches!(view(state), View::Full | View::Local)
}

/// True if a source is asked on account of a subscription: its watcher is shown what the source says.
fn counts(source: &Source, subscription: &Subscription<'_>) -> bool {
    peers::shows(view(subscription.state), source)
}

/// True if somebody watches who is shown what the source says.
fn is_watched(step: &mut Step<'_>, source: &Source) -> bool {
    let (mut after, mut looked, mut limit) = (None::<Vec<u8>>, 0, FEW);
    while looked < MOST {
        let page = step.host.scan(&[keys::SUBSCRIPTION], after.as_deref(), limit);
        let Some((last, _)) = page.last() else { return false };
        let found = page.iter().any(|(_, record)| {
            let subscription = records::decode::<Subscription<'_>>(record);
            subscription
                .is_some_and(|subscription| !subscription.state.is_ending() && counts(source, &subscription))
        });
        if found {
            return true;
        }
        looked += page.len() as u32;
        limit = (limit * 4).min(PAGE);
        after = Some(last.clone());
    }
    true
}

/// Whom the source is to be asked for now, the URI under which it knows this presentity; none if it is not
/// wanted.
pub fn wanted(step: &mut Step<'_>, source: &Source) -> Option<String> {
    let resource = directory::resource(step.host, source, step.partition)?;
    let wanted =
        Needs::load(step, source.id).hold(step.now) || is_always(step, source) || is_watched(step, source);
    wanted.then_some(resource)
}

/// True if the source is to be asked for this presentity at all times.
fn is_always(step: &mut Step<'_>, source: &Source) -> bool {
    source.start == Start::Always && directory::is_listed(step.host, source, step.partition)
}

/// Starts or ends the subscription at a source, as it is wanted or not. Not while subscriptions are gone through.
fn look(step: &mut Step<'_>, source: &Source) {
    match wanted(step, source) {
        Some(resource) => backend::start(step, source, &resource, Lane::Again),
        None if step.host.get(&source.key(keys::BACKEND)).is_some() => {
            step.trace("source wanted no longer", || vec![("source", source.name.clone())]);
            backend::stop(step, source);
        }
        None => {}
    }
}

/// A timer fired. False if it is none of these.
pub fn fired(step: &mut Step<'_>, name: &[u8]) -> bool {
    let Some(id) = Id::of_key(name).filter(|_| name.first() == Some(&keys::DEMAND)) else { return false };
    match source::by_id(step, id) {
        Some(source) => {
            if Needs::end(step, source) {
                look(step, source);
            }
        }
        None => step.host.delete(name, Durability::Relaxed),
    }
    true
}

/// The host has started after a stop without order. If it took back that the grace time had begun, though not
/// that the last watcher has gone, the grace time begins now.
pub fn recover(step: &mut Step<'_>) {
    let configuration = step.configuration;
    for source in &configuration.external {
        let before = Needs::load(step, source.id);
        if before.recover(step, source.id) || step.host.get(&source.key(keys::BACKEND)).is_none() {
            continue;
        }
        if !is_always(step, source) && !is_watched(step, source) {
            keep(step, source, before);
        }
    }
}

/// Begins the grace time. The end is left to the timer even if there is none: a sweep over the subscriptions may be
/// under way.
fn keep(step: &mut Step<'_>, source: &Source, before: Needs) {
    let kept = before.kept.max(Some(step.now + source.grace));
    Needs { kept, ..before }.store(step, source.id, before, Durability::Relaxed);
}

/// A post arrived. False if it is none of these.
pub fn posted(step: &mut Step<'_>, payload: &[u8]) -> bool {
    let Some(id) = Id::of_key(payload).filter(|_| payload.first() == Some(&LOOK)) else { return false };
    if let Some(source) = source::by_id(step, id) {
        look(step, source);
    }
    true
}
