//! NOTIFY: what a source says (RFC 6665 4.1.3, EXT-14, EXT-16).

use std::net::{IpAddr, SocketAddr};

use super::heard;
use super::life;
use super::record::{Attempt, Flight, Kept, Live, Phase, Refresh};
use super::request::read_way_back;
use super::retry;
use super::trouble::{Reason, Retry, Trouble};
use crate::configuration::Configuration;
use crate::errors::{Refusal, reply};
use crate::external::contribution;
use crate::external::directory;
use crate::external::kind::{self, Intake, Refused, Shows, Taken};
use crate::external::learning;
use crate::external::ledger;
use crate::external::source::Source;
use crate::handler::check_require;
use crate::keys;
use crate::lifetime;
use crate::ports::{Durability, Host, Instant, Level, Reply, Verdict};
use crate::records;
use crate::sip::dialog::{DialogId, SubscriberDialog};
use crate::sip::disposition::{Disposition, is_plainly_encoded};
use crate::sip::event::Event;
use crate::sip::message::Peer;
use crate::sip::status::Status;
use crate::sip::subscription_state::{ReceivedState, StateKind};
use crate::sip::uri::Host as UriHost;
use crate::sip::{HeaderBlock, HeaderName, Message, Uri};
use crate::step::Step;

/// Answers a NOTIFY. One that did not come by a Contact of ours is passed.
///
/// # Errors
/// The refusal; nothing is staged then.
pub fn notify(
    host: &mut dyn Host,
    configuration: &Configuration,
    message: &Message<'_>,
) -> Result<Verdict, Refusal> {
    let Some((id, resource)) = read_way_back(message.uri()?) else { return Ok(Verdict::Pass) };
    check_require(message)?;
    let event = Event::of(message)?;
    let dialog = DialogId::of(message)?.ok_or(Refusal::NoDialog)?;
    let source = configuration.external.iter().find(|source| source.id == id).ok_or(Refusal::NoDialog)?;
    if event.package != kind::of(source.kind).event() {
        return Err(Refusal::BadEvent);
    }
    let said = Said { dialog, state: ReceivedState::of(message)?, message };
    let presentity =
        directory::presentity(host, configuration, source, &resource).ok_or(Refusal::NoDialog)?;
    let mut step = Step::enter(host, configuration, &presentity);
    let kept = Kept::load(&mut step, source).ok_or(Refusal::NoDialog)?;
    if kept.record.resource != resource || event.id.is_some() {
        return Err(Refusal::NoDialog);
    }
    take(&mut step, kept, &said)
}

/// A NOTIFY, taken apart.
struct Said<'m> {
    dialog: DialogId<'m>,
    state: ReceivedState<'m>,
    message: &'m Message<'m>,
}

impl Said<'_> {
    /// When the subscription ends by what the NOTIFY says; never later than what was asked for.
    fn until(&self, now: Instant, asked: u32) -> Option<Instant> {
        self.state.expires.map(|seconds| lifetime::end(now, seconds.min(asked)))
    }
}

fn take(step: &mut Step<'_>, mut kept: Kept<'_>, said: &Said<'_>) -> Result<Verdict, Refusal> {
    let terminated = said.state.kind == StateKind::Terminated;
    match kept.record.phase.clone() {
        Phase::Subscribing(attempt) if attempt.own.is(&said.dialog) => {
            check_peer(step, &kept, said.message.peer())?;
            if terminated {
                // It never began, so its body is that of no subscription.
                end(step, &mut kept, said);
                kept.save(step);
                return Ok(Verdict::Reply(accepted()));
            }
            let live = begin(step, &mut kept, attempt, said)?;
            go_on(step, kept, live, said)
        }
        Phase::Live(mut live) if live.dialog.is(&said.dialog) => {
            check_peer(step, &kept, said.message.peer())?;
            live.dialog.advance(said.message)?.map_err(|_| Refusal::OutOfOrder)?;
            go_on(step, kept, live, said)
        }
        Phase::Ending(mut ending) if ending.dialog.is(&said.dialog) => {
            check_peer(step, &kept, said.message.peer())?;
            ending.dialog.advance(said.message)?.map_err(|_| Refusal::OutOfOrder)?;
            if terminated {
                kept.remove(step);
            } else {
                kept.record.phase = Phase::Ending(ending);
                kept.save(step);
            }
            Ok(Verdict::Reply(accepted()))
        }
        _ => Err(Refusal::NoDialog),
    }
}

