//! What becomes of a subscription by the outcome of its SUBSCRIBE.

use super::heard;
use super::life;
use super::record::{Attempt, Flight, Kept, Live, Phase, Refresh};
use super::request::{self, Token};
use super::retry;
use super::trouble::{self, Meaning, Retry, Trouble};
use crate::external::ledger;
use crate::external::source::{Source, by_id};
use crate::handler::Outcome;
use crate::lifetime;
use crate::sip::Message;
use crate::sip::digest::{Asker, Received};
use crate::step::Step;

/// Longest duration that a source may want, in seconds.
const LONGEST: u32 = 30 * 86_400;

/// Challenges that are kept of a source and the proxies before it.
const CHALLENGES: usize = 3;

/// Answers to one asker in one exchange.
const ANSWERS: u8 = 3;

/// The outcome of a request. False if it is none of these.
pub fn outcome(step: &mut Step<'_>, token: &[u8], outcome: &Outcome<'_>) -> bool {
    let Some(token) = Token::parse(token) else { return false };
    let Some(source) = by_id(step, token.source) else { return true };
    let Some(mut kept) = Kept::load(step, source) else { return true };
    let response = match outcome {
        Outcome::Response(response) => Some(response),
        Outcome::Failed(_) => None,
    };
    let meaning = Meaning::of(outcome);
    count(step, source, &meaning);
    match kept.record.phase.clone() {
        Phase::Subscribing(attempt) if attempt.granted.is_none() && token.is(&attempt.own, attempt.cseq) => {
            subscribed(step, &mut kept, attempt, meaning, response);
        }
        Phase::Live(live) if live.in_flight.is_some() && token.is(&live.dialog.own, live.dialog.cseq) => {
            refreshed(step, &mut kept, meaning, response);
        }
        Phase::Ending(mut ending) if token.is(&ending.dialog.own, ending.dialog.cseq) => {
            match (meaning, response) {
                // The last NOTIFY is waited for.
                (Meaning::Accepted(..), _) => return true,
                (Meaning::Challenged(asker), Some(response)) if answer(&mut kept, response, asker) => {
                    request::renew(step, &mut kept, &mut ending.dialog, 0, false);
                    kept.record.phase = Phase::Ending(ending);
                }
                _ => {
                    kept.remove(step);
                    return true;
                }
            }
        }
        // Of a request that was given up.
        _ => return true,
    }
    kept.save(step);
    true
}

/// A SUBSCRIBE out of dialog has its outcome, and no NOTIFY has come.
fn subscribed(
    step: &mut Step<'_>,
    kept: &mut Kept<'_>,
    mut attempt: Attempt,
    meaning: Meaning,
    response: Option<&Message<'_>>,
) {
    match (meaning, response) {
        (Meaning::Accepted(granted, _), Some(response)) => {
            let asked = kept.record.asks(kept.source);
            attempt.granted = Some(granted.unwrap_or(asked).min(asked));
            kept.record.phase = Phase::Subscribing(attempt);
            came_from(kept, response);
        }
        (Meaning::Challenged(asker), Some(response)) => match answer(kept, response, asker) {
            true => request::create_again(step, kept, &attempt),
            false => retry::settle(step, kept, Trouble::Credentials, Retry::Never),
        },
        (Meaning::TooBrief(least), _) => match ask_for(kept, least) {
            true => request::create_again(step, kept, &attempt),
            false => retry::settle(step, kept, Trouble::Status(423), Retry::After(0)),
        },
        (Meaning::Failed(trouble, retry), _) => retry::settle(step, kept, trouble, retry),
        // An outcome without response means neither.
        (Meaning::Accepted(..) | Meaning::Challenged(_), None) => {}
    }
}

