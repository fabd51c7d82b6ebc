//! Refusals: what is wrong with a request, and the reply that says so.

use crate::ports::Reply;
use crate::sip::event::EventError;
use crate::sip::status::Status;
use crate::sip::{HeaderBlock, Malformed};

/// Media types that a publication may have, as an Accept header tells them.
pub const PUBLISH_ACCEPT: &str = "application/pidf+xml, application/pidf-diff+xml";
/// Event packages served, without templates.
pub const ALLOW_EVENTS: &str = "presence";

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// 400: the request breaks a grammar or a rule; the text becomes the reason phrase.
    BadRequest(String),
    /// 403 with its reason phrase.
    Forbidden(&'static str),
    /// 406: none of the types that the watcher accepts can be made (RFC 3856 6.5).
    NotAcceptable,
    /// 412: no such entity-tag (RFC 3903 6 step 3).
    ConditionFailed,
    /// 413: beyond a limit on published documents.
    TooLarge,
    /// 415 with the media types that would do; an empty text says that none would.
    UnsupportedMedia(&'static str),
    /// 415: Content-Encoding other than identity.
    UnsupportedEncoding,
    /// 416: Request-URI of an unknown scheme.
    UnsupportedScheme,
    /// 420 with the option tags that are not understood.
    BadExtension(Vec<String>),
    /// 423 with the least duration in seconds.
    TooBrief(u32),
    /// 481: no such subscription.
    NoDialog,
    /// 482: it is a request of this server's own (RFC 3261 21.4.20).
    Loop,
    /// 489 with the packages served.
    BadEvent,
    /// 500 with Retry-After: the subscription is on its way to another partition.
    Moving,
    /// 500 with Retry-After: the site's identity rules fail.
    IdentityRules,
    /// 500: CSeq lower than that of an earlier request (RFC 3261 10.3, 12.2.2).
    OutOfOrder,
    /// 500: it could not be done; the text becomes the reason phrase.
    Failed(String),
    /// 503 with seconds to wait.
    Busy(u32),
}

impl From<Malformed> for Refusal {
    fn from(malformed: Malformed) -> Self {
        Self::BadRequest(format!("Malformed or Missing {}", malformed.0))
    }
}

impl From<EventError> for Refusal {
    fn from(error: EventError) -> Self {
        match error {
            EventError::Missing => Self::BadEvent,
            EventError::Malformed => Self::BadRequest("Malformed Event".to_owned()),
        }
    }
}

impl Refusal {
    /// The status code.
    #[must_use]
    pub fn status(&self) -> Status {
        match self {
            Self::BadRequest(_) => Status::BAD_REQUEST,
            Self::Forbidden(_) => Status::FORBIDDEN,
            Self::NotAcceptable => Status::NOT_ACCEPTABLE,
            Self::ConditionFailed => Status::CONDITIONAL_REQUEST_FAILED,
            Self::TooLarge => Status::REQUEST_ENTITY_TOO_LARGE,
            Self::UnsupportedMedia(_) | Self::UnsupportedEncoding => Status::UNSUPPORTED_MEDIA_TYPE,
            Self::UnsupportedScheme => Status::UNSUPPORTED_URI_SCHEME,
            Self::BadExtension(_) => Status::BAD_EXTENSION,
            Self::TooBrief(_) => Status::INTERVAL_TOO_BRIEF,
            Self::NoDialog => Status::CALL_DOES_NOT_EXIST,
            Self::Loop => Status::LOOP_DETECTED,
            Self::BadEvent => Status::BAD_EVENT,
            Self::IdentityRules | Self::OutOfOrder | Self::Moving | Self::Failed(_) => {
                Status::SERVER_INTERNAL_ERROR
            }
            Self::Busy(_) => Status::SERVICE_UNAVAILABLE,
        }
    }

    /// The reply with the headers that RFC 3261 21, RFC 3903 6 and RFC 6665 ask for.
    #[must_use]
    pub fn into_reply(self) -> Reply {
        let status = self.status();
        let mut headers = HeaderBlock::with_capacity(64);
        let mut reason = status.reason().to_owned();
        match self {
            Self::BadRequest(text) | Self::Failed(text) => reason = text,
            Self::Forbidden(text) => reason = text.to_owned(),
            Self::UnsupportedMedia(accepted) => {
                headers.line("Accept", accepted);
            }
            Self::UnsupportedEncoding => {
                headers.line("Accept-Encoding", "identity");
            }
            Self::BadExtension(tags) => {
                headers.list("Unsupported", tags.iter().map(String::as_str));
            }
            Self::TooBrief(least) => {
                headers.number("Min-Expires", least.into());
            }
            Self::BadEvent => {
                headers.line("Allow-Events", ALLOW_EVENTS);
            }
            Self::IdentityRules => {
                headers.number("Retry-After", 10);
            }
            Self::OutOfOrder => reason = "CSeq Out of Order".to_owned(),
            Self::Moving => {
                headers.number("Retry-After", 1);
            }
            Self::Busy(seconds) => {
                headers.number("Retry-After", seconds.into());
            }
            Self::NotAcceptable
            | Self::ConditionFailed
            | Self::TooLarge
            | Self::UnsupportedScheme
            | Self::NoDialog
            | Self::Loop => {}
        }
        reply(status, reason, headers)
    }
}

/// A reply. Header values that cannot stand in a line, which no caller makes, leave no headers.
pub(crate) fn reply(status: Status, reason: String, headers: HeaderBlock) -> Reply {
    Reply {
        status: status.0,
        reason,
        headers: headers.finish().unwrap_or_default(),
        body: Vec::new(),
        to_tag: None,
        contact: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(refusal: Refusal) -> String {
        String::from_utf8(refusal.into_reply().headers).unwrap()
    }

    /// RFC 3261 8.2.2.3, 8.2.3, RFC 3903 6, RFC 6665 4.2.1.1: headers that a refusal must carry.
    #[test]
    fn a_refusal_tells_how_to_do_better() {
        let tags = vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(headers(Refusal::BadExtension(tags)), "Unsupported: a, b\r\n");
        assert_eq!(headers(Refusal::TooBrief(60)), "Min-Expires: 60\r\n");
        assert_eq!(headers(Refusal::BadEvent), "Allow-Events: presence\r\n");
        assert_eq!(headers(Refusal::Moving), "Retry-After: 1\r\n");
        assert_eq!(headers(Refusal::Busy(7)), "Retry-After: 7\r\n");
        assert_eq!(
            headers(Refusal::UnsupportedMedia(PUBLISH_ACCEPT)),
            "Accept: application/pidf+xml, application/pidf-diff+xml\r\n"
        );
        assert_eq!(headers(Refusal::UnsupportedEncoding), "Accept-Encoding: identity\r\n");
    }
}
