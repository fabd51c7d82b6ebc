//! Percentiles of times.

use serde::Serialize;
use std::time::Duration;

/// Times as they were measured.
#[derive(Debug, Default)]
pub struct Times(Vec<u32>);

impl Times {
    /// Takes one more.
    pub fn add(&mut self, time: Duration) {
        self.0.push(u32::try_from(time.as_micros()).unwrap_or(u32::MAX));
    }

    /// The percentiles of all taken.
    pub fn percentiles(mut self) -> Percentiles {
        self.0.sort_unstable();
        let at = |part: f64| {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
            let index = (self.0.len() as f64 * part) as usize;
            self.0.get(index.min(self.0.len().saturating_sub(1))).map_or(0.0, |us| f64::from(*us) / 1000.0)
        };
        Percentiles {
            count: self.0.len(),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: at(1.0),
        }
    }
}

/// Percentiles, milliseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Percentiles {
    /// Number of times measured.
    pub count: usize,
    /// Half took no longer.
    pub p50: f64,
    /// 90 % took no longer.
    pub p90: f64,
    /// 99 % took no longer.
    pub p99: f64,
    /// 99.9 % took no longer.
    pub p999: f64,
    /// None took longer.
    pub max: f64,
}
