//! Names of header fields, classified once.

macro_rules! names {
    ($($variant:ident = $name:literal $(, $compact:literal)?;)*) => {
        /// A header field that a presence server reads. [`HeaderName::Other`] is every other one.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum HeaderName {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
            /// Any other field.
            Other,
        }

        impl HeaderName {
            /// The name in its usual spelling; empty for [`HeaderName::Other`].
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Other => "",
                }
            }

            fn by_compact(letter: u8) -> Self {
                match letter {
                    $($($compact => Self::$variant,)?)*
                    _ => Self::Other,
                }
            }

            #[cfg(test)]
            const ALL: &'static [Self] = &[$(Self::$variant),*];
        }
    };
}

names! {
    Accept = "Accept";
    AcceptEncoding = "Accept-Encoding";
    AcceptLanguage = "Accept-Language";
    AllowEvents = "Allow-Events", b'u';
    CallId = "Call-ID", b'i';
    Contact = "Contact", b'm';
    ContentDisposition = "Content-Disposition";
    ContentEncoding = "Content-Encoding", b'e';
    ContentLanguage = "Content-Language";
    ContentLength = "Content-Length", b'l';
    ContentType = "Content-Type", b'c';
    CSeq = "CSeq";
    Event = "Event", b'o';
    Expires = "Expires";
    From = "From", b'f';
    MaxForwards = "Max-Forwards";
    MinExpires = "Min-Expires";
    PAssertedIdentity = "P-Asserted-Identity";
    Privacy = "Privacy";
    ProxyAuthenticate = "Proxy-Authenticate";
    RecordRoute = "Record-Route";
    Require = "Require";
    RetryAfter = "Retry-After";
    Route = "Route";
    SipEtag = "SIP-ETag";
    SipIfMatch = "SIP-If-Match";
    SubscriptionState = "Subscription-State";
    Supported = "Supported", b'k';
    SuppressIfMatch = "Suppress-If-Match";
    To = "To", b't';
    Via = "Via", b'v';
    Warning = "Warning";
    WwwAuthenticate = "WWW-Authenticate";
}

impl HeaderName {
    /// Classifies a name as received: any case, full or compact form (RFC 3261 7.3.1, 7.3.3).
    pub fn classify(name: &[u8]) -> Self {
        use HeaderName as N;
        let candidates: &[N] = match name.len() {
            1 => return N::by_compact(name[0].to_ascii_lowercase()),
            2 => &[N::To],
            3 => &[N::Via],
            4 => &[N::CSeq, N::From],
            5 => &[N::Event, N::Route],
            6 => &[N::Accept],
            7 => &[N::CallId, N::Contact, N::Expires, N::Require, N::Privacy, N::Warning],
            8 => &[N::SipEtag],
            9 => &[N::Supported],
            11 => &[N::MinExpires, N::RetryAfter],
            12 => &[N::ContentType, N::MaxForwards, N::RecordRoute, N::AllowEvents, N::SipIfMatch],
            14 => &[N::ContentLength],
            15 => &[N::AcceptEncoding, N::AcceptLanguage],
            16 => &[N::ContentEncoding, N::ContentLanguage, N::WwwAuthenticate],
            17 => &[N::SuppressIfMatch],
            18 => &[N::SubscriptionState, N::ProxyAuthenticate],
            19 => &[N::PAssertedIdentity, N::ContentDisposition],
            _ => return N::Other,
        };
        let found =
            candidates.iter().find(|candidate| candidate.as_str().as_bytes().eq_ignore_ascii_case(name));
        found.copied().unwrap_or(N::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_case() {
        for name in HeaderName::ALL {
            assert_eq!(HeaderName::classify(name.as_str().as_bytes()), *name);
            assert_eq!(HeaderName::classify(name.as_str().to_uppercase().as_bytes()), *name);
            assert_eq!(HeaderName::classify(name.as_str().to_lowercase().as_bytes()), *name);
        }
    }

    /// RFC 3261 7.3.3, RFC 6665 8.2.1 and 8.2.2 (SIP-19).
    #[test]
    fn compact_forms_are_found() {
        let forms = [
            ("i", HeaderName::CallId),
            ("M", HeaderName::Contact),
            ("e", HeaderName::ContentEncoding),
            ("l", HeaderName::ContentLength),
            ("c", HeaderName::ContentType),
            ("f", HeaderName::From),
            ("K", HeaderName::Supported),
            ("t", HeaderName::To),
            ("v", HeaderName::Via),
            ("o", HeaderName::Event),
            ("U", HeaderName::AllowEvents),
            ("s", HeaderName::Other),
            ("", HeaderName::Other),
            ("Accept-", HeaderName::Other),
        ];
        for (form, name) in forms {
            assert_eq!(HeaderName::classify(form.as_bytes()), name, "{form}");
        }
    }
}
