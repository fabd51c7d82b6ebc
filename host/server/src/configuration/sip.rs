//! `[sip]`: where to listen and whom to believe.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use toml::de::DeValue;

use super::section::Section;
use super::value::{Expected, count, parsed};

/// `[sip]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sip {
    /// Addresses to listen on; at least one.
    pub listen: Vec<Listen>,
    /// Networks whose P-Asserted-Identity is believed (RFC 3325).
    pub trusted: Vec<IpNet>,
    /// Host name or address that peers reach this server by, for Via and Contact; the address
    /// listened on if absent.
    pub advertise: Option<String>,
    /// Threads for each UDP listener; the number of processors if absent.
    pub workers: Option<usize>,
    /// Requests waiting for their answer at the same time, beyond which new ones get 503; left to
    /// the SIP stack if absent.
    pub overload: Option<usize>,
}

/// An address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    /// The transport.
    pub transport: Transport,
    /// Port 0: any free port.
    pub address: SocketAddr,
}

/// Transports that this version has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// UDP
    Udp,
    /// TCP
    Tcp,
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.transport {
            Transport::Udp => write!(f, "udp:{}", self.address),
            Transport::Tcp => write!(f, "tcp:{}", self.address),
        }
    }
}

impl Sip {
    pub(super) fn read(mut section: Section<'_>) -> Option<Self> {
        section.require("listen", "an array such as [\"udp:127.0.0.1:5060\", \"tcp:127.0.0.1:5060\"]");
        let listen = section.list("listen", listen);
        let trusted = section.list("trusted", network).unwrap_or_default();
        let advertise = section.value("advertise", host);
        let workers = section.value("workers", count(1..=256));
        let overload = section.value("overload", count(1..=1_000_000));
        if let Some(addresses) = &listen {
            if addresses.is_empty() {
                section.refuse("listen", "at least one address");
            }
            if advertise.is_none() && addresses.iter().any(|listen| listen.address.ip().is_unspecified()) {
                let expected = "sip.advertise beside an address that stands for all, since peers \
                                cannot be told to come back to that";
                section.refuse("listen", expected);
            }
        }
        section.finish();
        Some(Self { listen: listen?, trusted, advertise, workers, overload })
    }
}

fn listen(value: &DeValue<'_>) -> Result<Listen, Expected> {
    let text = value.as_str().unwrap_or_default();
    let (transport, address) = text.split_once(':').unwrap_or_default();
    let transport = match transport {
        "udp" => Some(Transport::Udp),
        "tcp" => Some(Transport::Tcp),
        _ => None,
    };
    match (transport, address.parse()) {
        (Some(transport), Ok(address)) => Ok(Listen { transport, address }),
        _ => Err("\"udp:ADDRESS:PORT\" or \"tcp:ADDRESS:PORT\", with an IP address ([…] around IPv6)".into()),
    }
}

/// A network, or a single address.
fn network(value: &DeValue<'_>) -> Result<IpNet, Expected> {
    let expected = "a network such as \"192.0.2.0/24\", or an IP address";
    parsed::<IpNet>(expected)(value).or_else(|_| parsed::<IpAddr>(expected)(value).map(IpNet::from))
}

/// A host as it stands in a Via (RFC 3261 25.1): name, IPv4 address or IPv6 address.
fn host(value: &DeValue<'_>) -> Result<String, Expected> {
    let text = value.as_str().unwrap_or_default();
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let address = text.parse::<IpAddr>().is_ok_and(|address| !address.is_unspecified());
    let name = text.len() <= 253
        && text.split('.').all(label)
        && text.rsplit('.').next().is_some_and(|top| top.starts_with(|c: char| c.is_ascii_alphabetic()));
    if address || name {
        Ok(text.to_owned())
    } else {
        Err("a host name or an IP address, without port".into())
    }
}
