//! Bodies that come in and types that may go out.

use crate::errors::Refusal;
use crate::sip::disposition::{Disposition, is_plainly_encoded};
use crate::sip::media::{Accept, MediaType};
use crate::sip::{HeaderName, Malformed, Message};

/// Type of the documents sent.
pub const PIDF: &str = "application/pidf+xml";

/// The body, if there is one that counts: a body that is not understood counts as none if
/// its sender says that it is optional (RFC 3261 8.2.3, 20.11; SIP-09).
///
/// # Errors
/// 415 for a type or encoding that is not understood, with what would be (`accept`).
pub fn body<'a>(
    message: &Message<'a>,
    understood: &[&str],
    accept: &'static str,
) -> Result<Option<&'a [u8]>, Refusal> {
    if message.body().is_empty() {
        return Ok(None);
    }
    let media = MediaType::of(message)?;
    let known = media.is_some_and(|media| understood.iter().any(|name| media.is(name)));
    let plain = is_plainly_encoded(message);
    if known && plain {
        return Ok(Some(message.body()));
    }
    if Disposition::of(message)?.is_some_and(|disposition| disposition.optional) {
        return Ok(None);
    }
    Err(if known { Refusal::UnsupportedEncoding } else { Refusal::UnsupportedMedia(accept) })
}

/// A watcher accepts what is sent to it. Without an Accept header the package's own type is
/// taken for granted (RFC 3856 6.5, RFC 3857 4.5, SUB-10, SUB-11, WIN-02).
///
/// # Errors
/// 406 if it does not.
pub fn check_accept(message: &Message<'_>, media: &str) -> Result<(), Refusal> {
    if !message.has(HeaderName::Accept) {
        return Ok(());
    }
    let accept = Accept::of(message)?.ok_or(Malformed("Accept"))?;
    match accept.quality(&MediaType::parse(media)?) {
        Some(_) => Ok(()),
        None => Err(Refusal::NotAcceptable),
    }
}
