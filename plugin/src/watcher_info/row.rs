//! A watcher as a document shows it (RFC 3858 3).

use serde::{Deserialize, Serialize};

use crate::keys::Id;
use crate::ports::Instant;
use crate::records::{State, Subscription, Transition};

/// Where a subscription stands in the state machine of RFC 3857 4.7.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// Nobody has decided.
    Pending,
    /// The watcher is notified, or believes that it is (polite blocking, RFC 5025 3.2.1).
    Active,
    /// Nobody decided while it lasted.
    Waiting,
    /// Over.
    Terminated,
}

impl Status {
    /// As the attribute has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Waiting => "waiting",
            Self::Terminated => "terminated",
        }
    }
}

/// The event that brought a subscription to its status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// A SUBSCRIBE.
    Subscribe,
    /// A decision in its favour.
    Approved,
    /// A decision against it.
    Rejected,
    /// It was removed without a decision.
    Deactivated,
    /// It was not refreshed, or its watcher ended it.
    Timeout,
    /// Nobody decided in time.
    Giveup,
}

impl Cause {
    /// As the attribute has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Subscribe => "subscribe",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Deactivated => "deactivated",
            Self::Timeout => "timeout",
            Self::Giveup => "giveup",
        }
    }
}

/// A watcher.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Names the subscription, and stays with it in the waiting state.
    pub id: Id,
    /// Authenticated identity (WIN-11).
    pub watcher: String,
    /// Status.
    pub status: Status,
    /// What brought it there.
    pub cause: Cause,
    /// When the first SUBSCRIBE came.
    pub created: Instant,
    /// When it ends; only while it is pending or active.
    pub expires: Option<Instant>,
}

impl Row {
    /// A subscription as it stands; if it is over, as one that timed out.
    pub fn live(id: Id, subscription: &Subscription<'_>) -> Self {
        let status = match subscription.state {
            State::Ending(_) => return Self::over(id, subscription, Cause::Timeout),
            state if state.is_pending() => Status::Pending,
            _ => Status::Active,
        };
        let cause = match subscription.transition {
            Transition::Approved if status == Status::Active => Cause::Approved,
            _ => Cause::Subscribe,
        };
        let (created, expires) = (subscription.created, Some(subscription.expires));
        Self { id, watcher: subscription.watcher.to_string(), status, cause, created, expires }
    }

    /// A subscription that is over.
    pub fn over(id: Id, subscription: &Subscription<'_>, cause: Cause) -> Self {
        Self {
            id,
            watcher: subscription.watcher.to_string(),
            status: Status::Terminated,
            cause,
            created: subscription.created,
            expires: None,
        }
    }
}
