//! Answers that are not the component's.

use rollcall_sip::Response;

/// Seconds in Retry-After where the engine could not answer.
const RETRY_AFTER: u32 = 5;

/// Schemes of Request-URIs that a presence server is asked with (RFC 3261 8.2.2.1, RFC 3859).
const SCHEMES: [&[u8]; 4] = [b"sip", b"sips", b"tel", b"pres"];

/// A step failed and left nothing behind.
pub(super) fn failed() -> Response {
    Response { headers: retry_after(), ..Response::new(500, "Server Internal Error") }
}

/// Too much waits, or the server is about to stop (RFC 3261 21.5.4).
pub(super) fn busy() -> Response {
    Response { headers: retry_after(), ..Response::new(503, "Service Unavailable") }
}

/// The component has passed, and nothing stands behind it: which of the checks of RFC 3261 8.2 the
/// request does not pass. `methods` are those that the component takes.
pub(super) fn passed(method: &[u8], uri: &[u8], methods: &[String]) -> Response {
    if !methods.iter().any(|known| known.as_bytes() == method) {
        let allow = format!("Allow: {}\r\n", methods.join(", "));
        return Response { headers: allow.into(), ..Response::new(405, "Method Not Allowed") };
    }
    let scheme = uri.split(|byte| *byte == b':').next().unwrap_or_default();
    if !SCHEMES.iter().any(|known| known.eq_ignore_ascii_case(scheme)) {
        return Response::new(416, "Unsupported URI Scheme");
    }
    Response::new(404, "Not Found")
}

fn retry_after() -> bytes::Bytes {
    format!("Retry-After: {RETRY_AFTER}\r\n").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(method: &str, uri: &str) -> u16 {
        let methods = ["PUBLISH", "SUBSCRIBE"].map(str::to_owned);
        passed(method.as_bytes(), uri.as_bytes(), &methods).status
    }

    #[test]
    fn sip_05_an_unsupported_method_is_refused_before_anything_else() {
        assert_eq!(status("INVITE", "urn:service:sos"), 405);
        assert_eq!(status("publish", "sip:a@example.com"), 405, "methods are case-sensitive (RFC 3261 7.1)");
        let refusal = passed(b"INVITE", b"sip:a@b", &["PUBLISH".into(), "SUBSCRIBE".into()]);
        assert_eq!(&refusal.headers[..], b"Allow: PUBLISH, SUBSCRIBE\r\n");
    }

    #[test]
    fn sip_06_the_scheme_comes_before_the_resource() {
        assert_eq!(status("PUBLISH", "http://example.com"), 416);
        assert_eq!(status("PUBLISH", "urn:service:sos"), 416);
        assert_eq!(status("PUBLISH", ""), 416);
        for uri in ["sip:a@elsewhere.example", "SIPS:a@b", "tel:+15550100", "pres:a@b"] {
            assert_eq!(status("PUBLISH", uri), 404, "{uri}");
        }
    }
}
