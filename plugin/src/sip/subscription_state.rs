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
    /// The state will not change. A large retry-after keeps RFC 3265 watchers away.
    Invariant {
        /// Seconds to wait.
        retry_after: Option<u32>,
    },
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
            Self::Invariant { .. } => "invariant",
        }
    }

    const fn retry_after(self) -> Option<u32> {
        match self {
            Self::Probation { retry_after }
            | Self::Giveup { retry_after }
            | Self::Invariant { retry_after } => retry_after,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn written(state: SubscriptionState) -> String {
        let mut headers = HeaderBlock::new();
        state.write(&mut headers);
        String::from_utf8(headers.finish().unwrap()).unwrap()
    }

    /// RFC 6665 4.1.3 (SUB-13, SUB-14).
    #[test]
    fn live_states_tell_the_time_and_ends_the_reason() {
        use SubscriptionState::*;
        for (state, text) in [
            (Active { expires: 3599 }, "active;expires=3599"),
            (Pending { expires: 0 }, "pending;expires=0"),
            (Terminated(Reason::Timeout), "terminated;reason=timeout"),
            (Terminated(Reason::Deactivated), "terminated;reason=deactivated"),
            (Terminated(Reason::Rejected), "terminated;reason=rejected"),
            (Terminated(Reason::NoResource), "terminated;reason=noresource"),
            (Terminated(Reason::Giveup { retry_after: None }), "terminated;reason=giveup"),
            (
                Terminated(Reason::Probation { retry_after: Some(60) }),
                "terminated;reason=probation;retry-after=60",
            ),
            (
                Terminated(Reason::Invariant { retry_after: Some(9) }),
                "terminated;reason=invariant;retry-after=9",
            ),
        ] {
            assert_eq!(written(state), format!("Subscription-State: {text}\r\n"));
            let received = ReceivedState::parse(text).unwrap();
            let (kind, expires) = match state {
                Active { expires } => (StateKind::Active, Some(expires)),
                Pending { expires } => (StateKind::Pending, Some(expires)),
                Terminated(_) => (StateKind::Terminated, None),
            };
            assert_eq!((received.kind, received.expires), (kind, expires));
            if let Terminated(reason) = state {
                assert_eq!(
                    (received.reason, received.retry_after),
                    (Some(reason.as_str()), reason.retry_after())
                );
            }
        }
    }

    #[test]
    fn states_of_others_are_read_leniently() {
        let read = |text| ReceivedState::parse(text).map(|s| (s.kind, s.expires, s.reason));
        assert_eq!(read("Active ; Expires=99999999999"), Ok((StateKind::Active, Some(u32::MAX), None)));
        assert_eq!(read("terminated;reason=\"odd\";x"), Ok((StateKind::Terminated, None, Some("\"odd\""))));
        assert_eq!(read("terminated"), Ok((StateKind::Terminated, None, None)));
        assert_eq!(read("waiting"), Ok((StateKind::Other, None, None)));
        for text in ["", ";expires=1", "active;expires", "active;expires=-1", "a b"] {
            assert_eq!(read(text), Err(Malformed("Subscription-State")), "{text}");
        }
    }
}
