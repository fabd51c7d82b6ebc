//! What a kind of source has to know.
//!
//! A kind is pure: it says what to subscribe to and reads what comes back. Dialogs, refreshing, failures, demand,
//! pacing, composition and authorization are the same for all kinds and none of its business. A further
//! kind is a type that implements [`Kind`] and its line in `KINDS`; `docs/sources.md` makes one.

use std::fmt;

use super::community::Community;
use super::registrar::Registrar;
use crate::configuration::Configuration;
use crate::pidf::StoredDocument;
use crate::ports::Instant;

/// Every kind of source that can be configured.
const KINDS: &[&dyn Kind] = &[
    &Registrar,
    &Community,
    #[cfg(test)]
    &crate::tests::external::calendar::Calendar,
];

/// What a source is: one of the kinds that there are.
#[derive(Clone, Copy)]
pub struct SourceKind(&'static dyn Kind);

impl SourceKind {
    /// All there are, in the order in which their sources are told.
    pub fn all() -> impl Iterator<Item = Self> {
        KINDS.iter().copied().map(Self)
    }

    /// As configuration, log and metrics name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name()
    }
}

impl PartialEq for SourceKind {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for SourceKind {}

impl fmt::Debug for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What the kind of a source knows.
#[must_use]
pub fn of(kind: SourceKind) -> &'static dyn Kind {
    kind.0
}

/// What is the same in all subscriptions to sources of one kind, and how what they say is read.
pub trait Kind: Sync {
    /// As configuration, log and metrics name it: `[[external.NAME]]` is a source of this kind.
    fn name(&self) -> &'static str;

    /// What can be configured for sources of this kind besides what all have.
    fn settings(&self) -> &'static [&'static str] {
        &[]
    }

    /// The event package.
    fn event(&self) -> &'static str;

    /// Value of Accept.
    fn accept(&self) -> &'static str;

    /// Seconds to subscribe for where the operator says nothing.
    fn expires(&self) -> u32;

    /// True if it may say what it was told by this server, as one does whose users watch presentities here: that
    /// is not told to it again, nor to others of the sort ([`super::peers`], EXT-21).
    fn repeats(&self) -> bool {
        false
    }

    /// Takes the body of a NOTIFY.
    ///
    /// # Errors
    /// Why it cannot be taken; the subscription goes on.
    fn take(&self, intake: &Intake<'_>) -> Result<Taken, Refused>;
}

/// A NOTIFY body and what it is about.
#[derive(Clone, Copy, Debug)]
pub struct Intake<'a> {
    /// The configuration.
    pub configuration: &'a Configuration,
    /// The time.
    pub now: Instant,
    /// The presentity here: its fundamental identity.
    pub presentity: &'a str,
    /// Whom the source was asked for: the URI as it stood in the SUBSCRIBE.
    pub resource: &'a str,
    /// What this kind has kept of the source so far ([`Taken::kept`]); none with the first body of a dialog.
    pub kept: Option<&'a [u8]>,
    /// What the source contributes until now.
    pub shown: Option<&'a StoredDocument>,
    /// Type of the body: the value of Content-Type as received.
    pub media: &'a str,
    /// The body; never empty.
    pub body: &'a [u8],
}

/// What a body means.
#[derive(Clone, Debug, PartialEq)]
pub struct Taken {
    /// To be kept for the next body; empty for nothing.
    pub kept: Vec<u8>,
    /// What the source contributes now.
    pub shows: Shows,
    /// Something is missing, so full state is to be asked for by a refresh (EXT-03).
    pub refresh: bool,
    /// Identities that belong to the presentity by what the source says, as URIs, the one that was asked for
    /// among them; for `identity.learn`.
    pub identities: Vec<String>,
}

/// What a source contributes to the document.
#[derive(Clone, Debug, PartialEq)]
pub enum Shows {
    /// What it contributed before.
    Same,
    /// This. Its `entity` is of no consequence (EXT-17).
    Document(Box<StoredDocument>),
    /// Nothing.
    Nothing,
}

/// A body that cannot be taken: the answer to its NOTIFY.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// 415 with what is accepted.
    #[error("it is of a type that was not asked for")]
    Type,
    /// 400.
    #[error("it is malformed: {0}")]
    Malformed(&'static str),
    /// 413, or 400 where a limit on its parts was passed.
    #[error("it is larger than what is taken")]
    TooLarge,
}
