//! A source as it is configured (WPS-14).

use std::net::SocketAddr;

use super::kind::SourceKind;
use crate::keys::Id;
use crate::sip::message::Peer;
use crate::step::Step;

/// When a source is subscribed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With the first watcher, until [`Source::grace`] after the last one.
    Demand,
    /// For everybody whom the directory names, at all times.
    Always,
}

/// User and password for digest authentication (RFC 3261 22).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The user.
    pub username: String,
    /// The password.
    pub password: String,
}

/// One configured source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What it is.
    pub kind: SourceKind,
    /// Its name, unique among all sources: `[a-z0-9._-]+`.
    pub name: String,
    /// Stands for the name in keys.
    pub id: Id,
    /// The server's own identity there (WPS-11): a SIP URI.
    pub super_user: String,
    /// Where it is: SIP URIs, the preferred one first.
    pub targets: Vec<String>,
    /// It knows users of this domain under their own identities; none if only those in the directory.
    pub domain: Option<String>,
    /// The directory has rows of it.
    pub listed: bool,
    /// When it is subscribed to.
    pub start: Start,
    /// Milliseconds for which a subscription is kept after the last watcher.
    pub grace: u64,
    /// Seconds that are asked for; none for what the event package has as default.
    pub expires: Option<u32>,
    /// New subscriptions a second, over all users.
    pub rate: u32,
    /// Milliseconds of the first and of the longest pause after a failure.
    pub retry: (u64, u64),
    /// For when it asks who we are.
    pub credentials: Option<Credentials>,
    /// Networks from which its NOTIFYs come, besides the trusted ones; empty: where its answers come from.
    pub peers: Vec<Network>,
    /// A registrar that sends third-party REGISTERs, which start the subscription (3GPP TS 24.141 A.7).
    pub third_party: bool,
}

impl Source {
    /// The id of the source with that name.
    #[must_use]
    pub fn id_of(name: &str) -> Id {
        // FNV-1a: stable over builds, which a hasher of the standard library is not.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Id(hash.to_be_bytes())
    }

    /// Name of the partition for what concerns the source as a whole. No identity is called so:
    /// presentities have other schemes.
    #[must_use]
    pub fn partition(&self) -> String {
        format!("source:{}", self.name)
    }

    /// True if what comes from there may be the source's: it is in the trust domain, or in a network that is
    /// configured for it.
    #[must_use]
    pub fn is_peer(&self, peer: Peer<'_>) -> bool {
        peer.trusted
            || peer.address.parse::<SocketAddr>().is_ok_and(|address| {
                self.peers.iter().any(|network| network.contains(address.ip().to_canonical()))
            })
    }

    /// Key of a presentity's record of a kind about this source.
    #[must_use]
    pub fn key(&self, kind: u8) -> [u8; 9] {
        self.id.key(kind)
    }
}

/// A range of IP addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// An address in it.
    pub address: std::net::IpAddr,
    /// Leading bits that count.
    pub bits: u8,
}

impl Network {
    /// Reads `192.0.2.0/24`, `2001:db8::/32` or a single address.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().ok()?)),
            None => (text, None),
        };
        let address: std::net::IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        (bits <= most).then_some(Self { address, bits })
    }

    /// True if an address lies in it.
    #[must_use]
    pub fn contains(self, address: std::net::IpAddr) -> bool {
        use std::net::IpAddr::{V4, V6};
        let differing = match (self.address, address) {
            (V4(a), V4(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
            (V6(a), V6(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
            _ => return false,
        };
        differing >= u32::from(self.bits)
    }
}

/// The source with that id.
#[must_use]
pub fn by_id<'a>(step: &Step<'a>, id: Id) -> Option<&'a Source> {
    step.configuration.external.iter().find(|source| source.id == id)
}

/// The name of the source whose partition the step is in, whether it is configured or not.
#[must_use]
pub fn name_of_partition<'a>(step: &Step<'a>) -> Option<&'a str> {
    step.partition.strip_prefix("source:")
}

/// The source whose partition the step is in.
#[must_use]
pub fn of_partition<'a>(step: &Step<'a>) -> Option<&'a Source> {
    let name = name_of_partition(step)?;
    step.configuration.external.iter().find(|source| source.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_contain_their_addresses() {
        let inside = |network: &str, address: &str| {
            Network::parse(network).unwrap().contains(address.parse().unwrap())
        };
        assert!(inside("192.0.2.0/24", "192.0.2.255") && !inside("192.0.2.0/24", "192.0.3.0"));
        assert!(inside("192.0.2.7", "192.0.2.7") && !inside("192.0.2.7", "192.0.2.6"));
        assert!(inside("0.0.0.0/0", "203.0.113.9") && !inside("0.0.0.0/0", "::1"));
        assert!(inside("2001:db8::/32", "2001:db8:ffff::1") && !inside("2001:db8::/32", "2001:db9::1"));
        for bad in ["", "192.0.2.0/33", "192.0.2/24", "::/129", "example.com"] {
            assert_eq!(Network::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_id_stays_the_same_over_builds() {
        assert_eq!(Source::id_of("partner").hex(), "9caaa76c1a7404f9");
    }
}
