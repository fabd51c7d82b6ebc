//! Loose and strict routing: the form of a request for its first hop (RFC 3261 12.2.1.1, 16.6 step 6).

use bytes::Bytes;

use super::hop::NextHop;
use crate::core::{Failure, Request};
use crate::wire::{NameAddr, SipUri, first_value, is_parameter, values};

/// Finds the next hop of a request: its topmost Route, else its Request-URI (RFC 3261 8.1.2). If the topmost
/// Route has no `lr`, the request gets the form that a strict router expects: that URI as Request-URI, and the
/// former Request-URI as last Route.
pub(crate) fn route(request: &mut Request) -> Result<NextHop, Failure> {
    let target = SipUri::parse(request.uri.as_bytes());
    let Some(value) = header_lines(&request.headers).find_map(route_value) else {
        return NextHop::of(&request.uri, target);
    };
    // What asks for TLS end to end does not leave in clear over a route of sip URIs (RFC 3261 8.1.2).
    if target.is_some_and(|target| target.secure) {
        return NextHop::of(&request.uri, target);
    }
    let first = first_value(value);
    let address = NameAddr::parse(first).ok_or(Failure::Malformed("Route"))?;
    let uri = first.get(address.uri.0..address.uri.1).unwrap_or_default();
    let uri = std::str::from_utf8(uri).map_err(|_| Failure::Malformed("Route"))?;
    let first = SipUri::parse(uri.as_bytes());
    let hop = NextHop::of(uri, first)?;
    if first.is_some_and(|first| !first.loose) {
        // It is put between angle brackets.
        if request.uri.contains(['<', '>']) {
            return Err(Failure::Malformed("Request-URI"));
        }
        let uri = request_uri(uri);
        request.headers = strict_headers(&request.headers, &request.uri);
        request.uri = uri;
    }
    Ok(hop)
}

/// The header lines with the topmost Route taken away and the former Request-URI as last one. All routes come
/// into one line, the first.
fn strict_headers(headers: &[u8], former: &str) -> Bytes {
    let mut out = Vec::with_capacity(headers.len() + former.len() + 16);
    out.extend_from_slice(b"Route: ");
    for rest in header_lines(headers).filter_map(route_value).flat_map(values).skip(1) {
        out.extend_from_slice(rest);
        out.extend_from_slice(b", ");
    }
    for part in ["<", former, ">\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    for line in header_lines(headers).filter(|line| route_value(line).is_none()) {
        out.extend_from_slice(line);
    }
    out.into()
}

/// A SIP URI without what must not stand in a Request-URI: headers and `method` (RFC 3261 19.1.1).
fn request_uri(uri: &str) -> String {
    // The user part may hold ; and ? as well.
    let (user, rest) = uri.split_at(uri.rfind('@').unwrap_or(0));
    let bare = rest.split('?').next().unwrap_or_default();
    let mut out = String::with_capacity(uri.len());
    out.push_str(user);
    for (at, part) in bare.split(';').enumerate() {
        let name = part.split('=').next().unwrap_or_default();
        if at > 0 && is_parameter(name.as_bytes(), b"method") {
            continue;
        }
        if at > 0 {
            out.push(';');
        }
        out.push_str(part);
    }
    out
}

/// The lines of a block, each with its CRLF and the lines that are folded into it.
fn header_lines(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let folded = |end: &usize| !matches!(rest.get(end + 1), Some(b' ' | b'\t'));
        let end = memchr::memchr_iter(b'\n', rest).find(folded).map_or(rest.len(), |at| at + 1);
        let (line, next) = rest.split_at(end);
        rest = next;
        (!line.is_empty()).then_some(line)
    })
}

