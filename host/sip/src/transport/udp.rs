//! One UDP listener: threads that read it in batches, sends that never block their caller.

use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendto, setsockopt, sockopt};
use parking_lot::{Condvar, Mutex};
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg};

/// Datagrams taken or given in one system call.
const BATCH: usize = 32;
/// Asked of the kernel for each direction; what it grants may be less.
const KERNEL_BUFFER: usize = 8 * 1024 * 1024;
/// Longest datagram there is.
const DATAGRAM: usize = 65_535;
/// Most messages that wait for room in the kernel; more are lost, as they would be on the network.
const BACKLOG: usize = 200_000;

#[derive(Debug)]
pub(crate) struct Udp {
    socket: UdpSocket,
    local: SocketAddr,
    backlog: Mutex<VecDeque<(Bytes, SocketAddr)>>,
    /// Messages in the backlog or on their way out of it: while there are some, others queue behind.
    waiting: AtomicUsize,
    more: Condvar,
}

impl Udp {
    pub(crate) fn bind(address: SocketAddr) -> io::Result<Udp> {
        let socket = UdpSocket::bind(address)?;
        // The forced forms need a privilege and pass the system's maximum; the others always work.
        if setsockopt(&socket, sockopt::RcvBufForce, &KERNEL_BUFFER).is_err() {
            setsockopt(&socket, sockopt::RcvBuf, &KERNEL_BUFFER)?;
        }
        if setsockopt(&socket, sockopt::SndBufForce, &KERNEL_BUFFER).is_err() {
            setsockopt(&socket, sockopt::SndBuf, &KERNEL_BUFFER)?;
        }
        // So that the threads look up now and then whether to stop.
        socket.set_read_timeout(Some(Duration::from_millis(100)))?;
        let local = socket.local_addr()?;
        Ok(Udp {
            socket,
            local,
            backlog: Mutex::default(),
            waiting: AtomicUsize::new(0),
            more: Condvar::new(),
        })
    }

    pub(crate) fn local(&self) -> SocketAddr {
        self.local
    }

