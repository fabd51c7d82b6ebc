//! SUBSCRIBE: the notifier's side of a subscription (RFC 6665 4.2, RFC 3856).

use crate::authorization;
use crate::configuration::{Configuration, Decision};
use crate::errors::{Refusal, reply};
use crate::external::{demand, learning, peers};
use crate::identity::{Presentity, Principal};
use crate::keys::{Id, Usage};
use crate::lifetime;
use crate::media::{self, Format};
use crate::notifier::census;
use crate::notifier::conditional::{self, Condition, Suppression};
use crate::notifier::content::{self, Content};
use crate::notifier::delivery::{self, CSEQ_BLOCK, Progress};
use crate::notifier::notification;
use crate::package::Package;
use crate::ports::{Delivery, Durability, Host, Reply, Verdict};
use crate::records::{self, Ending, Held, Position, State, Subscription, Transition};
use crate::relocation::anchor;
use crate::relocation::passage::{self, Departure, Request};
use crate::relocation::search::Search;
use crate::sip::cseq::CSeq;
use crate::sip::dialog::{Dialog, DialogId};
use crate::sip::event::Event;
use crate::sip::status::Status;
use crate::sip::{HeaderBlock, Identity, Malformed, Message};
use crate::step::Step;
use crate::watcher_info::{self, Happening};

/// Seconds after which a watcher may try again whose presentity has too many.
const FULL: u32 = 300;

/// What a SUBSCRIBE asks for, once it was found to be one that can be served.
struct Asked<'m> {
    principal: Principal,
    package: Package,
    event: Event<'m>,
    condition: Condition,
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
) -> Result<Verdict, Refusal> {
    let asked = Asked::of(host, configuration, message, presentity)?;
    let mut step = Step::enter(host, configuration, presentity.partition());
    if let Some(elsewhere) = learning::elsewhere(&mut step, presentity) {
        return Ok(elsewhere);
    }
    match DialogId::of(message)? {
        Some(dialog) => renew(&mut step, message, &asked, dialog, Place::Mapped(presentity)),
        None => create(&mut step, message, presentity, &asked).map(Verdict::Reply),
    }
}

/// A SUBSCRIBE in a dialog was forwarded to this partition.
///
/// # Errors
/// As [`handle`].
pub fn forwarded(
    host: &mut dyn Host,
    configuration: &Configuration,
    partition: &str,
    message: &Message<'_>,
    payload: &[u8],
) -> Result<Verdict, Refusal> {
    let search = Search::resume(payload).ok_or(Refusal::NoDialog)?;
    let presentity = Presentity::of(host, configuration, message)?;
    let asked = Asked::of(host, configuration, message, &presentity)?;
    let dialog = DialogId::of(message)?.ok_or(Refusal::NoDialog)?;
    let mut step = Step::new(host, configuration, partition);
    renew(&mut step, message, &asked, dialog, Place::Searched(search))
}

/// What a watcher of a package is granted.
pub fn authorize(
    step: &mut Step<'_>,
    package: Package,
    principal: &Principal,
    presentity: &Identity,
) -> State {
    let watch = match package {
        Package::Presence => authorization::watch,
        Package::Winfo => authorization::watch_winfo,
        Package::WinfoOfWinfo => authorization::watch_winfo_of_winfo,
    };
    match watch(step.host, step.configuration, principal, presentity) {
        Decision::Allow if package == Package::Presence && peers::is_peer(step.configuration, principal) => {
            State::Peer
        }
        Decision::Allow => State::Active,
        Decision::Confirm => State::Pending,
        Decision::PoliteBlock => State::Polite,
        Decision::Block => State::Ending(Ending::Rejected),
    }
}

/// How a SUBSCRIBE in a dialog came to a partition.
enum Place<'p, 'm> {
    /// It is that of the presentity in To.
    Mapped(&'p Presentity<'m>),
    /// It may have been that when the subscription was made.
    Searched(Search),
}

impl<'m> Asked<'m> {
    fn of(
        host: &mut dyn Host,
        configuration: &Configuration,
        message: &Message<'m>,
        presentity: &Presentity<'_>,
    ) -> Result<Self, Refusal> {
        let principal = Principal::of(host, configuration, message, presentity)?;
        if configuration.own_identities.iter().any(|own| principal.is(own)) {
            return Err(Refusal::Loop);
        }
        let event = Event::of(message)?;
        let package = Package::of(&event)?;
        crate::handler::check_require(message)?;
        let condition = Condition::of(message, package)?;
        Ok(Self { principal, package, event, condition })
    }

    /// Names a subscription of this package.
    fn usage(&self, id: Id) -> Usage {
        Usage { audience: self.package.audience(), id }
    }
}

