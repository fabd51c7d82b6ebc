//! PUBLISH: the event state compositor (RFC 3903).

use crate::authorization;
use crate::composition::Source;
use crate::compositor::aggregate::{self, Change};
use crate::compositor::entity_tag::EntityTag;
use crate::compositor::partial_publication::{self, Taken};
use crate::configuration::Configuration;
use crate::errors::{PUBLISH_ACCEPT, Refusal, reply};
use crate::external::learning;
use crate::identity::{Presentity, Principal};
use crate::keys::{self, Id};
use crate::lifetime;
use crate::media::{self, PIDF};
use crate::pidf::{self, StoredDocument};
use crate::pidf_diff::PIDF_DIFF;
use crate::ports::{Durability, Host, Instant, Verdict};
use crate::records::{self, Publication, Rate};
use crate::sip::event::Event;
use crate::sip::status::Status;
use crate::sip::{HeaderBlock, Message, etag};
use crate::step::Step;

/// Most publications read for composing; the limit in the configuration is lower.
const SCAN: u32 = 2_000;
const MINUTE: u64 = 60_000;

/// Answers a PUBLISH, in the order of RFC 3903 6.
///
/// # Errors
/// The refusal; nothing is staged then.
pub fn handle(
    host: &mut dyn Host,
    configuration: &Configuration,
    message: &Message<'_>,
    presentity: &Presentity<'_>,
) -> Result<Verdict, Refusal> {
    let principal = Principal::of(host, configuration, message, presentity)?;
    authorization::publish(host, configuration, &principal, presentity)?;
    if Event::of(message)?.package != "presence" {
        return Err(Refusal::BadEvent);
    }
    crate::handler::check_require(message)?;
    let precondition = etag::if_match(message)?;

    let mut step = Step::enter(host, configuration, presentity.partition());
    if let Some(elsewhere) = learning::elsewhere(&mut step, presentity) {
        return Ok(elsewhere);
    }
    let previous = match precondition {
        Some(text) => Some(find(&mut step, text).ok_or(Refusal::ConditionFailed)?),
        None => None,
    };
    let seconds = lifetime::of_publication(message, configuration)?;
    let before = previous.as_ref().map(|previous| (previous.tag.id, previous.publication));
    let content = content(&mut step, message, &principal, presentity, before)?;
    if content.is_none() && previous.is_none() {
        return Err(Refusal::BadRequest("PUBLISH Without Body and SIP-If-Match".to_owned()));
    }
    check_rate(&mut step)?;

    let tag = match &previous {
        Some(previous) => previous.tag.next(step.host),
        None => EntityTag::first(step.host),
    };
    match (previous, content) {
        (Some(previous), None) if seconds > 0 => refresh(&mut step, tag, &previous, seconds),
        (Some(previous), _) if seconds == 0 => remove(&mut step, tag.id, previous.publication),
        (Some(previous), Some(taken)) => store(&mut step, tag, Some(&previous), taken, seconds)?,
        (None, Some(content)) if seconds > 0 => store(&mut step, tag, None, content, seconds)?,
        // A body that is to live for no time was checked and is dropped (PUB-14).
        (None | Some(_), _) => {}
    }

    let tag = tag.text();
    step.trace("publication taken", || {
        let expires = seconds.to_string();
        vec![("entity_tag", tag.clone()), ("expires", expires), ("publisher", principal.name().to_owned())]
    });
    let mut headers = HeaderBlock::with_capacity(80);
    headers.number("Expires", seconds.into()).line("SIP-ETag", &tag);
    Ok(Verdict::Reply(reply(Status::OK, Status::OK.reason().to_owned(), headers)))
}

/// A publication that a request is about.
struct Previous {
    tag: EntityTag,
    publication: Publication,
    record: Vec<u8>,
    /// Where its document starts in the record.
    document: usize,
}

impl Previous {
    fn document(&self) -> &[u8] {
        self.record.get(self.document..).unwrap_or_default()
    }
}

/// The live publication that a tag names now. Replaced and expired tags name none (PUB-05).
fn find(step: &mut Step<'_>, text: &str) -> Option<Previous> {
    let tag = EntityTag::parse(text)?;
    let record = step.host.get(&tag.id.key(keys::PUBLICATION))?;
    let (publication, document) = records::decode_with_tail::<Publication>(&record)?;
    let document = record.len() - document.len();
    let live = publication.nonce == tag.nonce && publication.expires > step.now;
    live.then_some(Previous { tag, publication, record, document })
}

/// The document in the body, if there is a body that counts.
fn content(
    step: &mut Step<'_>,
    message: &Message<'_>,
    principal: &Principal,
    presentity: &Presentity<'_>,
    previous: Option<(Id, Publication)>,
) -> Result<Option<Taken>, Refusal> {
    let Some((media, body)) = media::body(message, &[PIDF, PIDF_DIFF], PUBLISH_ACCEPT)? else {
        return Ok(None);
    };
    if media == PIDF_DIFF {
        let taken = partial_publication::take(step, body, previous)?;
        let entity = &taken.document.entity;
        authorization::publish_entity(step.host, step.configuration, principal, presentity, entity)?;
        return Ok(Some(taken));
    }
    let document =
        pidf::read(body, &step.configuration.limits.document).map_err(|error| match error.status() {
            413 => Refusal::TooLarge,
            _ => Refusal::BadRequest(error.to_string()),
        })?;
    authorization::publish_entity(step.host, step.configuration, principal, presentity, &document.entity)?;
    Ok(Some(Taken { document, original: None }))
}

