//! The engine's time.

use parking_lot::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Where the engine takes its time from.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since 1970-01-01T00:00:00Z. Never goes back while the process lives.
    fn now_ms(&self) -> u64;

    /// Registers a callback that runs whenever time has jumped ahead. A clock that cannot
    /// jump ignores it.
    fn on_jump(&self, callback: Box<dyn Fn() + Send + Sync>) {
        drop(callback);
    }
}

/// The system's clock, read once and continued monotonically, so that a correction of the
/// machine's time does not move timers. Tests push it ahead with [`HostClock::advance`].
pub struct HostClock {
    started: Instant,
    origin_ms: u64,
    ahead_ms: AtomicU64,
    callbacks: Mutex<Vec<Box<dyn Fn() + Send + Sync>>>,
}

impl HostClock {
    /// A clock that shows the system's time.
    pub fn new() -> HostClock {
        let origin = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        HostClock {
            started: Instant::now(),
            origin_ms: u64::try_from(origin.as_millis()).unwrap_or(u64::MAX),
            ahead_ms: AtomicU64::new(0),
            callbacks: Mutex::new(Vec::new()),
        }
    }

    /// Pushes the clock ahead and tells everyone who waits on it.
    pub fn advance(&self, ms: u64) {
        self.ahead_ms.fetch_add(ms, Ordering::SeqCst);
        for callback in self.callbacks.lock().iter() {
            callback();
        }
    }
}

impl Default for HostClock {
    fn default() -> HostClock {
        HostClock::new()
    }
}

impl Clock for HostClock {
    fn now_ms(&self) -> u64 {
        let elapsed = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.origin_ms.saturating_add(elapsed).saturating_add(self.ahead_ms.load(Ordering::SeqCst))
    }

    fn on_jump(&self, callback: Box<dyn Fn() + Send + Sync>) {
        self.callbacks.lock().push(callback);
    }
}
