//! Third-party REGISTER: a registrar tells that somebody is registered (3GPP TS 24.141 A.7, RFC 3261 10.2).
//!
//! Each identity of a presentity is registered by itself; the subscription is kept until the last one is not.
//!
//! A REGISTER is a third party's if From names another than To. It says no more than that To has a registration,
//! and so that there is something to ask the registrar for: its bindings are nobody's business here. Whatever else it
//! carries, such as the device's own REGISTER as body, is not looked at.

use super::super::backend;
use super::super::directory;
use super::super::learning;
use super::super::pacing::Lane;
use super::super::source::Source;
use super::registrations::{Registrations, Telling};
use super::{Needs, look};
use crate::configuration::Configuration;
use crate::errors::{Refusal, reply};
use crate::handler::check_require;
use crate::identity::{self, Presentity, Service};
use crate::lifetime;
use crate::ports::{Durability, Host, Instant, Verdict};
use crate::sip::status::Status;
use crate::sip::{HeaderBlock, HeaderName, Message, NameAddr, expires};
use crate::step::Step;

/// Seconds of a registration that says none, or nothing that can be read (RFC 3261 10.3 step 6).
const DEFAULT: u32 = 3_600;

/// Answers a REGISTER: one of a third party keeps the subscription at its registrar while the registration lasts,
/// somebody watches or not. What is not for a source is passed.
///
/// # Errors
/// 420 if it requires what is not known, 400 if it cannot be put in order, 500 if it is older than one that was taken;
/// nothing is staged then.
pub fn register(
    host: &mut dyn Host,
    configuration: &Configuration,
    message: &Message<'_>,
) -> Result<Verdict, Refusal> {
    if !configuration.external.iter().any(|source| tells(source, message)) {
        return Ok(Verdict::Pass);
    }
    match third_party(host, configuration, message) {
        Some(presentity) => registered(host, configuration, message, &presentity),
        None => Ok(Verdict::Pass),
    }
}

/// As [`register`], once it is known to be a third party's, and about whom.
///
/// # Errors
/// As [`register`].
pub fn registered(
    host: &mut dyn Host,
    configuration: &Configuration,
    message: &Message<'_>,
    presentity: &Presentity<'_>,
) -> Result<Verdict, Refusal> {
    let mut step = Step::enter(host, configuration, presentity.partition());
    if let Some(elsewhere) = learning::elsewhere(&mut step, presentity) {
        return Ok(elsewhere);
    }
    let mut sources = Vec::new();
    for source in configuration.external.iter().filter(|source| tells(source, message)) {
        if let Some(resource) = directory::resource(step.host, source, step.partition) {
            sources.push((source, resource));
        }
    }
    if sources.is_empty() {
        return Ok(Verdict::Pass);
    }
    check_require(message)?;
    let seconds = expires::expires(message).ok().flatten().unwrap_or(DEFAULT);
    let seconds = seconds.min(configuration.expires.max);
    let told = Telling::of(message)?;
    let (now, until) = (step.now, lifetime::end(step.now, seconds));
    let mut taken = Vec::with_capacity(sources.len());
    for (source, resource) in sources {
        let mut registrations = Registrations::load(&mut step, source);
        let anew = registrations.tell(presentity.identity.as_str(), told, now, until)?;
        taken.push((source, resource, registrations, anew));
    }
    for (source, resource, registrations, anew) in taken {
        registrations.store(&mut step, source);
        keep(&mut step, source, &resource, registrations.until(now), anew);
        step.trace("third-party REGISTER taken", || {
            vec![("source", source.name.clone()), ("expires", seconds.to_string())]
        });
    }
    let mut headers = HeaderBlock::with_capacity(20);
    headers.number("Expires", seconds.into());
    Ok(Verdict::Reply(reply(Status::OK, Status::OK.reason().to_owned(), headers)))
}

/// True if the message may be a registrar's word.
fn tells(source: &Source, message: &Message<'_>) -> bool {
    source.third_party && source.is_peer(message.peer())
}

/// Whom a third-party REGISTER is about; none if it is not one, or not about somebody here.
fn third_party<'m>(
    host: &mut dyn Host,
    configuration: &Configuration,
    message: &Message<'m>,
) -> Option<Presentity<'m>> {
    let to = Presentity::to(message).ok()?;
    if Service::of(&to.uri, configuration) != Service::Here {
        return None;
    }
    let from = NameAddr::parse(message.required(HeaderName::From).ok()?, "From").ok()?;
    let registered = Presentity::named(host, configuration, &to).ok()?;
    let sender = identity::normalize(host, configuration, &from.uri, from.uri_text).ok()?;
    (sender != registered.identity).then_some(registered)
}

/// Keeps the subscription until then; `anew` if the registrar tells of a registration that was not there before.
fn keep(step: &mut Step<'_>, source: &Source, resource: &str, registered: Option<Instant>, anew: bool) {
    let before = Needs::load(step, source.id);
    Needs { registered, ..before }.store(step, source.id, before, Durability::Durable);
    if anew {
        backend::appeared(step, source, resource, Lane::New);
    } else if registered.is_some() {
        backend::start(step, source, resource, Lane::New);
    } else {
        look(step, source);
    }
}
