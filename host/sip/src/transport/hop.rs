//! The next hop of a request: topmost Route, else Request-URI (RFC 3261 8.1.2).

use std::net::{IpAddr, SocketAddr};

use super::PORT;
use crate::config::Transport;
use crate::core::{Failure, Request};
use crate::wire::{NameAddr, SipUri, first_value, host_address};

/// One address to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hop {
    /// None if the URI does not say: UDP then (RFC 3263 4.1, for an address).
    pub(crate) transport: Option<Transport>,
    pub(crate) address: SocketAddr,
}

/// Where a request goes, before names are looked up.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum NextHop {
    /// An address literal.
    Address(Option<Transport>, IpAddr, u16),
    /// A name for the resolver.
    Name { host: String, port: Option<u16>, transport: Option<Transport> },
}

impl NextHop {
    pub(crate) fn of(request: &Request) -> Result<NextHop, Failure> {
        let route = topmost_route(&request.headers);
        let uri = match route {
            Some(value) => {
                let first = first_value(value);
                let address = NameAddr::parse(first).ok_or(Failure::Malformed("Route"))?;
                first.get(address.uri.0..address.uri.1).unwrap_or_default()
            }
            None => request.uri.as_bytes(),
        };
        let uri = SipUri::parse(uri)
            .ok_or_else(|| Failure::Unresolved(format!("not a SIP URI: {}", String::from_utf8_lossy(uri))))?;
        let transport = match uri.transport {
            _ if uri.secure => {
                return Err(Failure::Unresolved("sips needs TLS, which is not spoken here".into()));
            }
            None => None,
            Some(t) if t.eq_ignore_ascii_case("udp") => Some(Transport::Udp),
            Some(t) if t.eq_ignore_ascii_case("tcp") => Some(Transport::Tcp),
            Some(t) => return Err(Failure::Unresolved(format!("transport {t} is not spoken here"))),
        };
        let host = uri.maddr.unwrap_or(uri.host);
        Ok(match host_address(host) {
            Some(ip) => NextHop::Address(transport, ip, uri.port.unwrap_or(PORT)),
            None => NextHop::Name { host: host.to_ascii_lowercase(), port: uri.port, transport },
        })
    }
}

/// Value of the first Route line in a block of header lines.
fn topmost_route(headers: &[u8]) -> Option<&[u8]> {
    let mut rest = headers;
    while !rest.is_empty() {
        let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
        let (line, next) = rest.split_at(end);
        rest = next;
        if let [b'R' | b'r', b'o' | b'O', ..] = line
            && let Some(colon) = memchr::memchr(b':', line)
            && line.get(..colon)?.trim_ascii().eq_ignore_ascii_case(b"Route")
        {
            return Some(line.get(colon + 1..)?.trim_ascii());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(uri: &str, headers: &'static str) -> Result<NextHop, Failure> {
        NextHop::of(&Request { uri: uri.into(), headers: headers.into(), ..Request::default() })
    }

    #[test]
    fn the_topmost_route_comes_before_the_request_uri() {
        let headers =
            "To: <sip:a@b>\r\nroute : <sip:192.0.2.7:5070;transport=tcp;lr>, <sip:x>\r\nRoute: <sip:y>\r\n";
        let expected = NextHop::Address(Some(Transport::Tcp), "192.0.2.7".parse().unwrap(), 5070);
        assert_eq!(hop("sip:a@b", headers), Ok(expected), "RFC 3261 8.1.2");
        let name = NextHop::Name { host: "b.example".into(), port: None, transport: None };
        assert_eq!(hop("sip:a@B.example", "To: <sip:a@b>\r\n"), Ok(name));
        let maddr = NextHop::Address(None, "2001:db8::1".parse().unwrap(), PORT);
        assert_eq!(hop("sip:a@b;maddr=[2001:db8::1]", ""), Ok(maddr));
    }

    #[test]
    fn what_cannot_be_reached_is_said() {
        for uri in ["tel:+15550100", "sips:a@192.0.2.1", "sip:a@192.0.2.1;transport=sctp", "nonsense"] {
            assert!(matches!(hop(uri, ""), Err(Failure::Unresolved(_))), "{uri}");
        }
    }
}
