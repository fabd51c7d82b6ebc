//! Where a URI leads to (RFC 3263 4), before names are looked up.

use std::net::{IpAddr, SocketAddr};

use super::PORT;
use crate::config::Transport;
use crate::core::Failure;
use crate::wire::{SipUri, host_address};

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
    /// By RFC 3263 4 as far as the URI says it. `text` is the URI as it was read.
    pub(crate) fn of(text: &str, uri: Option<SipUri<'_>>) -> Result<NextHop, Failure> {
        let uri = uri.ok_or_else(|| Failure::Unresolved(format!("not a SIP URI: {text}")))?;
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
