//! What the generator remembers of a presentity and of a subscription.

use std::time::Instant;

/// A presentity with one publication.
#[derive(Debug, Default)]
pub struct Presentity {
    /// Its URI.
    pub uri: String,
    /// Tag of the last answer.
    pub etag: String,
    /// Number of the state last sent.
    pub sent: u64,
    /// Number of the state last acknowledged.
    pub acknowledged: u64,
    /// When the state last sent was sent.
    pub at: Option<Instant>,
    /// Subscriptions that have not seen that state.
    pub unseen: usize,
    /// Subscriptions that have not seen its end, where it ends by itself.
    pub ends: usize,
}

/// Where a subscription stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stand {
    /// There is none.
    #[default]
    Off,
    /// There is one.
    On,
}

/// A subscription, or room for one.
#[derive(Debug, Default)]
pub struct Slot {
    /// Its presentity.
    pub presentity: usize,
    /// Where it stands, as far as SUBSCRIBEs were answered.
    pub stand: Stand,
    /// Dialogs that this slot has had: part of the Call-ID.
    pub generation: u64,
    /// CSeq of the last SUBSCRIBE.
    pub cseq: u32,
    /// To of the dialog, with its tag.
    pub to: String,
    /// Target of the dialog.
    pub target: String,
    /// CSeq of the last NOTIFY; 0 for none.
    pub notified: u32,
    /// The transaction in which it came.
    pub branch: String,
    /// Number of the last state seen.
    pub seen: u64,
    /// When the SUBSCRIBE was sent whose NOTIFY is still to come.
    pub notify_due: Option<Instant>,
    /// True while that SUBSCRIBE itself is unanswered.
    pub unanswered: bool,
}

impl Slot {
    /// True if nothing is under way.
    pub fn is_idle(&self) -> bool {
        self.notify_due.is_none() && !self.unanswered
    }
}