/// The value, if it is a line of Route.
fn route_value(line: &[u8]) -> Option<&[u8]> {
    let [b'R' | b'r', b'o' | b'O', ..] = line else { return None };
    let colon = memchr::memchr(b':', line)?;
    let name = line.get(..colon)?.trim_ascii();
    name.eq_ignore_ascii_case(b"Route").then_some(line.get(colon + 1..)?.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Transport;
    use crate::transport::PORT;

    fn request(uri: &str, headers: &'static str) -> Request {
        Request { uri: uri.into(), headers: headers.into(), ..Request::default() }
    }

    fn name(host: &str) -> NextHop {
        NextHop::Name { host: host.into(), port: None, transport: None }
    }

    /// Request-URI, header lines and next hop of what is sent.
    fn routed(uri: &str, headers: &'static str) -> (String, String, NextHop) {
        let mut request = request(uri, headers);
        let hop = route(&mut request).unwrap();
        (request.uri, String::from_utf8(request.headers.to_vec()).unwrap(), hop)
    }

    #[test]
    fn a_loose_route_leads_and_changes_nothing() {
        let headers =
            "To: <sip:a@b>\r\nroute : <sip:192.0.2.7:5070;transport=tcp;lr>, <sip:x>\r\nRoute: <sip:y>\r\n";
        let hop = NextHop::Address(Some(Transport::Tcp), "192.0.2.7".parse().unwrap(), 5070);
        assert_eq!(routed("sip:a@b", headers), ("sip:a@b".into(), headers.into(), hop), "RFC 3261 8.1.2");
        // Proxies write the flag with a value as well.
        assert_eq!(routed("tel:+1", "Route: <sip:p;lr=on>\r\n").0, "tel:+1");
    }

    #[test]
    fn the_request_uri_leads_where_there_is_no_route() {
        let headers = "To: <sip:a@b>\r\nRoute-Like: <sip:x>\r\n";
        assert_eq!(
            routed("sip:a@B.example", headers),
            ("sip:a@B.example".into(), headers.into(), name("b.example"))
        );
        let (.., hop) = routed("sip:a@b;maddr=[2001:db8::1]", "");
        assert_eq!(hop, NextHop::Address(None, "2001:db8::1".parse().unwrap(), PORT));
    }

    #[test]
    fn a_strict_router_becomes_the_request_uri() {
        let one = "Route: <sip:proxy1>,<sip:proxy2>,<sip:proxy3;lr>,<sip:proxy4>\r\nTo: <sip:a@b>\r\n";
        let expected = (
            "sip:proxy1".to_owned(),
            "Route: <sip:proxy2>, <sip:proxy3;lr>, <sip:proxy4>, <sip:user@remoteua>\r\nTo: <sip:a@b>\r\n"
                .to_owned(),
            name("proxy1"),
        );
        assert_eq!(routed("sip:user@remoteua", one), expected, "the example of RFC 3261 12.2.1.1");
        let several = "Route: <sip:proxy1>\r\nTo: <sip:a@b>\r\nroute: <sip:proxy2>,<sip:proxy3;lr>\r\nRoute: <sip:proxy4>\r\n";
        assert_eq!(routed("sip:user@remoteua", several), expected, "RFC 3261 7.3.1");
        let alone = routed("sip:a;b?c@d", "Subject: x\r\n y\r\nRoute: \"P, Q\" <sip:p>;x=y\r\nTo: z\r\n");
        assert_eq!(
            alone,
            ("sip:p".into(), "Route: <sip:a;b?c@d>\r\nSubject: x\r\n y\r\nTo: z\r\n".into(), name("p"))
        );
    }

    #[test]
    fn the_new_request_uri_has_no_headers_and_no_method() {
        let (uri, _, hop) =
            routed("sip:a@b", "Route: <sip:a?b;method=x@p1:5070;x=1;Method=INVITE;y?c=d;method=e>\r\n");
        assert_eq!(uri, "sip:a?b;method=x@p1:5070;x=1;y", "RFC 3261 19.1.1");
        assert_eq!(hop, NextHop::Name { host: "p1".into(), port: Some(5070), transport: None });
        assert_eq!(request_uri("sip:p1;method=INVITE"), "sip:p1");
    }

    #[test]
    fn what_cannot_be_reached_is_said() {
        for uri in ["tel:+15550100", "sips:a@192.0.2.1", "sip:a@192.0.2.1;transport=sctp", "nonsense"] {
            let outcome = route(&mut request(uri, ""));
            assert!(matches!(outcome, Err(Failure::Unresolved(_))), "{uri}");
        }
        for (uri, headers) in [
            ("sips:a@192.0.2.1", "Route: <sip:192.0.2.7;lr>\r\n"),
            ("sip:a@192.0.2.1", "Route: <sips:192.0.2.7;lr>\r\n"),
            ("sip:a@192.0.2.1", "Route: <tel:+15550100>\r\n"),
        ] {
            let outcome = route(&mut request(uri, headers));
            assert!(matches!(outcome, Err(Failure::Unresolved(_))), "RFC 3261 8.1.2: {headers}");
        }
    }

    #[test]
    fn what_would_break_the_message_is_refused() {
        let folded = "Route: <sip:p>,\r\n <sip:q>\r\n";
        assert_eq!(route(&mut request("sip:a@b", "Route: x\r\n")), Err(Failure::Malformed("Route")));
        assert_eq!(route(&mut request("sip:a@b", "Route: \r\n")), Err(Failure::Malformed("Route")));
        assert_eq!(route(&mut request("sip:a>@b", folded)), Err(Failure::Malformed("Request-URI")));
    }
}
