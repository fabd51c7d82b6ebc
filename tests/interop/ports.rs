//! Ports for peers that have to be told theirs.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

/// A port on loopback that is free for UDP and TCP, as is the one above it (phones take that for
/// TLS). From a range that neither the system nor the servers of other tests take ports from.
pub(crate) fn free_pair() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let own = u16::try_from(std::process::id() % 400).unwrap() * 20;
    let free = |port| {
        let address = (Ipv4Addr::LOCALHOST, port);
        UdpSocket::bind(address).is_ok() && TcpListener::bind(address).is_ok()
    };
    let candidates = (0..4000).map(|_| 11000 + (own + 2 * NEXT.fetch_add(1, Ordering::Relaxed)) % 8000);
    candidates.into_iter().find(|port| free(*port) && free(port + 1)).expect("a free pair of ports")
}