/// A SUBSCRIBE out of dialog.
fn create(
    step: &mut Step<'_>,
    message: &Message<'_>,
    presentity: &Presentity<'_>,
    asked: &Asked<'_>,
) -> Result<Reply, Refusal> {
    let usage = asked.usage(Id::from_slice(&step.host.random(8)));
    let tag = usage.id.hex();
    let dialog = Dialog::create(message, &tag)?;
    let seconds = lifetime::of_subscription(message, step.configuration)?;
    let format = check_content(message, asked.package)?;
    let state = authorize(step, asked.package, &asked.principal, &presentity.identity);
    if state.is_ending() {
        let refusal = Refusal::Forbidden("Forbidden");
        let staged = watcher_info::refused(step, asked.package, asked.principal.name());
        return if staged { Ok(refusal.into_reply()) } else { Err(refusal) };
    }
    let mut subscription = Subscription {
        dialog,
        package: asked.package,
        format,
        event_id: asked.event.id.map(Into::into),
        entity: presentity.uri.into(),
        watcher: asked.principal.name().into(),
        created: step.now,
        expires: lifetime::end(step.now, seconds),
        state,
        transition: Transition::Subscribed,
        reserved: CSEQ_BLOCK,
        moves: 0,
    };
    let limit = step.configuration.limits.subscriptions;
    if seconds > 0 && asked.package == Package::Presence && !census::has_room(step, usage.id, limit) {
        return Err(Refusal::Busy(FULL));
    }
    watcher_info::admit(step, &subscription, seconds == 0)?;
    if seconds == 0 {
        watcher_info::fetched(step, usage.id, &subscription);
        subscription.state = State::Ending(Ending::Unsubscribed(state.view()));
        fetch(step, &subscription, asked.condition)?;
    } else {
        let mut position = Position {
            epoch: step.epoch(),
            cseq: 0,
            version: None,
            in_flight: None,
            documents: 0,
            held: Held { base: None, condition: asked.condition },
            owed: true,
            not_before: 0,
        };
        step.put(&usage.subscription(), &subscription, Durability::Durable);
        let end = watcher_info::end(step.configuration, &subscription);
        step.host.set_timer(&usage.subscription(), end, b"");
        anchor::hold(step, &presentity.identity, subscription.expires);
        watcher_info::happened(step, usage, &subscription, Happening::Subscribed);
        peers::subscribed(step, usage.id, &subscription);
        notify(step, usage, &mut subscription, &mut position)?;
    }
    demand::watched(step, &subscription);
    log(step, "subscription taken", &subscription, seconds);
    let mut headers = HeaderBlock::with_capacity(subscription.dialog.routes.len() + 40);
    if !subscription.dialog.routes.is_empty() {
        headers.line("Record-Route", &subscription.dialog.routes);
    }
    let routes = accepted(Status::OK, headers, seconds);
    Ok(Reply { to_tag: Some(tag), ..routes })
}

/// A fetch (RFC 6665 4.4.3): one NOTIFY and no subscription. The host keeps the
/// NOTIFY over a crash, as nothing else would bring it about again.
fn fetch(step: &mut Step<'_>, subscription: &Subscription<'_>, condition: Condition) -> Result<(), Refusal> {
    let shown = content::show(step, subscription, false);
    let tag = content::tag(step, subscription, &shown);
    let content = match condition.holds(tag.as_ref()) {
        true => Content::NONE,
        false => content::once(step, subscription, &shown),
    };
    let request = notification::build(subscription, 1, content, tag, step.now)?;
    step.host.send(request, delivery::FETCH, Delivery::Kept);
    Ok(())
}

/// A SUBSCRIBE in a dialog: refresh or end (RFC 6665 4.2.1.4).
fn renew(
    step: &mut Step<'_>,
    message: &Message<'_>,
    asked: &Asked<'_>,
    dialog: DialogId<'_>,
    place: Place<'_, '_>,
) -> Result<Verdict, Refusal> {
    let usage = asked.usage(Id::from_hex(dialog.local_tag).ok_or(Refusal::NoDialog)?);
    let Some(record) = step.subscription(usage) else {
        let search = match place {
            Place::Mapped(presentity) => Search::begin(presentity),
            Place::Searched(search) => search,
        };
        return search.go_on(step, usage.id);
    };
    let kept: Subscription<'_> = records::decode(&record).ok_or(Refusal::NoDialog)?;
    if kept.dialog.id() != dialog || kept.state.is_ending() || kept.expires <= step.now {
        return Err(Refusal::NoDialog);
    }
    let mut subscription = kept.clone();
    subscription.dialog.advance(CSeq::of(message)?.number).map_err(|_| Refusal::OutOfOrder)?;
    if subscription.package != asked.package || subscription.event_id.as_deref() != asked.event.id {
        return Err(Refusal::Forbidden("Dialog Sharing Is Not Supported"));
    }
    if !asked.principal.is(&subscription.watcher) {
        return Err(Refusal::Forbidden("Not the Subscriber"));
    }
    let seconds = lifetime::of_subscription(message, step.configuration)?;
    subscription.format = check_content(message, asked.package)?;
    subscription.dialog.refresh_target(message)?;
    if seconds > 0 {
        subscription.expires = lifetime::end(step.now, seconds);
    }

    match place {
        Place::Mapped(presentity) => stay(step, usage, &kept, subscription, presentity, asked, seconds),
        Place::Searched(search) => {
            // Whom the watcher asked for is what is mapped, whatever the To header names here.
            let presentity = Presentity::again(step.host, step.configuration, &kept.entity)?;
            let destination = search.destination(&presentity).to_owned();
            if destination == step.partition {
                return stay(step, usage, &kept, subscription, &presentity, asked, seconds);
            }
            log(step, "subscription renewed to move", &subscription, seconds);
            let departure = Departure {
                to: destination.into(),
                request: Request {
                    sender: asked.principal.identities().cloned().collect(),
                    presentity: presentity.identity,
                    ends: seconds == 0,
                },
            };
            passage::leave(step, usage, &kept, subscription, &departure);
            Ok(Verdict::Reply(accepted(Status::OK, HeaderBlock::with_capacity(40), seconds)))
        }
    }
}

