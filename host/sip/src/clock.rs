//! The time that transaction timers run on.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::Mutex;

/// Called by a clock when its time has jumped ahead.
pub type Wake = Box<dyn Fn() + Send + Sync>;

/// A source of time in milliseconds from some fixed start. It never goes back.
pub trait Clock: Send + Sync + 'static {
    /// The time now, in milliseconds.
    fn now_ms(&self) -> u64;

    /// Asks to be called after every jump. A clock that follows real time never jumps, so the default
    /// forgets the subscription: whoever waits on this clock looks at it every few milliseconds anyway.
    fn on_jump(&self, _wake: Wake) {}
}

/// The machine's monotonic clock.
#[derive(Debug)]
pub struct SystemClock(Instant);

impl SystemClock {
    /// A clock that starts at 0 now.
    pub fn new() -> Self {
        SystemClock(Instant::now())
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        SystemClock::new()
    }
}

impl Clock for SystemClock {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// A clock that stands still until it is told to go ahead; for tests.
#[derive(Default)]
pub struct ManualClock {
    now: AtomicU64,
    wakes: Mutex<Vec<Wake>>,
}

impl ManualClock {
    /// A clock that stands at 0.
    pub fn new() -> Self {
        ManualClock::default()
    }

    /// Goes ahead by so many milliseconds and wakes every subscriber.
    pub fn advance(&self, ms: u64) {
        self.now.fetch_add(ms, Ordering::SeqCst);
        for wake in self.wakes.lock().iter() {
            wake();
        }
    }
}

impl std::fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ManualClock").field("now", &self.now).finish_non_exhaustive()
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> u64 {
        self.now.load(Ordering::SeqCst)
    }

    fn on_jump(&self, wake: Wake) {
        self.wakes.lock().push(wake);
    }
}
