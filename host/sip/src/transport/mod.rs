//! Transports and the way to a next hop (RFC 3261 18, RFC 3263).

mod hop;
mod resolver;
mod routing;
mod tcp;
mod udp;
mod until;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

pub(crate) use hop::{Hop, NextHop};
pub(crate) use resolver::{Resolved, Resolver};
pub(crate) use routing::route;
pub(crate) use tcp::{ConnectionId, Job, Sink, Tcp};
pub(crate) use udp::{Sent, Udp};
pub(crate) use until::Until;

use crate::config::Transport;
use crate::wire::{Message, Via, host_address};

/// The default port of SIP without TLS.
pub(crate) const PORT: u16 = 5060;

/// Where a response goes (RFC 3261 18.2.2).
#[derive(Debug, Clone, Copy)]
pub(crate) enum Route {
    /// From this UDP listener to this address.
    Udp { listener: usize, to: SocketAddr },
    /// Over this connection while it is open, else over a new one to this address.
    Tcp { connection: ConnectionId, back: SocketAddr },
}

impl Route {
    pub(crate) fn transport(self) -> Transport {
        match self {
            Route::Udp { .. } => Transport::Udp,
            Route::Tcp { .. } => Transport::Tcp,
        }
    }

    /// The way back for a datagram: `maddr`, else with `rport` the source address and port (RFC 3581 4), else
    /// the source address and the port of sent-by.
    pub(crate) fn over_udp(listener: usize, via: &Via, bytes: &[u8], source: SocketAddr) -> Route {
        let port = via.port.unwrap_or(PORT);
        let multicast =
            via.maddr.and_then(|maddr| std::str::from_utf8(maddr.of(bytes)).ok()).and_then(host_address);
        let to = match multicast {
            Some(address) => SocketAddr::new(address, port),
            None if via.rport.is_some() => source,
            None => SocketAddr::new(source.ip(), port),
        };
        Route::Udp { listener, to }
    }

    /// The way back for a message from a stream.
    pub(crate) fn over_tcp(connection: ConnectionId, via: Option<&Via>, source: SocketAddr) -> Route {
        let port = via.map_or(PORT, |via| via.port.unwrap_or(PORT));
        Route::Tcp { connection, back: SocketAddr::new(source.ip(), port) }
    }
}

/// Where a request goes, and from where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) transport: Transport,
    pub(crate) address: SocketAddr,
    /// The UDP listener that sends it; without meaning on TCP.
    pub(crate) listener: usize,
}

/// What a listener puts into Via and Contact.
#[derive(Debug, Clone)]
pub(crate) struct Advertised {
    pub(crate) transport: Transport,
    pub(crate) local: SocketAddr,
    /// `host:port`
    pub(crate) sent_by: String,
}

impl Advertised {
    pub(crate) fn new(transport: Transport, local: SocketAddr, advertise: Option<&str>) -> Advertised {
        let sent_by = match advertise {
            Some(host) if host.contains(':') && !host.starts_with('[') => {
                format!("[{host}]:{}", local.port())
            }
            Some(host) => format!("{host}:{}", local.port()),
            None if local.ip().is_unspecified() => {
                SocketAddr::new(own_address(local), local.port()).to_string()
            }
            None => local.to_string(),
        };
        Advertised { transport, local, sent_by }
    }

    /// `<sip:user@host:port;transport=tcp>`
    pub(crate) fn contact(&self, user: &str) -> String {
        let at = if user.is_empty() { "" } else { "@" };
        let parameter = if self.transport == Transport::Tcp { ";transport=tcp" } else { "" };
        // What would end the URI cannot be in a user part; a caller's mistake must not break the message.
        let user: String = user.chars().filter(|c| c.is_ascii_graphic() && !"<>\"@".contains(*c)).collect();
        format!("<sip:{user}{at}{}{parameter}>", self.sent_by)
    }

    /// True if the listener can reach addresses of this family.
    pub(crate) fn reaches(&self, address: SocketAddr) -> bool {
        self.local.is_ipv4() == address.is_ipv4() || self.local.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED)
    }
}

/// The address that this machine would use towards the outside. Connecting a UDP socket sends nothing.
fn own_address(local: SocketAddr) -> IpAddr {
    // Documentation addresses (RFC 5737, RFC 3849): they only choose a route.
    let v4 = ("0.0.0.0:0", "192.0.2.1:9", IpAddr::V4(Ipv4Addr::LOCALHOST));
    let v6 = ("[::]:0", "[2001:db8::1]:9", IpAddr::V6(Ipv6Addr::LOCALHOST));
    let probe = |(bind, outside, _): (&str, &str, IpAddr)| {
        let socket = UdpSocket::bind(bind).ok()?;
        socket.connect(outside).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    if local.is_ipv4() {
        return probe(v4).unwrap_or(v4.2);
    }
    probe(v6).or_else(|| probe(v4)).unwrap_or(v6.2)
}

/// True if the response carries our Via alone (RFC 3261 8.1.3.3).
pub(crate) fn has_single_via(message: &Message) -> bool {
    let mut vias = message.headers.iter().filter(|field| field.kind == crate::wire::Kind::Via);
    let first = vias.next().is_some_and(|field| field.value.end == message.essentials.via.end);
    first && vias.next().is_none()
}
