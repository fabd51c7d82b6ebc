//! What sources outside have to do with a presentity: part of the question `presentity`.

use serde::Serialize;

use crate::external::backend::{self, Status};
use crate::external::contribution;
use crate::external::demand::{self, Needs};
use crate::external::directory;
use crate::external::source::Source;
use crate::ports::Instant;
use crate::step::Step;

/// A source that knows the presentity, or has something here.
#[derive(Serialize)]
pub struct Outside {
    name: String,
    kind: &'static str,
    resource: Option<String>,
    wanted: bool,
    kept_until: Option<Instant>,
    registered_until: Option<Instant>,
    subscription: Option<Subscribed>,
    contribution: Option<Contributed>,
}

#[derive(Serialize)]
struct Subscribed {
    resource: String,
    phase: &'static str,
    expires: Option<Instant>,
    next_try: Option<Instant>,
    failures: u32,
    trouble: Option<String>,
}

#[derive(Serialize)]
struct Contributed {
    since: Instant,
    changed: Instant,
    expires: Instant,
    bytes: usize,
}

/// All of them.
pub fn sources(step: &mut Step<'_>) -> Vec<Outside> {
    let configuration = step.configuration;
    configuration.external.iter().filter_map(|source| outside(step, source)).collect()
}

fn outside(step: &mut Step<'_>, source: &Source) -> Option<Outside> {
    let resource = directory::resource(step.host, source, step.partition);
    let subscription = backend::status(step, source).map(subscribed);
    let contribution = contribution::of(step, source).map(|live| Contributed {
        since: live.contribution.created,
        changed: live.contribution.changed,
        expires: live.contribution.expires,
        bytes: live.document.to_bytes().len(),
    });
    if resource.is_none() && subscription.is_none() && contribution.is_none() {
        return None;
    }
    let needs = Needs::load(step, source.id);
    Some(Outside {
        name: source.name.clone(),
        kind: source.kind.name(),
        resource,
        wanted: demand::wanted(step, source).is_some(),
        kept_until: needs.kept,
        registered_until: needs.registered,
        subscription,
        contribution,
    })
}

fn subscribed(status: Status) -> Subscribed {
    let Status { resource, phase, expires, next_try, failures, trouble, .. } = status;
    Subscribed { resource, phase, expires, next_try, failures, trouble }
}
