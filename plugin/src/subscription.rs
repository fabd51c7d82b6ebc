//! SUBSCRIBE: the notifier's side of a subscription (RFC 6665 4.2, RFC 3856).

use crate::authorization;
use crate::configuration::{Configuration, Decision};
use crate::delivery::{self, CSEQ_BLOCK, Progress};
use crate::errors::{Refusal, reply};
use crate::identity::{Presentity, Principal};
use crate::keys::{self, Id};
use crate::lifetime;
use crate::media;
use crate::notification;
use crate::ports::{Delivery, Durability, Host, Reply};
use crate::records::{self, Ending, Position, State, Subscription};
use crate::sip::cseq::CSeq;
use crate::sip::dialog::{Dialog, DialogId};
use crate::sip::event::Event;
use crate::sip::status::Status;
use crate::sip::{HeaderBlock, Malformed, Message};
use crate::step::Step;

/// What a SUBSCRIBE asks for, once it was found to be one that can be served.
struct Asked<'m> {
    principal: Principal,
    event: Event<'m>,
}

/// Answers a SUBSCRIBE. Every 2xx comes with a NOTIFY in the same step, or right behind
/// the one in flight (SUB-12).
///
/// # Errors
/// The refusal; nothing is staged then.
pub fn handle(
    host: &mut dyn Host,
    configuration: &Configuration,
    message: &Message<'_>,
    presentity: &Presentity<'_>,
) -> Result<Reply, Refusal> {
    let principal = Principal::of(message)?;
    let event = Event::of(message)?;
    if event.package != "presence" {
        return Err(Refusal::BadEvent);
    }
    crate::handler::check_require(message)?;
    let asked = Asked { principal, event };
    let mut step = Step::enter(host, configuration, presentity.partition());
    match DialogId::of(message)? {
        Some(dialog) => renew(&mut step, message, presentity, &asked, dialog),
        None => create(&mut step, message, presentity, &asked),
    }
}

/// A SUBSCRIBE out of dialog.
fn create(
    step: &mut Step<'_>,
    message: &Message<'_>,
    presentity: &Presentity<'_>,
    asked: &Asked<'_>,
) -> Result<Reply, Refusal> {
    let id = Id::from_slice(&step.host.random(8));
    let tag = id.hex();
    let dialog = Dialog::create(message, &tag)?;
    let seconds = lifetime::of_subscription(message, step.configuration)?;
    check_content(message)?;
    let state = match authorization::watch(&asked.principal, presentity, step.configuration) {
        Decision::Block => return Err(Refusal::Forbidden("Forbidden")),
        decision => state(decision),
    };
    let mut subscription = Subscription {
        dialog,
        event_id: asked.event.id.map(Into::into),
        entity: presentity.uri.into(),
        watcher: asked.principal.name().into(),
        expires: lifetime::end(step.now, seconds),
        state,
        reserved: CSEQ_BLOCK,
    };
    if seconds == 0 {
        subscription.state = State::Ending(Ending::Unsubscribed(state.view()));
        fetch(step, &subscription)?;
    } else {
        let mut position = Position {
            epoch: step.epoch(),
            cseq: 0,
            version: None,
            in_flight: None,
            owed: true,
            not_before: 0,
        };
        step.put(&id.key(keys::SUBSCRIPTION), &subscription, Durability::Durable);
        step.host.set_timer(&id.key(keys::SUBSCRIPTION), subscription.expires, b"");
        notify(step, id, &mut subscription, &mut position)?;
    }
    log(step, "subscription taken", &subscription, seconds);
    let mut headers = HeaderBlock::with_capacity(subscription.dialog.routes.len() + 40);
    if !subscription.dialog.routes.is_empty() {
        headers.line("Record-Route", &subscription.dialog.routes);
    }
    let routes = accepted(headers, seconds);
    Ok(Reply { to_tag: Some(tag), ..routes })
}

/// A fetch (RFC 6665 4.4.3): one NOTIFY and no subscription. The host keeps the
/// NOTIFY over a crash, as nothing else would bring it about again.
fn fetch(step: &mut Step<'_>, subscription: &Subscription<'_>) -> Result<(), Refusal> {
    let body = delivery::body(step, subscription, false);
    let request = notification::build(subscription, 1, body, step.now)?;
    step.host.send(request, delivery::FETCH, Delivery::Kept);
    Ok(())
}