/// A SUBSCRIBE has its outcome in whose dialog a NOTIFY has come.
pub fn refreshed(step: &mut Step<'_>, kept: &mut Kept<'_>, meaning: Meaning, response: Option<&Message<'_>>) {
    let Phase::Live(mut live) = kept.record.phase.clone() else { return };
    match (meaning, response) {
        (Meaning::Accepted(granted, notifies), Some(response)) => {
            let asked = kept.record.asks(kept.source);
            let until = lifetime::end(step.now, granted.unwrap_or(asked).min(asked));
            came_from(kept, response);
            kept.record.pause = 0;
            let first = live.in_flight.take() == Some(Flight::First);
            if first {
                // The NOTIFY came first and may have told less.
                let until = until.min(live.expires);
                life::lasts(step, kept, &mut live, until);
            } else {
                live.confirmed |= !notifies;
                live.dialog.answered(response);
                life::lasts(step, kept, &mut live, until);
                live.next = life::schedule(step, &live);
            }
            kept.record.phase = Phase::Live(live);
            heard(step, kept);
        }
        (Meaning::Challenged(asker), Some(response)) => match answer(kept, response, asker) {
            true => life::resend(step, kept, false),
            false => refused(step, kept, live, Trouble::Credentials),
        },
        (Meaning::TooBrief(least), _) => match ask_for(kept, least) {
            true => life::resend(step, kept, false),
            false => put_off(step, kept, live, Trouble::Status(423), 0),
        },
        (Meaning::Failed(trouble @ Trouble::Status(status), retry), _) => match retry {
            _ if status == 481 => retry::settle(step, kept, trouble, Retry::AtOnce),
            retry if trouble::ends_subscription(status) => retry::settle(step, kept, trouble, retry),
            Retry::Never => refused(step, kept, live, trouble),
            retry => put_off(step, kept, live, trouble, retry.wait()),
        },
        (Meaning::Failed(trouble, retry), _) => put_off(step, kept, live, trouble, retry.wait()),
        // An outcome without response means neither.
        (Meaning::Accepted(..) | Meaning::Challenged(_), None) => {}
    }
}

/// The source will not refresh the subscription, which goes on to its end.
fn refused(step: &mut Step<'_>, kept: &mut Kept<'_>, mut live: Live, trouble: Trouble) {
    let end = live.expires;
    live.in_flight = None;
    live.confirmed = true;
    live.next = Refresh::Never;
    kept.record.phase = Phase::Live(live);
    retry::complain(step, kept, trouble, Some(end));
}

/// A refresh failed: the subscription goes on, and it is tried again meanwhile (RFC 6665 4.1.2.2).
fn put_off(step: &mut Step<'_>, kept: &mut Kept<'_>, mut live: Live, trouble: Trouble, wait: u64) {
    let next = step.now + retry::next_pause(step, kept).max(wait);
    live.in_flight = None;
    live.confirmed = true;
    live.next = if wait > 0 { Refresh::NotBefore(next) } else { Refresh::At(next) };
    kept.record.phase = Phase::Live(live);
    retry::complain(step, kept, trouble, Some(next));
}

/// Remembers where the source answers from.
fn came_from(kept: &mut Kept<'_>, response: &Message<'_>) {
    if let Ok(address) = response.peer().address.parse::<std::net::SocketAddr>() {
        kept.record.peer = Some(address.ip());
    }
}

/// Asks for more time from now on. False if that is no more than before, or more than is sensible.
fn ask_for(kept: &mut Kept<'_>, least: u32) -> bool {
    let fits = least > kept.record.asks(kept.source) && least <= LONGEST;
    if fits {
        kept.record.asks = Some(least);
    }
    fits
}

/// Takes a challenge. True if it can be answered: there are credentials, it is understood, and they were not
/// refused before in this exchange.
fn answer(kept: &mut Kept<'_>, response: &Message<'_>, asker: Asker) -> bool {
    if kept.source.credentials.is_none() {
        return false;
    }
    let Some(Received { challenge, stale }) = Received::topmost(response, asker) else { return false };
    let challenges = &mut kept.record.challenges;
    let room = challenges.len() < CHALLENGES;
    match challenges.iter_mut().find(|(known, _)| known.is_of(&challenge)) {
        // Of an answer that was refused only the nonce may be to blame, and that not again and again.
        Some((known, 1..ANSWERS)) if !stale || known.nonce == challenge.nonce => return false,
        Some((_, ANSWERS..)) => return false,
        Some((known, answered)) => {
            *answered += 1;
            *known = challenge;
        }
        None if room => challenges.push((challenge, 1)),
        None => return false,
    }
    true
}

fn count(step: &mut Step<'_>, source: &Source, meaning: &Meaning) {
    let result = match meaning {
        Meaning::Accepted(..) => "accepted",
        Meaning::Challenged(_) => "challenged",
        Meaning::TooBrief(_) => "too_brief",
        Meaning::Failed(..) => "failed",
    };
    ledger::count_subscribe(step, source, result);
}
