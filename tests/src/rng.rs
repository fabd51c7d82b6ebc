//! Randomness that can be repeated: xorshift64*, seeded.

use std::sync::atomic::{AtomicU64, Ordering};

/// A seeded generator. Same seed, same numbers.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// A generator with a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next 64 bits.
    pub fn draw(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `bound` (0 if that is 0).
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.draw() % bound }
    }
}

static COUNTER: AtomicU64 = AtomicU64::new(1);

/// A word that no other call returns, in this process or in another one of this run:
/// for tags, branches and Call-IDs.
#[must_use]
pub fn unique(prefix: &str) -> String {
    let n = COUNTER.fetch_add(1, Ordering::Relaxed);
    let nanos = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |d| u64::try_from(d.as_nanos() % 1_000_000_007).unwrap_or(0));
    format!("{prefix}{:x}x{n:x}x{nanos:x}", std::process::id())
}
