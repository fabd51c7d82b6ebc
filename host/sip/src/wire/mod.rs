//! Messages as bytes: framing, splitting, and the few values that the host itself reads.

mod message;

pub use message::{Field, Kind, Message, Span, Start};
