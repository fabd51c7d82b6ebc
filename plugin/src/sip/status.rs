//! Status codes that a presence server answers (RFC 3261 21, RFC 3903, RFC 6665).

/// A status code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Status(pub u16);

macro_rules! statuses {
    ($($name:ident = $code:literal $reason:literal;)*) => {
        impl Status {
            $(#[doc = concat!("`", $code, " ", $reason, "`")] pub const $name: Self = Self($code);)*

            /// The reason phrase; a general one for codes without a constant.
            pub const fn reason(self) -> &'static str {
                match self.0 {
                    $($code => $reason,)*
                    200..=299 => "OK",
                    300..=399 => "Redirection",
                    400..=499 => "Request Failure",
                    500..=599 => "Server Failure",
                    _ => "Global Failure",
                }
            }
        }
    };
}

statuses! {
    OK = 200 "OK";
    NO_NOTIFICATION = 204 "No Notification";
    BAD_REQUEST = 400 "Bad Request";
    UNAUTHORIZED = 401 "Unauthorized";
    FORBIDDEN = 403 "Forbidden";
    NOT_FOUND = 404 "Not Found";
    METHOD_NOT_ALLOWED = 405 "Method Not Allowed";
    NOT_ACCEPTABLE = 406 "Not Acceptable";
    CONDITIONAL_REQUEST_FAILED = 412 "Conditional Request Failed";
    REQUEST_ENTITY_TOO_LARGE = 413 "Request Entity Too Large";
    UNSUPPORTED_MEDIA_TYPE = 415 "Unsupported Media Type";
    UNSUPPORTED_URI_SCHEME = 416 "Unsupported URI Scheme";
    BAD_EXTENSION = 420 "Bad Extension";
    EXTENSION_REQUIRED = 421 "Extension Required";
    INTERVAL_TOO_BRIEF = 423 "Interval Too Brief";
    TEMPORARILY_UNAVAILABLE = 480 "Temporarily Unavailable";
    CALL_DOES_NOT_EXIST = 481 "Call/Transaction Does Not Exist";
    LOOP_DETECTED = 482 "Loop Detected";
    NOT_ACCEPTABLE_HERE = 488 "Not Acceptable Here";
    BAD_EVENT = 489 "Bad Event";
    SERVER_INTERNAL_ERROR = 500 "Server Internal Error";
    NOT_IMPLEMENTED = 501 "Not Implemented";
    SERVICE_UNAVAILABLE = 503 "Service Unavailable";
    SERVER_TIMEOUT = 504 "Server Time-out";
    MESSAGE_TOO_LARGE = 513 "Message Too Large";
    DECLINE = 603 "Decline";
}

impl Status {
    /// True for 200 to 299; a 202 counts as a 200 (SUB-06).
    pub const fn is_success(self) -> bool {
        matches!(self.0, 200..=299)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3903 11.2.1, RFC 6665 8.3.2, RFC 3261 21.4.17.
    #[test]
    fn reason_phrases_are_those_of_the_rfcs() {
        assert_eq!(Status::CONDITIONAL_REQUEST_FAILED.reason(), "Conditional Request Failed");
        assert_eq!(Status::BAD_EVENT.reason(), "Bad Event");
        assert_eq!(Status::INTERVAL_TOO_BRIEF.reason(), "Interval Too Brief");
        assert_eq!(Status(499).reason(), "Request Failure");
        assert!(Status(202).is_success() && !Status(300).is_success());
    }
}