/// No more than so many publications a minute, where the operator wants that (PUB-25).
fn check_rate(step: &mut Step<'_>) -> Result<(), Refusal> {
    let Some(most) = step.configuration.publish_rate else { return Ok(()) };
    let known: Option<Rate> = step.host.get(keys::RATE).as_deref().and_then(records::decode);
    let now = step.now;
    let mut rate = known.filter(|rate| rate.since + MINUTE > now).unwrap_or(Rate { since: now, count: 0 });
    if rate.count >= most {
        let wait = (rate.since + MINUTE - now).div_ceil(1_000);
        return Err(Refusal::Busy(u32::try_from(wait).unwrap_or(60)));
    }
    rate.count += 1;
    step.host.put(keys::RATE, &records::encode(&rate), Durability::Relaxed, Some(rate.since + MINUTE));
    Ok(())
}

/// New lifetime, new tag, same state; watchers learn nothing (PUB-10).
fn refresh(step: &mut Step<'_>, tag: EntityTag, previous: &Previous, seconds: u32) {
    let before = previous.publication;
    let publication = Publication { nonce: tag.nonce, expires: lifetime::end(step.now, seconds), ..before };
    put(step, tag.id, publication, previous.document());
    arm(step, tag.id, Some(before.expires), publication.expires);
}

/// A new publication, or new state for one (PUB-11).
fn store(
    step: &mut Step<'_>,
    tag: EntityTag,
    previous: Option<&Previous>,
    taken: Taken,
    seconds: u32,
) -> Result<(), Refusal> {
    let mut content = taken.document.content;
    let partial = taken.original.is_some();
    let expires = lifetime::end(step.now, seconds);
    let now = step.now;
    if let Some(previous) = previous {
        let (before, former) = (previous.publication, previous.document());
        let mut document = content.to_bytes();
        if former != document
            && content.is_dated()
            && let Some(former) = StoredDocument::from_bytes(former)
        {
            content.date_against(&former, now);
            document = content.to_bytes();
        }
        // What says the same again is as old as it was, and changes nothing.
        let same = former == document;
        let changed = if same { before.changed } else { now };
        let publication = Publication { nonce: tag.nonce, changed, expires, partial, ..before };
        put(step, tag.id, publication, &document);
        partial_publication::keep(step, tag.id, Some(before), taken.original.as_deref());
        arm(step, tag.id, Some(before.expires), expires);
        if !same {
            aggregate::compose(step, Change::Put(source(tag.id, &publication, &content)));
        }
        return Ok(());
    }
    let publication = Publication { nonce: tag.nonce, created: now, changed: now, expires, partial };
    let count = match step.assembly() {
        Some(assembly) => assembly.sources(),
        None => live(step).len(),
    };
    if count >= step.configuration.limits.publications as usize {
        return Err(Refusal::Busy(60));
    }
    put(step, tag.id, publication, &content.to_bytes());
    partial_publication::keep(step, tag.id, None, taken.original.as_deref());
    arm(step, tag.id, None, expires);
    aggregate::compose(step, Change::Put(source(tag.id, &publication, &content)));
    Ok(())
}

/// The end of a publication by its publisher (PUB-13). Watchers learn of it if it makes a
/// difference.
fn remove(step: &mut Step<'_>, id: Id, publication: Publication) {
    forget(step, id, Some(publication));
    aggregate::follow(step, Change::Remove(name(id)));
}

/// The end of every publication whose time is over (PUB-21), all at once: what ends at one instant is
/// told in one NOTIFY, and none of it is shown until the throttle lets the next one through.
/// Gives their ids.
pub fn expire(step: &mut Step<'_>) -> Vec<Id> {
    let mut gone = Vec::new();
    for (key, record) in step.host.scan(&[keys::PUBLICATION], None, SCAN) {
        let Some(id) = Id::of_key(&key) else { continue };
        // A record that cannot be read has no claim to stay.
        let publication = records::decode::<Publication>(&record);
        if publication.is_none_or(|publication| publication.expires <= step.now) {
            forget(step, id, publication);
            gone.push(id);
        }
    }
    if !gone.is_empty() {
        aggregate::follow(step, Change::Expired);
    }
    gone
}

fn forget(step: &mut Step<'_>, id: Id, publication: Option<Publication>) {
    partial_publication::forget(step, id, publication);
    let key = id.key(keys::PUBLICATION);
    step.host.delete(&key, Durability::Durable);
    step.host.cancel_timer(&key);
}

/// The live publications, from their records.
pub fn live(step: &mut Step<'_>) -> Vec<(Id, Publication, StoredDocument)> {
    let now = step.now;
    let live = |(key, record): (Vec<u8>, Vec<u8>)| {
        let id = Id::of_key(&key)?;
        let (publication, document) = records::decode_with_tail::<Publication>(&record)?;
        let document = StoredDocument::from_bytes(document)?;
        (publication.expires > now).then_some((id, publication, document))
    };
    step.host.scan(&[keys::PUBLICATION], None, SCAN).into_iter().filter_map(live).collect()
}

/// What a publication says, for composing.
pub fn source<'a>(id: Id, publication: &Publication, document: &'a StoredDocument) -> Source<'a> {
    Source { id: name(id), order: publication.created, published: publication.changed, document }
}

fn name(id: Id) -> u64 {
    u64::from_le_bytes(id.0)
}

fn put(step: &mut Step<'_>, id: Id, publication: Publication, document: &[u8]) {
    let record = records::encode_with_tail(&publication, document);
    step.host.put(&id.key(keys::PUBLICATION), &record, Durability::Durable, None);
}

/// Sets the timer that ends the publication, unless one is set that comes earlier: that one
/// finds out and is set again, so most refreshes touch no timer.
fn arm(step: &mut Step<'_>, id: Id, before: Option<Instant>, expires: Instant) {
    if before.is_none_or(|before| expires < before) {
        step.host.set_timer(&id.key(keys::PUBLICATION), expires, b"");
    }
}
