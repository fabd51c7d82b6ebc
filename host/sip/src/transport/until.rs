//! Addresses that something holds for until a given time: a refusal, a pause.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

/// Most addresses kept; beyond that old ones are thrown out, then new ones are not taken.
const MAX: usize = 10_000;

/// A small map with a free answer while it is empty.
#[derive(Debug, Default)]
pub(crate) struct Until {
    len: AtomicUsize,
    map: Mutex<HashMap<SocketAddr, u64>>,
}

impl Until {
    /// It holds for `address` until `end`.
    pub(crate) fn set(&self, address: SocketAddr, end: u64, now: u64) {
        let mut map = self.map.lock();
        if map.len() >= MAX {
            map.retain(|_, end| *end > now);
        }
        if map.len() < MAX {
            map.insert(address, end);
        }
        self.len.store(map.len(), Ordering::Release);
    }

    /// Milliseconds for which it still holds.
    pub(crate) fn left(&self, address: SocketAddr, now: u64) -> Option<u64> {
        if self.len.load(Ordering::Acquire) == 0 {
            return None;
        }
        let mut map = self.map.lock();
        let left = map.get(&address)?.checked_sub(now).filter(|&left| left > 0);
        if left.is_none() {
            map.remove(&address);
            self.len.store(map.len(), Ordering::Release);
        }
        left
    }
}