/// The first NOTIFY makes the dialog. Those of other branches of a forked SUBSCRIBE make none.
fn begin(
    step: &mut Step<'_>,
    kept: &mut Kept<'_>,
    attempt: Attempt,
    said: &Said<'_>,
) -> Result<Live, Refusal> {
    let dialog = SubscriberDialog::create(said.message, attempt.own, attempt.cseq)?;
    let asked = kept.record.asks(kept.source);
    let granted = attempt.granted.unwrap_or(asked);
    let expires = said.until(step.now, asked).unwrap_or_else(|| lifetime::end(step.now, granted));
    let mut live = Live {
        dialog,
        since: step.now,
        expires,
        next: Refresh::Never,
        asked: attempt.since,
        in_flight: attempt.granted.is_none().then_some(Flight::First),
        confirmed: true,
        said: false,
        full: false,
    };
    live.next = life::schedule(step, &live);
    kept.record.pause = 0;
    kept.forget_said(step);
    Ok(live)
}

/// Takes a NOTIFY in the dialog.
fn go_on(
    step: &mut Step<'_>,
    mut kept: Kept<'_>,
    mut live: Live,
    said: &Said<'_>,
) -> Result<Verdict, Refusal> {
    let source = kept.source;
    live.confirmed = true;
    let terminated = said.state.kind == StateKind::Terminated;
    if !terminated && let Some(until) = said.until(step.now, kept.record.asks(source)) {
        life::lasts(step, &mut kept, &mut live, until);
    }
    let stopping = terminated && Reason::of(&said.state).retry(None) == Retry::Never;
    let taken = if stopping { Ok(None) } else { read(step, &kept, &live, said.message) };
    let answer = match taken {
        Ok(None) => Ok(()),
        Ok(Some(taken)) => {
            show(step, &mut kept, &mut live, taken);
            Ok(())
        }
        Err(refusal) => Err(refusal),
    };
    // Not where the source refuses a refresh, or has named a time for it.
    if live.full && live.in_flight.is_none() && matches!(live.next, Refresh::At(_)) {
        live.next = life::schedule(step, &live);
    }
    let next = live.next;
    kept.record.phase = Phase::Live(live);
    match &answer {
        _ if terminated => end(step, &mut kept, said),
        Ok(()) => heard(step, &mut kept),
        Err(refusal) => {
            let trouble = Trouble::Body(refusal.status().0);
            retry::complain(step, &mut kept, trouble, None);
        }
    }
    match next {
        Refresh::At(at) if at <= step.now && matches!(kept.record.phase, Phase::Live(_)) => {
            life::refresh(step, &mut kept);
        }
        _ => {}
    }
    kept.save(step);
    let reply = match answer {
        Err(refusal) if !terminated => refusal.into_reply(),
        _ => accepted(),
    };
    ledger::count_notify(step, source, reply.status);
    Ok(Verdict::Reply(reply))
}

/// The source has ended the subscription.
fn end(step: &mut Step<'_>, kept: &mut Kept<'_>, said: &Said<'_>) {
    let reason = Reason::of(&said.state);
    retry::settle(step, kept, Trouble::Ended(reason), reason.retry(said.state.retry_after));
}

