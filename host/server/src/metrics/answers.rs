//! Requests of peers and how they were answered. Those that the SIP stack answers itself (broken ones,
//! overload) are in its own counts.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Page, Source};

/// Methods that are counted by name; the last stands for all others.
const METHODS: [&str; 7] = ["PUBLISH", "SUBSCRIBE", "NOTIFY", "REGISTER", "OPTIONS", "MESSAGE", "other"];
/// Final statuses: 200 to 699.
const STATUSES: usize = 500;

/// Counts the final answers of this server's core. Clones count together.
#[derive(Clone, Debug)]
pub struct Answers(Arc<[AtomicU64]>);

/// A method as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Method(u8);

impl Default for Answers {
    fn default() -> Self {
        Self((0..METHODS.len() * STATUSES).map(|_| AtomicU64::new(0)).collect())
    }
}

impl Answers {
    /// How a method is counted.
    pub fn method(name: &[u8]) -> Method {
        let other = METHODS.len() - 1;
        let index = METHODS.iter().position(|method| method.as_bytes() == name).unwrap_or(other);
        Method(u8::try_from(index).unwrap_or_default())
    }

    /// Counts an answer.
    pub fn count(&self, method: Method, status: u16) {
        let status = usize::from(status).wrapping_sub(200);
        if status < STATUSES
            && let Some(counter) = self.0.get(usize::from(method.0) * STATUSES + status)
        {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Source for Answers {
    fn tell(&self, page: &mut Page<'_>) -> fmt::Result {
        let counts = self.0.iter().map(|counter| counter.load(Ordering::Relaxed)).enumerate();
        let answers = counts.filter(|(_, count)| *count > 0).map(|(index, count)| {
            let status = index % STATUSES + 200;
            let method = METHODS.get(index / STATUSES).copied().unwrap_or_default();
            ([("method", method.to_owned()), ("status", status.to_string())], count)
        });
        page.counters("sip_requests", "Requests of peers answered, by method and status", answers)
    }
}
