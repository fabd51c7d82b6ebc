//! Typed SIP values, as far as a presence server reads or writes them.
//!
//! Everything here is pure and borrows from the message it was read from. A value that does
//! not follow its grammar is [`Malformed`], which a server answers with 400.

pub mod asserted;
pub mod cseq;
pub mod date;
pub mod dialog;
pub mod digest;
pub mod disposition;
pub mod etag;
pub mod event;
pub mod expires;
pub mod header_name;
pub mod headers;
pub mod identity;
pub(crate) mod lex;
pub mod media;
pub mod message;
pub mod name_addr;
pub mod option_tags;
pub mod owned;
pub mod params;
pub mod status;
pub mod subscription_state;
pub mod token;
pub mod uri;

#[doc(hidden)]
pub mod fuzzing;

pub use header_name::HeaderName;
pub use headers::HeaderBlock;
pub use identity::Identity;
pub use message::Message;
pub use name_addr::NameAddr;
pub use uri::Uri;

/// A value that does not follow its grammar or is there too often. Holds the name of the
/// header or value, fit for a reason phrase or a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed {0}")]
pub struct Malformed(pub &'static str);