/// Reads the body; none if there is none that counts.
fn read(
    step: &mut Step<'_>,
    kept: &Kept<'_>,
    live: &Live,
    message: &Message<'_>,
) -> Result<Option<Taken>, Refusal> {
    if message.body().is_empty() {
        return Ok(None);
    }
    let kind = kind::of(kept.source.kind);
    let before = reported(step, kept.source, live);
    let before = before.as_deref().and_then(records::decode_with_tail::<()>);
    let shown = contribution::of(step, kept.source);
    let taken = match (message.single(HeaderName::ContentType)?, is_plainly_encoded(message)) {
        (Some(media), true) => kind
            .take(&Intake {
                configuration: step.configuration,
                now: step.now,
                presentity: step.partition,
                resource: &kept.record.resource,
                kept: before.map(|((), kept)| kept),
                shown: shown.as_ref().map(|live| &live.document),
                media,
                body: message.body(),
            })
            .map_err(|refused| refusal(refused, kind.accept())),
        (Some(_), false) => Err(Refusal::UnsupportedEncoding),
        (None, _) => Err(Refusal::UnsupportedMedia(kind.accept())),
    };
    match taken {
        Ok(taken) => Ok(Some(taken)),
        Err(Refusal::UnsupportedMedia(_) | Refusal::UnsupportedEncoding)
            if Disposition::of(message)?.is_some_and(|disposition| disposition.optional) =>
        {
            Ok(None)
        }
        Err(refusal) => Err(refusal),
    }
}

/// The record of what the source has said in this dialog.
fn reported(step: &mut Step<'_>, source: &Source, live: &Live) -> Option<Vec<u8>> {
    live.said.then(|| step.host.get(&source.key(keys::REPORTED))).flatten()
}

fn refusal(refused: Refused, accept: &'static str) -> Refusal {
    match refused {
        Refused::Type => Refusal::UnsupportedMedia(accept),
        Refused::Malformed(why) => Refusal::BadRequest(format!("Malformed Body: {why}")),
        Refused::TooLarge => Refusal::TooLarge,
    }
}

/// What a body says enters the document, for as long as the subscription lasts.
fn show(step: &mut Step<'_>, kept: &mut Kept<'_>, live: &mut Live, taken: Taken) {
    let source = kept.source;
    let before = reported(step, source, live);
    live.said = true;
    live.full |= taken.refresh;
    match (before, taken.kept.is_empty()) {
        (None, true) => {}
        (Some(_), true) => kept.forget_said(step),
        (before, false) => {
            let record = records::encode_with_tail(&(), &taken.kept);
            if before.is_none_or(|before| before != record) {
                step.host.put(&source.key(keys::REPORTED), &record, Durability::Durable, None);
            }
        }
    }
    match taken.shows {
        Shows::Document(document) => {
            contribution::set(step, source, &document, live.expires);
            kept.record.shown_until = Some(live.expires);
        }
        Shows::Nothing => kept.hide(step),
        Shows::Same => {
            let until = live.expires;
            life::lasts(step, kept, live, until);
        }
    }
    learning::told(step, source, &taken.identities);
}

/// What a source says is taken from where its answers come from, or from whom the operator has named (EXT-16).
fn check_peer(step: &mut Step<'_>, kept: &Kept<'_>, peer: Peer<'_>) -> Result<(), Refusal> {
    if peer.trusted {
        return Ok(());
    }
    let source = kept.source;
    let address = peer.address.parse::<SocketAddr>().ok().map(|address| address.ip().to_canonical());
    let known = address.is_some_and(|address| match source.peers.is_empty() {
        false => source.peers.iter().any(|network| network.contains(address)),
        // Before the first answer who knows Call-ID and tag of the SUBSCRIBE is who has got it.
        true => kept.record.peer.is_none_or(|peer| peer == address) || is_target(source, address),
    });
    if known {
        return Ok(());
    }
    step.host.log(
        Level::Warn,
        "NOTIFY of a source refused: it came from elsewhere than its peers",
        &[("source", &source.name), ("resource", &kept.record.resource), ("from", peer.address)],
    );
    Err(Refusal::Forbidden("Not From the Source"))
}

/// True if a target of the source is written as this address.
fn is_target(source: &Source, address: IpAddr) -> bool {
    source.targets.iter().any(|target| match Uri::parse(target).ok().and_then(|uri| uri.host()) {
        Some(UriHost::V4(target)) => IpAddr::V4(target) == address,
        Some(UriHost::V6(target)) => IpAddr::V6(target) == address,
        _ => false,
    })
}

fn accepted() -> Reply {
    let ok = Status::OK;
    reply(ok, ok.reason().to_owned(), HeaderBlock::with_capacity(0))
}
