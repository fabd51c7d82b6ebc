//! Messages as bytes: framing, splitting, and the few values that the host itself reads.

mod address;
mod framing;
mod message;
mod parse;
mod scan;
mod split;
mod uri;
mod via;
mod writer;

pub use address::NameAddr;
pub use framing::{Framer, Unit};
pub use message::{Essentials, Field, Kind, Message, Span, Start};
pub use parse::{ParseError, Refusal};
pub use uri::SipUri;
pub use via::Via;

pub(crate) use scan::{decimal, first_value, is_token, values};
pub(crate) use uri::{host_address, is_parameter};
pub(crate) use writer::{Head, RequestParts, request_bytes};
