//! What can be wrong with a source, as an operator is told, and what it means for the next try.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::external::ledger::Fault;
use crate::handler::{Failure, Outcome};
use crate::sip::digest::Asker;
use crate::sip::expires;
use crate::sip::subscription_state::ReceivedState;

/// Longest time that a source may keep us waiting, in seconds.
const LONGEST: u32 = 86_400;

/// What is wrong with a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trouble {
    /// It answered with this status.
    Status(u16),
    /// It did not answer.
    Timeout,
    /// It could not be sent anything.
    Unreachable,
    /// It has asked for a pause.
    Paused,
    /// It took the subscription, but sent no NOTIFY.
    Silent,
    /// It ended the subscription.
    Ended(Reason),
    /// It ended the subscription again and again.
    Restless,
    /// It sent a body that was answered with this status.
    Body(u16),
    /// It does not take the credentials, or there are none that fit what it asks for.
    Credentials,
}

impl Trouble {
    /// True if the source has said so; false if it said nothing.
    #[must_use]
    pub fn is_said(self) -> bool {
        !matches!(self, Self::Timeout | Self::Unreachable | Self::Silent)
    }

    /// True if the source has said that it knows nobody of that name, or that nobody is there.
    #[must_use]
    pub fn is_absence(self) -> bool {
        matches!(self, Self::Status(404 | 410 | 480 | 604) | Self::Ended(Reason::NoResource))
    }

    /// Whose fault it is.
    #[must_use]
    pub fn fault(self) -> Fault {
        match self {
            Self::Timeout | Self::Unreachable | Self::Paused | Self::Silent | Self::Credentials => {
                Fault::Source
            }
            Self::Status(501 | 505 | 513) => Fault::Presentity,
            Self::Status(408 | 500..=599) => Fault::Source,
            Self::Status(_) | Self::Ended(_) | Self::Restless | Self::Body(_) => Fault::Presentity,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(482) => f.write_str("482: the SUBSCRIBE has come round in a circle"),
            Self::Status(status @ 300..=399) => write!(f, "{status}: redirected, which is not followed"),
            Self::Status(status) => write!(f, "answered {status}"),
            Self::Timeout => f.write_str("no answer"),
            Self::Unreachable => f.write_str("not reachable"),
            Self::Paused => f.write_str("has asked for a pause"),
            Self::Silent => f.write_str("took the subscription, but sent no NOTIFY"),
            Self::Ended(reason) => write!(f, "ended the subscription: {}", reason.name()),
            Self::Restless => f.write_str("ended the subscription soon after it began"),
            Self::Body(status) => write!(f, "sent a body that cannot be taken ({status})"),
            Self::Credentials => f.write_str("does not take the credentials"),
        }
    }
}

/// Why a source has ended a subscription (RFC 6665 4.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    /// `deactivated`.
    Deactivated,
    /// `timeout`.
    Timeout,
    /// `probation`.
    Probation,
    /// `giveup`.
    Giveup,
    /// `rejected`.
    Rejected,
    /// `noresource`.
    NoResource,
    /// `invariant`.
    Invariant,
    /// None or one that is not known.
    Other,
}

impl Reason {
    const ALL: [Self; 7] = [
        Self::Deactivated,
        Self::Timeout,
        Self::Probation,
        Self::Giveup,
        Self::Rejected,
        Self::NoResource,
        Self::Invariant,
    ];

    /// The reason of a NOTIFY that says `terminated`.
    #[must_use]
    pub fn of(state: &ReceivedState<'_>) -> Self {
        let is = |reason: &Self| state.reason.is_some_and(|text| text.eq_ignore_ascii_case(reason.name()));
        Self::ALL.into_iter().find(is).unwrap_or(Self::Other)
    }