    /// Reads until `stop`; every datagram goes to `receive`.
    pub(crate) fn read(&self, stop: &AtomicBool, mut receive: impl FnMut(&[u8], SocketAddr)) {
        let fd = self.socket.as_raw_fd();
        let mut buffers = vec![vec![0u8; DATAGRAM]; BATCH];
        let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(BATCH, None);
        while !stop.load(Ordering::Acquire) {
            let mut received = [(0usize, None::<SocketAddr>); BATCH];
            let mut slices: Vec<[IoSliceMut<'_>; 1]> =
                buffers.iter_mut().map(|buffer| [IoSliceMut::new(buffer)]).collect();
            match recvmmsg(fd, &mut headers, slices.iter_mut(), MsgFlags::MSG_WAITFORONE, None) {
                Ok(results) => {
                    for (slot, message) in received.iter_mut().zip(results) {
                        *slot = (message.bytes, message.address.as_ref().and_then(to_std));
                    }
                }
                Err(Errno::EAGAIN | Errno::EINTR) => continue,
                Err(errno) => {
                    // Errors of earlier sends may show up here; they say nothing about the socket.
                    tracing::debug!(%errno, "reading UDP");
                    std::thread::sleep(Duration::from_millis(1));
                    continue;
                }
            }
            for (buffer, (length, source)) in buffers.iter().zip(received) {
                if let (Some(datagram), Some(source)) = (buffer.get(..length), source) {
                    receive(datagram, source);
                }
            }
        }
    }

    /// Lets up to `n` reading threads and the draining one look up, by empty datagrams to itself. Best effort:
    /// they look up by themselves a little later.
    pub(crate) fn wake(&self, n: usize) {
        let ip = match self.local.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        for _ in 0..n {
            let _ = self.socket.send_to(&[], SocketAddr::new(ip, self.local.port()));
        }
        self.more.notify_all();
    }

    /// Sends a datagram, now or as soon as the kernel has room.
    pub(crate) fn send(&self, bytes: &Bytes, to: SocketAddr) -> Result<Sent, Errno> {
        if self.waiting.load(Ordering::Acquire) > 0 {
            return Ok(self.queue(bytes.clone(), to));
        }
        match sendto(self.socket.as_raw_fd(), bytes, &self.address(to), MsgFlags::MSG_DONTWAIT) {
            Ok(_) => Ok(Sent::Now),
            Err(Errno::EAGAIN | Errno::ENOBUFS) => Ok(self.queue(bytes.clone(), to)),
            Err(errno) => Err(errno),
        }
    }

    /// Sends datagrams in order, many in one system call. `failed` gets the position of each that cannot be
    /// sent; how many had to wait, and how many were lost, is returned.
    pub(crate) fn send_all(
        &self,
        all: &[(Bytes, SocketAddr)],
        mut failed: impl FnMut(usize, Errno),
    ) -> (u64, u64) {
        let (mut waits, mut lost) = (0, 0);
        let mut at = 0;
        while at < all.len() {
            let batch = all.get(at..(at + BATCH).min(all.len())).unwrap_or_default();
            let sent = if self.waiting.load(Ordering::Acquire) > 0 || batch.len() == 1 {
                0
            } else {
                self.send_batch(batch)
            };
            at += sent;
            if sent < batch.len() {
                // The one that stopped the batch: alone its error shows.
                if let Some((bytes, to)) = all.get(at) {
                    match self.send(bytes, *to) {
                        Ok(Sent::Later) => waits += 1,
                        Ok(Sent::Lost) => lost += 1,
                        Ok(Sent::Now) => {}
                        Err(errno) => failed(at, errno),
                    }
                }
                at += 1;
            }
        }
        (waits, lost)
    }

    /// Sends as many as the kernel takes in one call, and says how many those were.
    fn send_batch(&self, batch: &[(Bytes, SocketAddr)]) -> usize {
        let addresses: Vec<SocketAddrAny> = batch.iter().map(|(_, to)| self.mapped(*to).into()).collect();
        let slices: Vec<[IoSlice<'_>; 1]> = batch.iter().map(|(bytes, _)| [IoSlice::new(bytes)]).collect();
        let mut control: Vec<SendAncillaryBuffer<'_, '_, '_>> =
            batch.iter().map(|_| SendAncillaryBuffer::default()).collect();
        let mut messages: Vec<MMsgHdr<'_>> = addresses
            .iter()
            .zip(&slices)
            .zip(&mut control)
            .map(|((address, slice), control)| MMsgHdr::new_with_addr(address, slice, control))
            .collect();
        sendmmsg(&self.socket, &mut messages, SendFlags::DONTWAIT).unwrap_or(0)
    }

    fn queue(&self, bytes: Bytes, to: SocketAddr) -> Sent {
        let mut backlog = self.backlog.lock();
        if backlog.len() < BACKLOG {
            backlog.push_back((bytes, to));
            self.waiting.fetch_add(1, Ordering::AcqRel);
            self.more.notify_one();
            Sent::Later
        } else {
            Sent::Lost
        }
    }

    /// Sends what has to wait, until `stop`. Runs on a thread of its own, which may block.
    pub(crate) fn drain(&self, stop: &AtomicBool) {
        while !stop.load(Ordering::Acquire) {
            let next = {
                let mut backlog = self.backlog.lock();
                if backlog.is_empty() {
                    self.more.wait_for(&mut backlog, Duration::from_millis(100));
                }
                backlog.pop_front()
            };
            let Some((bytes, to)) = next else { continue };
            let address = self.address(to);
            loop {
                match sendto(self.socket.as_raw_fd(), &bytes, &address, MsgFlags::empty()) {
                    Err(Errno::EINTR) => {}
                    Err(Errno::ENOBUFS | Errno::EAGAIN) => std::thread::sleep(Duration::from_millis(1)),
                    Err(errno) => {
                        tracing::debug!(%errno, %to, "sending UDP");
                        break;
                    }
                    Ok(_) => break,
                }
            }
            self.waiting.fetch_sub(1, Ordering::AcqRel);
        }
    }

    fn address(&self, to: SocketAddr) -> SockaddrStorage {
        SockaddrStorage::from(self.mapped(to))
    }

    /// An IPv6 socket wants IPv4 addresses mapped.
    fn mapped(&self, to: SocketAddr) -> SocketAddr {
        match to.ip() {
            IpAddr::V4(v4) if self.local.is_ipv6() => {
                SocketAddr::new(IpAddr::V6(v4.to_ipv6_mapped()), to.port())
            }
            _ => to,
        }
    }
}

/// When a datagram left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    Now,
    /// It waits for room in the kernel's buffer.
    Later,
    /// Too many wait already.
    Lost,
}

fn to_std(address: &SockaddrStorage) -> Option<SocketAddr> {
    let address = match (address.as_sockaddr_in(), address.as_sockaddr_in6()) {
        (Some(v4), _) => SocketAddr::V4((*v4).into()),
        (_, Some(v6)) => SocketAddr::V6((*v6).into()),
        _ => return None,
    };
    Some(SocketAddr::new(address.ip().to_canonical(), address.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_had_to_wait_leaves_in_order_and_nothing_overtakes_it() {
        let udp = Udp::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        peer.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let to = peer.local_addr().unwrap();
        let message = |n: u8| Bytes::from(vec![n]);
        assert_eq!(udp.queue(message(0), to), Sent::Later);
        assert_eq!(udp.send(&message(1), to), Ok(Sent::Later), "behind the one that waits");
        let batch = [(message(2), to), (message(3), to)];
        assert_eq!(udp.send_all(&batch, |_, errno| panic!("{errno}")), (2, 0));
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| udp.drain(&stop));
            for n in 0..4 {
                let mut buffer = [9; 8];
                assert_eq!(peer.recv(&mut buffer).unwrap(), 1);
                assert_eq!(buffer[0], n);
            }
            stop.store(true, Ordering::Release);
            udp.wake(0);
        });
        assert_eq!(udp.send(&message(4), to), Ok(Sent::Now), "the way is free again");
    }

    #[test]
    fn one_bad_address_does_not_stop_a_batch() {
        let udp = Udp::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        peer.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let to = peer.local_addr().unwrap();
        let nowhere = "255.255.255.255:9".parse().unwrap();
        let batch: Vec<(Bytes, SocketAddr)> =
            (0..70u8).map(|n| (Bytes::from(vec![n]), if n % 33 == 5 { nowhere } else { to })).collect();
        let mut failed = Vec::new();
        udp.send_all(&batch, |at, _| failed.push(at));
        assert_eq!(failed, [5, 38]);
        for n in (0..70u8).filter(|n| n % 33 != 5) {
            let mut buffer = [0; 8];
            peer.recv(&mut buffer).unwrap();
            assert_eq!(buffer[0], n);
        }
    }
}
