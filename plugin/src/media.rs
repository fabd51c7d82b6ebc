//! Bodies that come in and types that may go out.

use serde::{Deserialize, Serialize};

use crate::errors::Refusal;
use crate::pidf_diff::PIDF_DIFF;
use crate::sip::disposition::{Disposition, is_plainly_encoded};
use crate::sip::media::{Accept, MediaType};
use crate::sip::{HeaderName, Malformed, Message};

/// Type of the documents sent.
pub const PIDF: &str = "application/pidf+xml";

/// Type of the documents that a watcher gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Format {
    /// `application/pidf+xml`.
    #[default]
    Pidf,
    /// `application/pidf-diff+xml` (RFC 5263): whole documents and what changed since.
    PidfDiff,
}

impl Format {
    /// The type for a watcher, by its Accept: partial documents only if it names their type, and
    /// rates it no lower (RFC 5263 section 4.3, FLT-16). Without an Accept header PIDF is taken
    /// for granted (RFC 3856 6.5, SUB-10, SUB-11).
    ///
    /// # Errors
    /// 406 if it accepts neither.
    pub fn of(message: &Message<'_>) -> Result<Self, Refusal> {
        if !message.has(HeaderName::Accept) {
            return Ok(Self::Pidf);
        }
        let accept = Accept::of(message)?.ok_or(Malformed("Accept"))?;
        let whole = accept.quality(&MediaType::parse(PIDF)?);
        let partial = accept.named_quality(&MediaType::parse(PIDF_DIFF)?);
        match (whole, partial) {
            (None, None) => Err(Refusal::NotAcceptable),
            (whole, Some(partial)) if whole.is_none_or(|whole| whole <= partial) => Ok(Self::PidfDiff),
            _ => Ok(Self::Pidf),
        }
    }
}

/// The body and its type, if there is one that counts: a body that is not understood counts as none if
/// its sender says that it is optional (RFC 3261 8.2.3, 20.11; SIP-09).
///
/// # Errors
/// 415 for a type or encoding that is not understood, with what would be (`accept`).
pub fn body<'a>(
    message: &Message<'a>,
    understood: &[&'static str],
    accept: &'static str,
) -> Result<Option<(&'static str, &'a [u8])>, Refusal> {
    if message.body().is_empty() {
        return Ok(None);
    }
    let media = MediaType::of(message)?;
    let known = media.and_then(|media| understood.iter().find(|name| media.is(name)));
    let plain = is_plainly_encoded(message);
    if let Some(known) = known
        && plain
    {
        return Ok(Some((known, message.body())));
    }
    if Disposition::of(message)?.is_some_and(|disposition| disposition.optional) {
        return Ok(None);
    }
    Err(if known.is_some() { Refusal::UnsupportedEncoding } else { Refusal::UnsupportedMedia(accept) })
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