/// A SUBSCRIBE in a dialog: refresh or end (RFC 6665 4.2.1.4).
fn renew(
    step: &mut Step<'_>,
    message: &Message<'_>,
    presentity: &Presentity<'_>,
    asked: &Asked<'_>,
    dialog: DialogId<'_>,
) -> Result<Reply, Refusal> {
    let id = Id::from_hex(dialog.local_tag).ok_or(Refusal::NoDialog)?;
    let record = step.subscription(id).ok_or(Refusal::NoDialog)?;
    let kept: Subscription<'_> = records::decode(&record).ok_or(Refusal::NoDialog)?;
    if kept.dialog.id() != dialog || kept.state.is_ending() || kept.expires <= step.now {
        return Err(Refusal::NoDialog);
    }
    let mut subscription = kept.clone();
    subscription.dialog.advance(CSeq::of(message)?.number).map_err(|_| Refusal::OutOfOrder)?;
    if subscription.event_id.as_deref() != asked.event.id {
        return Err(Refusal::Forbidden("Dialog Sharing Is Not Supported"));
    }
    if !asked.principal.is(&subscription.watcher) {
        return Err(Refusal::Forbidden("Not the Subscriber"));
    }
    let seconds = lifetime::of_subscription(message, step.configuration)?;
    check_content(message)?;
    subscription.dialog.refresh_target(message)?;

    let decision = authorization::watch(&asked.principal, presentity, step.configuration);
    let before = subscription.expires;
    match decision {
        Decision::Block => subscription.state = State::Ending(Ending::Rejected),
        decision if seconds == 0 => {
            subscription.state = State::Ending(Ending::Unsubscribed(state(decision).view()));
        }
        decision => {
            subscription.state = state(decision);
            subscription.expires = lifetime::end(step.now, seconds);
        }
    }
    let mut position = step.position(id, &kept);
    // A new block costs nothing here, where the record is written durably anyway.
    subscription.reserved = subscription.reserved.max(position.cseq.saturating_add(CSEQ_BLOCK));
    step.put(&id.key(keys::SUBSCRIPTION), &subscription, Durability::Durable);
    if subscription.expires < before {
        step.host.set_timer(&id.key(keys::SUBSCRIPTION), subscription.expires, b"");
    }
    position.owed = true;
    notify(step, id, &mut subscription, &mut position)?;
    log(step, "subscription renewed", &subscription, seconds);
    if decision == Decision::Block {
        return Ok(Refusal::Forbidden("Forbidden").into_reply());
    }
    Ok(accepted(HeaderBlock::with_capacity(40), seconds))
}

/// Sends the NOTIFY that a SUBSCRIBE calls for and notes it durably, so that a crash
/// between the commit and its answer does not swallow it.
fn notify(
    step: &mut Step<'_>,
    id: Id,
    subscription: &mut Subscription<'_>,
    position: &mut Position,
) -> Result<(), Refusal> {
    if delivery::advance(step, id, subscription, position) == Progress::Broken {
        return Err(Malformed("Dialog").into());
    }
    step.put_position(id, position, Durability::Durable);
    Ok(())
}

fn check_content(message: &Message<'_>) -> Result<(), Refusal> {
    media::check_accept(message)?;
    // No type of body is understood in a SUBSCRIBE yet.
    media::body(message, &[], "").map(|_| ())
}

fn state(decision: Decision) -> State {
    match decision {
        Decision::Allow => State::Active,
        Decision::Confirm => State::Pending,
        Decision::PoliteBlock => State::Polite,
        Decision::Block => State::Ending(Ending::Rejected),
    }
}

fn accepted(mut headers: HeaderBlock, seconds: u32) -> Reply {
    headers.number("Expires", seconds.into());
    let mut reply = reply(Status::OK, Status::OK.reason().to_owned(), headers);
    reply.contact = Some(String::new());
    reply
}

fn log(step: &mut Step<'_>, what: &str, subscription: &Subscription<'_>, seconds: u32) {
    step.trace(what, || {
        vec![
            ("watcher", subscription.watcher.to_string()),
            ("call_id", subscription.dialog.call_id.to_string()),
            ("state", format!("{:?}", subscription.state)),
            ("expires", seconds.to_string()),
        ]
    });
}
