//! Timers without a heap: all timers of one queue run for the same time, so they are due in the order in which
//! they were set. Cancelling costs nothing; a timer whose transaction has moved on finds nothing to do.

use std::collections::VecDeque;

use super::key::Key;

/// Timers of one duration.
#[derive(Debug)]
pub(crate) struct Queue {
    duration: u64,
    timers: VecDeque<(u64, Key)>,
}

impl Queue {
    /// For timers of so many milliseconds.
    pub(crate) fn new(duration: u64) -> Queue {
        Queue { duration, timers: VecDeque::new() }
    }

    /// Sets a timer at `now`.
    pub(crate) fn set(&mut self, now: u64, key: Key) {
        self.timers.push_back((now.saturating_add(self.duration), key));
    }

    /// Takes a timer that is due, and when it was.
    pub(crate) fn due(&mut self, now: u64) -> Option<(u64, Key)> {
        if self.timers.front()?.0 > now {
            return None;
        }
        let timer = self.timers.pop_front();
        // A burst leaves a large ring behind; give it back once it is mostly empty.
        if self.timers.capacity() > 1024 && self.timers.len() < self.timers.capacity() / 8 {
            self.timers.shrink_to(self.timers.len() * 2);
        }
        timer
    }
}
