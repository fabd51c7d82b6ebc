//! The Subscription-State header (RFC 6665 4.1.3, 8.2.3).

use super::headers::{Digits, HeaderBlock};
use super::lex::{is_token, saturating_number, trim};
use super::params::Params;
use super::{HeaderName, Malformed, Message};

/// What a NOTIFY says of its subscription. Only what RFC 6665 4.1.3 allows can be written:
/// time left with live states, reason with the end, retry-after only with some reasons (SUB-13, SUB-14).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubscriptionState {
    /// Accepted and authorized; seconds left.
    Active {
        /// Seconds left.
        expires: u32,
    },
    /// Accepted, not yet authorized; seconds left.
    Pending {
        /// Seconds left.
        expires: u32,
    },
    /// Ended.
    Terminated(Reason),
}

/// Why a subscription ended. Retry-after is in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Subscribe again at once.
    Deactivated,
    /// Subscribe again later.
    Probation {
        /// Seconds to wait.
        retry_after: Option<u32>,
    },
    /// Not authorized any more; do not subscribe again.
    Rejected,
    /// Not refreshed in time, or ended by the watcher.
    Timeout,
    /// Authorization did not come in time.
    Giveup {
        /// Seconds to wait.
        retry_after: Option<u32>,
    },
    /// The resource is no more.
    NoResource,
    /// The state will not change.
    Invariant,
}

impl Reason {
    /// The value of the `reason` parameter.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deactivated => "deactivated",
            Self::Probation { .. } => "probation",
            Self::Rejected => "rejected",
            Self::Timeout => "timeout",
            Self::Giveup { .. } => "giveup",
            Self::NoResource => "noresource",
            Self::Invariant => "invariant",
        }
    }

    const fn retry_after(self) -> Option<u32> {
        match self {
            Self::Probation { retry_after } | Self::Giveup { retry_after } => retry_after,
            _ => None,
        }
    }
}

impl SubscriptionState {
    /// Adds the Subscription-State line.
    pub fn write(&self, headers: &mut HeaderBlock) {
        const NAME: &str = HeaderName::SubscriptionState.as_str();
        let mut digits = Digits::default();
        match *self {
            Self::Active { expires } => {
                headers.parts(NAME, &["active;expires=", digits.write(expires.into())]);
            }
            Self::Pending { expires } => {
                headers.parts(NAME, &["pending;expires=", digits.write(expires.into())]);
            }
            Self::Terminated(reason) => {
                let start = "terminated;reason=";
                match reason.retry_after() {
                    Some(seconds) => {
                        let seconds = digits.write(seconds.into());
                        headers.parts(NAME, &[start, reason.as_str(), ";retry-after=", seconds]);
                    }
                    None => {
                        headers.parts(NAME, &[start, reason.as_str()]);
                    }
                }
            }
        }
    }
}

/// The Subscription-State of a NOTIFY that was received, as lenient as RFC 6665 4.1.3 asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceivedState<'a> {
    /// The state.
    pub kind: StateKind,
    /// Seconds left.
    pub expires: Option<u32>,
    /// Reason as written; an unknown one counts as none.
    pub reason: Option<&'a str>,
    /// Seconds to wait before the next subscription.
    pub retry_after: Option<u32>,
}

/// State of a subscription elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateKind {
    /// `active`.
    Active,
    /// `pending`.
    Pending,
    /// `terminated`.
    Terminated,
    /// An extension.
    Other,
}

impl<'a> ReceivedState<'a> {
    /// Parses a header value.
    pub fn parse(text: &'a str) -> Result<Self, Malformed> {
        const WHAT: &str = HeaderName::SubscriptionState.as_str();
        let end = memchr::memchr(b';', text.as_bytes()).unwrap_or(text.len());
        let state = trim(&text[..end]);
        let is = |name: &str| state.eq_ignore_ascii_case(name);
        let kind = match () {
            () if is("active") => StateKind::Active,
            () if is("pending") => StateKind::Pending,
            () if is("terminated") => StateKind::Terminated,
            () if is_token(state) => StateKind::Other,
            () => return Err(Malformed(WHAT)),
        };
        let params = Params::parse(&text[end..], WHAT)?;
        let seconds = |name| match params.get(name) {
            None => Ok(None),
            Some(param) => param.value.and_then(saturating_number).map(Some).ok_or(Malformed(WHAT)),
        };
        Ok(Self {
            kind,
            expires: seconds("expires")?,
            reason: params.value("reason"),
            retry_after: seconds("retry-after")?,
        })
    }

    /// The Subscription-State of a NOTIFY.
    pub fn of(message: &Message<'a>) -> Result<Self, Malformed> {
        Self::parse(message.required(HeaderName::SubscriptionState)?)
    }
}
