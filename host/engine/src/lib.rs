//! Runs a SIP plugin component: the host side of `wit/plugin.wit`.
//!
//! A proxy or server that embeds this library brings a SIP stack ([`Edge`]) and a store
//! ([`rollcall_storage::Engine`]) and gets an [`Engine`]: requests go in, answers and requests
//! to send come out, and everything that the WIT package promises a plugin holds: atomic
//! steps, durable commits before anything leaves, timers, posts, limits, containment, and new
//! versions of the component between two steps.
//!
//! The library knows SIP messages as bytes and spans, and nothing of presence.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod background;
mod bindings;
mod clock;
mod commit;
mod compiled;
mod engine;
mod failures;
mod fault;
mod figures;
mod fit;
mod flush;
mod generation;
mod identity_rules;
mod in_flight;
mod inspection;
mod limits;
mod memory;
mod message;
mod metrics;
mod outbox;
mod partition;
mod registry;
mod rehearsal;
mod resume;
mod retrace;
mod runner;
mod schemas;
mod step;
mod succession;
mod tables;
mod trial;

pub use clock::{Clock, HostClock};
pub use compiled::Digest;
pub use engine::{Engine, StartError};
pub use failures::FailedStep;
pub use fault::Cause;
pub use figures::{Series, Value};
pub use fit::ComponentError;
pub use generation::Description;
pub use inspection::InspectError;
pub use limits::{EngineConfig, IdentityLimits, StepLimits};
pub use message::{
    Answer, Document, Edge, Failure, Header, Outcome, Outgoing, Peer, Reply, Request, Response, SendId, Span,
    Transport,
};
pub use metrics::{
    ByKind, Counter, GROUP_BOUNDS, Gauges, Histogram, IdentityCounts, Metrics, RecordCounts, ShadowCounts,
    TIME_BOUNDS,
};
#[doc(hidden)]
pub use rehearsal::fuzzing;
pub use rehearsal::{
    Beginning, Change, Chosen, Contents, Ending, Example, Group, Item, PromoteError, RecordError,
    RecordOptions, RecordedComponent, Recording, RecordingError, Replay, ReplayError, ReplayOptions, Report,
    ShadowStatus, Trace, Why, contents, replay,
};
pub use step::input::Kind;
pub use succession::{GenerationChange, GenerationInfo, GenerationState};
pub use tables::{
    BrokenTable, Conflict, Problems, RowSink, Table, TableBuilder, TableGauges, TableOutcome, TableProblem,
    TableReport, TableSource,
};
pub use trial::RollBack;
