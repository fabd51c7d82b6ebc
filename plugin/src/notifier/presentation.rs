//! What of a presentity a watcher is shown: which document, in which type, whole or as what
//! changed (RFC 5263), and the entity-tag that goes with it (RFC 5839).

use std::rc::Rc;

use crate::composition::Composed;
use crate::external::peers;
use crate::media::{Format, PIDF};
use crate::notifier::conditional::{Digest, Tag};
use crate::notifier::content::Content;
use crate::notifier::former::Former;
use crate::notifier::neutral_view;
use crate::pidf_diff::{self, Difference, PIDF_DIFF};
use crate::records::{Position, Subscription, View};
use crate::step::Step;

/// How much of the document is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole,
    /// What other communities did not say ([`crate::external::peers`]).
    Local,
}

impl Part {
    /// The part of the document that a view shows, or would show if it showed anything.
    fn of(view: View) -> Self {
        match view {
            View::Local => Self::Local,
            View::Full | View::Neutral | View::Nothing => Self::Whole,
        }
    }
}

/// What is shown, whatever the type.
#[derive(Clone, Debug)]
pub enum Shown {
    /// The document, or a part of it.
    Document(Part),
    /// A document that says no more than that the presentity cannot be reached.
    Neutral(Composed),
    /// Nothing.
    Nothing,
}

/// What was found out in a step and serves for other watchers.
#[derive(Clone, Debug, Default)]
pub struct Cache {
    whole: Known,
    local: Known,
}

impl Cache {
    fn of(&mut self, part: Part) -> &mut Known {
        match part {
            Part::Whole => &mut self.whole,
            Part::Local => &mut self.local,
        }
    }

    /// What communities see may have become something else.
    pub fn forget_local(&mut self) {
        self.local = Known::default();
    }
}

/// What was found out about a part.
#[derive(Clone, Debug, Default)]
struct Known {
    /// Its digest, by the version of the document.
    digest: Option<(u64, Digest)>,
    /// Its own version, by the version of the document; not of the whole.
    number: Option<(u64, u64)>,
    former: Option<Former>,
    /// What leads from one version to another; none where that is not worth it.
    differences: Vec<(u64, u64, Option<Rc<Difference>>)>,
}

/// The version of what a view shows of the document.
pub fn version(step: &mut Step<'_>, view: View) -> u64 {
    version_of(step, Part::of(view))
}

fn version_of(step: &mut Step<'_>, part: Part) -> u64 {
    match part {
        Part::Whole => step.document().version,
        Part::Local => local_version(step),
    }
}

fn local_version(step: &mut Step<'_>) -> u64 {
    let whole = step.document().version;
    if let Some((_, number)) = step.presentation.local.number.filter(|(known, _)| *known == whole) {
        return number;
    }
    let digest = document_digest(step, Part::Local).number();
    let number = peers::version(step, digest);
    step.presentation.local.number = Some((whole, number));
    number
}

/// What a watcher is entitled to see now. `keep` as [`neutral_view::document`] takes it.
pub fn show(step: &mut Step<'_>, subscription: &Subscription<'_>, keep: bool) -> Shown {
    match subscription.state.view() {
        view @ (View::Full | View::Local) => Shown::Document(Part::of(view)),
        View::Neutral => {
            Shown::Neutral(neutral_view::document(step, &subscription.watcher, &subscription.entity, keep))
        }
        View::Nothing => Shown::Nothing,
    }
}

/// The tag of what is shown. With partial notification it is that of the whole (FLT-36).
pub fn tag(step: &mut Step<'_>, subscription: &Subscription<'_>, shown: &Shown) -> Tag {
    let mut digest = match shown {
        Shown::Document(part) => document_digest(step, *part),
        Shown::Neutral(document) => digest_of(document.as_bytes()),
        Shown::Nothing => Digest::default(),
    };
    // RFC 5839 section 4: what the headers say of the body, and Event, belong to it.
    if !matches!(shown, Shown::Nothing) {
        digest.add(subscription.entity.as_bytes());
        digest.add(media(subscription.format).as_bytes());
    }
    if let Some(id) = &subscription.event_id {
        digest.add(id.as_bytes());
    }
    digest.tag()
}

