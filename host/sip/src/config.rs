//! How a stack is set up.

use std::net::SocketAddr;

use ipnet::IpNet;

/// Transports that this stack speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// RFC 3261 18, unreliable.
    Udp,
    /// RFC 3261 18, a stream.
    Tcp,
}

impl Transport {
    /// The word in a Via (RFC 3261 20.42).
    pub fn via_name(self) -> &'static str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
        }
    }

    /// True if the transport delivers or says that it did not, so that nothing is retransmitted.
    pub fn is_reliable(self) -> bool {
        self == Transport::Tcp
    }
}

impl std::fmt::Display for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
        })
    }
}

/// Everything that [`crate::Stack::start`] wants to know.
#[derive(Debug, Clone)]
pub struct StackConfig {
    /// Where to listen; port 0 takes a free one (see [`crate::Stack::local_addrs`]).
    pub listen: Vec<(Transport, SocketAddr)>,
    /// Networks of the trust domain (RFC 3325): their P-Asserted-Identity is believed.
    pub trusted: Vec<IpNet>,
    /// Host name or address put into Via and Contact in place of the listening address.
    pub advertise: Option<String>,
    /// T1 in milliseconds, the round trip estimate (RFC 3261 17.1.1.1).
    pub t1: u64,
    /// T2 in milliseconds, the longest interval between retransmissions.
    pub t2: u64,
    /// T4 in milliseconds, how long a message may stay in the network.
    pub t4: u64,
    /// Longest request sent over UDP, in bytes (RFC 3261 18.1.1).
    pub udp_limit: usize,
    /// Longest message taken from a peer, in bytes.
    pub max_message: usize,
    /// Threads that serve each UDP listener; 0 for one a core.
    pub udp_threads: usize,
    /// When new requests are turned away.
    pub overload: Overload,
    /// Limits of TCP.
    pub tcp: TcpLimits,
}

impl Default for StackConfig {
    fn default() -> Self {
        StackConfig {
            listen: Vec::new(),
            trusted: Vec::new(),
            advertise: None,
            t1: 500,
            t2: 4_000,
            t4: 5_000,
            udp_limit: 1300,
            max_message: 65_535,
            udp_threads: 0,
            overload: Overload::default(),
            tcp: TcpLimits::default(),
        }
    }
}

/// When new requests are answered 503 (RFC 3261 21.5.4).
#[derive(Debug, Clone)]
pub struct Overload {
    /// Most requests that may wait for their answer at one time.
    pub pending: usize,
    /// Most server transactions kept at one time, answered ones included (Timer J).
    pub transactions: usize,
    /// Seconds in Retry-After.
    pub retry_after: u32,
}

impl Default for Overload {
    fn default() -> Self {
        Overload { pending: 50_000, transactions: 2_000_000, retry_after: 5 }
    }
}

/// Limits of TCP, so that slow or hostile peers cannot hurt others.
#[derive(Debug, Clone)]
pub struct TcpLimits {
    /// Most connections at one time; further ones are closed at once.
    pub connections: usize,
    /// Most connections with one address, so that one peer cannot take all of them.
    pub per_address: usize,
    /// Milliseconds without a byte from the peer after which a connection is closed. Real time, as all of
    /// these, not the stack's clock.
    pub idle: u64,
    /// Milliseconds that one message may take from its first byte to its last.
    pub message: u64,
    /// Most bytes waiting to be written to one peer; a peer that reads slower is disconnected.
    pub write_queue: usize,
    /// Milliseconds that opening a connection may take.
    pub connect: u64,
}

impl Default for TcpLimits {
    fn default() -> Self {
        TcpLimits {
            connections: 10_000,
            per_address: 2_000,
            idle: 600_000,
            message: 32_000,
            write_queue: 4 * 1024 * 1024,
            connect: 5_000,
        }
    }
}