/// A SUBSCRIBE in a dialog whose subscription lives where it belongs.
fn stay(
    step: &mut Step<'_>,
    usage: Usage,
    kept: &Subscription<'_>,
    mut subscription: Subscription<'_>,
    presentity: &Presentity<'_>,
    asked: &Asked<'_>,
    seconds: u32,
) -> Result<Verdict, Refusal> {
    let granted = authorize(step, asked.package, &asked.principal, &presentity.identity);
    match granted {
        State::Ending(_) => subscription.state = granted,
        _ if seconds == 0 => subscription.state = State::Ending(Ending::Unsubscribed(granted.view())),
        _ => subscription.decide(granted, step.now),
    }
    if subscription.state.is_ending() {
        subscription.expires = kept.expires;
    } else {
        anchor::hold(step, &presentity.identity, subscription.expires);
    }
    let mut position = step.position(usage, kept);
    // A new block costs nothing here, where the record is written durably anyway.
    subscription.reserved = subscription.reserved.max(position.cseq.saturating_add(CSEQ_BLOCK));
    step.put(&usage.subscription(), &subscription, Durability::Durable);
    if subscription.expires < kept.expires {
        step.host.set_timer(&usage.subscription(), subscription.expires, b"");
    }
    peers::subscribed(step, usage.id, &subscription);
    demand::renewed(step, kept.state, &subscription);
    if let Some(what) = happening(kept.state, subscription.state) {
        watcher_info::happened(step, usage, &subscription, what);
    }
    match conditional::suppress(step, usage, kept.state, &subscription, &mut position, asked.condition) {
        Suppression::Notify => {
            log(step, "subscription renewed, nothing to notify", &subscription, seconds);
            return Ok(Verdict::Reply(accepted(
                Status::NO_NOTIFICATION,
                HeaderBlock::with_capacity(40),
                seconds,
            )));
        }
        Suppression::None => position.owed = true,
    }
    notify(step, usage, &mut subscription, &mut position)?;
    log(step, "subscription renewed", &subscription, seconds);
    if granted.is_ending() {
        return Ok(Verdict::Reply(Refusal::Forbidden("Forbidden").into_reply()));
    }
    Ok(Verdict::Reply(accepted(Status::OK, HeaderBlock::with_capacity(40), seconds)))
}

/// Sends the NOTIFY that a SUBSCRIBE calls for and notes it durably, so that a crash
/// between the commit and its answer does not swallow it.
fn notify(
    step: &mut Step<'_>,
    usage: Usage,
    subscription: &mut Subscription<'_>,
    position: &mut Position,
) -> Result<(), Refusal> {
    if delivery::advance(step, usage, subscription, position) == Progress::Broken {
        return Err(Malformed("Dialog").into());
    }
    step.put_position(usage, position, Durability::Durable);
    Ok(())
}

fn check_content(message: &Message<'_>, package: Package) -> Result<Format, Refusal> {
    let format = match package {
        Package::Presence => Format::of(message)?,
        Package::Winfo | Package::WinfoOfWinfo => {
            media::check_accept(message, watcher_info::WATCHERINFO)?;
            Format::default()
        }
    };
    // No type of body is understood in a SUBSCRIBE yet.
    media::body(message, &[], "").map(|_| format)
}

/// What a change of state is to who watches the watchers.
fn happening(before: State, after: State) -> Option<Happening> {
    match (before, after) {
        (_, State::Ending(Ending::Rejected)) => Some(Happening::Rejected),
        (_, State::Ending(_)) => Some(Happening::TimedOut),
        _ => match (before.is_pending(), after.is_pending()) {
            (true, false) => Some(Happening::Approved),
            // The winfo state machine has no way back: it starts anew.
            (false, true) => Some(Happening::Subscribed),
            _ => None,
        },
    }
}

fn accepted(status: Status, mut headers: HeaderBlock, seconds: u32) -> Reply {
    headers.number("Expires", seconds.into());
    let mut reply = reply(status, status.reason().to_owned(), headers);
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
