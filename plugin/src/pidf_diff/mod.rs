//! Partial PIDF (RFC 5262): presence documents, and what leads from one to the next, in bodies
//! of type `application/pidf-diff+xml`.

mod error;
#[doc(hidden)]
pub mod fuzzing;
mod notified;
mod received;
mod sent;

pub use error::PartialError;
pub use notified::{Held, Notified, notified};
pub use received::{Published, publish};
pub use sent::{Difference, full};

/// The media type.
pub const PIDF_DIFF: &str = "application/pidf-diff+xml";

/// The namespace of the root and of the operations.
const NAMESPACE: &str = "urn:ietf:params:xml:ns:pidf-diff";
