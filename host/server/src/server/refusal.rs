//! Answers that are not the component's.

use rollcall_sip::Response;

/// Seconds in Retry-After where the engine could not answer.
const RETRY_AFTER: u32 = 5;

/// Schemes of Request-URIs that a presence server is asked with (RFC 3261 8.2.2.1, RFC 3859).
const SCHEMES: [&[u8]; 4] = [b"sip", b"sips", b"tel", b"pres"];

const REGISTER: &str = "REGISTER";

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
    let known = methods.iter().any(|known| known.as_bytes() == method);
    if known && method == b"NOTIFY" {
        // RFC 6665 4.1.3: it belongs to no subscription.
        return Response::new(481, "Subscription Does Not Exist");
    }
    // This is no registrar: a REGISTER that the component has no use for is not for this address (RFC 3261 21.4.6).
    if !known || method == REGISTER.as_bytes() {
        let allowed: Vec<&str> =
            methods.iter().map(String::as_str).filter(|name| *name != REGISTER).collect();
        let allow = format!("Allow: {}\r\n", allowed.join(", "));
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
    fn what_the_component_passes_of_registers_and_notifies_has_its_own_answer() {
        let methods = ["SUBSCRIBE", "NOTIFY", "REGISTER"].map(str::to_owned);
        let register = passed(b"REGISTER", b"sip:example.com", &methods);
        assert_eq!((register.status, &register.headers[..]), (405, &b"Allow: SUBSCRIBE, NOTIFY\r\n"[..]));
        assert_eq!(passed(b"NOTIFY", b"sip:x@192.0.2.1", &methods).status, 481);
        assert_eq!(status("NOTIFY", "sip:x@192.0.2.1"), 405);
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