/// The next body of a subscription; counts it in the position, which is as it was after the
/// NOTIFY before.
pub fn next(
    step: &mut Step<'_>,
    subscription: &Subscription<'_>,
    position: &mut Position,
    shown: &Shown,
) -> Content {
    let held = position.held.base.take();
    if subscription.format == Format::Pidf || matches!(shown, Shown::Nothing) {
        return whole(step, subscription, shown, 0);
    }
    position.documents = position.documents.saturating_add(1);
    let number = position.documents;
    let Shown::Document(part) = *shown else {
        return whole(step, subscription, shown, number);
    };
    let version = version_of(step, part);
    position.held.base = Some(version);
    // After each SUBSCRIBE the whole (FLT-19), and whenever it is not certain what the watcher has.
    let difference = held.filter(|_| !position.owed).and_then(|held| difference(step, part, held, version));
    remember(step, part, version);
    match difference {
        Some(difference) => {
            Content { media: PIDF_DIFF, body: difference.render(&subscription.entity, number) }
        }
        None => whole(step, subscription, shown, number),
    }
}

/// The only body of a fetch.
pub fn once(step: &mut Step<'_>, subscription: &Subscription<'_>, shown: &Shown) -> Content {
    whole(step, subscription, shown, 1)
}

/// Everything that is shown; `number` is that of the document where the type counts them.
fn whole(step: &mut Step<'_>, subscription: &Subscription<'_>, shown: &Shown, number: u32) -> Content {
    let entity = &subscription.entity;
    let body = match (shown, subscription.format) {
        (Shown::Nothing, _) => Vec::new(),
        (Shown::Document(part), Format::Pidf) => step.render(*part, entity),
        (Shown::Document(part), Format::PidfDiff) => pidf_diff::full(step.kept(*part), entity, number),
        (Shown::Neutral(document), Format::Pidf) => document.render(entity),
        (Shown::Neutral(document), Format::PidfDiff) => pidf_diff::full(document.as_bytes(), entity, number),
    };
    Content { media: media(subscription.format), body }
}

fn media(format: Format) -> &'static str {
    match format {
        Format::Pidf => PIDF,
        Format::PidfDiff => PIDF_DIFF,
    }
}

fn document_digest(step: &mut Step<'_>, part: Part) -> Digest {
    let version = step.document().version;
    if let Some((_, digest)) = step.presentation.of(part).digest.filter(|(known, _)| *known == version) {
        return digest;
    }
    let digest = digest_of(step.kept(part));
    step.presentation.of(part).digest = Some((version, digest));
    digest
}

fn digest_of(document: &[u8]) -> Digest {
    let mut digest = Digest::default();
    digest.add(document);
    digest
}

/// What leads from a former version to the present one, found out once for all watchers.
fn difference(step: &mut Step<'_>, part: Part, from: u64, to: u64) -> Option<Rc<Difference>> {
    let known = &step.presentation.of(part).differences;
    if let Some((.., known)) = known.iter().find(|known| (known.0, known.1) == (from, to)) {
        return known.clone();
    }
    let old = former(step, part).get(from).map(<[u8]>::to_vec);
    let found = old.and_then(|old| Difference::between(&old, step.kept(part))).map(Rc::new);
    step.presentation.of(part).differences.push((from, to, found.clone()));
    found
}

/// Keeps the present document for the sake of watchers that have it now.
fn remember(step: &mut Step<'_>, part: Part, version: u64) {
    if former(step, part).get(version).is_some() {
        return;
    }
    let mut former = step.presentation.of(part).former.take().unwrap_or_default();
    if former.add(version, step.kept(part)) {
        former.store(step, part);
    }
    step.presentation.of(part).former = Some(former);
}

fn former<'s>(step: &'s mut Step<'_>, part: Part) -> &'s Former {
    if step.presentation.of(part).former.is_none() {
        let former = Former::load(step, part);
        step.presentation.of(part).former = Some(former);
    }
    step.presentation.of(part).former.get_or_insert_default()
}