    /// As a NOTIFY says it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Deactivated => "deactivated",
            Self::Timeout => "timeout",
            Self::Probation => "probation",
            Self::Giveup => "giveup",
            Self::Rejected => "rejected",
            Self::NoResource => "noresource",
            Self::Invariant => "invariant",
            Self::Other => "no reason",
        }
    }

    /// What it means (EXT-14); `wait` is the `retry-after` of the NOTIFY in seconds.
    #[must_use]
    pub fn retry(self, wait: Option<u32>) -> Retry {
        let wait = wait.map(|seconds| milliseconds(seconds.min(LONGEST)));
        match (self, wait) {
            (Self::Rejected | Self::NoResource | Self::Invariant, _) => Retry::Never,
            (Self::Probation | Self::Giveup, wait) => Retry::After(wait.unwrap_or_default()),
            (Self::Other, Some(wait)) => Retry::After(wait),
            (Self::Deactivated | Self::Timeout | Self::Other, _) => Retry::AtOnce,
        }
    }
}

/// When a new subscription is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// At once, unless the source makes a habit of it.
    AtOnce,
    /// At the next target at once; after the last one as [`Retry::After`].
    NextTarget(u64),
    /// After a pause that grows, but not before so many milliseconds.
    After(u64),
    /// After the longest pause: it would hardly help to ask sooner.
    Slowly(u64),
    /// Only when the source is wanted anew.
    Never,
}

impl Retry {
    /// Milliseconds that the source wants us to wait at least.
    #[must_use]
    pub fn wait(self) -> u64 {
        match self {
            Self::NextTarget(wait) | Self::After(wait) | Self::Slowly(wait) => wait,
            Self::AtOnce | Self::Never => 0,
        }
    }
}

/// What an outcome means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The subscription is granted: seconds, where they are told, and whether a NOTIFY follows.
    Accepted(Option<u32>, bool),
    /// Credentials are asked for.
    Challenged(Asker),
    /// At least so many seconds must be asked for.
    TooBrief(u32),
    /// It failed.
    Failed(Trouble, Retry),
}

impl Meaning {
    /// Of the outcome of a SUBSCRIBE.
    #[must_use]
    pub fn of(outcome: &Outcome<'_>) -> Self {
        let response = match outcome {
            Outcome::Response(response) => response,
            Outcome::Failed(Failure::Timeout) => {
                return Self::Failed(Trouble::Timeout, Retry::NextTarget(0));
            }
            Outcome::Failed(Failure::Unreachable(_)) => {
                return Self::Failed(Trouble::Unreachable, Retry::NextTarget(0));
            }
            Outcome::Failed(Failure::Paused(wait)) => {
                let wait = (*wait).min(milliseconds(LONGEST));
                return Self::Failed(Trouble::Paused, Retry::NextTarget(wait));
            }
        };
        let status = response.status().unwrap_or_default();
        let wait = expires::retry_after(response).ok().flatten().unwrap_or_default();
        let wait = milliseconds(wait.min(LONGEST));
        let failed = |retry| Self::Failed(Trouble::Status(status), retry);
        match status {
            200..=299 => Self::Accepted(expires::expires(response).ok().flatten(), status != 204),
            401 => Self::Challenged(Asker::Server),
            407 => Self::Challenged(Asker::Proxy),
            423 => match expires::min_expires(response) {
                Ok(Some(least)) => Self::TooBrief(least),
                _ => failed(Retry::After(wait)),
            },
            // These say that the request is wrong, or not wanted, as it is (EXT-22 for 403): it would be
            // so again.
            400
            | 402
            | 403
            | 405
            | 406
            | 410
            | 413..=416
            | 420
            | 421
            | 482
            | 484
            | 488
            | 489
            | 493
            | 501
            | 505
            | 513
            | 603
            | 604
            | 606 => failed(Retry::Never),
            // The user may be made known, or come back.
            404 | 480 | 485 | 486 | 600 => failed(Retry::Slowly(wait)),
            // This target cannot do it now.
            408 | 500 | 502..=504 | 580 => failed(Retry::NextTarget(wait)),
            _ => failed(Retry::After(wait)),
        }
    }
}

/// True if a response to a refresh ends the subscription (RFC 6665 4.1.2.2).
#[must_use]
pub fn ends_subscription(status: u16) -> bool {
    matches!(status, 404 | 405 | 410 | 416 | 480..=485 | 489 | 501 | 604)
}

fn milliseconds(seconds: u32) -> u64 {
    u64::from(seconds) * 1_000
}
