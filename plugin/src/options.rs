//! OPTIONS (RFC 3261 11.2): what the server can do. SIP-23.

use crate::errors::{ALLOW_EVENTS, PUBLISH_ACCEPT, reply};
use crate::ports::Reply;
use crate::sip::HeaderBlock;
use crate::sip::status::Status;

/// Methods answered, as an Allow header tells them. NOTIFY is what watchers get.
pub const ALLOW: &str = "PUBLISH, SUBSCRIBE, NOTIFY, OPTIONS";

/// The answer to OPTIONS. Template packages are not named in Allow-Events (RFC 6665 4.4.4).
#[must_use]
pub fn answer() -> Reply {
    let mut headers = HeaderBlock::with_capacity(160);
    headers.line("Allow", ALLOW).line("Accept", PUBLISH_ACCEPT).line("Allow-Events", ALLOW_EVENTS);
    // No option tag is supported yet; an empty list says so (RFC 3261 20.37).
    headers.line("Supported", "");
    reply(Status::OK, Status::OK.reason().to_owned(), headers)
}
